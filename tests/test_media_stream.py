"""What the members of Twilio's family have in common."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from telephone_fakes import encode

from visavis.runtime.errors import BadInput
from visavis.transports.telephony import PlivoLine, TelnyxLine, TwilioLine
from visavis.transports.telephony.line import Farewell, Started
from visavis.transports.telephony.media_stream import MediaStreamLine

Starts = Mapping[type[MediaStreamLine], dict[str, object]]
STARTS: Starts = {
    TwilioLine: {"event": "start", "start": {"streamSid": "s", "callSid": "c"}},
    TelnyxLine: {"event": "start", "stream_id": "s", "start": {"call_control_id": "c"}},
    PlivoLine: {"event": "start", "start": {"streamId": "s", "callId": "c"}},
}
MEDIA: dict[str, object] = {"event": "media", "media": {"payload": "/w=="}}

members = pytest.mark.parametrize("member", STARTS)


@members
def test_a_start_that_names_no_format_is_mu_law(member: type[MediaStreamLine]) -> None:
    (started,) = member().receive(encode(STARTS[member]))
    assert isinstance(started, Started)
    assert (started.encoding, started.rate) == ("mulaw", 8000)
    assert (started.stream_id, started.call_id) == ("s", "c")


@members
def test_nothing_comes_before_the_start_or_twice(member: type[MediaStreamLine]) -> None:
    line = member()
    with pytest.raises(BadInput, match="media came before start"):
        line.receive(encode(MEDIA))
    line.receive(encode(STARTS[member]))
    with pytest.raises(BadInput, match="a second start"):
        line.receive(encode(STARTS[member]))


@members
def test_what_is_no_such_message_is_told(member: type[MediaStreamLine]) -> None:
    with pytest.raises(BadInput, match=f"{member.member.name} sends text"):
        member().receive(b"\x00")
    with pytest.raises(BadInput, match="the start message has no 'start'"):
        member().receive('{"event": "start"}')
    format_of = {member.member.format: {"encoding": 7}}
    start = {"event": "start", "start": {member.member.stream or "x": "s", **format_of}}
    with pytest.raises(BadInput, match="encoding is no text: 7"):
        member().receive(encode(start))
    rate = {member.member.format: {member.member.rate: [1]}}
    with pytest.raises(BadInput, match="is no number"):
        member().receive(encode({"event": "start", "start": rate}))


@members
def test_more_than_one_channel_is_refused(member: type[MediaStreamLine]) -> None:
    start = {member.member.stream or "x": "s", member.member.format: {"channels": 2}}
    with pytest.raises(BadInput, match="with 2 channels"):
        member().receive(encode({"event": "start", "start": start}))


@members
def test_a_call_ends_by_closing(member: type[MediaStreamLine]) -> None:
    assert not member().hang_up("why", Farewell.ERROR) and not member().tell({"type": "x"})


@pytest.mark.parametrize("member", [TwilioLine, PlivoLine])
def test_an_empty_stream_id_is_told(member: type[MediaStreamLine]) -> None:
    name = member.member.stream
    with pytest.raises(BadInput, match=f"{name} is empty"):
        member().receive(encode({"event": "start", "start": {name: ""}}))
