"""chan_websocket in both formats of its control messages, and whatever else may come."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from line_fakes import never_raises, wires
from telephone_fakes import FakeConnection, encode, make_phone, reports_of
from transport_fakes import tone

from visavis.runtime.clock import run_virtual
from visavis.runtime.errors import BadInput
from visavis.runtime.frames import SPEAKING_RATE
from visavis.transports.telephony import AsteriskLine
from visavis.transports.telephony.asterisk import FORMATS
from visavis.transports.telephony.line import (
    Audio,
    Digit,
    Drained,
    Encoding,
    Farewell,
    Held,
    Reached,
    Started,
)

PLAIN = (
    "MEDIA_START connection_id:e226e283 channel:WebSocket/c/0x7f format:ulaw optimal_frame_size:160"
)
JSON_START: dict[str, object] = {
    "event": "MEDIA_START",
    "connection_id": "e226e283",
    "channel": "WebSocket/c",
    "channel_id": "pbx1-1.999",
    "format": "slin16",
    "optimal_frame_size": 640,
    "ptime": 20,
    "channel_variables": {"customer": "7"},
}
MESSAGES: list[dict[str, object]] = [
    JSON_START,
    {"event": "DTMF_END", "channel_id": "c", "digit": "9"},
    {"event": "MEDIA_XOFF"},
    {"event": "MEDIA_XON"},
    {"event": "MEDIA_MARK_PROCESSED", "correlation_id": "m"},
    {"event": "QUEUE_DRAINED"},
]


def test_the_plain_text_conversation() -> None:
    line = AsteriskLine()
    events = [
        event
        for text in (PLAIN, "DTMF_END digit:9", "MEDIA_XOFF", "MEDIA_XON", "QUEUE_DRAINED")
        for event in line.receive(text)
    ]
    assert events == [
        Started(Encoding.MULAW, 8000, "e226e283", "WebSocket/c/0x7f", {}),
        Digit("9"),
        Held(True),
        Held(False),
        Drained(),
    ]
    assert line.receive(b"\xff" * 160) == (Audio(b"\xff" * 160),)
    assert not line.has_marks and line.mark("a") == ()
    assert line.clear() == ("FLUSH_MEDIA",)
    assert line.hang_up("why", Farewell.COMPLETED) == ("HANGUP",)
    line.receive("STATUS queue_length:43")
    assert line.ignored == 1


def test_the_json_conversation_has_marks() -> None:
    line = AsteriskLine()
    events = [event for message in MESSAGES for event in line.receive(encode(message))]
    assert events[0] == Started(Encoding.L16, 16_000, "e226e283", "pbx1-1.999", {"customer": "7"})
    assert events[4] == Reached("m")
    assert line.has_marks
    assert [msgspec.json.decode(m) for m in (*line.mark("a"), *line.clear())] == [
        {"command": "MARK_MEDIA", "correlation_id": "a"},
        {"command": "FLUSH_MEDIA"},
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format(name: str) -> None:
    encoding, rate = FORMATS[name]
    frame = rate // 50 * encoding.sample_bytes
    line = AsteriskLine()
    (started,) = line.receive(f"MEDIA_START format:{name} optimal_frame_size:{frame}")
    assert isinstance(started, Started)
    assert (started.encoding, started.rate) == (encoding, rate)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("MEDIA_START format:opus", "c\\(ulaw\\)"),
        ("MEDIA_START format:ulaw optimal_frame_size:240", "frames of 20 ms"),
        ("MEDIA_START format:ulaw optimal_frame_size:x", "digits"),
        ("hello? world", "not an event"),
        ('{"event": 4}', "no event"),
        ('{"event": "MEDIA_START", "format": "ulaw", "optimal_frame_size": [1]}', "not a number"),
        ("DTMF_END digit:12", "digit"),
    ],
)
def test_what_cannot_be_used_is_told(text: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        AsteriskLine().receive(text)


def test_audio_before_the_start_is_told() -> None:
    with pytest.raises(BadInput, match="before MEDIA_START"):
        AsteriskLine().receive(b"\xff")


def test_nothing_is_sent_while_asterisk_is_full_and_a_flush_is_a_command() -> None:
    async def main() -> None:
        connection = FakeConnection()
        phone = make_phone(AsteriskLine(), connection)
        connection.say(PLAIN)
        await phone.begin()
        reports = reports_of(phone)
        phone.playout.play(1, tone(2 * SPEAKING_RATE, SPEAKING_RATE), True)
        await asyncio.sleep(0.2)
        connection.say("MEDIA_XOFF")
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)
        sent = len(connection.sent)
        await asyncio.sleep(0.5)
        assert len(connection.sent) == sent
        connection.say("MEDIA_XON")
        await asyncio.sleep(0.2)
        assert len(connection.sent) > sent
        assert {len(data) for data in connection.sent if isinstance(data, bytes)} == {160}
        phone.playout.flush()
        await asyncio.sleep(0.001)
        assert connection.sent[-1] == "FLUSH_MEDIA"
        assert 0 < reports[-1][1] < 2 * SPEAKING_RATE
        connection.hang_up()
        await phone.closed()

    run_virtual(main())


PLAIN_TEXT = st.sampled_from([PLAIN, "DTMF_END digit:1", "MEDIA_XOFF", "HANGUP", "ERROR x:y", ":"])


@settings(max_examples=100)
@given(wires(MESSAGES), st.lists(PLAIN_TEXT | st.text(max_size=40), max_size=6))
def test_no_message_raises_past_the_phone(messages: list[str | bytes], more: list[str]) -> None:
    never_raises(AsteriskLine, [*more, *messages])
