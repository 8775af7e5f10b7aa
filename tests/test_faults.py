"""A model that fails for one conversation, seen from the peers: that one ends loudly, the others are
answered, and nobody waits for ever. Whole runners over the engine's own worker, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from models_fakes import LevelVad, WritingStepper
from runtime_fakes import FakeTransport, FakeVoice

from visavis.latency_bench.endless_engine import TickedEngine
from visavis.models.stepper import Samples
from visavis.runtime.clock import LoopClock, VirtualClock, run_virtual
from visavis.runtime.events import Head
from visavis.runtime.frames import WINDOW, AudioChunk, Pcm
from visavis.runtime.runner import SessionRunner
from visavis.runtime.session import Session


class Faulty(WritingStepper):
    """From when it is `broken`, one kind of step fails for the conversation in slot 0."""

    def __init__(self, step: str, error: Exception) -> None:
        super().__init__(slots=2)
        self.step, self.error = step, error
        self.is_broken = False

    def _check(self, step: str, slots: Sequence[int]) -> None:
        if self.is_broken and step == self.step and 0 in slots:
            raise self.error

    def hear(self, slots: Sequence[int], windows: Samples) -> list[bool]:
        self._check("hear", slots)
        return super().hear(slots, windows)

    def begin(self, slots: Sequence[int], texts: Sequence[str | None]) -> list[tuple[Head, float]]:
        self._check("begin", slots)
        return super().begin(slots, texts)

    def next(self, slots: Sequence[int]) -> list[tuple[str, bool]]:
        self._check("next", slots)
        return super().next(slots)


def _voice(is_loud: bool) -> Pcm:
    pcm = np.zeros(WINDOW, np.int16)
    pcm[0] = 32_000 * is_loud  # what the level VAD reads
    return pcm


class Site:
    """Two people on one engine."""

    def __init__(self, stepper: WritingStepper, clock: VirtualClock) -> None:
        self.engine = TickedEngine(stepper, LevelVad, 2, clock)
        self.peers = [FakeTransport(), FakeTransport()]
        self.runners = [
            SessionRunner(
                Session(f"sess_{number}", now=clock.now()),
                peer,
                self.engine,
                FakeVoice(),
                clock=LoopClock(),
            )
            for number, peer in enumerate(self.peers)
        ]
        self.pts = 0

    async def tick(self) -> None:
        """The engine's thread."""
        while True:
            self.engine.tick()
            await asyncio.sleep(0.004)

    async def hear(self, windows: int, *, is_loud: bool) -> None:
        for _ in range(windows):
            now = asyncio.get_running_loop().time()
            for peer in self.peers:
                peer.audio.put(AudioChunk(_voice(is_loud), self.pts, now))
            self.pts += WINDOW
            await asyncio.sleep(0.032)

    async def ask(self) -> None:
        await self.hear(15, is_loud=True)
        await self.hear(60, is_loud=False)


def talk(stepper: Faulty) -> tuple[Site, list[str]]:
    """One question that is answered, then one during which the model breaks; why each ended."""
    clock = VirtualClock()

    async def main() -> tuple[Site, list[str]]:
        site = Site(stepper, clock)
        ticking = asyncio.create_task(site.tick())
        running = [asyncio.create_task(runner.run()) for runner in site.runners]
        await site.ask()
        stepper.is_broken = True
        await site.ask()
        victim = running[0].done()
        assert victim, "the conversation that the model failed for waits"
        site.peers[1].hang_up()
        whys = [await task for task in running]
        ticking.cancel()
        return site, whys

    return run_virtual(main(), clock)


@pytest.mark.parametrize("step", ["hear", "begin", "next"])
@pytest.mark.parametrize(
    ("error", "says"),
    [
        (RuntimeError("the step broke"), "RuntimeError: the step broke"),
        (MemoryError("CUDA out of memory"), "the device has no memory left for this conversation"),
    ],
)
def test_one_conversation_ends_loudly_and_the_other_is_answered(
    step: str, error: Exception, says: str
) -> None:
    site, whys = talk(Faulty(step, error))
    assert says in whys[0]
    assert whys[1] == "the peer is gone"
    broken, well = (peer.sent_types() for peer in site.peers)
    assert broken.count("error") == 1 and broken[-1] == "visavis.session.ended"
    assert broken.count("response.done") >= 1
    assert well.count("response.done") == 2 and "error" not in well
    assert len(site.engine.slots) == 0, "a place was not given back"
    assert site.peers[0].closed == [whys[0]]


def test_memory_that_ran_out_is_told_to_everybody_as_a_step_of_the_ladder() -> None:
    site, _ = talk(Faulty("begin", MemoryError("out of memory")))
    (told,) = [m for m in site.peers[1].sent if m["type"] == "visavis.load" and m["step"] == 4]
    assert (told["name"], told["reason"]) == ("refuse", "the device's memory ran out")
    assert site.engine.metrics.exhausted >= 1
    assert site.engine.metrics.failures == 1
