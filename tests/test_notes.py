"""What the model sees is put into words while nobody speaks, and stays when the picture is gone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from embedded_fakes import Dictated, Inner, answer, exchange, networks, picture, say, weights

from visavis.models.embedded import Embedded
from visavis.models.lexicon import END, NOTE, Lexicon
from visavis.models.networks import CachedLayers, Floats, Networks
from visavis.models.window import NOTES, REMEMBERED, Entry, What, length, remembered


class Scripted(Inner):
    """Behind the mark of a note the full depth says these words, one after the other."""

    def __init__(self, inner: Networks, lexicon: Lexicon) -> None:
        super().__init__(inner)
        self.lexicon = lexicon
        self.words = ["red", "circle", "left"]
        self.said = 0

    def new_cache(self) -> CachedLayers:
        return ScriptedLayers(super().new_cache(), self)


class ScriptedLayers:
    """Says what the script says where a note is due."""

    def __init__(self, inner: CachedLayers, script: Scripted) -> None:
        self._inner, self._script = inner, script

    def shallow(self, x: Floats, start: int) -> tuple[Floats, Floats]:
        return self._inner.shallow(x, start)

    def deep(self, x: Floats, start: int) -> tuple[Floats, Floats]:
        logits, hidden = self._inner.deep(x, start)
        script = self._script
        if script.said >= 0:
            word = [*script.words, "<end>"][script.said % (len(script.words) + 1)]
            logits = np.full_like(logits, -5.0)
            logits[-1, END if word == "<end>" else script.lexicon.encode([word])[0]] = 5.0
        return logits, hidden

    def held(self, length: int) -> Floats:
        return self._inner.held(length)


@pytest.fixture
def scripted() -> tuple[Embedded, Scripted]:
    """The shipped weights with a lexicon that surely has the mark, and a scripted note."""
    file = weights()
    lexicon, tables = file.lexicon, dict(file.tensors)
    if NOTE not in lexicon:
        words = [*lexicon.words]
        words[-1] = NOTE  # some word nobody needs here
        lexicon = Lexicon(words)
    script = Scripted(Dictated(networks()), lexicon)
    script.said = -1
    return Embedded(script, file.config, lexicon, tables, 1), script


def settle(model: Embedded) -> None:
    """All that came in lies in the cache."""
    while any((*model.lay([0]), *model.fill([0]))):
        pass


def write(model: Embedded, script: Scripted) -> int:
    """A whole note; its steps."""
    settle(model)
    steps = 0
    while model.wants_note(0):
        script.said = steps
        model.write_note([0])
        steps += 1
    script.said = -1
    return steps


def notes(model: Embedded) -> list[str]:
    """What the notes in the log say."""
    return [entry.text.strip() for entry in model.log(0) if entry.what is What.NOTE]


def kinds(model: Embedded) -> list[What]:
    return [entry.what for entry in model.log(0)]


def test_a_picture_is_put_into_words_once(scripted: tuple[Embedded, Scripted]) -> None:
    model, script = scripted
    assert not model.wants_note(0), "there is no picture yet"
    model.look([0], picture(40))
    assert not model.wants_note(0), "it is not in the cache yet"
    steps = write(model, script)
    assert steps == 5, "the mark, three words, the end"
    assert notes(model) == ["red circle left"]
    assert kinds(model) == [What.PICTURE, What.NOTE]
    assert not model.wants_note(0)
    assert model.owed(0) == 0


def test_a_note_stays_when_its_picture_goes(scripted: tuple[Embedded, Scripted]) -> None:
    model, script = scripted
    model.look([0], picture(40))
    write(model, script)
    model.look([0], picture(200))
    assert kinds(model) == [What.NOTE, What.PICTURE]
    script.words = ["blue", "star"]
    write(model, script)
    assert notes(model) == ["red circle left", "blue star"]
    settle(model)
    assert model.held(0).shape[3] == length(model.log(0))


def test_what_tells_nothing_is_not_remembered(scripted: tuple[Embedded, Scripted]) -> None:
    model, script = scripted
    script.words = ["nothing"]
    if "nothing" not in script.lexicon:
        pytest.skip("the lexicon has no such word")
    model.look([0], picture(40))
    write(model, script)
    model.look([0], picture(200))
    assert kinds(model) == [What.PICTURE]


def test_the_same_thing_seen_again_is_one_note(scripted: tuple[Embedded, Scripted]) -> None:
    model, script = scripted
    for level in (40, 200, 90):
        model.look([0], picture(level))
        write(model, script)
    assert notes(model) == ["red circle left"]
    settle(model)
    assert kinds(model) == [What.PICTURE, What.NOTE]


def test_speech_breaks_a_note_off_and_leaves_no_trace(scripted: tuple[Embedded, Scripted]) -> None:
    model, script = scripted
    model.look([0], picture(40))
    settle(model)
    script.said = 0
    model.write_note([0])
    model.write_note([0])
    script.said = -1
    model.open_utterance(0)
    say(model, "what is it ")
    assert What.NOTE not in kinds(model)
    assert not model.wants_note(0), "nobody takes notes while somebody speaks"
    fresh = Embedded(Dictated(networks()), weights().config, script.lexicon, weights().tensors, 1)
    fresh.look([0], picture(40))
    fresh.open_utterance(0)
    say(fresh, "what is it ")
    assert answer(model) == answer(fresh)


def test_a_typed_question_breaks_a_note_off(scripted: tuple[Embedded, Scripted]) -> None:
    model, script = scripted
    model.look([0], picture(40))
    settle(model)
    script.said = 0
    model.write_note([0])
    script.said = -1
    exchange(model, "what is it")
    assert What.NOTE not in kinds(model)
    settle(model)
    assert model.wants_note(0), "now there is time for it"


def test_a_shortened_context_keeps_the_notes(scripted: tuple[Embedded, Scripted]) -> None:
    model, script = scripted
    model.look([0], picture(40))
    write(model, script)
    exchange(model, "what is it")
    model.look([0], picture(200))
    for _ in range(30):
        exchange(model, "what colour is the thing on the left")
    found = kinds(model)
    assert found[0] is What.NOTE and found.count(What.PICTURE) == 1
    assert notes(model)[0] == "red circle left"


def test_memory_is_bounded_and_the_first_thing_stays() -> None:
    width = 4

    def note(number: int, words: int) -> Entry:
        return Entry(What.NOTE, np.zeros((words, width), np.float32), number, f"note {number}")

    past = [note(number, 5) for number in range(20)]
    kept = remembered(past)
    assert [entry.text for entry in kept] == ["note 0", *(f"note {n}" for n in (16, 17, 18, 19))]
    assert len(kept) == NOTES
    long = [replace(entry, x=np.zeros((30, width), np.float32)) for entry in past]
    kept = remembered(long)
    assert length(kept) <= REMEMBERED
    assert [entry.text for entry in kept] == ["note 0", "note 19"]


def test_a_model_without_the_mark_takes_no_notes() -> None:
    file = weights()
    words = [word if word != NOTE else "<none>" for word in file.lexicon.words]
    model = Embedded(networks(), file.config, Lexicon(words), file.tensors, 1)
    model.look([0], picture(40))
    settle(model)
    assert not model.wants_note(0)


def test_a_small_thing_that_moved_is_seen_and_grain_is_not() -> None:
    file = weights()
    model = Embedded(networks(), file.config, file.lexicon, file.tensors, 1)
    grain = np.random.default_rng(0)
    side = file.config.picture
    wall = np.full((1, side, side, 3), 180, np.uint8)

    def with_a_thing(x: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        noisy = np.clip(wall + grain.normal(0, 6, wall.shape), 0, 255).astype(np.uint8)
        noisy[:, 40:52, x : x + 12] = (200, 30, 30)
        return noisy

    assert model.look([0], with_a_thing(10)) == [True]
    assert [model.look([0], with_a_thing(10))[0] for _ in range(5)] == [False] * 5
    assert model.look([0], with_a_thing(60)) == [True]
