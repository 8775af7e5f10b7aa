"""The steps that an engine's thread makes, each for a batch of conversations.

judge   a window through the VAD, and through the sound spotter where there is one
hear    a window through the audio encoder; finished words are owed to the cache
spell   the transcript, searched while nothing more urgent waits
look    a picture through the first half of the vision encoder
lay     its second half, or what is owed into the decoder's first layers
fill    a few positions into its deep layers
note    a word of what it puts a picture into, while nobody wants anything
begin   the head and the first token of an answer
draft   the next words at the first exit, where the model works that way
next    one more token
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import numpy as np

from ..runtime.events import (
    AnswerCounted,
    Head,
    HeadReady,
    PictureSeen,
    SoundHeard,
    StageFailed,
    TokensReady,
    ToolCalled,
    TranscriptChanged,
    VoiceActivity,
)
from ..runtime.frames import Picture, VideoFrame
from ..runtime.protocols import Slot
from ..runtime.sounds import Sound
from .desk import Desk, sentence
from .hearing import Hear
from .overload import Rung
from .place import NOTED_S, SETTLES_S, Begun, Place, Unlaid, is_before
from .sound_spotter import Spotter
from .stepper import Calls, Counts, CountsContext, Drafts, Fills, HasSpan, Lays, Stepper, TakesNotes
from .vad import Vad
from .windows import Window

log = logging.getLogger(__name__)

WAITING_WINDOWS = 100
"""Windows of a slot (3.2 s) that may wait for the VAD, and as many for the encoder."""


class Steps:
    """Steps of one model and one VAD."""

    def __init__(
        self,
        desk: Desk,
        stepper: Stepper,
        vad: Vad,
        spotter: Spotter | None,
        sure: float,
        commit: Callable[[Place, int], None],
    ) -> None:
        """`sure`: the probability from which a window surely is speech. `commit` is called for
        answers that were committed before they could begin."""
        self._desk, self._clock, self._metrics = desk, desk.clock, desk.metrics
        self._spotter, self._sure = spotter, sure
        self._stepper, self._vad, self._commit = stepper, vad, commit
        self._lays = stepper if isinstance(stepper, Lays) else None
        self._fills = stepper if isinstance(stepper, Fills) else None
        self._drafts = stepper if isinstance(stepper, Drafts) else None
        self._notes = stepper if isinstance(stepper, TakesNotes) else None
        self._counts = stepper if isinstance(stepper, Counts) else None
        self._context = stepper if isinstance(stepper, CountsContext) else None
        self._metrics.span = stepper.span if isinstance(stepper, HasSpan) else 0
        self._calls = stepper if isinstance(stepper, Calls) else None
        self._kinds: Mapping[str, Callable[[Sequence[Place]], None]] = {
            "judge": self._judge,
            "hear": self._hear,
            "spell": self._spell,
            "look": self._look,
            "lay": self._lay,
            "fill": self._fill,
            "note": self._note,
            "begin": self._begin,
            "draft": self._draft,
            "next": self._next,
        }

    def make(self, step: str, places: Sequence[Place]) -> None:
        """One step, by its name."""
        self._kinds[step](places)

    # --- audio -----------------------------------------------------------------------------

    def _judge(self, places: Sequence[Place]) -> None:
        """One window of each goes through the VAD."""
        windows = {place.slot: place.cutter.take() for place in places}
        self._metrics.windows += len(places)

        def judge(some: Sequence[Place]) -> list[float]:
            batch = np.stack([windows[place.slot].samples for place in some])  # [B, 512]
            return [float(p) for p in self._vad.judge(_indices(some), batch)]

        for place, probability in self._desk.for_each("vad", places, judge):
            window = windows[place.slot]
            self._desk.tell(place, VoiceActivity(window.end, probability), _arrival(window))
            hear = place.gate.add(window, probability, place.has_shadow)
            self._desk.guard(place, partial(self.follow, place, hear))
            place.may_settle = probability < self._sure
            place.routed.judged += 1
        self._spot(self._desk.alive(places), windows)
        self.settle(places)

    def _spot(self, places: Sequence[Place], windows: Mapping[Slot, Window]) -> None:
        """Sounds besides speech in windows that were judged."""
        spotter = self._spotter
        if spotter is None:
            return

        def spot(some: Sequence[Place]) -> list[tuple[Sound, ...]]:
            batch = np.stack([windows[place.slot].samples for place in some])  # [B, 512]
            return spotter.judge(_indices(some), batch, [windows[p.slot].end for p in some])

        for place, sounds in self._desk.for_each("spot", places, spot):
            window, now = windows[place.slot], self._clock.now()
            for sound in sounds:
                # What was seen before it goes into the context before it.
                if place.picture is not None and is_before(place.picture[0], sound, window):
                    self._look([place])
                place.sound_until = now + NOTED_S
                self._desk.tell(place, SoundHeard(sound, window.end), _arrival(window))
                self._desk.is_urgent = True
            if not sounds and place.may_settle and spotter.is_settling(place.slot.index):
                place.sound_until = max(place.sound_until, now + SETTLES_S)

    def follow(self, place: Place, hear: Hear) -> None:
        """Do what the hearing gate says."""
        if hear.opens:
            place.is_look_due = True
            self._stepper.open_utterance(place.slot.index)
        if hear.forgets:
            self._stepper.forget(place.slot.index)
            place.to_hear.clear()
            if place.text or place.unspelled is not None:
                place.text, place.unspelled = "", None
                self._tell_unlaid(place, None)
                self._desk.tell(place, TranscriptChanged("", hear.pts), {})
        now = self._clock.now()
        place.to_hear.extend((window, now) for window in hear.windows)
        while len(place.to_hear) > WAITING_WINDOWS:
            place.to_hear.popleft()
            self._metrics.dropped_windows += 1

    def _hear(self, places: Sequence[Place]) -> None:
        """One window of each goes through the encoder."""
        windows = {place.slot: place.to_hear.popleft()[0] for place in places}
        self._metrics.encoded += len(places)
        for place in places:
            place.routed.encoded += 1

        def hear(some: Sequence[Place]) -> list[bool]:
            batch = np.stack([windows[place.slot].samples for place in some])  # [B, 512]
            return self._stepper.hear(_indices(some), batch)

        for place, has_changed in self._desk.for_each("hear", places, hear):
            window = windows[place.slot]
            self._owe(place, has_words=True)
            if has_changed:
                place.unspelled = (window.end, _arrival(window))
                place.unspelled_since = place.unspelled_since or self._clock.now()
            if not place.owed:
                place.latents["audio_latents_ready"] = place.laid_at = self._clock.now()
        self.settle(places)

    def _spell(self, places: Sequence[Place]) -> None:
        """What each was understood to say."""
        for place, (event, stamps) in self._desk.for_each("spell", places, self._spelled):
            self._owe(place, has_words=True)
            place.unlaid.append(Unlaid(event, stamps, "audio_latents_ready"))
        self.settle(places)

    def _spelled(self, places: Sequence[Place]) -> list[tuple[TranscriptChanged, dict[str, float]]]:
        found: list[tuple[TranscriptChanged, dict[str, float]]] = []
        for place in places:
            assert place.unspelled is not None
            pts, stamps = place.unspelled
            place.text = self._stepper.transcript(place.slot.index)
            place.unspelled, place.unspelled_since = None, 0.0
            found.append((TranscriptChanged(place.text, pts), stamps))
        return found

    # --- into the cache --------------------------------------------------------------------

    def _lay(self, places: Sequence[Place]) -> None:
        """Some of what each is owed goes into the cache."""
        lays = self._lays
        assert lays is not None
        self._desk.for_each("lay", places, lambda some: lays.lay(_indices(some)))
        self.settle(places)

    def _fill(self, places: Sequence[Place]) -> None:
        """A few positions of each go through the deep layers."""
        fills = self._fills
        assert fills is not None
        self._desk.for_each("fill", places, lambda some: fills.fill(_indices(some)))
        self.settle(places)

    def _note(self, places: Sequence[Place]) -> None:
        """A word of what each puts its picture into."""
        notes = self._notes
        assert notes is not None
        self._desk.for_each("note", places, lambda some: notes.write_note(_indices(some)))
        self.settle(places)

    def _owe(self, place: Place, has_words: bool) -> None:
        """Something came in or went on: how much of it is not in the cache yet?"""
        before, unfilled, index = place.owed, place.unfilled, place.slot.index
        place.owed = self._lays.owed(index) if self._lays is not None else 0
        place.unfilled = self._fills.unfilled(index) if self._fills is not None else 0
        if place.owed > before:
            place.owed_since = place.owed_since if before else self._clock.now()
            place.owes_words = has_words or (place.owes_words and before > 0)
        if place.unfilled > unfilled:
            place.unfilled_since = place.unfilled_since if unfilled else self._clock.now()

    def settle(self, places: Iterable[Place]) -> None:
        """What is in the cache now is told."""
        for place in self._desk.alive(places):
            before = place.owed + place.unfilled
            self._owe(place, has_words=False)
            notes = self._notes
            place.wants_note = notes is not None and notes.wants_note(place.slot.index)
            if not place.owed:
                place.owes_words = False
                if before or not place.laid_at:
                    place.laid_at = self._clock.now()
                self._tell_unlaid(place, place.laid_at)

    def _tell_unlaid(self, place: Place, ready: float | None) -> None:
        """Events that waited for the cache: words for the first layers, which is all that listening
        needs; pictures for all layers. `ready` is when their latents were there; None when an answer
        or a cut came between, so that it can't be said."""
        unlaid, place.unlaid = place.unlaid, []
        for one in unlaid:
            if ready is not None and place.unfilled and isinstance(one.event, PictureSeen):
                place.unlaid.append(one)
                continue
            if ready is not None:
                place.latents[one.ready] = ready
                one.stamps[one.ready] = ready
            self._desk.tell(place, one.event, one.stamps)

    # --- pictures --------------------------------------------------------------------------

    def _look(self, places: Sequence[Place]) -> None:
        """The pictures that wait are converted and go through the encoder."""
        pixels: dict[Slot, Picture] = {}
        taken: dict[Slot, tuple[VideoFrame, float]] = {}
        ready: list[Place] = []
        for place in places:
            picture, place.picture = place.picture, None
            assert picture is not None
            place.looked, place.is_look_due = self._clock.now(), False
            try:
                pixels[place.slot] = picture[0].pixels.rgb(*self._stepper.picture_size)
            except Exception as error:  # one bad picture is no reason to end a conversation
                log.exception("a picture can't be converted", extra={"slot": place.slot.index})
                self._desk.tell(place, StageFailed("camera", sentence(error), is_fatal=False), {})
                continue
            taken[place.slot] = picture
            ready.append(place)

        def look(some: Sequence[Place]) -> list[bool]:
            batch = np.stack([pixels[place.slot] for place in some])  # [B, H, W, 3]
            return self._stepper.look(_indices(some), batch)

        for place, has_changed in self._desk.for_each("look", ready, look):
            frame, dequeued = taken[place.slot]
            self._metrics.pictures += 1
            self._metrics.unchanged_pictures += not has_changed
            place.routed.looked(is_new=has_changed)
            self._owe(place, has_words=False)
            event = PictureSeen(frame.pts, has_changed)
            stamps = {"arrived": frame.arrived, "dequeued": dequeued}
            if not place.owed:
                place.laid_at = self._clock.now()
            place.unlaid.append(Unlaid(event, stamps, "picture_latents_ready"))
        self.settle(places)

    # --- answers ---------------------------------------------------------------------------

    def _begin(self, places: Sequence[Place]) -> None:
        """Head and first token of new answers; then what was understood of their questions, which
        is told before them."""
        before, commits = self._clock.now(), [p for p in places if p.is_commit_wanted]
        told: dict[Slot, int] = {}
        for place in places:
            # What is still owed goes in with the answer's own first pass: it is part of its cost.
            self._tell_unlaid(place, None)
            told[place.slot] = self._desk.untold(place)
        for place, (head, confidence) in self._desk.for_each("begin", places, self._begin_batch):
            start = place.start
            assert start is not None
            now = self._clock.now()
            place.start = None
            place.answer = Begun(start.turn, start.asked, now, head is Head.ANSWER)
            place.answer.cost_s = (now - before) / len(places)
            place.gate.begin()
            self._metrics.shadows += 1
            stamps = {**place.latents, "asked": start.asked, "head_ready": now}
            context = self._context
            taken = None if context is None else context.taken(place.slot.index)
            if taken is not None:
                self._metrics.positions[place.slot.index] = taken.total
            self._desk.tell(place, HeadReady(start.turn, head, confidence, taken), stamps)
        if self._desk.ladder.rung < Rung.SHADOWS:
            self._next([place for place in self._desk.alive(places) if place.is_answering])
        unspelled = [p for p in self._desk.alive(places) if p.unspelled is not None]
        for place, (event, stamps) in self._desk.for_each("spell", unspelled, self._spelled):
            self._desk.tell(place, event, stamps, at=told[place.slot])
        for place in self._desk.alive(commits):
            place.is_commit_wanted = False
            if place.answer is not None:
                self._desk.guard(place, partial(self._commit, place, place.answer.turn))
        self.settle(places)
        self._desk.is_urgent = True

    def _begin_batch(self, places: Sequence[Place]) -> list[tuple[Head, float]]:
        texts = [place.start.question if place.start else None for place in places]
        return self._stepper.begin(_indices(places), texts)

    def _next(self, places: Sequence[Place]) -> None:
        """The next token of answers under way."""
        before = self._clock.now()
        for place, (text, is_last) in self._desk.for_each(
            "next", places, lambda some: self._stepper.next(_indices(some))
        ):
            answer = place.answer
            assert answer is not None
            stamps: dict[str, float] = {}
            now = self._clock.now()
            if not answer.said:
                answer.first_token = now
                self._desk.is_urgent = True
                stamps = {
                    **place.latents,
                    "asked": answer.asked,
                    "head_ready": answer.head_ready,
                    "first_token": now,
                }
            answer.said += 1
            answer.cost_s += (now - before) / len(places)
            answer.is_open = not is_last
            answer.wants_draft = self._drafts is not None and self._drafts.wants_draft(
                place.slot.index
            )
            self._metrics.tokens += 1
            if is_last and self._calls is not None:
                self._tell_call(place, answer, self._calls.call(place.slot.index))
            self._desk.tell(place, TokensReady(answer.turn, text, is_last), stamps)
            if is_last:
                self._count_answer(place, answer)
        self.settle(places)

    def _draft(self, places: Sequence[Place]) -> None:
        """Words of answers under way that the deep layers will verify."""
        drafts, before = self._drafts, self._clock.now()
        assert drafts is not None
        for place, _ in self._desk.for_each(
            "draft", places, lambda some: drafts.draft(_indices(some))
        ):
            answer = place.answer
            assert answer is not None
            answer.cost_s += (self._clock.now() - before) / len(places)
            answer.wants_draft = drafts.wants_draft(place.slot.index)

    def _tell_call(self, place: Place, answer: Begun, call: tuple[str, str] | None) -> None:
        """The answer calls a function: told before its last token."""
        if call is not None:
            name, arguments = call
            call_id = f"call_{place.slot.index}_{place.slot.generation}_{answer.turn}"
            self._desk.tell(place, ToolCalled(answer.turn, call_id, name, arguments), {})

    def _count_answer(self, place: Place, answer: Begun) -> None:
        counts = {**place.wasted, **place.routed.take()}
        if self._counts is not None:
            counts |= self._counts.counts(place.slot.index)
        place.wasted = {}
        self._desk.tell(place, AnswerCounted(answer.turn, counts), {})


def _indices(places: Sequence[Place]) -> list[int]:
    return [place.slot.index for place in places]


def _arrival(window: Window) -> dict[str, float]:
    return {"arrived": window.arrived, "dequeued": window.dequeued}
