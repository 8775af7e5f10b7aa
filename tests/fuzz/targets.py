"""What is fuzzed: every parser that reads what a stranger sends. A target takes any bytes and returns,
or raises `VisavisError`; anything else that comes out of it is a bug.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType

import h11

from visavis.latency_bench.nonsense import GOOD_OFFER, bad_message, bad_offer
from visavis.pipelines.access.presented import presented
from visavis.pipelines.access.redact import redact
from visavis.pipelines.access.secrets import SecretMaker
from visavis.pipelines.access.skim import is_reading, still_to_come
from visavis.pipelines.http import json_object
from visavis.pipelines.signalling import of_fragment, of_json
from visavis.runtime.client_messages import ClientMessages, default_config
from visavis.runtime.errors import VisavisError
from visavis.transports import json_messages
from visavis.transports.rtvi.dialect import RtviDialect
from visavis.transports.sdp_limits import SdpLimits, check_sdp
from visavis.transports.sdp_text import parse_fragment, sections
from visavis.transports.telephony.asterisk import AsteriskLine
from visavis.transports.telephony.audiosocket import AudioSocketLine
from visavis.transports.telephony.genesys import GenesysLine
from visavis.transports.telephony.plivo import PlivoLine
from visavis.transports.telephony.telnyx import TelnyxLine
from visavis.transports.telephony.twilio import TwilioLine
from visavis.transports.telephony.vonage import VonageLine
from visavis.transports.webrtc.h264_size import h264_size
from visavis.transports.webrtc.picture_assembly import begins_picture, is_key_picture, vp8_size
from visavis.transports.webrtc.signalling import check_offer, parse_candidate

MAX_BYTES = 1 << 16
_SECRETS = SecretMaker("a signing key for the fuzzer, long enough")
_SECRET = _SECRETS.make("key_1", frozenset(), {"a": 1}, 60, 0.0).value
_LINES = (
    TwilioLine, TelnyxLine, PlivoLine, VonageLine, GenesysLine, AsteriskLine, AudioSocketLine,
)  # fmt: skip


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def offer(data: bytes) -> None:
    """A whole session description."""
    check_offer(_text(data))


def offer_limits(data: bytes) -> None:
    """The limits alone, with the line ends and characters of any encoding."""
    check_sdp(data.decode("latin-1"), SdpLimits(max_sections=2, max_candidates=3, max_codecs=4))


def candidate(data: bytes) -> None:
    """One trickled candidate."""
    parse_candidate(_text(data), "0", 0)


def fragment(data: bytes) -> None:
    """A trickle fragment, as each of the two ways in reads it."""
    text = _text(data)
    list(of_fragment(text))
    sections(text)
    parse_fragment(text)


def candidates(data: bytes) -> None:
    """Candidates as JSON."""
    list(of_json(data))


def message(data: bytes) -> None:
    """A client event, read and understood."""
    fields = json_messages.parse(data, MAX_BYTES)
    config = default_config("sess_1", model="fuzz", voice="none")
    ClientMessages(config).translate(fields)


def body(data: bytes) -> None:
    """A JSON body."""
    json_object(data, "body", 8)


def rtvi(data: bytes) -> None:
    """A message of an RTVI client, as text and as bytes."""
    dialect = RtviDialect()
    dialect.receive(_text(data), MAX_BYTES)
    dialect.receive(data, MAX_BYTES)


def telephone(data: bytes) -> None:
    """What every telephone provider's line reads; the first byte chooses, each line ends a message."""
    if not data:
        return
    line = _LINES[data[0] % len(_LINES)]()
    for part in data[1:].split(b"\n")[:20]:
        line.receive(_text(part) if data[0] & 0x80 == 0 else part)


def picture(data: bytes) -> None:
    """The heads of coded pictures."""
    h264_size(data)
    vp8_size(data)
    for codec in ("VP8", "H264"):
        is_key_picture(codec, data)
        begins_picture(codec, data)


def secret(data: bytes) -> None:
    """A client secret, and wherever else a key may be."""
    text = _text(data)
    presented({"authorization": text}, {}, [text])
    _SECRETS.check(text, 0.0)


def skim(data: bytes) -> None:
    """The end of a request, found without a parser: where a parser finds another, a request could
    be smuggled in as the body of one that was refused."""
    is_reading(data)
    left = still_to_come(data)
    if left is None:
        return
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data + left * b"x")
    try:
        while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.EndOfMessage):
                assert connection.trailing_data[0] == b"", "the request ended earlier"
                return
    except h11.RemoteProtocolError:
        return  # a parser would have closed the connection
    raise AssertionError("the request goes on")


def log_line(data: bytes) -> None:
    """A line of the log."""
    redact(_text(data))


TARGETS: Mapping[str, Callable[[bytes], None]] = MappingProxyType(
    {
        target.__name__: target
        for target in (
            offer, offer_limits, candidate, fragment, candidates, message, body, rtvi, telephone,
            picture, secret, skim, log_line,
        )
    }
)  # fmt: skip

_CANDIDATE = "candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host"
_PHONE = (
    b'\x00{"event":"connected","protocol":"Call","version":"1.0.0"}\n'
    b'{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"streamSid":"MZ1",'
    b'"accountSid":"AC1","callSid":"CA1","tracks":["inbound"],"customParameters":{},'
    b'"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}\n'
    b'{"event":"media","streamSid":"MZ1","media":{"track":"inbound","chunk":"1",'
    b'"timestamp":"5","payload":"//8="}}\n{"event":"stop","streamSid":"MZ1"}'
)
SEEDS: Mapping[str, tuple[bytes, ...]] = MappingProxyType(
    {
        "offer": (GOOD_OFFER.encode(), *(bad_offer(n)[:4000] for n in range(20))),
        "offer_limits": (GOOD_OFFER.encode(),),
        "candidate": (_CANDIDATE.encode(), b"candidate:1 1 tcp 1 ::1 9 typ relay raddr 0 rport 0"),
        "fragment": (
            f"a=ice-ufrag:abcd\r\na=ice-pwd:{24 * 'p'}\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
            f"a={_CANDIDATE}\r\na=end-of-candidates\r\n".encode(),
        ),
        "candidates": (f'{{"candidates":[{{"candidate":"{_CANDIDATE}","sdpMid":"0"}}]}}'.encode(),),
        "message": tuple(bad_message(n).encode() for n in range(20)),
        "body": (b'{"a":[[1,2.5e3,"\\u00e9"],{"b":null}]}',),
        "rtvi": (
            b'{"label":"rtvi-ai","type":"client-ready","id":"1","data":{"version":"1.0.0"}}',
            b'{"label":"rtvi-ai","type":"client-message","id":"2","data":{"t":"x","d":{}}}',
            b"ping: 1700000000",
            b'{"type":"signalling","message":{"type":"trackStatus"}}',
        ),
        "telephone": (
            _PHONE,
            *(bytes([n]) + _PHONE[1:] for n in range(1, 7)),
            b"\x86\x01\x00\x10" + bytes(range(16)) + b"\x10\x00\x04abcd",
            b'\x04{"version":"2","id":"x","type":"open","seq":1,"serverseq":0,"parameters":{}}',
        ),
        "picture": (
            bytes.fromhex("000000016742c01eda0280bfe5c05a8303032000000300200000078118"),
            bytes.fromhex("10020" + "09d012a80021e000847"),
        ),
        "secret": (_SECRET.encode(), f"Bearer {_SECRET}".encode()),
        "skim": (
            b"POST /v1/realtime/calls HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab",
            b"GET /v1/realtime HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: x\r\n\nContent-Length: 2\r\n\r\nab",
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        "log_line": (f"authorization: Bearer {_SECRET}".encode(), b"api_key=" + 64 * b"a"),
    }
)


def check(name: str, data: bytes) -> None:
    """Run one target on `data`; an error that can be said to a person is all it may raise."""
    try:
        TARGETS[name](data)
    except VisavisError as error:
        assert str(error)


def mutated(seed: bytes, dice: random.Random) -> bytes:
    """`seed` with a few bytes changed, cut out, doubled, moved or made up."""
    data = bytearray(seed)
    for _ in range(dice.randrange(1, 6)):
        at = dice.randrange(len(data) + 1)
        to = min(len(data), at + dice.randrange(1, 40))
        match dice.randrange(6):
            case 0:
                data[at:to] = b""
            case 1:
                data[at:at] = data[at:to] * dice.randrange(1, 30)
            case 2:
                data[at:at] = dice.randbytes(dice.randrange(1, 8))
            case 3 if at < len(data):
                data[at] ^= 1 << dice.randrange(8)
            case 4:
                data[at:to] = dice.choice(
                    (b"-1", b"99999999999999999999", b"\r\n", b"\x00", b"{", b"[", b'"', b"\xff",
                     b"null", b"1e999", "\u0661".encode(), b"\xed\xa0\x80", b":", b" ")
                )  # fmt: skip
            case _:
                del data[at:]
    return bytes(data[:MAX_BYTES])
