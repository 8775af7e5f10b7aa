"""The cascade's engine: an ear that is told what to hear, a brain that says what it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from visavis.pipelines.brains import Answering, Brain, FunctionBrain, FunctionCall, Question
from visavis.pipelines.cascade_answers import SORRY
from visavis.pipelines.cascade_engine import CascadeEngine
from visavis.pipelines.chat_history import INAUDIBLE, calls_message
from visavis.pipelines.engine_pipeline import OwnedEngine
from visavis.runtime.clock import MonotonicClock
from visavis.runtime.errors import BadInput
from visavis.runtime.events import (
    Event,
    Head,
    HeadReady,
    StageFailed,
    TokensReady,
    ToolCalled,
    Transcribed,
    TranscriptChanged,
    TranscriptionFailed,
    VoiceActivity,
)
from visavis.runtime.frames import WINDOW, AudioChunk, VideoFrame
from visavis.runtime.protocols import Delivery, Engine, ItemEngine, RevisingEngine, Slot
from visavis.runtime.realtime_config import FunctionChoice, FunctionTool
from visavis.runtime.response_options import ResponseOptions


class Ear:
    """An engine that hears what the test says."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.delivers: list[Callable[[list[Delivery]], None]] = []

    async def ready(self) -> None:
        self.calls.append(("ready",))

    async def ended(self) -> str:
        return "it ended"

    async def stop(self) -> None:
        self.calls.append(("stop",))

    def open(self, deliver: Callable[[list[Delivery]], None]) -> Slot:
        self.delivers.append(deliver)
        return Slot(len(self.delivers) - 1, 7)

    def hear(self, slot: Slot, chunk: AudioChunk) -> None:
        self.calls.append(("hear", slot.index))

    def look(self, slot: Slot, frame: VideoFrame) -> None:
        self.calls.append(("look", slot.index))

    def set_camera(self, slot: Slot, is_on: bool) -> None:
        self.calls.append(("camera", slot.index, is_on))

    def start(self, slot: Slot, turn: int, text: str | None, tail_pts: int | None) -> None:
        self.calls.append(("start", slot.index, turn, tail_pts))

    def retract(self, slot: Slot, turn: int) -> None:
        self.calls.append(("retract", slot.index, turn))

    def commit(self, slot: Slot, turn: int) -> None:
        self.calls.append(("commit", slot.index, turn))

    def cancel(self, slot: Slot, turn: int, heard: str) -> None:
        self.calls.append(("cancel", slot.index, turn, heard))

    def forget(self, slot: Slot) -> None:
        self.calls.append(("forget", slot.index))

    def close(self, slot: Slot) -> None:
        self.calls.append(("close", slot.index))

    def say(self, *events: Event, slot: int = 0) -> None:
        self.delivers[slot]([Delivery(event, {}) for event in events])


class Writer:
    """A transcriber that says what the test says."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.deliver: Callable[[Transcribed | TranscriptionFailed], None] = lambda event: None

    def open(
        self,
        deliver: Callable[[Transcribed | TranscriptionFailed], None],
        *,
        language: str | None = None,
        prompt: str = "",
    ) -> int:
        self.deliver = deliver
        return 1

    def hear(self, handle: int, chunk: AudioChunk) -> None:
        self.calls.append(("hear", chunk.pts))

    def begin(self, handle: int, item_id: str, start_pts: int) -> None:
        self.calls.append(("begin", item_id, start_pts))

    def catch_up(self, handle: int, item_id: str, end_pts: int) -> None:
        self.calls.append(("catch_up", item_id, end_pts))

    def end(self, handle: int, item_id: str, end_pts: int) -> None:
        self.calls.append(("end", item_id))

    def drop(self, handle: int, item_id: str) -> None:
        self.calls.append(("drop", item_id))

    def close(self, handle: int) -> None:
        pass

    async def stop(self) -> None:
        self.calls.append(("stop",))


class Brainy:
    """Says `pieces`; remembers what it was asked."""

    def __init__(self, *pieces: str, speculates: bool = True) -> None:
        self.speculates = speculates
        self.reads_history = True
        self.calls: list[FunctionCall] = []
        self.pieces = pieces
        self.asked: list[Question] = []
        self.closed = 0
        self.hold = asyncio.Event()
        self.hold.set()

    async def answer(self, question: Question) -> AsyncGenerator[str | FunctionCall, None]:
        self.asked.append(question)
        try:
            for piece in self.pieces:
                await self.hold.wait()
                if piece == "!":
                    raise BadInput("no words left")
                yield piece
            while self.calls:
                call = self.calls.pop(0)
                question.notes.append(calls_message([(call.id, call.name, call.arguments)]))
                yield call
        finally:
            self.closed += 1

    async def close(self) -> None:
        self.closed += 100


class Stage:
    """One conversation on an engine."""

    def __init__(
        self, brain: Brain, writer: Writer | None = None, *, max_history: int = 64
    ) -> None:
        self.ear = Ear()
        self.engine = CascadeEngine(
            self.ear, brain, MonotonicClock(), transcriber=writer, max_history=max_history
        )
        self.events: list[Event] = []
        self.stamps: list[Mapping[str, float]] = []
        self.slot = self.engine.open(self.take)

    def take(self, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            self.events.append(delivery.event)
            self.stamps.append(delivery.stamps)

    def answer(self, turn: int) -> str:
        return "".join(e.text for e in self.events if isinstance(e, TokensReady) and e.turn == turn)

    def heads(self) -> list[HeadReady]:
        return [event for event in self.events if isinstance(event, HeadReady)]

    def ask(self, turn: int, text: str, pts: int = 16_000) -> None:
        """Spoken, understood, and over."""
        self.ear.say(TranscriptChanged(text, pts))
        self.engine.start(self.slot, turn, None, pts)
        self.ear.say(HeadReady(turn, Head.WAIT, 0.1), TokensReady(turn, " the ear's", True))

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


def go(test: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await test()

    asyncio.run(main())


def test_it_is_an_engine_of_the_runtime() -> None:
    async def test() -> None:
        def given(engine: Engine, owned: OwnedEngine) -> None:
            pass

        engine = CascadeEngine(Ear(), Brainy(), MonotonicClock())
        given(engine, engine)
        await engine.ready()
        assert await engine.ended() == "it ended"

    go(test)


def test_a_spoken_question_is_answered_by_the_brain() -> None:
    async def test() -> None:
        brain = Brainy("Hel", "lo th", "ere. ", "How are you?")
        stage = Stage(brain)
        stage.ask(1, "hello there")
        await stage.settle()
        assert stage.heads() == [HeadReady(1, Head.ANSWER, 0.5)]
        assert stage.answer(1) == " Hello there. How are you?"
        tokens = [e for e in stage.events if isinstance(e, TokensReady)]
        assert [t.is_last for t in tokens] == [False] * (len(tokens) - 1) + [True]
        first = next(n for n, e in enumerate(stage.events) if isinstance(e, TokensReady))
        assert set(stage.stamps[first]) == {"first_token"}
        assert brain.asked[0].text == "hello there" and not brain.asked[0].committed.is_set()
        stage.engine.commit(stage.slot, 1)
        assert brain.asked[0].committed.is_set() and ("commit", 0, 1) in stage.ear.calls

    go(test)


@pytest.mark.parametrize(
    ("text", "head", "confidence"),
    [("is it red?", Head.ANSWER, 0.97), ("is it", Head.ANSWER, 0.5), ("", Head.SILENT, 0.97)],
)
def test_a_sentence_that_ends_counts_as_finished(text: str, head: Head, confidence: float) -> None:
    async def test() -> None:
        stage = Stage(Brainy("Yes."))
        stage.ask(1, text)
        assert stage.heads() == [HeadReady(1, head, confidence)]

    go(test)


def test_silence_that_becomes_a_turn_is_answered_after_all() -> None:
    async def test() -> None:
        brain = Brainy("Pardon?")
        stage = Stage(brain)
        stage.ask(1, "")
        await stage.settle()
        assert not brain.asked
        stage.engine.commit(stage.slot, 1)
        await stage.settle()
        assert stage.answer(1) == " Pardon?"
        stage.engine.start(stage.slot, 2, "and now", None)
        await stage.settle()
        assert brain.asked[1].history[0] == {"role": "user", "content": INAUDIBLE}

    go(test)


def test_a_brain_with_effects_waits_until_the_turn_is_taken() -> None:
    async def test() -> None:
        asked: list[str] = []

        async def answer(text: str) -> str:
            asked.append(text)
            return f"You said {text}."

        stage = Stage(FunctionBrain(answer))
        stage.ask(1, "one")
        await stage.settle()
        stage.engine.retract(stage.slot, 1)
        stage.ask(2, "one two")
        await stage.settle()
        assert asked == []
        stage.engine.commit(stage.slot, 2)
        await stage.settle()
        assert asked == ["one two"] and stage.answer(2) == " You said one two."

    go(test)


def test_functions_may_be_plain_or_generators() -> None:
    async def test() -> None:
        async def words(text: str) -> AsyncGenerator[str, None]:
            yield "one "
            yield text

        cases: tuple[tuple[Answering, str], ...] = ((str.upper, " HI"), (words, " one hi"))
        for function, said in cases:
            stage = Stage(FunctionBrain(function))
            stage.engine.start(stage.slot, 1, "hi", None)
            stage.engine.commit(stage.slot, 1)
            await stage.settle()
            assert stage.answer(1) == said

    go(test)


def test_a_retracted_answer_leaves_no_trace() -> None:
    async def test() -> None:
        brain = Brainy("It ", "is ", "red.")
        brain.hold.clear()
        stage = Stage(brain)
        stage.ask(1, "what")
        await stage.settle()
        stage.engine.retract(stage.slot, 1)
        brain.hold.set()
        await stage.settle()
        assert stage.answer(1) == "" and brain.closed == 1
        assert ("retract", 0, 1) in stage.ear.calls
        stage.engine.start(stage.slot, 2, "what is it", None)
        await stage.settle()
        assert brain.asked[1].history == ()

    go(test)


def test_the_history_keeps_what_was_heard() -> None:
    async def test() -> None:
        brain = Brainy("It is a long answer.")
        stage = Stage(brain)
        stage.ask(1, "tell me")
        stage.engine.commit(stage.slot, 1)
        await stage.settle()
        stage.engine.cancel(stage.slot, 1, "It is")
        assert ("cancel", 0, 1, "") in stage.ear.calls
        stage.ask(2, "what else")
        stage.engine.commit(stage.slot, 2)
        await stage.settle()
        stage.ask(3, "and")
        await stage.settle()
        assert brain.asked[2].history == (
            {"role": "user", "content": "tell me"},
            {"role": "assistant", "content": "It is"},
            {"role": "user", "content": "what else"},
            {"role": "assistant", "content": "It is a long answer."},
        )

    go(test)


def test_the_history_is_bounded_and_begins_with_a_question() -> None:
    async def test() -> None:
        brain = Brainy("Yes.")
        stage = Stage(brain, max_history=5)
        for turn in range(1, 8):
            stage.engine.start(stage.slot, turn, f"question {turn}", None)
            stage.engine.commit(stage.slot, turn)
            await stage.settle()
        contents = [message["content"] for message in brain.asked[-1].history]
        assert contents == ["question 5", "Yes.", "question 6", "Yes."]

    go(test)


def test_a_brain_that_fails_says_sorry_and_why() -> None:
    async def test() -> None:
        stage = Stage(Brainy("!"))
        stage.engine.start(stage.slot, 1, "hi", None)
        stage.engine.commit(stage.slot, 1)
        await stage.settle()
        assert StageFailed("brain", "no words left", is_fatal=False) in stage.events
        assert stage.answer(1) == f" {SORRY}" and stage.engine.failed == 1
        broken = Stage(Brainy("Half an answer ", "!"))
        broken.engine.start(broken.slot, 1, "hi", None)
        await broken.settle()
        assert broken.answer(1) == " Half an answer"

    go(test)


def test_conversations_do_not_mix_and_a_closed_one_is_told_nothing() -> None:
    async def test() -> None:
        brain = Brainy("One.", "Two.")
        brain.hold.clear()
        stage = Stage(brain)
        others: list[Event] = []
        other = stage.engine.open(lambda ds: others.extend(d.event for d in ds))
        stage.engine.start(stage.slot, 1, "first", None)
        stage.engine.start(other, 1, "second", None)
        await stage.settle()
        stage.engine.close(other)
        count = len(others)
        brain.hold.set()
        await stage.settle()
        stage.ear.say(VoiceActivity(WINDOW, 0.1), slot=1)
        assert len(others) == count and stage.answer(1) == " One.Two."
        assert [question.text for question in brain.asked] == ["first", "second"]
        stage.engine.commit(other, 1)
        stage.engine.cancel(other, 1, "")  # late: nothing happens
        await stage.engine.stop()
        assert brain.closed == 102 and ("stop",) in stage.ear.calls

    go(test)


TOOL = FunctionTool(name="weather", description="The weather.", parameters={"type": "object"})


def test_a_turn_is_prepared_with_instructions_and_functions() -> None:
    async def test() -> None:
        brain = Brainy("Oui.")
        stage = Stage(brain)
        assert stage.engine.abilities.tools and stage.engine.abilities.history
        options = ResponseOptions(instructions="Speak French.", tools=(TOOL,))
        stage.engine.prepare(stage.slot, 1, replace(options, tool_choice=FunctionChoice(name="w")))
        stage.engine.start(stage.slot, 1, "hi", None)
        await stage.settle()
        stage.engine.start(stage.slot, 2, "hi", None)
        await stage.settle()
        first, second = brain.asked
        assert first.instructions == "Speak French." and second.instructions == ""
        assert first.tool_choice == {"type": "function", "function": {"name": "w"}}
        assert [tool["function"] for tool in first.tools] == [
            {"name": "weather", "description": "The weather.", "parameters": {"type": "object"}}
        ]
        assert not second.tools and second.tool_choice == "none"  # nobody prepared it

    go(test)


def test_a_function_of_the_clients_is_called_and_its_output_answered() -> None:
    async def test() -> None:
        brain = Brainy("Let me see.")
        brain.calls = [FunctionCall("call_1", "weather", "{}")]
        stage = Stage(brain)
        stage.engine.insert(stage.slot, message("item_1", "How is the weather?"), None)
        stage.engine.start(stage.slot, 1, "How is the weather?", None)
        stage.engine.commit(stage.slot, 1)
        stage.engine.name_items(stage.slot, 1, "item_1", "item_2")
        await stage.settle()
        kinds = [type(event).__name__ for event in stage.events]
        assert kinds[-2:] == ["ToolCalled", "TokensReady"]
        assert ToolCalled(1, "call_1", "weather", "{}") in stage.events
        output = {"type": "function_call_output", "call_id": "call_1", "output": "sunny"}
        stage.engine.insert(stage.slot, {"id": "item_3", **output}, "item_2")
        # The client asks for an answer; nothing new was said.
        stage.engine.start(stage.slot, 2, None, 16_000)
        stage.engine.commit(stage.slot, 2)
        stage.engine.name_items(stage.slot, 2, None, "item_4")
        stage.ear.say(HeadReady(2, Head.SILENT, 0.9))
        await stage.settle()
        first, second = brain.asked
        assert first.text is None and first.history[-1]["content"] == "How is the weather?"
        assert second.text is None
        assert [m["role"] for m in second.history] == ["user", "assistant", "tool", "assistant"]
        assert second.history[2]["content"] == "sunny"

    go(test)


def message(item_id: str, text: str, role: str = "user") -> dict[str, object]:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    return {"id": item_id, "type": "message", "role": role, "content": content}


def test_items_may_be_put_in_taken_out_and_revised() -> None:
    async def test() -> None:
        brain = Brainy("A long answer.")
        stage = Stage(brain)
        stage.engine.insert(stage.slot, message("item_1", "Be brief.", "system"), None)
        stage.ask(1, "what")
        stage.engine.commit(stage.slot, 1)
        stage.engine.name_items(stage.slot, 1, "item_2", "item_3")
        await stage.settle()
        stage.engine.insert(stage.slot, message("item_4", "I said so.", "assistant"), "item_1")
        stage.engine.revise(stage.slot, 1, "A long")
        stage.ask(2, "and")
        await stage.settle()
        assert [m["content"] for m in brain.asked[1].history] == [
            "Be brief.",
            "I said so.",
            "what",
            "A long",
        ]
        stage.engine.retract(stage.slot, 2)
        stage.engine.erase(stage.slot, "item_4")
        stage.engine.revise(stage.slot, 1, None)
        stage.engine.revise(stage.slot, 77, "nothing")
        stage.ask(3, "and")
        await stage.settle()
        assert [m["content"] for m in brain.asked[2].history] == ["Be brief."]

    go(test)


def test_it_keeps_items_only_where_the_brain_reads_them() -> None:
    async def test() -> None:
        engine = Stage(FunctionBrain(str.upper)).engine
        given: tuple[ItemEngine, RevisingEngine] = (engine, engine)
        assert given and not engine.abilities.history and not engine.abilities.tools

    go(test)


def speak(stage: Stage, windows: int, begin: int = 0) -> int:
    for window in range(windows):
        pts = begin + (window + 1) * WINDOW
        stage.engine.hear(stage.slot, AudioChunk(np.zeros(WINDOW, np.int16), pts - WINDOW, 0.0))
        stage.ear.say(VoiceActivity(pts, 0.9))
    return begin + windows * WINDOW


def told(item: str, text: str, tentative: str, pts: int) -> Transcribed:
    return Transcribed(item, text, tentative, (), "en", pts, 1.0, False)


def test_a_transcriber_is_waited_for() -> None:
    async def test() -> None:
        writer, brain = Writer(), Brainy("Red.")
        stage = Stage(brain, writer)
        end = speak(stage, 10)
        assert ("begin", "1", 0) in writer.calls and ("hear", 0) in writer.calls
        stage.ear.say(TranscriptChanged("what the ear thinks", end))
        writer.deliver(told("1", "what", "colour", end - 5000))
        assert TranscriptChanged("what colour", end - 5000) in stage.events
        assert not [e for e in stage.events if isinstance(e, TranscriptChanged) and "ear" in e.text]
        stage.engine.start(stage.slot, 1, None, end)
        stage.ear.say(HeadReady(1, Head.ANSWER, 1.0))
        assert ("catch_up", "1", end) in writer.calls and not stage.heads()
        writer.deliver(told("1", "what", "colour", end - 2000))
        assert not stage.heads()
        writer.deliver(told("1", "what", "colour is it?", end))
        assert stage.heads() == [HeadReady(1, Head.ANSWER, 0.97)]
        stage.engine.commit(stage.slot, 1)
        await stage.settle()
        assert brain.asked[0].text == "what colour is it?" and ("drop", "1") in writer.calls
        # The next utterance is another item, and nothing of the first one comes through.
        writer.deliver(told("1", "late", "", end))
        speak(stage, 5, begin=end)
        assert ("begin", "2", end) in writer.calls
        assert not [
            e for e in stage.events if isinstance(e, TranscriptChanged) and e.text == "late"
        ]

    go(test)


def test_a_transcriber_that_fails_is_told_and_the_turn_is_dropped() -> None:
    async def test() -> None:
        writer = Writer()
        stage = Stage(Brainy("Red."), writer)
        end = speak(stage, 10)
        stage.engine.start(stage.slot, 1, None, end)
        stage.ear.say(HeadReady(1, Head.ANSWER, 1.0))
        writer.deliver(TranscriptionFailed("1", "there is no model"))
        failed = StageFailed("transcriber", "there is no model", is_fatal=False)
        assert failed in stage.events and stage.heads() == [HeadReady(1, Head.SILENT, 0.97)]
        stage.engine.forget(stage.slot)
        assert ("forget", 0) in stage.ear.calls

    go(test)


def test_noise_is_forgotten_by_the_transcriber_too() -> None:
    async def test() -> None:
        writer = Writer()
        stage = Stage(Brainy("Red."), writer)
        end = speak(stage, 4)
        stage.engine.start(stage.slot, 1, None, end)
        stage.engine.forget(stage.slot)
        assert ("drop", "1") in writer.calls
        stage.ear.say(HeadReady(1, Head.ANSWER, 1.0))
        assert not stage.heads()
        await stage.engine.ready()
        await stage.engine.stop()
        assert ("stop",) in writer.calls

    go(test)
