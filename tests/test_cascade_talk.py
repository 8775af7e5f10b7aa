"""The state of one conversation of a cascade."""

from __future__ import annotations

from visavis.pipelines.cascade_talk import MAX_PAST, Talk, Turn
from visavis.runtime.events import Event, PictureSeen
from visavis.runtime.protocols import Slot
from visavis.runtime.settings import AudioSettings
from visavis.runtime.speech_gate import SpeechGate


def talk(told: list[Event] | None = None) -> Talk:
    events: list[Event] = [] if told is None else told
    return Talk(
        Slot(0, 1),
        lambda deliveries: events.extend(delivery.event for delivery in deliveries),
        SpeechGate(AudioSettings()),
    )


def test_a_closed_conversation_is_told_nothing() -> None:
    told: list[Event] = []
    subject = talk(told)
    subject.tell(PictureSeen(1, True))
    subject.is_open = False
    subject.tell(PictureSeen(2, True))
    assert told == [PictureSeen(1, True)]


def test_a_dropped_turn_is_gone_and_a_later_one_of_its_number_is_another() -> None:
    subject = talk()
    first = subject.turns[1] = Turn(1, is_spoken=True)
    assert subject.has(first) and subject.drop(1) is first and subject.drop(1) is None
    subject.turns[1] = Turn(1, is_spoken=True)
    assert not subject.has(first)


def test_taking_a_turn_lets_go_of_the_one_before_and_keeps_so_many() -> None:
    subject = talk()
    for number in range(MAX_PAST + 3):
        turn = subject.turns[number] = Turn(number, is_spoken=True)
        turn.exchange.text = f"question {number}"
        subject.take(turn)
    assert list(subject.turns) == [MAX_PAST + 2]
    assert len(subject.past) == MAX_PAST and 2 not in subject.past
    assert subject.history.messages(4)[-1]["content"] == f"question {MAX_PAST + 2}"
