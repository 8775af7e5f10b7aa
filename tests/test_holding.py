"""Speech into an answer: the sound stops at once, and is cut or goes on where it stopped."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from runtime_fakes import Talk, acts, told, turn_detection, turn_settings, types

from visavis.runtime.audio_path import AudioPath
from visavis.runtime.effects import (
    CancelTurn,
    Effect,
    EndTurn,
    FlushPlayout,
    ForgetUtterance,
    HoldPlayout,
    Play,
)
from visavis.runtime.events import (
    AudioCleared,
    CancelRequested,
    PlayoutHeld,
    StageFailed,
    TextTyped,
    VoiceReady,
)
from visavis.runtime.session import Session
from visavis.transports.opus import PACKET_SAMPLES
from visavis.transports.playout import Line, Packetizer

TURNS = turn_settings(confirm_ms=736, resume_silence_ms=192)


def ours(effects: list[Effect]) -> list[str]:
    """The types of our own messages."""
    found = [str(message["type"]) for message in told(effects)]
    return [kind for kind in found if kind.startswith("visavis.playout")]


def interrupted() -> tuple[Talk, int]:
    """An answer of one second, stopped in its middle."""
    talk = Talk(turn=TURNS)
    turn = talk.answering(" It is red.")
    talk.played(turn, 24_000)
    held = talk.speech(2)
    assert acts(held) == [HoldPlayout(turn)]
    assert ours(held) == ["visavis.playout.paused"]
    assert types(held) == []
    assert talk.session.state == "answering"
    return talk, turn


def test_a_nod_stops_the_sound_and_it_goes_on_with_the_next_sample() -> None:
    talk, turn = interrupted()
    assert talk.speech(6) == []
    assert talk.text("mhm") == []
    assert talk.pause(5) == []
    resumed = talk.pause(1)
    forgotten, play = acts(resumed)
    assert forgotten == ForgetUtterance()
    assert isinstance(play, Play) and play.turn == turn
    assert (len(play.pcm), play.text, play.is_last) == (24_000, "", True)
    assert ours(resumed) == ["visavis.playout.resumed"]
    (message,) = [m for m in told(resumed) if m["type"] == "visavis.playout.resumed"]
    assert message["audio_ms"] == 500
    ended = talk.played(turn, 48_000, is_done=True)
    assert acts(ended) == [EndTurn(turn, " It is red.")]
    assert "input_audio_buffer.speech_started" not in types(talk.effects)[1:]
    counts = talk.session.totals.counts
    assert (counts["holds"], counts["resumed"], counts.get("barge_ins", 0)) == (1, 1, 0)
    assert talk.session.totals.histograms["pause"].count == 1


def test_words_that_say_something_cut_where_the_sound_stopped() -> None:
    talk, turn = interrupted()
    talk.speech(8)
    cut = talk.text("what colour")
    assert acts(cut) == [CancelTurn(turn, " It"), FlushPlayout(turn)]
    assert types(cut)[-1] == "input_audio_buffer.speech_started"
    assert talk.session.state == "hearing"
    assert ours(talk.effects) == ["visavis.playout.paused"]


def test_a_voice_that_goes_on_is_a_turn_whatever_it_says() -> None:
    talk, turn = interrupted()
    assert talk.speech(20) == []
    assert acts(talk.speech(1)) == [CancelTurn(turn, " It"), FlushPlayout(turn)]


def test_the_whole_of_what_was_sent_counts_as_heard_once_the_delay_is_over() -> None:
    turns = turn_settings(confirm_ms=736, client_delay_ms=400)
    talk = Talk(turn=turns)
    turn = talk.answering(" It is red.")
    talk.played(turn, 32_000)
    talk.speech(2)
    assert talk.session.playback.heard_samples(turn) == 32_000 - 400 * 48
    talk.speech(20)
    assert talk.speech(1)[0] == CancelTurn(turn, " It is")


def test_words_from_before_the_speech_do_not_count() -> None:
    talk = Talk(turn=TURNS)
    turn = talk.answering(" It is red.")
    talk.pause(1)
    talk.text("some echo")
    assert acts(talk.speech(2)) == [HoldPlayout(turn)]
    assert talk.speech(2) == [] == talk.text("some echo mhm")
    assert CancelTurn(turn, "") in acts(talk.text("some echo mhm stop"))


def test_what_is_voiced_meanwhile_waits() -> None:
    talk = Talk(turn=TURNS)
    talk.speech()
    talk.pause(3)
    talk.head(1)
    talk.pause(3)
    talk.words(1, " I can see a cat and", is_last=False)
    talk.voice(1, "I can see a cat", is_last=False)
    talk.played(1, 9_600)
    talk.speech(2)
    assert acts(talk.voice(1, "and a dog", samples=4_800)) == []
    plays = [effect for effect in talk.pause(6) if isinstance(effect, Play)]
    assert [(len(p.pcm), p.text, p.is_last) for p in plays] == [
        (38_400, "", False),
        (4_800, "and a dog", True),
    ]


def test_an_answer_that_was_not_heard_yet_begins_after_the_nod() -> None:
    talk = Talk(turn=TURNS)
    talk.speech()
    talk.pause(3)
    talk.head(1)
    talk.pause(3)
    talk.speech(2)
    held = talk.voice(1, "Red.", samples=960)
    assert acts(held) == [] and "output_audio_buffer.started" not in types(held)
    begun = talk.pause(6)
    assert [len(effect.pcm) for effect in begun if isinstance(effect, Play)] == [960]
    assert types(begun) == ["output_audio_buffer.started"]


def test_a_last_packet_that_had_left_ends_the_turn() -> None:
    talk = Talk(turn=TURNS)
    turn = talk.answering(" It is red.")
    talk.played(turn, 48_000)  # the transport has not said that this was all
    talk.speech(2)
    assert EndTurn(turn, " It is red.") in talk.pause(6)
    assert talk.session.state == "listening"


def test_a_microphone_that_falls_silent_lets_the_answer_go_on() -> None:
    talk, turn = interrupted()
    resumed = talk.wait(TURNS.stall_ms / 1000)
    assert [effect.turn for effect in resumed if isinstance(effect, Play)] == [turn]


def test_what_ends_an_answer_ends_a_held_one() -> None:
    for event in (CancelRequested(), TextTyped("and now?", "item_t")):
        talk, turn = interrupted()
        assert acts(talk.give(event))[:2] == [CancelTurn(turn, " It"), FlushPlayout(turn)]
        assert not [e for e in talk.pause(10) if isinstance(e, Play) and e.turn == turn]


def test_a_client_that_clears_the_input_or_wants_no_interruption_hears_the_rest() -> None:
    talk, turn = interrupted()
    talk.text("hm")
    talk.give(AudioCleared())
    assert [e.turn for e in talk.pause(1) if isinstance(e, Play)] == [turn]
    talk, turn = interrupted()
    wish = turn_detection({"type": "server_vad", "interrupt_response": False})
    assert [e.turn for e in talk.give(wish) if isinstance(e, Play)] == [turn]


def test_a_voice_that_fails_meanwhile_leaves_what_was_voiced() -> None:
    talk, turn = interrupted()
    talk.give(StageFailed("voice", "broke", is_fatal=False))
    assert [len(e.pcm) for e in talk.pause(6) if isinstance(e, Play)] == [24_000]
    assert EndTurn(turn, " It is red.") in talk.played(turn, 48_000)


def test_inside_messages_speech_cuts_at_once() -> None:
    talk = Talk(turn=TURNS, path=AudioPath.MESSAGES)
    turn = talk.answering(" It is red.")
    cut = talk.speech(2)
    assert HoldPlayout(turn) not in cut
    assert "input_audio_buffer.speech_started" in types(cut)


def test_a_position_that_is_told_late_is_waited_for() -> None:
    session = Session("sess_test", turn=TURNS)
    talk = Talk(turn=TURNS)
    turn = talk.answering(" It is red.")
    for happening in talk.log:
        session.handle(happening.event, happening.now)  # type: ignore[arg-type]
    log = len(talk.log)
    talk.speech(2)
    talk.pause(6)
    effects: list[Effect] = []
    for happening in talk.log[log:]:
        if not isinstance(happening.event, PlayoutHeld):
            effects += session.handle(happening.event, happening.now)  # type: ignore[arg-type]
    assert [type(effect) for effect in acts(effects)] == [HoldPlayout, ForgetUtterance]
    late = session.handle(PlayoutHeld(turn, 960), talk.now)
    assert [len(effect.pcm) for effect in late if isinstance(effect, Play)] == [48_000 - 960]


class Track:
    """A peer's line with a listener: what is sent is heard, in order."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.heard: dict[int, list[int]] = {}
        self.cut: set[int] = set()
        self._line = Line()
        self._packets = Packetizer(lambda pcm: pcm.tobytes())
        self._epoch = 0

    def carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Play(turn=turn, pcm=pcm, is_last=is_last):
                    assert turn not in self.cut, "sound of a turn that was cut"
                    for _, packet in self._packets.cut(self._epoch, turn, pcm, is_last):
                        self._line.add(packet)
                case FlushPlayout() | HoldPlayout():
                    self._epoch += 1
                    self._line.flush()
                case CancelTurn(turn=turn):
                    self.cut.add(turn)
                case _:
                    pass

    def pace(self) -> None:
        """Send what is due."""
        while (sent := self._line.pop(self.talk.now)) is not None:
            pcm = np.frombuffer(sent.packet.payload, np.int16)[: sent.packet.samples]
            self.heard.setdefault(sent.packet.turn, []).extend(int(x) for x in pcm)
            packet = sent.packet
            self.carry_out(self.talk.played(packet.turn, sent.position, is_done=packet.is_last))


@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(st.integers(1, 5 * PACKET_SAMPLES), min_size=1, max_size=5),
    steps=st.lists(
        st.tuples(st.sampled_from(["speech", "pause"]), st.integers(1, 9)), min_size=1, max_size=12
    ),
)
def test_whatever_is_heard_every_sample_is_played_once_and_none_after_a_cut(
    pieces: list[int], steps: list[tuple[str, int]]
) -> None:
    talk = Talk(turn=TURNS)
    track = Track(talk)
    talk.speech()
    talk.pause(3)
    talk.head(1)
    talk.words(1, " A long answer.")
    talk.pause(3)
    said, left = 0, list(pieces)
    for kind, windows in [*steps, ("pause", 200)]:
        for _ in range(windows):
            if left:
                pcm = np.arange(said, said + left[0]).astype(np.int16)
                said += left.pop(0)
                track.carry_out(talk.give(VoiceReady(1, pcm, "word", not left)))
            track.carry_out(talk.speech(1) if kind == "speech" else talk.pause(1))
            track.pace()
    wanted = [int(x) for x in np.arange(said).astype(np.int16)]
    heard = track.heard.get(1, [])
    if 1 in track.cut:
        assert heard == wanted[: len(heard)]
    else:
        assert heard == wanted
        assert EndTurn(1, " A long answer.") in talk.effects
