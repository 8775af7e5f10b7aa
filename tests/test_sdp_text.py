"""Descriptions and fragments as text."""

from __future__ import annotations

import pytest

from visavis.runtime.errors import BadInput
from visavis.transports.sdp_text import (
    MAX_CANDIDATES,
    fragment_of,
    parse_fragment,
    sections,
    with_ice,
)

UFRAG, PWD = "EsAw", "P2uYro0UCOQ4zxjKXaWCBui1"
OFFER = "\r\n".join(  # noqa: FLY002 - as an offer is read: line by line
    [
        "v=0",
        "o=- 1 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 0",
        "a=mid:0",
        "a=sendonly",
        "a=ice-ufrag:old0",
        "a=ice-pwd:oldoldoldoldoldoldoldold",
        "a=setup:actpass",
        "a=rtpmap:111 opus/48000/2",
        "a=rtpmap:0 PCMU/8000",
        "a=candidate:1 1 udp 1 127.0.0.1 1111 typ host",
        "a=end-of-candidates",
        "m=video 0 UDP/TLS/RTP/SAVPF 96",
        "a=mid:1",
        "a=bundle-only",
        "a=recvonly",
        "a=ice-ufrag:old0",
        "a=ice-pwd:oldoldoldoldoldoldoldold",
        "a=rtpmap:96 VP8/90000",
        "m=video 0 UDP/TLS/RTP/SAVPF 96",
        "",
    ]
)
TRICKLED = "\r\n".join(
    [
        f"a=ice-ufrag:{UFRAG}",
        f"a=ice-pwd:{PWD}",
        "m=audio 9 RTP/AVP 0",
        "a=mid:0",
        "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host",
        "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host",
        "a=candidate:2 1 udp 2122194687 198.51.100.1 61765 typ host",
        "a=end-of-candidates",
        "",
    ]
)


def test_sections_tell_what_their_lines_say() -> None:
    audio, video, gone = sections(OFFER)
    assert (audio.kind, audio.direction, audio.setup) == ("audio", "sendonly", "actpass")
    assert audio.codecs == {"opus", "pcmu"} and not audio.is_rejected
    assert (video.kind, video.direction, video.is_rejected) == ("video", "recvonly", False)
    assert gone.is_rejected and gone.direction == "sendrecv"
    assert sections("nonsense") == []
    assert sections("v=0\r\na=recvonly\r\nm=audio 9\r\n")[0].direction == "recvonly"


def test_a_fragment_is_read() -> None:
    fragment = parse_fragment(TRICKLED)
    assert (fragment.ufrag, fragment.pwd, fragment.is_end) == (UFRAG, PWD, True)
    assert [mid for _, mid in fragment.candidates] == ["0", "0"]
    assert fragment.candidates[1][0].startswith("candidate:2 1 udp")
    assert parse_fragment("a=end-of-candidates").is_end


@pytest.mark.parametrize(
    "text",
    [
        "",
        "m=audio 9 RTP/AVP 0\r\na=mid:0\r\n",
        "a=ice-ufrag:EsAw\r\n",
        f"a=ice-ufrag:E\r\na=ice-pwd:{PWD}\r\n",
        f"a=ice-ufrag:{UFRAG}\r\na=ice-pwd:short\r\n",
        f"a=ice-ufrag:{UFRAG}\r\na=ice-pwd:{PWD}\r\na=ice-ufrag:Other\r\n",
        "".join(f"a=candidate:{n} 1 udp 1 127.0.0.1 9 typ host\n" for n in range(65)),
    ],
)
def test_a_fragment_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="the fragment") as caught:
        parse_fragment(text)
    assert caught.value.code == "invalid_fragment"


def test_as_many_candidates_as_are_taken() -> None:
    lines = [f"a=candidate:{n} 1 udp 1 127.0.0.1 9 typ host\n" for n in range(MAX_CANDIDATES)]
    assert len(parse_fragment("".join(lines)).candidates) == MAX_CANDIDATES


def test_an_offer_after_an_ice_restart_differs_in_ice_only() -> None:
    new = with_ice(OFFER, UFRAG, PWD, ["candidate:9 1 udp 1 10.0.0.1 9 typ host"])
    assert new.count(f"a=ice-ufrag:{UFRAG}\r\n") == new.count(f"a=ice-pwd:{PWD}\r\n") == 2
    assert new.count("a=candidate:") == 1 and "old" not in new
    assert "a=mid:0\r\na=candidate:9 1 udp 1 10.0.0.1 9 typ host\r\n" in new

    def rest(sdp: str) -> list[str]:
        dropped = ("a=ice-", "a=candidate", "a=end-of")
        return [line for line in sdp.split("\r\n") if not line.startswith(dropped)]

    assert rest(new) == rest(OFFER)


def test_the_answer_to_a_restart_is_a_fragment() -> None:
    assert fragment_of(OFFER).split("\r\n") == [
        "a=ice-ufrag:old0",
        "a=ice-pwd:oldoldoldoldoldoldoldold",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 0",
        "a=mid:0",
        "a=candidate:1 1 udp 1 127.0.0.1 1111 typ host",
        "a=end-of-candidates",
        "",
    ]
