"""Training sequences: what lies where, what must be known there, and what each question is about."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from training_fakes import write_heard, write_scenes

from visavis.models.config import NANO
from visavis.models.lexicon import ASK, END, NOTE, SILENT, WAIT, Lexicon
from visavis.models.spelling import unspell
from visavis.models.training.heard import HeardPool
from visavis.models.training.intents import VISUAL, Intent, question_words
from visavis.models.training.questioner import misheard
from visavis.models.training.stories import Stories
from visavis.models.training.story import IGNORED, Story
from visavis.models.training.train_vision import Pictures
from visavis.models.training.wording import ANSWER_WORDS

LEXICON = Lexicon.of(ANSWER_WORDS)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    found = Pictures(write_scenes(tmp_path_factory.mktemp("scenes"), 40), "train")
    found.refresh()
    return found


def test_an_answer_knows_what_follows_each_of_its_words() -> None:
    story = Story()
    story.type("hello you")
    story.answer([7, 8])
    assert story.length == 2 + 4
    assert story.words == [(2, ASK), (3, 7), (4, 8), (5, END)]
    assert story.targets == [(2, 7), (3, 8), (4, END)]


def test_positions_of_a_story_do_not_overlap(pictures: Pictures) -> None:
    writer = Stories(pictures, LEXICON, NANO, random.Random(1), None)
    marks: set[int] = set()
    for _ in range(200):
        story = writer.write(3)
        filled = [at for at, _ in (*story.voice, *story.words)] + [at for at, _ in story.typed]
        for start, _ in story.pictures:
            filled += range(start, start + NANO.picture_tokens)
        assert sorted(filled) == list(range(story.length))
        assert story.length < NANO.max_positions
        assert story.targets and {at for at, _ in story.targets} <= {at for at, _ in story.words}
        marks |= {target for _, target in story.targets}
        first = min(start for start, _ in [*story.pictures, *story.words])
        assert first == 0, "a story begins with what is seen"
    assert {END, WAIT, SILENT} <= marks
    assert IGNORED not in marks


def test_stories_use_what_was_heard(pictures: Pictures, tmp_path: Path) -> None:
    pool = HeardPool(write_heard(tmp_path), "train")
    writer = Stories(pictures, LEXICON, NANO, random.Random(1), pool)
    heard = [word for _ in range(20) for _, word in writer.write(2).voice]
    assert any(word.latents is not None for word in heard)


def test_the_same_thing_may_be_looked_at_again(pictures: Pictures, tmp_path: Path) -> None:
    """Always before a question, never inside it; and not so often that the story grows too long."""
    pool = HeardPool(write_heard(tmp_path), "train")
    writer = Stories(pictures, LEXICON, NANO, random.Random(3), pool)
    again = 0
    for _ in range(200):
        story = writer.write(5)
        shown = [image for _, image in story.pictures]
        again += sum(a == b for a, b in pairwise(shown))
        sounds = {at for sound in story.sounded for at in sound}
        inputs = sorted({at for at, _ in [*story.voice, *story.typed]} - sounds)
        starts = {start for start, _ in story.pictures}
        for at, later in pairwise(inputs):
            between = [word for start, word in story.words if at < start < later]
            assert ASK in between or not starts & set(range(at, later))
    assert again > 40


def test_mishearing_is_mostly_hearing() -> None:
    rng = random.Random(3)
    text = "what colour is the circle"
    found = [misheard(text, rng) for _ in range(100)]
    for one in found:
        np.testing.assert_allclose(one.chances.sum(axis=1), 1, atol=1e-4)
        assert one.chances.shape[1] == NANO.classes
    exact = sum(unspell([int(c) for c in one.chances.argmax(axis=1)]) == text for one in found)
    assert 30 < exact < 90
    assert len(misheard("", rng).chances) == 1


def test_a_question_points_at_the_middles_of_what_it_is_about(pictures: Pictures) -> None:
    writer = Stories(pictures, LEXICON, NANO, random.Random(4), None)
    pointed = 0
    for _ in range(80):
        story = writer.write(3)
        for asked in story.asked:
            before = [(start, image) for start, image in story.pictures if start < asked.at]
            if not asked.relevant or asked.intent.family not in VISUAL:
                continue
            start, image = before[-1]
            scene = pictures.scenes[image]
            points = [(item.x, item.y) for item in scene.items]
            if scene.card is not None:
                points.append((scene.card.x, scene.card.y))
            cells = {int(y * 6) * 6 + int(x * 6) for x, y in points}
            assert {at - start for at in asked.relevant} <= cells
            assert asked.at < asked.end < story.length
            pointed += 1
    assert pointed > 25


def test_words_are_known_where_each_was_heard(pictures: Pictures) -> None:
    story = Story()
    story.type("what is it")
    assert story.spelt == [(0, "what"), (1, "is"), (2, "it")]
    heard = misheard("red star", random.Random(1)).words()
    story.hear(heard, ["red", "star"] if len(heard) == 2 else [])
    assert [word for _, word in story.spelt[3:]] in (["red", "star"], [])
    story.ask(1, Intent("count"), (), (1, 2))
    story.answer([3])
    (asked,) = story.asked
    assert (asked.at, asked.end, asked.relevant) == (story.length - 3, story.length - 1, (1, 2))


def test_a_stranger_among_the_words_changes_nothing_asked(pictures: Pictures) -> None:
    writer, known = Stories(pictures, LEXICON, NANO, random.Random(6), None), set(question_words())
    strangers = 0
    for _ in range(150):
        story = writer.write(2)
        strangers += sum(word not in known for _, word in story.spelt)
        assert all(asked.intent.topic for asked in story.asked)
    assert 20 < strangers < 120


def test_an_unfinished_question_may_come_at_any_turn(pictures: Pictures) -> None:
    """Else the decoder would learn from the number of turns when a person is not finished."""
    writer = Stories(pictures, LEXICON, NANO, random.Random(7), None)
    turns = {WAIT: set[int](), SILENT: set[int](), END: set[int]()}
    for _ in range(800):
        story = writer.write(4)
        last = story.targets[-1][1]
        turns[last].add(sum(index == ASK for _, index in story.words))
    assert turns[WAIT] == turns[END] == {1, 2, 3, 4}
    assert 1 in turns[SILENT]


def test_what_is_over_is_noted_and_pointed_at(pictures: Pictures) -> None:
    """A question about the past points at the note, or the sounds, that its answer rests on."""
    writer = Stories(pictures, LEXICON, NANO, random.Random(8), None)
    (mark,) = LEXICON.encode([NOTE])
    families: set[str] = set()
    for _ in range(600):
        story = writer.write(4)
        words = dict(story.words)
        typed = {at: unspell(letters) for at, letters in story.typed}
        for asked in story.asked:
            family = asked.intent.family
            if family in ("memory", "motion", "change") and asked.relevant:
                assert words[asked.relevant[0]] == mark
                assert words[asked.relevant[-1]] == END
                families.add(family)
            if family == "sound" and asked.relevant:
                heard = " ".join(typed[at] for at in asked.relevant)
                assert (asked.intent.name or "") in heard
                assert heard.split()[0] in ("loud", "soft")
                families.add(family)
    assert families == {"memory", "motion", "change", "sound"}


def test_a_note_of_what_is_seen_is_taught_and_one_of_the_past_is_not() -> None:
    story = Story()
    assert story.note(9, [10, 11], is_seen=True) == range(4)
    assert story.words == [(0, 9), (1, 10), (2, 11), (3, END)]
    assert story.targets == [(0, 10), (1, 11), (2, END)]
    past = Story()
    past.note(9, [10, 11], is_seen=False)
    assert past.words == story.words and not past.targets


def test_nobody_is_taught_to_say_maybe_but_what_follows_it() -> None:
    story = Story()
    story.answer([7, 99, 8], maybe=99)
    assert [index for _, index in story.words] == [ASK, 7, 99, 8, END]
    assert story.targets == [(0, 7), (1, 8), (2, 8), (3, END)]
