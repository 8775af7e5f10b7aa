"""The clock of a recording, and what is kept of the other end's messages."""

from __future__ import annotations

import asyncio

import numpy as np

from visavis.pipelines.file_peer import SkippingClock, SwiftPlayout, Talk
from visavis.runtime import messages
from visavis.runtime.frames import SPEAKING_RATE
from visavis.runtime.response_messages import Part, words_done


def test_the_clock_only_goes_forward() -> None:
    clock = SkippingClock()
    now = clock.now()
    clock.skip_to(now + 100)
    assert clock.now() >= now + 100
    clock.skip_to(now)
    assert clock.now() >= now + 100


def test_everything_played_is_reported_at_once_and_by_turn() -> None:
    playout = SwiftPlayout(SkippingClock())
    reports: list[tuple[int, int, bool]] = []
    playout.played = lambda turn, samples, done, at: reports.append((turn, samples, done))
    second = np.zeros(SPEAKING_RATE, np.int16)
    playout.play(1, second, is_last=False)
    playout.play(1, second, is_last=True)
    playout.play(2, second, is_last=True)
    assert reports == [
        (1, SPEAKING_RATE, False),
        (1, 2 * SPEAKING_RATE, True),
        (2, SPEAKING_RATE, True),
    ]
    assert playout.flush() == SPEAKING_RATE


def test_words_answers_ledgers_and_errors_are_kept() -> None:
    async def main() -> Talk:
        talk = Talk()
        talk.take(messages.transcription_completed("item", "what is it", 1.0))
        talk.take(words_done(Part("resp", "item", 0, has_voice=True), "A red ball."))
        talk.take(messages.turn_ledger(1, "resp", {"fusion": 2.0}, {}, {}))
        talk.take(messages.picture_seen(0, True))
        talk.take(messages.error("no such item"))
        talk.take(messages.state("listening"))
        return talk

    talk = asyncio.run(main())
    assert talk.transcripts == ["what is it"]
    assert talk.answers == ["A red ball."]
    assert talk.ledgers == [{"ms": {"fusion": 2.0}, "stages_ms": {}, "counts": {}}]
    assert talk.errors == ["no such item"]
    assert talk.has_seen.is_set()
