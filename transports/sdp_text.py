"""Session descriptions and trickle fragments as text: read, checked, and put together.

Knows RFC 8866 and RFC 8840 as far as WHIP and WHEP (RFC 9725 and its sister) need them; no ICE
agent and no socket.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..runtime.errors import BadInput

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
MAX_CANDIDATES = 64
"""Of one fragment; a browser with many networks sends about twenty in all."""

_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PWD = re.compile(r"[A-Za-z0-9+/]{22,256}")


@dataclass(frozen=True, slots=True)
class Section:
    """One media section, by what its lines say."""

    kind: str
    direction: str
    setup: str
    codecs: frozenset[str]
    """Names in lower case."""
    is_rejected: bool
    """Its port is 0 and it is not bundle-only."""


def sections(sdp: str) -> list[Section]:
    """The media sections of a description, in order; nothing is checked."""
    head, *media = re.split(r"(?m)^m=", sdp)
    default = _first(head, DIRECTIONS) or "sendrecv"
    setup = re.search(r"(?m)^a=setup:(\S+)", head)
    return [_section(text, default, setup[1] if setup else "") for text in media]


def _section(text: str, direction: str, setup: str) -> Section:
    first = text.split("\n", 1)[0].split()
    own = re.search(r"(?m)^a=setup:(\S+)", text)
    return Section(
        kind=first[0] if first else "",
        direction=_first(text, DIRECTIONS) or direction,
        setup=own[1] if own else setup,
        codecs=frozenset(
            name.lower() for name in re.findall(r"(?m)^a=rtpmap:\d+ ([^/\s]+)/", text)
        ),
        is_rejected=first[1:2] == ["0"] and "a=bundle-only" not in text,
    )


def _first(text: str, names: Sequence[str]) -> str | None:
    found = re.search(rf"(?m)^a=({'|'.join(names)})\s*$", text)
    return found[1] if found else None


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a PATCH of `application/trickle-ice-sdpfrag` says."""

    ufrag: str | None = None
    pwd: str | None = None
    candidates: tuple[tuple[str, str | None], ...] = field(default=())
    """`candidate:…` lines, each with the mid of its section; no end of candidates."""
    is_end: bool = False
    """No more candidates will come."""


def parse_fragment(text: str) -> Fragment:
    """Raises `BadInput` for a fragment that says nothing, or something that can't be meant."""
    ufrag = pwd = mid = None
    candidates: dict[tuple[str, str | None], None] = {}
    is_end = False
    for raw in text.splitlines():
        name, _, value = raw.strip().partition(":")
        match name:
            case "a=mid":
                mid = value
            case "a=ice-ufrag":
                ufrag = _checked(ufrag, value, _UFRAG, "ice-ufrag")
            case "a=ice-pwd":
                pwd = _checked(pwd, value, _PWD, "ice-pwd")
            case "a=candidate":
                candidates[f"candidate:{value}", mid] = None
            case "a=end-of-candidates":
                is_end = True
            case _:
                pass  # m= lines and what later versions add
    if (ufrag is None) != (pwd is None):
        raise _bad("has only one of a=ice-ufrag and a=ice-pwd: they change together")
    if len(candidates) > MAX_CANDIDATES:
        raise _bad(f"has {len(candidates)} candidates; at most {MAX_CANDIDATES} are taken")
    if ufrag is None and not candidates and not is_end:
        raise _bad("has neither candidates nor new ICE credentials")
    return Fragment(ufrag, pwd, tuple(candidates), is_end)


def _checked(before: str | None, value: str, shape: re.Pattern[str], name: str) -> str:
    if not shape.fullmatch(value):
        raise _bad(f"has {name} {value[:40]!r}, which is none by RFC 8839")
    if before is not None and before != value:
        raise _bad(f"has two values of {name}: bundled media has one")
    return value


def with_ice(sdp: str, ufrag: str, pwd: str, candidates: Sequence[str] = ()) -> str:
    """The description as its author would offer it after an ICE restart: the same media, other
    credentials, these candidates (`candidate:…`) and no older ones."""
    lines: list[str] = []
    is_placed = False
    for line in sdp.splitlines():
        name = line.partition(":")[0]
        if name in ("a=candidate", "a=end-of-candidates"):
            continue
        if name == "a=ice-ufrag":
            line = f"a=ice-ufrag:{ufrag}"
        elif name == "a=ice-pwd":
            line = f"a=ice-pwd:{pwd}"
        lines.append(line)
        if name == "a=mid" and not is_placed:  # the first section carries the transport of all
            lines += [f"a={candidate}" for candidate in candidates]
            is_placed = True
    return "\r\n".join(lines) + "\r\n"


def fragment_of(sdp: str) -> str:
    """The answer to an ICE restart: our credentials and candidates, of the first section."""
    credentials: list[str] = []
    media: list[str] = []
    for line in sdp.splitlines():
        if line.startswith("m="):
            if media:
                break
            media.append(line)
        elif line.startswith(("a=ice-ufrag:", "a=ice-pwd:")):
            credentials.append(line)
        elif media and line.startswith(("a=mid:", "a=candidate:", "a=end-of-candidates")):
            media.append(line)
    return "\r\n".join([*credentials, *media]) + "\r\n"


def _bad(what: str) -> BadInput:
    return BadInput(f"the fragment {what}", code="invalid_fragment", param="fragment")
