"""What each part of the model is worth: the same questions without the picture, through text alone,
looked at again and again, and answered at each exit of the decoder."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from ..decoder import FusedDecoder
from ..embedded import Embedded
from ..lexicon import Lexicon
from ..training.asking import ask
from ..training.intents import Intent, phrase
from ..training.judging import is_right
from ..training.recalling import exchange
from ..training.story import Story
from ..training.train_audio import Utterances
from ..training.train_fused import laid, seen
from ..training.train_vision import Pictures
from ..training.wording import tokenize
from ..training.world import World, is_memorable
from ..weights import EmbeddedModel
from .questions import finish, spoken
from .records import share
from .situations import show, tell


def ablations(
    model: Embedded, pool: Utterances, pictures: Pictures, limit: int, seed: int
) -> dict[str, Any]:
    """Right answers to the same spoken questions with parts taken away."""

    def right(*, is_typed_over: bool = False, is_shown: bool = True) -> dict[str, Any]:
        records = spoken(
            model, pool, pictures, limit, seed, is_typed_over=is_typed_over, is_shown=is_shown
        )
        return share([record.is_right for record in records if record.wanted])

    return {
        "fused": right(),
        "through text alone": right(is_typed_over=True),
        "without the picture": right(is_shown=False),
    }


def gating(model: Embedded, pictures: Pictures, count: int, seed: int) -> dict[str, Any]:
    """The same question over a picture shown once, and shown five times without the gate that leaves
    an unchanged picture out: how often the answers are the same, and what the gate saves."""
    rng = random.Random(seed)
    same, laid_down = 0, [0, 0]
    for _ in track(range(count), "gating", console=Console(stderr=True)):
        image = rng.randrange(len(pictures.images))
        exchange = ask(pictures.scenes[image], rng)
        answers: list[str] = []
        for is_gated in (True, False):
            model.reset(0)
            for _ in range(5):
                if not is_gated:
                    model.set_camera(0, is_on=True)  # forgets what it saw last
                laid_down[is_gated] += sum(model.look([0], pictures.images[image][None]))
            model.open_utterance(0)
            answers.append(finish(model, [0], [exchange.question])[0][1])
        same += answers[0] == answers[1]
    return {
        "same_answer": share([True] * same + [False] * (count - same)),
        "pictures_encoded_with_gate": laid_down[True],
        "pictures_encoded_without": laid_down[False],
    }


LATER = 8
"""Pictures and questions between a thing and the question about it: at one in eight seconds, more
than a minute of conversation."""


def memory(model: Embedded, pictures: Pictures, count: int, seed: int) -> dict[str, Any]:
    """What was shown first is asked for after `LATER` other pictures with a question about each, by
    when it has long left the window."""
    rng = random.Random(seed)
    lit = [i for i, scene in enumerate(pictures.scenes) if is_memorable(scene)]
    oks: list[bool] = []
    for _ in track(range(count), "memory", console=Console(stderr=True)):
        images = rng.sample(lit, LATER + 1)
        scenes = [pictures.scenes[image] for image in images]
        question = phrase(Intent("first"), rng, "test")
        wanted = exchange(Intent("first"), question, World(scenes[-1], tuple(scenes[:-1])))
        if wanted is None:
            continue
        model.reset(0)
        for image, scene in zip(images, scenes, strict=True):
            show(model, 0, pictures.images[image])
            tell(
                model,
                0,
                ask(scene, rng, family="describe" if scene.card is None else "read").question,
            )
        oks.append(is_right(wanted, tell(model, 0, question)))
    return share(oks)


def depths(
    trained: EmbeddedModel, lexicon: Lexicon, pictures: Pictures, count: int, seed: int
) -> dict[str, Any]:
    """Typed questions answered by each exit alone: answers right to the last word."""
    rng, decoder = random.Random(seed), trained.decoder
    latents = seen(trained.vision, pictures)
    oks: list[list[bool]] = [[] for _ in (*decoder.config.exits, decoder.config.layers)]
    for _ in track(range(count), "exits", console=Console(stderr=True)):
        image = rng.randrange(len(pictures.images))
        exchange = ask(pictures.scenes[image], rng)
        if not exchange.answer:
            continue
        story = Story()
        story.see(image, decoder.config.picture_tokens)
        story.type(exchange.question)
        story.answer(lexicon.encode(tokenize(exchange.answer)))
        for at, chosen in enumerate(_choices(decoder, story, latents)):
            oks[at].append(chosen == [target for _, target in story.targets])
    layers = (*decoder.config.exits, decoder.config.layers)
    return {str(depth): share(some) for depth, some in zip(layers, oks, strict=True)}


def _choices(
    decoder: FusedDecoder, story: Story, latents: np.ndarray[Any, np.dtype[np.float16]]
) -> list[list[int]]:
    """What each exit would say at every word of the answer, given the right words before it."""
    with torch.inference_mode():
        x, wanted = laid([story], latents, decoder)
        found: list[Tensor] = decoder(x, wanted >= 0)
    return [[int(word) for word in logits.argmax(dim=-1)] for logits in found]
