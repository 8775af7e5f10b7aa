"""What the decoder is told on the way to an answer."""

from __future__ import annotations

import torch

from visavis.models import tensors
from visavis.models.config import NANO
from visavis.models.decoder import Watch
from visavis.models.training.decoder_teacher import LOOKING_LAYERS, DecoderTeacher
from visavis.models.training.intents import Intent, question_words
from visavis.models.training.scenes import Item
from visavis.models.training.story import Story


def story() -> Story:
    """A picture at 0, "how many stars" behind it, and an answer about two of its patches."""
    found = Story()
    found.see(0, NANO.picture_tokens)
    found.type("how many stars")
    stars = [Item("star", "red", x, 0.5, 0.2) for x in (0.2, 0.8)]
    found.ask(2, Intent("count shape", shape="star"), stars, (7, 9))
    found.answer([5, 6])
    return found


def watch(one: Story, looks_at: tuple[int, ...]) -> Watch:
    """A pass whose looking heads rest on these positions alone."""
    looks = torch.zeros(1, one.length, one.length)
    looks[:, :, list(looks_at)] = 1 / len(looks_at)
    hidden = torch.zeros(1, one.length, NANO.width)
    return Watch([hidden] * NANO.layers, [looks] * NANO.layers)


def test_looking_where_the_answer_is_costs_least() -> None:
    tensors.seed(0)
    teacher, one = DecoderTeacher(NANO), story()
    there, half, elsewhere = (
        teacher.loss([one], watch(one, places)).item() for places in ((7, 9), (7, 11), (3,))
    )
    assert there < half < elsewhere
    assert len(LOOKING_LAYERS) == 2


def test_a_question_about_nothing_there_looks_at_itself() -> None:
    tensors.seed(0)
    teacher, one = DecoderTeacher(NANO), Story()
    one.type("hello")
    one.ask(1, Intent("greeting"))
    one.answer([5])
    at = one.asked[0].at
    there, elsewhere = (teacher.loss([one], watch(one, (place,))).item() for place in (at, 0))
    assert there < elsewhere


def test_what_was_found_is_asked_for() -> None:
    """How many, and what they have in common: each alone changes the loss."""
    tensors.seed(0)
    teacher, one = DecoderTeacher(NANO), story()
    before = teacher.loss([one], watch(one, (7, 9))).item()
    for head in (teacher.number, teacher.found_shape, teacher.found_color):
        torch.nn.init.ones_(head.bias[0])
        after = teacher.loss([one], watch(one, (7, 9))).item()
        assert after != before
        before = after
    torch.nn.init.constant_(teacher.found_place.bias, 9.0)
    assert teacher.loss([one], watch(one, (7, 9))).item() == before, "two have no place in common"


def test_words_of_trained_phrasings_are_known() -> None:
    words = question_words(2000)
    assert {"what", "colour", "circle"} <= set(words)
    assert list(words) == sorted(set(words))


def test_a_story_without_questions_costs_nothing() -> None:
    one = Story()
    one.see(0, NANO.picture_tokens)
    assert DecoderTeacher(NANO).loss([one], watch(one, (0,))).item() == 0
