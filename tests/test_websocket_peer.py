"""A WebSocket client as the runtime sees it: what goes in, what goes out in order, and coming back."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from websocket_fakes import MAX_MESSAGE, FakeSocket, peer, settle

from visavis.runtime.audio_path import AudioFormat, AudioPath
from visavis.runtime.clock import LoopClock, run_virtual
from visavis.runtime.errors import BadInput
from visavis.runtime.frames import SPEAKING_RATE, Pcm
from visavis.runtime.mailboxes import MailboxClosed
from visavis.runtime.message_guard import MessageGuard
from visavis.runtime.settings import LimitsSettings
from visavis.transports.websocket import WebSocketPeer
from visavis.transports.websocket.peer import MESSAGES
from visavis.transports.websocket.voice import DELTA_SAMPLES

DELTA = {
    "type": "response.output_audio.delta",
    "response_id": "resp_1",
    "item_id": "item_1",
    "output_index": 0,
    "content_index": 0,
}


def sound(samples: int) -> Pcm:
    return np.zeros(samples, np.int16)


def served(it: WebSocketPeer, socket: FakeSocket) -> asyncio.Task[None]:
    return asyncio.create_task(it.serve(socket))


def test_messages_go_in_and_out_and_the_end_is_clean() -> None:
    async def main() -> None:
        it, socket = peer(), FakeSocket()
        assert it.audio_path is AudioPath.MESSAGES
        serving = served(it, socket)
        socket.say({"type": "response.create", "event_id": "e1"})
        assert await it.messages.get() == {"type": "response.create", "event_id": "e1"}
        it.send({"type": "session.created", "session": {}})
        await settle()
        assert socket.types == ["session.created"]
        assert socket.events[0]["event_id"]
        assert it.is_connected
        socket.leave(1000)
        await serving
        assert it.closed_why == "the client closed the connection (1000)"
        for box in (it.audio, it.video, it.messages):
            with pytest.raises(MailboxClosed):
                await box.get()
        await it.close("again")  # nothing more happens
        assert len(asyncio.all_tasks()) == 1

    run_virtual(main())


def test_events_of_tracks_and_of_ours_stay_away_from_clients_that_know_none() -> None:
    async def main() -> None:
        plain, extended = peer(), peer(is_extended=True)
        sockets = [FakeSocket(), FakeSocket()]
        tasks = [served(plain, sockets[0]), served(extended, sockets[1])]
        for it in (plain, extended):
            it.tell_at_start({"type": "visavis.session.resumable", "token": "t"})
            for kind in ("session.created", "visavis.state", "output_audio_buffer.started"):
                it.send({"type": kind})
        await settle()
        assert sockets[0].types == ["session.created"]
        assert sockets[1].types == ["session.created", "visavis.session.resumable", "visavis.state"]
        for it, task in zip((plain, extended), tasks, strict=True):
            await it.close("over")
            await task

    run_virtual(main())


def test_audio_goes_out_in_order_and_in_pieces() -> None:
    async def main() -> None:
        it, socket = peer(), FakeSocket()
        serving = served(it, socket)
        it.send({"type": "response.created"})
        it.send_audio(DELTA, sound(2 * DELTA_SAMPLES + 480), AudioFormat.PCM, is_last=False)
        it.send_audio(DELTA, sound(0), AudioFormat.PCM, is_last=True)
        it.send({"type": "response.output_audio.done"})
        await settle()
        kinds = socket.types
        assert kinds[0] == "response.created" and kinds[-1] == "response.output_audio.done"
        deltas = [e for e in socket.events if e["type"] == DELTA["type"]]
        assert len(deltas) == 4  # three pieces, and what the filter held back
        assert all(e["item_id"] == "item_1" and e["event_id"] for e in deltas)
        data = b"".join(base64.b64decode(e["delta"]) for e in deltas)
        assert len(data) // 2 >= (2 * DELTA_SAMPLES + 480) // 2
        it.send_audio(DELTA, sound(160 * 6), AudioFormat.PCMU, is_last=False)
        await settle()
        assert len(base64.b64decode(socket.events[-1]["delta"])) == 160
        await it.close("over")
        await serving

    run_virtual(main())


def test_a_flush_takes_back_what_was_not_sent() -> None:
    async def main() -> None:
        it, socket = peer(), FakeSocket()
        socket.is_blocked = True
        serving = served(it, socket)
        it.send({"type": "response.created"})
        it.send_audio(DELTA, sound(SPEAKING_RATE), AudioFormat.PCM, is_last=False)
        assert it.playout.flush() == 0
        it.send({"type": "response.done"})
        await settle()
        socket.is_blocked = False
        socket._unblocked.set()  # pyright: ignore[reportPrivateUsage]
        await settle()
        assert socket.types == ["response.created", "response.done"]
        await it.close("over")
        await serving

    run_virtual(main())


def test_appended_audio_is_decoded() -> None:
    async def main() -> None:
        it = peer()
        audio = base64.b64encode(sound(2400).tobytes()).decode()
        pcm = await it.decode_audio(audio, AudioFormat.PCM)
        rest = it.drain_audio()
        assert 1600 <= len(pcm) + len(rest) <= 1600 + 40
        with pytest.raises(BadInput):
            await it.decode_audio("?", AudioFormat.PCM)
        assert len(await it.decode_audio(audio, AudioFormat.PCMU)) > 1600  # another stream
        await it.close("over")
        with pytest.raises(BadInput, match="closed"):
            await it.decode_audio(audio, AudioFormat.PCM)

    run_virtual(main())


@pytest.mark.parametrize(
    ("data", "code", "event_id"),
    [
        ("{", "invalid_json", None),
        ("[]", "invalid_message", None),
        ('{"event_id": "mine", "type": 3}', "invalid_value", "mine"),
        ('{"event_id": "deep", "type": ' + "[" * 40 + "]" * 40 + "}", "json_too_deep", "deep"),
        ("[" * 5_000, "json_too_deep", None),
        ("[" * 100_000, "too_many_values", None),
        ('{"type": "' + "x" * MAX_MESSAGE + '"}', "message_too_large", None),
    ],
)
def test_what_can_not_be_used_is_answered_and_nothing_ends(
    data: str, code: str, event_id: str | None
) -> None:
    async def main() -> None:
        it, socket = peer(), FakeSocket()
        serving = served(it, socket)
        socket.say(data)
        await settle()
        error = socket.events[0]["error"]
        assert (error["code"], error["event_id"]) == (code, event_id)
        if code == "message_too_large":
            assert str(MAX_MESSAGE) in error["message"]
        socket.say({"type": "response.create"})
        assert (await it.messages.get())["type"] == "response.create"
        assert it.refused == 1
        await it.close("over")
        await serving

    run_virtual(main())


def test_a_client_that_floods_is_told_and_then_left() -> None:
    async def main() -> None:
        it, socket = peer(), FakeSocket()
        it.guard_messages(
            MessageGuard(
                LimitsSettings(message_burst=2, messages_per_s=0.1, max_refusals=30), LoopClock()
            )
        )
        serving = served(it, socket)
        for _ in range(2):
            socket.say({"type": "response.create"})
        for _ in range(31):
            socket.say("{")
        await serving
        codes = {e["error"]["code"] for e in socket.events}
        assert "rate_limit_exceeded" in codes
        assert len(socket.events) < 31  # a flood is not answered by a flood
        assert socket.closed is not None and socket.closed[0] == 1008

    run_virtual(main())


def test_a_sender_is_slowed_down_and_loses_nothing() -> None:
    async def main() -> None:
        it, socket = peer(), FakeSocket()
        serving = served(it, socket)
        count = MESSAGES + 50
        for number in range(count):
            socket.say({"type": "x", "number": number})
        await settle(3 * count)
        assert len(it.messages) == MESSAGES and socket.unread >= 49
        got = [(await it.messages.get())["number"] for _ in range(count)]
        assert got == list(range(count))
        assert it.messages.dropped == 0
        big = {"type": "y", "text": "x" * (MAX_MESSAGE // 2)}
        for _ in range(5):
            socket.say(big)
        await settle(50)
        assert it.messages.waiting_bytes <= 2 * MAX_MESSAGE and socket.unread >= 2
        for _ in range(5):
            assert (await it.messages.get())["type"] == "y"
        assert it.messages.waiting_bytes == 0
        await it.close("over")
        await serving

    run_virtual(main())


def test_a_client_that_does_not_read_is_left() -> None:
    async def main() -> None:
        it, socket = peer(max_unread_bytes=65_536), FakeSocket()
        socket.is_blocked = True
        serving = served(it, socket)
        while it.closed_why is None:
            it.send({"type": "x", "text": "y" * 10_000})
        await serving
        assert socket.closed is not None
        assert socket.closed[0] == 1008 and "unread" in socket.closed[1]
        it.send({"type": "x"})  # to nobody

    run_virtual(main())


def test_a_client_that_lost_its_connection_gets_what_it_missed() -> None:
    async def main() -> None:
        it, first = peer(is_extended=True), FakeSocket()
        serving = served(it, first)
        for number in range(3):
            it.send({"type": "x", "number": number})
        await settle()
        first.leave(1006, is_dropped=True)
        await serving
        assert it.closed_why is None and not it.is_connected
        it.send({"type": "x", "number": 3})
        await asyncio.sleep(20)

        second = FakeSocket()

        def welcome() -> None:
            replayed, is_complete = it.replay(first.events[0]["event_id"])
            it.tell_first({"type": "visavis.session.resumed", "n": replayed, "ok": is_complete})

        serving = asyncio.create_task(it.serve(second, welcome))
        await settle()
        assert second.types == ["visavis.session.resumed", "x", "x", "x"]
        assert second.events[0]["n"] == 2 and second.events[0]["ok"]
        assert [e["number"] for e in second.events[1:]] == [1, 2, 3]
        assert second.texts[1:3] == first.texts[1:]  # with the same event ids
        await asyncio.sleep(60)  # the time to come back in is over, and it is here
        assert it.closed_why is None
        await it.close("over")
        await serving

    run_virtual(main())


def test_who_does_not_come_back_in_time_is_gone() -> None:
    async def main() -> None:
        it, socket = peer(is_extended=True, resume_s=30), FakeSocket()
        serving = served(it, socket)
        socket.leave(1006, is_dropped=True)
        await serving
        await asyncio.sleep(29)
        assert it.closed_why is None
        await asyncio.sleep(2)
        assert it.closed_why == (
            "the client lost its connection (1006), and did not come back within 30 s"
        )
        late = FakeSocket()
        await it.serve(late)
        assert late.closed is not None and "did not come back" in late.closed[1]

    run_virtual(main())


@pytest.mark.parametrize("is_extended", [True, False])
def test_who_leaves_on_purpose_does_not_come_back(is_extended: bool) -> None:
    async def main() -> None:
        it, socket = peer(is_extended=is_extended), FakeSocket()
        serving = served(it, socket)
        socket.leave(1006 if not is_extended else 1000, is_dropped=not is_extended)
        await serving
        assert it.closed_why is not None

    run_virtual(main())


def test_a_new_connection_takes_over_from_one_that_is_not_known_to_be_dead() -> None:
    async def main() -> None:
        it, old, new = peer(is_extended=True), FakeSocket(), FakeSocket()
        first = served(it, old)
        it.send({"type": "x"})
        await settle()
        second = served(it, new)
        await settle()
        assert first.done() and old.closed is not None and old.closed[0] == 1001
        it.send({"type": "y"})
        await settle()
        assert new.types == ["y"] and it.closed_why is None
        await it.close("over")
        await second
        assert new.closed == (1000, "over")

    run_virtual(main())


def test_the_last_words_leave_before_the_close() -> None:
    async def main() -> None:
        it, socket = peer(), FakeSocket()
        serving = served(it, socket)
        await settle()
        it.send({"type": "error"})
        it.send_audio(DELTA, sound(480), AudioFormat.PCM, is_last=False)
        it.send({"type": "response.done"})
        await it.close("x" * 300)
        await serving
        assert socket.types[0] == "error" and socket.types[-1] == "response.done"
        assert socket.closed is not None and len(socket.closed[1]) == 120

    run_virtual(main())


def test_it_has_no_addresses_of_its_own() -> None:
    async def main() -> None:
        it = peer()
        calls: list[Any] = [it.restart("v=0"), it.add_candidate("candidate:1")]
        for call in calls:
            with pytest.raises(BadInput) as error:
                await call
            assert error.value.code == "no_webrtc_call"
        it.drop("refused")
        assert it.closed_why == "refused"

    run_virtual(main())


def test_every_event_is_a_mapping_of_its_own() -> None:
    """What the runner sends is not changed."""

    async def main() -> None:
        it = peer()
        message: Mapping[str, object] = {"type": "x"}
        it.send(message)
        assert message == {"type": "x"}
        await it.close("over")

    run_virtual(main())
