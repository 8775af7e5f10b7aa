"""What is voiced of an answer before and after it is committed."""

from __future__ import annotations

from visavis.runtime.drafts import Draft
from visavis.runtime.effects import Speak
from visavis.runtime.phrases import PhraseSplitter


def test_a_shadow_voices_one_phrase_and_a_turn_all() -> None:
    draft = Draft(1, PhraseSplitter(4, 6), progressed=0.0)
    draft.take(" One. Two. Three.", is_last=True)
    assert draft.speak() == [Speak(1, "One.", False)]
    assert draft.speak() == []
    draft.is_committed = True
    assert draft.speak() == [Speak(1, "Two.", False), Speak(1, "Three.", True)]
    assert not draft.is_empty


def test_an_answer_of_nothing_is_empty_once_it_is_over() -> None:
    draft = Draft(1, PhraseSplitter(4, 6), progressed=0.0)
    assert not draft.is_empty
    draft.take(" ", is_last=True)
    assert draft.is_empty
    assert draft.speak() == []
