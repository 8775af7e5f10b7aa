"""Training the decoder: stories, their layout beside the runtime's, and a run of a few steps."""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from embedded_fakes import Dictated, Watched, exchange, networks, say, stepper, weights
from tiny_model import ints
from torch import Tensor
from training_fakes import CountedTime, Still, write_heard, write_scenes

from visavis.models import tensors
from visavis.models.config import NANO
from visavis.models.decoder import FusedDecoder
from visavis.models.lexicon import ASK, CAMERA_OFF, END, SILENT, WAIT, Lexicon
from visavis.models.networks import shipped
from visavis.models.spelling import spell, unspell
from visavis.models.training import schedule
from visavis.models.training.heard import Heard, HeardPool
from visavis.models.training.language import ANSWER_WORDS
from visavis.models.training.train_fused import (
    IGNORED,
    Stories,
    Story,
    batch_loss,
    misheard,
    padded_words,
    train,
)
from visavis.models.training.train_vision import Pictures, VisionTeacher
from visavis.models.weights import load

LEXICON = Lexicon.of(ANSWER_WORDS)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    found = Pictures(write_scenes(tmp_path_factory.mktemp("scenes")), "train")
    found.refresh()
    return found


class Recorded(FusedDecoder):
    """The shipped decoder; keeps what was laid out for it."""

    laid: Tensor

    def forward(self, x: Tensor, targets: Tensor) -> list[Tensor]:
        self.laid = x.detach()
        return super().forward(x, targets)


def dictated(text: str) -> Heard:
    """What `Dictated` hears of a text, as the recipe would keep it."""
    chances = np.full((len(text), NANO.classes), 0.001, np.float32)
    chances[np.arange(len(text)), spell(text)] = 0.9
    return Heard(text, chances, np.zeros((len(text), NANO.audio_width), np.float16))


@pytest.mark.parametrize("is_late", [False, True])
def test_training_lays_a_conversation_out_as_the_runtime_does(
    pictures: Pictures, is_late: bool
) -> None:
    """Without a camera; with a picture before a question or in the middle of it; typed."""
    watched = Watched(Dictated(networks()))
    agent, story, lexicon = stepper(watched), Story(), weights().lexicon

    def answered(text: str | None) -> None:
        said = exchange(agent, text)
        story.answer(lexicon.encode([word.strip() for word in said]))

    story.word(CAMERA_OFF)
    agent.open_utterance(0)
    say(agent, "hello there")
    story.hear(dictated("hello there").words())
    answered(None)

    if not is_late:
        story.see(1, NANO.picture_tokens)
        agent.look([0], pictures.images[1][None])
    agent.open_utterance(0)
    story.hear(dictated("what is").words())
    say(agent, "what is ")
    if is_late:
        story.see(1, NANO.picture_tokens)
        agent.look([0], pictures.images[1][None])
    story.hear(dictated("it").words())
    say(agent, "it")
    answered(None)

    story.type("what colour is this")
    agent.begin([0], ["What COLOR is this?"])
    story.word(ASK, END)

    decoder, model = Recorded(NANO, len(lexicon)), load(shipped("nano"))
    decoder.load_state_dict(model.decoder.state_dict())
    rng, teacher = cast(np.random.Generator, Still()), VisionTeacher(NANO)
    with torch.inference_mode():
        batch_loss([story], pictures, model.vision, decoder.eval(), teacher, rng)
    laid, run = decoder.laid[0].numpy(), np.stack(watched.laid)
    assert laid.shape == run.shape
    ((start, _),) = story.pictures
    shown = np.zeros(len(laid), bool)
    shown[start : start + NANO.picture_tokens] = True
    np.testing.assert_allclose(run[~shown], laid[~shown], atol=1e-4)
    # Training sees in bfloat16.
    likeness = (run * laid).sum(axis=1) / np.linalg.norm(run, axis=1) / np.linalg.norm(laid, axis=1)
    assert likeness[shown].min() > 0.98


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
    for _ in range(60):
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


def test_words_lie_side_by_side() -> None:
    words = dictated("a red one").words()
    chances, latents, lengths = padded_words(words, NANO)
    assert chances.shape == (3, 3, NANO.classes) and latents.shape == (3, 3, NANO.audio_width)
    assert ints(lengths) == [1, 3, 3]
    assert float(chances[0, 1:].abs().sum()) == 0


def test_a_run_of_a_few_steps_resumes_and_the_next_stage_begins_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "time", CountedTime())
    write_heard(tmp_path / "heard")
    args = {
        "scenes": write_scenes(tmp_path / "scenes"),
        "out": tmp_path,
        "batch": 4,
        "exchanges": 2,
        "rate": 1e-3,
        "seed": 2,
    }
    steps: list[int] = []
    for minutes in (0.2, 0.4):
        train(argparse.Namespace(minutes=minutes, heard=False, **args))
        steps.append(torch.load(tmp_path / "fused.pt", weights_only=True)["step"])
    assert 0 < steps[0] < steps[1]
    train(argparse.Namespace(minutes=0.2, heard=True, **args))
    fused, heard = (
        torch.load(tmp_path / f"{name}.pt", weights_only=True) for name in ("fused", "heard")
    )
    assert heard["step"] < fused["step"] + steps[0]
    for name, tensor in heard["parts"]["decoder"].items():
        assert bool(tensor.isfinite().all())
        change = float((tensor - fused["parts"]["decoder"][name]).abs().max())
        assert change < 0.1, f"{name} did not begin where the stage before ended"


def test_the_loss_is_finite_and_has_a_gradient(pictures: Pictures) -> None:
    tensors.seed(0)
    model = load(shipped("nano")).requires_grad_(True)
    writer = Stories(pictures, weights().lexicon, NANO, random.Random(2), None)
    rng = np.random.default_rng(0)
    stories = [writer.write(2) for _ in range(3)]
    losses = batch_loss(stories, pictures, model.vision, model.decoder, VisionTeacher(NANO), rng)
    torch.autograd.backward(losses.total)
    assert 0 <= losses.right <= 1 and losses.words > 0
    for name, parameter in (*model.vision.named_parameters(), *model.decoder.named_parameters()):
        assert parameter.grad is not None and bool(parameter.grad.isfinite().all()), name
