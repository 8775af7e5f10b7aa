"""The one tree of errors. Each class answers a different question for the caller.

VisavisError
├── ConfigError      which setting is wrong, where it was set, and what to write instead
├── BadInput         what the peer sent that can't be used: the peer is told, the session goes on
├── EngineFull       why there is no place now and when to come again
├── EngineDied       every conversation of the engine ends, loudly
└── WeightsError     which weight file can't be used and how to get one that can
"""

from __future__ import annotations


class VisavisError(Exception):
    """Something that can be said to a person in one sentence with a remedy."""


class ConfigError(VisavisError):
    """A setting can't be used. The message names its path, its source, its value and a remedy."""


class BadInput(VisavisError):
    """A peer's message or media can't be used. `code` is machine-readable, `param` the field."""

    def __init__(self, message: str, *, code: str = "invalid_value", param: str | None = None):
        super().__init__(message)
        self.code = code
        self.param = param


class EngineFull(VisavisError):
    """No slot is free. `retry_after_s` is a hint for the client."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class EngineDied(VisavisError):
    """The engine's thread ended; no conversation can go on."""


class WeightsError(VisavisError):
    """A weight file is missing, damaged or of another model."""
