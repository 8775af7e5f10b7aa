"""Who transcribes: chosen by the settings, or by a session, down to the events a client gets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
import tiny_whisper
from said_aloud import spoken

from visavis import Agent, AgentAudio, CallEvent, Ended, Heard, Other
from visavis.models.transcribers.whisper import WhisperTranscriber
from visavis.pipelines.transcription import session_transcriber, transcriber, transcriber_names
from visavis.runtime.clock import MonotonicClock
from visavis.runtime.errors import BadInput, ConfigError
from visavis.runtime.frames import Pcm
from visavis.runtime.settings import TranscriptionSettings

FINAL = "conversation.item.input_audio_transcription."


def test_the_settings_choose() -> None:
    clock = MonotonicClock()
    assert transcriber(TranscriptionSettings(), clock) is None
    whisper = transcriber(TranscriptionSettings(engine="faster-whisper"), clock)
    assert isinstance(whisper, WhisperTranscriber)
    assert isinstance(session_transcriber(TranscriptionSettings(), clock), WhisperTranscriber)
    assert transcriber_names(TranscriptionSettings()) == ("faster-whisper",)
    with pytest.raises(ConfigError, match="no transcriber named 'whisper': known are"):
        transcriber(TranscriptionSettings(engine="whisper"), clock)
    with pytest.raises(BadInput, match="'english'"):
        transcriber(TranscriptionSettings(engine="faster-whisper", language="english"), clock)


@pytest.fixture(scope="module")
def speech() -> Pcm:
    return spoken("How many red circles are there on the left of it?", 16_000)


def settings(model: Path | str, **more: object) -> dict[str, object]:
    return {
        "transcription.model": str(model),
        "transcription.device": "cpu",
        "transcription.threads": 1,
        **more,
    }


def talk(agent: Agent, speech: Pcm, wanted: dict[str, object] | None) -> list[CallEvent]:
    """Say it and be silent; everything up to the transcript's end."""

    async def main() -> list[CallEvent]:
        events: list[CallEvent] = []
        async with asyncio.timeout(120), agent, agent.call() as call:
            if wanted is not None:
                audio = {"input": {"transcription": wanted}}
                call.send(
                    {"type": "session.update", "session": {"type": "realtime", "audio": audio}}
                )

            async def speak() -> None:
                said = np.concatenate(
                    [np.zeros(8_000, np.int16), speech, np.zeros(640_000, np.int16)]
                )
                for at in range(0, len(said), 320):
                    call.hear(said[at : at + 320])
                    await asyncio.sleep(0.02)

            speaking = asyncio.create_task(speak())
            async for event in call:
                if not isinstance(event, AgentAudio):
                    events.append(event)
                is_failure = (
                    isinstance(event, Other) and event.message.get("type") == FINAL + "failed"
                )
                if isinstance(event, Heard | Ended) or is_failure:
                    break
            speaking.cancel()
        return events

    return asyncio.run(main())


@pytest.mark.parametrize("is_default", [False, True])
def test_a_session_is_transcribed_by_whisper(tmp_path: Path, speech: Pcm, is_default: bool) -> None:
    model = tiny_whisper.make(tmp_path)
    more = {"transcription.engine": "faster-whisper"} if is_default else {}
    agent = Agent(settings(model, **more), pipeline="echo")
    wanted: dict[str, object] | None = (
        None if is_default else {"model": "faster-whisper", "language": "en"}
    )
    events = talk(agent, speech, wanted)
    # The echo engine understands nothing: every letter is Whisper's, of random weights.
    assert isinstance(events[-1], Heard) and "word" in events[-1].text


def test_a_model_that_cant_be_had_is_told_for_each_utterance(speech: Pcm) -> None:
    agent = Agent(settings("/nowhere/whisper"), pipeline="echo")
    last = talk(agent, speech, {"model": "faster-whisper"})[-1]
    assert isinstance(last, Other) and last.message["type"] == FINAL + "failed"
    assert "'/nowhere/whisper': there is no such folder" in str(last.message["error"])


def test_a_cascade_hears_with_whisper(tmp_path: Path, speech: Pcm) -> None:
    model = tiny_whisper.make(tmp_path)
    agent = Agent(settings(model, **{"transcription.engine": "faster-whisper"}))
    asked: list[str] = []

    @agent.answer
    def answer(text: str) -> str:
        asked.append(text)
        return "Yes."

    events = talk(agent, speech, None)
    assert isinstance(events[-1], Heard) and "word" in events[-1].text
    assert asked and asked[0].strip() == events[-1].text.strip()
