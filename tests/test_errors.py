"""One tree, and what each class carries."""

from __future__ import annotations

import pytest

from visavis.runtime import errors


@pytest.mark.parametrize(
    "error",
    [
        errors.ConfigError("x"),
        errors.BadInput("x"),
        errors.EngineFull("x", retry_after_s=1),
        errors.EngineDied("x"),
        errors.WeightsError("x"),
    ],
)
def test_every_error_can_be_said_to_a_person(error: Exception) -> None:
    assert isinstance(error, errors.VisavisError)
    assert str(error) == "x"


def test_what_a_caller_acts_on_is_a_field() -> None:
    assert errors.EngineFull("full", retry_after_s=2.5).retry_after_s == 2.5
    bad = errors.BadInput("no", code="c", param="p")
    assert (bad.code, bad.param) == ("c", "p")
