"""Messages on a wire: bytes to checked objects, objects to text with an `event_id`.

The shapes are those of the OpenAI Realtime API; what a message means is not known here.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import cast

import msgspec

from ..runtime.errors import BadInput

MAX_DEPTH = 32
"""How deep a client's message may be nested."""
MAX_VALUES = 10_000
"""Values of one message: a decoder holds up everybody's event loop for about a tenth of a microsecond
for each, a walk through them for as long again."""
_COUNTED_EXACTLY = 131_072
"""Bytes up to which commas and brackets inside texts are told from those outside."""
MAX_NAMED = 65_536
"""Bytes of a message in which a name is looked for although the rest can't be used."""


def parse(data: str | bytes, max_bytes: int, max_depth: int = MAX_DEPTH) -> dict[str, object]:
    """A client event: an object with a str "type". Raises `BadInput` for anything else."""
    size = _size(data)
    if size > max_bytes:
        raise BadInput(
            f"the message has {size} bytes; at most {max_bytes} are taken: send less at once",
            code="message_too_large",
        )
    check_values(data)
    try:
        message: object = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, UnicodeEncodeError, ValueError) as error:
        raise BadInput(f"the message is not JSON: {error}", code="invalid_json") from error
    except RecursionError as error:
        raise BadInput(_too_deep(max_depth), code="json_too_deep") from error
    if not isinstance(message, dict):
        raise BadInput(
            f"the message is JSON of type {_kind(message)}: send an object with a type",
            code="invalid_message",
        )
    fields = cast(dict[str, object], message)  # JSON has no other keys
    if _openings(data) > max_depth and depth(fields, max_depth) > max_depth:
        raise BadInput(_too_deep(max_depth), code="json_too_deep")
    kind = fields.get("type")
    if not isinstance(kind, str):
        raise BadInput(f"the message's type is {_kind(kind)}: it must be a string", param="type")
    return fields


def check_values(data: str | bytes) -> None:
    """Raises `BadInput` for JSON of more values than `MAX_VALUES`, before anything is made of it.

    In JSON of more than 128 KiB, commas and brackets inside texts count as well."""
    values = data.count(",") if isinstance(data, str) else data.count(b",")
    values += _openings(data)
    if values > MAX_VALUES and len(data) <= _COUNTED_EXACTLY:
        text = data if isinstance(data, str) else data.decode("latin-1")
        bare = _TEXTS.sub("", text)
        values = bare.count(",") + _openings(bare)
    if values > MAX_VALUES:
        raise BadInput(
            f"the message has about {values} values; at most {MAX_VALUES} are taken: send less at "
            "once, and audio and pictures as base64",
            code="too_many_values",
        )


_TEXTS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def _openings(data: str | bytes) -> int:
    if isinstance(data, str):
        return data.count("[") + data.count("{")
    return data.count(b"[") + data.count(b"{")


def _size(data: str | bytes) -> int:
    if isinstance(data, bytes) or data.isascii():
        return len(data)
    return len(data.encode("utf-8", "replace"))


class _Named(msgspec.Struct):
    event_id: str | None = None


def event_id_of(data: str | bytes) -> str | None:
    """The client's name for a message that could not be used otherwise, where one can be read."""
    if len(data) > MAX_NAMED:
        return None
    try:
        return msgspec.json.decode(data, type=_Named).event_id
    except (msgspec.DecodeError, UnicodeError, ValueError, RecursionError):
        return None


def encode(message: Mapping[str, object]) -> str:
    """JSON text of a server event, with an `event_id` where it has none."""
    if "event_id" in message:
        return msgspec.json.encode(message).decode()
    return msgspec.json.encode({"event_id": new_id("event"), **message}).decode()


def new_id(prefix: str) -> str:
    """An identifier like `event_6c0f…`, never used before."""
    return f"{prefix}_{secrets.token_hex(10)}"


def depth(message: object, enough: int) -> int:
    """Nesting depth, counted level by level without recursion, until it is more than `enough`."""
    found, level = 0, [message]
    while found <= enough:
        nested: list[object] = [value for value in level if isinstance(value, (dict, list))]
        if not nested:
            break
        below: list[object] = []
        for value in nested:
            if isinstance(value, dict):
                below.extend(cast(dict[str, object], value).values())
            elif isinstance(value, list):
                below.extend(cast(list[object], value))
        level = below
        found += 1
    return found


def _kind(value: object) -> str:
    match value:
        case dict():
            return "object"
        case list():
            return "array"
        case str():
            return "string"
        case bool():
            return "boolean"
        case None:
            return "null"
        case _:
            return "number"


def _too_deep(max_depth: int) -> str:
    return f"the message is nested deeper than {max_depth} levels: flatten it"
