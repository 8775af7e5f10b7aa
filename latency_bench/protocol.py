"""`visavis bench protocol`: the latency that each protocol adds, without a network and without a model.

In: from the bytes of a message or an audio frame, handed to the server's protocol object as the
socket would, to the runtime's event or audio chunk. Out: from the runtime's effect (an event to
tell, samples to play) to the bytes handed to the socket. That is framing, masking, JSON, base64,
G.711, resampling, the way to a media thread and back, and every queue between. Left out are the
operating system's sockets, TLS, and below a data channel ICE, DTLS and SCTP; the pacing of speech,
which waits by design; and audio on a WebRTC track, which belongs to the jitter buffer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from .cpu_time import CpuTime, is_known
from .figures import Figures
from .processes import BenchFailed
from .protocol_case import Case
from .report import facts_table, figures_table, show

AIM_MS = 1.0
"""p99 of every protocol and message."""
WARM = 20
"""Samples of each case that are not counted."""
CASE_S = 10.0
"""One message takes longer only if it never arrives."""


class Measured(msgspec.Struct, kw_only=True):
    """All samples of one case."""

    protocol: str
    direction: str
    message: str
    ms: list[float] = msgspec.field(default_factory=list[float])
    """End to end."""
    own_ms: list[float] = msgspec.field(default_factory=list[float])
    """The same without the time in which threads of ours were ready and others had the cores, and
    never less than was computed: what the layer itself adds, on a machine that is busy or not. The
    threads work one after the other here, so their waits add up."""
    computed_ms: float = 0.0
    """Computing time of all samples together, of all threads."""

    @property
    def name(self) -> str:
        """Protocol, direction and message."""
        return f"{self.protocol} {self.direction}: {self.message}"

    def add(self, ms: float, waited_ms: float, computed_ms: float) -> None:
        """One sample."""
        self.ms.append(ms)
        self.own_ms.append(max(min(ms, computed_ms), ms - waited_ms))
        self.computed_ms += computed_ms

    def summary(self) -> dict[str, object]:
        """As it is written."""
        return {
            "protocol": self.protocol,
            "direction": self.direction,
            "message": self.message,
            "own_ms": Figures.of(self.own_ms).summary(),
            "ms": Figures.of(self.ms).summary(),
            "computed_us": round(self.computed_ms * 1e3 / max(1, len(self.ms)), 1),
        }


def measure(samples: int, only: Sequence[str] = (), *, warm: int = WARM) -> list[Measured]:
    """Every case in turn, again and again, so that a noisy moment falls on all alike; the first
    `warm` of each do not count. `only` names protocols. Raises `BenchFailed`."""
    from .protocol_ends import PROTOCOLS

    if unknown := set(only) - set(PROTOCOLS):
        raise BenchFailed(f"no protocol {', '.join(sorted(unknown))}: {', '.join(PROTOCOLS)}")
    # The loop rests between samples, when the kernel's statistics are read.
    with asyncio.Runner(loop_factory=_loop()) as runner:
        stack = contextlib.AsyncExitStack()
        try:
            cases: list[Case] = []
            for name, opened in PROTOCOLS.items():
                if not only or name in only:
                    cases += runner.run(stack.enter_async_context(opened()))
            found = [
                Measured(protocol=case.protocol, direction=case.direction, message=case.message)
                for case in cases
            ]
            for number in range(warm + samples):
                for case, measured in zip(cases, found, strict=True):
                    before = CpuTime.of(os.getpid())
                    ms, computed_ms = runner.run(_once(case))
                    waited_ms = (CpuTime.of(os.getpid()) - before).waited_ms
                    if number >= warm:
                        measured.add(ms, waited_ms, computed_ms)
                    runner.run(case.after())
        finally:
            runner.run(stack.aclose())
    return found


async def _once(case: Case) -> tuple[float, float]:
    try:
        async with asyncio.timeout(CASE_S):
            return await case.once()
    except TimeoutError as error:
        raise BenchFailed(
            f"{case.protocol}: {case.message!r} did not arrive within {CASE_S:g} s"
        ) from error


def worst(found: Sequence[Measured]) -> tuple[str, float]:
    """The case whose own p99 is the largest, and that in milliseconds."""
    p99, name = max((Figures.of(each.own_ms).quantile(0.99), each.name) for each in found)
    return name, p99


def summary(found: Sequence[Measured], samples: int) -> dict[str, object]:
    """The result as it is written."""
    name, p99 = worst(found)
    return {
        "bench": "protocol",
        "settings": {"samples": samples, "aim_ms": AIM_MS},
        "cases": [each.summary() for each in found],
        "worst": {"case": name, "own_p99_ms": round(p99, 3)},
        "knows_waits": is_known(),
    }


def _loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The server's."""
    try:
        import uvloop
    except ImportError:  # not made for Windows
        return None
    return uvloop.new_event_loop


def run_protocol(samples: int, only: Sequence[str], path: Path | None) -> None:
    """Measure and show."""
    found = measure(samples, only)
    own = {each.name: Figures.of(each.own_ms) for each in found}
    whole = {each.name: Figures.of(each.ms) for each in found}
    name, p99 = worst(found)
    late = [key for key, figures in own.items() if figures.quantile(0.99) > AIM_MS]
    facts = {
        "largest p99 of the protocol's own": f"{p99:.2f} ms ({name})",
        f"above {AIM_MS:g} ms": ", ".join(late) or "none",
    }
    tables = [
        figures_table("latency that the protocol itself adds", own, digits=2),
        figures_table("the same with all waiting for a core", whole, digits=2),
        facts_table(facts),
    ]
    show(tables, summary(found, samples), path)
