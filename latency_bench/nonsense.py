"""Malformed offers and messages, made from seeds: what the bench of abuse sends, and tests with it.

Every one is refused by any server that keeps to the standards; none is a working offer by chance.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable

_HEAD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
_ICE = "a=ice-ufrag:abcd\r\na=ice-pwd:" + 24 * "p" + "\r\n"
_DTLS = "a=fingerprint:sha-256 " + ":".join(32 * ["AB"]) + "\r\na=setup:actpass\r\n"
_AUDIO = (
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=mid:0\r\n"
    "a=sendrecv\r\na=rtpmap:111 opus/48000/2\r\n"
)
GOOD_OFFER = _HEAD + _AUDIO + _ICE + _DTLS
"""What the malformed ones are made from; it names nobody who could be reached."""

_CANDIDATE = "a=candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host\r\n"

_Spoil = Callable[[random.Random], str]
_OFFERS: tuple[_Spoil, ...] = (
    lambda r: GOOD_OFFER[: r.randrange(len(_HEAD + _AUDIO))],
    lambda r: _HEAD + _AUDIO + _DTLS,
    lambda r: _HEAD + _AUDIO + _ICE,
    lambda r: GOOD_OFFER.replace("opus/48000/2", r.choice(("PCMU/8000", "opus", "/", "x/y/z"))),
    lambda r: GOOD_OFFER.replace("opus/48000/2", "opus/8000/1"),  # found out by aiortc only
    lambda r: GOOD_OFFER.replace("BUNDLE 0", f"BUNDLE 0 {r.randrange(1, 99)}"),
    lambda r: GOOD_OFFER + (_AUDIO + _ICE + _DTLS) * r.randrange(1, 12),
    lambda r: GOOD_OFFER + _CANDIDATE * r.randrange(129, 400),
    lambda r: GOOD_OFFER.replace("SAVPF 111", "SAVPF 111" + r.randrange(97, 900) * " 7"),
    lambda r: GOOD_OFFER + f"m={r.choice(('text', 'message', '', 'x' * 99))} 9 X 98\r\n",
    lambda r: GOOD_OFFER.replace("111", r.choice(("x", "", "0x1"))),
    lambda r: GOOD_OFFER + f"a=candidate:{'x ' * r.randrange(7)}\r\n",
    lambda r: GOOD_OFFER.replace("actpass", r.choice(("nonsense", "", "ACTIVE!"))),
    lambda r: GOOD_OFFER + f"a=extmap:{r.choice(('x y', '', '1'))}\r\n",
    lambda r: GOOD_OFFER.replace("a=mid:0", "a=mid:0\x00" + chr(r.randrange(1, 9))),
    lambda r: GOOD_OFFER + r.randrange(70_000, 90_000) * "a",
    lambda r: GOOD_OFFER + r.randrange(2001, 4000) * "a=x\r\n",
    lambda r: json.dumps({"type": "offer", "sdp": GOOD_OFFER}),
    lambda r: "".join(chr(r.randrange(1, 0x2000)) for _ in range(r.randrange(200))),
    lambda r: "v=0\r\n" * r.randrange(1, 50),
)


def bad_offer(number: int, seed: int = 1) -> bytes:
    """The malformed offer of this number; kinds take turns."""
    dice = random.Random(f"offer {seed} {number}")
    return _OFFERS[number % len(_OFFERS)](dice).encode("utf-8", "replace")


_TYPES = (
    "session.update", "conversation.item.create", "conversation.item.retrieve",
    "conversation.item.delete", "conversation.item.truncate", "response.create",
    "input_audio_buffer.append", "visavis.camera",
)  # fmt: skip


def _junk(dice: random.Random, depth: int = 0) -> object:
    kinds = 5 if depth > 3 else 7
    match dice.randrange(kinds):
        case 0:
            return dice.choice((None, True, False))
        case 1:
            return dice.randrange(-(10**18), 10**18)
        case 2:
            return dice.random() * 1e300
        case 3 | 4:
            return "".join(chr(dice.randrange(1, 0xD000)) for _ in range(dice.randrange(20)))
        case 5:
            return [_junk(dice, depth + 1) for _ in range(dice.randrange(4))]
        case _:
            return {str(n): _junk(dice, depth + 1) for n in range(dice.randrange(4))}


_NOTHING: dict[str, object] = {}

_MESSAGES: tuple[_Spoil, ...] = (
    lambda r: "",
    lambda r: r.choice(("{", "[", '"', "nul", "{]", '{"type"', '{"type":}', "\x00")),
    lambda r: json.dumps({"type": "session.update", "session": {"a": 1}})[: -r.randrange(1, 20)],
    lambda r: r.randrange(40, 3000) * "[",
    lambda r: '{"type":"session.update","a":' + 40 * "[" + 40 * "]" + "}",
    lambda r: json.dumps([_junk(r)]),
    lambda r: json.dumps({"type": _junk(r) if r.random() < 0.5 else None}),
    lambda r: json.dumps({"event_id": "x"}),
    lambda r: json.dumps({"type": f"nonsense.{r.randrange(999)}"}),
    lambda r: json.dumps({"type": 600 * "x"}),
    lambda r: '{"type": "response.create", "response": NaN}',
    lambda r: json.dumps({"type": "session.update", "session": r.choice((3, [], "x", None))}),
    lambda r: json.dumps({"type": "session.update", "session": {"audio": r.choice((3, "x"))}}),
    lambda r: json.dumps({"type": "conversation.item.retrieve", "item_id": r.choice((3, "", []))}),
    lambda r: json.dumps({"type": "conversation.item.create", "item": {"type": "nonsense"}}),
    lambda r: json.dumps(
        {"type": "conversation.item.truncate", "item_id": "x", "audio_end_ms": -1}
    ),
    lambda r: json.dumps({"type": "visavis.camera", "is_on": r.choice((3, "x", None))}),
    lambda r: json.dumps({"type": "response.create", "response": {"metadata": 3}}),
    lambda r: json.dumps({"type": "conversation.item.delete", "item_id": f"none_{r.random()}"}),
    lambda r: json.dumps(
        {"type": "input_audio_buffer.append", "audio": r.choice((3, "%%%", _NOTHING))}
    ),
)


def bad_message(number: int, seed: int = 1) -> str:
    """The malformed message of this number; kinds take turns."""
    return _MESSAGES[number % len(_MESSAGES)](random.Random(f"message {seed} {number}"))


def random_message(dice: random.Random) -> str:
    """A known type with random fields: it may even be right."""
    fields = {name: _junk(dice) for name in ("session", "item", "item_id", "response", "event_id")}
    return json.dumps({"type": dice.choice(_TYPES), **fields})
