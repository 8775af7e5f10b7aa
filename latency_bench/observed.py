"""What happened in one turn, from what the person said, heard and was told. Plain code.

Every time is seconds of the person's own clock. The definitions of the figures are here and
nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import msgspec

from .ears import Ears
from .script import Kind, Turn

STOPPED_LATE_S = 1.0
"""An answer that was not cut and is still heard so long after a barge-in began was never stopped;
one that was over by then proves nothing."""


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """One turn. Milliseconds; None where there was nothing to measure."""

    kind: Kind
    question: str
    answer: str = ""
    understood: str = ""
    is_right: bool | None = None
    """None: not judged."""
    is_answered: bool = True
    is_cut_in: bool = False
    """The agent was heard before the person had finished the question."""
    fto_ms: float | None = None
    """Last voiced sample said → first audible sample heard; None in a turn that was cut into."""
    stop_ms: float | None = None
    """First voiced sample said into an answer → last audible sample heard of that answer."""
    is_missed_stop: bool = False
    """The answer went on although the person spoke into it."""
    is_false_stop: bool = False
    """A noise or a back-channel ended the answer."""
    resume_ms: float | None = None
    """Last voiced sample of a noise or back-channel that stopped the answer's sound → its next audible
    sample. Negative where it went on before that."""
    is_void: bool = False
    """There was no answer to put the barge-in or the noise into."""


@dataclass(slots=True)
class Response:
    """One answer of the agent as its messages tell."""

    id: str
    created: float
    done: float | None = None
    """All of it was made; its sound may still be on its way."""
    played: float | None = None
    """Its sound was sent to its end."""
    cut: float | None = None
    """It was stopped before."""
    text: str = ""
    resumed: list[float] = field(default_factory=list[float])
    """When it went on after it had been stopped for nothing."""

    @property
    def is_over(self) -> bool:
        """Its words and its sound."""
        return self.cut is not None or self.played is not None

    def was_over(self, at: float) -> bool:
        """Over before `at`."""
        return any(end is not None and end < at for end in (self.played, self.cut))


@dataclass(slots=True)
class Told:
    """Everything the server said on the data channel."""

    responses: list[Response] = field(default_factory=list[Response])
    ledgers: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    understood: str = ""
    problems: list[str] = field(default_factory=list[str])

    def take(self, message: Mapping[str, object], at: float) -> None:
        """One message that came at `at`."""
        match message.get("type"):
            case "response.created":
                body = _object(message, "response")
                self.responses.append(Response(str(body.get("id")), at))
            case "response.done":
                body = _object(message, "response")
                if (response := self._of(body.get("id"))) is not None:
                    response.done = at
                    if body.get("status") != "completed":
                        response.cut = response.cut or at
            case "response.output_audio_transcript.delta":
                if (response := self._of(message.get("response_id"))) is not None:
                    response.text += str(message.get("delta"))
            case "output_audio_buffer.stopped":
                if (response := self._of(message.get("response_id"))) is not None:
                    response.played = at
            case "output_audio_buffer.cleared":
                if (response := self._of(message.get("response_id"))) is not None:
                    response.cut = response.cut or at
            case "visavis.playout.resumed":
                if (response := self._of(message.get("response_id"))) is not None:
                    response.resumed.append(at)
            case "conversation.item.input_audio_transcription.completed":
                self.understood = str(message.get("transcript"))
            case "visavis.ledger":
                self.ledgers.append(cast("dict[str, float]", dict(_object(message, "ms"))))
                for name, count in _object(message, "counts").items():
                    if isinstance(count, int):
                        self.counts[name] = self.counts.get(name, 0) + count
                joules = _object(message, "energy").get("joules")
                if isinstance(joules, int | float):
                    name = "energy_mj_estimate"
                    self.counts[name] = self.counts.get(name, 0) + round(joules * 1000)
            case "error":
                self.problems.append(str(_object(message, "error").get("message")))
            case "visavis.session.ended":
                self.problems.append(f"the server ended the session: {message.get('why')}")
            case _:
                pass

    def since(self, at: float) -> list[Response]:
        """Answers begun at or after `at`."""
        return [response for response in self.responses if response.created >= at]

    def playing_at(self, at: float) -> Response | None:
        """The newest answer begun before `at`."""
        begun = [response for response in self.responses if response.created < at]
        return begun[-1] if begun else None

    def _of(self, response_id: object) -> Response | None:
        return next((r for r in reversed(self.responses) if r.id == response_id), None)


def _object(message: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = message.get(name)
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def observe(turn: Turn, said: tuple[float, float] | None, ears: Ears, told: Told) -> Observed:
    """Judge a turn once it is over. `said`: when the first and last voiced sample of its question
    or noise were said; None when it never came to that because no answer was to be heard."""
    if said is None:
        return Observed(kind=turn.kind, question=turn.question, is_void=True, is_answered=False)
    first, last = said
    match turn.kind:
        case Kind.NOISE | Kind.BACK_CHANNEL:
            return _unmoved(turn, first, last, ears, told)
        case Kind.BARGE_IN:
            stop_ms, is_missed, is_void = _stop(first, ears, told)
            answered = _answered(turn, first, last, ears, told, is_cut_in=False)
            return msgspec.structs.replace(
                answered, stop_ms=stop_ms, is_missed_stop=is_missed, is_void=is_void
            )
        case Kind.PLAIN | Kind.PAUSED:
            sound = ears.first_after(first)
            return _answered(
                turn, first, last, ears, told, is_cut_in=sound is not None and sound < last
            )


def _answered(
    turn: Turn, first: float, last: float, ears: Ears, told: Told, *, is_cut_in: bool
) -> Observed:
    answers = told.since(first)
    text = answers[-1].text.strip() if answers else ""
    sound = ears.first_after(last) if answers else None
    fto_ms = None if sound is None or is_cut_in else (sound - last) * 1e3
    return Observed(
        kind=turn.kind,
        question=turn.question,
        answer=text,
        understood=told.understood,
        is_right=_has_any(text, turn.expected) if turn.expected else None,
        is_answered=bool(answers),
        is_cut_in=is_cut_in,
        fto_ms=fto_ms,
    )


def _unmoved(turn: Turn, first: float, last: float, ears: Ears, told: Told) -> Observed:
    """Something that is no interruption was put into an answer."""
    answer = told.playing_at(first)
    resume_ms = None
    resumed = [at for at in answer.resumed if at >= first] if answer is not None else []
    if resumed and (sound := ears.first_after(resumed[0])) is not None:
        resume_ms = (sound - last) * 1e3
    return Observed(
        kind=turn.kind,
        question=turn.noise or turn.question,
        understood=told.understood,
        is_void=answer is None or answer.was_over(first),
        is_false_stop=answer is not None and (answer.cut or 0.0) >= first,
        resume_ms=resume_ms,
    )


def _stop(first: float, ears: Ears, told: Told) -> tuple[float | None, bool, bool]:
    """Stop latency in ms, whether the answer was never stopped, whether there was none."""
    answer = told.playing_at(first)
    if answer is None or answer.was_over(first):
        return None, False, True
    later = told.since(first)
    until = later[0].created if later else float("inf")
    end = ears.last_before(until)
    stop_s = max(0.0, (end or first) - first)
    if answer.cut is not None:
        return stop_s * 1e3, False, False
    return None, stop_s > STOPPED_LATE_S, stop_s <= STOPPED_LATE_S


def _has_any(text: str, words: tuple[str, ...]) -> bool:
    said = text.lower().replace(",", " ").replace(".", " ").replace("!", " ").split()
    return any(word in said for word in words)
