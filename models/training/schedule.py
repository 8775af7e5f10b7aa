"""What every training run shares: a budget in minutes, a learning rate that follows it, checkpoints
that resume, and a line of progress. Knows nothing of what is trained."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

_NUMBERED = re.compile(r"\.\d+\.")


@dataclass(frozen=True, slots=True)
class Optimizers:
    """Several optimizers as one."""

    each: tuple[torch.optim.Optimizer, ...]

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of all of them."""
        return [group for optimizer in self.each for group in optimizer.param_groups]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for optimizer in self.each:
            optimizer.zero_grad()

    def step(self) -> None:
        """One step of each."""
        for optimizer in self.each:
            optimizer.step()  # pyright: ignore[reportUnknownMemberType]

    def state_dict(self) -> dict[str, Any]:
        """The states of all, by place."""
        return {str(at): optimizer.state_dict() for at, optimizer in enumerate(self.each)}

    def load_state_dict(self, states: Mapping[str, Any]) -> None:
        """What `state_dict` gave."""
        for at, optimizer in enumerate(self.each):
            optimizer.load_state_dict(states[str(at)])


def muon(parts: Iterable[nn.Module], rate: float, decay: float) -> Optimizers:
    """Muon (Jordan et al. 2024) for the matrices of numbered layers, at steps as long as AdamW's (Liu et
    al. 2025), so that one rate serves both; AdamW for what goes in and comes out."""
    inner: list[nn.Parameter] = []
    outer: list[nn.Parameter] = []
    for part in parts:
        for name, parameter in part.named_parameters():
            is_inner = parameter.ndim == 2 and _NUMBERED.search(name) is not None
            (inner if is_inner else outer).append(parameter)
    return Optimizers(
        (
            torch.optim.Muon(inner, rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(outer, rate, betas=(0.9, 0.98), weight_decay=decay),
        )
    )


class Run:
    """One training run. Time spent before an interruption counts, so a resumed run ends on budget."""

    def __init__(
        self, name: str, folder: Path, minutes: float, peak: float, warmup: float = 0.03
    ) -> None:
        self.name, self.folder, self.seconds = name, folder, minutes * 60.0
        self.peak, self.warmup = peak, warmup
        self.step = 0
        self._before = 0.0
        self._started = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def spent(self) -> float:
        """Seconds of training so far, over all resumptions."""
        return self._before + time.monotonic() - self._started

    @property
    def is_over(self) -> bool:
        return self.spent >= self.seconds

    @property
    def rate(self) -> float:
        """Learning rate: linear warm-up, then linear decay to one percent of the peak."""
        done = min(1.0, self.spent / self.seconds)
        if done < self.warmup:
            return self.peak * (0.02 + 0.98 * done / self.warmup)
        return self.peak * max(0.01, (1.0 - done) / (1.0 - self.warmup))

    def advance(self, optimizer: Optimizers) -> None:
        """Count a step and set the rate of the next one."""
        self.step += 1
        rate = self.rate
        for group in optimizer.param_groups:
            group["lr"] = rate

    def descend(
        self,
        loss: Tensor,
        trained: Iterable[nn.Parameter],
        optimizer: Optimizers,
        longest: float,
    ) -> None:
        """One step down the gradient of `loss`, which is no longer than `longest`."""
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # pyright: ignore[reportUnknownMemberType]
        nn.utils.clip_grad_norm_(trained, longest)
        self.advance(optimizer)
        optimizer.step()

    def log(self, **values: float | str) -> None:
        """Append a line to the run's log and print it."""
        row = {"step": self.step, "minutes": round(self.spent / 60, 2), **values}
        with (self.folder / f"{self.name}.jsonl").open("a") as out:
            out.write(json.dumps(row) + "\n")
        shown = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()}
        print("  ".join(f"{k}={v}" for k, v in shown.items()), flush=True)

    def save(self, parts: Mapping[str, nn.Module], optimizer: Optimizers) -> None:
        """Write the checkpoint atomically."""
        path = self.folder / f"{self.name}.pt"
        state = {
            "step": self.step,
            "spent": self.spent,
            "optimizer": optimizer.state_dict(),
            "parts": {name: part.state_dict() for name, part in parts.items()},
        }
        torch.save(state, path.with_suffix(".tmp"))
        os.replace(path.with_suffix(".tmp"), path)

    def resume(self, parts: Mapping[str, nn.Module], optimizer: Optimizers) -> bool:
        """Load the checkpoint if there is one; True when it did."""
        path = self.folder / f"{self.name}.pt"
        if not path.exists():
            return False
        state = torch.load(path, weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(state["parts"][name])
        optimizer.load_state_dict(state["optimizer"])
        self.step, self._before = state["step"], state["spent"]
        self._started = time.monotonic()
        return True
