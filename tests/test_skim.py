"""Where a request ends, without a parser; and what is not plain enough to say."""

from __future__ import annotations

import pytest

from visavis.pipelines.access.skim import is_reading, still_to_come

HEAD = b"POST /v1/realtime/calls HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("data", "left"),
    [
        (HEAD + b"\r\n", 0),
        (HEAD + b"Content-Length: 0\r\n\r\n", 0),
        (HEAD + b"content-length: 5\r\n\r\nab", 3),
        (HEAD + b"CONTENT-LENGTH:\t5 \r\nX-More: y\r\n\r\nabcde", 0),
        (b"GET /v1/realtime HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", 0),
        # Anything else is for a parser, which a client without a budget does not get.
        (HEAD, None),
        (HEAD + b"\nContent-Length: 2\r\n\r\nab", None),  # ends at the bare line feed
        (HEAD + b"Content-Length: 2\r\n\r\nabc", None),
        (HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", None),
        (HEAD + b"Content-Length: +2\r\n\r\nab", None),
        (HEAD + b"Content-Length : 2\r\n\r\nab", None),
        (HEAD + b"Content-Length: 2, 2\r\n\r\nab", None),
        (HEAD + b"Content-Length: 1048577\r\n\r\n", None),
        (HEAD + b"Content-Length: 99999999999\r\n\r\n", None),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", None),
        (HEAD + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n", None),
        (b"\x16\x03\x01nonsense", None),
        (b"", None),
    ],
)
def test_the_end_of_a_request(data: bytes, left: int | None) -> None:
    assert still_to_come(data) == left


def test_looking_is_told_from_opening() -> None:
    assert is_reading(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert is_reading(b"OPTIONS /whip HTTP/1.1\r\n\r\n")
    assert not is_reading(b"POST /v1/realtime/calls HTTP/1.1\r\n\r\n")
    assert not is_reading(b"GET /v1/realtime HTTP/1.1\r\nupgrade: WebSocket\r\n\r\n")
