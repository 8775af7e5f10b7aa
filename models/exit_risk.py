"""From which chance on the first layers alone may say that a person is not finished.

That judgement needs no exactness: whoever is taken for unfinished is judged again a moment later. What
it needs is a bound on how often it goes wrong, so the threshold follows from a stated risk by conformal
risk control (Angelopoulos et al. 2022): among finished questions like those it was calibrated on, at
most this share is taken for unfinished by the first layers and not by all of them.

Plain code and a small file beside the weights; knows no network.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

log = logging.getLogger(__name__)

KEPT = 200
"""Chances that the file keeps, the highest: enough for a risk of half of 400."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the first layers thought of finished questions that all layers took for finished."""

    highest: tuple[float, ...]
    """Their chances that the person goes on, the highest first; those that are left out are lower."""
    finished: int
    """Questions judged."""
    weights: str
    """SHA-256 of the weight file that judged them."""

    @staticmethod
    def of(chances: Sequence[float], finished: int, weights: Path) -> Calibration:
        """`chances` of those among the `finished` questions that all layers took for finished."""
        ordered = sorted((float(chance) for chance in chances), reverse=True)
        return Calibration(tuple(ordered[:KEPT]), finished, digest(weights))

    def wait_from(self, risk: float) -> float | None:
        """The lowest chance that keeps to the risk, just above the last that would not; None where
        too few questions were judged to promise it."""
        wrong = int(np.floor(risk * (self.finished + 1))) - 1  # may be taken for unfinished
        if wrong < 0 or risk <= 0.0:
            return None
        if wrong >= len(self.highest):
            return self.highest[-1] if self.highest else 0.5
        return float(np.nextafter(self.highest[wrong], 2.0))

    def save(self, path: Path) -> None:
        """As JSON."""
        found = {
            "highest": [round(chance, 6) for chance in self.highest],
            "finished": self.finished,
            "weights": self.weights,
        }
        path.write_text(json.dumps(found) + "\n")

    @staticmethod
    def load(path: Path) -> Calibration:
        """Raises ValueError naming the file when it is not what `save` wrote."""
        try:
            found = json.loads(path.read_text())
            highest = tuple(float(chance) for chance in found["highest"])
            return Calibration(highest, int(found["finished"]), str(found["weights"]))
        except (OSError, KeyError, TypeError, ValueError) as problem:
            raise ValueError(
                f"{path} is no calibration ({problem!r}): run python -m "
                "visavis.models.evaluation.exit_risk"
            ) from None


def calibration_path(weights: Path) -> Path:
    """Where the calibration of a weight file lies."""
    return weights.with_suffix(".exits.json")


def wait_from(weights: Path, risk: float) -> float | None:
    """The threshold for a risk with these weights; None for a risk of 0, and where there is no
    calibration of just these weights, which is logged."""
    if risk <= 0.0:
        return None
    path = calibration_path(weights)
    if path.is_file():
        found = Calibration.load(path)
        if found.weights == digest(weights):
            return found.wait_from(risk)
    log.warning(
        "the first layers are not asked alone: the weights are not calibrated; run python -m "
        "visavis.models.evaluation.exit_risk",
        extra={"weights": weights.name},
    )
    return None


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
