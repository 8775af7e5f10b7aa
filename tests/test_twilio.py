"""Twilio's messages as documented, and whatever else may come."""

from __future__ import annotations

import base64

import msgspec
import pytest
from hypothesis import given, settings
from line_fakes import never_raises, wires
from telephone_fakes import encode

from visavis.runtime.errors import BadInput
from visavis.transports.telephony import TwilioLine
from visavis.transports.telephony.line import (
    Audio,
    Digit,
    Encoding,
    Farewell,
    Reached,
    Started,
    Stopped,
)

STREAM = "MZ18ad3ab5a668481ce02b83e7395059f0"
MESSAGES: list[dict[str, object]] = [
    {"event": "connected", "protocol": "Call", "version": "1.0.0"},
    {
        "event": "start",
        "sequenceNumber": "1",
        "start": {
            "accountSid": "AC1",
            "streamSid": STREAM,
            "callSid": "CA1",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"FirstName": "Jane", "LastName": "Doe"},
        },
        "streamSid": STREAM,
    },
    {
        "event": "media",
        "sequenceNumber": "3",
        "media": {"track": "inbound", "chunk": "1", "timestamp": "5", "payload": "/v7+/w=="},
        "streamSid": STREAM,
    },
    {"event": "dtmf", "streamSid": STREAM, "dtmf": {"track": "inbound_track", "digit": "1"}},
    {"event": "mark", "sequenceNumber": "4", "streamSid": STREAM, "mark": {"name": "m"}},
    {"event": "stop", "streamSid": STREAM, "stop": {"accountSid": "AC1", "callSid": "CA1"}},
]


def test_the_documented_conversation() -> None:
    line = TwilioLine()
    events = [event for message in MESSAGES for event in line.receive(encode(message))]
    assert events == [
        Started(Encoding.MULAW, 8000, STREAM, "CA1", {"FirstName": "Jane", "LastName": "Doe"}),
        Audio(b"\xfe\xfe\xfe\xff"),
        Digit("1"),
        Reached("m"),
        Stopped("the caller hung up"),
    ]


def test_only_what_twilio_takes_goes_out() -> None:
    line = TwilioLine()
    for message in MESSAGES[:2]:
        line.receive(encode(message))
    out = [*line.audio(b"\xff" * 160), *line.mark("a"), *line.clear()]
    assert [msgspec.json.decode(message) for message in out] == [
        {
            "event": "media",
            "streamSid": STREAM,
            "media": {"payload": base64.b64encode(b"\xff" * 160).decode()},
        },
        {"event": "mark", "streamSid": STREAM, "mark": {"name": "a"}},
        {"event": "clear", "streamSid": STREAM},
    ]
    assert not line.tell({"type": "response.done"})
    assert not line.hang_up("why", Farewell.COMPLETED)


def test_our_own_voice_and_unknown_events_are_ignored() -> None:
    line = TwilioLine()
    line.receive(encode(MESSAGES[1]))
    media: dict[str, object] = {"event": "media", "media": {"track": "outbound", "payload": "/w=="}}
    assert not line.receive(encode(media))
    assert not line.receive('{"event": "sparkle", "media": null}')
    assert line.ignored == 1


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (MESSAGES[1], "second start"),
        ({"event": "start", "start": {"streamSid": ""}}, "second start"),
        ({"event": "media"}, "no 'media'"),
        ({"event": "media", "media": {"payload": "*"}}, "not base64"),
        ({"event": "media", "media": {"payload": "/w==", "chunk": "-1"}}, "chunk"),
        ({"event": "media", "media": {"payload": "/w==", "chunk": 10**18}}, "chunk"),
        ({"event": "dtmf", "dtmf": {"digit": "x"}}, "digit"),
        ({"event": "mark", "mark": {}}, "name"),
        ({"streamSid": STREAM}, "event"),
        ({"event": "media", "media": {"payload": "A" * 60_000 + "*"}}, "not base64"),
    ],
)
def test_what_cannot_be_used_is_told(message: dict[str, object], why: str) -> None:
    line = TwilioLine()
    line.receive(encode(MESSAGES[1]))
    with pytest.raises(BadInput, match=why):
        line.receive(encode(message))


def test_another_codec_is_told() -> None:
    start: dict[str, object] = {
        "event": "start",
        "start": {"streamSid": "M", "mediaFormat": {"encoding": "audio/l16"}},
    }
    with pytest.raises(BadInput, match="audio/x-mulaw at 8000"):
        TwilioLine().receive(encode(start))


@settings(max_examples=150)
@given(wires(MESSAGES))
def test_no_message_raises_past_the_phone(messages: list[str | bytes]) -> None:
    never_raises(TwilioLine, messages)
