"""What is played of an answer, and how far that is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from runtime_fakes import Talk, acts, told

from visavis.runtime.audio_path import AudioPath
from visavis.runtime.effects import EndTurn
from visavis.runtime.events import PlaybackReported


def test_a_report_never_goes_back_or_past_the_end() -> None:
    talk = Talk()
    turn = talk.answering(" It is red.")
    for samples in (24_000, 9_600, 99_000):
        talk.played(turn, samples)
    assert talk.session.playback.played_samples(turn) == 48_000
    assert talk.played(turn + 1, 960) == []


def test_the_end_of_the_sound_ends_the_turn() -> None:
    talk = Talk()
    turn = talk.answering(" It is red.")
    assert acts(talk.played(turn, 48_000)) == []
    assert acts(talk.played(turn, 48_000, is_done=True)) == [EndTurn(turn, " It is red.")]


def test_inside_messages_the_client_says_how_far_it_came() -> None:
    talk = Talk(path=AudioPath.MESSAGES)
    turn = talk.answering(" It is red.")
    (added,) = [m for m in told(talk.effects) if m["type"] == "response.output_item.added"]
    item_id = str(cast("Mapping[str, object]", added["item"])["id"])  # as messages make it
    talk.give(PlaybackReported("another item", 900))
    assert talk.session.playback.played_samples(turn) == 0
    talk.give(PlaybackReported(item_id, 500))
    assert talk.session.playback.played_samples(turn) == 24_000
    talk.give(PlaybackReported(item_id, 9_000))
    assert talk.session.playback.played_samples(turn) == 48_000
