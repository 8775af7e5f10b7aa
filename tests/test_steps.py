"""Steps are short: what is long goes in piece by piece, and what can wait does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from models_fakes import WritingStepper, picture, windows
from test_worker import ONE, TWO, Bench

from visavis.models.orders import Commit
from visavis.models.place import GROUP, REST
from visavis.models.stepper import Drafts, Fills, Lays, Pictures, TakesNotes
from visavis.runtime.events import (
    HeadReady,
    PictureSeen,
    TokensReady,
    TranscriptChanged,
    VoiceActivity,
)

PICTURE = 36
PIECE = 9


class Piecewise(WritingStepper):
    """A picture is 36 positions, a heard window one; words are drafted in a step of their own, and
    what is seen is noted in three."""

    def __init__(self, words: int = 3) -> None:
        super().__init__(words=words)
        self.owing = [0] * self.slots
        self.lacking = [0] * self.slots
        self.is_drafted = [False] * self.slots
        self.noting = [0] * self.slots

    def reset(self, slot: int) -> None:
        super().reset(slot)
        self.owing[slot] = self.lacking[slot] = self.noting[slot] = 0

    def hear(self, slots: Sequence[int], windows: npt.NDArray[np.float32]) -> list[bool]:
        for slot in slots:
            self.owing[slot] += 1
        return super().hear(slots, windows)

    def look(self, slots: Sequence[int], pictures: Pictures) -> list[bool]:
        for slot in slots:
            self.owing[slot] += PICTURE
            self.noting[slot] = 3
        return super().look(slots, pictures)

    def transcript(self, slot: int) -> str:
        self._note("spell", slot)
        return super().transcript(slot)

    def owed(self, slot: int) -> int:
        return self.owing[slot]

    def lay(self, slots: Sequence[int]) -> list[int]:
        self._note("lay", tuple(slots))
        for slot in slots:
            self.lacking[slot] += self.owing[slot]
            self.owing[slot] = 0
        return [0] * len(slots)

    def unfilled(self, slot: int) -> int:
        return self.lacking[slot]

    def fill(self, slots: Sequence[int]) -> list[int]:
        self._note("fill", tuple(slots))
        for slot in slots:
            self.lacking[slot] = max(0, self.lacking[slot] - PIECE)
        return [self.lacking[slot] for slot in slots]

    def begin(self, slots: Sequence[int], texts: Sequence[str | None]) -> list[object]:  # type: ignore[override]
        for slot in slots:
            self.owing[slot] = self.lacking[slot] = 0
            self.is_drafted[slot] = True  # the first word needs no draft
        return [*super().begin(slots, texts)]

    def wants_draft(self, slot: int) -> bool:
        return not self.is_drafted[slot]

    def draft(self, slots: Sequence[int]) -> list[bool]:
        self._note("draft", tuple(slots))
        for slot in slots:
            self.is_drafted[slot] = True
        return [True] * len(slots)

    def next(self, slots: Sequence[int]) -> list[tuple[str, bool]]:
        assert all(self.is_drafted[slot] for slot in slots)
        for slot in slots:
            self.is_drafted[slot] = False
        return super().next(slots)

    def wants_note(self, slot: int) -> bool:
        return self.noting[slot] > 0 and not self.owing[slot]

    def write_note(self, slots: Sequence[int]) -> list[bool]:
        self._note("note", tuple(slots))
        for slot in slots:
            self.noting[slot] -= 1
        return [self.noting[slot] > 0 for slot in slots]


def bench(words: int = 3) -> tuple[Bench, Piecewise]:
    stepper = Piecewise(words)
    for kind in (Lays, Fills, Drafts, TakesNotes):
        assert isinstance(stepper, kind)
    found = Bench(stepper=stepper)
    stepper.calls.clear()
    return found, stepper


def only(calls: Sequence[object], *names: str) -> list[object]:
    return [call for call in calls if call in names]


def test_a_picture_goes_in_piece_by_piece_and_is_told_when_all_layers_have_it() -> None:
    one, _ = bench()
    one.inbox.put_picture(ONE, picture(9))
    assert one.tick(2) == ["look", "lay"]
    assert one.tick(2) == ["fill"] * 2
    one.clock.advance(0.003)  # what waits to be told is told
    assert one.tick() == ["fill"]
    assert one.events(ONE, PictureSeen) == []
    assert one.tick() == ["fill"]
    one.all()
    (told,) = [
        d for post in one.posts for d in post.get(ONE, []) if isinstance(d.event, PictureSeen)
    ]
    assert "picture_latents_ready" in told.stamps


def test_an_answer_waits_for_the_picture_before_it_in_short_steps_that_others_come_between() -> (
    None
):
    one, _ = bench()
    one.inbox.put_picture(ONE, picture(9))
    one.tick()
    one.start(ONE, 1)
    one.order(Commit(ONE, 1))
    one.start(TWO, 1)
    one.order(Commit(TWO, 1))
    calls = one.all()
    kept = only(calls, "lay", "fill", "begin")
    assert kept[:7] == ["begin", "lay", "fill", "fill", "fill", "fill", "begin"]
    begun = [call[1] for call in one.stepper.calls if call[0] == "begin"]
    assert begun == [(1,), (0,)], "the other conversation does not wait for this one's picture"
    names = [type(event).__name__ for event in one.events(ONE)]
    assert names.index("PictureSeen") < names.index("HeadReady")


def test_little_that_is_missing_goes_in_with_the_answers_first_pass() -> None:
    one, stepper = bench()
    stepper.lacking[0] = REST
    one.inbox.put_audio(TWO, windows(0, [0.0]))
    one.start(ONE, 1)
    assert only(one.all(), "lay", "fill", "begin") == ["begin"]


def test_what_is_said_waits_for_the_deep_layers_until_it_is_a_group_or_there_is_silence() -> None:
    one, stepper = bench()
    one.inbox.put_audio(ONE, windows(0, [0.9] * (GROUP - 1)))
    assert only(one.all(), "fill") == []
    assert stepper.lacking[0] == GROUP - 1
    one.inbox.put_audio(ONE, windows(512 * (GROUP - 1), [0.9]))
    assert only(one.all(), "fill") == ["fill"]
    assert stepper.lacking[0] == 0
    one.inbox.put_audio(ONE, windows(512 * GROUP, [0.9]))
    assert only(one.all(), "fill") == []
    one.inbox.put_audio(ONE, windows(512 * (GROUP + 1), [0.0]))
    assert only(one.all(), "fill") == ["fill"]
    assert stepper.lacking[0] == 0


def test_what_was_understood_is_told_before_the_answer_to_it_and_searched_behind_it() -> None:
    one, _ = bench()
    one.inbox.put_audio(ONE, windows(0, [0.9, 0.9]))
    one.start(ONE, 1, text=None)
    one.order(Commit(ONE, 1))
    calls = only(one.all(), "hear", "begin", "next", "spell")
    assert calls[:5] == ["hear", "hear", "begin", "next", "spell"]
    told = [e for e in one.events(ONE) if not isinstance(e, VoiceActivity)]
    kinds = [type(event) for event in told]
    assert kinds[:3] == [TranscriptChanged, HeadReady, TokensReady]
    assert told[0] == TranscriptChanged("2 windows", 1024)


def test_words_are_drafted_before_they_are_verified() -> None:
    one, _ = bench(words=4)
    one.start(ONE, 1)
    one.order(Commit(ONE, 1))
    expected = ["begin", "next", "draft", "next", "draft", "next", "draft", "next"]
    assert only(one.all(), "begin", "next", "draft") == expected


def test_notes_are_written_when_nothing_else_is_to_be_done() -> None:
    one, stepper = bench()
    one.inbox.put_picture(ONE, picture(9))
    one.tick(6)  # looked at, laid, filled
    one.start(TWO, 1)
    assert one.tick() == ["begin", "next"]
    calls = one.all()
    assert calls[-3:] == ["note"] * 3
    assert stepper.noting[0] == 0
