"""What goes to the other end of a telephone call, and in which order."""

from __future__ import annotations

import asyncio

import pytest

from visavis.transports.telephony.connection import Sender, WireClosed, cut_reason
from visavis.transports.telephony.line import Wire


class Wired:
    """A connection that takes messages while `reads` is set, until it is torn."""

    def __init__(self) -> None:
        self.sent: list[Wire] = []
        self.reads = asyncio.Event()
        self.is_torn = False

    async def receive(self) -> Wire:
        raise WireClosed

    async def send(self, data: Wire) -> None:
        await self.reads.wait()
        if self.is_torn:
            raise WireClosed
        self.sent.append(data)

    async def close(self, code: int, reason: str) -> None:
        """Nothing to close."""


def test_messages_keep_their_order_and_words_of_farewell_come_last() -> None:
    async def main() -> None:
        wired = Wired()
        wired.reads.set()
        sender = Sender(wired, 3)
        running = asyncio.create_task(sender.run())
        assert sender.put("one")
        await asyncio.sleep(0)
        assert sender.put("two")
        sender.put_last(["bye", "bye bye"])
        sender.finish()
        assert sender.put("late")  # not an error, and not sent
        await running
        assert wired.sent == ["one", "two", "bye", "bye bye"]

    asyncio.run(main())


def test_who_does_not_read_is_found_out() -> None:
    async def main() -> None:
        wired = Wired()
        sender = Sender(wired, 3)
        running = asyncio.create_task(sender.run())
        assert sender.put("held")
        await asyncio.sleep(0)  # on its way, and not taken
        assert [sender.put(str(n)) for n in range(4)] == [True, True, True, False]
        wired.is_torn = True
        wired.reads.set()
        with pytest.raises(WireClosed):
            await running
        assert sender.is_gone and sender.put("x") and wired.sent == []

    asyncio.run(main())


def test_a_reason_fits_into_a_close_frame() -> None:
    assert cut_reason("short") == "short"
    cut = cut_reason("ü" * 100)
    assert len(cut.encode()) <= 123 and set(cut) == {"ü"}
