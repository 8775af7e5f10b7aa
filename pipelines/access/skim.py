"""Where a request ends, found without a parser: for requests whose answer is known before they are read.

A refusal must cost less than what it refuses. Whatever is not plain - a head in pieces, a chunked
or large body, several requests at once - is not measured: such a connection is closed.
"""

from __future__ import annotations

import re

MAX_SKIPPED = 1_048_576
"""Bytes of a body that are taken in only to be thrown away."""
_READING = (b"GET ", b"HEAD ", b"OPTIONS ")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*(?=\r\n|$)", re.IGNORECASE)
_NOT_PLAIN = re.compile(rb"\r\n(?:transfer-encoding|expect|content-length)[ \t]*:", re.IGNORECASE)
_UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:", re.IGNORECASE)


def is_reading(data: bytes) -> bool:
    """Whether a request that begins so only looks at something: no WebSocket, nothing opened."""
    return data.startswith(_READING) and _UPGRADE.search(data) is None


def still_to_come(data: bytes) -> int | None:
    """Bytes of the request that come after `data`, which begins with its head. None when that can't
    be told without reading it properly."""
    head, end, body = data.partition(b"\r\n\r\n")
    if not end or head.count(b"\n") != head.count(b"\r\n"):  # a bare one may end a head, too
        return None
    lengths = _LENGTH.findall(head)
    if len(lengths) != len(_NOT_PLAIN.findall(head)):
        return None
    if len(lengths) > 1:
        return None
    left = (int(lengths[0]) if lengths else 0) - len(body)
    return left if 0 <= left <= MAX_SKIPPED else None
