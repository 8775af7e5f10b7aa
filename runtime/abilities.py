"""What the parts behind a session can do, so that a wish nobody can grant is refused in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from .errors import BadInput
from .realtime_config import PUBLISHED_VOICES, RetentionRatio, SessionConfig, Transcription, VoiceId


@dataclass(frozen=True, slots=True)
class Abilities:
    """The defaults are those of the embedded model with the embedded voice."""

    pictures: int = 1
    """Pictures that one question may bring as content; 0 for a model without eyes."""
    history: bool = False
    """Any item at any place goes into the context (messages of every role, calls and outputs), and
    an answer may be asked for at any time."""
    instructions: bool = False
    """Instructions are followed; otherwise they are kept and shown, no more."""
    tools: bool = False
    """The model can call whatever functions it is told of."""
    calls: frozenset[str] = frozenset()
    """Functions that the model knows by itself, besides those it is told of. What they return it
    can't read: it is said as it stands."""
    revises: bool = False
    """What was answered earlier can be shortened or taken out of the context."""
    never_truncates: bool = False
    """The context may be told to fail rather than to forget."""
    retains: bool = False
    """How much of a full context is kept can be set."""
    speeds: bool = False
    """The voice can be slower or faster than it is."""
    voices: frozenset[str] = frozenset()
    """Voices that can be chosen, besides the session's own."""
    languages: frozenset[str] = frozenset({"en"})
    """ISO 639-1 codes that are understood; empty for every one."""
    transcribers: frozenset[str] = frozenset()
    """Models, besides the one that answers, that can be asked for a transcript."""

    def as_message(self) -> dict[str, object]:
        """As the client is told."""
        return {
            **asdict(self),
            "calls": sorted(self.calls),
            "voices": sorted(self.voices),
            "languages": sorted(self.languages),
            "transcribers": sorted(self.transcribers),
        }

    def check(self, config: SessionConfig, own_voice: str) -> None:
        """Raises `BadInput` with the path of what can't be had."""
        if not self.tools and config.tool_choice not in ("auto", "none"):
            raise _refused(
                "tool_choice", "this model calls no functions: 'auto' and 'none' can be had"
            )
        if config.truncation == "disabled" and not self.never_truncates:
            raise _refused("truncation", "this model forgets what is oldest: 'auto' can be had")
        if isinstance(config.truncation, RetentionRatio) and not self.retains:
            raise _refused("truncation", "this model keeps what fits: 'auto' can be had")
        if config.audio.output.speed != 1.0 and not self.speeds:
            raise _refused("audio.output.speed", "this voice has one speed: 1.0 can be had")
        self.check_voice(config.audio.output.voice, own_voice, "session.audio.output.voice")
        if config.audio.input.transcription is not None:
            self._check_transcription(config.audio.input.transcription)

    def check_voice(self, voice: str | VoiceId, own: str, where: str) -> None:
        """The published names are taken for the session's own voice, so that clients that always
        send one work."""
        name = voice.id if isinstance(voice, VoiceId) else voice
        if name not in PUBLISHED_VOICES | self.voices | {own, "default"}:
            names = ", ".join(sorted({own, *self.voices}))
            raise BadInput(f"{where} is {name!r}: there is {names}", param=where)

    def _check_transcription(self, wish: Transcription) -> None:
        if wish.model in self.transcribers:
            return
        language = (wish.language or "").lower().partition("-")[0]
        if language and self.languages and language not in self.languages:
            raise _refused(
                "audio.input.transcription.language",
                f"{wish.language!r} is not understood: there is {', '.join(sorted(self.languages))}",
            )


def _refused(name: str, why: str) -> BadInput:
    return BadInput(f"session.{name}: {why}", code="unsupported_value", param=f"session.{name}")


def abilities_of(engine: object) -> Abilities:
    """What an engine says of itself in `abilities`; those of the embedded model when nothing."""
    told: object = getattr(engine, "abilities", None)
    return told if isinstance(told, Abilities) else Abilities()
