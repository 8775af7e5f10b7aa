"""The other end of a telephone connection, in memory and on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec
from transport_fakes import InlineThreads, Report

from visavis.transports.telephony import Line, Phone, PhoneLimits, WireClosed
from visavis.transports.telephony.line import Wire


class FakeConnection:
    """What the provider sends goes in with `say`; what it gets is in `sent`."""

    def __init__(self) -> None:
        self.sent: list[Wire] = []
        self.closed: list[tuple[int, str]] = []
        self.answer: Callable[[Wire], list[Wire]] = lambda data: []
        """What the provider says to what it gets."""
        self._incoming: asyncio.Queue[Wire | None] = asyncio.Queue()

    def say(self, *messages: Wire | Mapping[str, object]) -> None:
        for message in messages:
            data = message if isinstance(message, str | bytes) else encode(message)
            self._incoming.put_nowait(data)

    def hang_up(self) -> None:
        self._incoming.put_nowait(None)

    async def receive(self) -> Wire:
        data = await self._incoming.get()
        if data is None:
            raise WireClosed
        return data

    async def send(self, data: Wire) -> None:
        self.sent.append(data)
        self.say(*self.answer(data))
        await asyncio.sleep(0)

    async def close(self, code: int, reason: str) -> None:
        self.closed.append((code, reason))
        self.hang_up()

    @property
    def texts(self) -> list[dict[str, Any]]:
        """The JSON among what was sent."""
        return [
            cast("dict[str, Any]", msgspec.json.decode(data))
            for data in self.sent
            if isinstance(data, str) and data.startswith("{")
        ]


def reports_of(phone: Phone) -> list[Report]:
    """What the phone tells from now on about what was played."""
    reports: list[Report] = []

    def played(turn: int, samples: int, is_done: bool, sent_at: float) -> None:
        reports.append((turn, samples, is_done, sent_at))

    phone.set_played(played)
    return reports


def encode(message: Mapping[str, object]) -> str:
    return msgspec.json.encode(message).decode()


def make_phone(
    line: Line,
    connection: FakeConnection,
    *,
    limits: PhoneLimits | None = None,
    keys_are_text: bool = False,
    told: list[Mapping[str, object]] | None = None,
) -> Phone:
    """A phone on the time of the running loop, that codes at once."""
    return Phone(
        line,
        connection,
        limits=limits,
        keys_are_text=keys_are_text,
        told=(lambda message: None) if told is None else told.append,
        threads=InlineThreads(),
        now=asyncio.get_running_loop().time,
    )
