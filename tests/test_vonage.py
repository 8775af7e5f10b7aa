"""Vonage's messages as documented, and whatever else may come."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from line_fakes import never_raises, wires
from telephone_fakes import encode

from visavis.runtime.errors import BadInput
from visavis.transports.telephony import VonageLine
from visavis.transports.telephony.line import Audio, Digit, Encoding, Reached, Started

CONNECTED: dict[str, object] = {
    "event": "websocket:connected",
    "content-type": "audio/l16;rate=16000",
    "uuid": "u-1",
    "customer": "7",
}
MESSAGES: list[dict[str, object]] = [
    CONNECTED,
    {"event": "websocket:dtmf", "digit": "5", "duration": 260},
    {"event": "websocket:dtmf", "dtmf": {"digit": "6"}},
    {"event": "websocket:notify", "payload": {"name": "m"}},
    {"event": "websocket:cleared"},
]


def test_the_documented_conversation() -> None:
    line = VonageLine()
    events = [event for message in MESSAGES for event in line.receive(encode(message))]
    events += line.receive(b"\x01\x00" * 320)
    parameters = {"uuid": "u-1", "customer": "7"}
    assert events == [
        Started(Encoding.L16, 16_000, "u-1", "u-1", parameters),
        Digit("5"),
        Digit("6"),
        Reached("m"),
        Audio(b"\x01\x00" * 320),
    ]


def test_audio_goes_out_as_it_is_and_commands_as_json() -> None:
    line = VonageLine()
    line.receive(encode(CONNECTED))
    assert line.audio(b"\x00" * 640) == (b"\x00" * 640,)
    assert [msgspec.json.decode(m) for m in (*line.mark("a"), *line.clear())] == [
        {"action": "notify", "payload": {"name": "a"}},
        {"action": "clear"},
    ]


@pytest.mark.parametrize(
    ("kind", "rate"),
    [("audio/l16;rate=8000", 8000), ("audio/l16; rate=24000", 24_000), ("audio/l16", 16_000)],
)
def test_rates(kind: str, rate: int) -> None:
    (started,) = VonageLine().receive(encode({**CONNECTED, "content-type": kind}))
    assert isinstance(started, Started) and started.rate == rate


@pytest.mark.parametrize("kind", ["audio/opus", "audio/l16;rate=11025", 7])
def test_other_rates_are_told(kind: object) -> None:
    with pytest.raises(BadInput, match="content-type"):
        VonageLine().receive(encode({**CONNECTED, "content-type": kind}))


def test_half_a_sample_and_audio_too_early_are_told() -> None:
    line = VonageLine()
    with pytest.raises(BadInput, match="before websocket:connected"):
        line.receive(b"\x00\x00")
    line.receive(encode(CONNECTED))
    with pytest.raises(BadInput, match="samples have 2"):
        line.receive(b"\x00")


@settings(max_examples=150)
@given(wires(MESSAGES))
def test_no_message_raises_past_the_phone(messages: list[str | bytes]) -> None:
    never_raises(VonageLine, messages)
