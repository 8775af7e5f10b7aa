"""Frames between the voice and its worker."""

from __future__ import annotations

import pytest

from visavis.models.voice.wire import HEADER, MAX_BODY, Kind, pack, pack_audio, unpack, unpack_audio


def test_a_frame_comes_out_as_it_went_in() -> None:
    frame = pack(Kind.AUDIO, 7, b"body")
    assert unpack(frame[: HEADER.size]) == (4, Kind.AUDIO, 7)
    assert frame[HEADER.size :] == b"body"


def test_audio_carries_its_words() -> None:
    assert unpack_audio(pack_audio("schöne Wörter", b"\1\0")) == ("schöne Wörter", b"\1\0")


@pytest.mark.parametrize("size", [3, MAX_BODY + 6])
def test_a_damaged_length_is_noticed(size: int) -> None:
    with pytest.raises(ValueError, match="damaged"):
        unpack(HEADER.pack(size, Kind.DONE, 1))


def test_an_unknown_kind_is_noticed() -> None:
    with pytest.raises(ValueError):
        unpack(HEADER.pack(5, 99, 1))
