"""What the event loop may order of an engine's thread, as facts; and what the thread counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ..runtime.protocols import Slot
from ..runtime.sounds import Sound
from ..runtime.tools import Recital


@dataclass(frozen=True, slots=True)
class Open:
    """A new conversation has the slot."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class Close:
    """The conversation is over."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class Camera:
    """The camera goes on or off."""

    slot: Slot
    is_on: bool


@dataclass(frozen=True, slots=True)
class Start:
    """Begin an answer; `asked` is when the runtime wanted it (monotonic seconds)."""

    slot: Slot
    turn: int
    text: str | None
    tail_pts: int | None
    asked: float
    is_recited: bool = False
    """The answer is to say `text` as it stands."""

    @classmethod
    def of(cls, slot: Slot, turn: int, text: str | None, tail: int | None, asked: float) -> Start:
        """As the engine is asked for it; the order holds plain values only."""
        plain = None if text is None else str(text)
        return cls(slot, turn, plain, tail, asked, isinstance(text, Recital))

    @property
    def question(self) -> str | None:
        """`text` as the engine was given it."""
        text = self.text
        return Recital(text) if self.is_recited and text is not None else text


@dataclass(frozen=True, slots=True)
class Retract:
    """Drop a shadow."""

    slot: Slot
    turn: int


@dataclass(frozen=True, slots=True)
class Commit:
    """The shadow became the turn."""

    slot: Slot
    turn: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cut a turn; the context keeps `heard` of its answer."""

    slot: Slot
    turn: int
    heard: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Drop the utterance in progress."""

    slot: Slot


@dataclass(frozen=True, slots=True)
class TellSound:
    """Tell the model of a sound."""

    slot: Slot
    sound: Sound


@dataclass(frozen=True, slots=True)
class Stop:
    """End the thread."""


@dataclass(frozen=True, slots=True)
class StepUnderWay:
    """What the thread is computing, and since when (monotonic seconds)."""

    step: str
    began: float


Order = Open | Close | Camera | Start | Retract | Commit | Cancel | Forget | TellSound | Stop


@dataclass(slots=True)
class EngineMetrics:
    """Counts since the start. Each is written by one thread and may be read by any."""

    ticks: int = 0
    windows: int = 0
    """Windows the VAD judged."""
    encoded: int = 0
    """Windows the audio encoder heard."""
    pictures: int = 0
    """Pictures that were looked at."""
    unchanged_pictures: int = 0
    """Of those, the ones that showed nothing new: nothing of them went into a cache."""
    tokens: int = 0
    dropped_chunks: int = 0
    """Audio that came faster than the thread took it."""
    dropped_windows: int = 0
    """Audio that came faster than it could be judged or encoded."""
    dropped_pictures: int = 0
    """Replaced by a newer one before the thread took them."""
    outdated_pictures: int = 0
    """Replaced by a newer one while they waited for their turn."""
    undelivered: int = 0
    """Results for a turn or a conversation that was gone when they came."""
    failures: int = 0
    """Conversations ended by an error of the model."""
    exhausted: int = 0
    """Times that the device's memory ran out."""
    vanished: int = 0
    """Conversations whose owner was gone without closing them."""
    refused: int = 0
    """Conversations not taken because of overload."""
    full: int = 0
    """Conversations not taken because no slot was free."""
    slots: int = 0
    """Conversations there is room for."""
    taken: int = 0
    """Of those, the ones that are taken."""
    shadows: int = 0
    """Answers begun before they were committed."""
    wasted_shadows: int = 0
    """Of those, the ones that were dropped."""
    wasted_tokens: int = 0
    wasted_s: float = 0.0
    """Time computing for them."""
    rung: int = 0
    """Of the overload ladder, 0 … 4."""
    climbs: int = 0
    """Steps up the ladder."""
    falls: int = 0
    """Steps down."""
    span: int = 0
    """Positions that the cache of a slot holds; 0 where the model does not say."""
    positions: dict[int, int] = field(default_factory=dict[int, int])
    """By slot index, positions of the cache that were filled when its newest answer began."""
    under_way: StepUnderWay | None = None
    busy_s: float = 0.0
    """Seconds that the thread computed: its own time on the processor."""
    chosen: dict[str, str] = field(default_factory=dict[str, str])
    """What the thread chose when it started, for a person."""
    slowest_s: dict[str, float] = field(default_factory=dict[str, float])
    """By kind of step, the longest that one took."""
    late: Counter[str] = field(default_factory=Counter[str])
    """By kind of work, how often it was done after its deadline."""
    batches: dict[str, Counter[int]] = field(default_factory=dict[str, Counter[int]])
    """For each kind of step, how often it ran for how many slots at once."""

    def count(self, step: str, size: int) -> None:
        """One step of this kind for so many slots."""
        self.batches.setdefault(step, Counter())[size] += 1

    def took(self, step: str, seconds: float, busy_s: float) -> None:
        """One step of this kind took so long, and so much of it was computing."""
        self.busy_s += busy_s
        self.slowest_s[step] = max(seconds, self.slowest_s.get(step, 0.0))
