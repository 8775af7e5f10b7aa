"""Signalling of RTVI's clients over the small-webrtc transport, as Pipecat's own runner has it.

POST /start gives a session id; an offer goes to /sessions/{id}/api/offer, or to /api/offer without
a start. The same `pc_id` again is the same conversation on another network; PATCH takes candidates.
Errors carry `info` and `detail`, which is what these clients show.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..runtime.client_messages import merged
from ..runtime.clock import Clock, MonotonicClock
from ..runtime.errors import EngineFull, VisavisError
from .access import AccessError, Grant
from .calls import RETRY_AFTER_S, Call
from .desk import Desk
from .door import admit
from .http import HttpProblem, client_address, json_object, read_body
from .problems import as_problem
from .signalling import MAX_CANDIDATES, Endpoint, of_json
from .ways import Ways

START_S = 120.0
"""How long a started session waits for its offer."""
MAX_STARTED = 1024
"""Sessions that may wait; then the next start is refused."""
MAX_BODY = 65_536
"""Bytes of a body beside the session description in it."""


class _Offer(msgspec.Struct):
    sdp: str
    type: str = "offer"
    pc_id: str | None = None
    restart_pc: bool = False
    requestData: dict[str, object] | None = None
    request_data: dict[str, object] | None = None


@dataclass(slots=True)
class _Started:
    """What was asked for with /start. Whoever knows the id may talk as the one who started it."""

    grant: Grant
    session: Mapping[str, object]
    until: float
    calls: set[str] = field(default_factory=set[str])


class Rtvi:
    """The endpoints of one server."""

    def __init__(self, ways: Ways, clock: Clock | None = None) -> None:
        self._ways = ways
        self._clock = clock or MonotonicClock()
        self._started: dict[str, _Started] = {}

    @property
    def endpoints(self) -> tuple[tuple[str, tuple[str, ...], Endpoint], ...]:
        """Path, methods and what answers."""
        return (
            ("/start", ("POST",), _told(self._start)),
            ("/api/offer", ("POST",), _told(self._offer)),
            ("/api/offer", ("PATCH",), _told(self._trickle)),
            ("/sessions/{session_id}/api/offer", ("POST",), _told(self._offer)),
            ("/sessions/{session_id}/api/offer", ("PATCH",), _told(self._trickle)),
        )

    async def _start(self, request: Request, desk: Desk) -> Response:
        grant = admit(request, desk.access)
        raw = await read_body(request, MAX_BODY)
        body = json_object(raw, "body") if raw.strip() else {}
        transport = body.get("transport", "webrtc")
        if transport != "webrtc":
            raise HttpProblem(
                400,
                f"transport {str(transport)[:40]!r} is not had here: ask for 'webrtc'",
                code="unknown_transport",
                param="transport",
            )
        session = _session(body.get("body"), "body")
        await desk.host.ready()
        if len(desk.calls) >= desk.calls.limit:
            raise EngineFull(
                f"all {desk.calls.limit} places are taken: try again in {RETRY_AFTER_S:.0f} seconds",
                retry_after_s=RETRY_AFTER_S,
            )
        self._forget(desk)
        if len(self._started) >= MAX_STARTED:
            raise EngineFull(
                f"{MAX_STARTED} started sessions wait for their offer: try again soon",
                retry_after_s=RETRY_AFTER_S,
            )
        session_id = secrets.token_hex(16)
        self._started[session_id] = _Started(grant, session, self._clock.now() + START_S)
        answer: dict[str, object] = {"sessionId": session_id}
        if servers := desk.access.ice_servers(grant):
            answer["iceConfig"] = {"iceServers": servers}
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    async def _offer(self, request: Request, desk: Desk) -> Response:
        started = self._find(request, desk)
        grant = started.grant if started else admit(request, desk.access, is_opening=False)
        raw = await read_body(request, desk.settings.webrtc.max_sdp_bytes + MAX_BODY)
        try:
            offer = msgspec.convert(json_object(raw, "body"), _Offer)
        except msgspec.ValidationError as error:
            raise HttpProblem(
                400, f"the offer can't be read: {error}", code="invalid_offer", param="body"
            ) from error
        if offer.type != "offer":
            raise HttpProblem(
                400, f"type is {offer.type[:40]!r}: an offer is needed", code="invalid_offer"
            )
        call = self._call(offer.pc_id, grant, desk)
        if call is not None:
            answer = await call.peer.restart(offer.sdp)
            return _answered(answer, call.id)
        if started is None:
            grant = admit(request, desk.access)
        notice = None
        if offer.pc_id is not None:
            notice = (
                "the earlier conversation has ended: this is a new one, which knows nothing of it"
            )
        asked = _session(offer.requestData or offer.request_data, "requestData")
        session = merged(merged(grant.session or {}, started.session if started else {}), asked)
        await desk.host.ready()
        lease = desk.access.begin(grant, "rtvi", client_address(request))
        try:
            answer, peer = await self._ways.rtvi(notice)(offer.sdp)
            try:
                call = desk.calls.join(peer, "rtvi", session)
            except BaseException:
                await peer.close("refused")
                raise
        except BaseException:
            lease.end("refused")
            raise
        desk.access.carry(lease, call, partial(desk.calls.stop, call.id))
        if started is not None:
            started.calls.add(call.id)
        return _answered(answer, call.id)

    async def _trickle(self, request: Request, desk: Desk) -> Response:
        started = self._find(request, desk)
        grant = started.grant if started else admit(request, desk.access, is_opening=False)
        raw = await read_body(request, MAX_BODY)
        pc_id = json_object(raw, "body").get("pc_id")
        call = self._call(pc_id if isinstance(pc_id, str) else None, grant, desk)
        if call is None:
            raise HttpProblem(
                404,
                f"no connection has the pc_id {str(pc_id)[:80]!r}: send an offer first",
                code="call_not_found",
                param="pc_id",
            )
        candidates = list(of_json(raw))
        if len(candidates) > MAX_CANDIDATES:
            raise HttpProblem(
                400,
                f"{len(candidates)} candidates in one request: at most {MAX_CANDIDATES}",
                code="too_many_candidates",
            )
        for one in candidates:
            await call.peer.add_candidate(one.line, one.mid, one.index)
        return JSONResponse({"status": "success"})

    def _find(self, request: Request, desk: Desk) -> _Started | None:
        """What the session in the address was started with; None for an address without one."""
        session_id = request.path_params.get("session_id")
        if session_id is None:
            return None
        self._forget(desk)
        started = self._started.get(str(session_id))
        if started is None:
            raise HttpProblem(
                404,
                f"there is no such session: it waits {START_S:.0f} s for its offer and is gone with "
                "its conversation; POST /start again",
                code="session_not_found",
            )
        return started

    def _call(self, pc_id: str | None, grant: Grant, desk: Desk) -> Call | None:
        """The conversation of a connection; None when it is gone or another key's."""
        if pc_id is None or not desk.calls.has(pc_id):
            return None
        desk.access.owned(pc_id, grant)
        return desk.calls.get(pc_id)

    def _forget(self, desk: Desk) -> None:
        """Let go of sessions that nobody came for, and of those whose conversation is over."""
        now = self._clock.now()
        for session_id, started in tuple(self._started.items()):
            if now > started.until and not any(map(desk.calls.has, started.calls)):
                del self._started[session_id]


def _told(endpoint: Endpoint) -> Endpoint:
    """The endpoint with its errors as RTVI's clients read them: `info`, or `detail`."""

    async def answer(request: Request, desk: Desk) -> Response:
        try:
            return await endpoint(request, desk)
        except VisavisError as error:
            problem = as_problem(error)
            if not isinstance(error, AccessError):  # counted where it was raised
                desk.access.count_refusal(problem.code)
            plain = problem.response()
            body = cast("dict[str, object]", msgspec.json.decode(bytes(plain.body)))
            del plain.headers["content-length"]
            why = str(problem)
            return JSONResponse(
                {**body, "info": why, "detail": why}, problem.status, dict(plain.headers)
            )

    return answer


def _session(asked: object, param: str) -> Mapping[str, object]:
    """The wish for the session in what an application sends along; it may send other things."""
    fields: Mapping[str, object] = (
        cast("Mapping[str, object]", asked) if isinstance(asked, Mapping) else {}
    )
    session = fields.get("session", {})
    if not isinstance(session, Mapping):
        raise HttpProblem(
            400, f"{param}.session is not an object", code="invalid_session", param=param
        )
    return cast("Mapping[str, object]", session)


def _answered(sdp: str, pc_id: str) -> Response:
    return JSONResponse({"sdp": sdp, "type": "answer", "pc_id": pc_id})
