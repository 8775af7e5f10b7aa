"""The spotter: what streams is what a whole file gives, slots do not mix, and what it makes of sounds
and of what is none. How often it is right is measured by `visavis eval`; here it is held to less."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from embedded_fakes import write_tensors

from visavis.models.sound_events import Event
from visavis.models.sound_features import NAMES, Floats
from visavis.models.sound_spotter import (
    CLASSES,
    SHIPPED,
    SoundNamer,
    SoundNetwork,
    SoundSpotter,
    events_in,
    sounds_in,
)
from visavis.models.training import make_sounds, speech
from visavis.models.training.codec import telephone_round_trip
from visavis.models.training.make_sounds import Clip, Line
from visavis.runtime.errors import WeightsError
from visavis.runtime.frames import WINDOW
from visavis.runtime.sounds import Loudness, Sound, SoundKind

RATE = 16_000


@cache
def network() -> SoundNetwork:
    return SoundNetwork.load()


def clip(kind: SoundKind, seed: int, count: int = 3, line: Line | None = None) -> Clip:
    random = np.random.default_rng([seed, 4])
    return make_sounds.in_a_row(random, kind, count, line or Line(snr_db=20.0))


def streamed(spotter: SoundSpotter, audio: Floats, slot: int = 0) -> list[Sound]:
    found: list[Sound] = []
    for end in range(WINDOW, len(audio) + 1, WINDOW):
        found += spotter.judge([slot], audio[None, end - WINDOW : end], [end])[0]
    return found


@pytest.mark.parametrize("kind", SoundKind)
def test_windows_one_by_one_find_what_a_whole_file_gives(kind: SoundKind) -> None:
    audio = clip(kind, 1, line=Line(snr_db=10.0, room_s=0.3)).pcm
    whole = sounds_in(audio, network())
    assert whole == streamed(SoundSpotter(1, network()), audio)


def test_events_of_a_stream_have_the_whole_files_summaries() -> None:
    audio = clip(SoundKind.WHISTLE, 2).pcm
    spotter, found = SoundSpotter(1, network()), list[Event]()
    for end in range(WINDOW, len(audio) + 1, WINDOW):
        found += spotter.events([0], audio[None, end - WINDOW : end], [end])[0]
    whole = events_in(audio)
    assert [(e.start_pts, e.end_pts) for e in found] == [(e.start_pts, e.end_pts) for e in whole]
    for one, other in zip(found, whole, strict=True):
        np.testing.assert_allclose(one.summary, other.summary, rtol=1e-5, atol=1e-5)


def test_a_batch_finds_what_each_alone_finds() -> None:
    clips = [clip(kind, 3).pcm for kind in SoundKind]
    length = min(len(audio) for audio in clips) // WINDOW * WINDOW
    together = SoundSpotter(4, network())
    found: list[list[Sound]] = [[] for _ in clips]
    for end in range(WINDOW, length + 1, WINDOW):
        batch = np.stack([audio[end - WINDOW : end] for audio in clips])
        for slot, some in enumerate(together.judge(range(4), batch, [end] * 4)):
            found[slot] += some
    alone = [streamed(SoundSpotter(1, network()), audio[:length]) for audio in clips]
    assert found == alone and all(found)


def test_a_slot_that_is_reset_is_as_fresh() -> None:
    audio = clip(SoundKind.BEEP, 5).pcm
    used = SoundSpotter(2, network())
    streamed(used, clip(SoundKind.HUM, 5).pcm[: 3 * RATE], slot=1)
    used.reset(1)
    assert streamed(used, audio, slot=1) == streamed(SoundSpotter(1, network()), audio)


def test_windows_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(1, 400\) for 1 slots"):
        SoundSpotter(1, network()).judge([0], np.zeros((1, 400), np.float32), [400])


def right(clips: list[Clip]) -> float:
    """The share of sounds that were named as what they are."""
    hits = total = 0
    for one in clips:
        named = sounds_in(one.pcm, network())
        for sound in one.sounds:
            total += 1
            hits += any(
                found.kind is sound.kind
                and found.start_pts < sound.end_pts
                and sound.start_pts < found.end_pts
                for found in named
            )
    return hits / total


@pytest.mark.parametrize("kind", SoundKind)
@pytest.mark.parametrize(
    "line",
    [
        Line(snr_db=30.0),
        Line(snr_db=12.0, room_s=0.3),
        Line(snr_db=20.0, telephone=True),
    ],
    ids=["near", "room", "telephone"],
)
def test_sounds_are_noticed(kind: SoundKind, line: Line) -> None:
    assert right([clip(kind, 10 + seed, 3, line) for seed in range(5)]) >= 0.7


@pytest.mark.parametrize("kind", SoundKind)
def test_level_and_pitch_are_told(kind: SoundKind) -> None:
    oks: list[bool] = []
    for seed in range(5):
        one = clip(kind, 30 + seed, 2)
        for sound in one.sounds:
            for found in sounds_in(one.pcm, network()):
                if found.kind is kind and abs(found.start_pts - sound.start_pts) < 800:
                    oks.append((found.level, found.pitch) == (sound.level, sound.pitch))
    assert len(oks) >= 5 and sum(oks) >= 0.8 * len(oks)


TALK = (
    "how many green squares are there",
    "what colour was it when you heard the beep",
    "hello, no thank you, mm, so who is on the moon",
)


@pytest.mark.parametrize("line", ["near", "telephone"])
def test_speech_is_none_of_them(line: str) -> None:
    """Our own voice is one of these: its echo is speech."""
    spoken = [speech.espeak(text, voice) for text in TALK for voice in ("en-us", "en-us+f3", "en")]
    spoken += [speech.flite(text, voice) for text in TALK for voice in ("slt", "awb", "rms")]
    spoken += speech.festival([speech.FestivalLine(t, speech.FESTIVAL_VOICES[0]) for t in TALK])
    named: list[Sound] = []
    for pcm in spoken:
        audio = np.pad(pcm * np.float32(0.5), RATE // 2)
        named += sounds_in(telephone_round_trip(audio) if line == "telephone" else audio, network())
    assert len(named) <= 2


@pytest.mark.parametrize("kind", ["keys", "music", "clicks", "knocks", "bursts", "swells", "glide"])
def test_what_is_none_of_them_is_left_alone(kind: str) -> None:
    random = np.random.default_rng(3)
    named: list[Sound] = []
    for _ in range(3):
        named += sounds_in(
            make_sounds.distracted(random, kind, 5.0, Line(snr_db=25)).pcm, network()
        )
    assert len(named) <= 2


@pytest.mark.parametrize("kind", make_sounds.STEADY)
def test_steady_noise_is_nothing(kind: str) -> None:
    random = np.random.default_rng(4)
    quiet = np.zeros(6 * RATE, np.float32)
    for around in (0.003, 0.03, 0.2):
        pcm = make_sounds.through(random, quiet, Line(snr_db=0.0, noises=(kind,)), around)
        assert sounds_in(pcm, network()) == []


def event(kind_at: int, start_s: float, length_s: float, level_db: float, pitch: float) -> Event:
    """One that a network which looks at the first number alone names by its place in CLASSES."""
    summary = np.zeros(len(NAMES), np.float32)
    summary[0] = kind_at
    start = int(start_s * RATE)
    return Event(start, start + int(length_s * RATE), level_db, pitch, pitch, 0.5, summary)


class ByFirst(SoundNetwork):
    """Names by the first number of a summary."""

    def __init__(self) -> None:
        pass

    def name(self, summary: Floats) -> SoundKind | None:
        at = int(summary[0])
        return None if at == 0 else SoundKind(CLASSES[at])


BEEP, CLAP, WHISTLE, HUM = 1, 2, 3, 4


@pytest.mark.parametrize(
    ("first", "second", "is_two"),
    [
        (event(BEEP, 0, 0.1, -10, 40), event(BEEP, 0.2, 0.1, -25, 40), False),  # a room's echo
        (event(BEEP, 0, 0.1, -10, 40), event(BEEP, 0.2, 0.1, -11, 40), True),
        (event(BEEP, 0, 0.1, -10, 40), event(BEEP, 0.2, 0.1, -25, 50), True),
        (event(CLAP, 0, 0.03, -10, 40), event(CLAP, 0.15, 0.03, -22, 55), False),
        (event(CLAP, 0, 0.03, -10, 40), event(CLAP, 0.15, 0.03, -12, 55), True),
        (event(WHISTLE, 0, 0.3, -10, 40), event(WHISTLE, 0.36, 0.3, -10, 42), False),  # it wavers
        (event(WHISTLE, 0, 0.3, -10, 40), event(BEEP, 0.36, 0.1, -10, 41), False),
        (event(WHISTLE, 0, 0.3, -10, 40), event(WHISTLE, 0.6, 0.3, -10, 40), True),
        (event(HUM, 0, 0.4, -10, 12), event(HUM, 0.45, 0.4, -10, 13), False),
        (event(HUM, 0, 0.4, -10, 12), event(BEEP, 0.45, 0.1, -10, 12), True),
    ],
)
def test_one_sound_is_not_told_twice(first: Event, second: Event, is_two: bool) -> None:
    namer = SoundNamer(ByFirst())
    assert namer.name(first) is not None
    assert (namer.name(second) is not None) is is_two
    namer.reset()
    assert namer.name(second) is not None


def test_loud_and_soft_are_told_by_the_loudest_part() -> None:
    namer = SoundNamer(ByFirst())
    loud, soft = (
        namer.name(event(CLAP, 0, 0.02, -20, 40)),
        namer.name(event(CLAP, 1, 0.02, -40, 40)),
    )
    assert loud is not None and soft is not None
    assert (loud.level, soft.level) == (Loudness.LOUD, Loudness.SOFT)
    assert loud.pitch is None


def test_weights_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="can't be read"):
        SoundNetwork.load(tmp_path / "none.safetensors")
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(SHIPPED.read_bytes()[:100])
    with pytest.raises(WeightsError, match="can't be read"):
        SoundNetwork.load(damaged)
    other = tmp_path / "other.safetensors"
    write_tensors(other, {"mean": np.zeros(3, np.float32)})
    with pytest.raises(WeightsError, match=r"mean is \(3,\) and must be"):
        SoundNetwork.load(other)
