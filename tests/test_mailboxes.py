"""What a full mailbox does, and how one ends."""

from __future__ import annotations

import asyncio

import pytest

from visavis.runtime.clock import run_virtual
from visavis.runtime.mailboxes import Bounded, Latest, MailboxClosed


def test_latest_keeps_the_newest() -> None:
    async def main() -> None:
        box: Latest[int] = Latest()
        for item in range(3):
            box.put(item)
        assert await box.get() == 2
        assert box.dropped == 2

    run_virtual(main())


def test_bounded_drops_the_oldest_and_counts() -> None:
    async def main() -> None:
        box: Bounded[int] = Bounded(2)
        for item in range(5):
            box.put(item)
        assert len(box) == 2
        assert [await box.get(), await box.get()] == [3, 4]
        assert box.dropped == 3

    run_virtual(main())


@pytest.mark.parametrize("kind", ["latest", "bounded"])
def test_a_waiting_consumer_is_woken_and_told_the_end(kind: str) -> None:
    async def main() -> None:
        box: Latest[int] | Bounded[int] = Latest() if kind == "latest" else Bounded(3)
        waiting = asyncio.create_task(box.get())
        await asyncio.sleep(1)
        box.put(7)
        assert await waiting == 7
        box.put(8)
        box.close()
        box.put(9)
        assert await box.get() == 8
        with pytest.raises(MailboxClosed):
            await box.get()
        assert box.dropped == 1

    run_virtual(main())


def test_a_mailbox_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="limit is 0"):
        Bounded[int](0)
