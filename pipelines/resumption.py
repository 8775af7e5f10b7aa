"""Tokens with which a client that lost its WebSocket finds its conversation again."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass

from ..runtime.errors import BadInput
from ..transports.websocket import WebSocketPeer

KEPT_ENDS = 1024
"""Ended conversations whose clients are still told what became of them."""
INVALID = "resume_token_invalid"
ENDED = "resume_session_ended"


@dataclass(frozen=True, slots=True)
class _Kept:
    peer: WebSocketPeer
    key_id: str


class Resumptions:
    """The conversations that can be taken up again. A token is good as long as its conversation,
    for the key that opened it; only its hash is kept."""

    def __init__(self) -> None:
        self._kept: dict[bytes, _Kept] = {}
        self._ended: OrderedDict[bytes, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def issue(self, peer: WebSocketPeer, key_id: str) -> str:
        """The token of a conversation."""
        token = secrets.token_urlsafe(32)
        digest = _digest(token)
        self._kept[digest] = _Kept(peer, key_id)

        def forget() -> None:
            self._kept.pop(digest, None)
            self._ended[digest] = peer.closed_why or "it ended"
            while len(self._ended) > KEPT_ENDS:
                self._ended.popitem(last=False)

        peer.on_closed = forget
        return token

    def find(self, token: str, key_id: str) -> WebSocketPeer:
        """The conversation of a token. Raises `BadInput` that says what became of it; another
        key's token is as good as none."""
        digest = _digest(token)
        kept = self._kept.get(digest)
        if kept is not None and kept.key_id == key_id:
            return kept.peer
        if kept is None and digest in self._ended:
            raise BadInput(
                f"the conversation of this resume token is over ({self._ended[digest]}): "
                "connect without the token to start a new one",
                code=ENDED,
            )
        raise BadInput(
            f"the resume token ({len(token)} characters) belongs to no conversation of this server "
            "and key: connect without it to start a new one",
            code=INVALID,
        )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
