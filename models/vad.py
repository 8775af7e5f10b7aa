"""Silero VAD for all conversations in one call. Knows nothing of gates, turns or pts.

The weights are those inside the `silero_vad` package. The package itself is not imported: that
would load torch, a thousand times the size of this model.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from ..runtime.errors import WeightsError
from ..runtime.frames import HEARING_RATE, WINDOW

Samples = npt.NDArray[np.float32]

# Axes: B batch, S slots, C context (the last samples of the window before), T samples of a window.
CONTEXT = 64
HIDDEN = 128
WEIGHTS = ("silero_vad_16k_op15.onnx", "silero_vad.onnx")
"""Files to try in order, the same network: the first leaves out the 8 kHz half and loads faster."""


class Vad(Protocol):
    """Judges windows of several conversations at once; owned by the engine's thread."""

    def judge(self, slots: Sequence[int], windows: Samples) -> Samples:
        """Probability of speech in 0..1 for each row of [B, 512] in -1..1."""
        ...

    def reset(self, slot: int) -> None:
        """The slot's next window begins a new conversation."""
        ...


class _Session(Protocol):
    """The part of `onnxruntime.InferenceSession` used here; the library has no types."""

    def run(
        self, names: Sequence[str] | None, inputs: dict[str, npt.NDArray[np.generic]]
    ) -> list[Samples]: ...


class SileroVad:
    """Batched over slots on one core. About 0.15 ms for one window, 0.07 ms for each more."""

    def __init__(self, slots: int, weights: Path | None = None) -> None:
        """`weights` stands in for the installed file. Raises `WeightsError` when there is none."""
        self._session = _load(weights if weights is not None else installed_weights())
        self._state = np.zeros((2, slots, HIDDEN), np.float32)  # [2, S, 128]
        self._context = np.zeros((slots, CONTEXT), np.float32)  # [S, C]
        self._input = np.zeros((slots, CONTEXT + WINDOW), np.float32)  # [S, C + T]
        self._rate = np.array(HEARING_RATE, np.int64)

    def judge(self, slots: Sequence[int], windows: Samples) -> Samples:
        """Probability of speech for each row; each slot at most once in a call."""
        rows = np.asarray(slots, np.intp)
        count = len(rows)
        if windows.shape != (count, WINDOW):
            raise ValueError(f"windows are {windows.shape} for {count} slots: need [B, {WINDOW}]")
        batch = self._input[:count]
        batch[:, :CONTEXT] = self._context[rows]
        batch[:, CONTEXT:] = windows
        probability, state = self._session.run(
            None, {"input": batch, "state": self._state[:, rows], "sr": self._rate}
        )
        self._state[:, rows] = state
        self._context[rows] = batch[:, -CONTEXT:]
        return probability[:, 0]

    def reset(self, slot: int) -> None:
        """Forget what the slot heard."""
        self._state[:, slot] = 0.0
        self._context[slot] = 0.0


def installed_weights() -> Path:
    """The weight file of the installed `silero_vad` package, found without importing it."""
    spec = find_spec("silero_vad")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    for place in places:
        for name in WEIGHTS:
            path = Path(place) / "data" / name
            if path.is_file():
                return path
    where = f"in {places[0]}/data" if places else "because the package is not installed"
    raise WeightsError(f"no {WEIGHTS[0]} {where}: run `pip install silero-vad`")


def _load(path: Path) -> _Session:
    import onnxruntime  # pyright: ignore[reportMissingTypeStubs]

    if not path.is_file():
        raise WeightsError(f"no voice activity weights at {path}: run `pip install silero-vad`")
    options = cast(Any, onnxruntime.SessionOptions())  # pyright: ignore[reportUnknownMemberType]
    options.intra_op_num_threads = 1  # a window is too small to share between threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime raises a class per kind of damage, without a base
        raise WeightsError(
            f"{path} can't be read ({error}): run `pip install --force-reinstall silero-vad`"
        ) from error
    return cast(_Session, session)  # untyped library
