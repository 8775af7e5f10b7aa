"""Whole conversations whose audio travels in messages, on virtual time between fake parts."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Coroutine, Mapping, Sequence

import numpy as np
from published_models import check, fields_of
from runtime_fakes import FakeEngine, FakeTransport, FakeVoice, FlatPixels

from visavis.runtime.abilities import Abilities
from visavis.runtime.audio_path import AudioFormat, AudioPath
from visavis.runtime.clock import LoopClock, run_virtual
from visavis.runtime.errors import BadInput, EngineFull
from visavis.runtime.events import (
    RateLimit,
    ToolCalled,
    Transcribed,
    TranscriptChanged,
    TranscriptionFailed,
    VoiceActivity,
)
from visavis.runtime.frames import WINDOW, AudioChunk, Pcm
from visavis.runtime.item_input import EncodedPicture
from visavis.runtime.protocols import Delivery, Slot
from visavis.runtime.runner import SessionRunner
from visavis.runtime.session import Session

PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q"
    "DwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class MessagePeer(FakeTransport):
    """A client whose audio is in its messages: int16 at the hearing rate, as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.voiced: list[tuple[Mapping[str, object], int, AudioFormat, bool]] = []
        self.left: Sequence[RateLimit] = ()

    def rate_limits(self) -> Sequence[RateLimit]:
        return self.left

    async def decode_audio(self, audio: str, kind: AudioFormat) -> Pcm:
        try:
            return np.frombuffer(base64.b64decode(audio, validate=True), np.int16)
        except ValueError as error:
            raise BadInput("audio is no base64", param="audio") from error

    def drain_audio(self) -> Pcm:
        return np.zeros(100, np.int16)

    def send_audio(
        self, message: Mapping[str, object], pcm: Pcm, kind: AudioFormat, *, is_last: bool
    ) -> None:
        self.voiced.append((message, len(pcm), kind, is_last))
        self.send({**message, "delta": "AAAA"})

    def send(self, message: Mapping[str, object]) -> None:
        check(message)
        super().send(message)


class SlowEngine(FakeEngine):
    """A millisecond for each window, in order; keeps count of how far it is behind."""

    def __init__(self) -> None:
        super().__init__()
        self.free = 2
        self.most_behind = 0
        self.heard = 0
        self.fed = 0
        self.cut = 0
        self.free_at = 0.0

    def hear(self, slot: Slot, chunk: AudioChunk) -> None:
        self._note("hear", chunk.gap)
        self.fed += len(chunk.pcm)
        self.most_behind = max(self.most_behind, self.fed - self.heard)
        loop = asyncio.get_running_loop()
        probability = 0.9 if np.any(chunk.pcm) else 0.02
        for end in range(self.cut + WINDOW, self.fed + 1, WINDOW):
            self.cut = end
            self.free_at = max(self.free_at, loop.time()) + 0.001
            loop.call_at(self.free_at, self._judge, end, probability)

    def _judge(self, pts: int, probability: float) -> None:
        self.heard = pts
        results: list[Delivery] = [Delivery(VoiceActivity(pts, probability), {})]
        if probability > 0.5:
            results.append(Delivery(TranscriptChanged("what colour is it", pts), {}))
        if self._deliver is not None:
            self._deliver(results)


class Tools:
    """One function."""

    def __contains__(self, name: str) -> bool:
        return name == "time"

    async def run(self, name: str, arguments: str) -> str:
        await asyncio.sleep(0.5)
        return "12:30"


class Script:
    """A transcriber that writes what it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self._deliver: Callable[[Transcribed | TranscriptionFailed], None] | None = None

    def open(
        self,
        deliver: Callable[[Transcribed | TranscriptionFailed], None],
        *,
        language: str | None = None,
        prompt: str = "",
    ) -> int:
        self.calls.append(("open", language, prompt))
        if language == "xx":
            raise BadInput("xx is no language it knows", param="language")
        self._deliver = deliver
        return 1

    def hear(self, handle: int, chunk: AudioChunk) -> None:
        self.calls.append(("hear", len(chunk.pcm)))

    def begin(self, handle: int, item_id: str, start_pts: int) -> None:
        self.calls.append(("begin", item_id))

    def catch_up(self, handle: int, item_id: str, end_pts: int) -> None:
        self.calls.append(("catch_up", item_id))

    def end(self, handle: int, item_id: str, end_pts: int) -> None:
        self.calls.append(("end", item_id))
        assert self._deliver is not None
        said = Transcribed(item_id, "Hello.", "", (), "en", end_pts, 0.5, True)
        asyncio.get_running_loop().call_later(0.2, self._deliver, said)

    def drop(self, handle: int, item_id: str) -> None:
        self.calls.append(("drop", item_id))

    def close(self, handle: int) -> None:
        self.calls.append(("close",))


class Stage:
    """A runner between fakes, and a client that sends messages."""

    def __init__(
        self, engine: FakeEngine | None = None, abilities: Abilities | None = None
    ) -> None:
        self.peer = MessagePeer()
        self.engine = engine or SlowEngine()
        self.voice = FakeVoice()
        self.script = Script()
        able = abilities or Abilities()
        self.session = Session(
            "sess_run",
            audio_path=AudioPath.MESSAGES,
            abilities=able,
            own_tools=frozenset({"time"}) if able.tools else frozenset(),
        )
        self.opened: list[EncodedPicture] = []
        self.runner = SessionRunner(
            self.session,
            self.peer,
            self.engine,
            self.voice,
            clock=LoopClock(),
            transcriber=self.script,
            tools=Tools(),
            open_picture=self.open_picture,
        )

    def open_picture(self, picture: EncodedPicture) -> FlatPixels:
        self.opened.append(picture)
        return FlatPixels(100)

    def send(self, kind: str, **fields: object) -> None:
        self.peer.messages.put({"type": kind, "event_id": f"evt_{kind}", **fields})

    def append(self, seconds: float, value: int = 1000) -> None:
        pcm = np.full(int(16_000 * seconds), value, np.int16)
        self.send("input_audio_buffer.append", audio=base64.b64encode(pcm.tobytes()).decode())

    def ask(self, text: str, **response: object) -> None:
        part = {"type": "input_text", "text": text}
        item = {"type": "message", "role": "user", "content": [part]}
        self.send("conversation.item.create", item=item)
        self.send("response.create", response=response)

    def run(self, script: Callable[[Stage], Coroutine[None, None, None]]) -> Stage:
        async def both() -> None:
            runner = asyncio.create_task(self.runner.run())
            await asyncio.sleep(0)
            await script(self)
            self.peer.hang_up()
            await runner
            assert len(asyncio.all_tasks()) == 1, "a task was left behind"

        run_virtual(both())
        return self

    def told(self, kind: str) -> list[Mapping[str, object]]:
        return [message for message in self.peer.sent if message["type"] == kind]

    def error(self) -> Mapping[str, object]:
        (message,) = self.told("error")
        return fields_of(message, "error")


def test_a_question_sent_at_once_is_answered_in_messages() -> None:
    async def script(stage: Stage) -> None:
        stage.append(0.5)
        stage.append(1.0, 0)
        await asyncio.sleep(3)

    stage = Stage().run(script)
    sent = stage.peer.sent_types()
    assert not [kind for kind in sent if str(kind).startswith("visavis.")]
    assert "output_audio_buffer.started" not in sent
    assert sent.index("response.content_part.added") < sent.index("response.output_audio.delta")
    assert sent[-1] == "response.done"
    assert [kind for _, _, kind, _ in stage.peer.voiced] == [AudioFormat.PCM]
    assert stage.peer.voiced[-1][3]


def test_what_the_client_may_still_send_is_told_with_every_response() -> None:
    async def script(stage: Stage) -> None:
        stage.peer.left = (RateLimit("requests", 10, 9, 0.1),)
        stage.ask("what colour is this")
        await asyncio.sleep(2)
        stage.peer.left = ()  # nobody counts any more
        stage.ask("and this")
        await asyncio.sleep(2)

    stage = Stage().run(script)
    (told,) = stage.told("rate_limits.updated")
    assert told["rate_limits"] == [
        {"name": "requests", "limit": 10, "remaining": 9, "reset_seconds": 0.1}
    ]
    kinds = stage.peer.sent_types()
    assert kinds.index("response.created") < kinds.index("rate_limits.updated")


def test_a_minute_at_once_is_heard_no_faster_than_the_engine_listens() -> None:
    async def script(stage: Stage) -> None:
        stage.append(60, 0)
        await asyncio.sleep(30)

    engine = SlowEngine()
    Stage(engine).run(script)
    assert engine.fed == 60 * 16_000
    assert engine.most_behind <= 16_000 + 3_200


def test_a_commit_waits_for_what_was_appended_before_it() -> None:
    async def script(stage: Stage) -> None:
        stage.send("session.update", session={"audio": {"input": {"turn_detection": None}}})
        stage.append(2.0)
        stage.send("input_audio_buffer.commit")
        stage.send("response.create")
        await asyncio.sleep(3)

    stage = Stage().run(script)
    sent = stage.peer.sent_types()
    assert "error" not in sent
    assert sent.index("input_audio_buffer.committed") < sent.index("response.created")
    assert "input_audio_buffer.speech_started" not in sent
    (done,) = stage.told("conversation.item.input_audio_transcription.completed")
    assert done["transcript"] == "what colour is it"
    assert "response.done" in sent


def test_a_commit_does_not_wait_for_an_engine_that_is_deaf() -> None:
    class Deaf(FakeEngine):
        def hear(self, slot: Slot, chunk: AudioChunk) -> None:
            pass

    async def script(stage: Stage) -> None:
        stage.send("session.update", session={"audio": {"input": {"turn_detection": None}}})
        stage.append(0.5)
        stage.send("input_audio_buffer.commit")
        await asyncio.sleep(20)

    stage = Stage(Deaf()).run(script)
    assert stage.error()["code"] == "input_audio_buffer_commit_empty"


def test_audio_that_is_no_audio_is_told() -> None:
    async def script(stage: Stage) -> None:
        stage.send("input_audio_buffer.append", audio="not base64!")
        await asyncio.sleep(0.1)
        assert stage.error()["param"] == "audio"
        stage.peer.sent.clear()
        stage.send("input_audio_buffer.append")
        await asyncio.sleep(0.1)

    error = Stage().run(script).error()
    assert (error["code"], error["event_id"]) == (
        "missing_field",
        "evt_input_audio_buffer.append",
    )


def test_a_recorded_message_becomes_an_item_under_its_own_id() -> None:
    async def script(stage: Stage) -> None:
        pcm = np.full(16_000, 1000, np.int16)
        part = {"type": "input_audio", "audio": base64.b64encode(pcm.tobytes()).decode()}
        item = {"id": "mine", "type": "message", "role": "user", "content": [part]}
        stage.send("conversation.item.create", item=item)
        stage.send("response.create")
        await asyncio.sleep(3)
        stage.send("conversation.item.create", item=item)
        await asyncio.sleep(1)

    stage = Stage().run(script)
    (committed,) = stage.told("input_audio_buffer.committed")
    assert committed["item_id"] == "mine"
    assert len(stage.told("response.done")) == 1
    assert stage.error()["code"] == "item_create_duplicate_item_id"


def test_an_answer_outside_of_the_conversation_has_a_slot_of_its_own() -> None:
    async def script(stage: Stage) -> None:
        part = {"type": "input_text", "text": "what is this?"}
        image = {"type": "input_image", "image_url": PNG}
        item = {"type": "message", "role": "user", "content": [part, image]}
        wish = {"conversation": "none", "output_modalities": ["text"], "input": [item]}
        stage.send("response.create", response=wish)
        await asyncio.sleep(1)
        assert isinstance(stage.engine, SlowEngine)
        assert stage.engine.free == 1  # given back

    stage = Stage().run(script)
    assert [picture.mime for picture in stage.opened] == ["image/png"]
    (done,) = stage.told("response.done")
    response = fields_of(done, "response")
    assert (response["status"], response["conversation_id"]) == ("completed", None)
    names = [call[0] for call in stage.engine.calls]
    assert names == ["look", "start", "commit", "close", "close"]


def test_where_no_slot_is_free_an_answer_outside_fails() -> None:
    class Full(FakeEngine):
        def open(self, deliver: Callable[[list[Delivery]], None]) -> Slot:
            if self.free < 1:
                raise EngineFull("no place is free", retry_after_s=1)
            return super().open(deliver)

    async def script(stage: Stage) -> None:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]}
        stage.send("response.create", response={"conversation": "none", "input": [item]})
        await asyncio.sleep(1)

    stage = Stage(Full()).run(script)
    assert stage.error()["code"] == "engine_full"
    assert stage.told("response.done")


def test_a_picture_of_a_message_is_seen_before_its_question() -> None:
    async def script(stage: Stage) -> None:
        part = {"type": "input_text", "text": "what is this?"}
        image = {"type": "input_image", "image_url": PNG}
        item = {"type": "message", "role": "user", "content": [part, image]}
        stage.send("conversation.item.create", item=item)
        stage.send("response.create")
        await asyncio.sleep(2)

    stage = Stage().run(script)
    names = [call[0] for call in stage.engine.calls]
    assert names[:3] == ["look", "start", "commit"]


def test_a_function_of_ours_runs_beside_the_conversation() -> None:
    class Calling(SlowEngine):
        def start(self, slot: Slot, turn: int, text: str | None, tail_pts: int | None) -> None:
            if turn == 1 and self._deliver is not None:
                called = ToolCalled(turn, "call_1", "time", "{}")
                asyncio.get_running_loop().call_later(0.002, self._deliver, [Delivery(called, {})])
                self.answer = ""
            else:
                self.answer = " Half past twelve."
            super().start(slot, turn, text, tail_pts)

    async def script(stage: Stage) -> None:
        stage.ask("what time is it?")
        await asyncio.sleep(3)

    stage = Stage(Calling(), Abilities(tools=True)).run(script)
    assert len(stage.told("response.done")) == 2
    items = [message["item"] for message in stage.told("conversation.item.added")]
    assert [item["type"] for item in items if isinstance(item, dict)] == [
        "message",
        "function_call",
        "function_call_output",
        "message",
    ]


def test_a_transcriber_is_opened_when_it_is_first_needed() -> None:
    async def script(stage: Stage) -> None:
        stage.append(0.5)
        stage.append(1.0, 0)
        await asyncio.sleep(1.5)
        assert stage.script.calls == []
        wish = {"model": "whisper-1", "language": "de", "prompt": "names"}
        stage.send("session.update", session={"audio": {"input": {"transcription": wish}}})
        stage.append(0.5)
        stage.append(1.0, 0)
        await asyncio.sleep(3)

    stage = Stage(abilities=Abilities(transcribers=frozenset({"whisper-1"}))).run(script)
    assert stage.script.calls[0] == ("open", "de", "names")
    names = [call[0] for call in stage.script.calls]
    assert names.count("begin") == names.count("end") == 1
    assert names[-1] == "close"
    done = stage.told("conversation.item.input_audio_transcription.completed")[-1]
    assert done["transcript"] == "Hello."


def test_another_language_is_another_opening_and_an_unknown_one_a_failed_transcript() -> None:
    def wish(stage: Stage, language: str) -> None:
        chosen = {"model": "whisper-1", "language": language}
        stage.send("session.update", session={"audio": {"input": {"transcription": chosen}}})

    async def script(stage: Stage) -> None:
        wish(stage, "de")
        stage.append(0.5, 0)
        wish(stage, "xx")
        stage.append(0.5)
        stage.append(1.0, 0)
        await asyncio.sleep(3)

    stage = Stage(abilities=Abilities(transcribers=frozenset({"whisper-1"}))).run(script)
    opened = [call for call in stage.script.calls if call[0] in ("open", "close")]
    assert opened == [("open", "de", ""), ("close",), ("open", "xx", "")]
    (failed,) = stage.told("conversation.item.input_audio_transcription.failed")
    assert "xx is no language" in str(fields_of(failed, "error")["message"])
    assert stage.told("response.done")
