"""AudioHook as an Audio Connector: transactions, sequence numbers, refusals, farewells."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from line_fakes import never_raises, wires
from telephone_fakes import FakeConnection, encode, make_phone, reports_of
from transport_fakes import tone

from visavis.runtime.clock import run_virtual
from visavis.runtime.errors import BadInput
from visavis.runtime.frames import SPEAKING_RATE
from visavis.transports.telephony import GenesysLine
from visavis.transports.telephony.genesys import MAX_BINARY_BYTES, PROBE
from visavis.transports.telephony.line import (
    Audio,
    Digit,
    Drained,
    Farewell,
    Reply,
    Started,
    Stopped,
)

SESSION = "e160e428-53e2-487c-977d-96989bf5c99d"
ORGANIZATION = "d7934305-0972-4844-938e-9060eef73d05"
PCMU: dict[str, object] = {
    "type": "audio",
    "format": "PCMU",
    "channels": ["external"],
    "rate": 8000,
}
BOTH: dict[str, object] = {**PCMU, "channels": ["external", "internal"]}


class Client:
    """Numbers messages as Genesys does and checks those that come back."""

    def __init__(self) -> None:
        self.seq = 0
        self.server_seq = 0

    def say(self, kind: str, **parameters: object) -> dict[str, object]:
        self.seq += 1
        return {
            "version": "2",
            "id": SESSION,
            "type": kind,
            "seq": self.seq,
            "serverseq": self.server_seq,
            "position": f"PT{self.seq / 10:.1f}S",
            "parameters": parameters,
        }

    def open(self, **changes: object) -> dict[str, object]:
        return self.say(
            "open",
            **{
                "organizationId": ORGANIZATION,
                "conversationId": "090eaa2f-72fa-480a-83e0-8667ff89c0ec",
                "participant": {"id": "p", "ani": "+15551234567", "dnis": "+18005550199"},
                "media": [PCMU],
                "inputVariables": {"customer": "7"},
                **changes,
            },
        )

    def hear(self, data: str | bytes) -> dict[str, Any]:
        message = cast("dict[str, Any]", msgspec.json.decode(data))
        assert message["seq"] == self.server_seq + 1
        self.server_seq += 1
        assert message["clientseq"] <= self.seq
        assert (message["version"], message["id"]) == ("2", SESSION)
        return message


def opened(line: GenesysLine) -> Client:
    client = Client()
    reply, started = line.receive(encode(client.open()))
    assert isinstance(reply, Reply) and isinstance(started, Started)
    client.hear(reply.data)
    return client


def test_open_ping_dtmf_update_and_close() -> None:
    line, client = GenesysLine(SESSION, ORGANIZATION), Client()
    reply, started = line.receive(encode(client.open()))
    assert isinstance(reply, Reply) and isinstance(started, Started)
    answer = client.hear(reply.data)
    assert (answer["type"], answer["parameters"]) == ("opened", {"media": [PCMU]})
    assert started.parameters["customer"] == "7"
    assert started.parameters["participant.ani"] == "+15551234567"
    (pong,) = line.receive(encode(client.say("ping")))
    assert isinstance(pong, Reply)
    message = client.hear(pong.data)
    assert (message["type"], message["clientseq"]) == ("pong", client.seq)
    assert line.receive(encode(client.say("dtmf", digit="4"))) == (Digit("4"),)
    assert line.receive(b"\xff" * 1600) == (Audio(b"\xff" * 1600),)
    assert line.receive(encode(client.say("playback_started"))) == ()
    assert line.receive(encode(client.say("playback_completed"))) == (Drained(),)
    assert line.receive(encode(client.say("paused"))) == ()
    discarded = client.say("resumed", start="PT1S", discarded="PT2.5S")
    assert line.receive(encode(discarded)) == (Audio(b"", discarded_ms=2500),)
    (updated,) = line.receive(encode(client.say("update", language="en-GB")))
    assert isinstance(updated, Reply) and client.hear(updated.data)["type"] == "updated"
    closed, stopped = line.receive(encode(client.say("close", reason="end")))
    assert isinstance(closed, Reply) and client.hear(closed.data)["type"] == "closed"
    assert stopped == Stopped("Genesys closed the call (end)")
    assert line.position_s == client.seq / 10
    assert line.hang_up("too late", Farewell.COMPLETED) == ()


def test_barge_in_speech_and_what_was_said() -> None:
    line = GenesysLine(SESSION)
    client = opened(line)
    (barge_in,) = line.clear()
    entities = client.hear(barge_in)["parameters"]["entities"]
    assert entities == [{"type": "barge_in", "data": {}}]
    said = {"type": "response.output_audio_transcript.done", "transcript": "It is red."}
    (turn,) = line.tell(said)
    entity = client.hear(turn)["parameters"]["entities"][0]
    assert entity["type"] == "bot_turn_response"
    assert entity["data"] == {"disposition": "match", "text": "It is red."}
    assert [len(part) for part in line.audio(bytes(130_000))] == [MAX_BINARY_BYTES] * 2 + [2000]
    assert line.tell({"type": "response.done"}) == ()


def test_a_probe_is_answered_and_is_no_call() -> None:
    line, client = GenesysLine(SESSION), Client()
    probe = client.open(conversationId=PROBE, media=[BOTH, PCMU])
    reply, started = line.receive(encode(probe))
    assert isinstance(reply, Reply) and isinstance(started, Started)
    assert client.hear(reply.data)["parameters"]["media"] == [BOTH]
    assert started.is_probe


def test_monitor_is_refused() -> None:
    with pytest.raises(BadInput, match="Audio Connector"):
        GenesysLine(SESSION).receive(encode(Client().open(media=[BOTH, PCMU])))
    line = GenesysLine(SESSION)
    client = opened(line)
    (stopped,) = line.receive(encode(client.say("error", code=415, message="binary")))
    assert isinstance(stopped, Stopped) and "Monitor" in stopped.why
    line.receive(encode(client.say("error", code=429, message="slow down", retryAfter="PT3S")))
    assert line.rate_limited == 1


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"seq": 3}, "seq is 3 after 1"),
        ({"seq": 1}, "seq is 1 after 1"),
        ({"serverseq": 9}, "serverseq is 9"),
        ({"id": "other"}, "not the session's"),
        ({"version": "3"}, "version"),
        ({"position": "PT-1S"}, "position"),
        ({"position": "soon"}, "position"),
        ({"position": "PT0S"}, "went back"),
        ({"type": "open"}, "a second open"),
    ],
)
def test_what_breaks_the_protocol_is_told(changes: dict[str, object], why: str) -> None:
    line = GenesysLine(SESSION)
    client = opened(line)
    with pytest.raises(BadInput, match=why):
        line.receive(encode({**client.say("ping"), **changes}))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"media": []}, "none of the media"),
        ({"media": [{**PCMU, "format": "L16"}]}, "none of the media"),
        ({"media": 4}, "open can't be read"),
        ({"organizationId": "other"}, "organizationId"),
    ],
)
def test_an_open_that_cannot_be_used_is_told(changes: dict[str, object], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        GenesysLine(SESSION, ORGANIZATION).receive(encode(Client().open(**changes)))


def test_a_broken_protocol_ends_with_disconnect_close_closed() -> None:
    async def main() -> None:
        connection, client = FakeConnection(), Client()
        phone = make_phone(GenesysLine(SESSION), connection)
        connection.say(client.open())
        await phone.begin()
        connection.say({**client.say("ping"), "seq": 17})
        await asyncio.sleep(0.1)
        kinds = [message["type"] for message in connection.texts]
        assert kinds == ["opened", "disconnect"]
        assert connection.texts[-1]["parameters"]["reason"] == "error"
        assert connection.closed == []  # Genesys has the last word
        connection.say(client.say("close", reason="disconnect"))
        await phone.closed()
        assert connection.texts[-1]["type"] == "closed"
        assert [message["seq"] for message in connection.texts] == [1, 2, 3]
        assert connection.closed[0][0] == 1002

    run_virtual(main())


def test_hanging_up_waits_a_moment_for_genesys_and_no_longer() -> None:
    async def main() -> None:
        connection, client = FakeConnection(), Client()
        phone = make_phone(GenesysLine(SESSION), connection)
        connection.say(client.open())
        await phone.begin()
        began = asyncio.get_running_loop().time()
        await phone.close("goodbye")
        assert 1.9 < asyncio.get_running_loop().time() - began < 2.1
        parameters = connection.texts[-1]["parameters"]
        assert parameters == {"reason": "completed", "info": "goodbye"}
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(main())


def test_speech_goes_in_few_large_messages_and_playback_is_known() -> None:
    async def main() -> None:
        connection, client = FakeConnection(), Client()
        phone = make_phone(GenesysLine(SESSION), connection)
        connection.say(client.open())
        await phone.begin()
        reports = reports_of(phone)
        phone.playout.play(1, tone(2 * SPEAKING_RATE, SPEAKING_RATE), True)
        await asyncio.sleep(1.0)
        assert 0.9 * SPEAKING_RATE <= reports[-1][1] <= 1.02 * SPEAKING_RATE
        await asyncio.sleep(1.5)
        sizes = [len(data) for data in connection.sent if isinstance(data, bytes)]
        assert max(sizes) == 1600 and len(sizes) <= 11
        assert sum(sizes) >= 16_000
        assert reports[-1][2]
        phone.playout.play(2, tone(SPEAKING_RATE, SPEAKING_RATE), True)
        await asyncio.sleep(0.05)
        client.server_seq = 1
        connection.say(client.say("playback_completed"))
        await asyncio.sleep(0.01)
        assert reports[-1][0] == 2  # what was sent counts as heard, though the clock says not yet
        await phone.close("done")

    run_virtual(main())


_client = Client()
MESSAGES: list[dict[str, object]] = [
    _client.open(),
    _client.say("ping"),
    _client.say("dtmf", digit="1"),
    _client.say("discarded", start="PT0S", discarded="PT1S"),
    _client.say("error", code=429, message="slow"),
    _client.say("close", reason="end"),
]


@settings(max_examples=100)
@given(wires(MESSAGES))
def test_no_message_raises_past_the_phone(messages: list[str | bytes]) -> None:
    never_raises(GenesysLine, messages)
