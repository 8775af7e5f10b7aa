"""What comes in as entries: marks, words by ear and by hand, and pictures in two halves."""

from __future__ import annotations

import numpy as np
from embedded_fakes import networks, picture, see, weights

from visavis.models.config import Kind
from visavis.models.entries import Entries
from visavis.models.lexicon import ASK, MARKS
from visavis.models.spelling import spell
from visavis.models.window import What

FILE = weights()
KINDS = FILE.tensors["decoder.kinds.weight"]
ENTRIES = Entries(networks(), FILE.config, FILE.lexicon, FILE.tensors)


def test_a_mark_is_one_position_and_a_word_has_its_text() -> None:
    mark = ENTRIES.mark(ASK, What.SAID, 3)
    assert (mark.x.shape, mark.text, mark.utterance) == ((1, FILE.config.width), "", 3)
    word = ENTRIES.mark(len(MARKS), What.SAID, 3)
    assert word.text.strip() == FILE.lexicon.words[len(MARKS)]
    np.testing.assert_array_equal(word.x, ENTRIES.words[len(MARKS) : len(MARKS) + 1])


def test_a_picture_takes_its_room_at_first_glance_and_is_the_same_when_it_is_recognised() -> None:
    glanced = ENTRIES.picture(picture(60)[0], 1)
    assert glanced.glanced is not None
    assert glanced.x.shape == (FILE.config.picture_tokens, FILE.config.width)
    whole = ENTRIES.recognised(glanced)
    assert whole.glanced is None and whole.utterance == 1
    np.testing.assert_allclose(whole.x, see(picture(60))[0], atol=1e-6)
    assert ENTRIES.recognised(whole) is whole


def test_a_word_surely_heard_and_a_typed_one_differ_by_how_they_came_in() -> None:
    letters = np.eye(FILE.config.classes, dtype=np.float32)[spell("red")]
    silent = np.zeros(FILE.config.audio_width, np.float32)
    heard = ENTRIES.heard([(letter, silent) for letter in letters], 2)
    typed = ENTRIES.typed("red", 2)
    assert typed is not None and typed.is_typed and not heard.is_typed
    assert (heard.text, typed.text) == ("red", "red")
    difference = KINDS[Kind.VOICE] - KINDS[Kind.TYPED]
    np.testing.assert_allclose(heard.x - typed.x, difference[None], atol=1e-5)


def test_typed_text_without_a_letter_is_nothing() -> None:
    assert ENTRIES.typed("", 1) is None
    three = ENTRIES.typed("what is it", 1)
    assert three is not None and len(three.x) == 3
