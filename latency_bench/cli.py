"""`visavis bench`: what is measured and how often. Imports a measurement when it is asked for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..runtime.errors import VisavisError
from .gpu_options import add_arguments as add_gpu_arguments


def main(argv: Sequence[str]) -> int:
    """Run one measurement; returns the exit status."""
    arguments = _parser().parse_args(list(argv))
    try:
        return _run(arguments)
    except VisavisError:
        raise  # the command line tells it in one line
    except OSError as error:
        raise VisavisError(f"the measurement can't be written or read: {error}") from error


def _run(arguments: argparse.Namespace) -> int:
    match arguments.what:
        case "talk":
            from .script import Kind
            from .talk import Talk, run_talk

            camera: bool | None = arguments.camera
            run_talk(
                Talk(
                    pipeline=arguments.pipeline,
                    turns=arguments.turns,
                    sessions=arguments.sessions,
                    has_camera=arguments.pipeline != "echo" if camera is None else camera,
                    seed=arguments.seed,
                    only=tuple(Kind(name) for name in arguments.only or ()),
                    url=arguments.url,
                    overrides=tuple(arguments.overrides),
                    is_virtual=arguments.virtual,
                ),
                arguments.json,
            )
        case "fusion":
            from ..models.thread_priority import Priority
            from .fusion import Load, run_fusion

            load = Load(
                arguments.samples,
                arguments.seconds,
                arguments.seed,
                Priority(arguments.priority),
                arguments.camera,
            )
            run_fusion(arguments.sessions, load, arguments.json)
        case "engine-process":
            from .engine_process import Compare, run_engine_process

            run_engine_process(
                Compare(arguments.sessions, arguments.seconds, arguments.flood, arguments.seed),
                arguments.json,
            )
        case "abuse":
            from .abuse import Abuse
            from .abuse_report import run_abuse

            run_abuse(
                Abuse(
                    pipeline=arguments.pipeline,
                    sessions=arguments.sessions,
                    count=arguments.count,
                    window_s=arguments.window,
                    rounds=arguments.rounds,
                    seed=arguments.seed,
                ),
                arguments.json,
            )
        case "protocol":
            from .protocol import run_protocol

            run_protocol(arguments.samples, arguments.only or (), arguments.json)
        case "jitter":
            from .jitter import run_jitter

            run_jitter(arguments.json)
        case "endless":
            from .endless import Endless, run_endless

            return run_endless(
                Endless(
                    hours=arguments.hours,
                    sessions=arguments.sessions,
                    cycle_s=arguments.cycle,
                    seed=arguments.seed,
                    is_traced=arguments.traced,
                ),
                arguments.json,
            )
        case "gpu":
            from .gpu import run_gpu
            from .gpu_options import asked_of

            return run_gpu(asked_of(arguments), arguments.json)
        case _:
            from .ready import run_ready

            run_ready(arguments.pipeline, arguments.times, arguments.json)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="visavis bench", description="Measure how fast it listens, answers and stops."
    )
    benches = parser.add_subparsers(dest="what", metavar="what", required=True)

    talk = benches.add_parser("talk", help="scripted people talk to it over real WebRTC")
    talk.add_argument("--turns", type=_positive, default=20, help="turns of each person (20)")
    talk.add_argument("--sessions", type=_positive, default=1, help="people at once (1)")
    talk.add_argument(
        "--camera",
        action=argparse.BooleanOptionalAction,
        help="send a 640x480 picture; by default unless the pipeline is echo",
    )
    talk.add_argument(
        "--only",
        action="append",
        choices=("plain", "paused", "barge_in", "noise", "back_channel"),
        help="turns of this kind; may be given more than once",
    )
    talk.add_argument(
        "--virtual", action="store_true", help="on a virtual clock: many turns in little time"
    )
    talk.add_argument("--url", help="a server that runs already, http://…; else one is started")
    talk.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="a setting of the server that is started",
    )

    fusion = benches.add_parser("fusion", help="first answer words of the model, without a network")
    fusion.add_argument(
        "--sessions",
        type=_counts,
        default=(4,),
        metavar="N[,N…]",
        help="conversations at once, measured one number after the other: 1,4,8,24 (4)",
    )
    fusion.add_argument("--samples", type=_positive, default=3000, help="first words (3000)")
    fusion.add_argument(
        "--seconds", type=_positive, default=900, help="longest measurement of one number (900)"
    )
    fusion.add_argument(
        "--camera",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="show pictures, too (by default)",
    )
    fusion.add_argument(
        "--priority",
        choices=("normal", "high", "realtime"),
        default="high",
        help="of the engine's thread (high)",
    )

    place = benches.add_parser(
        "engine-process", help="the engine inside the media process beside one in its own"
    )
    place.add_argument(
        "--sessions",
        type=_counts,
        default=(1, 4, 8),
        metavar="N[,N…]",
        help="conversations at once, measured one number after the other (1,4,8)",
    )
    place.add_argument("--seconds", type=_positive, default=20, help="of each measurement (20)")
    place.add_argument("--flood", type=_positive, default=4, help="seconds fed without a pace (4)")
    place.add_argument("--seed", type=int, default=1, help="of the people (1)")
    place.add_argument("--json", type=Path, metavar="FILE", help="write the result here, too")

    abuse = benches.add_parser("abuse", help="what others notice of malformed offers and messages")
    abuse.add_argument("--pipeline", default="echo", help="fused or echo (echo)")
    abuse.add_argument("--sessions", type=_positive, default=4, help="conversations beside it (4)")
    abuse.add_argument("--count", type=_positive, default=1000, help="of each kind (1000)")
    abuse.add_argument("--window", type=float, default=4.0, help="seconds of one window (4)")
    abuse.add_argument("--rounds", type=_positive, default=15, help="windows of each kind (15)")
    abuse.add_argument("--seed", type=int, default=1, help="of the nonsense (1)")
    abuse.add_argument("--json", type=Path, metavar="FILE", help="write the result here, too")

    protocol = benches.add_parser("protocol", help="latency that each protocol layer adds")
    protocol.add_argument("--samples", type=_positive, default=1000, help="of each case (1000)")
    protocol.add_argument(
        "--only", action="append", metavar="PROTOCOL", help="this one; may be given more than once"
    )
    protocol.add_argument("--json", type=Path, metavar="FILE", help="write the result here, too")

    jitter = benches.add_parser("jitter", help="the jitter buffer beside aiortc's, same traces")

    ready = benches.add_parser("ready", help="from the command to listening")
    ready.add_argument("--times", type=_positive, default=5, help="starts (5)")

    endless = benches.add_parser("endless", help="a day on virtual time: memory and exact replay")
    endless.add_argument("--hours", type=float, default=24.0, help="virtual hours (24)")
    endless.add_argument("--sessions", type=_positive, default=1, help="conversations at once (1)")
    endless.add_argument(
        "--cycle",
        type=float,
        default=20.0,
        help="seconds from one turn to the next, 8 or more (20)",
    )
    endless.add_argument(
        "--traced", action="store_true", help="count traced bytes, too; several times slower"
    )

    gpu = benches.add_parser("gpu", help="a large performance model beside its physical floor")
    add_gpu_arguments(gpu)

    for each in (talk, ready):
        each.add_argument("--pipeline", default="fused", help="fused or echo (fused)")
    for each in (talk, fusion, endless):
        each.add_argument("--seed", type=int, default=1, help="of the script (1)")
    for each in (talk, fusion, jitter, ready, endless, gpu):
        each.add_argument("--json", type=Path, metavar="FILE", help="write the result here, too")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number}: one or more")
    return number


def _counts(text: str) -> tuple[int, ...]:
    return tuple(_positive(part) for part in text.split(","))
