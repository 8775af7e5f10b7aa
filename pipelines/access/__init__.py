"""Who may talk, and how much. Every way in - HTTP, WebSocket, telephone - does the same three things.
`grant = access.admit(request.headers, request.query_params, subprotocols, client_address)` says who
it is or raises `AccessError` (status, code, message), which HTTP endpoints let through (the server
answers it in OpenAI's shape) and WebSockets answer by refusing the upgrade. Then
`lease = access.begin(grant, "websocket", client_address)` takes a place among the key's
conversations (`AccessError` 429), `grant.session` is the configuration stored with a client secret,
to be laid under what the client asks for, and once the call is there
`access.carry(lease, call, stop)` limits its messages and ends the lease with the call's task (call
`lease.end()` instead when no call came of it). A peer has its message limits through
`guard_messages(guard)`: `guard.take(size)` before a message is looked at, then `guard.accepted()` or
`guard.refused(code)`, whose `Verdict` says whether to answer, keep silent or close. Requests about a
call under way use `admit(..., is_opening=False)` and `access.owned(call_id, grant)`.
"""

from __future__ import annotations

from .errors import AccessError
from .gate import Access, take_keys
from .grant import ANYONE, Grant, KeyLimits, Scope
from .keys import Key, KeyRing
from .lease import Guarded, Lease
from .secrets import ClientSecret

__all__ = [
    "ANYONE",
    "Access",
    "AccessError",
    "ClientSecret",
    "Grant",
    "Guarded",
    "Key",
    "KeyLimits",
    "KeyRing",
    "Lease",
    "Scope",
    "take_keys",
]
