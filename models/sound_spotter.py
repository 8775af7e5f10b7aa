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
from ..runtime.frames import WINDOW
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

    def chances(self, summaries: Floats) -> Floats:
        """Summaries [B, F] -> chances of each class [B, len(CLASSES)]."""
        t = self._tensors
        x = np.clip((summaries - t["mean"]) / t["scale"], -4.0, 4.0)
        logits = np.tanh(x @ t["weight1"] + t["bias1"]) @ t["weight2"] + t["bias2"]
        chances = np.exp(logits - logits.max(axis=1, keepdims=True))
        found: Floats = chances / chances.sum(axis=1, keepdims=True)
        return found

    def name(self, summary: Floats) -> SoundKind | None:
        """What it was, where that is sure enough."""
        chances = self.chances(summary[None])[0]
        best = int(chances.argmax())
        if best == 0 or chances[best] < self._tensors["threshold"][best]:
            return None
        return KINDS[best - 1]


def sound_of(event: Event, kind: SoundKind) -> Sound:
    """An event in words."""
    level = Loudness.LOUD if event.level_db >= LOUD_DB else Loudness.SOFT
    pitch: Pitch | None = None
    if kind in HIGH_HZ:
        heard = hertz(event.voice if kind is SoundKind.HUM else event.tone)
        pitch = Pitch.HIGH if heard >= HIGH_HZ[kind] else Pitch.LOW
    return Sound(kind, level, pitch, event.start_pts, event.end_pts)


class SoundSpotter:
    """Batched over slots on one core."""

    def __init__(self, slots: int, network: SoundNetwork | None = None) -> None:
        """`network` stands in for the shipped one. Raises `WeightsError`."""
        self._network = network or SoundNetwork.load()
        self._samples: Floats = np.zeros((slots, FRAME - HOP), np.float32)
        self._cutters = [EventCutter() for _ in range(slots)]

    def judge(
        self, slots: Sequence[int], windows: Floats, ends: Sequence[int]
    ) -> list[tuple[Sound, ...]]:
        """As the protocol says; each slot at most once in a call."""
        return [
            tuple(
                sound_of(event, kind)
                for event in events
                if (kind := self._network.name(event.summary)) is not None
            )
            for events in self.events(slots, windows, ends)
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


def events_in(audio: Floats) -> list[Event]:
    """The events of a whole recording [T] at once: what windows one by one must find, too."""
    audio = audio[: len(audio) // WINDOW * WINDOW].astype(np.float32)
    if not len(audio):
        return []
    padded = np.pad(audio, (FRAME - HOP, 0))
    powers = block_powers(audio[None])[0].tolist()
    blocks, cutter = HOP // BLOCK, EventCutter()
    found = (
        cutter.feed(padded[at * HOP : at * HOP + FRAME], powers[at * blocks : (at + 1) * blocks], (at + 1) * HOP)
        for at in range(len(audio) // HOP)
    )
    return [event for event in found if event is not None]


def sounds_in(audio: Floats, network: SoundNetwork | None = None) -> list[Sound]:
    """The sounds of a whole recording [T] in -1..1 at 16 kHz."""
    network = network or SoundNetwork.load()
    named = ((event, network.name(event.summary)) for event in events_in(audio))
    return [sound_of(event, kind) for event, kind in named if kind is not None]
