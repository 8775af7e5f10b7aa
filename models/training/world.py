"""What a question may be about besides the picture at hand: pictures before it, sounds, the last
question. Facts only; how they are answered is in `recalling`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .intents import Intent
from .scenes import Item, Scene, place_of
from .wording import DIGITS


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound that is not speech: a kind of SOUNDS, loud or soft, high or low (a clap is neither),
    and during which picture it was heard, counted from the first."""

    kind: str
    level: str
    pitch: str | None
    during: int = 0


@dataclass(frozen=True, slots=True)
class World:
    """All that an answer may rest on. `scene` is None while the camera is off; `before` are the
    pictures that were put into notes, oldest first; `asked` is what the last question meant, and
    `is_hedged` whether its answer said "maybe"."""

    scene: Scene | None
    before: tuple[Scene, ...] = ()
    sounds: tuple[Sound, ...] = ()
    asked: Intent | None = None
    is_hedged: bool = False


def is_memorable(scene: Scene | None) -> bool:
    """Whether a picture is worth a note that stays: there is something in it."""
    return scene is not None and bool(scene.items or scene.card)


def by_reading(items: Sequence[Item]) -> list[Item]:
    """Left to right, and top to bottom where two are in the same column."""
    return sorted(items, key=lambda item: (round(item.x * 8), item.y))


def note_words(scene: Scene) -> tuple[str, ...]:
    """A picture in the words of a note: each thing's colour, shape and, where it has one, place."""
    if scene.is_dark:
        return ("dark",)
    if scene.card is not None:
        symbol = scene.card.symbol
        return ("number", DIGITS[int(symbol)]) if symbol.isdigit() else ("letter", symbol)
    words: list[str] = []
    for item in by_reading(scene.items):
        place = place_of(item)
        words += [item.color, item.shape] if place is None else [item.color, item.shape, place]
    return tuple(words) or ("nothing",)


def sound_words(sound: Sound) -> tuple[str, ...]:
    """A sound as the model is told of it: "loud high beep", "soft clap"."""
    return tuple(word for word in (sound.level, sound.pitch, sound.kind) if word is not None)
