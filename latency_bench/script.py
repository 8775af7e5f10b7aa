"""What the scripted person says and does, turn by turn. Plain data; the same seed, the same script.

Five kinds of turns: a question in one breath, a question with natural pauses inside, a question put
into an answer (barge-in), and two that do not interrupt: a cough, a knock or a cleared throat during
an answer, and a listener's "mhm". A question is parts of speech with pauses between them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from .pictures import Thing

PAUSE_MS = (250, 600)
"""How long people pause in the middle of a question."""
LATEST_CUT_MS = 700
"""A barge-in begins at the latest so long after the first sound of the answer."""


class Kind(StrEnum):
    """What a turn is a measurement of."""

    PLAIN = "plain"
    PAUSED = "paused"
    BARGE_IN = "barge_in"
    NOISE = "noise"
    BACK_CHANNEL = "back_channel"


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One thing the person does.

    PLAIN and PAUSED say `parts`. BARGE_IN and BACK_CHANNEL say them `after_ms` after the first sound of
    an answer that `opener` asks for; NOISE makes a short noise then and says nothing else.
    """

    kind: Kind
    parts: tuple[str, ...] = ()
    pauses_ms: tuple[int, ...] = ()
    """Between the parts: one fewer."""
    scene: tuple[Thing, ...] = ()
    expected: tuple[str, ...] = ()
    """The answer is right when it has one of these words; nothing is judged when empty."""
    opener: tuple[str, ...] = ()
    after_ms: int = 0
    noise: str = ""
    voice: str = ""
    """The espeak-ng voice that speaks."""

    @property
    def question(self) -> str:
        """All of it in one line."""
        return " … ".join(self.parts)


VOICES = ("en-us", "en-gb-x-rp", "en-us+m3", "en-us+f2", "en-gb-scotland+m1", "en-us+f4")

Asked = tuple[tuple[str, ...], tuple[Thing, ...], tuple[str, ...]]
"""Parts (where one may pause), what the camera shows, words of a right answer."""

OPENER = ("what can you do",)
"""Answered at length, so that there is something to interrupt."""

_THREE = tuple(Thing("circle", "blue", x, 0.5, 0.25) for x in (0.2, 0.5, 0.8))
_TWO = tuple(Thing("square", "green", x, 0.5, 0.3) for x in (0.3, 0.7))
_PAIR = (Thing("circle", "red", 0.24, 0.5, 0.34), Thing("square", "blue", 0.76, 0.5, 0.34))

QUESTIONS: tuple[Asked, ...] = (
    (("what colour", "is this"), (Thing("circle", "red"),), ("red",)),
    (("how many", "circles do you see"), _THREE, ("three",)),
    (("what shape", "is this"), (Thing("square", "blue"),), ("square",)),
    (("what is", "on the left"), _PAIR, ("circle",)),
    (("what colour", "is the square"), (Thing("square", "green"),), ("green",)),
    (("is there", "a red circle"), _PAIR, ("yes",)),
    (("what do", "you see"), (Thing("triangle", "yellow"),), ("triangle",)),
    (("how many", "are there"), _TWO, ("two",)),
    (("tell me", "the colour of this"), (Thing("diamond", "purple"),), ("purple",)),
    (("what", "is the shape"), (Thing("circle", "black"),), ("circle",)),
)
NOISES = ("cough", "knock", "throat")
NODS = ("mhm", "uh huh", "mm", "yeah", "okay", "right", "i see", "oh", "hmm")
"""Back-channels: what a listener says to say that they listen."""
_BLIND = ("can't", "cannot")


def script(
    turns: int,
    *,
    seed: int = 1,
    has_camera: bool = True,
    is_judged: bool = True,
    only: Sequence[Kind] = (),
) -> list[Turn]:
    """`turns` turns: of ten, three plain, three with pauses, two barge-ins, a noise and a
    back-channel; or those kinds in `only`, one after the other.

    Without a camera the right answer is that nothing can be seen. `is_judged` False: no answer is
    right or wrong (nothing that understands is being asked).
    """
    dice = random.Random(seed)
    kinds = tuple(only) or (
        Kind.PLAIN, Kind.PAUSED, Kind.BARGE_IN, Kind.PLAIN, Kind.PAUSED,
        Kind.NOISE, Kind.PLAIN, Kind.PAUSED, Kind.BARGE_IN, Kind.BACK_CHANNEL,
    )  # fmt: skip
    order = list(QUESTIONS)
    chosen: list[Turn] = []
    for number in range(turns):
        if number % len(order) == 0:
            dice.shuffle(order)
        asked = order[number % len(order)]
        chosen.append(_turn(kinds[number % len(kinds)], asked, dice, has_camera, is_judged))
    return chosen


def _turn(kind: Kind, asked: Asked, dice: random.Random, has_camera: bool, judged: bool) -> Turn:
    parts, scene, right = asked
    voice = dice.choice(VOICES)
    scene = scene if has_camera else ()
    expected: Sequence[str] = (right if has_camera else _BLIND) if judged else ()
    match kind:
        case Kind.PLAIN:
            whole = (" ".join(parts),)
            return Turn(kind=kind, parts=whole, scene=scene, expected=tuple(expected), voice=voice)
        case Kind.PAUSED:
            return Turn(
                kind=kind,
                parts=parts,
                pauses_ms=tuple(dice.randint(*PAUSE_MS) for _ in parts[1:]),
                scene=scene,
                expected=tuple(expected),
                voice=voice,
            )
        case Kind.BARGE_IN:
            return Turn(
                kind=kind,
                parts=(" ".join(parts),),
                scene=scene,
                expected=tuple(expected),
                opener=OPENER,
                after_ms=dice.randint(300, LATEST_CUT_MS),
                voice=voice,
            )
        case Kind.NOISE:
            return Turn(
                kind=kind,
                scene=scene,
                opener=OPENER,
                after_ms=dice.randint(300, LATEST_CUT_MS),
                noise=dice.choice(NOISES),
                voice=voice,
            )
        case Kind.BACK_CHANNEL:
            return Turn(
                kind=kind,
                parts=(dice.choice(NODS),),
                scene=scene,
                opener=OPENER,
                after_ms=dice.randint(300, LATEST_CUT_MS),
                voice=voice,
            )
