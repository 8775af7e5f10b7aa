"""A WebRTC peer as the runtime sees it: mailboxes in, playout and messages out.

The conversation belongs to the peer, the network to its link: when the client connects again, the
mailboxes, the position in the audio and what is being said live on. A client that may return is
waited for when its connection is gone; what was being said to it is cut at what it heard.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Literal

from aiortc import MediaStreamTrack, RTCDataChannel
from aiortc.mediastreams import MediaStreamError

from ...runtime.errors import BadInput
from ...runtime.events import RateLimit
from ...runtime.frames import AudioChunk, VideoFrame
from ...runtime.ledger import Histogram
from ...runtime.mailboxes import Bounded, Latest
from ...runtime.message_guard import MessageGuard
from ...runtime.protocols import Playout
from ...runtime.settings import WebrtcSettings
from ..dialects import Dialect
from ..grace import Grace
from ..jitter_buffer import JitterCounts, JitterLimits
from ..media_threads import media_threads
from ..picture_limits import PictureLimits
from ..sdp_limits import SdpLimits, too_many_candidates
from ..sdp_text import with_ice
from .channel import Channel
from .hooks import PacketSink, check_aiortc
from .link import Ends, Link
from .listening import Microphone
from .signalling import Offer, check_offer, configuration, parse_candidate
from .speaking import Speaker, SpeakerTrack, Tap
from .sync import SenderClock
from .watching import Camera

log = logging.getLogger(__name__)

AUDIO_CHUNKS = 50
"""One second of packets, then the oldest goes."""
MESSAGES = 256
CAMERAS = 2
"""Video streams taken: the camera and a shared screen."""
FAREWELL_S = 0.1
"""How long a last word may take to leave before the connection is closed."""
WATCH_S = 0.5
"""How often a peer is checked for signs of life."""


async def answer(
    offer_sdp: str,
    settings: WebrtcSettings,
    *,
    pictures: PictureLimits | None = None,
    audio_chunks: int = AUDIO_CHUNKS,
    cameras: int = CAMERAS,
    dialect: Dialect | None = None,
    is_heard: bool = True,
) -> tuple[str, Peer]:
    """Answer an offer: the SDP to send back and the peer it belongs to.

    The answer carries all our candidates; the client's may be in the offer, be trickled with
    `Peer.add_candidate`, or show themselves. Raises `BadInput` for an offer that can't be
    answered, with nothing left behind. The peer closes itself when the client can't be reached,
    vanishes or leaves.

    `cameras`: how many video streams are taken, others are answered `inactive`. `dialect`: what is
    spoken on the data channel, events of the Realtime API unless told otherwise. `is_heard` False
    answers `recvonly` even a client that would listen: the agent speaks to others, if to anybody.
    """
    check_aiortc()
    offer = check_offer(offer_sdp, SdpLimits.of(settings))
    peer = Peer(
        settings,
        pictures=pictures,
        audio_chunks=audio_chunks,
        cameras=cameras,
        dialect=dialect,
        is_heard=is_heard,
    )
    try:
        return await peer.connect(offer), peer
    except BaseException:
        await peer.close("the offer could not be answered")
        raise


class Peer:
    """A `Transport`. Made by `answer`; all methods on the event loop."""

    def __init__(
        self,
        settings: WebrtcSettings,
        *,
        pictures: PictureLimits | None = None,
        audio_chunks: int = AUDIO_CHUNKS,
        cameras: int = CAMERAS,
        dialect: Dialect | None = None,
        is_heard: bool = True,
    ) -> None:
        threads = media_threads()
        self._settings = settings
        self._pictures = pictures or PictureLimits()
        self._max_cameras = cameras
        self._is_heard = is_heard
        self._candidates = 0
        self._now: Callable[[], float] = time.monotonic
        self._loop = asyncio.get_running_loop()
        self._clock = SenderClock()
        self._speaker = Speaker(threads, self._now)
        self._channel = Channel(
            settings.max_message_bytes,
            self._take_message,
            self._give_up,
            dialect=dialect,
            hang_up=self._hang_up,
        )
        self._microphone = Microphone(
            threads,
            JitterLimits(
                base_s=settings.jitter_base_ms / 1000, max_s=settings.jitter_max_ms / 1000
            ),
            self._clock,
            self._take_audio,
            self._now,
        )
        self._cameras: dict[int, Camera] = {}
        self._link: Link | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = self._now() + settings.ice_timeout_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._drain: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._negotiating = asyncio.Lock()
        self._companions: set[Peer] = set()
        self._grace = Grace(self._give_up)
        self._was_connected = False
        self._lost_links: set[asyncio.Task[None]] = set()
        self.on_connected: Callable[[], None] = lambda: None
        """Called whenever a connection is up."""
        self.closed_why: str | None = None
        """Why the peer is gone; None while it lives."""
        self.audio: Bounded[AudioChunk] = Bounded(audio_chunks)
        self.video: Latest[VideoFrame] = Latest()
        self.messages: Bounded[Mapping[str, object]] = Bounded(MESSAGES)
        self.playout: Playout = self._speaker

    @property
    def is_connected(self) -> bool:
        return self._link is not None and self._link.state == "connected"

    @property
    def jitter(self) -> JitterCounts:
        """What happened to the client's audio packets."""
        return self._microphone.counts

    @property
    def receive_delay(self) -> Histogram:
        """Milliseconds that the jitter buffer held the client's packets."""
        return self._microphone.held_ms

    @property
    def media_counts(self) -> Mapping[str, int]:
        """What was lost or dropped on the way in: packets, audio chunks, pictures, messages."""
        jitter = self._microphone.counts
        return {
            "packets_lost": jitter.lost,
            "packets_late": jitter.late,
            "audio_dropped": self.audio.dropped + self._microphone.dropped,
            "pictures_dropped": self.video.dropped,
            "messages_dropped": self.messages.dropped,
            "messages_refused": self._channel.refused,
        }

    async def connect(self, offer: Offer) -> str:
        """Answer an offer on a connection of its own; what was connected before is closed."""
        link = Link(configuration(self._settings), self._ends())
        try:
            text = await link.answer(offer)
        except BaseException:
            await link.close()
            raise
        if self._closing is not None:
            await link.close()
        self._check_open()
        self._grace.end()
        before, self._link = self._link, link
        self._candidates = len(offer.candidates)
        self._deadline = self._now() + self._settings.ice_timeout_s
        if self._timer is None:
            self._watch()
        if self._drain is not None:
            self._drain.cancel()
            self._drain = None
        if not link.speaks:
            self._drain = self._spawn(self._discard_speech(), "discard speech")
        if before is not None:
            await before.close()
        return text

    async def restart(self, offer_sdp: str) -> str:
        """The client offers again (an ICE restart, or a new connection of the same client): the
        answer's SDP. The conversation goes on. Raises `BadInput`; the old connection stays then.
        """
        async with self._negotiating:
            self._check_open()
            offer = check_offer(offer_sdp, SdpLimits.of(self._settings))
            if self._link is not None and self._link.continues(offer):
                self._candidates = len(offer.candidates)
                return await self._link.renegotiate(offer, self._settings.ice_timeout_s)
            return await self.connect(offer)

    def may_return(self) -> None:
        """From now on a client that is gone may come back within `webrtc.resume_s`."""
        self._grace.seconds = self._settings.resume_s

    async def resume(self, offer_sdp: str) -> str:
        """The client is back, and knows of its connection before nothing any more: the answer's SDP.
        Raises `BadInput`; everything is as it was then."""
        async with self._negotiating:
            self._check_open()
            is_early = self._link is not None  # the news of its end is not here yet
            text = await self.connect(check_offer(offer_sdp, SdpLimits.of(self._settings)))
            if is_early:
                self._interrupt()
            return text

    async def restart_ice(self, ufrag: str, pwd: str, candidates: Sequence[str] = ()) -> str:
        """The client has a new network and says only its ICE credentials and candidates
        (`candidate:…`): the whole answer's SDP. Media and DTLS go on as they are. Raises `BadInput`
        when that can't be; the connection stays as it was then."""
        async with self._negotiating:
            self._check_open()
            link, before = self._link, self._link.offer if self._link is not None else None
            if link is None or before is None:
                raise BadInput("nothing is connected yet: offer first", code="ice_restart_failed")
            text = with_ice(before, ufrag, pwd, candidates)
            offer = check_offer(text, SdpLimits.of(self._settings))
            if not link.continues(offer):
                raise BadInput(
                    f"the connection is {link.state}: an ICE restart can't mend it, start anew",
                    code="ice_restart_failed",
                )
            self._candidates = len(candidates)
            return await link.renegotiate(offer, self._settings.ice_timeout_s)

    def accompany(self, companion: Peer, tap: Tap) -> None:
        """`companion` hears through `tap` what is said to this peer, and leaves with it."""
        self._companions.add(companion)
        self._speaker.add_tap(tap)

    def abandon(self, companion: Peer, tap: Tap) -> None:
        """The companion has left."""
        if companion in self._companions:
            self._companions.remove(companion)
            self._speaker.remove_tap(tap)

    @property
    def companions(self) -> int:
        """How many listen beside the peer itself."""
        return len(self._companions)

    async def add_candidate(
        self,
        candidate: str | None,
        sdp_mid: str | None = None,
        sdp_mline_index: int | None = None,
    ) -> None:
        """A trickled candidate (`candidate:…`), or None or "" at their end. Raises `BadInput`, also
        for more of them than `webrtc.max_candidates`."""
        if self._candidates >= self._settings.max_candidates:
            raise too_many_candidates(self._settings.max_candidates)
        self._candidates += 1
        parsed = parse_candidate(candidate, sdp_mid, sdp_mline_index)
        if self._link is not None and self._closing is None:
            await self._link.add_candidate(parsed)

    def set_played(self, played: Callable[[int, int, bool, float], None]) -> None:
        self._speaker.set_played(played)

    def guard_messages(self, guard: MessageGuard) -> None:
        """From now on `guard` is asked about every message, and told of all that is refused."""
        self._channel.guard = guard

    def rate_limits(self) -> Sequence[RateLimit]:
        """What the client may still send."""
        return () if self._channel.guard is None else self._channel.guard.limits()

    def send(self, message: Mapping[str, object]) -> None:
        self._channel.send(message)

    async def close(self, why: str) -> None:
        if self._closing is None:
            self.closed_why = why
            self._closing = self._loop.create_task(self._close(), name="close peer")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._grace.end()
        self.audio.close()
        self.video.close()
        self.messages.close()
        self._channel.close()
        self._speaker.close()
        self._microphone.close()
        for camera in self._cameras.values():
            camera.close()
        for companion in tuple(self._companions):
            await companion.close("the conversation ended")
        if self._link is not None:
            await self._link.close()
        await asyncio.gather(*self._lost_links, return_exceptions=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ends(self) -> Ends:
        return Ends(
            voice=self._voice,
            microphone=lambda: self._microphone,
            camera=self._camera,
            channel=self._open_channel,
            changed=self._changed,
            now=self._now,
        )

    def _voice(self) -> MediaStreamTrack | None:
        return SpeakerTrack(self._speaker) if self._is_heard else None

    def _hello(self) -> None:
        self._speaker.hello()

    def _camera(self, index: int) -> PacketSink | None:
        if index not in self._cameras and index < self._max_cameras:
            source: Literal["camera", "screen"] = "screen" if index else "camera"
            self._cameras[index] = Camera(
                media_threads(),
                source,
                self._pictures,
                self._clock,
                self.video.put,
                self._refuse_picture,
            )
        return self._cameras.get(index)

    def _open_channel(self, channel: RTCDataChannel) -> None:
        self._channel.attach(channel)

    def _take_audio(self, chunk: AudioChunk) -> None:
        self.audio.put(chunk)

    def _take_message(self, message: Mapping[str, object]) -> None:
        self.messages.put(message)

    def _refuse_picture(self, width: int, height: int) -> None:
        self._channel.refuse(self._pictures.refusal(width, height))

    def _changed(self, link: Link, state: str) -> None:
        if link is not self._link:
            return
        if state == "connected":
            self._was_connected = True
            self._hello()
            self.on_connected()
        elif state == "failed":
            self._lost("the connection failed")
        elif state == "closed":
            self._lost("the client closed the connection")

    def _watch(self) -> None:
        """Look for signs of life; a client that shows none is gone."""
        link, now = self._link, self._now()
        if link is not None:
            silent_s = now - link.heard_at
            if link.state != "connected" and now > self._deadline:
                limit = self._settings.ice_timeout_s
                self._lost(f"the client could not be reached within {limit:g} s")
            elif link.state == "connected" and silent_s > self._settings.disconnected_s:
                self._lost(f"the client vanished: nothing was heard for {silent_s:.0f} s")
        if self._closing is None:
            self._timer = self._loop.call_later(WATCH_S, self._watch)

    def _lost(self, why: str) -> None:
        """The connection is gone, and the client, unless it may come back."""
        if self._closing is not None:
            return
        if not self._was_connected or not self._grace.begin(why):
            self._give_up(why)
            return
        log.info("connection lost", extra={"why": why})
        link, self._link = self._link, None
        self._channel.detach()
        self._interrupt()
        if link is not None:
            task = self._loop.create_task(link.close(), name="close lost link")
            self._lost_links.add(task)
            task.add_done_callback(self._lost_links.discard)

    def _interrupt(self) -> None:
        """Nobody listens and nobody speaks: as if the client had asked for silence, and taken back
        the half of a sentence."""
        self.messages.put({"type": "output_audio_buffer.clear"})
        self.messages.put({"type": "input_audio_buffer.clear"})

    def _give_up(self, why: str) -> None:
        if self._closing is None:
            log.info("peer closed", extra={"why": why})
            self.closed_why = why
            self._closing = self._loop.create_task(self._close(), name="close peer")

    def _hang_up(self, why: str) -> None:
        """The client wants to leave: what was told it last goes out before."""
        self._loop.call_later(FAREWELL_S, self._give_up, why)

    def _check_open(self) -> None:
        if self._closing is not None:
            raise BadInput(
                f"the peer is closed ({self.closed_why}): start a new session", code="peer_closed"
            )

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = self._loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _discard_speech(self) -> None:
        """The client takes no audio: speak to nobody at the same pace, so turns still end."""
        with contextlib.suppress(MediaStreamError):  # the speaker is closed
            while True:
                await self._speaker.next()
