"""Session descriptions: what we take, and what we change in what we give. Opens no socket."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiortc import RTCConfiguration, RTCIceCandidate, RTCIceServer, sdp

from ...runtime.errors import BadInput
from ...runtime.settings import WebrtcSettings
from ..sdp_limits import SdpLimits, check_sdp


@dataclass(frozen=True, slots=True)
class Offer:
    """A description that passed the checks."""

    sdp: str
    ufrag: str
    pwd: str
    fingerprints: frozenset[str]
    candidates: tuple[RTCIceCandidate, ...]
    is_lite: bool


def check_offer(text: str, limits: SdpLimits = SdpLimits()) -> Offer:  # noqa: B008 - frozen
    """Raises `BadInput`, saying what is wrong, for an offer that can't be answered."""
    check_sdp(text, limits)
    try:
        offer = sdp.SessionDescription.parse(text)
    except Exception as error:  # the parser raises whatever its slicing and int() raise
        raise _bad(f"the offer can't be parsed ({type(error).__name__}: {error})") from error
    audio = [media for media in offer.media if media.kind == "audio"]
    if not audio:
        raise _bad("the offer has no audio section: add a microphone or an audio transceiver")
    names = sorted({codec.mimeType for codec in audio[0].rtp.codecs})
    if "audio/opus" not in (name.lower() for name in names):
        raise _bad(f"the first audio section offers {', '.join(names) or 'no codec'}: offer Opus")
    if not any(
        (codec.mimeType.lower(), codec.clockRate, codec.channels) == ("audio/opus", 48_000, 2)
        for codec in audio[0].rtp.codecs
    ):
        raise _bad("Opus is offered with another rate or channels: write opus/48000/2 (RFC 7587)")
    for media in offer.media:
        if media.ice is None or not media.ice.usernameFragment or not media.ice.password:
            raise _bad(f"the {media.kind} section has no ICE user name or password")
        if media.dtls is None or not media.dtls.fingerprints:
            raise _bad(f"the {media.kind} section has no DTLS fingerprint")
    mids = [media.rtp.muxId for media in offer.media]
    if len(set(mids)) < len(mids) or "" in mids:
        raise _bad(f"the media sections are called {mids}: give each a mid of its own")
    bundled = [item for group in offer.group if group.semantic == "BUNDLE" for item in group.items]
    if unknown := sorted(set(map(str, bundled)) - set(mids)):
        raise _bad(f"the BUNDLE group names {unknown}, the media sections are {mids}")
    first = offer.media[0]
    assert first.ice and first.ice.usernameFragment and first.ice.password and first.dtls
    return Offer(
        text,
        first.ice.usernameFragment,
        first.ice.password,
        frozenset(f"{f.algorithm} {f.value.upper()}" for f in first.dtls.fingerprints),
        tuple(candidate for media in offer.media for candidate in media.ice_candidates),
        first.ice.iceLite,
    )


def passive(answer: str) -> str:
    """The answer with us as DTLS server. aiortc's default is client, and as a client it offers
    only ECDSA ciphers, so peers that present an RSA certificate can't connect."""
    return answer.replace("a=setup:active", "a=setup:passive")


def with_fec(answer: str) -> str:
    """The answer asking for Opus packets that carry a copy of the one before (RFC 7587, 6.1):
    browsers add it only when told, and then only while they hear of loss."""
    return re.sub(
        r"(a=rtpmap:(\d+) opus/48000/2\r\n)",
        r"\1a=fmtp:\2 minptime=10;useinbandfec=1\r\n",
        answer,
    )


def parse_candidate(
    candidate: str | None, sdp_mid: str | None, sdp_mline_index: int | None
) -> RTCIceCandidate | None:
    """A trickled candidate as browsers give it; None (or empty) is the end of candidates."""
    if not candidate:
        return None
    text = candidate.removeprefix("a=").removeprefix("candidate:")
    try:
        parsed = sdp.candidate_from_sdp(text)
    except Exception as error:  # as above
        raise BadInput(
            f"the candidate {candidate[:80]!r} can't be parsed", code="invalid_candidate"
        ) from error
    if sdp_mid is None and sdp_mline_index is None:
        raise BadInput(
            "the candidate names no media section: send sdpMid or sdpMLineIndex",
            code="invalid_candidate",
        )
    parsed.component = parsed.component or 1  # @eyevinn/whip-web-client counts them from 0
    parsed.sdpMid, parsed.sdpMLineIndex = sdp_mid, sdp_mline_index
    return parsed


def configuration(settings: WebrtcSettings) -> RTCConfiguration:
    """The servers that help to be reached; none by default, so nobody outside is contacted."""
    servers = [RTCIceServer(urls=url) for url in settings.stun]
    servers += [
        RTCIceServer(urls=url, username=settings.turn_username, credential=settings.turn_credential)
        for url in settings.turn_urls
    ]
    return RTCConfiguration(iceServers=servers)


def _bad(message: str, code: str = "invalid_sdp") -> BadInput:
    return BadInput(message, code=code, param="sdp")
