"""An utterance on its way to text, with a model that knows what is said and when."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.models.transcribers.pauses import Samples
from visavis.models.transcribers.utterance import Cutting, Pass, Progress, Utterance
from visavis.runtime.frames import HEARING_RATE

WORD_S = 0.4


class Speaker:
    """Says numbered words of 0.4 s: the samples of word n are n / 1000 + 0.5, silence is 0."""

    def __init__(self) -> None:
        self.windows: list[tuple[float, str | None, str]] = []
        self.language: tuple[str, float] = ("en", 0.9)

    def words(self, first: int, count: int) -> Samples:
        per_word = round(WORD_S * HEARING_RATE)
        return np.repeat(np.arange(first, first + count) / 1000 + 0.5, per_word).astype(np.float32)

    def recognise(self, window: Samples, language: str | None, prompt: str) -> Pass:
        """Reads the words back; a word that is not all there is misheard."""
        self.windows.append((len(window) / HEARING_RATE, language, prompt))
        numbers = np.round((window - 0.5) * 1000).astype(int)
        found: list[tuple[str, float, float, float]] = []
        for number in dict.fromkeys(numbers[numbers >= 0].tolist()):
            places = np.flatnonzero(numbers == number)
            start, end = places[0] / HEARING_RATE, (places[-1] + 1) / HEARING_RATE
            is_whole = end - start > WORD_S - 0.01
            found.append((f" w{number}" if is_whole else " hm", start, end, 0.8))
        return Pass(tuple(found), *self.language)


def judge(window: Samples) -> float:
    return float(np.abs(window).mean() > 0.2)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * HEARING_RATE), np.float32)


class Listening:
    """An utterance that is looked at whenever that is due, in 20 ms chunks."""

    def __init__(self, **cutting: int) -> None:
        self.speaker = Speaker()
        self.utterance = Utterance(16_000, judge, Cutting(**cutting))
        self.progress: list[Progress] = []

    def hear(self, samples: Samples) -> None:
        for at in range(0, len(samples), 320):
            self.utterance.push(samples[at : at + 320])
            if self.utterance.is_due:
                self.advance()

    def advance(self) -> Progress:
        self.progress.append(self.utterance.advance(self.speaker.recognise))
        return self.progress[-1]

    def end(self) -> Progress:
        self.utterance.end_pts = 10**9
        assert self.utterance.is_due
        return self.advance()

    @property
    def text(self) -> str:
        words = [word.text for progress in self.progress for word in progress.settled]
        return "".join(words).strip()


def expected(count: int) -> str:
    return " ".join(f"w{n}" for n in range(1, count + 1))


def test_words_settle_while_the_person_speaks() -> None:
    listening = Listening()
    listening.hear(listening.speaker.words(1, 8))
    assert listening.text == expected(5)  # what the passes after two and three seconds saw whole
    assert listening.progress[-1].tentative == "w6 w7 hm"
    assert not listening.end().tentative
    assert listening.text == expected(8)


def test_each_word_settles_once_with_its_own_time() -> None:
    listening = Listening()
    listening.hear(listening.speaker.words(1, 20))
    listening.end()
    words = [word for progress in listening.progress for word in progress.settled]
    assert [word.text for word in words] == [f" w{n}" for n in range(1, 21)]
    per_word = round(WORD_S * HEARING_RATE)
    assert [word.start_pts for word in words] == [16_000 + n * per_word for n in range(20)]
    assert [word.end_pts for word in words] == [16_000 + (n + 1) * per_word for n in range(20)]


def test_a_pause_closes_the_window() -> None:
    listening = Listening()
    listening.hear(listening.speaker.words(1, 4))
    listening.hear(silence(0.6))
    assert listening.text == expected(4)
    listening.hear(listening.speaker.words(5, 4))
    final = listening.end()
    assert listening.text == expected(8)
    assert final.is_final and final.seconds == pytest.approx(3.8)
    # The last window began in the pause, and was told what was said before it.
    seconds, _, prompt = listening.speaker.windows[-1]
    assert seconds < 2.2 and prompt == expected(4)


def test_silence_is_not_looked_at() -> None:
    listening = Listening()
    listening.hear(silence(10))
    assert listening.end().is_final
    assert listening.speaker.windows == [] and listening.text == ""
    assert listening.progress[-1].seconds == pytest.approx(10)


def test_an_utterance_that_ended_in_a_pause_needs_no_other_pass() -> None:
    listening = Listening()
    listening.hear(listening.speaker.words(1, 3))
    listening.hear(silence(0.6))
    passes = listening.utterance.passes
    assert listening.end().is_final
    assert listening.utterance.passes == passes and listening.text == expected(3)


def test_speech_without_a_pause_is_cut_after_settled_words() -> None:
    listening = Listening(max_window=5 * HEARING_RATE)
    listening.hear(listening.speaker.words(1, 60))
    listening.end()
    assert listening.text == expected(60)
    assert max(seconds for seconds, *_ in listening.speaker.windows) <= 6.1


def test_audio_after_the_end_is_not_looked_at() -> None:
    listening = Listening(step=10 * HEARING_RATE)
    listening.hear(listening.speaker.words(1, 10))
    listening.utterance.end_pts = 16_000 + 4 * round(WORD_S * HEARING_RATE)
    final = listening.advance()
    assert final.is_final and listening.text == expected(4)
    assert final.seconds == pytest.approx(1.6)


def test_somebody_who_waits_is_told_all_of_it_at_once() -> None:
    listening = Listening()
    listening.hear(listening.speaker.words(1, 2))
    assert not listening.progress
    listening.utterance.wanted_pts = 16_000
    assert listening.utterance.is_urgent
    progress = listening.advance()
    assert progress.tentative == "w1 w2" and not progress.settled
    assert progress.pts == 16_000 + 2 * round(WORD_S * HEARING_RATE)
    assert not listening.utterance.is_urgent


def test_a_language_is_kept_once_it_is_sure() -> None:
    listening = Listening()
    listening.speaker.language = ("cy", 0.2)
    listening.hear(listening.speaker.words(1, 3))
    listening.speaker.language = ("de", 0.9)
    listening.hear(listening.speaker.words(4, 3))
    listening.speaker.language = ("nl", 0.99)
    listening.hear(listening.speaker.words(7, 3))
    told = [language for _, language, _ in listening.speaker.windows]
    assert told == [None, None, "de"]
    assert [progress.language for progress in listening.progress] == ["cy", "de", "de"]


def test_memory_does_not_grow_with_time() -> None:
    listening = Listening(max_window=5 * HEARING_RATE)
    for turn in range(20):
        listening.hear(listening.speaker.words(1 + 10 * turn, 10))
        listening.hear(silence(5))
    assert listening.utterance.kept <= 3 * HEARING_RATE
