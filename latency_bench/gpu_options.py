"""What `bench gpu` can be asked for. Imports no torch: the help is there at once."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from ..models.performance.config import CONFIGS


@dataclass(frozen=True, slots=True)
class GpuBench:
    """What was asked for."""

    config: str
    """Empty: what suits the device."""
    device: str
    sessions: tuple[int, ...]
    """Empty: what suits the device."""
    minutes: float
    threads: int
    note: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `bench gpu`."""
    parser.add_argument("--config", choices=list(CONFIGS), help="sizes (1b on cuda, small on cpu)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument(
        "--sessions",
        type=_numbers,
        metavar="N,N,…",
        help="conversations at once for fusion latency (1,8,32,128,512; on cpu 1,4,8)",
    )
    parser.add_argument("--minutes", type=_minutes, default=8.0, help="time for all of it (8)")
    parser.add_argument("--threads", type=int, default=0, help="of torch on the CPU; 0 chooses")
    parser.add_argument("--note", default="", help="a sentence for the JSON, on the circumstances")


def asked_of(arguments: argparse.Namespace) -> GpuBench:
    """The options as a whole."""
    return GpuBench(
        arguments.config or "",
        arguments.device,
        arguments.sessions or (),
        arguments.minutes,
        arguments.threads,
        arguments.note,
    )


def _numbers(text: str) -> tuple[int, ...]:
    found = tuple(int(part) for part in text.split(","))
    if not found or min(found) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: numbers from 1 on, with commas between them")
    return found


def _minutes(text: str) -> float:
    minutes = float(text)
    if not 0.05 <= minutes <= 60:
        raise argparse.ArgumentTypeError(f"{text}: 0.05 to 60 minutes")
    return minutes
