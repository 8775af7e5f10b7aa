"""What a call inside a program is told, as it happens. Plain facts, one class each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AgentAudio:
    """20 ms of the agent's voice in the call's encoding and rate: play it next. Comes at the pace
    of speech, and not at all while the agent is silent."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The person speaks: drop what has not been played of the agent's voice."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """What is understood so far of what the person is saying; replaces what came before."""

    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What the person said, all of it; empty when it was not understood."""

    text: str


@dataclass(frozen=True, slots=True)
class Saying:
    """The next words of the agent's answer; its voice follows."""

    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """The agent's answer, all of it: up to where it was cut off, if it was."""

    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something went wrong and the call goes on. `code` is for programs, `message` for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Other:
    """Any other message of the protocol, as a client over the network gets it."""

    message: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over; nothing comes after it."""

    why: str


CallEvent = AgentAudio | Interrupted | Hearing | Heard | Saying | Said | Problem | Other | Ended


def event_of(message: Mapping[str, object]) -> CallEvent:
    """What a message of the session means to a host."""
    match message.get("type"):
        case "visavis.transcript.partial":
            return Hearing(str(message.get("text", "")))
        case "conversation.item.input_audio_transcription.completed":
            return Heard(str(message.get("transcript", "")))
        case "response.output_audio_transcript.delta" | "response.output_text.delta":
            return Saying(str(message.get("delta", "")))
        case "response.output_audio_transcript.done":
            return Said(str(message.get("transcript", "")))
        case "response.output_text.done":
            return Said(str(message.get("text", "")))
        case "error":
            error = message.get("error")
            fields: Mapping[str, object] = error if isinstance(error, Mapping) else {}  # pyright: ignore[reportUnknownVariableType]
            return Problem(str(fields.get("code", "")), str(fields.get("message", "")))
        case _:
            return Other(message)
