"""A WebRTC peer over aiortc: `answer` an offer, then talk to the `Peer` through its mailboxes.

    from ..transports.webrtc import Peer, answer

    peers: dict[str, Peer] = {}

    async def calls(request: Request) -> Response:                # POST /v1/realtime/calls
        try:
            sdp, peer = await answer((await request.body()).decode(), settings.webrtc)
        except BadInput as error:                                 # malformed, oversized, no Opus
            return JSONResponse({"error": {"message": str(error), "code": error.code}}, 400)
        peers[call := new_id("call")] = peer
        sessions.create_task(converse(peer))
        return Response(sdp, 201, {"Location": f"/v1/realtime/calls/{call}"}, "application/sdp")

    async def listen(peer: Peer) -> None:
        while True:                                               # MailboxClosed: the peer is gone
            chunk = await peer.audio.get()                        # 16 kHz mono, pts continuous
            ...
    frame = await peer.video.get()                                # newest; frame.pixels.rgb(96, 96)
    message = await peer.messages.get()                           # {"type": …}, checked
    peer.set_played(lambda turn, samples, is_done, at: ...)       # after each packet sent
    peer.playout.play(turn, pcm_48k, is_last=False)               # int16 mono at SPEAKING_RATE
    sent = peer.playout.flush()                                   # stops within one packet
    peer.send({"type": "session.created", "session": {}})         # event_id is added
    await peer.add_candidate("candidate:…", sdp_mid="0")          # trickled; None at the end
    sdp = await peer.restart(new_offer)                           # same conversation, new network
    await peer.close("the person hung up")                        # peer.closed_why says why else

Importing this package imports aiortc and PyAV, and raises `HookError` for an aiortc whose insides
our receive path was not written for.
"""

from ..opus import find_libopus
from .hooks import HookError, check_aiortc
from .listener import Listener, listen
from .peer import Peer, answer

# Both read files, which an event loop must not do; they are done once, here.
check_aiortc()
find_libopus()

__all__ = ["HookError", "Listener", "Peer", "answer", "check_aiortc", "listen"]
