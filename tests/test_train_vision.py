"""Training the vision encoder: what its teacher asks for, and a run of a few steps."""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from training_fakes import CountedTime, Still, write_scenes

from visavis.models import tensors
from visavis.models.config import NANO
from visavis.models.training import schedule
from visavis.models.training.scenes import Scene, random_scene
from visavis.models.training.train_vision import Pictures, VisionTeacher, train, varied


def scenes(count: int) -> list[Scene]:
    return [random_scene(random.Random(seed)) for seed in range(count)]


def test_a_pool_takes_in_what_was_written_since(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path, "train")
    assert pictures.refresh() == 0
    write_scenes(tmp_path, 3)
    assert pictures.refresh() == pictures.refresh() == 3
    assert pictures.images[0].shape == (NANO.picture, NANO.picture, 3)
    assert isinstance(pictures.scenes[0], Scene)


def test_a_varied_picture_is_nearly_the_same() -> None:
    rng = np.random.default_rng(0)
    tensors.seed(0)
    images = torch.randint(0, 256, (2, 96, 96, 3), dtype=torch.uint8)
    found = varied(images, rng)
    assert found.shape == images.shape and 0 <= float(found.min()) <= float(found.max()) <= 255
    still = varied(images, cast(np.random.Generator, Still()))
    torch.testing.assert_close(still, images.float())


def test_the_teacher_is_finite_and_can_be_learned_from() -> None:
    tensors.seed(0)
    teacher, some = VisionTeacher(NANO), scenes(8)
    patches = torch.randn(8, NANO.picture_tokens, NANO.vision_width, requires_grad=True)
    latents = torch.randn(8, NANO.picture_tokens, NANO.width, requires_grad=True)
    losses: list[float] = []
    optimizer = torch.optim.Adam([patches, latents, *teacher.parameters()], 0.05)
    for _ in range(12):
        loss = teacher.loss(patches, latents, some)
        losses.append(loss.item())
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()  # pyright: ignore[reportUnknownMemberType] - torch's own types
    assert losses[-1] < losses[0] / 2


def test_an_empty_table_teaches_too() -> None:
    tensors.seed(0)
    empty = next(s for s in scenes(400) if not s.items)
    patches = torch.randn(1, NANO.picture_tokens, NANO.vision_width)
    latents = torch.randn(1, NANO.picture_tokens, NANO.width)
    assert bool(VisionTeacher(NANO).loss(patches, latents, [empty]).isfinite())


def test_a_run_of_a_few_steps_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "time", CountedTime())
    args = argparse.Namespace(
        scenes=write_scenes(tmp_path / "scenes"), out=tmp_path, batch=4, rate=1e-3, seed=3
    )
    steps: list[int] = []
    for minutes in (0.2, 0.4):
        train(argparse.Namespace(minutes=minutes, **vars(args)))
        state = torch.load(tmp_path / "vision.pt", weights_only=True)
        steps.append(state["step"])
    assert 0 < steps[0] < steps[1]
    assert all(t.isfinite().all() for t in state["parts"]["vision"].values())
