"""What goes through the rings: everything comes out equal, and what is none of it is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from models_fakes import windows

from visavis.models.engine_process import wire
from visavis.models.engine_process.wire import BadRecord, Goodbye, Hello, Kind, Order, Welcome
from visavis.models.orders import (
    Camera,
    Cancel,
    Close,
    Commit,
    EngineMetrics,
    Forget,
    Open,
    Retract,
    Start,
    StepUnderWay,
    TellSound,
)
from visavis.runtime.errors import ConfigError, EngineDied, VisavisError, WeightsError
from visavis.runtime.events import (
    AnswerCounted,
    CameraChanged,
    Event,
    Head,
    HeadReady,
    LoadChanged,
    PictureSeen,
    SoundHeard,
    StageFailed,
    TokensReady,
    TokensTaken,
    ToolCalled,
    TranscriptChanged,
    VoiceActivity,
)
from visavis.runtime.frames import Picture, VideoFrame
from visavis.runtime.protocols import Delivery, Slot
from visavis.runtime.sounds import Loudness, Pitch, Sound, SoundKind
from visavis.runtime.tools import Recital

SLOT = Slot(3, 17)
HUM = Sound(SoundKind.HUM, Loudness.LOUD, Pitch.LOW, 1024, 9000)
CLAP = Sound(SoundKind.CLAP, Loudness.SOFT, None, 1024, 2000)
ORDERS: tuple[Order, ...] = (
    Open(SLOT),
    Close(SLOT),
    Camera(SLOT, False),
    Start(SLOT, 4, "grüß Gott", None, 12.5),
    Start(SLOT, 5, None, 99, 13.5),
    Start.of(SLOT, 6, Recital("It is noon."), None, 14.5),
    Retract(SLOT, 4),
    Commit(SLOT, 5),
    Cancel(SLOT, 5, " one two"),
    Forget(SLOT),
    TellSound(SLOT, HUM),
    TellSound(SLOT, CLAP),
)
EVENTS: tuple[Event, ...] = (
    VoiceActivity(512, 0.25),
    TranscriptChanged("what colour", 1024),
    PictureSeen(90, True),
    HeadReady(1, Head.WAIT, 0.5, TokensTaken(1, 2, 3)),
    HeadReady(1, Head.ANSWER, 0.5),
    TokensReady(1, " red", True),
    ToolCalled(1, "call_1", "get_time", "{}"),
    AnswerCounted(1, {"words": 3}),
    StageFailed("model", "torn", is_fatal=True),
    LoadChanged(2, "fewer pictures"),
    SoundHeard(CLAP, 4096),
)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: type(order).__name__)
def test_an_order_comes_out_as_it_was(order: Order) -> None:
    assert wire.read_order(*wire.order(order)) == order


def test_a_text_to_be_said_stays_one() -> None:
    order = wire.read_order(*wire.order(Start.of(SLOT, 6, Recital("It is noon."), None, 1.0)))
    assert isinstance(order, Start) and isinstance(order.question, Recital)
    asked = Start.of(SLOT, 6, "It is noon?", None, 1.0)
    assert not isinstance(asked.question, Recital)


def test_results_come_out_as_they_were() -> None:
    told = [Delivery(event, {"arrived": 1.5}) for event in EVENTS]
    assert wire.read_results(wire.results(SLOT, told)) == (SLOT, told)


def test_stamps_follow_a_clock_that_is_ahead() -> None:
    told = wire.results(SLOT, [Delivery(EVENTS[0], {"arrived": 1.5})])
    assert wire.read_results(told, 10.0)[1][0].stamps == {"arrived": 11.5}


def test_numbers_of_numpy_are_numbers() -> None:
    delivery = Delivery(VoiceActivity(512, np.float32(0.25)), {"a": np.float64(1.5)})  # type: ignore[arg-type]
    _, (told,) = wire.read_results(wire.results(SLOT, [delivery]))
    assert told == Delivery(VoiceActivity(512, 0.25), {"a": 1.5})


def test_an_event_that_no_engine_makes_is_not_sent() -> None:
    with pytest.raises(TypeError, match="CameraChanged is no event of an engine"):
        wire.results(SLOT, [Delivery(CameraChanged(True), {})])


def test_audio_comes_out_as_it_was() -> None:
    chunk = windows(2, [0.5, 0.25])
    slot, heard = wire.read_audio(wire.audio_head(SLOT, chunk, 7), chunk.pcm.tobytes())
    assert slot == SLOT
    assert (heard.pts, heard.arrived, heard.concealed, heard.gap) == (1024, 2.0, 0, 7)
    np.testing.assert_array_equal(heard.pcm, chunk.pcm)


class Rainbow:
    def luma(self) -> Picture:
        return self.rgb(4, 2)[..., 1]

    def rgb(self, width: int, height: int) -> Picture:
        return np.arange(width * height * 3, dtype=np.uint8).reshape(height, width, 3)


def test_a_picture_comes_out_at_the_models_size() -> None:
    frame = VideoFrame(Rainbow(), 640, 480, 90, 1.5, 77, "screen")
    pixels = Rainbow().rgb(4, 2)
    slot, seen = wire.read_picture(wire.picture_head(SLOT, frame), pixels.tobytes(), 4, 2)
    assert slot == SLOT
    told = (seen.width, seen.height, seen.pts, seen.arrived, seen.audio_pts, seen.source)
    assert told == (640, 480, 90, 1.5, 77, "screen")
    np.testing.assert_array_equal(seen.pixels.rgb(4, 2), pixels)
    np.testing.assert_array_equal(seen.pixels.luma(), pixels[..., 1])


HEAD = wire.audio_head(SLOT, windows(0, [0.5]), 0)


@pytest.mark.parametrize(
    "head", [b"", b"\xc1", HEAD[:-1], b"\x93\x01\x02\x03", b"\xdf" + b"\xff" * 9]
)
def test_heads_that_are_none_are_refused(head: bytes) -> None:
    with pytest.raises(BadRecord):
        wire.read_audio(head, b"")
    with pytest.raises(BadRecord):
        wire.read_picture(head, b"", 4, 2)
    with pytest.raises(BadRecord):
        wire.read_results(head)
    with pytest.raises(BadRecord):
        wire.read_order(Kind.ORDER + 3, head)


def test_media_that_is_none_is_refused() -> None:
    with pytest.raises(BadRecord, match="audio of 3 bytes"):
        wire.read_audio(HEAD, b"abc")
    frame = VideoFrame(Rainbow(), 4, 2, 0, 1.0)
    with pytest.raises(BadRecord, match="a picture of 25 bytes .* 4x2 RGB, 24 bytes"):
        wire.read_picture(wire.picture_head(SLOT, frame), b"x" * 25, 4, 2)
    frame = VideoFrame(Rainbow(), 4, 2, 0, math.nan)
    with pytest.raises(BadRecord, match="nan"):
        wire.read_picture(wire.picture_head(SLOT, frame), b"x" * 24, 4, 2)


@pytest.mark.parametrize("kind", [0, Kind.BEAT, 15, Kind.ORDER + 64, 2**32 - 1])
def test_kinds_that_are_none_are_refused(kind: int) -> None:
    with pytest.raises(BadRecord, match=f"no record of kind {kind}"):
        wire.read_order(kind, b"")


def test_the_engines_counts_come_out_as_they_were() -> None:
    told = EngineMetrics(ticks=3, rung=2, under_way=StepUnderWay("look", 1.5))
    told.count("hear", 4)
    told.late["audio"] += 2
    told.slowest_s["hear"] = 0.25
    assert wire.metrics(wire.encode(told)) == told


@pytest.mark.parametrize("told", [Hello("fused"), Welcome(8, 96, 96, 10.0), Goodbye("enough")])
def test_messages_come_out_as_they_were(told: wire.Message) -> None:
    assert wire.message(wire.encode(told)) == told


def test_a_message_that_is_none_is_refused() -> None:
    with pytest.raises(BadRecord, match="none of this version"):
        wire.message(b"GET / HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ConfigError", ConfigError),
        ("WeightsError", WeightsError),
        ("EngineDied", EngineDied),
        ("RuntimeError", EngineDied),
    ],
)
def test_an_error_over_there_is_the_same_here(name: str, kind: type[VisavisError]) -> None:
    error = Goodbye("no such file: install it", name).as_error()
    assert type(error) is kind and str(error) == "no such file: install it"
