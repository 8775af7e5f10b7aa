"""The line of events: in order with audio that is still being encoded, bounded, and sent again."""

from __future__ import annotations

import asyncio

from visavis.transports.websocket.outbox import Outbox, Outgoing, outgoing


def event(name: str, size: int = 1) -> Outgoing:
    return Outgoing(name, "x" * size)


def box(**keep: int) -> tuple[Outbox, list[int]]:
    overflows: list[int] = []
    return Outbox(100, 10, overflows.append, **keep), overflows


async def take(it: Outbox, count: int) -> list[str]:
    return [(await it.next()).event_id for _ in range(count)]


def test_what_is_put_behind_audio_waits_for_it() -> None:
    async def main() -> None:
        it, _ = box()
        it.put(event("created"))
        place = it.reserve()
        it.put(event("done"))
        assert await take(it, 1) == ["created"]
        waiting = asyncio.create_task(take(it, 3))
        await asyncio.sleep(0)
        assert not waiting.done()
        it.fill(place, event("delta 1"), is_last=False)
        it.fill(place, event("delta 2"))
        assert await waiting == ["delta 1", "delta 2", "done"]
        assert it.is_empty and it.waiting_bytes == it.waiting_events == 0

    asyncio.run(main())


def test_audio_that_is_not_wanted_any_more_is_dropped_and_nothing_else() -> None:
    async def main() -> None:
        it, _ = box()
        it.put(event("a"))
        sent, pending = it.reserve(), it.reserve()
        it.fill(sent, event("delta", 20))
        it.put(event("b"))
        it.drop_media()
        it.fill(pending, event("late"))
        assert it.waiting_bytes == 2
        assert await take(it, 2) == ["a", "b"]
        assert it.is_empty

    asyncio.run(main())


def test_a_line_that_grows_too_long_is_told() -> None:
    it, overflows = box()
    it.put(event("a", 100))
    assert overflows == []
    it.put(event("b", 1))
    assert overflows == [101]
    many, overflows = box()
    for _ in range(11):
        many.put(event("a", 0))
    assert overflows == [0]


def test_what_was_sent_is_sent_again_from_where_the_client_was() -> None:
    async def main() -> None:
        it, _ = box(keep_bytes=1000)
        for name in "abc":
            it.put(event(name))
        await take(it, 3)
        it.put(event("d"))
        assert it.replay("a") == (2, True)
        it.put_first(event("hello"))
        assert await take(it, 4) == ["hello", "b", "c", "d"]
        assert it.replay(None) == (5, True)  # also what was told before
        await take(it, 5)

    asyncio.run(main())


def test_what_is_not_kept_any_more_is_told() -> None:
    async def main() -> None:
        it, _ = box(keep_bytes=2)
        for name in "abcd":
            it.put(event(name))
        await take(it, 4)
        assert it.replay("b") == (2, True)  # c and d are kept: nothing is missing after b
        await take(it, 2)
        assert it.replay("a") == (2, False)
        await take(it, 2)
        assert it.replay(None) == (2, False)

    asyncio.run(main())


def test_an_event_has_the_name_it_is_known_by() -> None:
    named = outgoing({"type": "x"})
    assert named.event_id.startswith("event_") and named.event_id in named.text
    assert outgoing({"type": "x", "event_id": "mine"}).event_id == "mine"
