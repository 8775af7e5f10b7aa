"""The HTTP application: the page, health, metrics, and who may come in. Decides nothing about talk."""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..runtime.errors import BadInput, EngineDied, EngineFull, VisavisError
from ..runtime.settings import Settings
from . import signalling
from .calls import NOT_FOUND, Answer, Calls
from .desk import Desk
from .extensions import Page
from .http import HttpProblem
from .loop_lag import LoopLag
from .metrics import prometheus
from .origins import Origins
from .pipeline import Pipeline, PipelineHost, State

PATIENCE_S = 5.0
"""How long an offer waits for a model that is still loading."""

Handler = Callable[[Request], Awaitable[Response]]


def app(
    settings: Settings,
    pipeline: Pipeline,
    answer: Answer,
    page: Page | None,
    *,
    on_death: Callable[[str], None] = lambda why: None,
) -> Starlette:
    """The application. It loads `pipeline` when it starts and closes it when it stops.

    `on_death` is told when the pipeline failed; the server then still says so to whoever asks.
    """
    mimetypes.init()  # reads files: not when the first page is asked for
    desks: list[Desk] = []

    def with_desk(handler: Callable[[Request, Desk], Awaitable[Response]]) -> Handler:
        async def endpoint(request: Request) -> Response:
            return await handler(request, desks[0])

        return endpoint

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None, None]:
        host = PipelineHost(pipeline, PATIENCE_S)
        async with asyncio.TaskGroup() as tasks:
            calls = Calls(answer, pipeline.converse, settings.server.max_sessions, tasks)
            desk = Desk(settings, host, calls, LoopLag())
            desks.append(desk)

            async def watch() -> None:
                await host.run()
                on_death(host.why)

            async def watch_lag() -> None:
                await host.settled()  # nobody talks while the models are being imported
                await desk.lag.watch()

            watchers = [
                tasks.create_task(watch(), name="pipeline"),
                tasks.create_task(watch_lag(), name="loop lag"),
            ]
            try:
                yield
            finally:
                await calls.close("the server is shutting down")
                for watcher in watchers:
                    watcher.cancel()
                await pipeline.close()
                desks.clear()

    routes = [
        Route("/health", with_desk(_health)),
        Route("/config.json", with_desk(_config)),
        Route("/metrics", with_desk(_metrics)),
        *(
            Route(path, with_desk(endpoint), methods=[method])
            for path, method, endpoint in signalling.ENDPOINTS
        ),
    ]
    mounts = [] if page is None else [Mount("/", StaticFiles(directory=page[0], html=True))]
    origins = Origins(settings.server.allowed_origins, settings.server.host)
    headers = {} if page is None else dict(page[1])
    return Starlette(
        routes=[*routes, *mounts],
        lifespan=lifespan,
        middleware=[Middleware(_Door, origins=origins, headers=headers)],
        exception_handlers={
            HttpProblem: _on_problem,
            BadInput: _on_bad_input,
            EngineFull: _on_full,
            EngineDied: _on_death,
            VisavisError: _on_trouble,
            HTTPException: _on_http,
            Exception: _on_surprise,
        },
    )


class _Door:
    """Who may come in, and what every answer carries: the origin rule, CORS, the page's headers."""

    def __init__(self, app: ASGIApp, origins: Origins, headers: Mapping[str, str]) -> None:
        self._app = app
        self._origins = origins
        self._headers = [(k.lower().encode(), v.encode()) for k, v in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        origin = asked.get("origin")
        is_allowed = self._origins.allows(origin, asked.get("host"))
        extra = list(self._headers)
        if origin is not None and is_allowed:
            extra += [
                (b"access-control-allow-origin", origin.encode("latin-1")),
                (b"access-control-expose-headers", b"Location"),
                (b"vary", b"Origin"),
            ]

        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *extra]
            await send(message)

        if not is_allowed and (scope["method"] not in ("GET", "HEAD")):
            problem = HttpProblem(
                403,
                f"pages of {origin} may not connect here: add it to server.allowed_origins",
                code="origin_not_allowed",
            )
            await problem.response()(scope, receive, send_more)
        elif scope["method"] == "OPTIONS" and "access-control-request-method" in asked:
            preflight = Response(
                status_code=204,
                headers={
                    "Access-Control-Allow-Methods": "GET, POST, PATCH",
                    "Access-Control-Allow-Headers": asked.get(
                        "access-control-request-headers", "authorization, content-type"
                    ),
                    "Access-Control-Max-Age": "600",
                },
            )
            await preflight(scope, receive, send_more)
        else:
            await self._app(scope, receive, send_more)


# The page and what it asks first


async def _health(_: Request, desk: Desk) -> Response:
    body: dict[str, object] = {
        "status": desk.host.state.value,
        "pipeline": desk.host.pipeline.name,
        "sessions": len(desk.calls),
        "max_sessions": desk.calls.limit,
    }
    if desk.host.why:
        body["why"] = desk.host.why
    return JSONResponse(body, 200 if desk.host.state is State.READY else 503)


async def _config(_: Request, desk: Desk) -> Response:
    return JSONResponse(
        {
            "ice_servers": ice_servers(desk.settings),
            "pipeline": desk.host.pipeline.name,
            "hints": list(desk.host.pipeline.hints),
            "max_sessions": desk.calls.limit,
        }
    )


def ice_servers(settings: Settings) -> list[dict[str, object]]:
    """The STUN and TURN servers of the settings as an `RTCConfiguration.iceServers`."""
    webrtc = settings.webrtc
    servers: list[dict[str, object]] = []
    if webrtc.stun:
        servers.append({"urls": list(webrtc.stun)})
    if webrtc.turn_urls:
        servers.append(
            {
                "urls": list(webrtc.turn_urls),
                "username": webrtc.turn_username,
                "credential": webrtc.turn_credential,
            }
        )
    return servers


async def _metrics(_: Request, desk: Desk) -> Response:
    text = prometheus(desk.calls, desk.lag.report(), desk.host.pipeline.totals)
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


# Errors, all in one shape


async def _on_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, HttpProblem)
    return error.response()


async def _on_bad_input(_: Request, error: Exception) -> Response:
    assert isinstance(error, BadInput)
    status = 404 if error.code == NOT_FOUND else 400
    return HttpProblem(status, str(error), code=error.code, param=error.param).response()


async def _on_full(_: Request, error: Exception) -> Response:
    assert isinstance(error, EngineFull)
    return HttpProblem(
        503, str(error), code="server_full", retry_after_s=error.retry_after_s
    ).response()


async def _on_death(_: Request, error: Exception) -> Response:
    return HttpProblem(503, str(error), code="engine_died", retry_after_s=30.0).response()


async def _on_trouble(_: Request, error: Exception) -> Response:
    """Something the operator must mend; its message says how."""
    return HttpProblem(500, str(error), code="server_misconfigured").response()


async def _on_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    problem = HttpProblem(
        error.status_code, error.detail, code=error.detail.lower().replace(" ", "_")
    )
    response = problem.response()
    response.headers.update(error.headers or {})
    return response


async def _on_surprise(_: Request, error: Exception) -> Response:
    return HttpProblem(
        500,
        "the server made a mistake; what it was is in its log",
        code=f"internal_error_{type(error).__name__}".lower(),
    ).response()
