"""Conversation items as clients send them, checked and taken apart. Pure.

Pictures come as data URIs and are kept encoded: whoever looks at them decodes them, off the event
loop. Their kind and size are read from their first bytes, so that a bad one is refused at once.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from .errors import BadInput

MAX_TEXT = 8_000
"""Characters of one text."""
MAX_OUTPUT = 65_536
"""Characters of a function's output or arguments."""
MAX_PARTS = 16
MAX_PICTURE_BYTES = 8_000_000
MAX_PICTURE_PIXELS = 16_000_000
MAX_ID = 64

ROLES = {
    "user": ("input_text", "input_audio", "input_image"),
    "system": ("input_text",),
    "assistant": ("output_text", "output_audio"),
}


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """A picture of a message, still compressed."""

    data: bytes
    mime: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item a client puts into the conversation. `item` is as it is shown, without its id."""

    item: Mapping[str, object]
    text: str = ""
    """Its words: of a message all of its texts, of an output the output."""
    pictures: tuple[EncodedPicture, ...] = ()
    audio: str | None = None
    """Base64 in the session's input format."""

    @property
    def kind(self) -> str:
        return str(self.item["type"])

    @property
    def role(self) -> str:
        """Of a message; empty for others."""
        return str(self.item.get("role", ""))


def read_item(fields: Mapping[str, object], where: str = "item") -> NewItem:
    """Raises `BadInput`, naming the part that can't be used below `where`."""
    match fields.get("type", "message"):
        case "message":
            return _message(fields, where)
        case "function_call_output":
            item: dict[str, object] = {
                "call_id": _text(fields, "call_id", where, MAX_ID),
                "output": _text(fields, "output", where, MAX_OUTPUT, may_be_empty=True),
            }
            return NewItem(_whole("function_call_output", item), text=str(item["output"]))
        case "function_call":
            item = {
                "call_id": _text(fields, "call_id", where, MAX_ID),
                "name": _text(fields, "name", where, MAX_ID),
                "arguments": _text(fields, "arguments", where, MAX_OUTPUT, may_be_empty=True),
            }
            return NewItem(_whole("function_call", item))
        case kind:
            raise BadInput(
                f"{where}.type is {kind!r}: there are message, function_call and "
                "function_call_output",
                code="unsupported_item",
                param=f"{where}.type",
            )


def _whole(kind: str, rest: Mapping[str, object]) -> dict[str, object]:
    return {"object": "realtime.item", "type": kind, "status": "completed", **rest}


def _message(fields: Mapping[str, object], where: str) -> NewItem:
    role = fields.get("role", "user")
    if not isinstance(role, str) or role not in ROLES:
        raise BadInput(
            f"{where}.role is {role!r}: there are {', '.join(ROLES)}", param=f"{where}.role"
        )
    parts = fields.get("content")
    if not isinstance(parts, list) or not parts:
        raise BadInput(
            f"{where}.content is empty: a list of parts is needed", param=f"{where}.content"
        )
    listed = cast(list[object], parts)
    if len(listed) > MAX_PARTS:
        raise BadInput(
            f"{where}.content has {len(listed)} parts: {MAX_PARTS} are the most",
            param=f"{where}.content",
        )
    shown: list[object] = []
    texts: list[str] = []
    pictures: list[EncodedPicture] = []
    audio: str | None = None
    for index, part in enumerate(listed):
        at = f"{where}.content[{index}]"
        content: Mapping[str, object] = {}
        if isinstance(part, Mapping):
            content = cast(Mapping[str, object], part)
        kind = content.get("type")
        if kind not in ROLES[role]:
            raise BadInput(
                f"{at} is of type {kind!r}: a {role} message takes {', '.join(ROLES[role])}",
                code="unsupported_content",
                param=at,
            )
        if kind == "input_image":
            pictures.append(read_picture(content.get("image_url"), f"{at}.image_url"))
            shown.append({"type": kind, **_named(content, "image_url", "detail")})
        elif kind == "input_audio":
            if audio is not None:
                raise BadInput(f"{at} is a second audio: send one in a message", param=at)
            audio = _text(content, "audio", at, 1 << 26)
            shown.append({"type": kind, "transcript": None})
        else:
            spoken = kind == "output_audio"
            texts.append(_text(content, "transcript" if spoken else "text", at, MAX_TEXT))
            name = "transcript" if spoken else "text"
            shown.append({"type": kind, name: texts[-1]})
    text = "\n".join(texts).strip()
    if not text and not pictures and audio is None:
        raise BadInput(f"{where}.content has no text in it", param=f"{where}.content")
    if len(text) > MAX_TEXT:
        raise BadInput(
            f"the text has {len(text)} characters: {MAX_TEXT} is the most",
            code="string_above_max_length",
            param=f"{where}.content",
        )
    item = _whole("message", {"role": role, "content": shown})
    return NewItem(item, text, tuple(pictures), audio)


def _named(fields: Mapping[str, object], *names: str) -> dict[str, object]:
    return {name: fields[name] for name in names if fields.get(name) is not None}


def _text(
    fields: Mapping[str, object], name: str, where: str, longest: int, *, may_be_empty: bool = False
) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not (value or may_be_empty):
        raise BadInput(f"{where}.{name} is missing or not a text", param=f"{where}.{name}")
    if len(value) > longest:
        raise BadInput(
            f"{where}.{name} has {len(value)} characters: {longest} is the most",
            code="string_above_max_length",
            param=f"{where}.{name}",
        )
    return value


def read_picture(url: object, where: str) -> EncodedPicture:
    """A picture from its data URI. Raises `BadInput`."""
    if not isinstance(url, str) or not url.startswith("data:"):
        raise BadInput(
            f"{where} is no data URI: pictures are sent as data:image/jpeg;base64,… or as PNG; "
            "nothing is fetched",
            code="unsupported_content",
            param=where,
        )
    head, comma, body = url.partition(",")
    if not comma or not head.endswith(";base64"):
        raise BadInput(f"{where} is not in base64: send data:image/jpeg;base64,…", param=where)
    if len(body) > MAX_PICTURE_BYTES * 4 // 3 + 4:
        raise BadInput(
            f"{where} has about {len(body) * 3 // 4} bytes: {MAX_PICTURE_BYTES} are the most",
            code="image_too_large",
            param=where,
        )
    try:
        data = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput(f"{where} is damaged base64: {error}", param=where) from error
    mime, width, height = _measured(data, where)
    if width * height > MAX_PICTURE_PIXELS or not width or not height:
        raise BadInput(
            f"{where} is {width}×{height} pixels: {MAX_PICTURE_PIXELS:,} in all are the most",
            code="image_too_large",
            param=where,
        )
    return EncodedPicture(data, mime, width, height)


def _measured(data: bytes, where: str) -> tuple[str, int, int]:
    """Kind, width and height from the first bytes of a JPEG or PNG."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR" and len(data) >= 33:
        width, height = struct.unpack(">II", data[16:24])
        return "image/png", int(width), int(height)
    if data.startswith(b"\xff\xd8"):
        size = _jpeg_size(data)
        if size is not None:
            return "image/jpeg", *size
    raise BadInput(
        f"{where} is neither a JPEG nor a PNG: send one of these",
        code="invalid_image_format",
        param=where,
    )


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """From the frame header: ITU-T T.81, B.2.2."""
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return int(width), int(height)
        if 0xD0 <= marker <= 0xD8 or marker == 0x01:
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2:
            return None
        at += 2 + length
    return None
