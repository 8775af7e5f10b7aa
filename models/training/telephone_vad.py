"""Measures voice activity detection on telephone speech: Silero's 8 kHz mode against resampling.

    python -m visavis.models.training.telephone_vad --out build/telephone_vad.json

Sentences are spoken by synthetic voices, mixed with noise and sent through a telephone line; where
speech is, is known from the clean sentence. Three ways of listening: wide band at 16 kHz before the
line (what a browser sends), the line resampled to 16 kHz, and the line at 8 kHz.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from .codec import burst_loss, telephone_round_trip
from .dsp import RATE, Pcm, level, resample
from .noises import noise
from .speech import espeak, flite

WINDOW_S = 0.032
VOICED_DB = -32.0
"""A window this far below the sentence's level counts as silence."""
VAD_ON = 0.5
SENTENCES = (
    "how many green squares are there",
    "what is on the left of the table",
    "can you tell me the balance of my account",
    "no thank you that is all for today",
    "i would like to book a room for two nights",
)
FLITE_VOICES = ("awb", "kal", "rms", "slt")
ESPEAK_VOICES = ("en-us", "en-us+f3", "en-us+m2", "en-us+f5")

Probabilities = NDArray[np.float32]
Labels = NDArray[np.bool_]


def silero(audio: Pcm, rate: int, session: Any) -> Probabilities:
    """Probability of speech for each whole window of 32 ms; `rate` is 8000 or 16000."""
    size = int(rate * WINDOW_S)
    context = np.zeros((1, size // 8), np.float32)
    state = np.zeros((2, 1, 128), np.float32)
    out: list[float] = []
    for at in range(0, audio.size - size + 1, size):
        batch = np.concatenate([context, audio[None, at : at + size]], axis=1)
        given = {"input": batch, "state": state, "sr": np.array(rate, np.int64)}
        probability, state = session.run(None, given)
        out.append(float(probability[0, 0]))
        context = batch[:, -context.shape[1] :]
    return np.array(out, np.float32)


def labels(clean: Pcm) -> tuple[Labels, Labels]:
    """Which windows are speech, and which are counted: edges of speech belong to neither side."""
    size = int(RATE * WINDOW_S)
    windows = clean[: clean.size // size * size].reshape(-1, size)
    power = np.sqrt(np.mean(np.square(windows), axis=1))
    voiced = power > level(clean) * 10 ** (VOICED_DB / 20)
    near = np.convolve(voiced, np.ones(5), "same") > 0  # 64 ms around speech
    return voiced, voiced | ~near


def area(probabilities: Probabilities, voiced: Labels) -> float:
    """Area under the ROC curve."""
    order = np.argsort(probabilities, kind="stable")
    ranks = np.empty(order.size)
    ranks[order] = np.arange(1, order.size + 1)
    positive, negative = int(voiced.sum()), int((~voiced).sum())
    return float((ranks[voiced].sum() - positive * (positive + 1) / 2) / (positive * negative))


def measure(snrs_db: Sequence[float], seed: int = 0) -> dict[str, Any]:
    """The figures of each way of listening at each signal-to-noise ratio."""
    random = np.random.default_rng(seed)
    session = _session()
    report: dict[str, Any] = {"window_ms": 32, "vad_on": VAD_ON}
    for snr_db in snrs_db:
        seen: dict[str, list[Probabilities]] = {"wide_16k": [], "line_16k": [], "line_8k": []}
        wanted: list[Labels] = []
        for clean in _sentences():
            around = noise(random, clean.size)
            loud = level(clean) / (np.sqrt(np.mean(np.square(around))) + 1e-9)
            mixed = (clean + around * np.float32(loud * 10 ** (-snr_db / 20))).astype(np.float32)
            mixed *= np.float32(0.3 / max(np.abs(mixed).max(), 1e-6))
            line = telephone_round_trip(mixed, burst_loss(random, mixed.size // 320, 0.01))
            slow = resample(line, 0.5)
            voiced, counted = labels(clean)
            ways = {
                "wide_16k": silero(mixed, 16_000, session),
                "line_16k": silero(line, 16_000, session),
                "line_8k": silero(slow, 8_000, session),
            }
            count = min(len(voiced), *(len(way) for way in ways.values()))
            kept = counted[:count]
            wanted.append(voiced[:count][kept])
            for name, way in ways.items():
                seen[name].append(way[:count][kept])
        truth = np.concatenate(wanted)
        report[f"snr_{snr_db:g}_db"] = {
            "windows": int(truth.size),
            "voiced": int(truth.sum()),
            **{name: _figures(np.concatenate(parts), truth) for name, parts in seen.items()},
        }
    return report


def _figures(probabilities: Probabilities, truth: Labels) -> dict[str, float]:
    heard = probabilities >= VAD_ON
    return {
        "area_under_roc": round(area(probabilities, truth), 4),
        "missed": round(float((~heard[truth]).mean()), 4),
        "false_alarms": round(float(heard[~truth].mean()), 4),
    }


def _sentences() -> list[Pcm]:
    """Every sentence by a few voices, with silence before and after."""
    spoken = [flite(text, voice) for text in SENTENCES for voice in FLITE_VOICES]
    spoken += [espeak(text, voice) for text in SENTENCES for voice in ESPEAK_VOICES]
    return [np.pad(pcm, (RATE, RATE)) for pcm in spoken]


def _session() -> Any:  # onnxruntime has no types
    spec = find_spec("silero_vad")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not places:
        raise SystemExit("silero_vad is not installed: run `make train` once, or pip install it")
    options = cast(Any, ort.SessionOptions())  # pyright: ignore[reportUnknownMemberType]
    options.intra_op_num_threads = 1
    path = Path(places[0]) / "data" / "silero_vad.onnx"  # the file with both rates
    return cast(Any, ort.InferenceSession)(str(path), options, providers=["CPUExecutionProvider"])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--snr", type=float, nargs="+", default=[20.0, 10.0, 5.0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    text = json.dumps(measure(args.snr, args.seed), indent=1)
    if args.out is not None:
        args.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
