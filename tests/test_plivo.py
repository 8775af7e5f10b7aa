"""Plivo's messages as documented, and whatever else may come."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from line_fakes import never_raises, wires
from telephone_fakes import encode

from visavis.runtime.errors import BadInput
from visavis.transports.telephony import PlivoLine
from visavis.transports.telephony.line import Audio, Digit, Encoding, Reached, Started, Stopped


def start(encoding: str = "audio/x-mulaw", rate: int = 8000) -> dict[str, object]:
    return {
        "event": "start",
        "sequenceNumber": 1,
        "start": {
            "callId": "c",
            "streamId": "s",
            "accountId": "MA",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": encoding, "sampleRate": rate},
        },
        "extra_headers": "userId=12345;sessionId=abc-xyz",
    }


MESSAGES: list[dict[str, object]] = [
    start(),
    {
        "event": "media",
        "sequenceNumber": 2,
        "streamId": "s",
        "media": {"track": "inbound", "timestamp": "1", "chunk": 1, "payload": "/v8="},
    },
    {"event": "dtmf", "streamId": "s", "dtmf": {"track": "inbound", "digit": "*"}},
    {"event": "playedStream", "streamId": "s", "name": "m"},
    {"event": "clearedAudio", "streamId": "s"},
    {"event": "stop", "streamId": "s"},
]


def test_the_documented_conversation() -> None:
    line = PlivoLine()
    events = [event for message in MESSAGES for event in line.receive(encode(message))]
    assert events == [
        Started(Encoding.MULAW, 8000, "s", "c", {"userId": "12345", "sessionId": "abc-xyz"}),
        Audio(b"\xfe\xff"),
        Digit("*"),
        Reached("m"),
        Stopped("the caller hung up"),
    ]
    assert line.ignored == 0


@pytest.mark.parametrize(
    ("encoding", "rate", "kind"),
    [("audio/x-mulaw", 8000, "audio/x-mulaw"), ("audio/x-l16;rate=16000", 16_000, "audio/x-l16")],
)
def test_what_goes_out_says_its_codec(encoding: str, rate: int, kind: str) -> None:
    line = PlivoLine()
    line.receive(encode(start(encoding, rate)))
    out = [*line.audio(b"\xff\xff"), *line.mark("a"), *line.clear()]
    media = {"contentType": kind, "sampleRate": rate, "payload": "//8="}
    assert [msgspec.json.decode(message) for message in out] == [
        {"event": "playAudio", "streamId": "s", "media": media},
        {"event": "checkpoint", "streamId": "s", "name": "a"},
        {"event": "clearAudio", "streamId": "s"},
    ]


def test_other_codecs_and_a_second_start_are_told() -> None:
    with pytest.raises(BadInput, match="audio/x-mulaw at 8000"):
        PlivoLine().receive(encode(start("audio/x-opus", 48_000)))
    line = PlivoLine()
    line.receive(encode(start()))
    with pytest.raises(BadInput, match="second start"):
        line.receive(encode(start()))


@settings(max_examples=150)
@given(wires(MESSAGES))
def test_no_message_raises_past_the_phone(messages: list[str | bytes]) -> None:
    never_raises(PlivoLine, messages)
