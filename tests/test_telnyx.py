"""Telnyx' messages as documented, out of order and out of sense."""

from __future__ import annotations

import base64

import msgspec
import pytest
from hypothesis import given, settings
from line_fakes import never_raises, wires
from telephone_fakes import encode

from visavis.runtime.errors import BadInput
from visavis.transports.telephony import TelnyxLine
from visavis.transports.telephony.line import (
    Audio,
    Digit,
    Encoding,
    LineEvent,
    Reached,
    Started,
    Stopped,
)

STREAM = "32DE0DEA-53CB-4B21-89A4-9E1819C043BC"


def start(encoding: str = "PCMU", rate: int = 8000) -> dict[str, object]:
    return {
        "event": "start",
        "sequence_number": "1",
        "stream_id": STREAM,
        "start": {
            "user_id": "u",
            "call_control_id": "v2:T02",
            "client_state": "aGk=",
            "custom_parameters": {"customer_id": "7"},
            "media_format": {"encoding": encoding, "sample_rate": rate, "channels": 1},
        },
    }


def media(chunk: int, payload: bytes = b"\x7f") -> dict[str, object]:
    return {
        "event": "media",
        "sequence_number": str(chunk + 1),
        "stream_id": STREAM,
        "media": {
            "track": "inbound",
            "chunk": str(chunk),
            "timestamp": str(chunk * 20),
            "payload": base64.b64encode(payload).decode(),
        },
    }


MESSAGES: list[dict[str, object]] = [
    {"event": "connected", "version": "1.0.0"},
    start(),
    media(1),
    media(2),
    {"event": "dtmf", "stream_id": STREAM, "sequence_number": "5", "dtmf": {"digit": "#"}},
    {"event": "mark", "sequence_number": "4", "stream_id": STREAM, "mark": {"name": "m"}},
    {"event": "error", "stream_id": STREAM, "payload": {"code": 100003, "title": "malformed"}},
    {"event": "stop", "stream_id": STREAM, "stop": {"user_id": "u"}},
]


def test_the_documented_conversation() -> None:
    line = TelnyxLine()
    events = [event for message in MESSAGES for event in line.receive(encode(message))]
    assert events == [
        Started(Encoding.MULAW, 8000, STREAM, "v2:T02", {"customer_id": "7"}),
        Audio(b"\x7f"),
        Audio(b"\x7f"),
        Digit("#"),
        Reached("m"),
        Stopped("the caller hung up"),
    ]
    assert line.errors == ["100003 malformed "]


def test_what_goes_out_has_no_stream_id() -> None:
    line = TelnyxLine()
    line.receive(encode(start()))
    out = [*line.audio(b"\xff"), *line.mark("a"), *line.clear()]
    assert [msgspec.json.decode(message) for message in out] == [
        {"event": "media", "media": {"payload": "/w=="}},
        {"event": "mark", "mark": {"name": "a"}},
        {"event": "clear"},
    ]


def heard(line: TelnyxLine, order: list[int]) -> list[LineEvent]:
    return [e for n in order for e in line.receive(encode(media(n, bytes([n]))))]


def test_chunks_are_put_in_order_within_a_bound() -> None:
    line = TelnyxLine()
    line.receive(encode(start()))
    assert heard(line, [1, 3, 2, 5, 4]) == [Audio(bytes([n])) for n in (1, 2, 3, 4, 5)]
    assert heard(line, [7, 8, 9, 10, 11]) == []  # 6 is waited for
    events = heard(line, [12])
    assert events == [Audio(b"\x07", lost=1), *(Audio(bytes([n])) for n in range(8, 13))]
    assert heard(line, [6, 12]) == []  # too late, and twice


@pytest.mark.parametrize(
    ("encoding", "rate", "wanted"),
    [
        ("PCMA", 8000, Encoding.ALAW),
        ("L16", 16_000, Encoding.L16),
        ("L16", 24_000, Encoding.L16),
        ("OPUS", 48_000, None),
        ("PCMU", 16_000, None),
        ("L16", 44_100, None),
    ],
)
def test_codecs(encoding: str, rate: int, wanted: Encoding | None) -> None:
    line = TelnyxLine()
    if wanted is None:
        with pytest.raises(BadInput, match="stream_bidirectional_codec"):
            line.receive(encode(start(encoding, rate)))
        return
    (started,) = line.receive(encode(start(encoding, rate)))
    assert isinstance(started, Started)
    assert (started.encoding, started.rate) == (wanted, rate)
    if wanted is Encoding.L16:
        with pytest.raises(BadInput, match="samples have 2"):
            line.receive(encode(media(1, b"\x00")))


@settings(max_examples=150)
@given(wires(MESSAGES))
def test_no_message_raises_past_the_phone(messages: list[str | bytes]) -> None:
    never_raises(TelnyxLine, messages)
