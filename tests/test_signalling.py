"""Which offers are taken and what is changed in answers."""

from __future__ import annotations

import pytest

from visavis.runtime.errors import BadInput
from visavis.runtime.settings import WebrtcSettings
from visavis.transports.webrtc.signalling import (
    check_offer,
    configuration,
    parse_candidate,
    passive,
    with_fec,
)

HEAD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(32 * ["AB"]) + "\r\n"
TRANSPORT = "a=ice-ufrag:abcd\r\na=ice-pwd:" + 24 * "p" + "\r\n" + FINGERPRINT
AUDIO = (
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=mid:0\r\n"
    "a=sendrecv\r\na=rtpmap:111 opus/48000/2\r\na=setup:actpass\r\n" + TRANSPORT
)


def test_a_browsers_offer_is_taken() -> None:
    offer = check_offer(HEAD + AUDIO)
    assert (offer.ufrag, offer.pwd, offer.is_lite) == ("abcd", 24 * "p", False)
    assert offer.candidates == () and len(offer.fingerprints) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "begins with ''"),
        ("hello", "begins with 'hello'"),
        ("{}", "begins with"),
        ("v=0\r\nm=audio x y\r\n", "can't be parsed"),
        ("v=0\r\n" + 200 * "a=x\x00\r\n", "can't be printed"),
        (HEAD, "no audio"),
        (HEAD + AUDIO.replace("opus/48000/2", "PCMU/8000"), "PCMU"),
        (HEAD + AUDIO.replace("a=ice-pwd", "a=ice-nothing"), "ICE"),
        (HEAD + AUDIO.replace(FINGERPRINT, ""), "fingerprint"),
        (HEAD.replace("BUNDLE 0", "BUNDLE 0 7") + AUDIO, "7"),
        (HEAD + 2 * AUDIO, "a mid of its own"),
        (HEAD + 9 * AUDIO, "more than 8 media sections"),
        (HEAD + AUDIO + "m=text 9 UDP/TLS/RTP/SAVPF 98\r\n" + TRANSPORT, "text"),
        (HEAD + AUDIO + 70_000 * "a", "bytes"),
        ("v=0\r\n" + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:nonsense\r\n", "parsed"),
    ],
)
def test_any_other_is_refused_with_a_reason(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        check_offer(text)
    assert caught.value.param == "sdp"


def test_the_answer_makes_us_the_dtls_server() -> None:
    assert passive("a=mid:0\r\na=setup:active\r\n") == "a=mid:0\r\na=setup:passive\r\n"


def test_the_answer_asks_for_copies_of_lost_packets() -> None:
    answer = "a=rtpmap:111 opus/48000/2\r\na=rtpmap:97 VP8/90000\r\n"
    assert with_fec(answer) == (
        "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"
        "a=rtpmap:97 VP8/90000\r\n"
    )


def test_candidates_are_read_as_browsers_write_them() -> None:
    text = "candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host generation 0"
    parsed = parse_candidate(text, "0", None)
    assert parsed is not None and (parsed.ip, parsed.port, parsed.sdpMid) == (
        "127.0.0.1",
        5000,
        "0",
    )
    assert parse_candidate("", None, None) is None is parse_candidate(None, None, None)


@pytest.mark.parametrize("text", ["nonsense", "candidate:1 1 udp x y z", "candidate:"])
def test_a_bad_candidate_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_candidate(text, "0", 0)


def test_a_candidate_must_say_where_it_belongs() -> None:
    with pytest.raises(BadInput, match="sdpMid"):
        parse_candidate("candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host", None, None)


def test_nobody_outside_is_contacted_unless_told() -> None:
    assert configuration(WebrtcSettings()).iceServers == []
    servers = configuration(
        WebrtcSettings(
            stun=("stun:stun.example:3478",),
            turn_urls=("turn:turn.example:3478",),
            turn_username="u",
            turn_credential="c",
        )
    ).iceServers
    assert servers is not None
    assert [(server.urls, server.username) for server in servers] == [
        ("stun:stun.example:3478", None),
        ("turn:turn.example:3478", "u"),
    ]
