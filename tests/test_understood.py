"""The decoder reads the words that were understood: they go in as they become certain, and those that
turn out to be others are taken back."""

from __future__ import annotations

import numpy as np
from embedded_fakes import Dictated, networks, picture, rest, say, weights

from visavis.models.dictionary import Dictionary
from visavis.models.embedded import Embedded
from visavis.models.window import What

QUESTIONS = ("what colour is this", "what colour is the star", "where is the star", "is it a heart")


def model() -> Embedded:
    file = weights()
    return Embedded(
        Dictated(networks()),
        file.config,
        file.lexicon,
        file.tensors,
        1,
        Dictionary.count(QUESTIONS),
    )


def asked(found: Embedded) -> list[str]:
    """The words by ear in the log."""
    return [e.text for e in found.log(0) if e.what is What.ASKED and not e.is_typed]


def settled(found: Embedded) -> None:
    while any((*found.lay([0]), *found.fill([0]))):
        pass


def test_words_go_in_as_they_are_understood_but_for_the_last() -> None:
    found = model()
    found.look([0], picture(40))
    found.open_utterance(0)
    say(found, "wat colur i")
    assert asked(found) == [], "nobody has asked for the transcript yet"
    assert found.transcript(0).split()[:2] == ["what", "colour"]
    assert asked(found) == ["what", "colour"]
    say(found, "s this ")
    found.transcript(0)
    assert asked(found) == ["what", "colour", "is"]
    found.begin([0], [None])
    assert asked(found) == ["what", "colour", "is", "this"]


def test_a_question_is_the_same_however_often_it_was_looked_up() -> None:
    caches: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = []
    answers: list[list[str]] = []
    for looks in (False, True):
        found = model()
        found.look([0], picture(40))
        found.open_utterance(0)
        for word in ("wat ", "colr ", "is ", "th ", "star "):
            say(found, word)
            if looks:
                found.transcript(0)
                settled(found)
        found.begin([0], [None])
        caches.append(found.held(0))
        answers.append(rest(found))
    assert answers[0] == answers[1]
    np.testing.assert_allclose(caches[0], caches[1], atol=2e-4)


def test_a_word_that_turns_out_to_be_another_is_taken_back() -> None:
    found = model()
    found.open_utterance(0)
    talk = found._talks[0]  # pyright: ignore[reportPrivateUsage] - the words are dictated here
    made = found._entries.understood  # pyright: ignore[reportPrivateUsage]
    context = talk.context
    context.respell(talk.utterance, ["what", "colour"], lambda word: made(word, talk.utterance))
    found.look([0], picture(40))
    settled(found)
    context.respell(
        talk.utterance, ["what", "corner", "is"], lambda word: made(word, talk.utterance)
    )
    kinds = [(entry.what, entry.text) for entry in found.log(0)][1:]
    assert kinds == [(What.ASKED, "what"), (What.ASKED, "corner"), (What.ASKED, "is")]
    settled(found)
    assert found.owed(0) == 0


def test_what_is_retracted_goes_on_where_it_was() -> None:
    found = model()
    found.open_utterance(0)
    say(found, "what colour ")
    found.transcript(0)
    found.begin([0], [None])
    found.retract(0)
    say(found, "is this ")
    found.transcript(0)
    assert asked(found) == ["what", "colour", "is"]


def test_noise_that_is_forgotten_leaves_no_word() -> None:
    found = model()
    found.open_utterance(0)
    say(found, "where is ")
    found.transcript(0)
    assert asked(found) == ["where"]
    found.forget(0)
    assert asked(found) == []
    assert found.transcript(0) == ""


def test_an_answered_question_stays_when_nothing_more_is_heard() -> None:
    found = model()
    found.open_utterance(0)
    say(found, "where is the star ")
    found.begin([0], [None])
    found.commit(0)
    rest(found)
    assert found.transcript(0) == ""
    assert asked(found) == ["where", "is", "the", "star"]
