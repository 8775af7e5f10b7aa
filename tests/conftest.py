"""What holds in every test: nothing of ours blocks the event loop."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from blockbuster import BlockBuster


@pytest.fixture(autouse=True)
def unblocked_loop() -> Generator[None]:
    """A blocking call that `visavis` makes on a running event loop raises `BlockingError`."""
    guard = BlockBuster(scanned_modules=["visavis"])
    guard.activate()
    try:
        yield
    finally:
        guard.deactivate()
