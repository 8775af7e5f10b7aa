"""`visavis eval`: the evaluation suite, from seeds to a JSON file and a page."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...runtime.errors import WeightsError
from .records import Record, confusion, report

SPLITS = ("seen", "unseen", "seen-new", "unseen-new")
ABOUT = {
    "typed": "Typed, in phrasings held out of training.",
    "seen": "Spoken by voices trained on, in trained phrasings.",
    "unseen": "Spoken by a speaker never trained on (flite's rms), in trained phrasings.",
    "seen-new": "Spoken by voices trained on, in phrasings held out of training.",
    "unseen-new": "Spoken by the unseen speaker, in phrasings held out of training.",
}
CONFUSED = ("colour", "shape", "count", "place", "exists", "read")


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    found = argparse.ArgumentParser(prog="visavis eval", description=__doc__)
    found.add_argument("--weights", type=Path, help="a weight file; the shipped one by default")
    found.add_argument("--speech", type=Path, default=Path("build/data/speech"))
    found.add_argument("--scenes", type=Path, default=Path("build/data/scenes"))
    found.add_argument("--samples", type=int, default=512, help="of each test")
    found.add_argument("--seed", type=int, default=5)
    found.add_argument("--json", type=Path, help="where the figures go; the terminal by default")
    found.add_argument("--html", type=Path, help="where the page goes")
    found.add_argument(
        "--telephone", action="store_true", help="speech through 8 kHz mu-law, as on the phone"
    )
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the suite; data that is not there yet is made from its seeds."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    options = parser().parse_args(arguments)
    _make_data(options.scenes, options.speech)
    found = measure(options)
    found["command"] = shlex.join(["visavis", "eval", *arguments])
    text = json.dumps(found, indent=1, ensure_ascii=False)
    if options.json is None:
        print(text)
    else:
        options.json.write_text(text + "\n", encoding="utf-8")
    if options.html is not None:
        from .page import page

        options.html.write_text(page(found), encoding="utf-8")
    return 0


def _make_data(scenes: Path, speech: Path) -> None:
    """Test pictures and recordings, where they are missing. Speech needs flite and festival."""
    from ..training import make_scenes, make_speech

    if not list(scenes.glob("test-[0-9]*.npz")):
        make_scenes.main(["--folder", str(scenes), "--train", "0"])
    for split in SPLITS:
        if not list(speech.glob(f"{split}-[0-9]*.npz")):
            make_speech.main(["--folder", str(speech), "--split", split, "--to", "4"])


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The whole report. Raises WeightsError when the weights can't be used."""
    from ..embedded import open_embedded
    from ..networks import WeightFile, shipped
    from ..training.train_audio import Utterances
    from ..training.train_vision import Pictures
    from ..vad import SileroVad
    from ..weights import load
    from . import parts, sounds, turn_end
    from .questions import SLOTS, spoken, typed

    path = options.weights or shipped("nano")
    if not path.exists():
        raise WeightsError(f"{path} is missing: train the model with make train, or name another")
    weights = WeightFile(path)
    model = open_embedded(weights, SLOTS)
    model.warm_up()
    pictures = Pictures(options.scenes, "test")
    pictures.refresh()
    channel = None
    if options.telephone:
        from ..training.codec import telephone_round_trip

        channel = telephone_round_trip
    tests: dict[str, list[Record]] = {
        "typed": typed(model, pictures, options.samples, options.seed)
    }
    pools: dict[str, Utterances] = {}
    for split in SPLITS:
        pools[split] = Utterances(options.speech, split)
        pools[split].refresh()
        tests[split] = spoken(
            model, pools[split], pictures, options.samples, options.seed, channel=channel
        )
    everything = [record for records in tests.values() for record in records]
    some = max(16, options.samples // 2)
    return {
        "model": weights.config.name,
        "training": weights.notes,
        "about": ABOUT,
        "tests": {name: report(records) for name, records in tests.items()},
        "confusion": {family: confusion(everything, family) for family in CONFUSED},
        "draft_acceptance": round(model.accepted / max(1, model.drafted), 4),
        "turn_end": turn_end.curve(
            turn_end.silences(model, SileroVad(1), pools["seen"], pictures, options.samples)
        ),
        "exits": parts.depths(load(path), weights.lexicon, pictures, some, options.seed),
        "ablations": parts.ablations(model, pools["seen"], pictures, some, options.seed),
        "memory": parts.memory(model, pictures, some, options.seed),
        "sounds": sounds.measure(max(4, options.samples // 12), options.seed, options.speech),
        "gating": parts.gating(model, pictures, max(8, some // 4), options.seed),
    }
