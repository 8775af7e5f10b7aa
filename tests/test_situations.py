"""What goes before a question in the evaluation: chosen from a seed, then brought about."""

from __future__ import annotations

import random

import pytest
from embedded_fakes import weights
from training_fakes import write_scenes

from visavis.models.embedded import open_embedded
from visavis.models.evaluation.parts import memory
from visavis.models.evaluation.situations import bring_about, hedged, situation
from visavis.models.lexicon import NOTE
from visavis.models.training.train_vision import Pictures
from visavis.models.window import What


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    found = Pictures(write_scenes(tmp_path_factory.mktemp("scenes"), 60), "test")
    found.refresh()
    return found


@pytest.mark.parametrize(
    ("question", "family"),
    [
        ("what colour is this", "colour"),
        ("what was the first thing", "memory"),
        ("how many beeps did you hear", "sound"),
        ("what colour was it when you heard the clap", "both"),
        ("and the one over yonder", "chatter"),
        ("and the other one", "follow-up"),
        ("are you sure", "sure"),
    ],
)
def test_a_question_gets_what_it_rests_on(pictures: Pictures, question: str, family: str) -> None:
    rng = random.Random(3)
    found = [it for _ in range(12) if (it := situation(question, pictures, rng)) is not None]
    assert found
    for it in found:
        assert it.asked.family in (family, "dark")
        assert it.world.scene == pictures.scenes[it.image]
        assert (it.first is not None) == (family in ("follow-up", "sure"))
    if family == "memory":
        assert any(it.world.before for it in found)
    if family in ("sound", "both"):
        assert any(it.world.sounds for it in found)
    again = random.Random(3)
    once_more = (situation(question, pictures, again) for _ in range(12))
    assert found[0] == next(it for it in once_more if it is not None)


def test_what_went_before_is_in_the_model(pictures: Pictures) -> None:
    model, rng = open_embedded(weights(), 1), random.Random(4)
    took_notes = 0
    for question in ("what did you see before this", "how many hums were there", "and the star"):
        for _ in range(8):
            it = situation(question, pictures, rng)
            if it is None:
                continue
            bring_about(model, 0, it, pictures)
            kinds = [entry.what for entry in model.log(0)]
            assert kinds.count(What.SOUND) == min(len(it.world.sounds), 5)
            assert kinds.count(What.PICTURE) == 1
            took_notes += kinds.count(What.NOTE)
            assert (What.SAID in kinds) == (it.first is not None)
            assert hedged(it, model, 0).asked.question == question
    assert (took_notes > 0) == (NOTE in weights().lexicon)


def test_memory_is_asked_for_long_after(pictures: Pictures) -> None:
    told = memory(open_embedded(weights(), 1), pictures, 4, seed=1)
    assert 1 <= told["samples"] <= 4
    assert 0.0 <= told["right"] <= 1.0
