"""The answer in progress: words and voice out, functions called, its end, its being cut.

A draft is live from its commit until all of it was played. Its response is done before that: as
soon as everything is said, though not heard yet.
"""

from __future__ import annotations

from . import ledger as stage
from . import messages
from . import response_messages as say
from .drafts import Draft
from .effects import (
    CancelTurn,
    CommitTurn,
    Effect,
    EndAside,
    EndTurn,
    FlushPlayout,
    ForgetUtterance,
    NameItems,
    Prepare,
    ReviseTurn,
    RunTool,
    StartShadow,
    StopDecoding,
    TellLimits,
)
from .events import HeadReady, TokensReady, ToolCalled, VoiceReady
from .frames import HEARING_RATE
from .playing import Playing
from .realtime_config import FunctionChoice
from .response_options import ResponseOptions
from .session_state import PICTURE_STAGES
from .token_usage import still_there
from .tools import NOT_HERE


class Answering(Playing):
    """From the commit of a draft to the end of its audio."""

    def _start_turn(
        self,
        draft: Draft,
        text: str | None,
        tail_pts: int | None,
    ) -> list[Effect]:
        """Have the engine begin it."""
        self._begun = draft.turn
        begin = StartShadow(draft.turn, text, tail_pts)
        able = self.abilities
        if able.instructions or able.tools or able.history:
            return [*self._cut_now(), Prepare(draft.turn, draft.options), begin]
        return [*self._cut_now(), begin]

    def _cut_now(self) -> list[Effect]:
        """Over messages only the client knows what was heard of an answer that was cut: it has until
        the next one begins to say so."""
        late, self._cut_late = self._cut_late, None
        return [] if late is None else [late]

    def _answer_now(
        self, text: str | None, options: ResponseOptions | None, asked: str | None, now: float
    ) -> list[Effect]:
        """A turn that is committed as it begins. `asked`: the item it answers."""
        draft = self._new_draft(now, options)
        draft.is_typed = True
        draft.stamps.take({k: at for k, at in self._latents.items() if k in PICTURE_STAGES})
        self._active_at = now
        tail = None if text is not None else self.gate.pts
        return [
            *self._start_turn(draft, text, tail),
            *self._go_live(draft, now, [], asked),
        ]

    def _go_live(
        self, draft: Draft, now: float, told: list[Effect], asked: str | None
    ) -> list[Effect]:
        """The draft becomes the turn: what it has said so far goes out at once, its voice first."""
        self._live = draft
        self._idle_from = None
        draft.is_committed = True
        draft.progressed = now
        draft.stamps.mark(stage.TURN_DECIDED, now)
        for name in PICTURE_STAGES:  # a picture is counted with one turn only
            self._latents.pop(name, None)
        self._modal = {k: v for k, v in self._modal.items() if not k.startswith("modal_picture")}
        self.playback.say(draft.turn, draft.answer)
        draft.ready_voice_ms = draft.held_ms
        held, draft.held = draft.held, []
        draft.ready_words = len(draft.answer.split())
        draft.teller = teller = self.narrator.response(draft.turn, draft.options)
        able = self.abilities
        may_call = bool(able.calls) or (able.tools and bool(draft.options.tools or self.own_tools))
        self._recitals.clear()  # what comes now is said instead
        effects: list[Effect] = [CommitTurn(draft.turn), *draft.speak()]
        if draft.is_capped:
            effects.append(StopDecoding(draft.turn, draft.answer))
        if self._is_track:
            effects += [play for voice in held for play in self._queue(draft, voice, now)]
        effects += told
        effects += teller.began(is_eager=not may_call or bool(draft.answer))
        if able.history:
            effects.append(NameItems(draft.turn, asked, teller.answer_id))
        effects.append(TellLimits())
        effects += self._sounds(draft) if held else self.narrator.state("thinking")
        effects += teller.words(draft.answer)
        if not self._is_track:
            effects += [audio for voice in held for audio in self._queue(draft, voice, now)]
        calls, draft.calls = draft.calls, []
        for call in calls:
            effects += self._tell_call(draft, call)
        return effects + self._advance(draft, now)

    # What the engine and the voice bring

    def _judged(self, draft: Draft, event: HeadReady, now: float, stamps: dict[str, float]) -> None:
        draft.head = event.head
        draft.confidence = event.confidence
        draft.progressed = now
        if event.taken is not None:
            draft.is_counted = True
            draft.usage.taken = event.taken
            if not draft.options.is_out_of_band:  # whose context is fresh
                draft.usage.cached = still_there(self._taken, event.taken)
        draft.stamps.take(stamps)
        draft.stamps.mark(stage.HEAD_READY, now)

    def _take_words(self, event: TokensReady, now: float, stamps: dict[str, float]) -> list[Effect]:
        draft = self._draft(event.turn)
        if draft is None or draft.is_text_done:
            return []
        draft.progressed = now
        draft.stamps.take(stamps)
        if event.text:
            draft.stamps.mark(stage.FIRST_TOKEN, now)
        if event.is_last:
            draft.stamps.mark(stage.LAST_TOKEN, now)
        before = draft.answer
        draft.take(event.text, event.is_last)
        new = draft.answer[len(before) :]
        if not draft.is_committed:
            return [*draft.speak(), *self._decide(now)]
        effects: list[Effect] = []
        if draft.is_capped:
            effects.append(StopDecoding(draft.turn, draft.answer))
        self.playback.say(draft.turn, new)
        teller = draft.teller
        assert teller is not None
        return [*effects, *draft.speak(), *teller.words(new), *self._advance(draft, now)]

    def _take_call(self, event: ToolCalled, now: float) -> list[Effect]:
        """A shadow's functions wait: it may be retracted, and calling them has effects."""
        draft = self._draft(event.turn)
        if draft is None or draft.is_done:
            return []
        draft.progressed = now
        if event.name in self.abilities.calls and self._why_not(draft, event):
            # The model is not told which functions there are: it is not at fault, nor to be silent.
            return self._take_words(TokensReady(draft.turn, NOT_HERE, is_last=False), now, {})
        if not draft.is_committed:
            draft.calls.append(event)
            return []
        return self._tell_call(draft, event)

    def _why_not(self, draft: Draft, call: ToolCalled) -> str:
        """Why this function may not be called; empty when it may."""
        choice, options = draft.options.tool_choice, draft.options
        if choice == "none" or (isinstance(choice, FunctionChoice) and choice.name != call.name):
            return f"the model called {call.name!r} though tool_choice forbids it"
        if any(tool.name == call.name for tool in options.tools):
            return ""
        if call.name in self.own_tools and options.is_out_of_band:
            return f"{call.name!r} can't be called outside of the conversation"
        if call.name in self.abilities.calls and call.name not in self.own_tools:
            return f"there is no function {call.name!r} here"
        return ""

    def _tell_call(self, draft: Draft, call: ToolCalled) -> list[Effect]:
        """The client's functions are its own to run. Ours run here and leave items: clients take a
        function call among a response's output for one that they are to run."""
        teller = draft.teller
        assert teller is not None
        if why := self._why_not(draft, call):
            return [self.narrator.error(why, "tool_not_allowed", kind="server_error")]
        is_clients = any(tool.name == call.name for tool in draft.options.tools)
        if is_clients or call.name not in self.own_tools:
            item_id, told = teller.call(call.call_id, call.name, call.arguments)
            return told
        self._calls[call.call_id] = draft.options
        item_id = self.narrator.new_id("item")
        item = messages.call_item(item_id, call.call_id, call.name, call.arguments, "completed")
        return [
            *self.narrator.created(item_id, item, turn=draft.turn),
            RunTool(call.call_id, call.name, call.arguments),
        ]

    def _take_voice(self, event: VoiceReady, now: float, stamps: dict[str, float]) -> list[Effect]:
        draft = self._draft(event.turn)
        if draft is None or draft.is_voice_done:
            return []
        draft.progressed = now
        draft.is_voice_done = event.is_last
        draft.stamps.take(stamps)
        draft.stamps.mark(stage.FIRST_VOICE, now)
        if not draft.is_committed:
            draft.held.append(event)
            return []
        is_heard = not draft.options.is_out_of_band and draft.hold is None
        sounds = self._sounds(draft) if is_heard else []
        return [*self._queue(draft, event, now), *sounds, *self._advance(draft, now)]

    # The end

    def _advance(self, draft: Draft, now: float) -> list[Effect]:
        """Closes what is complete: the text, the response, the turn."""
        if not draft.is_text_done:
            return []
        teller = draft.teller
        assert teller is not None
        effects = teller.words_done()
        if draft.turn in self._asides:
            if draft.is_empty or draft.is_voice_done:
                effects += self._aside_over(draft)
            return effects
        if draft.is_empty:
            return effects + self._finish(draft, now)
        if draft.is_voice_done:
            effects += self._response_done(draft)
            if draft.is_played or self._queued(draft) == 0:
                return effects + self._finish(draft, now)
            effects += self._go_on(now)
        return effects

    def _response_done(self, draft: Draft) -> list[Effect]:
        """Everything was said."""
        if draft.is_capped:
            return self._close_response(draft, "incomplete", say.incomplete("max_output_tokens"))
        return self._close_response(draft, "completed")

    def _close_response(
        self, draft: Draft, status: str, details: messages.Message | None = None
    ) -> list[Effect]:
        teller = draft.teller
        if teller is None or teller.is_done:
            return []
        if not draft.is_counted and not draft.options.is_out_of_band:
            draft.usage.taken = self._handed
            draft.usage.cached = still_there(self._taken, self._handed)
        if not draft.options.is_out_of_band:
            self._taken = draft.usage.taken
            self._hand(text=draft.usage.tokens)
        return teller.done(status, draft.usage.as_message(), details)

    def _aside_over(self, draft: Draft) -> list[Effect]:
        del self._asides[draft.turn]
        return [EndAside(draft.turn), *self._response_done(draft)]

    def _finish(self, draft: Draft, now: float) -> list[Effect]:
        """The turn was said to its end."""
        teller = draft.teller
        assert teller is not None
        self._drop_live(now)
        self._idle_from = (now, self.gate.pts)
        effects: list[Effect] = []
        if not self._unanswered and not self.gate.is_open and self._has_stray:
            # What was heard under our own voice is its echo, or noise.
            self._close_utterance()
            effects.append(ForgetUtterance())
        return [
            EndTurn(draft.turn, draft.answer),
            *effects,
            *self._response_done(draft),
            *teller.playout_over(),
            *self._report(draft),
            *self.narrator.state("listening"),
            *self._go_on(now),
        ]

    def _let_play_out(self, now: float) -> list[Effect]:
        """A new response is wanted while the end of the one before is still being played."""
        draft = self._live
        if draft is None or not draft.is_done:
            return []
        resumed: list[Effect] = []
        if (hold := draft.hold) is not None:
            if hold.position is None:
                hold.position = self.playback.played_samples(draft.turn)
            resumed = self._resume(now)
            if self._live is not draft:  # nothing was left to play: it has ended
                return resumed
        self._drop_live(now)
        if self._queued(draft) and not draft.is_played:
            self._tails.append(draft)
            del self._tails[:-4]
        return [*resumed, EndTurn(draft.turn, draft.answer), *self._report(draft)]

    # What the layers above put in

    def _go_on(self, now: float) -> list[Effect]:
        """Where functions of ours have run, the model answers with what they gave."""
        return []

    def _decide(self, now: float) -> list[Effect]:
        """Whether the silence so far ends the turn."""
        return []

    def _resume(self, now: float) -> list[Effect]:
        """An answer that was held goes on where it stopped."""
        return []

    def _cut(self, reason: str, now: float, *, is_listening: bool = True) -> list[Effect]:
        """Stop the live turn; the context keeps what was heard of it."""
        draft = self._live
        tails = self._cut_tails(now)
        if draft is None:
            return tails
        return [
            *self._stop(draft, "cancelled", say.cancelled(reason), now),
            *tails,
            *self._report(draft),
            *(self.narrator.state("listening") if is_listening else []),
        ]

    def _fail(self, why: str, now: float) -> list[Effect]:
        """The live turn can't go on."""
        draft = self._live
        assert draft is not None
        return [
            *self._stop(draft, "failed", say.failed(why), now),
            *self._report(draft),
            *self.narrator.state("listening"),
        ]

    def _stop(
        self, draft: Draft, status: str, details: messages.Message, now: float
    ) -> list[Effect]:
        teller = draft.teller
        assert teller is not None
        self._reckon(draft, now)
        self._drop_live(now)
        self._drop_results()
        is_read = not draft.options.has_voice
        heard = draft.answer if is_read else self.playback.heard(draft.turn)
        cut = CancelTurn(draft.turn, heard)
        effects: list[Effect] = self._cut_now()
        if self._is_track:
            effects += [cut, FlushPlayout(draft.turn)]
        elif teller.is_done:
            self._cut_late = cut
        else:
            effects.append(cut)
        effects += teller.playout_cut(self.playback.heard_ms(draft.turn))
        effects += self._close_response(draft, status, details)
        teller.heard_only(heard)
        return effects

    def _cut_tails(self, now: float) -> list[Effect]:
        """The rest of answers that are over is not played either."""
        effects: list[Effect] = []
        tails, self._tails = self._tails, []
        for tail in tails:
            self._reckon(tail, now)
            heard = self.playback.heard(tail.turn)
            if self._is_track and self._live is None:
                effects.append(FlushPlayout(tail.turn))
            if self.abilities.revises:
                effects.append(ReviseTurn(tail.turn, heard))
            if tail.teller is not None:
                effects += tail.teller.playout_cut(self.playback.heard_ms(tail.turn))
                tail.teller.heard_only(heard)
        return effects

    def _drop_results(self) -> None:
        """What functions of ours give is kept, and nothing is said of it."""
        self._calls = dict.fromkeys(self._calls)
        self._result_for = None
        self._recitals.clear()

    def _drop_live(self, now: float) -> None:
        self._live = None
        self._active_at = now
        self._echo_until = self.gate.pts + self._echo_tail

    # Hearing, as far as the end of an answer concerns it

    @property
    def _has_stray(self) -> bool:
        return bool(self._text) or self._stray_pts is not None

    def _close_utterance(self) -> None:
        """The engine's utterance is over, and ours."""
        self._utterance = None
        self._text = self._text_before = ""
        self._stray_pts = None
        self._closed_pts = self.gate.pts
        self._buffer_pts = self.gate.pts
        self.gate.reset()

    def _heard_seconds(self, start_pts: int, end_pts: int) -> float:
        return (end_pts - start_pts) / HEARING_RATE
