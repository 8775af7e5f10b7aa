"""Trains vision encoder and fused decoder together on questions about rendered scenes.

    python -m visavis.models.training.train_fused --minutes 60          # letters as if heard, typed
    python -m visavis.models.training.train_fused --minutes 15 --heard  # then on what was really heard

A sequence is a short conversation: pictures, questions (as heard letters with a recogniser's faults,
or typed), answers; pictures may come at any place and may change between questions. `--heard` uses
the trained audio encoder's output over the speech pool (see `heard.py`), latents included.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .. import tensors
from ..config import NANO, ModelConfig
from ..decoder import FusedDecoder
from ..lexicon import ASK, CAMERA_OFF, END, SILENT, WAIT, Lexicon
from ..spelling import LETTERS, spell, word_spans
from ..tensors import tensor_of
from ..vision_encoder import VisionEncoder
from .heard import Heard, HeardPool
from .language import ANSWER_WORDS, ask, pair, tokenize, understand
from .scenes import Scene
from .schedule import Run
from .train_vision import Pictures, VisionTeacher, varied

IGNORED = -100

LEARNED_SOON = ("colour", "read", "dark", "chatter")
"""Families that need fewer examples than places, existence, shapes and descriptions."""


@dataclass(slots=True)
class Story:
    """One training sequence, position by position, as flat lists."""

    length: int = 0
    pictures: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])  # start, image
    voice: list[tuple[int, Heard]] = field(default_factory=list[tuple[int, Heard]])  # one word each
    typed: list[tuple[int, list[int]]] = field(default_factory=list[tuple[int, list[int]]])
    words: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])  # position, word
    targets: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    def see(self, image: int, tokens: int) -> None:
        """A picture comes in."""
        self.pictures.append((self.length, image))
        self.length += tokens

    def hear(self, words: Sequence[Heard]) -> None:
        """Words come in by ear."""
        for word in words:
            self.voice.append((self.length, word))
            self.length += 1

    def type(self, text: str) -> None:
        """Words come in by keyboard."""
        classes = spell(text)
        for start, end in word_spans(classes):
            self.typed.append((self.length, classes[start:end]))
            self.length += 1

    def word(self, index: int, target: int = IGNORED) -> None:
        """A word is said (or a mark set); `target` is what must follow it."""
        self.words.append((self.length, index))
        if target != IGNORED:
            self.targets.append((self.length, target))
        self.length += 1

    def answer(self, words: Sequence[int]) -> None:
        """The mark to answer, then the answer, each position knowing what follows."""
        said = [ASK, *words]
        for index, following in zip(said, [*words, END], strict=True):
            self.word(index, following)
        self.word(END)


def misheard(text: str, rng: random.Random) -> Heard:
    """Letters as a recogniser might give them: some wrong, lost or doubled, none quite certain."""
    fault = rng.choices((0.0, 0.03, 0.08, 0.16), (0.4, 0.25, 0.2, 0.15))[0]
    classes: list[int] = []
    for letter in spell(text):
        draw = rng.random()
        if draw < fault * 0.3:
            continue
        classes.append(rng.randint(1, len(LETTERS)) if draw < fault * 0.8 else letter)
        if draw > 1 - fault * 0.2:
            classes.append(rng.randint(1, len(LETTERS)))
    if not classes:
        classes = [1]
    count, width = len(classes), len(LETTERS) + 1
    doubt = np.random.default_rng(rng.getrandbits(32))
    spread = doubt.dirichlet(np.full(width, 0.05), count) * doubt.beta(0.4, 3.0, (count, 1))
    chances = spread.astype(np.float32)
    chances[np.arange(count), classes] += 1.0 - chances.sum(axis=1)
    return Heard(text, chances, None)


class Stories:
    """Writes stories over a pool of pictures (and of things really heard)."""

    def __init__(
        self,
        pictures: Pictures,
        lexicon: Lexicon,
        config: ModelConfig,
        rng: random.Random,
        pool: HeardPool | None,
    ) -> None:
        self.pictures, self.lexicon, self.config = pictures, lexicon, config
        self.rng, self.pool = rng, pool

    def _scene(self, image: int | None) -> Scene | None:
        return None if image is None else self.pictures.scenes[image]

    def _question(self, candidates: list[int | None]) -> tuple[int | None, str, str, Heard | None]:
        """Which picture, what is asked, what is right, and how it was heard (None: to be typed)."""
        rng = self.rng
        if self.pool is not None and rng.random() < 0.75:
            for _ in range(8):
                heard = self.pool.draw(rng)
                if understand(heard.text).family in LEARNED_SOON and rng.random() < 0.6:
                    continue
                found = pair(heard.text, [self._scene(c) for c in candidates], rng)
                if found is not None:
                    return candidates[found[0]], heard.text, found[1].answer, heard
        while True:
            image = rng.choice(candidates)
            try:
                exchange = ask(self._scene(image), rng)
            except ValueError:
                continue
            typed = rng.random() < 0.3
            spoken = None if typed else misheard(exchange.question, rng)
            return image, exchange.question, exchange.answer, spoken

    def _look(self, story: Story, image: int | None) -> None:
        if image is None:
            story.word(CAMERA_OFF)
        else:
            story.see(image, self.config.picture_tokens)

    def _draw(self, count: int) -> list[int | None]:
        total = len(self.pictures.images)
        return [
            None if self.rng.random() < 0.03 else self.rng.randrange(total) for _ in range(count)
        ]

    def write(self, exchanges: int) -> Story:
        """One story of so many exchanges."""
        rng, story = self.rng, Story()
        image: int | None = None
        for turn in range(exchanges):
            is_new = turn == 0 or rng.random() < 0.2
            candidates = self._draw(24 if self.pool is not None else 1) if is_new else [image]
            chosen, question, answer, heard = self._question(candidates)
            late = is_new and turn > 0 and rng.random() < 0.4
            if is_new and not late:
                self._look(story, chosen)
            elif not is_new and rng.random() < 0.1:
                self._look(story, image)  # looked at again, unchanged
            image = chosen
            # What is unfinished or not for the agent leaves the cache again: it only comes last.
            unfinished = bool(answer) and turn == exchanges - 1 and rng.random() < 0.5
            words = None if heard is None else heard.words()
            if unfinished:
                words, unfinished = self._cut(question, words)
            if words is None:
                story.type(question)
                if late:
                    self._look(story, chosen)
            else:
                at = rng.randrange(len(words) + 1) if late else 0
                story.hear(words[:at])
                if late:
                    self._look(story, chosen)
                story.hear(words[at:])
            if unfinished:
                story.word(ASK, WAIT)
                return story
            if not answer:
                story.word(ASK, SILENT)
                return story
            story.answer(self.lexicon.encode(tokenize(answer)))
        return story

    def _cut(self, question: str, words: list[Heard] | None) -> tuple[list[Heard] | None, bool]:
        """The beginning of a question that is not one yet, as heard."""
        wanted = question.split()
        if words is None or len(wanted) < 2 or len(words) != len(wanted):
            return words, False
        keep = self.rng.randrange(1, len(wanted))
        if understand(" ".join(wanted[:keep])).topic != "chatter":
            return words, False
        return words[:keep], True


def padded_words(words: Sequence[Heard], config: ModelConfig) -> tuple[Tensor, Tensor, Tensor]:
    """Heard words side by side: posteriors [N, L, C], latents [N, L, A], lengths [N]."""
    lengths = torch.tensor([len(word.chances) for word in words])
    longest = int(lengths.max())
    chances = np.zeros((len(words), longest, config.classes), np.float32)
    latents = np.zeros((len(words), longest, config.audio_width), np.float32)
    for row, word in enumerate(words):
        chances[row, : len(word.chances)] = word.chances
        if word.latents is not None:
            latents[row, : len(word.chances)] = word.latents
    return tensor_of(chances), tensor_of(latents), lengths


@dataclass(frozen=True, slots=True)
class Losses:
    """The parts of one batch's loss."""

    total: Tensor
    words: float
    beside: float
    right: float
    """Share of words the full depth gets right."""


def batch_loss(
    stories: Sequence[Story],
    pictures: Pictures,
    vision: VisionEncoder,
    decoder: FusedDecoder,
    beside: VisionTeacher,
    rng: np.random.Generator,
) -> Losses:
    """Lay stories side by side [B, T, D] and read the words they must give."""
    config = decoder.config
    used = sorted({image for story in stories for _, image in story.pictures})
    images = tensor_of(np.stack([pictures.images[i] for i in used]))
    place_of = {image: place for place, image in enumerate(used)}
    with torch.autocast("cpu", torch.bfloat16):
        patches = vision.patches(varied(images, rng)).float()
        latents = vision.out(patches).float()
    extra = beside.loss(patches, latents, [pictures.scenes[i] for i in used])

    b, t = len(stories), max(story.length for story in stories)
    rows: dict[str, list[int]] = {"picture": [], "voice": [], "typed": [], "word": []}
    cols: dict[str, list[int]] = {"picture": [], "voice": [], "typed": [], "word": []}
    shown: list[int] = []
    heard: list[Heard] = []
    typed: list[list[int]] = []
    words: list[int] = []
    wanted = torch.full((b, t), IGNORED)
    for row, story in enumerate(stories):
        for start, image in story.pictures:
            shown.append(place_of[image])
            rows["picture"] += [row] * config.picture_tokens
            cols["picture"] += range(start, start + config.picture_tokens)
        for at, spoken in story.voice:
            heard.append(spoken)
            rows["voice"].append(row)
            cols["voice"].append(at)
        for at, letters in story.typed:
            typed.append(letters)
            rows["typed"].append(row)
            cols["typed"].append(at)
        for at, word in story.words:
            words.append(word)
            rows["word"].append(row)
            cols["word"].append(at)
        for at, target in story.targets:
            wanted[row, at] = target

    x = torch.zeros(b, t, config.width)

    def put(kind: str, values: Tensor) -> None:
        nonlocal x
        x = x.index_put((torch.tensor(rows[kind]), torch.tensor(cols[kind])), values)

    if shown:
        put("picture", decoder.seen(latents[torch.tensor(shown)]).flatten(0, 1))
    if heard:
        put("voice", decoder.heard(*padded_words(heard, config)))
    if typed:
        lengths = torch.tensor([len(letters) for letters in typed])
        classes = torch.zeros(len(typed), int(lengths.max()), dtype=torch.long)
        for row, letters in enumerate(typed):
            classes[row, : len(letters)] = torch.tensor(letters)
        put("typed", decoder.typed(classes, lengths))
    put("word", decoder.said(torch.tensor(words)))

    mask = wanted != IGNORED
    with torch.autocast("cpu", torch.bfloat16):
        found = decoder(x, mask)
    labels = wanted[mask]
    full = found[-1].float()
    loss = F.cross_entropy(full, labels)
    teacher = full.detach().softmax(dim=-1)
    for early in found[:-1]:  # exits learn the truth and the full depth's opinion
        logits = early.float()
        loss = loss + 0.15 * F.cross_entropy(logits, labels)
        loss = loss + 0.15 * F.cross_entropy(logits, teacher)
    right = (full.argmax(dim=-1) == labels).float().mean().item()
    return Losses(loss + extra, loss.item(), extra.item(), right)


def train(args: argparse.Namespace) -> None:
    """The run, to the end of its budget."""
    config, lexicon = NANO, Lexicon.of(ANSWER_WORDS)
    run = Run("heard" if args.heard else "fused", args.out, args.minutes, args.rate)
    tensors.seed(args.seed)
    parts: dict[str, nn.Module] = {
        "vision": (vision := VisionEncoder(config)),
        "decoder": (decoder := FusedDecoder(config, len(lexicon))),
        "beside": (beside := VisionTeacher(config)),
    }
    trained = [p for part in parts.values() for p in part.parameters()]
    optimizer = torch.optim.AdamW(trained, args.rate, betas=(0.9, 0.98), weight_decay=0.02)
    if not run.resume(parts, optimizer):
        before = args.out / ("fused.pt" if args.heard else "vision.pt")
        if before.exists():
            for name, state in torch.load(before, weights_only=True)["parts"].items():
                parts[name].load_state_dict(state)
    pictures = Pictures(args.scenes, "train")
    pictures.refresh()
    pool = HeardPool(args.out / "heard", "train") if args.heard else None
    rng = random.Random(args.seed + run.step)
    noise = np.random.default_rng(args.seed + run.step)
    stories = Stories(pictures, lexicon, config, rng, pool)
    saved, sums, count = run.spent, np.zeros(3), 0
    while not run.is_over:
        batch = [stories.write(args.exchanges) for _ in range(args.batch)]
        losses = batch_loss(batch, pictures, vision, decoder, beside, noise)
        run.descend(losses.total, trained, optimizer, longest=1.0)
        sums += (losses.words, losses.beside, losses.right)
        count += 1
        if run.step % 50 == 0:
            words, extra, right = (float(v) for v in sums / count)
            run.log(words=words, beside=extra, right=right, rate=run.rate)
            sums, count = np.zeros(3), 0
            pictures.refresh()
            if pool is not None:
                pool.refresh()
        if run.spent - saved > 180 or run.is_over:
            saved = run.spent
            run.save(parts, optimizer)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--scenes", type=Path, default=Path("build/data/scenes"))
    parser.add_argument("--out", type=Path, default=Path("build/training"))
    parser.add_argument("--heard", action="store_true")
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--exchanges", type=int, default=3)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train(args)


if __name__ == "__main__":
    main()
