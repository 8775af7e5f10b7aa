"""Signalling of WebRTC calls over HTTP, in the shape of the OpenAI Realtime API (GA).

An SDP offer posted to `/v1/realtime/calls` is answered with 201, the call's address in `Location`
and an SDP answer. Ours beside it: `/restart` takes the offer of an ICE restart, PATCH takes
candidates that trickle in (RFC 8840, or JSON). With `?visavis=1` the answer carries a resume token;
an offer that shows one is answered with 200 and goes on with that conversation.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import cast

import msgspec
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import Response

from ..runtime.client_messages import merged
from .desk import Desk
from .door import admit
from .http import HttpProblem, as_text, client_address, content_type, json_object, read_body
from .resumption import HEADER, Returning, elsewhere

CALLS = "/v1/realtime/calls"
SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
MAX_CANDIDATES = 64
"""Of one request; a browser with many networks sends about twenty in all."""

EXTENDED = "visavis"
"""The name in an address (`?visavis=1`) with which a client says that it knows what is ours."""

Endpoint = Callable[[Request, Desk], Awaitable[Response]]


async def _open(request: Request, desk: Desk) -> Response:
    if token := request.headers.get(HEADER):
        return await _resume(request, desk, token)
    grant = admit(request, desk.access)
    sdp, wanted = await _offer(request, desk.settings.webrtc.max_sdp_bytes)
    session = merged(grant.session or {}, wanted or {})
    await desk.host.ready()
    lease = desk.access.begin(grant, "webrtc", client_address(request))
    try:
        call_id, answer = await desk.calls.open(sdp, session)
    except BaseException:
        lease.end("refused")
        raise
    call = desk.calls.get(call_id)
    desk.access.carry(lease, call, partial(desk.calls.stop, call_id))
    headers = {"Location": _place(request, call_id)}
    peer = call.peer
    if request.query_params.get(EXTENDED) == "1" and isinstance(peer, Returning):
        headers[HEADER] = desk.resumptions.issue(call, grant.key_id)
        peer.on_connected = partial(desk.resumptions.spend, call_id)
        peer.may_return()
    return Response(answer, 201, headers, SDP)


async def _resume(request: Request, desk: Desk, token: str) -> Response:
    """The same conversation on a new connection: of a page that was reloaded, or lost its network."""
    grant = admit(request, desk.access, is_opening=False)
    sdp, wanted = await _offer(request, desk.settings.webrtc.max_sdp_bytes)
    if wanted is not None:
        raise HttpProblem(
            400,
            "a conversation that goes on keeps its session: leave the part `session` out, and send "
            "session.update",
            code="unsupported_parameter",
            param="session",
        )
    call = desk.resumptions.find(token, grant.key_id)
    if not isinstance(call.peer, Returning):
        raise elsewhere("WebRTC")
    answer = await call.peer.resume(sdp)
    headers = {
        "Location": _place(request, call.id),
        HEADER: desk.resumptions.renew(token, grant.key_id),
    }
    return Response(answer, 200, headers, SDP)


def _place(request: Request, call_id: str) -> str:
    return f"{request.scope.get('root_path', '')}{CALLS}/{call_id}"


async def _hang_up(request: Request, desk: Desk) -> Response:
    await desk.calls.hang_up(own_call(request, desk))
    return Response(status_code=200)


async def _restart(request: Request, desk: Desk) -> Response:
    call = desk.calls.get(own_call(request, desk))
    if content_type(request.headers) != SDP:
        raise _unsupported(request, SDP)
    sdp = await _sdp(request, desk.settings.webrtc.max_sdp_bytes)
    return Response(await call.peer.restart(sdp), 200, media_type=SDP)


async def _trickle(request: Request, desk: Desk) -> Response:
    call = desk.calls.get(own_call(request, desk))
    limit = desk.settings.webrtc.max_sdp_bytes
    match content_type(request.headers):
        case "application/trickle-ice-sdpfrag":
            fragment = as_text(await read_body(request, limit), "the fragment")
            candidates = list(of_fragment(fragment))
        case "application/json":
            candidates = list(of_json(await read_body(request, limit)))
        case _:
            raise _unsupported(request, f"{FRAGMENT} or application/json")
    if len(candidates) > MAX_CANDIDATES:
        raise HttpProblem(
            400,
            f"{len(candidates)} candidates in one request: at most {MAX_CANDIDATES}",
            code="too_many_candidates",
        )
    for candidate in candidates:
        await call.peer.add_candidate(candidate.line, candidate.mid, candidate.index)
    return Response(status_code=204)


ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = (
    (CALLS, "POST", _open),
    (CALLS + "/{call_id}/hangup", "POST", _hang_up),
    (CALLS + "/{call_id}/restart", "POST", _restart),
    (CALLS + "/{call_id}", "PATCH", _trickle),
)
"""Path, method and what answers."""


def own_call(request: Request, desk: Desk) -> str:
    """The id of a call that this key has opened. Raises `AccessError`, or `BadInput` (not found)."""
    grant = admit(request, desk.access, is_opening=False)
    call_id = str(request.path_params["call_id"])
    desk.access.owned(call_id, grant)
    return call_id


def _unsupported(request: Request, wanted: str) -> HttpProblem:
    found = content_type(request.headers) or "a body without a type"
    return HttpProblem(415, f"this takes {wanted}, not {found}", code="unsupported_media_type")


async def _offer(request: Request, limit: int) -> tuple[str, Mapping[str, object] | None]:
    """The offer and, in a multipart body, the session wanted with it."""
    match content_type(request.headers):
        case "application/sdp":
            return await _sdp(request, limit), None
        case "multipart/form-data":
            parts = await _parts(request.headers, await read_body(request, limit))
            if "sdp" not in parts:
                raise HttpProblem(
                    400, "the body has no part `sdp`", code="missing_part", param="sdp"
                )
            wanted = json_object(parts["session"], "session") if "session" in parts else None
            return as_text(parts["sdp"], "the offer"), wanted
        case _:
            raise _unsupported(request, f"{SDP} or multipart/form-data")


async def _sdp(request: Request, limit: int) -> str:
    body = await read_body(request, limit)
    if not body.strip():
        raise HttpProblem(400, "the body is empty: it should be an SDP offer", code="invalid_offer")
    return as_text(body, "the offer")


async def _parts(headers: Headers, body: bytes) -> dict[str, bytes]:
    async def pieces() -> AsyncGenerator[bytes, None]:
        yield body

    parts: dict[str, bytes] = {}
    try:
        form = await MultiPartParser(headers, pieces(), max_files=4, max_fields=4).parse()
    except MultiPartException as error:
        raise HttpProblem(
            400, f"the multipart body can't be read: {error.message}", code="invalid_multipart"
        ) from error
    try:
        for name, value in form.multi_items():
            parts[name] = value.encode() if isinstance(value, str) else await value.read()
    finally:
        await form.close()
    return parts


@dataclass(frozen=True, slots=True)
class Candidate:
    """One trickled address: a `candidate:…` line, empty at their end, and where it belongs."""

    line: str
    mid: str | None = None
    index: int | None = None


def of_fragment(fragment: str) -> Iterator[Candidate]:
    """Candidates of an SDP fragment with the mid of the section they stand in."""
    mid: str | None = None
    for line in fragment.splitlines():
        name, _, value = line.strip().partition(":")
        if name == "a=mid":
            mid = value
        elif name == "a=candidate":
            yield Candidate(f"candidate:{value}", mid)
        elif name == "a=end-of-candidates":
            yield Candidate("", mid)


def of_json(body: bytes) -> Iterator[Candidate]:
    """An `RTCIceCandidateInit` as a browser has it, or a list of them under `candidates`."""
    value = json_object(body, "body")
    listed = value.get("candidates", [value])
    for one in cast("list[object]", listed) if isinstance(listed, list) else [listed]:
        try:
            parsed = msgspec.convert(one, _IceCandidate)
        except msgspec.ValidationError as error:
            raise HttpProblem(
                400,
                f"a candidate can't be read: {error}",
                code="invalid_candidate",
                param="candidates",
            ) from error
        mid = parsed.sdp_mid if parsed.sdp_mid is not None else parsed.sdpMid
        index = parsed.sdp_mline_index
        yield Candidate(parsed.candidate, mid, parsed.sdpMLineIndex if index is None else index)


class _IceCandidate(msgspec.Struct):
    """The spellings of browsers and of Pipecat's clients."""

    candidate: str
    sdpMid: str | None = None
    sdpMLineIndex: int | None = None
    sdp_mid: str | None = None
    sdp_mline_index: int | None = None
