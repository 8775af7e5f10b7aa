"""Where the words of a sound lie among what the embedded model sees, hears and says."""

from __future__ import annotations

import numpy as np
import pytest
from embedded_fakes import Dictated, answer, networks, say, stepper, weights

from visavis.models.config import Kind
from visavis.models.embedded import Embedded
from visavis.models.networks import Pictures
from visavis.models.window import What


def picture(level: int) -> Pictures:
    return np.full((1, *stepper_size(), 3), level, np.uint8)


def stepper_size() -> tuple[int, int]:
    side = weights().config.picture
    return side, side


@pytest.fixture
def model() -> Embedded:
    made = stepper(Dictated(networks()))
    made.open_utterance(0)
    return made


def order(model: Embedded) -> list[str]:
    """Pictures as a number (their brightness is not kept: of entries), words as they are."""
    names: list[str] = []
    for entry in model.log(0):
        if entry.what is What.PICTURE:
            names.append("picture")
        elif entry.what in (What.ASKED, What.SOUND):
            names.append(entry.text)
    return names


def test_the_words_are_typed_positions(model: Embedded) -> None:
    model.tell_sound(0, "loud high beep")
    (entry,) = [entry for entry in model.log(0) if entry.what is What.SOUND]
    assert entry.text == "loud high beep" and len(entry.x) == 3 and entry.is_typed
    typed = stepper(networks())
    typed.begin([0], ["loud high beep"])
    asked = next(entry for entry in typed.log(0) if entry.what is What.ASKED)
    np.testing.assert_array_equal(entry.x, asked.x)
    assert Kind.TYPED == 2  # what the decoder was taught


def test_a_clap_is_two_positions(model: Embedded) -> None:
    model.tell_sound(0, "soft clap")
    (entry,) = [entry for entry in model.log(0) if entry.what is What.SOUND]
    assert len(entry.x) == 2


def test_pictures_before_and_after_a_sound_both_stay(model: Embedded) -> None:
    model.look([0], picture(40))
    model.tell_sound(0, "soft clap")
    model.look([0], picture(200))
    assert order(model)[-3:] == ["picture", "soft clap", "picture"]
    model.look([0], picture(90))  # nothing was heard over the one before
    assert order(model)[-3:] == ["picture", "soft clap", "picture"]


def test_forgetting_noise_keeps_sounds(model: Embedded) -> None:
    model.look([0], picture(40))
    say(model, "mm ")
    model.tell_sound(0, "loud low hum")
    model.forget(0)
    assert order(model)[-2:] == ["picture", "loud low hum"]


def test_a_sound_does_not_tear_words_apart(model: Embedded) -> None:
    model.look([0], picture(40))
    say(model, "what is ")
    model.tell_sound(0, "soft clap")
    say(model, "this ")
    assert order(model)[-5:] == ["picture", "soft clap", "what", "is", "this"]


def test_a_sound_during_an_answer_lies_behind_it(model: Embedded) -> None:
    say(model, "hello ")
    model.begin([0], [None])
    before = len(model.log(0))
    model.tell_sound(0, "soft clap")
    model.look([0], picture(40))
    model.tell_sound(0, "soft clap")
    model.look([0], picture(200))
    assert len(model.log(0)) == before
    model.commit(0)
    while not model.next([0])[0][1]:
        pass
    tail = [entry.what for entry in model.log(0) if entry.what is not What.NOTE][-4:]
    assert tail == [What.SOUND, What.PICTURE, What.SOUND, What.PICTURE]


def test_a_retracted_shadow_lets_the_sound_in(model: Embedded) -> None:
    model.begin([0], [None])
    model.tell_sound(0, "soft clap")
    model.retract(0)
    assert order(model)[-1] == "soft clap"


def test_streamed_and_at_once_the_cache_is_the_same() -> None:
    """Slow twin: laid piece by piece around a sound, or all with the answer's first pass."""
    said: list[list[str]] = []
    for is_streamed in (True, False):
        model = stepper(networks())
        model.open_utterance(0)
        model.look([0], picture(40))
        for words in ("loud high beep", "soft clap"):
            if is_streamed:
                while model.lay([0])[0]:
                    pass
            model.tell_sound(0, words)
        said.append(answer(model, "how many beeps did you hear"))
    assert said[0] == said[1]


def test_sounds_count_as_audio(model: Embedded) -> None:
    before = model.taken(0)
    model.tell_sound(0, "loud high beep")
    assert model.taken(0).audio == before.audio + 3 and model.taken(0).text == before.text


def test_words_without_a_letter_are_nothing(model: Embedded) -> None:
    before = model.log(0)
    model.tell_sound(0, "…")
    assert model.log(0) == before


def test_hundreds_of_sounds_fit_the_cache(model: Embedded) -> None:
    for level in range(150):
        model.look([0], picture(level % 2 * 200))
        model.tell_sound(0, "loud high beep")
        while model.lay([0])[0]:
            pass
    assert sum(len(entry.x) for entry in model.log(0)) <= weights().config.max_positions
    assert order(model)[-2:] == ["picture", "loud high beep"]
