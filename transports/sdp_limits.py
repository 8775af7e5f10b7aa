"""What a session description may contain, checked on its text before any parser sees it.

The parser behind it looks codecs and sources up one by one, so a description with thousands of them
would hold up everybody's event loop. Counting lines takes well under a millisecond.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..runtime.errors import BadInput
from ..runtime.settings import WebrtcSettings

MAX_LINE = 4096
"""Characters; the longest lines of browsers are parameter sets of a few hundred."""
MAX_LINES = 1500
"""Chromium's longest offers have about 500; aiortc's parser takes about 3 µs a line."""
MAX_PER_SECTION = 64
"""Header extensions, sources and source groups, each."""
_COUNTED = ("a=extmap:", "a=ssrc:", "a=ssrc-group:", "a=fingerprint:", "a=rid:", "a=sctpmap:")
_KINDS = ("audio", "video", "application")


@dataclass(frozen=True, slots=True)
class SdpLimits:
    """How much of everything."""

    max_bytes: int = 65_536
    max_sections: int = 8
    max_candidates: int = 128
    max_codecs: int = 96

    @classmethod
    def of(cls, settings: WebrtcSettings) -> SdpLimits:
        """Those of the settings."""
        return cls(
            settings.max_sdp_bytes,
            settings.max_media_sections,
            settings.max_candidates,
            settings.max_codecs,
        )


def check_sdp(text: str, limits: SdpLimits) -> None:
    """Raises `BadInput` naming what there is too much of. Says nothing about the meaning."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    if size > limits.max_bytes:
        raise _bad(
            f"the offer has {size} bytes; at most {limits.max_bytes} are taken", "sdp_too_large"
        )
    if not text.lstrip().startswith("v=0"):
        raise _bad(f"the offer begins with {text[:20]!r}; a session description with 'v=0'")
    lines = text.splitlines() if text.count("\n") <= MAX_LINES else ()
    if not 0 < len(lines) <= MAX_LINES:
        raise _bad(f"the offer has too many lines: at most {MAX_LINES}", "sdp_too_large")
    sections = candidates = 0
    counts: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            raise _bad(
                f"line {number} of the offer has {len(line)} characters; at most {MAX_LINE}",
                "sdp_too_large",
            )
        if not line.isprintable():
            raise _bad(f"line {number} of the offer has characters that can't be printed")
        if line.startswith("m="):
            sections += 1
            counts.clear()
            _check_section(line, sections, limits)
        elif line.startswith("a=candidate:"):
            candidates += 1
            if candidates > limits.max_candidates:
                raise too_many_candidates(limits.max_candidates)
        elif line.startswith("a=rtpmap:"):
            _count(counts, "a=rtpmap:", limits.max_codecs, "too_many_codecs")
        elif line.startswith(_COUNTED):
            _count(counts, line.partition(":")[0] + ":", MAX_PER_SECTION, "sdp_too_large")


def too_many_candidates(limit: int) -> BadInput:
    """Of one conversation."""
    return BadInput(
        f"there are more than {limit} candidates: a client with many networks has about twenty",
        code="too_many_candidates",
        param="candidates",
    )


def _check_section(line: str, number: int, limits: SdpLimits) -> None:
    if number > limits.max_sections:
        raise _bad(
            f"the offer has more than {limits.max_sections} media sections: offer one audio, one "
            "video and one application section",
            "too_many_media_sections",
        )
    kind = line[2:].partition(" ")[0]
    if kind not in _KINDS:
        raise _bad(f"a media section is {kind[:20]!r}: offer audio, video or application")
    formats = max(0, len(line.split()) - 3)
    if formats > limits.max_codecs:
        raise _bad(
            f"media section {number} offers {formats} payload types; at most {limits.max_codecs}",
            "too_many_codecs",
        )


def _count(counts: dict[str, int], name: str, limit: int, code: str) -> None:
    counts[name] = counts.get(name, 0) + 1
    if counts[name] > limit:
        raise _bad(f"a media section has more than {limit} lines {name!r}", code)


def _bad(message: str, code: str = "invalid_sdp") -> BadInput:
    return BadInput(message, code=code, param="sdp")
