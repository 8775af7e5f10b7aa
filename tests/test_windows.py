"""Audio of any length becomes windows whose pts are right whatever is missing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.models.windows import WindowCutter
from visavis.runtime.frames import WINDOW, AudioChunk


def chunk(pts: int, samples: int, arrived: float = 0.0) -> AudioChunk:
    """Each sample is its own pts."""
    return AudioChunk(np.arange(pts, pts + samples).astype(np.int16), pts, arrived)


def taken(cutter: WindowCutter) -> list[tuple[int, int]]:
    """(first sample, end) of every window that waits."""
    windows = [cutter.take() for _ in range(len(cutter))]
    return [(round(float(w.samples[0]) * 32768), w.end) for w in windows]


@given(st.lists(st.integers(1, 2000), max_size=20))
def test_windows_do_not_depend_on_how_the_audio_came(sizes: list[int]) -> None:
    cutter = WindowCutter(1000)
    pts = 0
    for size in sizes:
        cutter.add(chunk(pts, size), 0.0)
        pts += size
    assert taken(cutter) == [(n * WINDOW, (n + 1) * WINDOW) for n in range(pts // WINDOW)]


def test_a_window_carries_the_times_of_the_audio_that_completed_it() -> None:
    cutter = WindowCutter(10)
    cutter.add(chunk(0, 320, arrived=1.0), 1.5)
    cutter.add(chunk(320, 320, arrived=2.0), 2.5)
    window = cutter.take()
    assert (window.arrived, window.dequeued, window.end) == (2.0, 2.5, WINDOW)


def test_when_full_the_oldest_goes_and_time_goes_on() -> None:
    cutter = WindowCutter(2)
    cutter.add(chunk(0, 5 * WINDOW), 0.0)
    assert cutter.dropped == 3
    assert [end for _, end in taken(cutter)] == [4 * WINDOW, 5 * WINDOW]


def test_a_long_gap_is_skipped_and_what_was_begun_is_kept() -> None:
    cutter = WindowCutter(10)
    cutter.add(chunk(0, 100), 0.0)
    cutter.add(chunk(10_000, WINDOW), 0.0)
    assert taken(cutter) == [(0, WINDOW), (10_000, 10_000 + WINDOW)]


def test_a_short_gap_is_silence_inside_the_window() -> None:
    cutter = WindowCutter(10)
    cutter.add(chunk(0, 200), 0.0)
    cutter.add(chunk(300, 212), 0.0)
    window = cutter.take()
    assert window.end == WINDOW
    assert not window.samples[200:300].any()
    assert round(float(window.samples[300]) * 32768) == 300


def test_a_gap_between_windows_moves_the_next_one() -> None:
    cutter = WindowCutter(10)
    cutter.add(chunk(0, WINDOW), 0.0)
    cutter.add(chunk(700, WINDOW), 0.0)
    assert [end for _, end in taken(cutter)] == [WINDOW, 700 + WINDOW]


def test_audio_that_was_there_before_is_left_out() -> None:
    cutter = WindowCutter(10)
    cutter.add(chunk(0, 400), 0.0)
    cutter.add(chunk(200, 312), 0.0)
    cutter.add(chunk(0, 100), 0.0)
    assert taken(cutter) == [(0, WINDOW)]


def test_a_session_may_begin_anywhere() -> None:
    cutter = WindowCutter(10)
    cutter.add(chunk(5000, WINDOW), 0.0)
    assert [end for _, end in taken(cutter)] == [5000 + WINDOW]


def test_an_empty_box_has_nothing_to_take() -> None:
    with pytest.raises(IndexError):
        WindowCutter(1).take()
