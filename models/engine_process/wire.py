"""What is said between an engine's process and the processes that carry media.

Over the socket, once each: who one is, where the rings are, why it ends. Over the rings: media (a
head, and samples or pixels as they are), orders, and results, coded with msgpack; nothing that is
decoded can be more than the types named here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import IntEnum
from importlib.metadata import version
from math import isfinite
from typing import Annotated, Any, cast

import msgspec
import numpy as np
from msgspec import Meta

from ...runtime.errors import ConfigError, EngineDied, VisavisError, WeightsError
from ...runtime.events import (
    AnswerCounted,
    Event,
    HeadReady,
    LoadChanged,
    PictureSeen,
    SoundHeard,
    StageFailed,
    TokensReady,
    ToolCalled,
    TranscriptChanged,
    VoiceActivity,
)
from ...runtime.frames import AudioChunk, Picture, VideoFrame
from ...runtime.protocols import Delivery, Slot
from ..orders import (
    Camera,
    Cancel,
    Close,
    Commit,
    EngineMetrics,
    Forget,
    Open,
    Retract,
    Start,
    TellSound,
)

VERSION = f"visavis {version('visavis')}, rings 1"
"""Both sides must be of the same one: what they share is no public protocol."""
MAX_MESSAGE = 4096
"""Bytes of a message on the socket."""

Order = Open | Close | Camera | Start | Retract | Commit | Cancel | Forget | TellSound
_ORDERS = (Open, Close, Camera, Start, Retract, Commit, Cancel, Forget, TellSound)
_EVENTS = (
    VoiceActivity,
    TranscriptChanged,
    PictureSeen,
    HeadReady,
    TokensReady,
    ToolCalled,
    AnswerCounted,
    StageFailed,
    LoadChanged,
    SoundHeard,
)


class BadRecord(Exception):
    """What came is none of what may come."""


class Kind(IntEnum):
    """What a record of a ring is; an order is `ORDER` and its place among the orders."""

    AUDIO = 1
    PICTURE = 2
    RESULTS = 3
    BEAT = 4
    ORDER = 16


class Hello(msgspec.Struct, frozen=True, tag=True):
    """A process that carries media wants to use the engine."""

    engine: str
    """What it takes the engine for."""
    version: str = VERSION


class Welcome(msgspec.Struct, frozen=True, tag=True):
    """It may; descriptors come with it: the ring of orders, the ring of results, and the places that
    are free, a counter from which each conversation takes one."""

    slots: int
    width: int
    height: int
    """Of the pictures that the model takes, in pixels."""
    retry_after_s: float
    calls: tuple[str, ...] = ()
    """Functions that the model calls of itself."""


class Goodbye(msgspec.Struct, frozen=True, tag=True):
    """It is over, or never began."""

    why: str
    error: str = "EngineDied"
    """The class of `runtime.errors` that says it best."""

    def as_error(self) -> VisavisError:
        """To be raised by the side that was told."""
        kinds: dict[str, type[VisavisError]] = {
            kind.__name__: kind for kind in (ConfigError, EngineDied, WeightsError)
        }
        return kinds.get(self.error, EngineDied)(self.why)


Message = Hello | Welcome | Goodbye
_message: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def message(data: bytes) -> Message:
    """A message of the socket. Raises `BadRecord`."""
    try:
        return _message.decode(data)
    except msgspec.MsgspecError as error:
        raise BadRecord(f"a message is none of this version: {error}") from error


_Count = Annotated[int, Meta(ge=0)]


class _Audio(msgspec.Struct, frozen=True, array_like=True):
    slot: Slot
    pts: int
    arrived: float
    concealed: _Count
    gap: _Count


class _Frame(msgspec.Struct, frozen=True, array_like=True):
    slot: Slot
    width: _Count
    height: _Count
    pts: int
    arrived: float
    audio_pts: int | None
    source: str


def _plain(value: object) -> object:
    """A number of numpy's, which an engine may have put into an event."""
    if isinstance(value, np.generic):
        return value.item()  # pyright: ignore[reportUnknownVariableType] - its type is its value's
    raise TypeError(f"{type(value).__name__} does not go through a ring")


_encode = msgspec.msgpack.Encoder(enc_hook=_plain).encode
_audio = msgspec.msgpack.Decoder(_Audio)
_frame = msgspec.msgpack.Decoder(_Frame)
_orders: tuple[msgspec.msgpack.Decoder[Any], ...] = tuple(  # one type each, which a tuple can't say
    msgspec.msgpack.Decoder(kind) for kind in _ORDERS
)
_order_kind: dict[type[object], int] = {kind: Kind.ORDER + n for n, kind in enumerate(_ORDERS)}
_events: tuple[msgspec.msgpack.Decoder[Any], ...] = tuple(  # as above
    msgspec.msgpack.Decoder(kind) for kind in _EVENTS
)
_event_kind: dict[type[object], int] = {kind: n for n, kind in enumerate(_EVENTS)}
_results = msgspec.msgpack.Decoder(tuple[Slot, list[tuple[int, msgspec.Raw, dict[str, float]]]])


def _counter(kind: type[object], told: object) -> object:
    """Counts of the engine are `Counter`s, which msgspec does not know."""
    return Counter(cast("dict[object, int]", told)) if isinstance(told, dict) else told


_metrics = msgspec.msgpack.Decoder(EngineMetrics, dec_hook=_counter)


def encode(told: Message | EngineMetrics) -> bytes:
    """A message of the socket, or the engine's counts."""
    return _encode(told)


def metrics(head: bytes) -> EngineMetrics:
    """The engine's counts as they were told."""
    return _metrics.decode(head)


def order(told: Order) -> tuple[int, bytes]:
    """An order's kind and head."""
    return _order_kind[type(told)], _encode(told)


def read_order(kind: int, head: bytes) -> Order:
    """Raises `BadRecord`."""
    if not 0 <= kind - Kind.ORDER < len(_orders):
        raise BadRecord(f"there is no record of kind {kind}")
    try:
        told: Order = _orders[kind - Kind.ORDER].decode(head)
    except msgspec.MsgspecError as error:
        name = _ORDERS[kind - Kind.ORDER].__name__
        raise BadRecord(f"an order ({name}) can't be read: {error}") from error
    return told


def audio_head(slot: Slot, chunk: AudioChunk, gap: int) -> bytes:
    """What goes before the samples; `gap` in place of the chunk's own."""
    return _encode(_Audio(slot, chunk.pts, chunk.arrived, chunk.concealed, gap))


def read_audio(head: bytes, body: bytes) -> tuple[Slot, AudioChunk]:
    """Raises `BadRecord`."""
    try:
        told = _audio.decode(head)
    except msgspec.MsgspecError as error:
        raise BadRecord(f"the head of audio can't be read: {error}") from error
    if len(body) % 2 or not isfinite(told.arrived):
        raise BadRecord(f"audio of {len(body)} bytes that arrived at {told.arrived}: no PCM16")
    pcm = np.frombuffer(body, np.int16)
    return told.slot, AudioChunk(pcm, told.pts, told.arrived, told.concealed, told.gap)


class _Scaled:
    """`Pixels` that have the model's size already."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture

    def luma(self) -> Picture:
        """The green of it."""
        return self._picture[..., 1]

    def rgb(self, width: int, height: int) -> Picture:
        """As it came."""
        assert self._picture.shape == (height, width, 3)
        return self._picture


def picture_head(slot: Slot, frame: VideoFrame) -> bytes:
    """What goes before the pixels."""
    return _encode(
        _Frame(
            slot,
            frame.width,
            frame.height,
            frame.pts,
            frame.arrived,
            frame.audio_pts,
            frame.source,
        )
    )


def read_picture(head: bytes, body: bytes, width: int, height: int) -> tuple[Slot, VideoFrame]:
    """A picture of the model's size, RGB. Raises `BadRecord`."""
    try:
        told = _frame.decode(head)
    except msgspec.MsgspecError as error:
        raise BadRecord(f"the head of a picture can't be read: {error}") from error
    if len(body) != width * height * 3 or not isfinite(told.arrived):
        raise BadRecord(
            f"a picture of {len(body)} bytes that arrived at {told.arrived}: the model takes "
            f"{width}x{height} RGB, {width * height * 3} bytes"
        )
    picture = np.frombuffer(body, np.uint8).reshape(height, width, 3)
    frame = VideoFrame(
        _Scaled(picture),
        told.width,
        told.height,
        told.pts,
        told.arrived,
        told.audio_pts,
        told.source,
    )
    return told.slot, frame


def results(slot: Slot, deliveries: Sequence[Delivery]) -> bytes:
    """What an engine delivers to one conversation. Raises `TypeError` for an event that it can't
    have made."""
    told: list[tuple[int, Event, dict[str, float]]] = []
    for delivery in deliveries:
        kind = _event_kind.get(type(delivery.event))
        if kind is None:
            raise TypeError(f"{type(delivery.event).__name__} is no event of an engine")
        told.append((kind, delivery.event, dict(delivery.stamps)))
    return _encode((slot, told))


def read_results(head: bytes, ahead_s: float = 0.0) -> tuple[Slot, list[Delivery]]:
    """With their stamps on a clock that is `ahead_s` before the machine's. Raises `BadRecord`."""
    try:
        slot, told = _results.decode(head)
        if ahead_s:
            told = [(kind, raw, _later(stamps, ahead_s)) for kind, raw, stamps in told]
        return slot, [Delivery(_events[kind].decode(raw), stamps) for kind, raw, stamps in told]
    except (msgspec.MsgspecError, IndexError) as error:
        raise BadRecord(f"results can't be read: {error}") from error


def _later(stamps: dict[str, float], by_s: float) -> dict[str, float]:
    return {name: at + by_s for name, at in stamps.items()}
