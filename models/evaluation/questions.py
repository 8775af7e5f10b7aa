"""Puts questions it has not met to the model, through the runtime's own streaming path.

Spoken questions come from the speech pool's test splits: `seen`, by voices trained on, and `unseen`,
by a speaker never trained on, in trained phrasings; `-new`, in phrasings held out. Recordings and
pictures are unseen renderings.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

from ...runtime.events import Head
from ..embedded import Embedded
from ..tool_words import FUNCTIONS
from ..training.intents import question_text
from ..training.judging import is_right, named_fact
from ..training.replies import Exchange
from ..training.train_audio import Utterances
from ..training.train_vision import Pictures
from .records import Record
from .situations import Situation, bring_about, hedged, situation

SLOTS = 32
WINDOW = 512

Samples = npt.NDArray[np.float32]
Channel = Callable[[Samples], Samples]
"""What happens to 16 kHz audio on its way."""


@dataclass(frozen=True, slots=True)
class Question:
    """A recorded question in its situation."""

    utterance: int
    situation: Situation


def finish(
    model: Embedded, slots: Sequence[int], texts: Sequence[str | None]
) -> list[tuple[Head, str, float]]:
    """Answers of these slots, to the end, and how sure they are; what is not for the agent is not
    answered."""
    heads = model.begin(slots, texts)
    answers: list[tuple[Head, str, float]] = []
    for slot, (head, chance) in zip(slots, heads, strict=True):
        answer, certainty = "", chance
        while head is not Head.SILENT:
            text, is_last = model.next([slot])[0]
            answer += text
            if is_last:
                certainty = chance * model.certainty(slot)
                answer = answer or called(model, slot)
                break
        answers.append((head, answer, certainty))
    return answers


def called(model: Embedded, slot: int) -> str:
    """The call that the answer is instead of words, in the words of the lexicon: "<recall> key"."""
    call = model.call(slot)
    if call is None:
        return ""
    mark = next(mark for mark, function in FUNCTIONS.items() if function == call[0])
    arguments: dict[str, str] = json.loads(call[1])
    words = " ".join(arguments.values()).split()
    return " ".join([mark, *(word for word in words if word not in ("a", "an", "the"))])


def questions(pool: Utterances, pictures: Pictures, limit: int, seed: int) -> list[Question]:
    """The first utterances of a pool, each in a situation in which it can be asked."""
    rng = random.Random(seed)
    found: list[Question] = []
    for index in range(min(limit, len(pool.pcm))):
        if not pool.texts[index]:
            continue
        chosen = situation(pool.texts[index], pictures, rng)
        if chosen is not None:
            found.append(Question(index, chosen))
    return found


def hear(model: Embedded, slots: Sequence[int], pcms: Sequence[Samples]) -> None:
    """Utterances side by side, window by window, each to its last whole window."""
    for at in range(0, max(len(pcm) for pcm in pcms), WINDOW):
        live = [slot for slot, pcm in zip(slots, pcms, strict=True) if len(pcm) >= at + WINDOW]
        if live:
            model.hear(live, np.stack([pcms[slots.index(s)][at : at + WINDOW] for s in live]))


def spoken(
    model: Embedded,
    pool: Utterances,
    pictures: Pictures,
    limit: int,
    seed: int,
    *,
    channel: Channel | None = None,
    is_shown: bool = True,
    is_typed_over: bool = False,
) -> list[Record]:
    """Questions from a speech pool about test pictures.

    `channel` changes the audio before it is heard; without `is_shown` the camera is off; with
    `is_typed_over` the transcript is typed in, as a cascade of two models would.
    """
    records: list[Record] = []
    work = questions(pool, pictures, limit, seed)
    for start in track(range(0, len(work), SLOTS), pool.split, console=Console(stderr=True)):
        some = work[start : start + SLOTS]
        slots = list(range(len(some)))
        pcms = [pool.pcm[one.utterance].astype(np.float32) / 32768.0 for one in some]
        if channel is not None:
            pcms = [channel(pcm) for pcm in pcms]
        staged: list[Situation] = []
        for slot, one in zip(slots, some, strict=True):
            if is_shown:
                bring_about(model, slot, one.situation, pictures)
            else:
                model.reset(slot)
            staged.append(hedged(one.situation, model, slot))
            model.open_utterance(slot)
        hear(model, slots, pcms)
        heard = [model.transcript(slot) for slot in slots]
        texts: list[str | None] = [None] * len(slots)
        if is_typed_over:
            for slot in slots:
                model.forget(slot)
            texts = [text or "?" for text in heard]
        for one, it, text, (head, answer, certainty) in zip(
            some, staged, heard, finish(model, slots, texts), strict=True
        ):
            records.append(
                _record(
                    pool.split, it.asked, text, head, answer, certainty,
                    pool.voices[one.utterance], pool.snr_db[one.utterance],
                )
            )  # fmt: skip
    return records


def typed(model: Embedded, pictures: Pictures, count: int, seed: int) -> list[Record]:
    """Typed questions in phrasings held out of training, about test pictures. What is typed is always
    meant for the agent, so nothing is asked that is not."""
    rng = random.Random(seed)
    records: list[Record] = []
    for _ in track(range(count), "typed", console=Console(stderr=True)):
        it: Situation | None = None
        while it is None or not it.asked.answer:
            it = situation(question_text(rng, "test"), pictures, rng)
        bring_about(model, 0, it, pictures)
        it = hedged(it, model, 0)
        model.open_utterance(0)
        ((head, answer, certainty),) = finish(model, [0], [it.asked.question])
        records.append(_record("typed", it.asked, it.asked.question, head, answer, certainty))
    return records


def _record(
    test: str,
    exchange: Exchange,
    heard: str,
    head: Head,
    answer: str,
    certainty: float,
    voice: str = "",
    snr_db: float = np.inf,
) -> Record:
    return Record(
        test=test,
        family=exchange.family,
        question=exchange.question,
        heard=heard,
        key=exchange.key,
        wanted=exchange.answer,
        answer=answer,
        named=named_fact(exchange, answer),
        is_right=is_right(exchange, answer),
        head=head.value,
        certainty=certainty,
        voice=voice,
        snr_db=float(snr_db),
    )
