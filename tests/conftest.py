"""What holds in every test: nothing of ours blocks the event loop, and a slow machine is no fault."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from blockbuster import BlockBuster
from hypothesis import settings

settings.register_profile("visavis", deadline=None)
settings.load_profile("visavis")


@pytest.fixture(autouse=True)
def unblocked_loop() -> Generator[None]:
    """A blocking call that `visavis` makes on a running event loop raises `BlockingError`."""
    guard = BlockBuster(scanned_modules=["visavis"])
    guard.activate()
    try:
        yield
    finally:
        guard.deactivate()
