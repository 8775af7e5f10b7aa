"""The OpenAI Realtime API over WebSocket: `/v1/realtime`, and steering a call from elsewhere.

`?call_id=` listens in on a call that is under way and steers it. A client that says it knows our
events (`?visavis=1`, or a sub-protocol `visavis`) may lose its connection and come back with the
token it was given. Errors before the upgrade are HTTP answers in OpenAI's shape.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from ..runtime import messages
from ..runtime.errors import BadInput
from ..runtime.realtime_config import merged
from ..transports.websocket import WebSocketPeer
from ..transports.websocket.connection import carry, farewell
from ..transports.websocket.sideband import Sideband
from ..transports.websocket.socket import NORMAL, POLICY
from .calls import Call
from .desk import Desk
from .door import admit
from .http import HttpProblem, client_address, read_body
from .resumption import HEADER, elsewhere
from .signalling import CALLS, EXTENDED, own_call
from .starlette_socket import StarletteSocket

PATH = "/v1/realtime"
SUBPROTOCOL = "realtime"
RESUME = "visavis-resume."
"""Begins the sub-protocol that carries a resume token: an address would show it to every proxy."""
KIND = "ws"
"""Ids of conversations over WebSocket begin with it."""
MAX_NAME = 256


async def connect(socket: WebSocket, desk: Desk) -> None:
    """One WebSocket of the Realtime API, from the upgrade to its end."""
    if call_id := socket.query_params.get("call_id"):
        await _listen_in(socket, desk, call_id)
    elif token := _resume_token(socket):
        await _resume(socket, desk, token)
    else:
        await _converse(socket, desk)


async def _converse(socket: WebSocket, desk: Desk) -> None:
    grant = admit(socket, desk.access)
    wishes = _wishes(socket)
    await desk.host.ready()
    limits = desk.settings.limits
    lease = desk.access.begin(grant, "websocket", client_address(socket))
    try:
        peer = WebSocketPeer(
            desk.settings.websocket,
            max_message_bytes=limits.max_message_bytes,
            is_extended=_is_extended(socket),
        )
        session = grant.session or {}
        if peer.is_extended:
            session = merged(session, {"visavis": {"events": True}})
        call = _join(desk, peer, session)
    except BaseException:
        lease.end("refused")
        raise
    desk.access.carry(lease, call, partial(desk.calls.stop, call.id))
    if peer.is_extended:
        token = desk.resumptions.issue(call, grant.key_id)
        peer.tell_at_start(
            {
                "type": "visavis.session.resumable",
                "call_id": call.id,
                "token": token,
                "resume_s": desk.settings.websocket.resume_s,
            }
        )
    for wish in wishes:
        peer.messages.put(wish)
    try:
        await socket.accept(_subprotocol(socket))
    except BaseException:
        await peer.close("the connection was gone before it was accepted")
        raise
    await peer.serve(StarletteSocket(socket))


def _join(desk: Desk, peer: WebSocketPeer, session: Mapping[str, object]) -> Call:
    try:
        return desk.calls.join(peer, KIND, session)
    except BaseException:
        peer.drop("refused")
        raise


async def _resume(socket: WebSocket, desk: Desk, token: str) -> None:
    """The same conversation on a new connection. Browsers can't read why an upgrade was refused,
    so it is accepted, and what is wrong with a token is told by an event."""
    grant = admit(socket, desk.access, is_opening=False)
    after = socket.query_params.get("after")
    await socket.accept(_subprotocol(socket))
    connection = StarletteSocket(socket)
    try:
        call = desk.resumptions.find(token, grant.key_id)
        if not isinstance(call.peer, WebSocketPeer):
            raise elsewhere("a WebSocket")
        peer = call.peer
        fresh = desk.resumptions.renew(token, grant.key_id)
    except BadInput as error:
        desk.access.count_refusal(error.code)
        side = Sideband(desk.settings.websocket.max_unread_bytes)
        side.send(messages.error(str(error), code=error.code, param="token"))
        await farewell(connection, side.outbox)
        await connection.close(POLICY, error.code)
        return

    def welcome() -> None:
        desk.resumptions.spend(call.id)
        replayed, is_complete = peer.replay(after)
        peer.tell_first(
            {
                "type": "visavis.session.resumed",
                "replayed": replayed,
                "is_complete": is_complete,
                "token": fresh,
                "resume_s": desk.settings.websocket.resume_s,
            }
        )

    await peer.serve(connection, welcome)


async def _listen_in(socket: WebSocket, desk: Desk, call_id: str) -> None:
    """A backend beside a client: told what the client is told, and heard as the client is."""
    grant = admit(socket, desk.access, is_opening=False)
    desk.access.owned(call_id, grant)
    call = desk.calls.get(call_id)
    lease = desk.access.lease_of(call_id)
    await socket.accept(_subprotocol(socket))
    connection = StarletteSocket(socket)
    side = Sideband(
        desk.settings.websocket.max_unread_bytes,
        max_message_bytes=desk.settings.limits.max_message_bytes,
        deliver=call.peer.messages,
        guard=lease.guard if lease is not None else None,
        is_extended=_is_extended(socket),
    )
    side.send(messages.session_created(call.tap.session))
    leave = call.tap.listen(side.send)
    call.task.add_done_callback(side.call_ended)
    try:
        await carry(connection, side.outbox, side.take, side.stop, f"sideband {call_id}")
    finally:
        leave()
        call.task.remove_done_callback(side.call_ended)
        await farewell(connection, side.outbox)
        await connection.close(NORMAL if side.why is None else side.code, side.why or "")


# Calls over WebRTC and telephone lines, steered over HTTP


async def _accept(request: Request, desk: Desk) -> Response:
    call = await _call_of(request, desk)
    raise HttpProblem(
        409,
        f"call {call.id} is under way: accept is for a call that is ringing; change its session "
        "with session.update",
        code="call_already_accepted",
        param="call_id",
    )


async def _reject(request: Request, desk: Desk) -> Response:
    call = await _call_of(request, desk)
    raise HttpProblem(
        409,
        f"call {call.id} is under way: reject is for a call that is ringing; POST "
        f"{CALLS}/{call.id}/hangup ends it",
        code="call_already_accepted",
        param="call_id",
    )


async def _refer(request: Request, desk: Desk) -> Response:
    call = await _call_of(request, desk)
    raise HttpProblem(
        400,
        f"call {call.id} can't be transferred: refer is for SIP calls, and this server has no SIP; "
        "hang up and let the caller be connected elsewhere by whoever carries the call",
        code="call_not_transferable",
        param="call_id",
    )


async def _call_of(request: Request, desk: Desk) -> Call:
    """A call of this key. The body is read, so that the connection can be used again."""
    call = desk.calls.get(own_call(request, desk))
    await read_body(request, desk.settings.limits.max_body_bytes)
    return call


ENDPOINTS: tuple[tuple[str, str, Callable[[Request, Desk], Awaitable[Response]]], ...] = (
    (CALLS + "/{call_id}/accept", "POST", _accept),
    (CALLS + "/{call_id}/reject", "POST", _reject),
    (CALLS + "/{call_id}/refer", "POST", _refer),
)
"""Path, method and what answers."""


# What the address and the headers say


def _subprotocol(socket: WebSocket) -> str | None:
    """Browsers give up a connection that selects none of what they offered."""
    offered: list[str] = socket.scope.get("subprotocols", [])
    return SUBPROTOCOL if SUBPROTOCOL in offered else None


def _is_extended(socket: WebSocket) -> bool:
    offered: list[str] = socket.scope.get("subprotocols", [])
    return EXTENDED in offered or socket.query_params.get(EXTENDED) == "1"


def _resume_token(socket: WebSocket) -> str | None:
    if token := socket.headers.get(HEADER):
        return token
    offered: list[str] = socket.scope.get("subprotocols", [])
    for protocol in offered:
        if protocol.startswith(RESUME):
            return protocol.removeprefix(RESUME)
    return None


def _wishes(socket: WebSocket) -> list[Mapping[str, object]]:
    """What the address asks for beyond a conversation. Raises `HttpProblem`."""
    model = socket.query_params.get("model", "")
    if len(model) > MAX_NAME:
        raise HttpProblem(
            400,
            f"model has {len(model)} characters: at most {MAX_NAME}",
            code="invalid_value",
            param="model",
        )
    match socket.query_params.get("intent"):
        case None | "" | "realtime" | "conversation":
            return []
        case "transcription":
            return [{"type": "session.update", "session": {"type": "transcription"}}]
        case other:
            raise HttpProblem(
                400,
                f"intent is {other[:80]!r}: leave it out, or ask for 'transcription'",
                code="invalid_value",
                param="intent",
            )
