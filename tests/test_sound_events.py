"""Where sounds begin and end."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.models.sound_events import LONGEST, OVER, Event, EventCutter
from visavis.models.sound_features import FRAME, HOP, Floats, block_powers
from visavis.models.sound_spotter import events_in

RATE = 16_000


def room(seconds: float, level: float = 1e-4, seed: int = 0) -> Floats:
    random = np.random.default_rng(seed)
    return (random.standard_normal(int(seconds * RATE)) * level).astype(np.float32)


def beep(seconds: float, level: float = 0.2, hz: float = 1000.0) -> Floats:
    times = np.arange(int(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * hz * times)).astype(np.float32)


def put(base: Floats, at_s: float, sound: Floats) -> Floats:
    start = int(at_s * RATE)
    made = base.copy()
    made[start : start + len(sound)] += sound
    return made


def test_a_beep_is_one_event_with_its_edges() -> None:
    (event,) = events_in(put(room(3.0), 1.0, beep(0.2)))
    assert event.start_pts == pytest.approx(1.0 * RATE, abs=2 * HOP)
    assert event.end_pts == pytest.approx(1.2 * RATE, abs=2 * HOP)
    assert event.level_db == pytest.approx(20 * np.log10(0.2 / 2**0.5), abs=0.5)


def test_silence_and_steady_noise_are_nothing() -> None:
    assert events_in(np.zeros(3 * RATE, np.float32)) == []
    assert events_in(room(5.0, 0.05)) == []


def test_beeps_in_a_row_are_as_many_events() -> None:
    audio = room(4.0)
    for at in range(5):
        audio = put(audio, 0.5 + 0.3 * at, beep(0.12))
    assert len(events_in(audio)) == 5


def test_a_click_in_the_fading_of_another_is_one_of_its_own() -> None:
    times = np.arange(RATE) / RATE
    ringing = room(1.0, 0.3, 1) * np.exp(-times / 0.08).astype(np.float32)
    audio = put(put(room(3.0), 1.0, ringing), 1.25, ringing)
    assert len(events_in(audio)) == 2


def test_it_is_said_soon_after_its_end() -> None:
    audio = put(room(2.0), 1.0, beep(0.2))
    cutter, held = EventCutter(), np.pad(audio, (FRAME - HOP, 0))
    powers = block_powers(audio[None])[0].tolist()
    for at in range(len(audio) // HOP):
        frame = held[at * HOP : at * HOP + FRAME]
        event = cutter.feed(frame, powers[at * 4 : at * 4 + 4], (at + 1) * HOP)
        if event is not None:
            late = (at + 1) * HOP - int(1.2 * RATE)
            assert 0 < late <= (OVER + 2) * HOP  # 80 ms
            return
    raise AssertionError("it was not said")


def test_while_it_is_not_said_it_is_settling() -> None:
    audio = put(room(2.0), 1.0, beep(0.2))
    cutter, held = EventCutter(), np.pad(audio, (FRAME - HOP, 0))
    powers = block_powers(audio[None])[0].tolist()
    settling: list[int] = []
    for at in range(len(audio) // HOP):
        frame = held[at * HOP : at * HOP + FRAME]
        if cutter.feed(frame, powers[at * 4 : at * 4 + 4], (at + 1) * HOP) is not None:
            break
        if cutter.is_settling:
            settling.append((at + 1) * HOP)
    assert len(settling) == OVER - 1 and settling[0] > 1.2 * RATE
    assert not cutter.is_settling


def test_what_goes_on_for_long_is_how_it_is_here() -> None:
    seconds = (LONGEST + 100) * HOP / RATE
    audio = put(room(seconds + 4.0), 1.0, beep(seconds))
    assert events_in(audio) == []
    later = put(audio, 1.0 + seconds - 1.0, beep(0.2, 0.9, 2000.0))
    assert len(events_in(later)) == 1  # and over it a louder one is heard


def test_a_sound_needs_to_stand_out() -> None:
    assert len(events_in(put(room(3.0, 0.02), 1.0, beep(0.2, 0.15)))) == 1
    assert events_in(put(room(3.0, 0.02), 1.0, beep(0.2, 0.02))) == []
    assert events_in(put(room(3.0, 1e-5), 1.0, beep(0.2, 0.0008))) == []


def test_a_new_conversation_knows_nothing_of_the_one_before() -> None:
    def feed(cutter: EventCutter, audio: Floats) -> list[Event]:
        held = np.pad(audio, (FRAME - HOP, 0))
        powers = block_powers(audio[None])[0].tolist()
        found = (
            cutter.feed(held[at * HOP : at * HOP + FRAME], powers[at * 4 : at * 4 + 4], at * HOP)
            for at in range(len(audio) // HOP)
        )
        return [event for event in found if event is not None]

    audio = put(room(2.0), 1.0, beep(0.2))
    used = EventCutter()
    feed(used, room(2.0, 0.3))
    used.reset()
    (one,), (other,) = feed(used, audio), feed(EventCutter(), audio)
    np.testing.assert_array_equal(one.summary, other.summary)
    assert (one.start_pts, one.end_pts) == (other.start_pts, other.end_pts)
