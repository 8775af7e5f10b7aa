"""Notices sounds that are no speech, in all audio of many conversations, as it comes in.

Every 32 ms window is described by two frames (`sound_features`), levels cut the frames into events
(`sound_events`), and a small network of a few hundred numbers says what an event was once it is
over, 48 to 80 ms after its end. It knows no gate, turn or session.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, cast

import numpy as np
import numpy.typing as npt

from ..runtime.errors import WeightsError
from ..runtime.frames import HEARING_RATE, WINDOW
from ..runtime.sounds import Loudness, Pitch, Sound, SoundKind
from .sound_events import Event, EventCutter
from .sound_features import BLOCK, FRAME, HOP, NAMES, Floats, block_powers, hertz

SHIPPED: Final = Path(__file__).parent / "weights" / "sounds.safetensors"
KINDS: Final = tuple(SoundKind)
CLASSES: Final = ("nothing", *KINDS)
"""What the network tells apart."""
LOUD_DB: Final = -28.0
"""Loudest 4 ms, in dB of full scale, from which a sound is loud."""
HIGH_HZ: Final[Mapping[SoundKind, float]] = {
    SoundKind.BEEP: 950.0,
    SoundKind.WHISTLE: 1400.0,
    SoundKind.HUM: 190.0,
}
"""From here on a sound of this kind is high."""

ECHO: Final = HEARING_RATE // 4
"""Samples within which a room's echo of a sound is no sound of its own."""
SOFTER_DB: Final = 8.0
"""How much softer than the sound an echo is at least."""
PAUSE: Final = HEARING_RATE // 8
"""Samples that a whistle or a hum may seem to pause."""
NEAR: Final = 4.0
"""Semitones that its pitch may have moved then."""
PAIR: Final = 0.06
"""Share of the power in a second tone from which a beep is none, unless it is a harmonic."""
HARMONIC: Final = 0.06
"""How far from a whole number the ratio of a harmonic may seem to be."""
BEATS_DB: Final = 4.0
"""Mean change from 4 ms to 4 ms in the middle of a tone from which it is two that beat."""

_WARMING: Floats = np.zeros(HEARING_RATE // 2, np.float32)
_WARMING[4096:6144] = 0.1 * np.sin(np.arange(2048))
_SECOND, _OFF = NAMES.index("second"), NAMES.index("off")

_TENSORS: Final = ("mean", "scale", "weight1", "bias1", "weight2", "bias2", "threshold")


class Spotter(Protocol):
    """Follows several conversations; owned by the engine's thread."""

    def judge(
        self, slots: Sequence[int], windows: Floats, ends: Sequence[int]
    ) -> list[tuple[Sound, ...]]:
        """The next window of each slot ([B, 512] in -1..1, ending at these pts), and the sounds
        that were noticed to be over by it."""
        ...

    def is_settling(self, slot: int) -> bool:
        """A sound of this slot seems to be over, and is not said yet."""
        ...

    def reset(self, slot: int) -> None:
        """The slot's next window begins a new conversation."""
        ...


class SoundNetwork:
    """One hidden layer over an event's summary."""

    def __init__(self, tensors: Mapping[str, npt.NDArray[np.float32]], source: str) -> None:
        """Raises `WeightsError` for tensors that do not fit."""
        hidden = tensors["bias1"].shape[0] if "bias1" in tensors else 0
        wanted = {
            "mean": (len(NAMES),), "scale": (len(NAMES),), "weight1": (len(NAMES), hidden),
            "bias1": (hidden,), "weight2": (hidden, len(CLASSES)), "bias2": (len(CLASSES),),
            "threshold": (len(CLASSES),),
        }  # fmt: skip
        for name in _TENSORS:
            found = tensors[name].shape if name in tensors else None
            if found != wanted[name]:
                raise WeightsError(
                    f"{source}: {name} is {found} and must be {wanted[name]}: reinstall visavis or "
                    "run `make sounds`"
                )
        self._tensors = {name: tensors[name].astype(np.float32) for name in _TENSORS}

    @classmethod
    def load(cls, path: Path = SHIPPED) -> SoundNetwork:
        """Raises `WeightsError` for a file that is missing or damaged."""
        from safetensors import SafetensorError
        from safetensors import numpy as safetensors_numpy

        reader = cast(Any, safetensors_numpy)  # its types are incomplete
        try:
            return cls(reader.load_file(path), str(path))
        except (OSError, SafetensorError) as error:
            raise WeightsError(
                f"{path} can't be read ({error}): reinstall visavis or run `make sounds`"
            ) from error

    @property
    def parameters(self) -> int:
        """How many numbers it has learned."""
        return sum(tensor.size for tensor in self._tensors.values())

    def chances(self, summaries: Floats) -> Floats:
        """Summaries [B, F] -> chances of each class [B, len(CLASSES)]."""
        t = self._tensors
        x = np.clip((summaries - t["mean"]) / t["scale"], -4.0, 4.0)
        logits = np.tanh(x @ t["weight1"] + t["bias1"]) @ t["weight2"] + t["bias2"]
        chances = np.exp(logits - logits.max(axis=1, keepdims=True))
        found: Floats = chances / chances.sum(axis=1, keepdims=True)
        return found

    def name(self, summary: Floats) -> SoundKind | None:
        """What it was, where it surely was something."""
        best, sure = likeliest(self.chances(summary[None]))
        at = int(best[0])
        return KINDS[at - 1] if sure[0] >= self._tensors["threshold"][at] else None


def likeliest(chances: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
    """Chances [B, len(CLASSES)] -> the likeliest kind of each, a place in `CLASSES`, and the chance
    that it is a sound at all: a beep that could be a whistle is no less of a sound."""
    return 1 + chances[:, 1:].argmax(axis=1), 1 - chances[:, 0]


def sound_of(event: Event, kind: SoundKind) -> Sound:
    """An event in words."""
    level = Loudness.LOUD if event.level_db >= LOUD_DB else Loudness.SOFT
    pitch: Pitch | None = None
    if kind in HIGH_HZ:
        heard = hertz(event.voice if kind is SoundKind.HUM else event.tone)
        pitch = Pitch.HIGH if heard >= HIGH_HZ[kind] else Pitch.LOW
    return Sound(kind, level, pitch, event.start_pts, event.end_pts)


class SoundNamer:
    """One conversation: events in order, each to be a sound of its own or none."""

    def __init__(self, network: SoundNetwork) -> None:
        self._network = network
        self._last: tuple[Event, SoundKind] | None = None

    def name(self, event: Event) -> Sound | None:
        """None for what is nothing, and for what is still the sound before it."""
        kind = self._network.name(event.summary)
        if kind is None or (kind is SoundKind.BEEP and _is_pair(event)):
            return None
        last, self._last = self._last, (event, kind)
        if last is not None and _goes_on(*last, event, kind):
            return None
        return sound_of(event, kind)

    def reset(self) -> None:
        """A new conversation."""
        self._last = None


def _is_pair(event: Event) -> bool:
    """Two tones at once, as of a telephone's keys and lines: a second one that is no harmonic, or two
    so close that they beat."""
    second, off = event.summary[_SECOND], event.summary[_OFF]
    return bool(second > PAIR and off > HARMONIC) or event.ripple_db > BEATS_DB


def _goes_on(last: Event, last_kind: SoundKind, event: Event, kind: SoundKind) -> bool:
    """A room gives a beep or a clap back, softer; a whistle or a hum wavers, or a room swallows a
    part of it."""
    gap = event.start_pts - last.end_pts
    is_softer = event.level_db < last.level_db - SOFTER_DB
    if last_kind is SoundKind.CLAP or kind is SoundKind.CLAP:
        return last_kind is kind and gap < ECHO and is_softer
    if last_kind is SoundKind.HUM or kind is SoundKind.HUM:
        return last_kind is kind and gap < PAUSE and abs(event.voice - last.voice) < NEAR
    is_near = abs(event.tone - last.tone) < NEAR
    if last_kind is SoundKind.BEEP:
        return is_near and gap < ECHO and is_softer
    return is_near and gap < PAUSE


class SoundSpotter:
    """Batched over slots on one core."""

    def __init__(self, slots: int, network: SoundNetwork | None = None) -> None:
        """`network` stands in for the shipped one. Raises `WeightsError`."""
        network = network or SoundNetwork.load()
        self._namers = [SoundNamer(network) for _ in range(slots)]
        self._samples: Floats = np.zeros((slots, FRAME - HOP), np.float32)
        self._cutters = [EventCutter() for _ in range(slots)]
        sounds_in(_WARMING, network)  # the first sound costs no more than the next

    def judge(
        self, slots: Sequence[int], windows: Floats, ends: Sequence[int]
    ) -> list[tuple[Sound, ...]]:
        """As the protocol says; each slot at most once in a call."""
        found = self.events(slots, windows, ends)
        return [
            _named(self._namers[slot], events) for slot, events in zip(slots, found, strict=True)
        ]

    def events(
        self, slots: Sequence[int], windows: Floats, ends: Sequence[int]
    ) -> list[list[Event]]:
        """What was over, whatever it was."""
        if windows.shape != (len(slots), WINDOW) or len(ends) != len(slots):
            raise ValueError(
                f"windows are {windows.shape} for {len(slots)} slots: need [B, {WINDOW}]"
            )
        rows = np.asarray(slots, np.intp)
        held = FRAME - HOP
        samples = np.concatenate([self._samples[rows], windows], axis=1)  # [B, 768]
        self._samples[rows] = windows[:, -held:]
        powers = block_powers(windows).tolist()
        per, blocks = WINDOW // HOP, HOP // BLOCK
        found: list[list[Event]] = []
        for row, slot in enumerate(slots):
            cutter, events = self._cutters[slot], list[Event]()
            for at in range(per):
                event = cutter.feed(
                    samples[row, at * HOP : at * HOP + FRAME],
                    powers[row][at * blocks : (at + 1) * blocks],
                    ends[row] - (per - 1 - at) * HOP,
                )
                if event is not None:
                    events.append(event)
            found.append(events)
        return found

    def is_settling(self, slot: int) -> bool:
        """As the protocol says."""
        return self._cutters[slot].is_settling

    def reset(self, slot: int) -> None:
        """Forget what the slot heard."""
        self._samples[slot] = 0.0
        self._cutters[slot].reset()
        self._namers[slot].reset()


def events_in(audio: Floats) -> list[Event]:
    """The events of a whole recording [T] at once: what windows one by one must find, too."""
    audio = audio[: len(audio) // WINDOW * WINDOW].astype(np.float32)
    if not len(audio):
        return []
    padded = np.pad(audio, (FRAME - HOP, 0))
    powers = block_powers(audio[None])[0].tolist()
    blocks, cutter = HOP // BLOCK, EventCutter()
    found = (
        cutter.feed(
            padded[at * HOP : at * HOP + FRAME],
            powers[at * blocks : (at + 1) * blocks],
            (at + 1) * HOP,
        )
        for at in range(len(audio) // HOP)
    )
    return [event for event in found if event is not None]


def sounds_in(audio: Floats, network: SoundNetwork | None = None) -> list[Sound]:
    """The sounds of a whole recording [T] in -1..1 at 16 kHz."""
    return list(_named(SoundNamer(network or SoundNetwork.load()), events_in(audio)))


def _named(namer: SoundNamer, events: Sequence[Event]) -> tuple[Sound, ...]:
    named = (namer.name(event) for event in events)
    return tuple(sound for sound in named if sound is not None)
