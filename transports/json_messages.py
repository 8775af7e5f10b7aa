"""Messages on a wire: bytes to checked objects, objects to text with an `event_id`.

The shapes are those of the OpenAI Realtime API; what a message means is not known here.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import cast

import msgspec

from ..runtime.errors import BadInput

MAX_DEPTH = 32
"""How deep a client's message may be nested."""
MAX_NAMED = 65_536
"""Bytes of a message in which a name is looked for although the rest can't be used."""


def parse(data: str | bytes, max_bytes: int, max_depth: int = MAX_DEPTH) -> dict[str, object]:
    """A client event: an object with a str "type". Raises `BadInput` for anything else."""
    size = len(data) if isinstance(data, bytes) else len(data.encode("utf-8", "replace"))
    if size > max_bytes:
        raise BadInput(
            f"the message has {size} bytes; at most {max_bytes} are taken: send less at once",
            code="message_too_large",
        )
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
    if depth(fields, max_depth) > max_depth:
        raise BadInput(_too_deep(max_depth), code="json_too_deep")
    kind = fields.get("type")
    if not isinstance(kind, str):
        raise BadInput(f"the message's type is {_kind(kind)}: it must be a string", param="type")
    return fields


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
        below: list[object] = []
        is_nested = False
        for value in level:
            if isinstance(value, dict):
                is_nested = True
                below.extend(cast(dict[str, object], value).values())
            elif isinstance(value, list):
                is_nested = True
                below.extend(cast(list[object], value))
        if not is_nested:
            break
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
