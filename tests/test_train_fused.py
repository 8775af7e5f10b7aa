"""Training the decoder: stories, their layout beside the runtime's, and a run of a few steps."""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from embedded_fakes import Dictated, Watched, exchange, networks, say, stepper, weights
from tiny_model import ints
from torch import Tensor
from training_fakes import CountedTime, write_heard, write_scenes

from visavis.models import tensors
from visavis.models.config import NANO
from visavis.models.decoder import FusedDecoder, Watch
from visavis.models.lexicon import ASK, CAMERA_OFF, END, Lexicon
from visavis.models.networks import shipped
from visavis.models.spelling import spell
from visavis.models.training import schedule
from visavis.models.training.decoder_teacher import DecoderTeacher
from visavis.models.training.heard import Heard
from visavis.models.training.stories import Stories
from visavis.models.training.story import Story
from visavis.models.training.train_fused import batch_loss, batches, padded_words, seen, train
from visavis.models.training.train_vision import Pictures
from visavis.models.training.wording import ANSWER_WORDS
from visavis.models.vision_encoder import VisionEncoder
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

    def forward(self, x: Tensor, targets: Tensor, watch: Watch | None = None) -> list[Tensor]:
        self.laid = x.detach()
        return super().forward(x, targets, watch)


def dictated(text: str) -> Heard:
    """What `Dictated` hears of a text, as the recipe would keep it."""
    chances = np.full((len(text), NANO.classes), 0.001, np.float32)
    chances[np.arange(len(text)), spell(text)] = 0.9
    return Heard(text, chances, np.zeros((len(text), NANO.audio_width), np.float16))


@pytest.mark.parametrize("is_late", [False, True])
def test_training_lays_a_conversation_out_as_the_runtime_does(
    pictures: Pictures, is_late: bool
) -> None:
    """Without a camera; with a picture that comes before a question or in the middle of it and lies
    before it; typed."""
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

    story.see(1, NANO.picture_tokens)
    if not is_late:
        agent.look([0], pictures.images[1][None])
    agent.open_utterance(0)
    story.hear(dictated("what is it").words())
    say(agent, "what is ")
    if is_late:
        agent.look([0], pictures.images[1][None])
    say(agent, "it")
    answered(None)

    story.type("what colour is this")
    agent.begin([0], ["What COLOR is this?"])
    story.word(ASK, END)

    decoder, model = Recorded(NANO, len(lexicon)), load(shipped("nano"))
    decoder.load_state_dict(model.decoder.state_dict())
    latents = seen(model.vision, pictures)
    with torch.inference_mode():
        batch_loss([story], latents, decoder.eval(), DecoderTeacher(NANO))
    laid, run = decoder.laid[0].numpy(), np.stack(watched.laid)
    assert laid.shape == run.shape
    ((start, _),) = story.pictures
    shown = np.zeros(len(laid), bool)
    shown[start : start + NANO.picture_tokens] = True
    np.testing.assert_allclose(run[~shown], laid[~shown], atol=1e-4)
    # Training keeps what is seen in half precision.
    likeness = (run * laid).sum(axis=1) / np.linalg.norm(run, axis=1) / np.linalg.norm(laid, axis=1)
    assert likeness[shown].min() > 0.999


def test_words_lie_side_by_side() -> None:
    words = dictated("a red one").words()
    chances, latents, lengths = padded_words(words, NANO)
    assert chances.shape == (3, 3, NANO.classes) and latents.shape == (3, 3, NANO.audio_width)
    assert ints(lengths) == [1, 3, 3]
    assert float(chances[0, 1:].abs().sum()) == 0


def test_batches_hold_stories_of_like_length_within_the_budget(pictures: Pictures) -> None:
    writer = Stories(pictures, LEXICON, NANO, random.Random(1), None)
    found = [batch for batch, _ in zip(batches(writer, 3, 600), range(20), strict=False)]
    filled = sum(story.length for batch in found for story in batch)
    room = sum(len(batch) * max(story.length for story in batch) for batch in found)
    assert all(len(b) == 1 or len(b) * max(s.length for s in b) <= 600 for b in found)
    assert filled / room > 0.85, "most of a batch is stories, not padding"


def test_a_run_of_a_few_steps_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "time", CountedTime())
    write_heard(tmp_path / "heard")
    tensors.seed(1)
    vision = {"parts": {"vision": VisionEncoder(NANO).state_dict()}}
    torch.save(vision, tmp_path / "vision.pt")
    args = {
        "scenes": write_scenes(tmp_path / "scenes"),
        "out": tmp_path,
        "positions": 600,
        "exchanges": 2,
        "rate": 1e-3,
        "seed": 2,
    }
    runs: list[dict[str, Any]] = []
    for minutes in (0.2, 0.4):
        train(argparse.Namespace(minutes=minutes, **args))
        runs.append(torch.load(tmp_path / "fused.pt", weights_only=True))
    first, second = runs
    assert 0 < first["step"] < second["step"]
    for name, tensor in second["parts"]["decoder"].items():
        assert bool(tensor.isfinite().all())
        change = float((tensor - first["parts"]["decoder"][name]).abs().max())
        assert change < 0.1, f"{name} did not begin where the run before ended"


def test_the_loss_is_finite_and_has_a_gradient(pictures: Pictures) -> None:
    tensors.seed(0)
    model = load(shipped("nano")).requires_grad_(True)
    writer = Stories(pictures, weights().lexicon, NANO, random.Random(2), None)
    stories = [writer.write(2) for _ in range(3)]
    teacher = DecoderTeacher(NANO)
    losses = batch_loss(stories, seen(model.vision, pictures), model.decoder, teacher)
    torch.autograd.backward(losses.total)
    assert 0 <= losses.right <= 1 and losses.words > 0 and losses.beside > 0
    for name, parameter in model.decoder.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.isfinite().all()), name
