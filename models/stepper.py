"""What the engine asks of a model: small steps for a batch of slots, on one thread.

The engine decides when and for whom; a stepper computes. It knows no queue, no loop and no turn
number, only slot indices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from ..runtime.events import Head, TokensTaken

Samples = npt.NDArray[np.float32]
Pictures = npt.NDArray[np.uint8]

# Axes: B batch (one row per named slot, each slot at most once), H height, W width.


class SlotFailed(Exception):
    """Of a batched call the first `len(done)` slots are served, with these results; the next one
    can't be (its error is the `__cause__`); those behind it were not touched."""

    def __init__(self, done: Sequence[object]) -> None:
        super().__init__(f"slot number {len(done)} of the batch can't be served")
        self.done = tuple(done)


class Stepper(Protocol):
    """A model with a fixed number of slots. Every method is called on the engine's thread only.

    A batched call that raises has changed no slot's state: the engine then asks again slot by
    slot, so that only the slot that can't be served ends. A model that serves a batch one slot
    after the other raises `SlotFailed`, which says how far it came.
    """

    @property
    def slots(self) -> int:
        """How many conversations fit; slot indices are 0 … slots - 1."""
        ...

    @property
    def picture_size(self) -> tuple[int, int]:
        """Width and height that `look` takes."""
        ...

    def warm_up(self) -> None:
        """Run every kind of step once, so that the first conversation is as fast as the next."""
        ...

    def reset(self, slot: int) -> None:
        """A fresh conversation: nothing was heard, seen or said; the camera is on."""
        ...

    def open_utterance(self, slot: int) -> None:
        """The encoder's state goes to zero and a new utterance's latents begin. The answer to the
        utterance before may still be under way."""
        ...

    def hear(self, slots: Sequence[int], windows: Samples) -> list[bool]:
        """One 32 ms step of the audio encoder; `windows` is [B, 512] in -1..1.

        The latents go to the slot's cache. True where the transcript changed. May be called while
        a shadow runs: the shadow keeps to what was there when it began.
        """
        ...

    def transcript(self, slot: int) -> str:
        """What was understood of the utterance so far."""
        ...

    def look(self, slots: Sequence[int], pictures: Pictures) -> list[bool]:
        """One picture each, [B, H, W, 3] RGB. True where it differs from the one before."""
        ...

    def set_camera(self, slot: int, is_on: bool) -> None:
        """With the camera off the model knows that it sees nothing."""
        ...

    def begin(self, slots: Sequence[int], texts: Sequence[str | None]) -> list[tuple[Head, float]]:
        """Mark the caches and begin shadow answers, to the utterance so far or to a typed text.

        Returns each slot's head and its confidence in 0..1. Whatever the head says, `next` must
        work afterwards: a person who falls silent gets an answer after all.
        """
        ...

    def next(self, slots: Sequence[int]) -> list[tuple[str, bool]]:
        """The next answer token of each slot: its text with leading space, and if it is the last.
        A last token may have an empty text."""
        ...

    def retract(self, slot: int) -> None:
        """Drop the shadow; all that was heard of the utterance stays and goes on."""
        ...

    def commit(self, slot: int) -> None:
        """The shadow becomes the turn and its utterance is closed; `next` may go on with it."""
        ...

    def cancel(self, slot: int, heard: str) -> None:
        """Cut the committed turn: of its answer the cache keeps only `heard`. A new utterance that
        was opened meanwhile is not touched."""
        ...

    def forget(self, slot: int) -> None:
        """Drop the latents of the utterance in progress, and a shadow on it."""
        ...


@runtime_checkable
class Lays(Protocol):
    """A stepper that takes media in at once and lays it into the cache in small pieces, so that
    something more urgent can go between. Attention is causal, so pieces of any size leave the same
    cache. Whatever needs it whole (`begin`) lays what is owed itself."""

    def owed(self, slot: int) -> int:
        """Positions of what came in that are not in the cache yet."""
        ...

    def lay(self, slots: Sequence[int]) -> list[int]:
        """The next few positions of each slot; how many are owed afterwards."""
        ...


@runtime_checkable
class Fills(Protocol):
    """A stepper that lays positions into its first layers and fills the deep ones later, several
    positions at a time: the same cache with fewer passes over the weights. Whatever needs them
    (`begin`) fills what is left itself."""

    def unfilled(self, slot: int) -> int:
        """Positions in the cache that the deep layers have not seen."""
        ...

    def fill(self, slots: Sequence[int]) -> list[int]:
        """The next few positions of each slot; how many are unfilled afterwards."""
        ...


@runtime_checkable
class Drafts(Protocol):
    """A stepper whose `next` is two short steps where words have to be drafted. Whoever asks for the
    next word without the first gets both in one."""

    def wants_draft(self, slot: int) -> bool:
        """The next word of the slot's answer has to be drafted."""
        ...

    def draft(self, slots: Sequence[int]) -> list[bool]:
        """Draft the next words of each slot; True where there was something to draft."""
        ...


@runtime_checkable
class TakesNotes(Protocol):
    """A stepper that puts what it sees into words while nobody speaks, and remembers those."""

    def wants_note(self, slot: int) -> bool:
        """There is something in view that is not in words yet."""
        ...

    def write_note(self, slots: Sequence[int]) -> list[bool]:
        """A short piece of each slot's note; whether more is to come. Anything else that is asked
        of the slot meanwhile goes first and costs the note at most."""
        ...


@runtime_checkable
class Calls(Protocol):
    """A stepper whose answers may call functions in place of being said: their tokens have no text.
    It says which in `abilities`, and takes a `Recital` for a text of `begin`."""

    def call(self, slot: int) -> tuple[str, str] | None:
        """Name and JSON arguments of what the answer calls whose last token was just taken."""
        ...


@runtime_checkable
class TakesSounds(Protocol):
    """A stepper that can be told of sounds besides speech."""

    def tell_sound(self, slot: int, words: str) -> None:
        """From now on these words ("loud high beep") are in the slot's context, behind the picture
        that was looked at last and before what is being said. They ask for no answer; `forget`
        leaves them there. While an answer is under way they wait for its end."""
        ...


@runtime_checkable
class HasSpan(Protocol):
    """A stepper whose slots have caches of a fixed length."""

    @property
    def span(self) -> int:
        """Positions that the cache of a slot holds."""
        ...


@runtime_checkable
class Chooses(Protocol):
    """A stepper that chose how it computes."""

    @property
    def chosen(self) -> Mapping[str, str]:
        """What it chose, for a person."""
        ...


@runtime_checkable
class CountsContext(Protocol):
    """A stepper that can tell what its context is made of."""

    def taken(self, slot: int) -> TokensTaken:
        """Positions of the slot's context, by where they come from."""
        ...


@runtime_checkable
class Counts(Protocol):
    """A stepper that counts what an answer costs."""

    def counts(self, slot: int) -> Mapping[str, int]:
        """Of the newest answer of the slot, named as in docs/engine.md; empty when there is none."""
        ...
