"""What a conversation's place has to do next, from what waits in it."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
from models_fakes import picture, windows

from visavis.models.hearing import HearingGate, HearingSettings
from visavis.models.orders import Start
from visavis.models.overload import PICTURE_S, Rung
from visavis.models.place import (
    GROUP,
    HOLD_S,
    NOTE_S,
    REST,
    Begun,
    Place,
    Routed,
    Unlaid,
    held_s,
    jobs,
    wake_s,
)
from visavis.models.scheduler import FIRST_S, SHADOW_TOKENS, SPELL_S, Kind
from visavis.models.windows import Window, WindowCutter
from visavis.runtime.events import PictureSeen
from visavis.runtime.frames import WINDOW
from visavis.runtime.protocols import Slot

NOW = 10.0
SLOT = Slot(3, 1)


def place() -> Place:
    return Place(SLOT, WindowCutter(100), HearingGate(HearingSettings()))


def steps(of: Place, rung: Rung = Rung.NORMAL, now: float = NOW) -> list[tuple[str, Kind]]:
    found = list(jobs(of, now, rung))
    assert all(job.slot == SLOT.index for job in found)
    return [(job.step, job.kind) for job in found]


def window(end: int) -> Window:
    return Window(np.zeros(WINDOW, np.float32), end, NOW, NOW)


def test_an_empty_place_wants_nothing_and_never_wakes() -> None:
    assert steps(place()) == []
    assert wake_s(place(), NOW, Rung.NORMAL) is None


def test_audio_is_judged_and_what_is_speech_is_heard() -> None:
    one = place()
    one.cutter.add(windows(0, [0.9]), NOW)
    one.to_hear = deque([(window(WINDOW), NOW)])
    assert steps(one) == [("judge", Kind.AUDIO), ("hear", Kind.AUDIO)]


def test_what_is_owed_is_laid_words_before_pictures() -> None:
    one = place()
    one.owed = 12
    assert steps(one) == [("lay", Kind.VIDEO)]
    one.owes_words = True
    assert steps(one) == [("lay", Kind.AUDIO)]


def test_an_answer_begins_with_the_audio_it_is_based_on() -> None:
    one = place()
    one.cutter.add(windows(0, [0.9, 0.9]), NOW)
    one.start = Start(SLOT, 1, None, WINDOW + 1, NOW)
    assert one.has_tail and one.has_shadow and one.is_starting
    assert ("judge", Kind.SHADOW) in steps(one)
    one.cutter.take()
    one.cutter.take()
    one.to_hear.append((window(2 * WINDOW), NOW))
    assert not one.has_tail
    assert steps(one) == [("hear", Kind.SHADOW)]
    one.to_hear.clear()
    assert steps(one) == [("begin", Kind.SHADOW)]


def test_a_committed_one_begins_first_of_all() -> None:
    one = place()
    one.start = Start(SLOT, 1, "hello", None, NOW)
    one.is_commit_wanted = True
    (job,) = jobs(one, NOW, Rung.NORMAL)
    assert (job.step, job.kind, job.deadline) == ("begin", Kind.FIRST, NOW + FIRST_S)


def test_audio_behind_the_end_of_a_typed_question_does_not_hold_it_up() -> None:
    one = place()
    one.cutter.add(windows(0, [0.9]), NOW)
    one.start = Start(SLOT, 1, "hello", None, NOW)
    assert not one.has_tail
    assert steps(one) == [("begin", Kind.SHADOW), ("judge", Kind.AUDIO)]


def test_an_unheard_answer_is_decoded_a_little_and_under_pressure_not_at_all() -> None:
    one = place()
    one.answer = Begun(1, NOW, NOW, is_open=True)
    assert steps(one) == [("next", Kind.SHADOW)]
    assert steps(one, Rung.SHADOWS) == []
    one.answer.said = SHADOW_TOKENS
    assert steps(one) == []


def test_an_answer_far_ahead_of_its_listener_rests_and_wakes() -> None:
    one = place()
    one.answer = Begun(1, NOW, NOW, is_open=True, is_committed=True)
    assert steps(one) == [("next", Kind.FIRST)]
    one.answer.said, one.answer.first_token = 1, NOW
    assert steps(one) == [("next", Kind.DECODE)]
    one.answer.said = 10_000
    assert steps(one) == []
    wake = wake_s(one, NOW, Rung.NORMAL)
    assert wake is not None and wake > 0
    assert steps(one, now=NOW + wake) == [("next", Kind.DECODE)]


def test_pictures_wait_longer_the_higher_the_ladder() -> None:
    one = place()
    one.looked = NOW
    one.picture = (picture(1), NOW)
    assert steps(one) == [("look", Kind.VIDEO)]
    for rung in (Rung.VIDEO_RATE, Rung.VISUAL_TOKENS):
        assert steps(one, rung) == []
        assert held_s(one, NOW, rung) == wake_s(one, NOW, rung) == PICTURE_S[rung]
        assert steps(one, rung, NOW + PICTURE_S[rung]) == [("look", Kind.VIDEO)]
    one.is_look_due = True  # somebody began to speak
    assert steps(one, Rung.VISUAL_TOKENS) == [("look", Kind.VIDEO)]


def test_a_picture_is_held_back_from_an_answer_that_may_be_due_but_not_for_ever() -> None:
    one = place()
    one.picture = (picture(1), NOW)
    one.sound_until = NOW + 60
    assert steps(one) == []
    assert held_s(one, NOW, Rung.NORMAL) == pytest.approx(HOLD_S)
    assert steps(one, now=NOW + HOLD_S + 1e-6) == [("look", Kind.VIDEO)]


def test_what_was_spared_is_counted_once() -> None:
    routed = Routed(judged=10, encoded=4, cost_s=0.0021)
    routed.looked(is_new=True)
    routed.looked(is_new=False)
    routed.looked(is_new=False)
    assert routed.take() == {
        "silent_windows": 6,
        "heard_windows": 4,
        "new_pictures": 1,
        "unchanged_pictures": 2,
        "compute_us": 2100,
    }
    assert set(routed.take().values()) == {0}


def test_windows_encoded_again_do_not_make_silence_negative() -> None:
    assert Routed(judged=1, encoded=3).take()["silent_windows"] == 0


def test_what_the_deep_layers_lack_waits_for_a_group_while_the_person_speaks() -> None:
    one = place()
    one.gate.add(window(WINDOW), 0.9, False)
    assert one.gate.is_voiced
    one.unfilled = GROUP - 1
    assert steps(one) == []
    one.unfilled = GROUP
    assert steps(one) == [("fill", Kind.VIDEO)]
    one.unfilled = 1
    one.unlaid.append(Unlaid(PictureSeen(0, True), {}, "picture_latents_ready"))
    assert steps(one) == [("fill", Kind.VIDEO)], "a picture is told when all layers have it"
    one.unlaid.clear()
    one.gate.add(window(2 * WINDOW), 0.0, False)
    assert steps(one) == [("fill", Kind.VIDEO)], "the person fell silent"


def test_a_wanted_answer_takes_in_what_is_much_piece_by_piece() -> None:
    one = place()
    one.start = Start(SLOT, 1, "hello", None, NOW)
    one.owed, one.unfilled = REST + 1, REST + 1
    assert steps(one) == [("lay", Kind.SHADOW)]
    one.owed = REST
    assert steps(one) == [("fill", Kind.SHADOW)]
    one.unfilled = REST
    assert steps(one) == [("begin", Kind.SHADOW)]


def test_transcripts_and_notes_have_time() -> None:
    one = place()
    one.unspelled, one.unspelled_since = (WINDOW, {}), NOW
    one.wants_note = True
    found = {job.step: job.deadline for job in jobs(one, NOW, Rung.NORMAL)}
    assert found == {"spell": NOW + SPELL_S, "note": NOW + NOTE_S}
    assert [step for step, _ in steps(one, Rung.VIDEO_RATE)] == ["spell"]
    one.unfilled = 1
    assert [step for step, _ in steps(one)] == ["spell", "fill"], (
        "a picture is noted when it is seen"
    )


def test_a_word_to_be_drafted_takes_two_steps() -> None:
    one = place()
    one.answer = Begun(1, NOW, NOW, True, wants_draft=True)
    assert steps(one) == [("draft", Kind.SHADOW)]
    one.answer.wants_draft = False
    assert steps(one) == [("next", Kind.SHADOW)]
