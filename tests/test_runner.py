"""Whole conversations on virtual time between fake parts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import numpy as np
import pytest
from runtime_fakes import FakeEngine, FakeTransport, FakeVoice, FlatPixels, turn_settings

from visavis.runtime.clock import LoopClock, run_virtual
from visavis.runtime.errors import EngineFull
from visavis.runtime.events import Head
from visavis.runtime.frames import WINDOW, AudioChunk, VideoFrame
from visavis.runtime.protocols import Delivery, Slot
from visavis.runtime.replay import Happening, replay
from visavis.runtime.runner import SessionRunner
from visavis.runtime.session import Session


class Stage:
    """A runner between fakes, and somebody who talks into it."""

    def __init__(self, engine: FakeEngine | None = None, voice: FakeVoice | None = None) -> None:
        self.transport = FakeTransport()
        self.engine = engine or FakeEngine()
        self.voice = voice or FakeVoice()
        self.session = Session("sess_run", turn=turn_settings())
        self.log: list[Happening] = []
        self.pts = 0
        self.runner = SessionRunner(
            self.session,
            self.transport,
            self.engine,
            self.voice,
            clock=LoopClock(),
            recorder=self.log.append,
        )
        self.why = ""

    async def hear(self, windows: int, value: int) -> None:
        for _ in range(windows):
            now = asyncio.get_running_loop().time()
            self.transport.audio.put(
                AudioChunk(np.full(WINDOW, value, np.int16), self.pts, arrived=now)
            )
            self.pts += WINDOW
            await asyncio.sleep(0.032)

    async def look(self, pictures: int, is_moving: bool = True) -> None:
        for index in range(pictures):
            now = asyncio.get_running_loop().time()
            pixels = FlatPixels(100 + (index % 7) * 20 * is_moving)
            self.transport.video.put(VideoFrame(pixels, 64, 48, index * 6000, now))
            await asyncio.sleep(1 / 15)

    async def question(self) -> None:
        await self.hear(15, 1000)
        await self.hear(10, 0)

    def run(self, script: Callable[[Stage], Coroutine[None, None, None]]) -> Stage:
        """Run the script, hang up, and wait for the end."""

        async def both() -> None:
            runner = asyncio.create_task(self.runner.run())
            await asyncio.sleep(0)
            await script(self)
            self.transport.hang_up()
            self.why = await runner
            assert len(asyncio.all_tasks()) == 1, "a task was left behind"

        run_virtual(both())
        return self

    def calls(self, name: str) -> list[tuple[object, ...]]:
        return [call for call in self.engine.calls if call[0] == name]


def test_a_spoken_question_is_answered_by_voice() -> None:
    async def script(stage: Stage) -> None:
        await stage.question()
        await stage.hear(40, 0)

    stage = Stage().run(script)
    assert [call[0] for call in stage.engine.calls if call[0] != "hear"] == [
        "start",
        "commit",
        "close",
    ]
    assert sum(size for _, size in stage.transport.fake_playout.packets) == 3 * 4800
    sent = stage.transport.sent_types()
    assert sent[:4] == [
        "session.created",
        "visavis.state",
        "visavis.sampler.hint",
        "visavis.abilities",
    ]
    assert sent.count("response.done") == 1
    assert sent.index("response.done") < sent.index("output_audio_buffer.stopped")
    assert stage.why == "the peer is gone"
    assert stage.transport.closed == [stage.why]
    assert stage.engine.free == 1
    assert ("close", 7) in stage.voice.calls


def test_the_recorded_log_gives_the_same_effects_again() -> None:
    async def script(stage: Stage) -> None:
        await stage.question()
        await stage.hear(5, 1000)
        await stage.hear(40, 0)

    stage = Stage().run(script)
    again = [
        effect
        for call in replay(Session("sess_run", turn=turn_settings()), stage.log)
        for effect in call
    ]
    messages = [getattr(effect, "message", None) for effect in again]
    sent = [message for message in stage.transport.sent[4:]]
    assert [m for m in messages if m is not None][: len(sent)] == sent


def test_speech_stops_the_voice_at_once() -> None:
    async def script(stage: Stage) -> None:
        await stage.question()
        await stage.hear(6, 1000)
        packets = len(stage.transport.fake_playout.packets)
        await stage.hear(2, 1000)
        assert len(stage.transport.fake_playout.packets) == packets

    stage = Stage(FakeEngine(answer=" one two three, four five six, seven eight nine.")).run(script)
    assert len(stage.calls("cancel")) == 1
    assert ("cancel", 1) in stage.voice.calls
    assert stage.transport.fake_playout.flushes >= 1
    assert "output_audio_buffer.cleared" in stage.transport.sent_types()


def test_noise_is_not_answered() -> None:
    async def script(stage: Stage) -> None:
        await stage.question()
        await stage.hear(25, 0)

    stage = Stage(FakeEngine(heads=Head.SILENT)).run(script)
    assert len(stage.calls("forget")) == 1
    assert "response.created" not in stage.transport.sent_types()


def test_pictures_are_sampled_and_a_switched_off_camera_is_not_looked_at() -> None:
    async def script(stage: Stage) -> None:
        await stage.look(15)
        looks = len(stage.calls("look"))
        assert 3 <= looks <= 6
        stage.transport.messages.put({"type": "visavis.camera", "is_on": False})
        await stage.look(15)
        assert len(stage.calls("look")) == looks

    stage = Stage().run(script)
    assert stage.calls("set_camera") == [("set_camera", False)]
    assert "visavis.picture.seen" in stage.transport.sent_types()


def test_a_typed_question_is_answered() -> None:
    async def script(stage: Stage) -> None:
        stage.transport.messages.put(
            {
                "type": "conversation.item.create",
                "item": {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "what is it?"}],
                },
            }
        )
        stage.transport.messages.put({"type": "response.create"})
        await asyncio.sleep(2)

    stage = Stage().run(script)
    assert stage.calls("start") == [("start", 1, "what is it?")]
    assert "response.done" in stage.transport.sent_types()


def test_a_bad_message_is_answered_and_harms_nothing() -> None:
    async def script(stage: Stage) -> None:
        stage.transport.messages.put({"type": "nonsense", "event_id": "e1"})
        await stage.question()

    stage = Stage().run(script)
    error = next(m for m in stage.transport.sent if m["type"] == "error")["error"]
    assert isinstance(error, dict)
    assert (error["code"], error["event_id"]) == ("unknown_type", "e1")
    assert stage.calls("commit")


def test_session_update_is_answered_merged() -> None:
    async def script(stage: Stage) -> None:
        stage.transport.messages.put(
            {"type": "session.update", "session": {"instructions": "Be brief."}}
        )
        await asyncio.sleep(0.1)

    stage = Stage().run(script)
    updated = next(m for m in stage.transport.sent if m["type"] == "session.updated")["session"]
    assert isinstance(updated, dict)
    assert updated["instructions"] == "Be brief."
    assert updated["audio"]["output"]["voice"] == "default"
    assert stage.session.instructions == "Be brief."


@pytest.mark.parametrize("method", ["hear", "start", "commit"])
def test_an_engine_that_raises_ends_this_session_once_and_frees_the_slot(method: str) -> None:
    async def script(stage: Stage) -> None:
        await stage.question()

    engine = FakeEngine()
    engine.raise_on = method
    stage = Stage(engine).run(script)
    assert stage.why == f"engine failed: RuntimeError: the fake {method} broke"
    assert stage.transport.sent_types().count("error") == 1
    assert engine.free == 1
    assert stage.transport.closed == [stage.why]


def test_a_voice_that_raises_ends_this_session_once() -> None:
    async def script(stage: Stage) -> None:
        await stage.question()

    voice = FakeVoice()
    voice.raise_on = "speak"
    stage = Stage(voice=voice).run(script)
    assert stage.why == "voice failed: RuntimeError: the fake speak broke"
    assert stage.transport.sent_types().count("error") == 1
    assert stage.engine.free == 1


def test_a_gap_left_by_the_mailbox_is_marked() -> None:
    async def script(stage: Stage) -> None:
        await stage.hear(2, 0)
        stage.pts += 3 * WINDOW
        await stage.hear(1, 0)

    stage = Stage().run(script)
    assert stage.calls("hear") == [("hear", 0), ("hear", 0), ("hear", 3 * WINDOW)]


def test_cancelling_the_runner_frees_everything() -> None:
    async def main() -> Stage:
        stage = Stage()
        task = asyncio.create_task(stage.runner.run())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(asyncio.all_tasks()) == 1
        return stage

    stage = run_virtual(main())
    assert stage.engine.free == 1
    assert stage.transport.closed == ["cancelled"]


def test_an_idle_conversation_ends_by_itself() -> None:
    async def main() -> tuple[str, float]:
        stage = Stage()
        why = await stage.runner.run()
        return why, asyncio.get_running_loop().time()

    why, now = run_virtual(main())
    assert why == "nobody spoke for 600 seconds"
    assert now == pytest.approx(600)


def test_the_server_can_end_a_conversation() -> None:
    async def script(stage: Stage) -> None:
        await asyncio.sleep(0.1)
        stage.runner.end("the server is going down")
        await asyncio.sleep(0.1)

    stage = Stage().run(script)
    assert stage.why == "the server is going down"
    assert stage.transport.sent[-1] == {
        "type": "visavis.session.ended",
        "why": "the server is going down",
    }


def test_a_full_engine_refuses_before_anything_runs() -> None:
    class FullEngine(FakeEngine):
        def open(self, deliver: Callable[[list[Delivery]], None]) -> Slot:
            raise EngineFull("all 8 places are taken", retry_after_s=10)

    async def main() -> None:
        stage = Stage(FullEngine())
        with pytest.raises(EngineFull):
            stage.runner.open()

    run_virtual(main())


def test_a_voice_that_cannot_open_gives_the_slot_back() -> None:
    async def main() -> Stage:
        voice = FakeVoice()
        voice.raise_on = "open"
        stage = Stage(voice=voice)
        with pytest.raises(RuntimeError):
            stage.runner.open()
        return stage

    assert run_virtual(main()).engine.free == 1


def test_the_report_counts() -> None:
    async def script(stage: Stage) -> None:
        await stage.question()
        await stage.hear(40, 0)

    report = Stage().run(script).runner.report()
    counts, latency = report["counts"], report["latency_ms"]
    assert isinstance(counts, dict)
    assert isinstance(latency, dict)
    assert counts["turns"] == 1
    assert latency["modal_audio"]["p50"] == pytest.approx(4, rel=0.1)
    assert latency["fto"]["count"] == 1
