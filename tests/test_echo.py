"""The floor: an answer at once, from nothing but how long was spoken."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from models_fakes import LevelVad, windows

from visavis.models.echo import EchoStepper
from visavis.models.engine import ThreadedEngine
from visavis.runtime.events import Event, Head, HeadReady, TokensReady
from visavis.runtime.frames import WINDOW
from visavis.runtime.protocols import Delivery


def answer(stepper: EchoStepper, slot: int, text: str | None = None) -> str:
    assert stepper.begin([slot], [text]) == [(Head.ANSWER, 1.0)]
    said = ""
    while True:
        ((token, is_last),) = stepper.next([slot])
        said += token
        if is_last:
            return said.strip()


def speak(stepper: EchoStepper, slot: int, seconds: float, level: float) -> None:
    for _ in range(round(seconds / 0.032)):
        stepper.hear([slot], np.full((1, WINDOW), level, np.float32))


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "one second"), (1.2, "one second"), (2.9, "3 seconds")]
)
def test_it_says_how_long_was_spoken(seconds: float, words: str) -> None:
    stepper = EchoStepper(1)
    stepper.open_utterance(0)
    speak(stepper, 0, seconds, 0.2)
    speak(stepper, 0, 2.0, 0.001)
    assert answer(stepper, 0) == f"You said that for {words}."


def test_conversations_and_utterances_do_not_mix() -> None:
    stepper = EchoStepper(2)
    speak(stepper, 0, 4.0, 0.2)
    speak(stepper, 1, 2.0, 0.2)
    assert answer(stepper, 1) == "You said that for 2 seconds."
    assert answer(stepper, 0) == "You said that for 4 seconds."
    stepper.open_utterance(0)
    speak(stepper, 0, 2.0, 0.2)
    assert answer(stepper, 0) == "You said that for 2 seconds."


def test_typed_words_are_counted() -> None:
    assert answer(EchoStepper(1), 0, "what do you see") == "You wrote 4 words."


def test_what_is_dropped_is_not_said() -> None:
    stepper = EchoStepper(1)
    stepper.begin([0], ["hello"])
    stepper.retract(0)
    assert stepper.next([0]) == [("", True)]


def test_the_engine_answers_at_once() -> None:
    async def main() -> list[Event]:
        events: list[Event] = []
        done = asyncio.Event()

        def deliver(deliveries: list[Delivery]) -> None:
            events.extend(delivery.event for delivery in deliveries)
            if any(isinstance(event, TokensReady) and event.is_last for event in events):
                done.set()

        loop = asyncio.get_running_loop()
        engine = ThreadedEngine(lambda: EchoStepper(1), LevelVad, 1, loop)
        await engine.ready()
        slot = engine.open(deliver)
        engine.hear(slot, windows(0, [0.9] * 60))
        engine.start(slot, 1, None, None)
        async with asyncio.timeout(10):
            await done.wait()
        await engine.stop()
        return events

    events = asyncio.run(main())
    assert HeadReady(1, Head.ANSWER, 1.0) in events
    said = "".join(event.text for event in events if isinstance(event, TokensReady))
    assert said == " You said that for 2 seconds."
