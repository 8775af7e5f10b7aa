"""Small things of HTTP that every endpoint shares: bodies read up to a limit, errors in one shape.

Errors are `{"error": {"message", "type", "code", "param"}}`, as OpenAI's clients expect and show.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from typing import cast

from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse, Response

from ..runtime.errors import VisavisError
from ..transports.json_messages import check_values, depth

BODY_S = 15.0
"""Seconds a body may take unless the caller says otherwise."""
CLIENT_ERROR = "invalid_request_error"
SERVER_ERROR = "server_error"


class HttpProblem(VisavisError):
    """A request that gets an error for an answer. `message` is for a person."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.retry_after_s = retry_after_s

    def response(self) -> Response:
        """What the client gets."""
        headers: dict[str, str] = {}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(max(1, math.ceil(self.retry_after_s)))
        return JSONResponse(
            {
                "error": {
                    "message": str(self),
                    "type": SERVER_ERROR if self.status >= 500 else CLIENT_ERROR,
                    "code": self.code,
                    "param": self.param,
                }
            },
            self.status,
            headers,
        )


def client_address(connection: HTTPConnection) -> str | None:
    """The address a request came from, as the trusted proxies tell it."""
    return None if connection.client is None else connection.client.host


async def read_body(request: Request, limit: int, within_s: float = BODY_S) -> bytes:
    """The body, at most `limit` bytes of it: a longer one is refused while it still comes in.

    Raises `HttpProblem` 413, 408 for one that takes longer than `within_s` seconds, or 400 for a
    client that went away in the middle.
    """
    too_large = HttpProblem(
        413,
        f"the body is larger than {limit} bytes; a session description is a few thousand",
        code="body_too_large",
    )
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(within_s):
            async for piece in request.stream():
                body += piece
                if len(body) > limit:
                    raise too_large
    except TimeoutError as late:
        raise HttpProblem(
            408,
            f"the body was not here after {within_s:g} s ({len(body)} bytes came): send it at once",
            code="body_too_slow",
        ) from late
    except ClientDisconnect as gone:
        raise HttpProblem(400, "the body ended too early", code="incomplete_body") from gone
    return bytes(body)


def json_object(body: bytes, param: str, max_depth: int = 32) -> dict[str, object]:
    """A JSON object, at most so deep. Raises `HttpProblem` 400, `BadInput` for too many values."""
    check_values(body)
    try:
        value: object = json.loads(body)
    except RecursionError as error:
        raise _too_deep(param, max_depth) from error
    except ValueError as error:
        raise HttpProblem(
            400, f"{param} is not JSON: {error}", code="invalid_json", param=param
        ) from error
    if not isinstance(value, dict):
        raise HttpProblem(400, f"{param} is not a JSON object", code="invalid_json", param=param)
    fields = cast("dict[str, object]", value)  # JSON keys are strings
    if depth(fields, max_depth) > max_depth:
        raise _too_deep(param, max_depth)
    return fields


def _too_deep(param: str, max_depth: int) -> HttpProblem:
    return HttpProblem(
        400,
        f"{param} is nested deeper than {max_depth} levels: flatten it",
        code="json_too_deep",
        param=param,
    )


def content_type(headers: Mapping[str, str]) -> str:
    """The media type without its parameters, in lower case."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def as_text(body: bytes, what: str) -> str:
    """The body as UTF-8. Raises `HttpProblem` 400."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise HttpProblem(
            400, f"{what} is not UTF-8 text (byte {error.start})", code="not_text"
        ) from error
