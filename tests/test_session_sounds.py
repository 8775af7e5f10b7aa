"""Sounds besides speech in a conversation: what the model and the client are told, and when not."""

from __future__ import annotations

from runtime_fakes import Talk, acts, config_with, told

from visavis.runtime.effects import CommitTurn, Effect, ForgetUtterance, StartShadow, TellSound
from visavis.runtime.events import Head, PictureSeen, SoundHeard
from visavis.runtime.replay import replay
from visavis.runtime.session import Session
from visavis.runtime.sounds import Loudness, Pitch, Sound, SoundKind

WINDOW = 512


def sound(talk: Talk, windows: int, kind: SoundKind = SoundKind.BEEP) -> Sound:
    """One that ended just now and lasted so many windows."""
    pitch = None if kind is SoundKind.CLAP else Pitch.LOW
    return Sound(kind, Loudness.LOUD, pitch, talk.pts - windows * WINDOW, talk.pts)


def heard(talk: Talk, one: Sound) -> SoundHeard:
    return SoundHeard(one, talk.pts)


def test_a_sound_is_told_to_the_model_and_to_the_client() -> None:
    talk = Talk()
    talk.pause(40)
    one = sound(talk, 6)
    effects = talk.give(heard(talk, one))
    assert acts(effects) == [TellSound(one)]
    assert told(effects) == [
        {
            "type": "visavis.sound",
            "kind": "beep",
            "level": "loud",
            "pitch": "low",
            "audio_end_ms": 40 * 32,
        }
    ]


def test_a_clap_has_no_pitch() -> None:
    talk = Talk()
    talk.pause(10)
    (message,) = told(talk.give(heard(talk, sound(talk, 1, SoundKind.CLAP))))
    assert message["pitch"] is None and message["kind"] == "clap"


def test_sounds_and_pictures_keep_their_order() -> None:
    talk = Talk()
    talk.pause(20)
    log = list[Effect]()
    for pts in (1000, 2000):
        log += talk.give(PictureSeen(pts, changed=True))
        talk.pause(5)
        log += talk.give(heard(talk, sound(talk, 3)))
    kinds = [message["type"] for message in told(log)]
    assert kinds == ["visavis.picture.seen", "visavis.sound"] * 2
    again = replay(Session("sess_test"), talk.log)
    assert [effect for effects in again for effect in effects] == talk.effects


def test_it_alone_begins_no_answer() -> None:
    talk = Talk()
    talk.pause(20)
    effects = talk.give(heard(talk, sound(talk, 6))) + talk.pause(200)
    assert not [e for e in effects if isinstance(e, StartShadow | CommitTurn)]


def test_our_own_voice_is_not_told() -> None:
    talk = Talk()
    talk.answering()
    assert talk.session.is_playing
    assert talk.give(heard(talk, sound(talk, 6))) == []


def test_what_is_heard_over_speech_is_not_told() -> None:
    talk = Talk()
    talk.speech(20)
    assert talk.give(heard(talk, sound(talk, 4))) == []


def test_a_beep_in_a_pause_of_speech_is_told() -> None:
    talk = Talk()
    talk.speech(20)
    talk.pause(2)
    one = sound(talk, 1)
    assert acts(talk.give(heard(talk, one))) == [TellSound(one)]


def test_a_hum_that_the_vad_takes_for_speech_is_not_answered() -> None:
    """Whatever the model makes of it: its words were a sound's."""
    talk = Talk()
    talk.pause(10)
    talk.speech(20)
    talk.text("mm")
    hum = sound(talk, 21, SoundKind.HUM)
    started = talk.pause(3)
    shadow = next(e for e in started if isinstance(e, StartShadow))
    talk.head(shadow.turn, Head.ANSWER, 0.99)
    assert acts(talk.give(heard(talk, hum))) == [TellSound(hum)]
    after = talk.pause(60)
    assert ForgetUtterance() in after
    assert not [e for e in after if isinstance(e, CommitTurn | StartShadow)]
    ignored = [m for m in told(after) if m["type"] == "visavis.utterance.ignored"]
    assert len(ignored) == 1 and "sound" in str(ignored[0]["why"])


def test_a_question_behind_a_hum_is_answered() -> None:
    talk = Talk()
    talk.pause(10)
    talk.speech(20)
    hum = sound(talk, 21, SoundKind.HUM)
    talk.pause(3)
    talk.give(heard(talk, hum))
    talk.speech(20)
    talk.text("what was that")
    started = talk.pause(3)
    turn = [e for e in started if isinstance(e, StartShadow)][-1].turn
    talk.head(turn)
    assert CommitTurn(turn) in talk.pause(10)


def test_messages_of_ours_are_kept_from_clients_that_want_none() -> None:
    talk = Talk(config=config_with(visavis={"events": False}))
    talk.pause(10)
    one = sound(talk, 4)
    assert talk.give(heard(talk, one)) == [TellSound(one)]
