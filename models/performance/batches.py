"""Steps for any number of rows: the smallest prepared batch that holds them, padded, in and out.

All batches are prepared at start-up, the largest first, so that smaller graphs fit into the memory
of larger ones. Rows that pad a batch belong to a slot that nobody has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...runtime.frames import WINDOW
from .config import DRAFT, FILL, TEXT, PerformanceConfig
from .device import Array, Input, Output, Preparation, Steps, is_out_of_memory, make_steps
from .model import PerformanceModel

Numbers = Sequence[int] | npt.NDArray[np.int64]
KINDS = ("hear", "fill", "begin", "decode", "draft", "see", "show", "text")
"""What a conversation needs, in the order it is prepared."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One prepared step with its buffers. `numbers` are the integers of each row: slot, start, …"""

    name: str
    rows: int
    numbers: Input
    media: Input | None
    output: Output | None


class Batches:
    """The steps of a model. Every method takes parallel rows, each slot at most once."""

    def __init__(self, model: PerformanceModel, steps: Steps | None = None) -> None:
        """`steps`: how they reach the device; by default what suits it."""
        self.model = model
        self.steps: Steps = steps or make_steps(model.built.device)
        self.preparation = Preparation()
        self._batches: dict[tuple[str, int], list[Batch]] = {}

    # Preparing --------------------------------------------------------------------------------

    def prepare(
        self,
        kinds: Sequence[str] = KINDS,
        rows: Sequence[int] | None = None,
        spans: Sequence[int] | None = None,
        *,
        exits: Sequence[int] = (0,),
    ) -> None:
        """Make batches of these kinds ready, of the configuration's sizes unless others are given.
        What there is no memory for is noted in `preparation` and left out. `exits` says from which
        exits (0: a quarter of the depth, 1: half) tokens are drafted."""
        config = self.model.config
        for kind in kinds:
            spanned = kind not in ("hear", "see")
            for read in sorted(spans or config.spans, reverse=True) if spanned else (0,):
                for count in sorted(rows or _rows(config, kind), reverse=True):
                    for exit in exits if kind == "draft" else (0,):
                        self._prepare(f"draft{exit}" if kind == "draft" else kind, count, read)

    def drop(self, kind: str, rows: int) -> None:
        """Give back the batches of this kind and size."""
        for key, batches in self._batches.items():
            if key[0] == kind:
                for batch in [batch for batch in batches if batch.rows == rows]:
                    self.steps.drop(batch.name)
                    batches.remove(batch)

    def sizes(self, kind: str, read: int = 0) -> list[int]:
        """Rows of the batches that are ready, rising."""
        return [batch.rows for batch in self._batches.get((kind, read), [])]

    def _prepare(self, kind: str, rows: int, read: int) -> None:
        ready = self._batches.setdefault((kind, read), [])
        if any(batch.rows == rows for batch in ready):
            return
        name = f"{kind} {rows}" + (f" x {read}" if read else "")
        try:
            batch, step = self._make(kind, name, rows, read)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self.preparation.broke[name] = str(error).splitlines()[0]
            return
        if self.preparation.add(self.steps, name, step):
            ready.append(batch)
            ready.sort(key=lambda each: each.rows)

    def _make(self, kind: str, name: str, rows: int, read: int) -> tuple[Batch, Callable[[], None]]:
        model, device = self.model, self.model.built.device
        columns = 4 + (TEXT if kind == "text" else 0)
        numbers = Input((rows, columns), torch.int64, device)
        numbers.put(self._padded([], rows, columns))
        n = numbers.device
        slots, starts, third, fourth = n[:, 0], n[:, 1], n[:, 2], n[:, 3]
        media: Input | None = None
        results: dict[str, Tensor] = {}

        def integers(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=torch.int64, device=device)

        if kind == "hear":
            media = Input((rows, WINDOW), torch.float32, device)
        elif kind == "see":
            side = model.config.picture
            media = Input((rows, side, side, 3), torch.uint8, device)
        elif kind == "begin":
            results = {
                "tokens": integers(rows),
                "sureness": torch.zeros(rows, dtype=torch.float32, device=device),
            }
        elif kind == "decode":
            results = {"tokens": integers(rows)}
        elif kind.startswith("draft"):
            results = {"tokens": integers(rows, DRAFT), "counts": integers(rows)}

        def step() -> None:
            match kind:
                case "hear":
                    assert media is not None
                    model.hear(media.device, slots, starts, third)
                case "see":
                    assert media is not None
                    model.see(media.device, slots)
                case "fill":
                    model.fill(slots, starts, third, read)
                case "show":
                    model.show(slots, starts, read)
                case "text":
                    model.read_text(slots, starts, n[:, 4:], read)
                case "begin":
                    tokens, sureness = model.begin(slots, starts, third, fourth, read)
                    results["tokens"].copy_(tokens)
                    results["sureness"].copy_(sureness)
                case "decode":
                    results["tokens"].copy_(model.decode(slots, starts, third, read))
                case _:
                    below = model.config.exits[int(kind.removeprefix("draft"))]
                    tokens, counts = model.draft(slots, starts, third, fourth, below, read)
                    results["tokens"].copy_(tokens)
                    results["counts"].copy_(counts)

        return Batch(name, rows, numbers, media, Output(results) if results else None), step

    def _padded(self, rows: Sequence[Sequence[int]], size: int, columns: int) -> Array:
        """Rows of numbers, filled up with rows of the slot that nobody has."""
        numbers = np.zeros((size, columns), np.int64)
        numbers[:, 0] = self.model.built.slots
        for index, row in enumerate(rows):
            numbers[index, : len(row)] = row
        return numbers

    # Running ----------------------------------------------------------------------------------

    def hear(
        self,
        slots: Numbers,
        windows: npt.NDArray[np.float32],
        starts: Numbers,
        cells: Numbers,
    ) -> None:
        """Windows [B, 512] of the utterances' positions `starts`; returns before they are done."""
        self._run("hear", 0, list(zip(slots, starts, cells, strict=True)), windows)

    def see(self, slots: Numbers, pictures: npt.NDArray[np.uint8]) -> None:
        """Pictures [B, H, W, 3]; returns before they are done."""
        self._run("see", 0, [(slot, 0) for slot in slots], pictures)

    def show(self, slots: Numbers, starts: Numbers) -> None:
        """What was seen goes into the caches at `starts`; returns before it is done."""
        count = self.model.config.picture_tokens
        self._run("show", self._read(starts, count), list(zip(slots, starts, strict=True)))

    def fill(self, slots: Numbers, starts: Numbers, firsts: Numbers) -> None:
        """FILL latents of each, from number `firsts`; returns before it is done."""
        rows = list(zip(slots, starts, firsts, strict=True))
        self._run("fill", self._read(starts, FILL), rows)

    def text(self, slots: Numbers, starts: Numbers, tokens: Sequence[Numbers]) -> None:
        """At most TEXT tokens of each; returns before it is done."""
        rows = [
            (slot, start, 0, 0, *typed[:TEXT])
            for slot, start, typed in zip(slots, starts, tokens, strict=True)
        ]
        self._run("text", self._read(starts, TEXT), rows)

    def begin(
        self, slots: Numbers, starts: Numbers, firsts: Numbers, counts: Numbers
    ) -> tuple[list[int], list[float]]:
        """First tokens, and how sure the head is; waits for them."""
        rows = list(zip(slots, starts, firsts, counts, strict=True))
        found = self._run("begin", self._read(starts, FILL + 1), rows)
        return found["tokens"].tolist(), found["sureness"].tolist()

    def decode(self, slots: Numbers, starts: Numbers, tokens: Numbers) -> list[int]:
        """The next token of each; waits for them."""
        rows = list(zip(slots, starts, tokens, strict=True))
        next_tokens: list[int] = self._run("decode", self._read(starts, 1), rows)["tokens"].tolist()
        return next_tokens

    def draft(
        self,
        slots: Numbers,
        starts: Numbers,
        tokens: Numbers,
        *,
        exit: int = 0,
        limit: int = DRAFT,
    ) -> list[list[int]]:
        """The next 1 … `limit` tokens of each, the full depth's own; waits for them."""
        rows = [
            (slot, start, token, limit)
            for slot, start, token in zip(slots, starts, tokens, strict=True)
        ]
        found = self._run(f"draft{exit}", self._read(starts, DRAFT), rows)
        pairs = zip(found["tokens"].tolist(), found["counts"].tolist(), strict=True)
        return [row[:count] for row, count in pairs]

    def _read(self, starts: Numbers, steps: int) -> int:
        """Positions of the cache that must be read. Raises ValueError when it holds fewer."""
        end = int(max(starts)) + steps
        for span in self.model.config.spans:
            if end <= span:
                return span
        raise ValueError(
            f"{end} positions asked of a cache of {self.model.config.decoder.span}: "
            "shorten the context"
        )

    def _run(
        self,
        kind: str,
        read: int,
        rows: Sequence[Sequence[int]],
        media: npt.NDArray[Any] | None = None,
    ) -> Mapping[str, Array]:
        ready = self._batches.get((kind, read), [])
        if not ready:
            broke = [name for name in self.preparation.broke if name.startswith(kind)]
            why = f"out of memory at {', '.join(broke)}" if broke else "it was not prepared"
            raise RuntimeError(f"no batch of {kind!r} reading {read} positions is ready: {why}")
        most = ready[-1].rows
        parts: list[dict[str, Array]] = []
        for begin in range(0, len(rows), most):
            some = rows[begin : begin + most]
            batch = next(each for each in ready if each.rows >= len(some))
            batch.numbers.put(self._padded(some, batch.rows, batch.numbers.device.shape[1]))
            if batch.media is not None and media is not None:
                batch.media.put(media[begin : begin + most])
            self.steps.run(batch.name)
            if batch.output is not None:
                batch.output.fetch()
                found = batch.output.take()
                parts.append({name: value[: len(some)] for name, value in found.items()})
        if not parts:
            return {}
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _rows(config: PerformanceConfig, kind: str) -> tuple[int, ...]:
    match kind:
        case "hear" | "fill":
            return config.hear_rows
        case "see" | "show":
            return config.see_rows
        case "begin" | "text":
            return config.begin_rows
        case _:
            return config.decode_rows
