"""What clients put into a conversation, and what is said about the rest."""

from __future__ import annotations

import base64
import struct

import pytest

from visavis.runtime.errors import BadInput
from visavis.runtime.item_input import MAX_PARTS, read_item, read_picture


def png(width: int, height: int) -> bytes:
    head = struct.pack(">II", width, height) + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + head + b"\0\0\0\0"


def jpeg(width: int, height: int) -> bytes:
    quantisation = b"\xff\xdb" + struct.pack(">H", 67) + bytes(65)
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, height, width, 3) + bytes(9)
    return b"\xff\xd8" + quantisation + b"\xff" + frame


def uri(data: bytes, mime: str = "image/png") -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def message(*content: object, role: str = "user") -> dict[str, object]:
    return {"type": "message", "role": role, "content": list(content)}


def test_a_message_keeps_its_parts_and_adds_up_its_texts() -> None:
    image = {"type": "input_image", "image_url": uri(png(3, 2)), "detail": "low"}
    new = read_item(
        message({"type": "input_text", "text": "a"}, image, {"type": "input_text", "text": "b"})
    )
    assert (new.text, new.role, new.kind) == ("a\nb", "user", "message")
    assert new.item["content"] == [
        {"type": "input_text", "text": "a"},
        image,
        {"type": "input_text", "text": "b"},
    ]
    (picture,) = new.pictures
    assert (picture.mime, picture.width, picture.height) == ("image/png", 3, 2)


def test_audio_is_kept_apart_and_its_transcript_is_there() -> None:
    new = read_item(message({"type": "input_audio", "audio": "AAAA", "transcript": "x"}))
    assert new.audio == "AAAA"
    assert new.item["content"] == [{"type": "input_audio", "transcript": None}]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"type": "function_call_output", "call_id": "c", "output": ""}, "function_call_output"),
        ({"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}, "function_call"),
        (message({"type": "output_audio", "transcript": "hi"}, role="assistant"), "message"),
        (message({"type": "input_text", "text": "hi"}, role="system"), "message"),
    ],
)
def test_other_items_are_read_too(fields: dict[str, object], kind: str) -> None:
    assert read_item(fields).kind == kind


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"type": "mcp_call"}, "item.type"),
        (message({"type": "input_text"}, role="assistant"), "item.content[0]"),
        (message(*[{"type": "input_text", "text": "a"}] * (MAX_PARTS + 1)), "item.content"),
        (message({"type": "input_image"}), "item.content[0].image_url"),
        (message({"type": "input_audio"}), "item.content[0].audio"),
        (message(*[{"type": "input_audio", "audio": "AA=="}] * 2), "item.content[1]"),
        ({"type": "function_call_output", "output": "x"}, "item.call_id"),
        ({"type": "function_call_output", "call_id": "c"}, "item.output"),
        ({"type": "function_call", "call_id": "c" * 99}, "item.call_id"),
    ],
)
def test_what_cannot_be_used_is_named(fields: dict[str, object], param: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_item(fields)
    assert caught.value.param == param


@pytest.mark.parametrize("size", [(1, 1), (640, 480), (4000, 3000)])
def test_a_picture_is_measured_by_its_first_bytes(size: tuple[int, int]) -> None:
    for data, mime in ((png(*size), "image/png"), (jpeg(*size), "image/jpeg")):
        picture = read_picture(uri(data), "x")
        assert (picture.mime, picture.width, picture.height) == (mime, *size)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://example.org/a.png", "unsupported_content"),
        (None, "unsupported_content"),
        ("data:image/png,AAAA", "invalid_value"),
        ("data:image/png;base64,!!", "invalid_value"),
        (uri(b"GIF89a"), "invalid_image_format"),
        (uri(png(5000, 5000)), "image_too_large"),
        (uri(png(0, 3)), "image_too_large"),
        ("data:image/png;base64," + "A" * 12_000_000, "image_too_large"),
        (uri(jpeg(3, 3)[:60]), "invalid_image_format"),
        (uri(b"\xff\xd8\xff\xe0\x00\x00" + bytes(9)), "invalid_image_format"),
        (uri(b"\xff\xd8\x00" + bytes(20)), "invalid_image_format"),
    ],
)
def test_a_picture_that_cannot_be_used_is_refused(url: object, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_picture(url, "x")
    assert caught.value.code == code
