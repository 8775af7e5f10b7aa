"""One server with the shipped model for all clients."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from browser.servers import served
from clients.sounds import question


@pytest.fixture(scope="session")
def address() -> Generator[str]:
    """http://127.0.0.1:port of a server in a process of its own."""
    question()  # made before any test has an event loop
    with served("fused", settings=("turn.answer_timeout_ms=60000", "turn.stall_ms=10000")) as url:
        yield url.rstrip("/")
