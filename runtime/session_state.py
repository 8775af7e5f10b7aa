"""What a session knows, and what every layer of its decisions needs: drafts, counts, reports."""

from __future__ import annotations

from dataclasses import dataclass

from . import ledger as stage
from . import messages
from .abilities import Abilities
from .audio_path import AudioPath
from .drafts import Draft
from .effects import CancelTurn, Effect, Emit
from .events import TokensTaken
from .frames import HEARING_RATE, SPEAKING_RATE
from .ledger import LatencyTotals, latencies_ms, modal_ms
from .narrator import Narrator
from .phrases import PhraseSplitter
from .playback import PlaybackLedger
from .realtime_config import SessionConfig, default_config, parsed
from .response_options import ResponseOptions, session_options
from .settings import AudioSettings, SessionSettings, TurnSettings
from .sounds import SoundRules
from .speech_gate import SpeechGate
from .turn_rules import TurnRules, turn_rules

PICTURE_STAGES = (stage.PICTURE_ARRIVED, stage.PICTURE_STARTED, stage.PICTURE_READY)


@dataclass(slots=True)
class Utterance:
    """What the person is saying now."""

    item_id: str
    start_pts: int
    is_closed: bool = False
    """It counts as finished whatever the silence: the client said so, it got too long, or the
    audio stopped coming."""
    restarts: int = 0
    is_told: bool = True
    """The client was told that speech began."""
    wish: ResponseOptions | None = None
    """The client asked for an answer to it, like this."""


@dataclass(slots=True)
class Spoken:
    """A committed utterance that nothing has answered yet."""

    item_id: str
    start_pts: int
    end_pts: int
    text: str
    is_settled: bool = False
    """Its transcript was told."""


class SessionState:
    """The fields, and what is derived from them."""

    def __init__(
        self,
        session_id: str,
        *,
        turn: TurnSettings | None = None,
        audio: AudioSettings | None = None,
        limits: SessionSettings | None = None,
        now: float = 0.0,
        process_totals: LatencyTotals | None = None,
        audio_path: AudioPath = AudioPath.TRACK,
        abilities: Abilities | None = None,
        own_tools: frozenset[str] = frozenset(),
        tool_rounds: int = 8,
        config: SessionConfig | None = None,
    ) -> None:
        """`now` is when the conversation starts; `process_totals` is counted into, if given;
        `own_tools` are functions this process runs for the model, `tool_rounds` answers in a row
        may come of what they return; `config` is what the session begins with."""
        self.id = session_id
        self.audio_path = audio_path
        self.abilities = abilities or Abilities()
        self.own_tools = own_tools
        self.tool_rounds = tool_rounds
        self.limits = limits or SessionSettings()
        self.config = config or parsed(default_config(session_id, model="visavis", voice="default"))
        self.gate = SpeechGate(audio or AudioSettings())
        self.sounds = SoundRules()
        self.narrator = Narrator(session_id, audio_path)
        self.totals = LatencyTotals()
        self.is_ended = False
        self._operators = (turn or TurnSettings(), audio or AudioSettings())
        self._follow_config()
        self.playback = PlaybackLedger(self.turns.client_delay_ms)
        self._process_totals = process_totals
        self._turn = 0
        self._begun = 0  # the newest turn that the engine was asked to begin, asides apart
        self._utterance: Utterance | None = None
        self._unanswered: list[Spoken] = []
        self._shadow: Draft | None = None
        self._live: Draft | None = None
        self._tails: list[Draft] = []  # over, but for the last of their audio
        self._asides: dict[int, Draft] = {}
        self._cut_late: CancelTurn | None = None  # the client may still say what was heard
        self._text = ""  # the engine's transcript of its utterance
        self._text_before = ""  # what of it belongs to items committed before
        self._told_text: dict[str, str] = {}  # of the transcriber, by item
        self._closed_pts = -1
        self._buffer_pts = 0  # where the input audio buffer begins
        self._item_audio: str | None = None  # the item whose recorded audio is being heard
        self._stray_pts: int | None = None
        self._echo_until = -1
        self._typed: dict[str, str] = {}  # texts that wait for an answer, by item
        # Functions of ours that run, and the answers that called them; None: nobody waits any more.
        self._calls: dict[str, ResponseOptions | None] = {}
        self._result_for: ResponseOptions | None = None  # the answer a result must go on with
        self._recitals: list[str] = []  # outputs of functions that are to be said
        self._continuations = 0  # answers in a row that such results caused
        self._idle_from: tuple[float, int] | None = None  # since when nobody speaks, and its pts
        self._handed = TokensTaken()
        self._taken = TokensTaken()  # by the newest response
        self._latents: dict[str, float] = {}
        self._modal: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._speech_started_at = now
        self._speech_end_at = now
        self._heard_at = now
        self._active_at = now
        self._started_at = now
        self._begin()

    def _begin(self) -> None:
        """Fields of the layers above."""

    @property
    def rules(self) -> TurnRules:
        """How turns are taken, as the client wants it."""
        return self._rules

    @property
    def turns(self) -> TurnSettings:
        """The patience in force."""
        return self._rules.turns

    @property
    def instructions(self) -> str:
        """The session's instructions."""
        return self.config.instructions

    @property
    def state(self) -> str:
        """listening | hearing | deciding | answering"""
        if self._live is not None:
            return "answering"
        if self._utterance is None:
            return "listening"
        return "hearing" if self._shadow is None else "deciding"

    @property
    def is_playing(self) -> bool:
        """Our own voice may be in the microphone."""
        live = self._live
        return (
            (live is not None and live.hold is None and self._queued(live) > 0)
            or bool(self._tails)
            or self.gate.pts < self._echo_until
        )

    @property
    def is_person_speaking(self) -> bool:
        """Somebody is in the middle of an utterance (pauses included)."""
        return self._utterance is not None

    def _follow_config(self) -> None:
        self._rules = turn_rules(*self._operators, self.config.turn_detection)
        self.gate.settings = self._rules.audio
        self.narrator.is_transcribing = self.config.audio.input.transcription is not None

    @property
    def _has_own_transcriber(self) -> bool:
        """Another model than the one that answers writes the transcript."""
        wish = self.config.audio.input.transcription
        return wish is not None and wish.model in self.abilities.transcribers

    @property
    def transcript_wish(self) -> tuple[str | None, str] | None:
        """Language and expected words for the transcriber that the client chose; None for none."""
        wish = self.config.audio.input.transcription
        if wish is None or not self._has_own_transcriber:
            return None
        return wish.language, wish.prompt or ""

    @property
    def _is_track(self) -> bool:
        return self.audio_path is AudioPath.TRACK

    @property
    def _is_responding(self) -> bool:
        """The conversation has a response that is not done."""
        return self._live is not None and not self._live.is_done

    @property
    def _transcript(self) -> str:
        """What was understood of the utterance in progress."""
        return self._text.removeprefix(self._text_before).strip()

    # Drafts

    def _new_draft(self, now: float, options: ResponseOptions | None = None) -> Draft:
        self._turn += 1
        splitter = PhraseSplitter(self.turns.first_phrase_words, self.turns.phrase_words)
        options = options or session_options(self.config)
        draft = Draft(self._turn, splitter, progressed=now, options=options)
        if not options.has_voice:
            draft.mute()
        draft.stamps.mark(stage.SHADOW_STARTED, now)
        return draft

    def _draft(self, turn: int) -> Draft | None:
        """The draft of this number; None for one that was cut, retracted or finished."""
        for draft in (self._live, self._shadow):
            if draft is not None and draft.turn == turn:
                return draft
        return self._asides.get(turn)

    def _queued(self, draft: Draft) -> int:
        """Samples of it that were queued for playout."""
        return self.playback.queued_samples(draft.turn)

    def _answer_deadline(self, draft: Draft) -> float:
        if draft.hold is not None:  # for as long as somebody is heard
            return max(self._heard_at, draft.hold.since) + self.turns.stall_ms / 1000
        patience = self.turns.answer_timeout_ms / 1000
        if not self._is_track and draft.is_done:
            return draft.play_end + self.turns.client_delay_ms / 1000
        if draft.is_committed and draft.is_voice_done:
            seconds = self._queued(draft) / SPEAKING_RATE
            return max(draft.play_started + seconds, draft.progressed) + patience
        return draft.progressed + patience

    @property
    def _echo_tail(self) -> int:
        return self.gate.settings.echo_tail_ms * HEARING_RATE // 1000

    # Telling and counting

    def _count(self, name: str, by: int = 1) -> None:
        if not by:
            return
        self._counts[name] = self._counts.get(name, 0) + by
        for totals in (self.totals, self._process_totals):
            if totals is not None:
                totals.count(name, by)

    def _measured(self, latencies: dict[str, float]) -> None:
        """Milliseconds that belong to no turn's ledger."""
        for totals in (self.totals, self._process_totals):
            if totals is not None:
                totals.add(latencies)

    def _count_modal(self, stamps: dict[str, float]) -> None:
        modal = modal_ms(stamps)
        self._modal.update(modal)
        self._measured(modal)

    def _hand(self, *, text: int = 0, audio: int = 0, image: int = 0) -> None:
        """So much went into the context."""
        had = self._handed
        self._handed = TokensTaken(had.text + text, had.audio + audio, had.image + image)

    def _report(self, draft: Draft) -> list[Effect]:
        """The turn's ledger, told to the client and counted. Counts begin afresh with each turn."""
        latencies = latencies_ms(draft.stamps)
        told = draft.modal | latencies
        for totals in (self.totals, self._process_totals):
            if totals is not None:
                totals.count("turns")
                totals.add(latencies)
        first = min(draft.stamps.at.values())
        stages = {
            name: round((at - first) * 1000, 3)
            for name, at in sorted(draft.stamps.at.items(), key=lambda item: item[1])
        }
        counts, self._counts = {**self._counts, **draft.counts}, {}
        for name, count in draft.counts.items():
            for totals in (self.totals, self._process_totals):
                if totals is not None:
                    totals.count(name, count)
        counts |= {"ready_words": draft.ready_words, "ready_voice_ms": draft.ready_voice_ms}
        if draft.energy is not None:
            for totals in (self.totals, self._process_totals):
                if totals is not None:
                    totals.count("energy_mj_estimate", round(draft.energy.joules * 1000))
        response_id = draft.teller.response_id if draft.teller is not None else ""
        ledger = messages.turn_ledger(draft.turn, response_id, told, stages, counts, draft.energy)
        return [Emit(ledger)]

    def picture_judged(self, reason: str) -> None:
        """The sampler let a picture through, or not, for this reason. Counted, and no decision hangs
        on it."""
        for totals in (self.totals, self._process_totals):
            if totals is not None:
                totals.count(f"camera_{reason}")


def words_in(text: str) -> int:
    """Words of a text."""
    return len(text.split())
