"""RTVI, the standard of Pipecat's clients: its messages from and to the events of our sessions.

    from ..transports.rtvi import RtviDialect
    from ..transports.webrtc import answer

    sdp, peer = await answer(offer, settings.webrtc, dialect=RtviDialect(about), cameras=1)

Nothing here opens a socket; the data channel `chat` is a `Peer`'s. The names of messages and fields
are those of `@pipecat-ai/client-js` 1.13, protocol 2.1.0.
"""

from .dialect import RtviDialect
from .messages import PROTOCOL_VERSION

__all__ = ["PROTOCOL_VERSION", "RtviDialect"]
