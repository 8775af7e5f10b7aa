"""POST /v1/realtime/client_secrets: a backend with an API key asks for a short-lived secret that it
can give to a browser, with the session that the browser is to have.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import cast

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..runtime.client_messages import ClientMessages, default_config
from .access import AccessError, Scope
from .access.secrets import DEFAULT_S
from .desk import Desk
from .door import admit
from .http import HttpProblem, client_address, json_object, read_body

PATH = "/v1/realtime/client_secrets"


async def make_secret(request: Request, desk: Desk) -> Response:
    """`{value, expires_at, session}` in the published shape, and the session as it will begin."""
    grant = admit(request, desk.access, scope=Scope.MINT)
    limits = desk.settings.limits
    body = await read_body(request, limits.max_body_bytes, limits.request_s)
    asked = json_object(body, "body", limits.max_json_depth) if body.strip() else {}
    seconds = _seconds(asked.get("expires_after"))
    session = _session(asked.get("session"))
    effective = _effective(session, desk)
    try:
        made = desk.access.mint(grant, session or None, seconds)
    except AccessError as error:
        desk.access.refuse(error, client_address(request), grant.key_id)
        raise
    answer: dict[str, object] = {
        "value": made.value,
        "expires_at": made.expires_at,
        "session": effective,
    }
    servers = desk.access.ice_servers(grant)
    if servers:
        answer["visavis"] = {"ice_servers": servers}
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


def _seconds(value: object) -> int:
    if value is None:
        return DEFAULT_S
    try:
        return msgspec.convert(value, _ExpiresAfter).seconds
    except msgspec.ValidationError as error:
        raise HttpProblem(
            400,
            f"expires_after can't be used ({error}): it is "
            '{"anchor": "created_at", "seconds": 10 to 7200}',
            code="invalid_value",
            param="expires_after",
        ) from error


class _ExpiresAfter(msgspec.Struct):
    seconds: int = DEFAULT_S
    anchor: str = "created_at"

    def __post_init__(self) -> None:
        if self.anchor != "created_at":
            raise ValueError("anchor is not 'created_at'")


def _session(value: object) -> Mapping[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise HttpProblem(400, "session is not an object", code="invalid_value", param="session")
    return cast(Mapping[str, object], value)  # JSON keys are strings


def _effective(session: Mapping[str, object], desk: Desk) -> Mapping[str, object]:
    """The session as a conversation would begin with it. Raises `BadInput` for one that can't be
    used: better told to who writes it than to who talks."""
    config = default_config(
        f"sess_{secrets.token_hex(12)}",
        model=f"visavis-{desk.host.pipeline.name}",
        voice=desk.settings.voice.name,
    )
    messages = ClientMessages(config)
    messages.translate({"type": "session.update", "session": session})
    return messages.config
