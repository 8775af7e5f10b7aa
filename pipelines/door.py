"""The door of the server: what every request and WebSocket passes before it reaches an endpoint.

Origins and CORS, the size of the headers, how many conversations of one address are just being
opened, how often one was wrong, and the page's headers on the way out. Who somebody is, an endpoint
asks with `admit`.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..runtime.settings import LimitsSettings
from .access import Access, AccessError, Grant
from .access import Scope as KeyScope
from .access.presented import presented
from .http import HttpProblem, client_address
from .origins import Origins

READING = ("GET", "HEAD")
_STARTS = ("http.response.start", "websocket.http.response.start")
METHODS = "GET, POST, PATCH, DELETE, OPTIONS"


def admit(
    connection: HTTPConnection,
    access: Access,
    *,
    scope: KeyScope = KeyScope.TALK,
    is_opening: bool = True,
) -> Grant:
    """`Access.admit` for a request or a WebSocket of Starlette. Raises `AccessError`."""
    return access.admit(
        connection.headers,
        connection.query_params,
        connection.scope.get("subprotocols", ()),
        client_address(connection),
        scope=scope,
        is_opening=is_opening,
    )


def shown(connection: HTTPConnection) -> bool:
    """Whether the request comes with a key or a secret at all."""
    found = presented(
        connection.headers, connection.query_params, connection.scope.get("subprotocols", ())
    )
    return found is not None


def problem_of(error: AccessError) -> HttpProblem:
    """The answer to somebody who is turned away."""
    return HttpProblem(
        error.status,
        error.message,
        code=error.code,
        param=error.param,
        retry_after_s=error.retry_after_s,
    )


class Door:
    """ASGI middleware."""

    def __init__(
        self,
        app: ASGIApp,
        origins: Origins,
        access: Access,
        limits: LimitsSettings,
        headers: Mapping[str, str],
    ) -> None:
        """`headers` are added to every answer."""
        self._app = app
        self._origins = origins
        self._access = access
        self._limits = limits
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        is_page = scope["type"] == "http"
        asked = Headers(scope=scope)
        origin = asked.get("origin")
        is_allowed = self._origins.allows(origin, asked.get("host"))

        async def send_more(message: Message) -> None:
            if message["type"] in _STARTS:
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.append(name, value)
                if origin is not None and is_allowed:
                    headers.append("Access-Control-Allow-Origin", origin)
                    headers.append(
                        "Access-Control-Expose-Headers", "Location, Link, ETag, Visavis-Resume"
                    )
                    headers.append("Vary", "Origin")
            await send(message)

        problem = self._headers_problem(scope)
        if problem is None and not is_allowed and not (is_page and scope["method"] in READING):
            problem = HttpProblem(
                403,
                f"pages of {origin} may not connect here: add it to server.allowed_origins",
                code="origin_not_allowed",
            )
        if problem is not None:
            self._access.count_refusal(problem.code)
            await problem.response()(scope, receive, send_more)
        elif is_page and scope["method"] == "OPTIONS" and "access-control-request-method" in asked:
            preflight = Response(
                status_code=204,
                headers={
                    "Access-Control-Allow-Methods": METHODS,
                    "Access-Control-Allow-Headers": asked.get(
                        "access-control-request-headers", "authorization, content-type"
                    ),
                    "Access-Control-Max-Age": "600",
                },
            )
            await preflight(scope, receive, send_more)
        elif is_page and scope["method"] in READING:
            await self._app(scope, receive, send_more)
        else:
            await self._handshake(scope, receive, send_more)

    async def _handshake(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Something that opens or steers a conversation: so many of one address at a time. A
        WebSocket counts until it is accepted."""
        address = client_address(HTTPConnection(scope))
        handshakes, refusals = self._access.handshakes, self._access.refusals
        error: AccessError | None = None
        if refusals.are_spent(address):
            error = refusals.error
        elif not handshakes.enter(address):
            error = handshakes.too_many()
        if error is not None:
            self._access.refuse(error, address)
            await problem_of(error).response()(scope, receive, send)
            return
        is_inside = True

        def leave() -> None:
            nonlocal is_inside
            if is_inside:
                is_inside = False
                handshakes.leave(address)

        async def send_and_leave(message: Message) -> None:
            if message["type"] in ("websocket.accept", "websocket.close"):
                leave()
            elif message["type"] in _STARTS:
                refusals.charge(address, message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_and_leave)
        finally:
            leave()

    def _headers_problem(self, scope: Scope) -> HttpProblem | None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if len(headers) > self._limits.max_headers:
            return HttpProblem(
                431,
                f"the request has {len(headers)} headers: at most {self._limits.max_headers}",
                code="too_many_headers",
            )
        size = sum(len(name) + len(value) + 4 for name, value in headers)
        size += len(scope.get("query_string", b"")) + len(scope.get("raw_path") or b"")
        if size > self._limits.max_header_bytes:
            return HttpProblem(
                431,
                f"the request's address and headers have {size} bytes: at most "
                f"{self._limits.max_header_bytes}",
                code="headers_too_large",
            )
        return None
