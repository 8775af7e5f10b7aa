"""A second pair of ears on a call: a backend reads what the client is told, and may speak up itself.

A `Tapped` peer stands between the conversation and its transport and passes everything on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from ..runtime.audio_path import AudioFormat, AudioPath
from ..runtime.events import RateLimit
from ..runtime.frames import AudioChunk, Pcm, VideoFrame
from ..runtime.mailboxes import Bounded, Latest
from ..runtime.protocols import LimitedTransport, MessageTransport, Playout, Transport

Listener = Callable[[Mapping[str, object]], None]
_SESSION = ("session.created", "session.updated")


class Tapped:
    """A `Transport`, and a `MessageTransport` where its peer is one."""

    def __init__(self, peer: Transport, wanted: Mapping[str, object] | None = None) -> None:
        """`wanted` is the session that the conversation is to begin with, as in `session.update`."""
        self.wanted: Mapping[str, object] = wanted or {}
        self.audio_path: AudioPath = getattr(peer, "audio_path", AudioPath.TRACK)
        self.session: Mapping[str, object] = {}
        """The session as the client was told of it last."""
        self.audio: Bounded[AudioChunk] = peer.audio
        self.video: Latest[VideoFrame] = peer.video
        self.messages: Bounded[Mapping[str, object]] = peer.messages
        self.playout: Playout = peer.playout
        self._peer = peer
        self._listeners: list[Listener] = []

    def set_played(self, played: Callable[[int, int, bool, float], None]) -> None:
        self._peer.set_played(played)

    def send(self, message: Mapping[str, object]) -> None:
        if message.get("type") in _SESSION:
            self.session = cast(Mapping[str, object], message.get("session", {}))
        self._peer.send(message)
        for listener in tuple(self._listeners):
            listener(message)

    def rate_limits(self) -> Sequence[RateLimit]:
        """What its client may still send."""
        return self._peer.rate_limits() if isinstance(self._peer, LimitedTransport) else ()

    async def close(self, why: str) -> None:
        await self._peer.close(why)

    async def decode_audio(self, audio: str, kind: AudioFormat) -> Pcm:
        return await self._messages_peer.decode_audio(audio, kind)

    def drain_audio(self) -> Pcm:
        return self._messages_peer.drain_audio()

    def send_audio(
        self, message: Mapping[str, object], pcm: Pcm, kind: AudioFormat, *, is_last: bool
    ) -> None:
        """Listeners get no audio."""
        self._messages_peer.send_audio(message, pcm, kind, is_last=is_last)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """`listener` is told every message from now on; returns what ends that."""
        self._listeners.append(listener)

        def leave() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return leave

    @property
    def _messages_peer(self) -> MessageTransport:
        """Asked only where `audio_path` is MESSAGES, which a `MessageTransport` says of itself."""
        return cast(MessageTransport, self._peer)
