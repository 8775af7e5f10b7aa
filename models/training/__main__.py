"""The whole recipe of the embedded model, stage by stage: `python -m visavis.models.training`.

Every stage resumes where it stopped and is skipped when its budget is spent, so the command may be
interrupted and run again. `visavis eval` measures the result.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

TESTS = ("seen", "unseen", "seen-new", "unseen-new")

STAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("make_scenes", ()),
    *(("make_speech", ("--split", split, "--to", "4")) for split in TESTS),
    ("make_speech", ("--split", "train", "--to", "160")),
    ("train_sounds", ()),
    ("train_vision", ("--minutes", "{vision}")),
    ("train_audio", ("--minutes", "{audio}")),
    ("heard", ()),
    ("train_fused", ("--minutes", "{fused}")),
    ("export", ()),
)
THREADED = ("train_vision", "train_audio", "heard", "train_fused")
SHARES = {"vision": 0.08, "audio": 0.52, "fused": 0.4}
"""How the training time is divided between the stages."""


def run(stage: str, arguments: tuple[str, ...]) -> None:
    """One stage in a process of its own; ends this one with its code when it fails."""
    print(f"— {stage} {' '.join(arguments)}", flush=True)
    code = subprocess.call([sys.executable, "-m", f"{__package__}.{stage}", *arguments])
    if code:
        sys.exit(code)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="visavis.models.training", description=__doc__)
    parser.add_argument("--minutes", type=float, default=240, help="of training, all stages")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    minutes = {name: f"{share * args.minutes:g}" for name, share in SHARES.items()}
    for stage, arguments in STAGES:
        threads = ("--threads", str(args.threads)) if stage in THREADED else ()
        run(stage, (*(argument.format(**minutes) for argument in arguments), *threads))


if __name__ == "__main__":
    main()
