"""Pieces of a phrase: trimmed, joined and told apart by the words that begin in them."""

from __future__ import annotations

import numpy as np
import pytest

from visavis.models.voice.phrase_audio import (
    Pcm,
    PhraseAudio,
    Piece,
    as_spoken,
    pause_after_s,
)

RATE = 22050


def sound(samples: int, level: int = 8000) -> Pcm:
    return np.full(samples, level, np.int16)


def say(
    phrase: str, buffers: list[tuple[Pcm, list[tuple[int, int]]]], is_last: bool = False
) -> list[Piece]:
    audio = PhraseAudio(phrase, is_last, RATE, RATE)
    pieces = [piece for raw, starts in buffers for piece in audio.push(raw, starts)]
    return [*pieces, audio.finish()]


def whole(pieces: list[Piece]) -> Pcm:
    return np.concatenate([piece.pcm for piece in pieces])


def test_silence_around_the_voice_goes() -> None:
    raw = np.concatenate([sound(2000, 0), sound(1000), sound(3000, 0)])
    pcm = whole(say("hello", [(raw, [(0, 0)])]))
    assert abs(len(pcm) - (1000 + round(0.013 * RATE))) <= 2
    assert np.flatnonzero(np.abs(pcm) > 4000)[0] < 0.01 * RATE


def test_silence_inside_stays_even_across_buffers() -> None:
    buffers: list[tuple[Pcm, list[tuple[int, int]]]] = [
        (sound(1000), [(0, 0)]),
        (sound(1000, 0), []),
        (sound(1000, 0), []),
        (sound(1000), [(3000, 4)]),
    ]
    pieces = say("one two", buffers)
    assert abs(len(whole(pieces)) - 4000) <= 2
    assert [piece.words for piece in pieces] == ["one", "two", ""]


def test_a_piece_begins_with_its_words() -> None:
    pieces = say("one two three", [(sound(1200), [(0, 0), (500, 4), (800, 8)])])
    assert [piece.words for piece in pieces] == ["one", "two", "three", ""]
    assert abs(len(pieces[0].pcm) - 500) <= 32


def test_words_without_sound_go_with_their_neighbours() -> None:
    pieces = say("one - two …", [(sound(1000), [(0, 0), (500, 6)])])
    assert [piece.words for piece in pieces] == ["one", "- two", "…"]


def test_a_phrase_without_sound_is_still_told() -> None:
    assert [piece.words for piece in say("…", [])] == ["…"]


@pytest.mark.parametrize(
    ("phrase", "is_last", "spoken"),
    [
        ("I can see", False, "I can see,"),
        ("a red circle", True, "a red circle."),
        ("Yes.", False, "Yes."),
        ("", True, ""),
    ],
)
def test_the_melody_follows_the_place_in_the_answer(
    phrase: str, is_last: bool, spoken: str
) -> None:
    assert as_spoken(phrase, is_last) == spoken


def test_the_pause_follows_the_punctuation() -> None:
    pauses = [pause_after_s(phrase, False) for phrase in ("I can see", "Yes,", "Yes.", 'Yes."')]
    assert pauses == [0.0, 0.08, 0.18, 0.18]
    pcm = say("Yes.", [(sound(1000), [(0, 0)])])[-1].pcm
    assert not pcm[-round(0.18 * RATE) :].any()
