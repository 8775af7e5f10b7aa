"""Runs of letters: a stream gives what the whole file gives."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from visavis.models.compress import Floats, RunCompressor, runs_of
from visavis.models.spelling import BLANK

letters = st.lists(st.integers(0, 4), max_size=40)


def frames(path: list[int]) -> tuple[Floats, Floats]:
    """Posteriors [T, 5] whose best letters are `path`, and latents [T, 2]."""
    rng = np.random.default_rng(len(path))
    chances = rng.uniform(0, 0.1, (len(path), 5)).astype(np.float32)
    chances[np.arange(len(path)), path] = rng.uniform(0.5, 1, len(path))
    return chances, rng.normal(0, 1, (len(path), 2)).astype(np.float32)


def merged(path: list[int]) -> list[tuple[int, slice]]:
    """CTC's reading of a path: each letter with the frames it lies in."""
    runs: list[tuple[int, slice]] = []
    start = 0
    for at in range(1, len(path) + 1):
        if at == len(path) or path[at] != path[start]:
            if path[start] != BLANK:
                runs.append((path[start], slice(start, at)))
            start = at
    return runs


@given(letters)
def test_each_run_is_the_mean_of_its_frames(path: list[int]) -> None:
    chances, latents = frames(path)
    found, hidden = runs_of(chances, latents)
    runs = merged(path)
    assert [int(row.argmax()) for row in found] == [letter for letter, _ in runs]
    assert found.dtype == hidden.dtype == np.float32
    for row, latent, (_, part) in zip(found, hidden, runs, strict=True):
        np.testing.assert_allclose(row, chances[part].mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(latent, latents[part].mean(axis=0), rtol=1e-4, atol=1e-6)


@given(letters)
def test_a_stream_gives_what_the_whole_gives(path: list[int]) -> None:
    chances, latents = frames(path)
    stream = RunCompressor()
    closed = [stream.feed(c, h) for c, h in zip(chances, latents, strict=True)]
    before = stream.peek()
    runs = [run for run in (*closed, stream.flush()) if run is not None]
    whole = list(zip(*runs_of(chances, latents), strict=True))
    np.testing.assert_equal(runs, whole)
    if before is not None:
        np.testing.assert_equal(before, whole[-1])
    assert stream.peek() is None and stream.flush() is None


@given(letters, letters)
def test_a_new_utterance_knows_nothing_of_the_last(first: list[int], second: list[int]) -> None:
    stream = RunCompressor()
    for c, h in zip(*frames(first), strict=True):
        stream.feed(c, h)
    stream.reset()
    chances, latents = frames(second)
    closed = [stream.feed(c, h) for c, h in zip(chances, latents, strict=True)]
    runs = [run for run in (*closed, stream.flush()) if run is not None]
    np.testing.assert_equal(runs, list(zip(*runs_of(chances, latents), strict=True)))


def test_the_frames_given_are_not_changed() -> None:
    chances, latents = frames([1, 1, 1, 2])
    kept = chances.copy()
    runs_of(chances, latents)
    np.testing.assert_array_equal(chances, kept)
