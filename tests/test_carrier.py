"""Effects reach the part they are for; places are taken once and given back however it ends."""

from __future__ import annotations

from collections import Counter

import pytest
from runtime_fakes import FakeEngine, FakeTransport, FakeVoice, FlatPixels, silence

from visavis.runtime.carrier import Carrier
from visavis.runtime.clock import LoopClock, run_virtual
from visavis.runtime.effects import (
    CancelTurn,
    Emit,
    EndTranscript,
    FlushPlayout,
    ForgetUtterance,
    RunTool,
    SetCamera,
    Speak,
)
from visavis.runtime.events import TranscriptionFailed
from visavis.runtime.frame_sampler import FrameSampler
from visavis.runtime.frames import AudioChunk, VideoFrame
from visavis.runtime.protocols import Delivery
from visavis.runtime.scribe import Scribe
from visavis.runtime.settings import VisionSettings


class Desk:
    """A carrier between fakes. On a running (virtual) loop."""

    def __init__(self, voice: FakeVoice | None = None) -> None:
        self.transport, self.engine, self.voice = (
            FakeTransport(),
            FakeEngine(),
            voice or FakeVoice(),
        )
        self.tools: list[RunTool] = []
        self.judged: Counter[str] = Counter()
        self.carrier = Carrier(
            self.transport,
            self.engine,
            self.voice,
            Scribe(None, lambda _: None),
            FrameSampler(VisionSettings()),
            LoopClock(),
            deliver=self.deliver,
            run_tool=self.tools.append,
            judged=lambda reason: self.judged.update([reason]),
            open_picture=None,
        )

    def deliver(self, deliveries: list[Delivery]) -> None:
        pass


def test_effects_reach_the_engine_the_voice_and_the_peer() -> None:
    async def main() -> None:
        it = Desk()
        it.carrier.open()
        for effect in (
            ForgetUtterance(),
            CancelTurn(3, "so far"),
            Speak(4, "hello there", True),
            Emit({"type": "x"}),
            FlushPlayout(3),
        ):
            assert it.carrier.carry_out(effect) == []
        assert it.engine.calls == [("forget",), ("cancel", 3, "so far")]
        assert it.voice.calls == [("open",), ("cancel", 3), ("speak", 4, "hello there", True)]
        assert it.transport.sent == [{"type": "x"}]
        assert it.transport.fake_playout.flushes == 1
        tool = RunTool("call_1", "get_time", "{}")
        it.carrier.carry_out(tool)
        assert it.tools == [tool]
        it.carrier.release()

    run_virtual(main())


def test_what_goes_wrong_at_once_comes_back() -> None:
    async def main() -> None:
        it = Desk()
        it.carrier.open()
        assert it.carrier.carry_out(EndTranscript("item_1", 5)) == [
            TranscriptionFailed("item_1", "no transcriber is there")
        ]
        assert it.carrier.stage == "transcriber"
        it.carrier.release()

    run_virtual(main())


def test_places_are_taken_once_and_nothing_is_done_without_them() -> None:
    async def main() -> None:
        it = Desk()
        assert it.carrier.carry_out(ForgetUtterance()) == [] and it.engine.calls == []
        it.carrier.hear(AudioChunk(silence(320), 0, 0.0), None)
        it.carrier.open()
        it.carrier.open()
        assert it.engine.free == 0 and it.carrier.is_open
        it.carrier.release()
        it.carrier.release()
        assert it.engine.free == 1 and not it.carrier.is_open
        assert it.engine.calls == [("close",)] and it.voice.calls == [("open",), ("close", 7)]

    run_virtual(main())


def test_a_voice_without_room_costs_no_place_in_the_engine() -> None:
    async def main() -> None:
        voice = FakeVoice()
        voice.raise_on = "open"
        it = Desk(voice)
        with pytest.raises(RuntimeError):
            it.carrier.open()
        assert it.engine.free == 1

    run_virtual(main())


def test_the_part_that_raises_is_named() -> None:
    async def main() -> None:
        it = Desk()
        it.carrier.open()
        it.engine.raise_on = "hear"
        with pytest.raises(RuntimeError):
            it.carrier.hear(AudioChunk(silence(320), 0, 0.0), None)
        assert it.carrier.stage == "engine"
        it.carrier.release()

    run_virtual(main())


def test_pictures_are_judged_and_counted_before_the_engine_sees_them() -> None:
    async def main() -> None:
        it = Desk()
        it.carrier.open()
        for number in range(3):
            frame = VideoFrame(FlatPixels(100), 64, 48, number * 600, 0.0)
            it.carrier.look(frame, is_speaking=False)
        assert it.judged["first"] == 1 and sum(it.judged.values()) == 3
        assert it.engine.calls == [("look", 0)]
        it.carrier.carry_out(SetCamera(False))
        assert not it.carrier.is_camera_on
        assert it.engine.calls[-1] == ("set_camera", False)
        it.carrier.release()

    run_virtual(main())
