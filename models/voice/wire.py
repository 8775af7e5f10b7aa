"""The frames between the voice and its worker: a length, a kind, a number, a body.

Little-endian: u32 length of what follows, u8 kind, u32 number of the phrase, then the body. Shared
by both ends; imports nothing of the package.
"""

from __future__ import annotations

import struct
from enum import IntEnum

HEADER = struct.Struct("<IBI")
MAX_BODY = 1 << 20


class Kind(IntEnum):
    """To the worker: CONFIG (JSON), SAY (u8 is_last + text), CANCEL. From it: READY (JSON),
    REFUSED (JSON), AUDIO (u16 length of the words, the words, int16 PCM), DONE (the same)."""

    CONFIG = 1
    SAY = 2
    CANCEL = 3
    READY = 4
    REFUSED = 5
    AUDIO = 6
    DONE = 7


def pack(kind: Kind, number: int = 0, body: bytes = b"") -> bytes:
    """One frame."""
    return HEADER.pack(HEADER.size - 4 + len(body), kind, number) + body


def unpack(header: bytes) -> tuple[int, Kind, int]:
    """Length of the body, kind and number. Raises ValueError for what is no frame."""
    length, kind, number = HEADER.unpack(header)
    size = length - (HEADER.size - 4)
    if not 0 <= size <= MAX_BODY:
        raise ValueError(f"a frame says it has {size} bytes: the stream is damaged")
    return size, Kind(kind), number


def pack_audio(words: str, pcm: bytes) -> bytes:
    """Body of AUDIO and DONE."""
    text = words.encode()
    return struct.pack("<H", len(text)) + text + pcm


def unpack_audio(body: bytes) -> tuple[str, bytes]:
    """Words and int16 PCM."""
    (length,) = struct.unpack_from("<H", body)
    return body[2 : 2 + length].decode(), body[2 + length :]
