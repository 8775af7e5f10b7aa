"""What a client asks for: answers, in and outside of the conversation, and their end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from . import messages
from . import response_messages as say
from .drafts import Draft
from .effects import Effect, Emit, EndAside, StartAside
from .errors import BadInput
from .events import AnswerRequested, AsideFailed, CancelRequested
from .function_results import FunctionResults
from .item_input import EncodedPicture
from .narrator import Narrator
from .response_options import ItemReference, ResponseOptions, session_options
from .session_state import words_in

MAX_ASIDES = 4
"""Answers outside of the conversation at once."""


class ClientRequests(FunctionResults):
    """Answers on request."""

    def _begin(self) -> None:
        super()._begin()
        self._asked: AnswerRequested | None = None  # waits for pictures

    def _answer_requested(self, event: AnswerRequested, now: float) -> list[Effect]:
        options = event.options or session_options(self.config)
        if event.metadata is not None:
            options = replace(options, metadata=event.metadata)
        try:
            if options.is_out_of_band:
                return self._start_aside(options, now)
            return self._start_response(event, options, now)
        except BadInput as error:
            return [Narrator.bad(error, event.event_id)]

    def _start_response(
        self, event: AnswerRequested, options: ResponseOptions, now: float
    ) -> list[Effect]:
        if self._is_responding or self._asked is not None:
            raise BadInput(
                "an answer is being given already: cancel it first",
                code="conversation_already_has_active_response",
            )
        self._check_options(options)
        if self.is_looking:
            self._asked = event
            return []
        able = self.abilities
        if self._typed:
            return self._answer_typed("\n".join(self._typed.values()), options, now)
        if self._unanswered:
            return self._answer_spoken(options, now)
        utterance = self._utterance
        if utterance is not None and self.rules.listens:
            utterance.is_closed = True
            utterance.wish = options
            return self._retract("asked") + self._decide(now)
        if able.history or able.instructions:
            return [*self._let_play_out(now), *self._answer_now(None, options, None, now)]
        if self._recitals and (said := self._recite(options, now)):
            return said
        if self._live is not None:
            raise BadInput(
                "an answer is still being played and nothing new was asked",
                code="conversation_already_has_active_response",
            )
        raise BadInput(
            "there is nothing new to answer: say something or create an item first",
            code="nothing_to_answer",
        )

    def _check_options(self, options: ResponseOptions) -> None:
        able = self.abilities
        if options.input is not None and not options.is_out_of_band:
            raise BadInput(
                "this model answers the conversation itself: create items, or ask with "
                'conversation "none"',
                code="unsupported_parameter",
                param="response.input",
            )
        if options.tool_choice not in ("auto", "none") and not able.tools:
            raise BadInput(
                "this model calls no functions: response.tool_choice can be auto and none",
                code="unsupported_value",
                param="response.tool_choice",
            )
        own = session_options(self.config).voice
        able.check_voice(options.voice, own, "response.audio.output.voice")

    def _answer_typed(self, text: str, options: ResponseOptions | None, now: float) -> list[Effect]:
        """A typed question is a whole turn: it ends what is being said, by us or to us."""
        self._continuations = 0
        asked = next(reversed(self._typed), None)
        for item_id in self._typed:
            if (kept := self.narrator.items.get(item_id)) is not None:
                kept.turn = self._turn + 1
        self._typed.clear()
        effects = self._let_play_out(now) if options is not None else []
        effects += self._cut("client_cancelled", now, is_listening=False) if not effects else []
        if self._utterance is not None and self.rules.listens:
            effects += self._forget("typed instead", now)
        effects += self._retract("typed") + self._settle()
        self._unanswered.clear()
        self._hand(text=words_in(text))
        return [*effects, *self._answer_now(text, options, asked, now)]

    def _answer_spoken(self, options: ResponseOptions, now: float) -> list[Effect]:
        """What was committed is answered: with the shadow, where it is what was asked for."""
        asked = self._unanswered[-1].item_id
        for spoken in self._unanswered:
            kept = self.narrator.items.get(spoken.item_id)
            if kept is not None:
                kept.turn = self._turn if self._shadow is not None else self._turn + 1
        effects = self._let_play_out(now)
        shadow = self._shadow
        is_told = self.abilities.instructions or self.abilities.tools  # how to answer
        if (
            shadow is not None
            and not is_told
            and not shadow.calls  # which other options may forbid
            and shadow.options.has_voice == options.has_voice
            and shadow.options.max_tokens == options.max_tokens
        ):
            self._shadow = None
            shadow.options = options
            return effects + self._after_spoken(self._go_live(shadow, now, [], asked))
        effects += self._retract("asked")
        return effects + self._after_spoken(self._answer_now(None, options, asked, now))

    def _after_spoken(self, live: list[Effect]) -> list[Effect]:
        """The engine's utterance is closed by the answer; ours too, if there is one."""
        draft = self._live
        if draft is None or draft.head is not None:
            live += self._settle()
        self._unanswered = [spoken for spoken in self._unanswered if not spoken.is_settled]
        if self._utterance is None:
            text_before = self._text_before
            self._close_utterance()
            self._text_before = text_before if self._unanswered else ""
        return live

    def _idle_turn(self, now: float) -> list[Effect]:
        """Nobody spoke for as long as the client allows: that silence is answered."""
        idle = self._idle_from
        assert idle is not None
        self._idle_from = None
        item_id = self.narrator.new_id("item")
        start_ms, end_ms = (pts * 1000 // 16_000 for pts in (idle[1], self.gate.pts))
        return [
            Emit(messages.timeout_triggered(item_id, start_ms, end_ms)),
            *self.narrator.committed(item_id, self._turn + 1),
            *self.narrator.transcribed(item_id, "", (end_ms - start_ms) / 1000),
            *self._answer_now(None, None, item_id, now),
        ]

    # Cancelling

    def _cancel_requested(self, event: CancelRequested, now: float) -> list[Effect]:
        live, wanted = self._live, event.response_id
        if wanted is not None:
            for aside in self._asides.values():
                if aside.teller is not None and aside.teller.response_id == wanted:
                    return self._drop_aside(aside, "cancelled", say.cancelled("client_cancelled"))
            if live is None or live.teller is None or live.teller.response_id != wanted:
                return self._nothing_to_cancel(event)
        if live is not None and (self._is_track or not live.is_done):
            return self._cut("client_cancelled", now)
        if self._asked is not None:
            self._asked = None
            return []
        if self._tails and self._is_track:
            return self._cut_tails(now)
        if wanted is None and any(self._calls.values()):
            self._drop_results()  # the answer goes on when they have run: not any more
            return []
        return self._nothing_to_cancel(event)

    def _nothing_to_cancel(self, event: CancelRequested) -> list[Effect]:
        if event.is_quiet:
            return []
        return [
            Narrator.error(
                "Cancellation failed: no answer is being given",
                "response_cancel_not_active",
                event_id=event.event_id,
            )
        ]

    # Outside of the conversation

    def _start_aside(self, options: ResponseOptions, now: float) -> list[Effect]:
        self._check_options(options)
        if options.input is None:
            raise BadInput(
                "an answer outside of the conversation needs its own input here: give "
                "response.input",
                code="unsupported_parameter",
                param="response.conversation",
            )
        if options.has_voice and self._is_track:
            raise BadInput(
                "an answer outside of the conversation can't be spoken over the track: ask for "
                "output_modalities ['text']",
                code="unsupported_value",
                param="response.output_modalities",
            )
        if len(self._asides) >= MAX_ASIDES:
            raise BadInput(
                f"{MAX_ASIDES} answers outside of the conversation are under way: wait for one",
                code="too_many_responses",
            )
        text, pictures = self._aside_input(options)
        draft = self._new_draft(now, options)
        draft.is_committed = True
        draft.teller = self.narrator.response(draft.turn, options)
        draft.usage.taken = replace(draft.usage.taken, text=words_in(text), image=len(pictures))
        self._asides[draft.turn] = draft
        self._active_at = now
        return [
            StartAside(draft.turn, text, pictures, options),
            *draft.teller.began(is_eager=True),
        ]

    def _aside_input(self, options: ResponseOptions) -> tuple[str, tuple[EncodedPicture, ...]]:
        texts: list[str] = []
        pictures: list[EncodedPicture] = []
        for index, entry in enumerate(options.input or ()):
            where = f"response.input[{index}]"
            if isinstance(entry, ItemReference):
                kept = self.narrator.items.get(entry.item_id)
                if kept is None:
                    raise BadInput(
                        f"there is no item {entry.item_id!r} to refer to",
                        code="item_reference_invalid_item_id",
                        param=f"{where}.id",
                    )
                if kept.is_answer:
                    raise BadInput(
                        f"{where} is an answer: this model takes in only what the user said",
                        code="unsupported_item",
                        param=where,
                    )
                texts.append(_words_of(kept.item))
                continue
            if entry.role != "user" or entry.audio is not None:
                raise BadInput(
                    f"{where} can't be used: texts and pictures of the user can",
                    code="unsupported_item",
                    param=where,
                )
            texts.append(entry.text)
            pictures.extend(entry.pictures)
        if len(pictures) > self.abilities.pictures:
            raise BadInput(
                f"response.input has {len(pictures)} pictures: this model looks at "
                f"{self.abilities.pictures} at a time",
                code="unsupported_content",
                param="response.input",
            )
        text = "\n".join(part for part in texts if part)
        if not text:
            raise BadInput(
                "response.input has no words to answer",
                code="nothing_to_answer",
                param="response.input",
            )
        return text, tuple(pictures)

    def _aside_failed(self, event: AsideFailed) -> list[Effect]:
        aside = self._asides.get(event.turn)
        if aside is None:
            return []
        told = Narrator.error(event.why, event.code, kind="server_error")
        return [*self._drop_aside(aside, "failed", say.failed(event.why)), told]

    def _drop_aside(self, aside: Draft, status: str, details: messages.Message) -> list[Effect]:
        del self._asides[aside.turn]
        return [EndAside(aside.turn), *self._close_response(aside, status, details)]


def _words_of(item: Mapping[str, object]) -> str:
    """The texts and transcripts of an item."""
    parts = item.get("content")
    texts: list[str] = []
    # Items are made by us: their content is a list of objects.
    for part in cast(list[Mapping[str, object]], parts) if isinstance(parts, list) else []:
        texts.append(str(part.get("text") or part.get("transcript") or ""))
    return "\n".join(text for text in texts if text)
