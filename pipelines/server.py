"""The HTTP application: the page, health, metrics, and who may come in. Decides nothing about talk."""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from ..runtime.settings import Settings
from . import client_secrets, realtime, signalling
from .access import Access, take_keys
from .access import Scope as KeyScope
from .access.turn import ice_servers
from .calls import Answer, Calls
from .desk import Desk
from .door import Door, admit, shown
from .extensions import Page
from .loop_lag import LoopLag
from .metrics import prometheus
from .origins import Origins
from .pipeline import Pipeline, PipelineHost, State
from .problems import handlers
from .resumption import Resumptions
from .rtvi import Rtvi
from .telephony import Telephony
from .ways import Ways
from .whip import Whip

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
    access: Access | None = None,
    ways: Ways | None = None,
) -> Starlette:
    """The application. It loads `pipeline` when it starts and closes it when it stops.

    `on_death` is told when the pipeline failed; the server then still says so to whoever asks.
    `access` decides who may talk; by default it is made of the settings. Whoever binds the
    application to an address calls `check_binding` first. With `ways`, clients of RTVI, WHIP and WHEP
    find their endpoints.
    """
    if access is None:
        access, settings = take_keys(settings)
    mimetypes.init()  # reads files: not when the first page is asked for
    desks: list[Desk] = []
    telephony = Telephony(settings)

    def with_desk(handler: Callable[[Request, Desk], Awaitable[Response]]) -> Handler:
        async def endpoint(request: Request) -> Response:
            return await handler(request, desks[0])

        return endpoint

    async def over_websocket(socket: WebSocket) -> None:
        await realtime.connect(socket, desks[0])

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None, None]:
        host = PipelineHost(pipeline, PATIENCE_S)
        async with asyncio.TaskGroup() as tasks:
            calls = Calls(answer, pipeline.converse, settings.server.max_sessions, tasks)
            desk = Desk(settings, host, calls, LoopLag(), access, Resumptions())
            desks.append(desk)
            await telephony.start(desk)

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
                await telephony.stop()
                await calls.close("the server is shutting down")
                for watcher in watchers:
                    watcher.cancel()
                await pipeline.close()
                desks.clear()
                await asyncio.to_thread(access.close)

    others = () if ways is None else (*Rtvi(ways).endpoints, *Whip(ways).endpoints)
    routes = [
        Route("/health", with_desk(_health)),
        Route("/config.json", with_desk(_config)),
        Route("/metrics", with_desk(_metrics)),
        *telephony.routes(lambda: desks[0]),
        Route(client_secrets.PATH, with_desk(client_secrets.make_secret), methods=["POST"]),
        *(
            Route(path, with_desk(endpoint), methods=[method])
            for path, method, endpoint in (*signalling.ENDPOINTS, *realtime.ENDPOINTS)
        ),
        WebSocketRoute(realtime.PATH, over_websocket),
        *(Route(path, with_desk(steer), methods=list(methods)) for path, methods, steer in others),
    ]
    mounts = [] if page is None else [Mount("/", StaticFiles(directory=page[0], html=True))]
    origins = Origins(settings.server.allowed_origins, settings.server.host)
    headers = {} if page is None else dict(page[1])
    application = Starlette(
        routes=[*routes, *mounts],
        lifespan=lifespan,
        middleware=[
            Middleware(
                Door, origins=origins, access=access, limits=settings.limits, headers=headers
            )
        ],
        exception_handlers=handlers(access.count_refusal),
    )
    application.state.telephony = telephony
    return application


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


async def _config(request: Request, desk: Desk) -> Response:
    """What the page needs. Without a key it learns that it needs one, and no TURN credentials."""
    webrtc = desk.settings.webrtc
    servers = ice_servers(msgspec.structs.replace(webrtc, turn_urls=()))
    if not desk.access.needs_key or shown(request):
        servers = desk.access.ice_servers(admit(request, desk.access))
    return JSONResponse(
        {
            "ice_servers": servers,
            "needs_key": desk.access.needs_key,
            "pipeline": desk.host.pipeline.name,
            "hints": list(desk.host.pipeline.hints),
            "max_sessions": desk.calls.limit,
        },
        headers={"Cache-Control": "no-store"},
    )


async def _metrics(request: Request, desk: Desk) -> Response:
    admit(request, desk.access, scope=KeyScope.METRICS)
    text = prometheus(desk.calls, desk.lag.report(), desk.host.pipeline, desk.access)
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")
