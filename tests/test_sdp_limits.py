"""How much a session description may contain: each limit has its own words and its own code."""

from __future__ import annotations

import pytest

from visavis.runtime.errors import BadInput
from visavis.runtime.settings import WebrtcSettings
from visavis.transports.sdp_limits import MAX_LINE, MAX_LINES, MAX_PER_SECTION, SdpLimits, check_sdp

HEAD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
AUDIO = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n"
LIMITS = SdpLimits()
CANDIDATE = "a=candidate:1 1 udp 1 127.0.0.1 5000 typ host\r\n"


def many(count: int, line: str) -> str:
    return "".join(line.format(n=n) for n in range(count))


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        (HEAD + AUDIO + 70_000 * "a", "sdp_too_large", "bytes; at most 65536"),
        (HEAD + 33_000 * "é", "sdp_too_large", "bytes"),
        (HEAD + (MAX_LINES + 1) * "a=x\r\n", "sdp_too_large", f"at most {MAX_LINES}"),
        (HEAD + "a=" + MAX_LINE * "x", "sdp_too_large", "line 5"),
        (HEAD + 9 * AUDIO, "too_many_media_sections", "more than 8"),
        (HEAD + AUDIO + many(129, CANDIDATE), "too_many_candidates", "more than 128"),
        (HEAD + "m=video 9 X " + many(97, " {n}"), "too_many_codecs", "97 payload types"),
        (HEAD + AUDIO + many(96, "a=rtpmap:{n} x/1\r\n"), "too_many_codecs", "rtpmap"),
        (HEAD + AUDIO + many(65, "a=ssrc:{n} cname:x\r\n"), "sdp_too_large", "ssrc"),
        (HEAD + AUDIO + many(65, "a=extmap:{n} urn:x\r\n"), "sdp_too_large", "extmap"),
        (HEAD + many(65, "a=fingerprint:sha-256 {n}\r\n"), "sdp_too_large", "fingerprint"),
        (HEAD + "m=text 9 X 98\r\n", "invalid_sdp", "'text'"),
        (HEAD + "a=x\x00y\r\n", "invalid_sdp", "line 5"),
        ("hello", "invalid_sdp", "begins with 'hello'"),
        ("", "invalid_sdp", "begins with ''"),
    ],
)
def test_too_much_is_refused_by_name(text: str, code: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        check_sdp(text, LIMITS)
    assert caught.value.code == code
    assert len(str(caught.value)) < 300


def test_what_just_fits_is_let_through() -> None:
    section = AUDIO + many(MAX_PER_SECTION, "a=ssrc:{n} cname:x\r\n")
    section += many(95, "a=rtpmap:{n} x/1\r\n")
    check_sdp(HEAD + 8 * section + many(128, CANDIDATE), LIMITS)


def test_limits_are_those_of_the_settings() -> None:
    webrtc = WebrtcSettings(
        max_sdp_bytes=2048, max_media_sections=2, max_candidates=3, max_codecs=4
    )
    assert SdpLimits.of(webrtc) == SdpLimits(2048, 2, 3, 4)
    assert SdpLimits.of(WebrtcSettings()) == LIMITS
