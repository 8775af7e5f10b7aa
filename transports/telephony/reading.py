"""Reading what a provider sends: typed JSON, base64, numbers; anything else is a `BadInput`."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import TypeVar, cast

import msgspec

from ...runtime.errors import BadInput
from .line import (
    BROKEN,
    MAX_AUDIO_BYTES,
    MAX_TEXT_BYTES,
    OUT_OF_ORDER,
    TOO_LARGE,
    Encoding,
    Wire,
)

T = TypeVar("T")

DIGITS = frozenset("0123456789*#ABCD")
MAX_NUMBER = 1 << 48
MAX_PARAMETERS = 64


def text(data: Wire, provider: str) -> str:
    """A text message within its limit; binary ones are not for this protocol."""
    if isinstance(data, bytes):
        raise BadInput(
            f"{provider} sends text, and this is a binary message of {len(data)} bytes",
            code=OUT_OF_ORDER,
        )
    if len(data) > MAX_TEXT_BYTES:
        raise BadInput(
            f"the message has {len(data)} characters; at most {MAX_TEXT_BYTES} are taken",
            code=TOO_LARGE,
        )
    return data


def typed(data: str, decoder: msgspec.json.Decoder[T]) -> T:
    """JSON of the decoder's type."""
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BadInput(f"the message can't be read: {error}", code=BROKEN) from error


_OBJECT = msgspec.json.Decoder(dict[str, object])


def fields(data: str) -> Mapping[str, object]:
    """JSON that is an object of whatever."""
    return typed(data, _OBJECT)


def base64(payload: str) -> bytes:
    """Bytes of strict base64, within the limit of one piece of audio."""
    if len(payload) > MAX_AUDIO_BYTES * 4 // 3 + 4:
        raise BadInput(
            f"a payload of {len(payload)} characters; at most {MAX_AUDIO_BYTES} bytes are taken",
            code=TOO_LARGE,
        )
    try:
        return binascii.a2b_base64(payload, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput(f"the payload is not base64: {error}", code=BROKEN) from error


def whole(audio: bytes, encoding: Encoding) -> bytes:
    """Audio of whole samples, within the limit of one piece."""
    if len(audio) > MAX_AUDIO_BYTES:
        raise BadInput(
            f"{len(audio)} bytes of audio in one message; at most {MAX_AUDIO_BYTES} are taken",
            code=TOO_LARGE,
        )
    if len(audio) % encoding.sample_bytes:
        raise BadInput(
            f"{len(audio)} bytes of audio: samples have {encoding.sample_bytes}", code=BROKEN
        )
    return audio


def json(message: Mapping[str, object]) -> str:
    """JSON text to be sent."""
    return msgspec.json.encode(message).decode()


def number(value: int | str | None, what: str) -> int | None:
    """A whole number from 0 on, as a number or in digits; None stays None."""
    if value is None:
        return None
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) <= 15):
            raise BadInput(f"{what} is {value[:40]!r}: digits are needed", code=BROKEN, param=what)
        value = int(value)
    if not 0 <= value < MAX_NUMBER:
        raise BadInput(f"{what} is {value}: out of range", code=BROKEN, param=what)
    return value


def digit(value: object) -> str:
    """A key of the telephone."""
    key = str(value).upper() if isinstance(value, str | int) else ""
    if key not in DIGITS:
        raise BadInput(f"dtmf digit is {str(value)[:20]!r}: 0-9, *, #, A-D", code=BROKEN)
    return key


def child(message: Mapping[str, object], name: str) -> Mapping[str, object]:
    """The object of that name; an empty one where there is none."""
    value = message.get(name)
    # msgspec makes objects with texts for keys
    return cast(Mapping[str, object], value) if isinstance(value, Mapping) else {}


def texts(value: object) -> Mapping[str, str]:
    """The entries of an object that are texts, a bounded number of them."""
    if not isinstance(value, Mapping):
        return {}
    entries = cast(Mapping[object, object], value).items()
    found = {k: v for k, v in entries if isinstance(k, str) and isinstance(v, str)}
    if len(found) > MAX_PARAMETERS:
        raise BadInput(
            f"{len(found)} parameters; at most {MAX_PARAMETERS} are taken", code=TOO_LARGE
        )
    return found
