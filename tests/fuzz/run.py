"""`make fuzz`: every target for some seconds under atheris, guided by coverage.

    python tests/fuzz/run.py --seconds 30            # each target, one after the other
    python tests/fuzz/run.py --target message --seconds 600
    python tests/fuzz/run.py --report tests/fuzz/last_run.json

Inputs that break something are written to build/fuzz/, and repeated by
`python tests/fuzz/run.py --target NAME --repeat FILE`. The corpus starts from the seeds in
targets.py and is thrown away afterwards.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOUND = ROOT / "build" / "fuzz"
MAX_LEN = 8192
RSS_MIB = 2048
PARSERS = (
    "visavis.runtime.client_messages",
    "visavis.runtime.realtime_config",
    "visavis.transports.json_messages",
    "visavis.transports.sdp_",
    "visavis.transports.rtvi",
    "visavis.transports.telephony",
    "visavis.transports.webrtc.h264_size",
    "visavis.transports.webrtc.picture_assembly",
    "visavis.transports.webrtc.signalling",
    "visavis.pipelines.access.presented",
    "visavis.pipelines.access.secrets",
    "visavis.pipelines.access.skim",
    "visavis.pipelines.http",
    "visavis.pipelines.signalling",
)
"""Modules, or how their names begin."""
_EXECUTIONS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "src")]


def main() -> int:
    """Exit status 1 when something was found."""
    parser = argparse.ArgumentParser(description="Fuzz every parser of what comes in.")
    parser.add_argument("--seconds", type=int, default=30, help="for each target (30)")
    parser.add_argument("--target", help="only this one")
    parser.add_argument("--repeat", type=Path, metavar="FILE", help="run one input, then end")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write what was done here")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.repeat is not None:
        from targets import check

        check(arguments.target, arguments.repeat.read_bytes())
        return 0
    if arguments.inside:
        return _fuzz(arguments.target, arguments.seconds)
    from targets import TARGETS

    FOUND.mkdir(parents=True, exist_ok=True)
    names = [arguments.target] if arguments.target else list(TARGETS)
    executions: dict[str, int] = {}
    broken: list[str] = []
    for name in names:
        sys.stdout.write(f"fuzzing {name} for {arguments.seconds} s: ")
        sys.stdout.flush()
        command = (sys.executable, __file__, "--inside", "--target", name)
        done = subprocess.run(
            (*command, "--seconds", str(arguments.seconds)),
            check=False, stderr=subprocess.PIPE, text=True, errors="replace",
        )  # fmt: skip
        counted = _EXECUTIONS.search(done.stderr)
        executions[name] = int(counted[1]) if counted else 0
        sys.stdout.write(f"{executions[name]} inputs\n")
        if done.returncode or not executions[name]:
            broken.append(name)
            sys.stdout.write(done.stderr[-8000:])
    if arguments.report is not None:
        _report(arguments.report, arguments.seconds, executions, broken)
    sys.stdout.write(f"broken: {', '.join(broken)}; see {FOUND}\n" if broken else "nothing found\n")
    return 1 if broken else 0


def _report(path: Path, seconds: int, executions: dict[str, int], broken: list[str]) -> None:
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "seconds_per_target": seconds,
        "inputs": executions,
        "broken": broken,
    }
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _fuzz(name: str, seconds: int) -> int:
    """One target in a process of its own: libFuzzer ends the process."""
    import targets

    atheris: Any = importlib.import_module("atheris")  # it has no types

    # Only the parsers are watched: instrumenting all that they import would take longer than a run.
    for module in [each for each in sys.modules if each == "targets" or each.startswith(PARSERS)]:
        del sys.modules[module]
    with atheris.instrument_imports(include=["visavis", "targets"]):
        targets = importlib.import_module("targets")
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(targets.SEEDS[name]):
            (Path(corpus) / f"seed{number}").write_bytes(seed[:MAX_LEN])
        options = [
            sys.argv[0],
            f"-max_total_time={seconds}",
            f"-max_len={MAX_LEN}",
            f"-rss_limit_mb={RSS_MIB}",
            "-timeout=10",
            "-print_final_stats=1",
            "-verbosity=0",
            f"-artifact_prefix={FOUND}/{name}-",
            corpus,
        ]

        def check(data: bytes) -> None:
            targets.check(name, data)

        atheris.Setup(options, check)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
