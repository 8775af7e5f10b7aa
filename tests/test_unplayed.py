"""Audio that waits can be had again from any sample on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.runtime.events import VoiceReady
from visavis.runtime.frames import SPEAKING_RATE
from visavis.runtime.unplayed import MAX_S, Unplayed


@given(
    lengths=st.lists(st.integers(0, 50), min_size=1, max_size=8),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_what_follows_is_there_once(lengths: list[int], shares: tuple[float, float]) -> None:
    whole = np.arange(sum(lengths), dtype=np.int16)
    unplayed, at = Unplayed(), 0
    for index, length in enumerate(lengths):
        is_last = index == len(lengths) - 1
        unplayed.add(VoiceReady(1, whole[at : at + length], f"word{index}", is_last))
        at += length
    played, wanted = sorted(round(share * len(whole)) for share in shares)
    unplayed.played(played)
    rest = unplayed.after(wanted)
    assert [int(x) for one in rest for x in one.pcm] == list(range(wanted, len(whole)))
    if wanted < len(whole):
        assert rest[-1].is_last


def test_a_piece_that_has_begun_has_told_its_words() -> None:
    unplayed = Unplayed()
    unplayed.add(VoiceReady(1, np.zeros(10, np.int16), "one", False))
    unplayed.add(VoiceReady(1, np.zeros(10, np.int16), "two", True))
    assert [one.text for one in unplayed.after(4)] == ["", "two"]
    unplayed.played(10)
    with pytest.raises(ValueError, match="from 4 on are wanted and kept from 10 on"):
        unplayed.after(4)


def test_no_more_is_kept_than_a_line_takes() -> None:
    unplayed = Unplayed()
    second = np.zeros(SPEAKING_RATE, np.int16)
    for _ in range(MAX_S):
        unplayed.add(VoiceReady(1, second, "", False))
    assert unplayed.is_whole
    unplayed.add(VoiceReady(1, second, "", False))
    assert not unplayed.is_whole
    unplayed.played(MAX_S * SPEAKING_RATE)
