"""Tokens with which a client that lost its connection finds its conversation again, over WebSocket
and WebRTC alike.

A token is made anew at every resume. The one that was shown is spent as soon as the connection it
opened is up, so a client whose second connection fails as well can show it once more.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from ..runtime.errors import BadInput
from .calls import Call

HEADER = "Visavis-Resume"
"""Carries a token over HTTP, both ways: an address would show it to every proxy."""
KEPT_ENDS = 1024
"""Ended conversations whose clients are still told what became of them."""
INVALID = "resume_token_invalid"
ENDED = "resume_session_ended"
ELSEWHERE = "resume_other_transport"


@runtime_checkable
class Returning(Protocol):
    """A peer of WebRTC whose client may come back on another connection."""

    on_connected: Callable[[], None]

    def may_return(self) -> None:
        """From now on a client that is gone is waited for."""
        ...

    async def resume(self, offer_sdp: str) -> str:
        """The same conversation on a new connection: the answer's SDP. Raises `BadInput`."""
        ...


@dataclass(slots=True)
class _Kept:
    call: Call
    key_id: str
    tokens: list[bytes] = field(default_factory=list[bytes])
    """Hashes of those that are good, the newest last: two while a new connection comes up."""


class Resumptions:
    """The conversations that can be taken up again. Tokens are good as long as their conversation,
    for the key that opened it; only their hashes are kept."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._calls: dict[bytes, str] = {}
        self._ended: OrderedDict[bytes, tuple[str, str]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def issue(self, call: Call, key_id: str) -> str:
        """The first token of a conversation."""
        self._kept[call.id] = kept = _Kept(call, key_id)
        call.task.add_done_callback(lambda _: self._forget(call.id))
        return self._another(kept)

    def find(self, token: str, key_id: str) -> Call:
        """The conversation of a token. Raises `BadInput` that says what became of it; another
        key's token is as good as none."""
        digest = _digest(token)
        kept = self._kept.get(self._calls.get(digest, ""))
        if kept is not None and kept.key_id == key_id:
            if kept.call.peer.closed_why is not None:
                raise _ended(kept.call.peer.closed_why)
            return kept.call
        owner, why = self._ended.get(digest, ("", ""))
        if why and owner == key_id:
            raise _ended(why)
        raise BadInput(
            f"the resume token ({len(token)} characters) belongs to no conversation of this server "
            "and key, or was used before: connect without it to start a new one",
            code=INVALID,
            param="token",
        )

    def renew(self, token: str, key_id: str) -> str:
        """Another token of the same conversation. The one shown stays good until `spend`. Raises
        as `find`."""
        kept = self._kept[self.find(token, key_id).id]
        shown = _digest(token)
        self._keep_only(kept, shown)
        return self._another(kept)

    def spend(self, call_id: str) -> None:
        """The connection is up: of its conversation's tokens only the newest is good."""
        if (kept := self._kept.get(call_id)) is not None:
            self._keep_only(kept, kept.tokens[-1])

    def _another(self, kept: _Kept) -> str:
        token = secrets.token_urlsafe(32)
        digest = _digest(token)
        kept.tokens.append(digest)
        self._calls[digest] = kept.call.id
        return token

    def _keep_only(self, kept: _Kept, good: bytes) -> None:
        for digest in kept.tokens:
            if digest != good:
                del self._calls[digest]
        kept.tokens = [good]

    def _forget(self, call_id: str) -> None:
        kept = self._kept.pop(call_id)
        why = kept.call.peer.closed_why or "it ended"
        for digest in kept.tokens:
            del self._calls[digest]
            self._ended[digest] = (kept.key_id, why)
        while len(self._ended) > KEPT_ENDS:
            self._ended.popitem(last=False)


def elsewhere(wanted: str) -> BadInput:
    """The token's conversation goes over another transport than the one it was shown to."""
    return BadInput(
        f"the conversation of this resume token does not go over {wanted}: come back the way you "
        "came, or connect without the token to start a new one",
        code=ELSEWHERE,
        param="token",
    )


def _ended(why: str) -> BadInput:
    return BadInput(
        f"the conversation of this resume token is over ({why}): connect without the token to start "
        "a new one",
        code=ENDED,
        param="token",
    )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
