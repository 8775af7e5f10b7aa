"""When a scripted person takes the floor again: plain code over what they heard and were told."""

from __future__ import annotations

from .ears import Ears
from .observed import Told

SETTLE_S = 1.0
"""After connecting, and with every new scene, before anything is said."""
QUIET_S = 0.35
"""An answer is over when its end was told and nothing was heard for so long."""
ANSWER_S = 9.0
"""An answer that has not come or not ended by then is given up."""
SECOND_THOUGHT_S = 2.5
"""An answer begun before the question was finished may be followed by another within this."""
STEP_S = 0.01
"""Seconds between two looks."""


def is_answered(told: Told, ears: Ears, first: float, last: float, now: float) -> bool:
    """What was said from `first` to `last` was answered, to the end of the answer."""
    answers = told.since(first)
    if not answers or not all(answer.is_over for answer in answers):
        return False
    if answers[-1].created < last and now < last + SECOND_THOUGHT_S:
        return False
    return ears.is_silent_for(now, QUIET_S)


def is_silent(told: Told, ears: Ears, now: float) -> bool:
    """Every answer has ended, whatever ended it."""
    is_over = all(answer.is_over for answer in told.responses)
    return is_over and ears.is_silent_for(now, QUIET_S)
