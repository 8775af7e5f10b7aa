"""WHIP and WHEP: a plain sender becomes a conversation, a plain player hears what its agent says.

WHIP is RFC 9725 with trickle ICE and ICE restarts; WHEP the same the other way round (its draft).
Both need an address and a bearer token, and speak no other language. Errors are problem details
(RFC 9457).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..runtime.errors import BadInput, VisavisError
from ..transports.sdp_text import (
    Fragment,
    Section,
    fragment_of,
    parse_fragment,
    sections,
)
from .access import AccessError
from .desk import Desk
from .door import admit, shown
from .http import HttpProblem, as_text, client_address, content_type, read_body
from .problems import as_problem
from .signalling import FRAGMENT, SDP, Endpoint
from .ways import Player, Restartable, Ways

WHIP, WHEP = "/whip", "/whep"
EVERY = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MAX_FRAGMENT = 16_384
"""Bytes."""
VIDEO_CODECS = frozenset({"vp8", "h264"})


@dataclass(slots=True)
class _Resource:
    """What a Location points to."""

    call_id: str
    ufrag: str
    """Of the client, as it said last."""
    etag: str
    player: Player | None = None
    """Of WHEP; for WHIP it is the call's own peer."""


class Whip:
    """The endpoints of one server."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._resources: dict[str, _Resource] = {}

    @property
    def endpoints(self) -> tuple[tuple[str, tuple[str, ...], Endpoint], ...]:
        """Path, methods and what answers; what a method may not do is said by status 405."""
        steer = {"PATCH": self._patch, "DELETE": self._delete}
        return (
            (WHIP, EVERY, _by_method({"POST": self._send})),
            (WHIP + "/{call_id}", EVERY, _by_method(steer)),
            (WHEP + "/{call_id}", EVERY, _by_method({"POST": self._play})),
            (WHEP + "/{call_id}/{player_id}", EVERY, _by_method(steer)),
        )

    async def _send(self, request: Request, desk: Desk) -> Response:
        """WHIP: a conversation with whoever sends."""
        grant = admit(request, desk.access)
        sdp = await _offer(request, desk.settings.webrtc.max_sdp_bytes)
        _check_sender(sections(sdp))
        await desk.host.ready()
        lease = desk.access.begin(grant, "whip", client_address(request))
        try:
            answer, peer = await self._ways.whip(sdp)
            try:
                call = desk.calls.join(peer, "whip", grant.session)
            except BaseException:
                await peer.close("refused")
                raise
        except BaseException:
            lease.end("refused")
            raise
        desk.access.carry(lease, call, partial(desk.calls.stop, call.id))
        resource = self._resources[call.id] = _Resource(call.id, _ufrag(sdp), _new_tag())
        call.task.add_done_callback(lambda _: self._resources.pop(call.id, None))
        return _created(request, desk, f"{WHIP}/{call.id}", resource.etag, answer)

    async def _play(self, request: Request, desk: Desk) -> Response:
        """WHEP: one more who hears the agent of a conversation."""
        grant = admit(request, desk.access, is_opening=False)
        call_id = str(request.path_params["call_id"])
        desk.access.owned(call_id, grant)
        call = desk.calls.get(call_id)
        sdp = await _offer(request, desk.settings.webrtc.max_sdp_bytes)
        _check_player(sections(sdp))
        try:
            answer, player = await self._ways.listen(call.peer, sdp)
        except BadInput as error:
            if error.code in ("too_many_listeners", "not_audible", "peer_closed"):
                raise HttpProblem(409, str(error), code=error.code) from error
            raise
        self._forget_players()
        player_id = secrets.token_hex(12)
        resource = _Resource(call_id, _ufrag(sdp), _new_tag(), player)
        self._resources[f"{call_id}/{player_id}"] = resource
        return _created(request, desk, f"{WHEP}/{call_id}/{player_id}", resource.etag, answer)

    async def _patch(self, request: Request, desk: Desk) -> Response:
        """Candidates that trickle in, or an ICE restart."""
        resource = self._own(request, desk)
        if content_type(request.headers) != FRAGMENT:
            raise _unsupported(request, FRAGMENT, {"Accept-Patch": FRAGMENT})
        fragment = parse_fragment(as_text(await read_body(request, MAX_FRAGMENT), "the fragment"))
        # Clients of early drafts (@eyevinn/whip-web-client 1.1) name the session in `ETag`.
        tag = request.headers.get("if-match") or request.headers.get("etag")
        if tag is None:
            raise HttpProblem(
                428, "If-Match is missing: send the ETag of the session", code="if_match_missing"
            )
        is_any = tag.strip() in ("*", '"*"')  # the RFC's own example has it in quotes
        if is_any and fragment.ufrag is not None and fragment.ufrag != resource.ufrag:
            return await self._restart(resource, fragment, desk)
        if not is_any and tag.strip() != resource.etag:
            raise HttpProblem(
                412,
                f"If-Match {tag[:60]!r} is of an earlier ICE session: send the newest ETag",
                code="etag_mismatch",
            )
        if fragment.ufrag not in (None, resource.ufrag):
            raise HttpProblem(
                422,
                "the fragment has the ICE credentials of another session: an ICE restart is sent "
                "with 'If-Match: *'",
                code="wrong_ice_session",
            )
        peer = resource.player or desk.calls.get(resource.call_id).peer
        for candidate, mid in fragment.candidates:
            await peer.add_candidate(candidate, mid, None if mid is not None else 0)
        if fragment.is_end:
            await peer.add_candidate(None)
        return Response(status_code=204)

    async def _restart(self, resource: _Resource, fragment: Fragment, desk: Desk) -> Response:
        peer: object = resource.player or desk.calls.get(resource.call_id).peer
        assert fragment.ufrag is not None and fragment.pwd is not None
        if not isinstance(peer, Restartable):
            raise HttpProblem(
                422, "this session can't restart ICE: start anew", code="ice_restart_failed"
            )
        lines = [candidate for candidate, _ in fragment.candidates]
        try:
            answer = await peer.restart_ice(fragment.ufrag, fragment.pwd, lines)
        except BadInput as error:
            status = 409 if error.code in ("ice_restart_failed", "peer_closed") else 400
            raise HttpProblem(status, str(error), code=error.code) from error
        resource.ufrag, resource.etag = fragment.ufrag, _new_tag()
        return Response(fragment_of(answer), 200, {"ETag": resource.etag}, FRAGMENT)

    async def _delete(self, request: Request, desk: Desk) -> Response:
        resource = self._own(request, desk)
        if resource.player is None:
            await desk.calls.hang_up(resource.call_id)
        else:
            await resource.player.close("the listener left")
            self._forget_players()
        return Response(status_code=200)

    def _own(self, request: Request, desk: Desk) -> _Resource:
        """What the address names, if it is of this key. Raises `AccessError`, `HttpProblem` 404."""
        grant = admit(request, desk.access, is_opening=False)
        call_id = str(request.path_params["call_id"])
        desk.access.owned(call_id, grant)
        player_id = request.path_params.get("player_id")
        self._forget_players()
        resource = self._resources.get(call_id if player_id is None else f"{call_id}/{player_id}")
        if resource is None:
            raise HttpProblem(404, "there is no such session: it has ended", code="call_not_found")
        return resource

    def _forget_players(self) -> None:
        for key, resource in tuple(self._resources.items()):
            if resource.player is not None and resource.player.closed_why is not None:
                del self._resources[key]


def _by_method(methods: Mapping[str, Endpoint]) -> Endpoint:
    """One path: its methods, OPTIONS, and 405 for the others; errors as problem details."""
    allowed = ", ".join([*methods, "OPTIONS"])

    async def answer(request: Request, desk: Desk) -> Response:
        endpoint = methods.get(request.method)
        try:
            if endpoint is not None:
                return await endpoint(request, desk)
            if request.method == "OPTIONS":
                return _options(request, desk, allowed)
            raise HttpProblem(
                405, f"{request.method} is not taken here: {allowed} are", code="method_not_allowed"
            )
        except VisavisError as error:
            problem = as_problem(error)
            if not isinstance(error, AccessError):  # counted where it was raised
                desk.access.count_refusal(problem.code)
            return _told(problem, allowed)

    return answer


class _Unsupported(HttpProblem):
    """With what is supported instead."""

    def __init__(self, message: str, headers: Mapping[str, str]) -> None:
        super().__init__(415, message, code="unsupported_media_type")
        self.headers = headers


def _told(problem: HttpProblem, allowed: str) -> Response:
    headers = dict(problem.response().headers)
    for name in ("content-length", "content-type"):
        del headers[name]
    if problem.status == 405:
        headers["Allow"] = allowed
    if isinstance(problem, _Unsupported):
        headers.update(problem.headers)
    body = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": str(problem),
        "code": problem.code,
    }
    return JSONResponse(body, problem.status, headers, "application/problem+json")


def _options(request: Request, desk: Desk, allowed: str) -> Response:
    """What may be done here. Some clients ask before they offer, and learn of PATCH and of the ICE
    servers from it; a page elsewhere may read that too."""
    headers = {
        "Allow": allowed,
        "Access-Control-Allow-Methods": "POST, PATCH, DELETE, OPTIONS",
        "Access-Control-Expose-Headers": "Access-Control-Allow-Methods, Accept-Post",
    }
    if "POST" in allowed:
        headers["Accept-Post"] = SDP
    if "PATCH" in allowed:
        headers["Accept-Patch"] = FRAGMENT
    response = Response(status_code=204, headers=headers)
    if not desk.access.needs_key or shown(request):
        _add_servers(response, request, desk)
    return response


def _created(request: Request, desk: Desk, path: str, etag: str, answer: str) -> Response:
    root = request.scope.get("root_path", "")
    headers = {"Location": f"{root}{path}", "ETag": etag, "Accept-Patch": FRAGMENT}
    response = Response(answer, 201, headers, SDP)
    _add_servers(response, request, desk)
    return response


def _add_servers(response: Response, request: Request, desk: Desk) -> None:
    """STUN and TURN servers as `Link`s, one each."""
    for server in desk.access.ice_servers(admit(request, desk.access, is_opening=False)):
        urls = server.get("urls")
        each = cast("Sequence[object]", urls) if isinstance(urls, list | tuple) else [urls]
        rest = ""
        if "username" in server:
            rest = (
                f'; username="{server["username"]}"; credential="{server.get("credential")}"; '
                'credential-type="password"'
            )
        for url in each:
            response.headers.append("Link", f'<{url}>; rel="ice-server"{rest}')


async def _offer(request: Request, limit: int) -> str:
    if content_type(request.headers) != SDP:
        raise _unsupported(request, SDP, {"Accept-Post": SDP})
    return as_text(await read_body(request, limit), "the offer")


def _unsupported(request: Request, wanted: str, headers: Mapping[str, str]) -> HttpProblem:
    found = content_type(request.headers) or "a body without a type"
    return _Unsupported(f"this takes {wanted}, not {found}", headers)


def _check_sender(media: list[Section]) -> None:
    """Whole or not at all: nothing of an offer is taken in part (RFC 9725, 4.4.2)."""
    if not media:
        return  # no description at all: the parser says so
    for kind, wanted in (("audio", frozenset({"opus"})), ("video", VIDEO_CODECS)):
        ours = [one for one in media if one.kind == kind]
        if len(ours) > 1:
            raise _not_acceptable(f"{len(ours)} {kind} tracks are offered: one is taken")
        if ours and not ours[0].codecs & wanted:
            raise _not_acceptable(
                f"{kind} is offered as {', '.join(sorted(ours[0].codecs)) or 'no codec'}: "
                f"{' or '.join(sorted(wanted))} is taken"
            )
    if not any(one.kind == "audio" for one in media):
        raise _not_acceptable("no audio is offered: the agent needs to hear somebody")
    for one in media:
        if one.kind in ("audio", "video") and one.direction not in ("sendonly", "sendrecv"):
            raise _unprocessable(f"{one.kind} is {one.direction}: WHIP sends, offer it sendonly")
    _check_setup(media)


def _check_player(media: list[Section]) -> None:
    if not media:
        return
    audio = [one for one in media if one.kind == "audio"]
    if not audio:
        raise _not_acceptable("no audio is offered: the agent has a voice and no picture")
    if "opus" not in audio[0].codecs:
        raise _not_acceptable("audio is offered without Opus, which is what there is")
    for one in audio:
        if one.direction not in ("recvonly", "sendrecv"):
            raise _unprocessable(f"audio is {one.direction}: WHEP plays, offer it recvonly")
    _check_setup(media)


def _check_setup(media: list[Section]) -> None:
    if any(one.setup == "passive" for one in media):
        raise _unprocessable("a=setup:passive is offered: the server is passive, offer actpass")


def _not_acceptable(message: str) -> HttpProblem:
    return HttpProblem(406, message, code="media_not_acceptable")


def _unprocessable(message: str) -> HttpProblem:
    return HttpProblem(422, message, code="offer_not_usable")


def _ufrag(sdp: str) -> str:
    found = re.search(r"(?m)^a=ice-ufrag:(\S+)", sdp)
    return found[1] if found else ""


def _new_tag() -> str:
    return f'"{secrets.token_hex(8)}"'
