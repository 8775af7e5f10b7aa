"""Turn-taking as tables: what a person does, what the session wants done."""

from __future__ import annotations

import numpy as np
import pytest
from runtime_fakes import Talk, acts, heard_at_once, told, turn_detection, turn_settings, types

from visavis.runtime.effects import (
    CancelTurn,
    CommitTurn,
    Emit,
    EndSession,
    EndTurn,
    FlushPlayout,
    ForgetUtterance,
    HoldPlayout,
    Play,
    RetractShadow,
    SetCamera,
    Speak,
    StartShadow,
)
from visavis.runtime.events import (
    AnswerRequested,
    AudioCleared,
    AudioCommitted,
    CameraChanged,
    CancelRequested,
    Event,
    Head,
    ItemCreated,
    ItemDeleted,
    ItemRequested,
    ItemTruncated,
    PeerGone,
    PictureSeen,
    StageFailed,
    TextTyped,
    TokensReady,
    TranscriptChanged,
    VoiceActivity,
    VoiceReady,
)
from visavis.runtime.ledger import LatencyTotals
from visavis.runtime.session import Session
from visavis.runtime.settings import SessionSettings


def test_speech_is_told_at_its_onset_with_its_first_sample() -> None:
    talk = Talk()
    talk.pause(10)
    assert talk.speech(1) == []
    assert told(talk.speech(1)) == [
        {
            "type": "input_audio_buffer.speech_started",
            "item_id": "item_test_1",
            "audio_start_ms": 320,
        },
        {"type": "visavis.state", "state": "hearing"},
    ]


def test_a_shadow_starts_at_the_probe_silence_and_is_committed_at_the_eager_one() -> None:
    talk = Talk()
    talk.speech(10)
    assert talk.pause(2) == []
    assert talk.pause(1) == [StartShadow(1, tail_pts=10 * 512)]
    assert talk.session.state == "deciding"
    assert talk.head(1) == []
    assert talk.words(1, " It is red.") == [Speak(1, "It is red.", True)]
    assert talk.voice(1, "It is red.") == []
    assert talk.pause(2) == []
    assert acts(talk.pause(1))[0] == CommitTurn(1)
    assert talk.session.state == "answering"


def test_the_messages_of_a_spoken_turn_come_in_protocol_order() -> None:
    talk = Talk()
    turn = talk.answering()
    talk.played(turn, 48_000, is_done=True)
    assert types(talk.effects) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "output_audio_buffer.started",
        "response.output_audio_transcript.delta",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
        "output_audio_buffer.stopped",
    ]
    done = next(m for m in told(talk.effects) if m["type"] == "response.done")["response"]
    assert isinstance(done, dict)
    assert (done["status"], done["status_details"]) == ("completed", None)
    assert acts(talk.effects)[-1] == EndTurn(turn, " It is red.")


def test_an_answer_that_comes_after_the_commit_streams_out() -> None:
    talk = Talk()
    talk.speech()
    talk.pause(3)
    talk.head(1)
    committed = talk.pause(3)
    assert acts(committed) == [CommitTurn(1)]
    assert told(committed)[-1] == {"type": "visavis.state", "state": "thinking"}
    first = talk.words(1, " I can see, on the left, a", is_last=False)
    assert acts(first) == [Speak(1, "I can see,", False), Speak(1, "on the left,", False)]
    assert types(first) == ["response.output_audio_transcript.delta"]
    voiced = talk.voice(1, "I can see,", is_last=False)
    assert isinstance(voiced[0], Play)
    assert types(voiced) == ["output_audio_buffer.started"]
    assert acts(talk.words(1, " cat.")) == [Speak(1, "a cat.", True)]
    talk.voice(1, "on the left,", is_last=False)
    assert types(talk.voice(1, "a cat."))[-1] == "response.done"


def test_only_the_first_phrase_of_a_shadow_is_voiced() -> None:
    talk = Talk()
    talk.speech()
    talk.pause(3)
    talk.head(1)
    assert talk.words(1, " One. Two. Three.") == [Speak(1, "One.", False)]
    assert acts(talk.pause(3)) == [
        CommitTurn(1),
        Speak(1, "Two.", False),
        Speak(1, "Three.", True),
    ]


def test_the_commit_waits_for_a_late_head() -> None:
    talk = Talk()
    talk.speech()
    talk.pause(3)
    assert talk.pause(4) == []
    assert acts(talk.head(1)) == [CommitTurn(1)]
    talk.words(1, "")
    report = next(m for m in told(talk.effects) if m["type"] == "visavis.ledger")
    ms = report["ms"]
    assert isinstance(ms, dict)
    assert ms["head_wait"] == pytest.approx(32)


def test_speech_before_the_commit_retracts_the_shadow_and_goes_on_with_the_utterance() -> None:
    talk = Talk()
    talk.speech()
    talk.pause(3)
    talk.head(1)
    talk.words(1, " It")
    assert talk.speech(1) == [RetractShadow(1)]
    assert talk.words(1, " is late.") == []
    assert talk.voice(1, "late") == []
    assert talk.pause(3) == [StartShadow(2, tail_pts=talk.pts - 3 * 512)]
    assert types(talk.effects).count("input_audio_buffer.speech_started") == 1
    assert types(talk.effects).count("input_audio_buffer.speech_stopped") == 0


def test_late_words_start_the_shadow_again_but_not_for_ever() -> None:
    talk = Talk(turn=turn_settings(max_restarts=2))
    talk.speech()
    talk.text("what")
    talk.pause(3)
    assert acts(talk.text("what colour")) == []  # not judged yet: it will count
    talk.head(1)
    assert talk.text("what colour") == []
    assert acts(talk.text("what colour is")) == [
        RetractShadow(1),
        StartShadow(2, tail_pts=10 * 512),
    ]
    talk.head(2)
    assert acts(talk.text("what colour is this")) == [
        RetractShadow(2),
        StartShadow(3, tail_pts=10 * 512),
    ]
    talk.words(3, " Red.")
    assert acts(talk.head(3)) == []
    assert acts(talk.text("what colour is this thing")) == []
    assert acts(talk.pause(3))[0] == CommitTurn(3)


def test_an_unfinished_sentence_is_waited_for_and_then_tried_once_more() -> None:
    talk = Talk()
    talk.speech()
    talk.text("what colour")
    talk.pause(3)
    assert talk.head(1, Head.WAIT) == []
    assert talk.pause(25) == []  # 896 ms
    assert talk.pause(1) == [RetractShadow(1), StartShadow(2, tail_pts=10 * 512)]
    assert acts(talk.head(2, Head.WAIT)) == [CommitTurn(2)]
    assert acts(talk.words(2, " Yes?")) == [Speak(2, "Yes?", True)]


def test_a_sentence_that_goes_on_within_the_patience_is_one_utterance() -> None:
    talk = Talk()
    talk.speech()
    talk.pause(3)
    talk.head(1, Head.WAIT)
    talk.pause(20)
    assert talk.speech(5) == [RetractShadow(1)]
    talk.pause(3)
    talk.head(2)
    assert acts(talk.pause(3)) == [CommitTurn(2)]


def test_an_answer_that_is_not_sure_of_the_question_waits_longer() -> None:
    talk = Talk()
    talk.speech()
    talk.pause(3)
    talk.head(1, confidence=0.8)
    assert acts(talk.pause(16)) == []
    assert acts(talk.pause(1)) == [CommitTurn(1)]


def test_the_rest_of_a_question_after_an_unsure_beginning_is_one_question() -> None:
    for head in (Head.ANSWER, Head.SILENT):
        talk = Talk()
        talk.speech()
        talk.pause(3)
        talk.head(1, head, confidence=0.8)
        talk.pause(12)
        assert acts(talk.speech(5)) == [RetractShadow(1)]
        talk.pause(3)
        talk.head(2)
        assert acts(talk.pause(3)) == [CommitTurn(2)]


def test_noise_is_forgotten_without_an_answer() -> None:
    talk = Talk()
    talk.speech(3)
    talk.pause(3)
    assert talk.head(1, Head.SILENT) == []
    assert talk.pause(25) == []
    ignored = talk.pause(1)
    assert acts(ignored) == [RetractShadow(1), ForgetUtterance()]
    assert "response.created" not in types(talk.effects)
    assert talk.session.state == "listening"


def test_sound_that_never_became_speech_is_forgotten_after_a_while() -> None:
    talk = Talk()
    talk.hear(0.4, 3)
    talk.text("mm")
    assert talk.pause(78) == []
    assert talk.pause(2) == [ForgetUtterance()]
    assert talk.pause(200) == []


def test_an_answer_without_words_ends_cleanly() -> None:
    talk = Talk()
    talk.speech()
    talk.pause(3)
    talk.head(1)
    talk.pause(3)
    ended = talk.words(1, "")
    assert acts(ended) == [EndTurn(1, "")]
    assert types(ended)[-1] == "response.done"
    assert talk.session.state == "listening"


def test_speech_cuts_the_answer_off_in_the_same_call() -> None:
    talk = Talk(turn=heard_at_once())
    turn = talk.answering(" It is red.")
    talk.played(turn, 24_000)
    assert talk.speech(1) == []
    cut = talk.speech(1)
    assert cut[:2] == [CancelTurn(turn, " It"), FlushPlayout(turn)]
    assert types(cut) == [
        "output_audio_buffer.cleared",
        "conversation.item.truncated",
        "input_audio_buffer.speech_started",
    ]
    assert talk.session.state == "hearing"
    assert talk.played(turn, 31_000) == []
    assert talk.voice(turn, "late") == []


def test_an_answer_cut_before_it_is_complete_is_cancelled_once() -> None:
    talk = Talk()
    talk.speech()
    talk.pause(3)
    talk.head(1)
    talk.pause(3)
    talk.words(1, " I can see a cat and", is_last=False)
    talk.voice(1, "I can see a cat", is_last=False)
    talk.played(1, 48_000)
    cut = talk.speech(3) + talk.text("what colour")
    assert acts(cut)[:2] == [HoldPlayout(1), CancelTurn(1, " I can see a")]
    done = [m for m in told(cut) if m["type"] == "response.done"]
    assert len(done) == 1
    response = done[0]["response"]
    assert isinstance(response, dict)
    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    talk.give(ItemRequested("item_test_3"))
    item = told(talk.effects)[-1]["item"]
    assert isinstance(item, dict)
    assert item["content"] == [{"type": "output_audio", "transcript": "I can see a"}]


def test_a_cough_does_not_cut() -> None:
    talk = Talk(turn=turn_settings(barge_in_ms=96))
    turn = talk.answering()
    talk.played(turn, 4_800)
    assert talk.speech(2) == []
    assert talk.pause(3) == [ForgetUtterance()]
    assert talk.session.state == "answering"
    assert acts(talk.played(turn, 48_000, is_done=True)) == [EndTurn(turn, " It is red.")]


def test_our_own_voice_needs_a_higher_probability_to_be_speech() -> None:
    talk = Talk()
    turn = talk.answering()
    talk.played(turn, 4_800)
    assert talk.hear(0.6, 20) == []
    done = talk.played(turn, 48_000, is_done=True)
    assert acts(done) == [EndTurn(turn, " It is red."), ForgetUtterance()]
    talk.hear(0.6, 3)
    assert talk.session.state == "listening"  # its echo is still in the room
    talk.pause(5)
    talk.hear(0.6, 2)
    assert talk.session.state == "hearing"


def test_speech_that_begins_over_the_end_of_an_answer_is_an_utterance() -> None:
    talk = Talk(turn=turn_settings(barge_in_ms=96))
    turn = talk.answering()
    talk.speech(2)
    talk.played(turn, 48_000, is_done=True)
    assert types(talk.speech(1)) == ["input_audio_buffer.speech_started"]


def test_a_typed_question_is_a_whole_turn() -> None:
    talk = Talk()
    effects = talk.give(TextTyped("how many?", "item_mine"))
    assert acts(effects) == [StartShadow(1, "how many?"), CommitTurn(1)]
    assert types(effects) == [
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
    ]
    assert acts(talk.words(1, " Three.")) == [Speak(1, "Three.", True)]


def test_a_typed_question_cuts_an_answer_and_what_is_being_said() -> None:
    talk = Talk()
    turn = talk.answering()
    typed = acts(talk.give(TextTyped("and now?", "i2")))
    assert typed == [
        CancelTurn(turn, ""),
        FlushPlayout(turn),
        StartShadow(turn + 1, "and now?"),
        CommitTurn(turn + 1),
    ]
    talk = Talk()
    talk.speech()
    talk.pause(3)
    assert acts(talk.give(TextTyped("and now?", "i2"))) == [
        RetractShadow(1),
        ForgetUtterance(),
        StartShadow(2, "and now?"),
        CommitTurn(2),
    ]


@pytest.mark.parametrize("head", list(Head))
def test_a_typed_text_is_answered_whatever_the_model_makes_of_it(head: Head) -> None:
    talk = Talk()
    talk.give(TextTyped("…", "i"))
    assert talk.head(1, head) == []
    assert acts(talk.words(1, "")) == [EndTurn(1, "")]


def test_items_are_created_first_and_answered_on_request() -> None:
    talk = Talk()
    assert types(talk.give(ItemCreated("what is it", "mine"))) == [
        "conversation.item.added",
        "conversation.item.done",
    ]
    asked = talk.give(AnswerRequested({"client_event_id": "e1"}))
    assert acts(asked) == [StartShadow(1, "what is it"), CommitTurn(1)]
    created = next(m for m in told(asked) if m["type"] == "response.created")["response"]
    assert isinstance(created, dict)
    assert created["metadata"] == {"client_event_id": "e1"}


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (CancelRequested("e9"), "response_cancel_not_active"),
        (AudioCommitted("e9"), "input_audio_buffer_commit_empty"),
        (AnswerRequested(event_id="e9"), "nothing_to_answer"),
        (ItemRequested("nope", "e9"), "item_retrieve_invalid_item_id"),
        (ItemDeleted("nope", "e9"), "item_delete_invalid_item_id"),
        (ItemTruncated("nope", 1, "e9"), "item_truncate_invalid_item_id"),
    ],
)
def test_a_request_that_makes_no_sense_is_answered_with_its_error(event: Event, code: str) -> None:
    effects = Talk().give(event)
    assert len(effects) == 1
    error = told(effects)[0]["error"]
    assert isinstance(error, dict)
    assert (error["code"], error["event_id"]) == (code, "e9")


def test_an_answer_on_request_is_refused_while_one_is_given() -> None:
    talk = Talk()
    talk.answering()
    error = told(talk.give(AnswerRequested()))[0]["error"]
    assert isinstance(error, dict)
    assert error["code"] == "conversation_already_has_active_response"


def test_an_item_id_is_taken_once() -> None:
    talk = Talk()
    talk.give(ItemCreated("a", "mine"))
    error = told(talk.give(ItemCreated("b", "mine")))[0]["error"]
    assert isinstance(error, dict)
    assert error["code"] == "item_create_duplicate_item_id"


def test_a_client_can_cancel() -> None:
    talk = Talk()
    turn = talk.answering()
    assert acts(talk.give(CancelRequested())) == [CancelTurn(turn, ""), FlushPlayout(turn)]
    assert talk.give(CancelRequested(is_quiet=True)) == []


def test_a_client_can_end_or_clear_the_utterance() -> None:
    talk = Talk()
    talk.speech()
    assert acts(talk.give(AudioCommitted())) == [StartShadow(1, tail_pts=10 * 512)]
    assert acts(talk.head(1)) == [CommitTurn(1)]
    talk = Talk()
    talk.speech()
    cleared = talk.give(AudioCleared())
    assert acts(cleared) == [ForgetUtterance()]
    assert types(cleared)[-1] == "input_audio_buffer.cleared"


def test_without_turn_detection_only_the_client_ends_a_turn() -> None:
    talk = Talk()
    talk.give(turn_detection(None))
    talk.speech()
    assert talk.pause(100) == []
    assert talk.wait(5) == []
    assert acts(talk.give(AudioCommitted())) == [StartShadow(1, tail_pts=10 * 512)]
    assert acts(talk.head(1)) == []  # a commit alone asks for no answer
    assert acts(talk.give(AnswerRequested())) == [CommitTurn(1)]
    assert acts(talk.speech(10)) == []


def test_missing_audio_ends_an_utterance() -> None:
    talk = Talk()
    talk.speech()
    assert talk.wait(1.0) == []
    assert acts(talk.wait(0.3)) == [StartShadow(1, tail_pts=10 * 512)]
    assert acts(talk.head(1)) == [CommitTurn(1)]


def test_endless_speech_is_answered() -> None:
    talk = Talk(turn=turn_settings(max_utterance_s=1.0))
    started = acts(talk.speech(32))
    assert started == [StartShadow(1, tail_pts=talk.pts)]
    assert acts(talk.head(1)) == [CommitTurn(1)]


def test_an_engine_that_never_answers_is_not_waited_for_for_ever() -> None:
    talk = Talk()
    talk.speech()
    talk.pause(3)
    lost = talk.wait(9)
    assert acts(lost) == [RetractShadow(1), ForgetUtterance()]
    assert "error" in types(lost)
    assert talk.session.state == "listening"


def test_an_answer_that_stops_coming_fails() -> None:
    talk = Talk()
    talk.give(TextTyped("hello", "i"))
    talk.words(1, " Good", is_last=False)
    failed = talk.wait(9)
    assert acts(failed) == [CancelTurn(1, ""), FlushPlayout(1)]
    done = next(m for m in told(failed) if m["type"] == "response.done")["response"]
    assert isinstance(done, dict)
    assert done["status"] == "failed"


def test_a_turn_whose_playout_is_never_reported_ends() -> None:
    talk = Talk()
    turn = talk.answering()
    assert acts(talk.wait(20)) == [EndTurn(turn, " It is red.")]


def test_a_conversation_ends_when_it_is_too_long_or_idle() -> None:
    talk = Talk(limits=SessionSettings(idle_s=5))
    assert acts(talk.wait(6)) == [EndSession("nobody spoke for 5 seconds")]
    assert talk.session.deadline() is None
    assert talk.speech() == []
    talk = Talk(limits=SessionSettings(max_minutes=1))
    turn = 0
    while talk.now < 59:
        turn = talk.answering()
        talk.played(turn, 48_000, is_done=True)
        talk.pause(10)
    assert acts(talk.wait(6)) == [EndSession("the conversation reached 1 minutes")]


def test_a_peer_that_goes_ends_turn_and_session() -> None:
    talk = Talk()
    turn = talk.answering()
    gone = acts(talk.give(PeerGone("bye")))
    assert gone == [CancelTurn(turn, ""), FlushPlayout(turn), EndSession("bye")]
    talk = Talk()
    talk.speech()
    talk.pause(3)
    assert acts(talk.give(PeerGone("bye"))) == [RetractShadow(1), EndSession("bye")]


def test_an_answer_without_a_voice_can_be_read() -> None:
    talk = Talk()
    talk.speech()
    talk.pause(3)
    talk.head(1)
    assert talk.words(1, " One.", is_last=False) == []
    assert talk.words(1, " Two.", is_last=False) == [Speak(1, "One.", False)]
    failed = talk.give(StageFailed("voice", "the synthesiser crashed", is_fatal=False))
    assert types(failed) == ["error"]
    assert acts(talk.pause(3)) == [CommitTurn(1)]
    ended = talk.words(1, " Three.")
    assert acts(ended) == [EndTurn(1, " One. Two. Three.")]
    assert "output_audio_buffer.started" not in types(talk.effects)


def test_a_voice_that_fails_in_mid_answer_is_heard_as_far_as_it_came() -> None:
    talk = Talk()
    talk.give(TextTyped("x", "i"))
    talk.words(1, " One. Two.")
    talk.voice(1, "One.", is_last=False)
    talk.played(1, 4_800)
    assert acts(talk.give(StageFailed("voice", "crashed", is_fatal=False))) == []
    assert acts(talk.played(1, 48_000)) == [EndTurn(1, " One. Two.")]
    assert types(talk.effects)[-1] == "output_audio_buffer.stopped"


def test_a_failing_stage_is_told_and_a_fatal_one_ends_the_session() -> None:
    talk = Talk()
    turn = talk.answering()
    failed = talk.give(StageFailed("camera", "a picture can't be converted", is_fatal=False))
    assert (types(failed), acts(failed)) == (["error"], [])
    fatal = talk.give(StageFailed("engine", "no memory", is_fatal=True))
    assert acts(fatal) == [CancelTurn(turn, ""), FlushPlayout(turn), EndSession("no memory")]


def test_the_camera_is_switched_and_pictures_are_told() -> None:
    talk = Talk()
    assert acts(talk.give(CameraChanged(False))) == [SetCamera(False)]
    assert talk.give(PictureSeen(90_000, True)) == [
        Emit({"type": "visavis.picture.seen", "pts": 90_000, "changed": True})
    ]


def test_the_ledger_of_a_turn_has_what_the_engine_stamped() -> None:
    totals = LatencyTotals()
    session = Session("sess_x", process_totals=totals, turn=turn_settings())
    stamps = {"arrived": 1.0, "compute_started": 1.001, "latents_ready": 1.004}
    for window in range(1, 14):
        probability = 0.9 if window <= 10 else 0.0
        session.handle(VoiceActivity(window * 512, probability), 1.005, stamps)
    talk = Talk()
    talk.session, talk.now, talk.pts = session, 1.006, 13 * 512
    talk.head(1)
    talk.give(TokensReady(1, " Red.", True), {"first_token": 1.008})
    talk.voice(1, "Red.")
    talk.pause(3)
    talk.played(1, 48_000, is_done=True)
    report = next(m for m in told(talk.effects) if m["type"] == "visavis.ledger")
    ms = report["ms"]
    assert isinstance(ms, dict)
    assert ms["modal_audio"] == pytest.approx(4)
    assert ms["modal_audio_queue"] == pytest.approx(1)
    assert ms["fusion"] == pytest.approx(3)  # from the start of the shadow at 1.005
    assert totals.histograms["fusion"].count == 1
    assert totals.histograms["modal_audio"].count == 13
    session.handle(TranscriptChanged("what", 14 * 512), 1.1, stamps)
    assert totals.histograms["modal_audio"].count == 14


def test_pcm_of_a_turn_is_played_untouched() -> None:
    talk = Talk()
    talk.give(TextTyped("x", "i"))
    talk.words(1, " Yes.")
    pcm = np.arange(960, dtype=np.int16)
    play = talk.give(VoiceReady(1, pcm, "Yes.", True))[0]
    assert isinstance(play, Play)
    assert play.pcm is pcm
    assert (play.turn, play.text, play.is_last) == (1, "Yes.", True)
