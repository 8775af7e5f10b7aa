"""What two passes say alike settles, once, and stays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from visavis.models.transcribers.agreement import LocalAgreement, Word
from visavis.runtime.frames import HEARING_RATE


def said(text: str, start_s: float = 0.0, *, word_s: float = 0.4) -> list[Word]:
    """Words one after the other from `start_s` on."""
    words: list[Word] = []
    for place, word in enumerate(text.split()):
        begin = round((start_s + place * word_s) * HEARING_RATE)
        words.append(Word(f" {word}", begin, begin + round(word_s * HEARING_RATE), 0.9))
    return words


def texts(words: list[Word]) -> str:
    return "".join(word.text for word in words).strip()


def test_one_pass_settles_nothing() -> None:
    agreement = LocalAgreement()
    assert agreement.update(said("the red")) == []
    assert texts(agreement.tentative) == "the red"


def test_the_common_prefix_of_two_passes_settles() -> None:
    agreement = LocalAgreement()
    agreement.update(said("the red circus"))
    assert texts(agreement.update(said("the red circle is big"))) == "the red"
    assert texts(agreement.tentative) == "circle is big"
    assert texts(agreement.update(said("the red circle is big enough"))) == "circle is big"
    assert texts(agreement.settled) == "the red circle is big"


def test_words_that_were_settled_are_not_said_twice_when_their_times_waver() -> None:
    agreement = LocalAgreement()
    agreement.update(said("the red circle"))
    agreement.update(said("the red circle"))
    agreement.update(said("circle is big", 0.75))  # "circle" seems to begin a little before its end
    assert texts(agreement.tentative) == "is big"


def test_a_word_said_twice_is_kept_twice() -> None:
    agreement = LocalAgreement()
    for _ in range(2):
        agreement.update(said("very"))
    for _ in range(2):
        agreement.update(said("very very good"))
    assert texts(agreement.settled) == "very very good"


def test_a_closed_window_settles_whole() -> None:
    agreement = LocalAgreement()
    agreement.update(said("what colour"))
    assert texts(agreement.settle(said("what colour is it"))) == "what colour is it"
    assert agreement.tentative == []
    agreement.update(said("thank you", 3.0))
    assert texts(agreement.settle()) == "thank you"
    assert texts(agreement.settled) == "what colour is it thank you"


@given(st.lists(st.text("ab ", max_size=12), max_size=8))
def test_what_is_settled_only_grows(passes: list[str]) -> None:
    agreement = LocalAgreement()
    before: list[Word] = []
    for text in passes:
        agreement.update(said(text))
        assert agreement.settled[: len(before)] == before
        before = list(agreement.settled)
