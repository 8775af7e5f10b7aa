"""Telephone calls: one WebSocket address per provider, and a TCP port for AudioSocket.

A call is a conversation like any other: it needs a place, a key, and ends alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from ..runtime.errors import BadInput, ConfigError, EngineDied, EngineFull
from ..runtime.plugins import PLUGINS
from ..runtime.settings import Settings
from ..transports.telephony import (
    AsteriskLine,
    AudioSocketLine,
    GenesysLine,
    Line,
    Phone,
    PlivoLine,
    TelnyxLine,
    TwilioLine,
    VonageLine,
)
from ..transports.telephony.connection import TRY_AGAIN_LATER
from ..transports.telephony.line import Farewell
from .access import AccessError, Grant
from .desk import Desk
from .http import HttpProblem, client_address
from .phone_access import PhoneAccess
from .phone_connections import TCP_PIECE, TcpConnection, WebSocketConnection

log = logging.getLogger(__name__)

PATH = "/v1/telephony"
KIND = "phone"
"""The kind of plugin: a callable that is given a `PhoneNews`, `phone:mine`."""
POLICY_VIOLATION = 1008
MEDIA_SUBPROTOCOL = "media"
"""What Asterisk asks for."""
PROBE_S = 10.0

LINES: Mapping[str, Callable[[WebSocket], Line]] = {
    "twilio": lambda websocket: TwilioLine(),
    "telnyx": lambda websocket: TelnyxLine(),
    "plivo": lambda websocket: PlivoLine(),
    "vonage": lambda websocket: VonageLine(),
    "genesys": lambda websocket: GenesysLine(
        websocket.headers.get("audiohook-session-id", ""),
        websocket.headers.get("audiohook-organization-id", ""),
    ),
    "asterisk": lambda websocket: AsteriskLine(),
}
"""Providers over WebSocket."""
AUDIOSOCKET = "audiosocket"


@dataclass(frozen=True, slots=True)
class PhoneNews:
    """Something happened in a call: `message` is one of the session's (as a client of the Realtime
    API would get it), `visavis.call.started`, `visavis.call.ended`, or a key that was pressed,
    `input_audio_buffer.dtmf_event_received`."""

    provider: str
    stream_id: str
    """The provider's name of the connection; empty until it has started."""
    message: Mapping[str, object]


Listener = Callable[[PhoneNews], None]


class Telephony:
    """The calls of one server. Does nothing unless `telephony.providers` names somebody."""

    def __init__(self, settings: Settings) -> None:
        """Raises `ConfigError` for settings that can't be used."""
        self._settings = settings.telephony
        unknown = set(self._settings.providers) - {*LINES, AUDIOSOCKET}
        if unknown:
            raise ConfigError(
                f"telephony.providers has {', '.join(sorted(unknown))}: known are "
                f"{', '.join([*LINES, AUDIOSOCKET])}"
            )
        name = self._settings.listener
        self._listener = cast(Listener, PLUGINS.get(KIND, name)) if name else None
        self._access: PhoneAccess | None = None
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections: set[Phone] = set()
        """Connections that are open, calls and those that will be."""

    @property
    def audiosocket_address(self) -> tuple[str, int] | None:
        """Where AudioSocket is listened to, once it is."""
        if self._server is None:
            return None
        host, port = self._server.sockets[0].getsockname()[:2]
        return str(host), int(port)

    def routes(self, desk: Callable[[], Desk]) -> list[WebSocketRoute]:
        """The WebSocket addresses; one that is not enabled says so."""

        async def endpoint(websocket: WebSocket) -> None:
            await self._answer(websocket, desk())

        return [WebSocketRoute(PATH + "/{provider}", endpoint)]

    async def start(self, desk: Desk) -> None:
        """The server is up. Raises `ConfigError` when AudioSocket's port is taken."""
        self._access = PhoneAccess(self._settings, desk.access)
        if AUDIOSOCKET not in self._settings.providers:
            return

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._answer_tcp(TcpConnection(reader, writer), desk)

        host, port = self._settings.audiosocket_host, self._settings.audiosocket_port
        try:
            self._server = await asyncio.start_server(connected, host, port, limit=TCP_PIECE)
        except OSError as error:
            raise ConfigError(
                f"can't listen on {host} port {port} ({error.strerror}): set "
                "telephony.audiosocket_host and audiosocket_port"
            ) from error

    async def stop(self) -> None:
        """No more calls come in; those that have not begun are closed. Idempotent."""
        if self._server is not None:
            self._server.close()
        await asyncio.gather(
            *(phone.close("the server is shutting down") for phone in tuple(self.connections))
        )
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._server = None

    async def _answer(self, websocket: WebSocket, desk: Desk) -> None:
        """What is raised before the WebSocket is accepted refuses the upgrade, with the reason."""
        provider = str(websocket.path_params["provider"])
        if provider not in self._settings.providers or provider not in LINES:
            raise HttpProblem(
                404,
                f"telephone calls of {provider[:40]!r} are not answered here: the operator can add "
                f"it to telephony.providers (known: {', '.join([*LINES, AUDIOSOCKET])})",
                code="provider_not_enabled",
            )
        assert self._access is not None
        grant = self._access.at_the_door(provider, websocket)
        await desk.host.ready()
        offered = websocket.scope.get("subprotocols", ())
        await websocket.accept(MEDIA_SUBPROTOCOL if MEDIA_SUBPROTOCOL in offered else None)
        line, address = LINES[provider](websocket), client_address(websocket)
        await self._converse(line, WebSocketConnection(websocket), grant, address, desk)

    async def _answer_tcp(self, connection: TcpConnection, desk: Desk) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        handshakes, address = desk.access.handshakes, connection.address
        try:
            assert self._access is not None
            if not handshakes.enter(address):
                raise handshakes.too_many()
            try:
                grant = self._access.from_network(address)
                await desk.host.ready()
            finally:
                handshakes.leave(address)
            await self._converse(AudioSocketLine(), connection, grant, address, desk)
        except (AccessError, EngineFull, EngineDied) as error:
            log.warning("an AudioSocket call was refused", extra={"why": str(error)})
        finally:
            self._tasks.discard(task)
            await connection.close(POLICY_VIOLATION, "")

    async def _converse(
        self,
        line: Line,
        connection: WebSocketConnection | TcpConnection,
        grant: Grant | None,
        address: str | None,
        desk: Desk,
    ) -> None:
        """One connection from its first message to its last."""
        assert self._access is not None
        teller = _Teller(line.provider, self._listener)
        phone = Phone(
            line, connection, keys_are_text=self._settings.keys_are_text, told=teller.tell
        )
        self.connections.add(phone)
        try:
            started = await phone.begin()
            if started.is_probe:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PROBE_S):
                        await phone.closed()
                return
            if grant is None:
                grant = self._access.when_started(started.parameters, address)
            await self._carry(phone, grant, address, desk)
        except BadInput:
            pass  # it did not start, and the other end has been told why
        except AccessError as error:
            await phone.refuse(error.message, POLICY_VIOLATION, Farewell.UNAUTHORIZED)
        except (EngineFull, EngineDied) as error:
            await phone.refuse(str(error), TRY_AGAIN_LATER)
        finally:
            await phone.close("the call is over")
            if phone.refused_code is not None:
                desk.access.count_refusal(phone.refused_code)
            self.connections.discard(phone)

    async def _carry(self, phone: Phone, grant: Grant, address: str | None, desk: Desk) -> None:
        lease = desk.access.begin(grant, phone.line.provider, address)
        try:
            call = desk.calls.join(phone, "tel", grant.session)
        except (EngineFull, EngineDied):
            lease.end("full")
            raise
        desk.access.carry(lease, call, lambda why: desk.calls.stop(call.id, why))
        await asyncio.wait([call.task])


class _Teller:
    """Passes on what happens to the operator's listener, whose faults are its own."""

    def __init__(self, provider: str, listener: Listener | None) -> None:
        self._provider = provider
        self._listener = listener
        self._stream_id = ""

    def tell(self, message: Mapping[str, object]) -> None:
        if self._listener is None:
            return
        if message.get("type") == "visavis.call.started":
            self._stream_id = str(message.get("stream_id", ""))
        try:
            self._listener(PhoneNews(self._provider, self._stream_id, message))
        except Exception:  # a listener that fails must not end the call; said once per call
            log.exception("telephony.listener failed; it is told no more of this call")
            self._listener = None
