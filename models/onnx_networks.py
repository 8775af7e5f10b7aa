"""The networks of the embedded model in ONNX Runtime: what serves conversations.

Axes: N layers, H heads, P most positions, L positions held, T new positions, D width, W words.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime

from ..runtime.errors import WeightsError
from .block_weights import made_of
from .config import SPAN, ModelConfig
from .networks import Floats, Ints, Pictures, WeightFile, shipped

# It has no types for what is compiled: Any ends at the annotations of what it returns.
_ort: Any = onnxruntime


EIGHT_BIT = "hear8"
"""The graph of the audio encoder with weights of 8 bits."""
WORTH = 1.1
"""Times by which it must be faster."""
HEAD = 16
"""Width of an attention head that ONNX Runtime's attention can turn, or a multiple of it."""


class _Session(Protocol):
    """The part of `onnxruntime.InferenceSession` used here."""

    def run(
        self, names: Sequence[str] | None, inputs: Mapping[str, npt.NDArray[Any]]
    ) -> list[Floats]: ...

    def io_binding(self) -> Any: ...

    def run_with_iobinding(self, binding: Any) -> None: ...


class OnnxNetworks:
    """`Networks`. The graphs hold structure; the weights come from the file."""

    def __init__(self, weights: WeightFile, threads: int = 1, *, int8: bool | None = None) -> None:
        """The graphs beside the weights, or the shipped ones where there are none. `threads` inside
        each step; 1 is best for a model this small. `int8`: whether the audio encoder hears with
        weights of 8 bits; None where a measurement finds that faster."""
        listed = f"{weights.config.name}.graphs.json"
        beside, folder = weights.path.parent, shipped(weights.config.name).parent
        folder = beside if (beside / listed).is_file() else folder
        listing = folder / listed
        if not listing.is_file():
            raise WeightsError(f"graph list {listing} is missing: reinstall visavis")
        taken: dict[str, list[str]] = json.loads(listing.read_text())
        self._config = weights.config
        self._rows = _Rows(weights.config, len(weights.lexicon))
        if int8 is False:
            taken.pop(EIGHT_BIT, None)
        made = made_of(taken.get(EIGHT_BIT, ()), weights.tensors)
        values = {
            name: _ort.OrtValue.ortvalue_from_numpy(t)
            for name, t in (weights.tensors | made).items()
        }
        self._graphs = {
            name: _open(folder / f"{weights.config.name}.{name}.onnx", names, values, threads)
            for name, names in taken.items()
        }
        self._hear = self._hears(int8)
        self.told = f"ONNX Runtime, {threads} thread{'s' if threads > 1 else ''} inside a step"
        if self._hear == EIGHT_BIT:
            self.told += ", audio encoder in 8 bits"

    def _hears(self, int8: bool | None) -> str:
        """The graph that hears: as wished, or the faster one."""
        if EIGHT_BIT not in self._graphs:
            return "hear"
        if int8 is None:
            whole, small = (self._hear_seconds(name) for name in ("hear", EIGHT_BIT))
            int8 = small * WORTH < whole
        del self._graphs["hear" if int8 else EIGHT_BIT]
        return EIGHT_BIT if int8 else "hear"

    def _hear_seconds(self, graph: str, tries: int = 6) -> float:
        """The shortest time of a window."""
        c = self._config
        frames = np.zeros((1, sum(2 * d for d in c.dilations), c.audio_width), np.float32)
        pcm, samples = np.zeros((1, c.window), np.float32), np.zeros((1, SPAN - c.hop), np.float32)
        best = float("inf")
        for _ in range(tries):
            began = time.perf_counter()
            self._run(graph, pcm=pcm, samples=samples, frames=frames)
            best = min(best, time.perf_counter() - began)
        return best

    def _run(self, name: str, **arrays: npt.NDArray[Any]) -> tuple[Floats, ...]:
        return tuple(self._graphs[name].run(None, arrays))

    def hear(self, pcm: Floats, samples: Floats, frames: Floats) -> tuple[Floats, ...]:
        return self._run(self._hear, pcm=pcm, samples=samples, frames=frames)

    def glance(self, pictures: Pictures) -> Floats:
        return self._run("glance", pictures=pictures)[0]

    def recognise(self, glanced: Floats) -> Floats:
        return self._run("recognise", glanced=glanced)[0]

    def read(self, chances: Floats, latents: Floats, lengths: Ints) -> Floats:
        return self._run("read", chances=chances, latents=latents, lengths=lengths)[0]

    def new_cache(self) -> OnnxLayers:
        head = self._config.width // self._config.heads
        if head % HEAD:
            raise WeightsError(
                f"the decoder's heads are {head} numbers wide, and ONNX Runtime turns multiples of "
                f"{HEAD}: choose width and heads so, or set engine.backend=torch"
            )
        return OnnxLayers(self._graphs["shallow"], self._graphs["deep"], self._rows, self._config)


def step_seconds(networks: OnnxNetworks, width: int, tries: int = 8) -> float:
    """The shortest time of a typical step: nine positions through the deep layers."""
    layers, x = networks.new_cache(), np.zeros((9, width), np.float32)
    best = float("inf")
    for _ in range(tries):
        began = time.perf_counter()
        layers.deep(x, 0)
        best = min(best, time.perf_counter() - began)
    return best


def _open(path: Path, names: Sequence[str], weights: Mapping[str, Any], threads: int) -> _Session:
    """Any: ONNX Runtime's own values."""
    options = _ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A pool of threads that wait in a loop would take the core from those that have work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not path.is_file():
        raise WeightsError(f"graph file {path} is missing: reinstall visavis")
    prefix = "decoder." if path.name.endswith(".read.onnx") else ""
    missing = [n for n in names if prefix + n not in weights]
    if missing:
        raise WeightsError(f"weight file lacks {missing[0]!r}, which {path.name} needs")
    options.add_external_initializers(list(names), [weights[prefix + n] for n in names])
    try:
        session: _Session = _ort.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's own classes have no public common base
        raise WeightsError(
            f"weights do not fit the graph {path.name} ({error}): use the file shipped with it"
        ) from error
    return session


class OnnxLayers:
    """`CachedLayers`: each layer's keys and values lie in one buffer, bound once as what goes in and
    what comes out, so that nothing of the cache is ever copied."""

    def __init__(self, shallow: _Session, deep: _Session, rows: _Rows, config: ModelConfig) -> None:
        head = config.width // config.heads
        shape = (2, config.layers, 1, config.heads, config.max_positions, head)
        # Written once, so that the pages are there before somebody waits for them (10 ms otherwise).
        self._both: Floats = np.full(shape, 0.0, np.float32)
        first = config.exits[0]
        self._shallow = _BoundSpan(shallow, rows, self._both, 0, first)
        self._deep = _BoundSpan(deep, rows, self._both, first, config.layers)

    def shallow(self, x: Floats, start: int) -> tuple[Floats, Floats]:
        return self._shallow.run(x, start)

    def deep(self, x: Floats, start: int) -> tuple[Floats, Floats]:
        return self._deep.run(x, start)

    def held(self, length: int) -> Floats:
        return self._both[:, :, 0, :, :length].copy()


class _Rows:
    """Buffers for what goes into a pass and comes out of it, the same for every conversation."""

    def __init__(self, config: ModelConfig, words: int) -> None:
        most = config.max_positions
        self.x: Floats = np.zeros((most, config.width), np.float32)
        self.words: Floats = np.zeros((most, words), np.float32)
        self.hidden: Floats = np.zeros((most, config.width), np.float32)


class _BoundSpan:
    """Some layers with their buffers."""

    def __init__(self, session: _Session, rows: _Rows, both: Floats, first: int, last: int) -> None:
        self._session, self._binding, self._rows = session, session.io_binding(), rows
        self._newest, self._count = np.zeros(1, np.int32), np.zeros(1, np.int32)
        self._bind("newest", self._newest)
        self._bind("count", self._count)
        for layer in range(first, last):
            for name, buffers in zip(("keys", "values"), both, strict=True):
                value = self._bind(f"{name}.{layer}", buffers[layer])
                self._binding.bind_ortvalue_output(f"new_{name}.{layer}", value)
        self._bound = 0

    def _bind(self, name: str, array: npt.NDArray[Any]) -> Any:
        """An input that stays: what is written into the array is what the next run reads."""
        value = _ort.OrtValue.ortvalue_from_numpy(array)
        self._binding.bind_ortvalue_input(name, value)
        return value

    def _bind_rows(self, count: int) -> None:
        """So many rows of the shared buffers go in and come out."""
        rows, binding = self._rows, self._binding
        self._bind("x", rows.x[:count])
        for name, buffer in (("words", rows.words), ("hidden", rows.hidden)):
            value = _ort.OrtValue.ortvalue_from_numpy(buffer[:count])
            binding.bind_ortvalue_output(name, value)
        self._bound = count

    def run(self, x: Floats, start: int) -> tuple[Floats, Floats]:
        """[T, D] -> words [T, W], hidden [T, D]."""
        count, rows = len(x), self._rows
        if count != self._bound:
            self._bind_rows(count)
        rows.x[:count] = x
        self._newest[0], self._count[0] = start + count - 1, start + count
        self._session.run_with_iobinding(self._binding)
        return rows.words[:count].copy(), rows.hidden[:count].copy()
