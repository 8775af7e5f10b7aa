"""Frames between the transcriber and its worker."""

from __future__ import annotations

import pytest

from visavis.models.transcribers.wire import (
    HEADER,
    MAX_BODY,
    Kind,
    pack,
    pack_pts,
    unpack,
    unpack_pts,
)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_frame_comes_out_as_it_went_in(kind: Kind) -> None:
    frame = pack(kind, 7, b"body")
    assert unpack(frame[: HEADER.size]) == (4, kind, 7)
    assert frame[HEADER.size :] == b"body"


@pytest.mark.parametrize("pts", [0, 1, 2**40, -1])
def test_times_may_be_long(pts: int) -> None:
    assert unpack_pts(pack_pts(pts)) == pts


def test_damage_is_noticed() -> None:
    with pytest.raises(ValueError, match="damaged"):
        unpack(HEADER.pack(MAX_BODY + 6, Kind.AUDIO, 1))
    with pytest.raises(ValueError, match="200 is not"):
        unpack(HEADER.pack(5, 200, 1))
    with pytest.raises(ValueError, match="at most"):
        pack(Kind.AUDIO, 1, bytes(MAX_BODY + 1))
