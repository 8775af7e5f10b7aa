"""The frames between a transcriber and its worker: a length, a kind, a number, a body.

Little-endian: u32 length of what follows, u8 kind, u32 number of the utterance, then the body.
Imports nothing of the package.
"""

from __future__ import annotations

import struct
from enum import IntEnum

HEADER = struct.Struct("<IBI")
MAX_BODY = 1 << 20


class Kind(IntEnum):
    """To the worker: CONFIG (JSON), OPEN (JSON), AUDIO (int16 PCM), CATCH_UP (i64 pts), END (i64
    pts), DROP. From it: READY (JSON), REFUSED (text), PROGRESS (JSON), FAILED (text)."""

    CONFIG = 1
    OPEN = 2
    AUDIO = 3
    CATCH_UP = 4
    END = 5
    DROP = 6
    READY = 7
    REFUSED = 8
    PROGRESS = 9
    FAILED = 10


def pack(kind: Kind, number: int = 0, body: bytes = b"") -> bytes:
    """One frame. Raises ValueError for a body that no reader would take."""
    if len(body) > MAX_BODY:
        raise ValueError(f"a frame of {len(body)} bytes: at most {MAX_BODY} fit")
    return HEADER.pack(HEADER.size - 4 + len(body), kind, number) + body


def unpack(header: bytes) -> tuple[int, Kind, int]:
    """Length of the body, kind and number. Raises ValueError for what is no frame."""
    length, kind, number = HEADER.unpack(header)
    size = length - (HEADER.size - 4)
    if not 0 <= size <= MAX_BODY:
        raise ValueError(f"a frame says it has {size} bytes: the stream is damaged")
    return size, Kind(kind), number


def pack_pts(pts: int) -> bytes:
    """Body of CATCH_UP and END."""
    return struct.pack("<q", pts)


def unpack_pts(body: bytes) -> int:
    """The same back."""
    (pts,) = struct.unpack("<q", body)
    return int(pts)
