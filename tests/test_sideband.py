"""The line of a WebSocket beside a call: what it lets through, each way, and when it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from visavis.runtime.clock import LoopClock, run_virtual
from visavis.runtime.mailboxes import Bounded
from visavis.runtime.message_guard import MessageGuard
from visavis.runtime.settings import LimitsSettings
from visavis.transports.websocket.sideband import Sideband
from visavis.transports.websocket.socket import NORMAL, POLICY

Box = Bounded[Mapping[str, object]]


async def told(side: Sideband) -> list[dict[str, Any]]:
    """What waits for the listener."""
    waiting: list[dict[str, Any]] = []
    while not side.outbox.is_empty:
        waiting.append(msgspec.json.decode((await side.outbox.next()).text))
    return waiting


def test_events_go_out_with_ids_and_ours_only_where_they_are_known() -> None:
    async def main() -> None:
        for is_extended in (True, False):
            side = Sideband(1_000_000, is_extended=is_extended)
            side.send({"type": "session.created", "session": {}})
            side.send({"type": "visavis.state", "state": "hearing"})
            events = await told(side)
            assert [event["type"] for event in events] == [
                "session.created",
                *(["visavis.state"] if is_extended else []),
            ]
            assert all(event["event_id"] for event in events)

    run_virtual(main())


def test_the_listener_speaks_up_and_is_slowed_down_not_cut() -> None:
    async def main() -> None:
        box: Box = Bounded(2)
        side = Sideband(1_000_000, max_message_bytes=1000, deliver=box)
        for number in range(2):
            await side.take(f'{{"type": "response.create", "event_id": "e{number}"}}')
        third = asyncio.create_task(side.take(b'{"type": "response.cancel"}'))
        await asyncio.sleep(1)
        assert not third.done()
        assert [(await box.get())["event_id"] for _ in range(2)] == ["e0", "e1"]
        await third
        assert (await box.get())["type"] == "response.cancel"
        assert box.dropped == 0 and await told(side) == []

    run_virtual(main())


@pytest.mark.parametrize(
    ("data", "code", "event_id"),
    [
        ('{"type": "input_audio_buffer.append", "event_id": "e"}', "audio_over_sideband", "e"),
        ("no json", "invalid_json", None),
        ('{"type": "x", "event_id": "e", "pad": "' + 1000 * "x" + '"}', "message_too_large", "e"),
    ],
)
def test_what_can_not_be_used_is_answered(data: str, code: str, event_id: str | None) -> None:
    async def main() -> None:
        box: Box = Bounded(2)
        side = Sideband(1_000_000, max_message_bytes=1000, deliver=box)
        await side.take(data)
        (event,) = await told(side)
        error = event["error"]
        assert (error["code"], error["event_id"]) == (code, event_id)
        assert error["message"] and len(box) == 0 and side.why is None

    run_virtual(main())


def test_a_listener_that_is_only_told_things_may_say_nothing() -> None:
    async def main() -> None:
        side = Sideband(1_000_000, max_message_bytes=1000)
        await side.take('{"type": "response.create"}')
        (event,) = await told(side)
        assert event["error"]["code"] == "audio_over_sideband"

    run_virtual(main())


def test_nothing_but_nonsense_ends_it() -> None:
    async def main() -> None:
        guard = MessageGuard(LimitsSettings(max_refusals=5), LoopClock())
        box: Box = Bounded(2)
        side = Sideband(1_000_000, max_message_bytes=1000, deliver=box, guard=guard)
        for _ in range(10):
            await side.take("nonsense")
        assert side.stop.is_set() and side.code == POLICY
        assert side.why is not None and "nothing that can be used" in side.why

    run_virtual(main())


def test_one_that_does_not_read_is_given_up() -> None:
    async def main() -> None:
        side = Sideband(100_000)
        for _ in range(20):
            side.send({"type": "response.output_text.delta", "delta": 10_000 * "x"})
        assert side.stop.is_set() and side.code == POLICY
        assert side.why is not None and "unread" in side.why
        waiting = side.outbox.waiting_events
        side.send({"type": "to nobody"})
        assert side.outbox.waiting_events == waiting

    run_virtual(main())


def test_it_ends_with_the_call_once() -> None:
    async def main() -> None:
        side = Sideband(100_000)
        side.call_ended(None)
        assert (side.why, side.code) == ("the call has ended", NORMAL)
        for _ in range(20):
            side.send({"type": "x", "pad": 10_000 * "x"})
        assert side.code == NORMAL and side.stop.is_set()

    run_virtual(main())
