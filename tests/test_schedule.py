"""A training run's budget, rate, log and checkpoints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from visavis.models import tensors
from visavis.models.training.schedule import Optimizers, Run, muon


class Part(nn.Module):
    """A matrix of a numbered layer, one that comes out, and a bias each."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 3)])
        self.out = nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.out(self.layers[0](x))
        return y


def learner() -> tuple[Part, Optimizers]:
    tensors.seed(0)
    part = Part()
    return part, muon([part], 1.0, decay=0.0)


def test_a_budget_of_nothing_is_over(tmp_path: Path) -> None:
    assert Run("x", tmp_path / "new", minutes=0.0, peak=1.0).is_over
    assert not Run("x", tmp_path, minutes=1e6, peak=1.0).is_over


def test_the_rate_rises_and_falls(tmp_path: Path) -> None:
    """The time that is spent is what a checkpoint says: no clock is needed."""
    part, optimizer = learner()
    rates: list[float] = []
    for minutes in (0.0, 0.015, 0.03, 0.5, 0.9, 1.0, 2.0):
        run = Run("x", tmp_path, minutes=1e9, peak=2.0)
        run.save({"part": part}, optimizer)
        state = torch.load(tmp_path / "x.pt", weights_only=True)
        torch.save({**state, "spent": minutes * 6e10}, tmp_path / "x.pt")
        assert run.resume({"part": part}, optimizer)
        assert run.is_over == (minutes >= 1)
        rates.append(run.rate)
    assert rates == pytest.approx([0.04, 1.02, 2.0, 2 * 0.5 / 0.97, 2 * 0.1 / 0.97, 0.02, 0.02])


def test_a_step_goes_down_the_gradient_and_counts(tmp_path: Path) -> None:
    part, optimizer = learner()
    run = Run("x", tmp_path, minutes=1e9, peak=0.02)
    losses: list[float] = []
    for _ in range(20):
        loss = part(torch.ones(4, 2)).square().mean()
        losses.append(loss.item())
        run.descend(loss, part.parameters(), optimizer, longest=1.0)
    assert run.step == 20
    assert losses[-1] < losses[0]
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(
        [run.rate] * 2, rel=1e-3
    )


def test_only_matrices_of_numbered_layers_are_made_orthogonal() -> None:
    """The gradient's singular values do not count: a step is as long in every direction."""
    part, optimizer = learner()
    inner, outer = optimizer.each
    assert [p.shape for p in inner.param_groups[0]["params"]] == [(3, 2)]
    assert sum(p.numel() for p in outer.param_groups[0]["params"]) == 3 + 3 + 1
    assert isinstance(inner, torch.optim.Muon)
    matrix = dict(part.named_parameters())["layers.0.weight"]
    before = matrix.detach().clone()
    matrix.grad = torch.tensor([[9.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    for group in inner.param_groups:
        group["lr"] = 0.1
    inner.step()  # pyright: ignore[reportUnknownMemberType]
    moved = (before - matrix.detach()).abs()
    assert 0.5 < float(moved[1, 1] / moved[0, 0]) < 2.0


def test_gradients_are_no_longer_than_said(tmp_path: Path) -> None:
    part, optimizer = learner()
    run = Run("x", tmp_path, minutes=1e9, peak=0.01)
    run.descend(1e6 * part(torch.ones(4, 2)).sum(), part.parameters(), optimizer, longest=1.0)
    squares = [p.grad.square().sum() for p in part.parameters() if p.grad is not None]
    assert sum(float(square) for square in squares) == pytest.approx(1.0, rel=1e-3)


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    part, optimizer = learner()
    run = Run("x", tmp_path, minutes=1e9, peak=0.01)
    assert not run.resume({"part": part}, optimizer)
    run.descend(part(torch.ones(4, 2)).sum(), part.parameters(), optimizer, longest=1.0)
    run.save({"part": part}, optimizer)
    other, fresh = learner()
    again = Run("x", tmp_path, minutes=1e9, peak=0.01)
    assert again.resume({"part": other}, fresh)
    assert again.step == 1 and again.spent >= run.spent - 1
    assert torch.equal(other.out.weight, part.out.weight)
    for mine, its in zip(fresh.each, optimizer.each, strict=True):
        assert mine.state_dict()["state"].keys() == its.state_dict()["state"].keys() != set()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.pt"]


def test_the_log_is_json_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run("x", tmp_path, minutes=1.0, peak=1.0)
    run.log(loss=1.23456789, note="fine")
    run.log(loss=1.0)
    rows = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    assert [row["loss"] for row in rows] == [1.23456789, 1.0]
    assert rows[0]["note"] == "fine" and rows[0]["step"] == 0
    assert "loss=1.235  note=fine" in capsys.readouterr().out
