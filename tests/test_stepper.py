"""Whoever wants to be driven by the engine has these methods."""

from __future__ import annotations

from models_fakes import WritingStepper

from visavis.models.echo import EchoStepper
from visavis.models.embedded import Embedded
from visavis.models.stepper import Stepper


def test_models_are_steppers() -> None:
    names = [name for name in vars(Stepper) if not name.startswith("_")]
    for kind in (EchoStepper, WritingStepper):
        stepper: Stepper = kind(2)  # what a type checker proves, and this runs
        assert all(hasattr(stepper, name) for name in names)
    of_instances = {"slots", "picture_size"}
    assert {name for name in names if not hasattr(Embedded, name)} <= of_instances
