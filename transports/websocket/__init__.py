"""Conversations over WebSockets: messages both ways with the audio inside them, and coming back."""

from __future__ import annotations

from .peer import WebSocketPeer
from .socket import Socket, SocketClosed

__all__ = ["Socket", "SocketClosed", "WebSocketPeer"]
