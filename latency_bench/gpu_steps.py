"""Single steps of the performance model, each timed from the host's call to the host's answer and
set beside the bytes and operations that it can't do without."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from ..models.performance.batches import Batches
from ..models.performance.config import CLIP_WINDOWS, DRAFT, FILL, PAD, TEXT
from ..models.performance.device import Input, OutOfDeviceMemory, Output, Step
from ..models.performance.eyes import Eyes
from ..models.tensors import tensor_of
from ..runtime.frames import WINDOW
from .figures import Figures
from .gpu_ceilings import Still
from .gpu_lines import Ceilings, Floor, Line
from .gpu_plan import LeftOut, Task, sample

ENCODER_ROWS = (1, 16, 64)
FEWEST, CHECKED = 8, 256
"""Tokens over which early exit is compared with the full depth: as many as time allows."""


@dataclass(frozen=True, slots=True)
class StepBench:
    """A model with its batches, and what the device can do."""

    batches: Batches
    ceilings: Ceilings
    still: Still
    item: int
    """Bytes of a number."""

    # Decoding ---------------------------------------------------------------------------------

    def decode(self, rows: int, positions: int, seconds: float) -> list[Line]:
        """One token of each of `rows` conversations that hold so many positions."""
        self._need("decode", rows, positions + 1)
        slots, starts = list(range(rows)), [positions] * rows
        tokens = [PAD + 1] * rows
        figures = sample(lambda: self.batches.decode(slots, starts, tokens), seconds)
        floor = self._decoder_floor(rows, 1, positions + 1, heads=rows)
        return [Line("decode step", f"batch {rows}, {positions} positions", figures, floor)]

    def draft(self, exit_at: int, positions: int, seconds: float) -> list[Line]:
        """One draft and its verification, for one conversation; and whether it says the same as
        the full depth does one token at a time."""
        config = self.batches.model.config
        self.batches.prepare(("draft",), rows=(1,), exits=(exit_at,))
        self._need(f"draft{exit_at}", 1, positions + DRAFT)
        draft = self.batches.draft
        half = seconds / 2
        figures = sample(lambda: draft([0], [positions], [PAD + 1], exit=exit_at), half)
        # Three streams are compared in the other half; a step of each takes about as long.
        count = min(CHECKED, max(FEWEST, round(half * 1000 / figures.quantile(0.5) / 3)))
        below = config.exits[exit_at]
        layers = config.decoder.layers
        moved = self.item * (
            (DRAFT * below + layers - below) * config.decoder.layer_parameters
            + (DRAFT + 1) * config.words * config.decoder.width
        )
        end = positions + DRAFT
        moved += DRAFT * config.decoder.cached_bytes(end, self.item, below)
        moved += config.decoder.cached_bytes(end, self.item, layers - below)
        flops = config.decoder.flops(DRAFT, end) + config.head_flops(2 * DRAFT)
        facts = self._compare(exit_at, count)
        at = f"exit at layer {below} of {layers}, batch 1, {positions} positions"
        return [Line("draft + verify", at, figures, self.ceilings.floor(moved, flops), facts)]

    def _compare(self, exit_at: int, count: int) -> dict[str, float | str]:
        """Mismatches of the tokens with the plain full depth's, and with the same fixed shapes'
        when they accept one token a step (where only rounding could differ)."""
        early, steps = self._stream(count, lambda at, token: self._draft(exit_at, at, token, DRAFT))
        fixed, _ = self._stream(count, lambda at, token: self._draft(exit_at, at, token, 1))
        plain, _ = self._stream(count, lambda at, token: self.batches.decode([0], [at], [token]))
        return {
            "tokens compared": float(count),
            "mismatches with the same shapes at full depth": _mismatches(early, fixed),
            "mismatches with plain steps at full depth": _mismatches(early, plain),
            "tokens a step (random weights)": round(count / steps, 3),
        }

    def _draft(self, exit_at: int, at: int, token: int, limit: int) -> list[int]:
        return self.batches.draft([0], [at], [token], exit=exit_at, limit=limit)[0]

    def _stream(self, count: int, step: Callable[[int, int], list[int]]) -> tuple[list[int], int]:
        """So many tokens from an empty cache, and the steps they took."""
        tokens, steps = [PAD + 1], 0
        while len(tokens) <= count:
            tokens += step(len(tokens) - 1, tokens[-1])
            steps += 1
        return tokens[: count + 1], steps

    # Encoders ---------------------------------------------------------------------------------

    def hear(self, rows: int, seconds: float) -> list[Line]:
        """One streaming step of the audio encoder; waited for here, not in a conversation."""
        model = self.batches.model
        self.batches.prepare(("hear",), rows=(rows,))
        self._need("hear", rows, 0)
        slots = list(range(rows))
        at = model.config.audio.span
        windows = _noise(rows)

        def step() -> None:
            self.batches.hear(slots, windows, [at] * rows, [0] * rows)
            self.still.wait()

        sizes = model.config.audio
        moved = self.item * model.config.parameters["audio encoder"]
        moved += sizes.cached_bytes(rows * sizes.span, self.item)
        floor = self.ceilings.floor(moved, sizes.flops(rows, sizes.span))
        return [Line("audio encoder, 32 ms", f"batch {rows}", sample(step, seconds), floor)]

    def listen(self, rows: int, seconds: float) -> list[Line]:
        """Two seconds of audio at once."""
        model = self.batches.model
        device, sizes = model.built.device, model.config.audio
        if rows > model.built.slots:
            raise LeftOut(f"{rows} rows need as many slots; there are {model.built.slots}")
        try:
            clips = Input((rows, CLIP_WINDOWS, WINDOW), torch.float32, device)
            slots = torch.arange(rows, device=device)
            clips.put(_noise(rows * CLIP_WINDOWS).reshape(rows, CLIP_WINDOWS, WINDOW))
        except RuntimeError as error:
            raise LeftOut(f"no room for the clips: {error}") from error
        figures = self._alone(
            f"listen {rows}", lambda: _ignore(model.listen(clips.device, slots)), seconds
        )
        moved = self.item * model.config.parameters["audio encoder"]
        moved += 4 * rows * CLIP_WINDOWS * WINDOW
        # A causal clip looks back half its length on average.
        floor = self.ceilings.floor(moved, sizes.flops(rows * CLIP_WINDOWS, CLIP_WINDOWS // 2))
        return [Line("audio encoder, 2 s", f"batch {rows}", figures, floor)]

    def see(self, rows: int, seconds: float, *, large: bool) -> list[Line]:
        """Pictures from uint8 on the device to latents."""
        model = self.batches.model
        config = model.config
        eyes: Eyes = model.large_eyes() if large else model.eyes
        side, device = config.picture, model.built.device
        pictures = tensor_of(_pictures(rows, side)).to(device)
        name = f"{'large vision' if large else 'vision'} encoder"
        figures = self._alone(f"{name} {rows}", lambda: _ignore(eyes.run(pictures)), seconds)
        moved = self.item * eyes.sizes.parameters + rows * side * side * 3
        floor = self.ceilings.floor(moved, eyes.sizes.flops(rows, side))
        million = f"{eyes.sizes.parameters / 1e6:.3g} M"
        return [Line(f"{name} ({million})", f"batch {rows}, {side}x{side}", figures, floor)]

    # Whole questions --------------------------------------------------------------------------

    def everything(self, rows: int, seconds: float) -> list[Line]:
        """Pictures, two seconds of audio and TEXT tokens of each from pinned memory to the first
        answer tokens on the host: nothing of it streamed before."""
        model = self.batches.model
        config, device, side = model.config, model.built.device, model.config.picture
        if rows > model.built.slots:
            raise LeftOut(f"{rows} rows need as many slots; there are {model.built.slots}")
        length = config.picture_tokens + CLIP_WINDOWS + TEXT + 1
        read = next((span for span in config.spans if span >= length), 0)
        if not read:
            raise LeftOut(f"{length} positions do not fit into a cache of {config.decoder.span}")
        pictures = Input((rows, side, side, 3), torch.uint8, device)
        clips = Input((rows, CLIP_WINDOWS, WINDOW), torch.float32, device)
        text = Input((rows, TEXT), torch.int64, device)
        slots = torch.arange(rows, device=device)
        tokens = torch.zeros(rows, dtype=torch.int64, device=device)
        output = Output({"tokens": tokens})
        seen, heard = _pictures(rows, side), _noise(rows * CLIP_WINDOWS)
        heard = heard.reshape(rows, CLIP_WINDOWS, WINDOW)
        typed = np.random.default_rng(3).integers(2, config.words, (rows, TEXT))

        def step() -> None:
            tokens.copy_(model.answer_all(pictures.device, clips.device, text.device, slots, read))

        def before() -> None:
            pictures.put(seen)
            clips.put(heard)
            text.put(typed)

        figures = self._alone(f"everything {rows}", step, seconds, before, output)
        moved = self.item * sum(
            config.parameters[part] for part in ("decoder", "audio encoder", "vision encoder")
        )
        moved += seen.nbytes + heard.nbytes + config.decoder.cached_bytes(rows * length, self.item)
        flops = config.decoder.flops(rows * length, length // 2) + config.head_flops(rows)
        flops += config.audio.flops(rows * CLIP_WINDOWS, CLIP_WINDOWS // 2)
        flops += config.eyes.flops(rows, side)
        what = f"picture {side}x{side} + 2 s audio + {TEXT} tokens -> first token"
        return [Line(what, f"batch {rows}", figures, self.ceilings.floor(moved, flops))]

    def question(self, words: int, seconds: float) -> list[Line]:
        """A visual question of one person whose picture and speech were taken in while they came:
        what is left at its end is the last window, the mark, and `words` tokens."""
        config = self.batches.model.config
        at = config.picture_tokens + CLIP_WINDOWS // FILL * FILL
        for kind in ("hear", "begin", "decode"):
            self._need(kind, 1, 0 if kind == "hear" else at + FILL + 2)
        window = _noise(1)

        def ask() -> None:
            self.batches.hear([0], window, [CLIP_WINDOWS], [0])
            token = self.batches.begin([0], [at], [0], [1])[0]
            for more in range(1, words):
                token = self.batches.decode([0], [at + 1 + more], token)

        figures = sample(ask, seconds)
        sizes = config.audio
        moved: float = self.item * config.parameters["audio encoder"]
        moved += sizes.cached_bytes(sizes.span, self.item)
        flops = sizes.flops(1, sizes.span)
        for pass_ in range(words):
            floor = self._decoder_floor(1, FILL + 1 if pass_ == 0 else 1, at + pass_, heads=1)
            moved, flops = moved + floor.moved, flops + floor.flops
        at_text = f"streamed, {words} {'token' if words == 1 else 'tokens'}"
        return [Line("a visual question", at_text, figures, self.ceilings.floor(moved, flops))]

    def last_chunk_floor(self) -> Floor:
        """One person's last window through the audio encoder, and one pass of the decoder."""
        config = self.batches.model.config
        sizes = config.audio
        passed = self._decoder_floor(1, FILL + 1, config.spans[0] // 2, heads=1)
        moved = self.item * config.parameters["audio encoder"] + passed.moved
        moved += sizes.cached_bytes(sizes.span, self.item)
        return self.ceilings.floor(moved, sizes.flops(1, sizes.span) + passed.flops)

    # Inside -----------------------------------------------------------------------------------

    def _decoder_floor(self, rows: int, steps: int, positions: int, heads: int) -> Floor:
        """One pass of `steps` new positions for each row, and `heads` choices of a word."""
        config = self.batches.model.config
        moved = config.decoder_bytes(self.item)
        moved += config.decoder.cached_bytes(rows * positions, self.item)
        flops = config.decoder.flops(rows * steps, positions) + config.head_flops(heads)
        return self.ceilings.floor(moved, flops)

    def _need(self, kind: str, rows: int, end: int) -> None:
        """Raises `LeftOut` where no batch of that size is ready."""
        config, batches = self.batches.model.config, self.batches
        read = next((span for span in config.spans if span >= end), 0) if end else 0
        if rows > batches.model.built.slots:
            raise LeftOut(f"{rows} rows need as many slots; there are {batches.model.built.slots}")
        if rows not in batches.sizes(kind, read):
            name = f"{kind} {rows}" + (f" x {read}" if read else "")
            why = batches.preparation.broke.get(name, "no batch of that size was prepared")
            raise LeftOut(f"{name}: {why}")

    def _alone(
        self,
        name: str,
        step: Step,
        seconds: float,
        before: Callable[[], None] = lambda: None,
        output: Output | None = None,
    ) -> Figures:
        """A step that is prepared for this measurement and then let go."""
        steps = self.batches.steps
        began = time.perf_counter()
        try:
            steps.prepare(name, step)
        except OutOfDeviceMemory as error:
            raise LeftOut(f"out of memory: {str(error).splitlines()[0]}") from error
        took = time.perf_counter() - began
        if took > 2 * seconds:
            steps.drop(name)
            raise LeftOut(f"preparing it took {took:.1f} s of {seconds:.1f}: raise --minutes")

        def once() -> None:
            before()
            steps.run(name)
            if output is None:
                self.still.wait()
            else:
                output.fetch()
                output.take()

        try:
            return sample(once, seconds)
        finally:
            steps.drop(name)


def decoder_tasks(bench: StepBench) -> list[Task]:
    """What an answer takes."""
    config = bench.batches.model.config
    short, long = config.spans[0] // 2, config.spans[-1] * 3 // 4
    tasks: list[Task] = []

    def add(name: str, share: float, measure: Callable[[float], Sequence[Line]]) -> None:
        tasks.append(Task(name, share, measure))

    for words in (1, 2):
        add(f"question of {words}", 2, partial(bench.question, words))
    for positions in (short, long):
        for rows in config.decode_rows:
            add(f"decode {rows} at {positions}", 1, partial(bench.decode, rows, positions))
    return tasks


def encoder_tasks(bench: StepBench) -> list[Task]:
    """What comes in, all of it at once, and early exit."""
    short = bench.batches.model.config.spans[0] // 2
    tasks: list[Task] = []

    def add(name: str, share: float, measure: Callable[[float], Sequence[Line]]) -> None:
        tasks.append(Task(name, share, measure))

    for rows in (1, 64):
        add(f"everything {rows}", 2, partial(bench.everything, rows))
    for exit_at in (0, 1):
        add(f"draft from exit {exit_at}", 2, partial(bench.draft, exit_at, short))
    for rows in ENCODER_ROWS:
        add(f"hear {rows}", 1, partial(bench.hear, rows))
    for rows in ENCODER_ROWS:
        add(f"listen {rows}", 1, partial(bench.listen, rows))
    for rows in ENCODER_ROWS:
        add(f"see {rows}", 1, partial(bench.see, rows, large=False))
    for rows in ENCODER_ROWS:
        add(f"large see {rows}", 1, partial(bench.see, rows, large=True))
    return tasks


def _ignore(_: object) -> None:
    return None


def _mismatches(one: Sequence[int], other: Sequence[int]) -> float:
    return float(sum(a != b for a, b in zip(one, other, strict=False)))


def _noise(windows: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(1).normal(0.0, 0.2, (windows, WINDOW)).astype(np.float32)


def _pictures(rows: int, side: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(2).integers(0, 256, (rows, side, side, 3), np.uint8)
