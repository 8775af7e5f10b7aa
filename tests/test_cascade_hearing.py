"""What an ear says that is not heard, for it has opinions of its own."""

from __future__ import annotations

from visavis.pipelines.cascade_hearing import CascadeHearing
from visavis.pipelines.cascade_talk import Talk, Turn
from visavis.runtime.events import (
    Event,
    Head,
    HeadReady,
    TokensReady,
    ToolCalled,
    TranscriptChanged,
    VoiceActivity,
)
from visavis.runtime.protocols import Delivery, Slot
from visavis.runtime.settings import AudioSettings
from visavis.runtime.speech_gate import SpeechGate


def test_the_ears_own_answers_and_calls_are_nobodys_business() -> None:
    told: list[Event] = []
    understood: list[str] = []
    talk = Talk(
        Slot(0, 1),
        lambda deliveries: told.extend(delivery.event for delivery in deliveries),
        SpeechGate(AudioSettings()),
    )
    talk.turns[1] = Turn(1, is_spoken=True)
    hearing = CascadeHearing(None, lambda talk, turn, text: understood.append(text))
    heard: list[Event] = [
        VoiceActivity(512, 0.9),
        TranscriptChanged("what time is it", 512),
        HeadReady(1, Head.ANSWER, 0.9),
        TokensReady(1, " It", is_last=False),
        ToolCalled(1, "call_1", "get_time", "{}"),
    ]
    hearing.heard(talk, [Delivery(event, {}) for event in heard])
    assert told == heard[:2] and understood == ["what time is it"]
    talk.is_open = False
    hearing.heard(talk, [Delivery(VoiceActivity(1024, 0.9), {})])
    assert told == heard[:2]
