"""Heads that exist in training only and say what the decoder should know on the way to an answer:
which words were said, what is asked, where to look for it, and what is found there.

Next words alone teach grounding slowly: most words of an answer can be had without looking. These
losses name the steps between (auxiliary supervision of attention: Mi et al. 2016; Liu et al. 2016).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..config import ModelConfig
from ..decoder import Watch
from .intents import question_words
from .phrasings import PLACE_FORMS, TOPICS
from .scenes import COLORS, SHAPES, Item, place_of
from .story import Asked, Story

LOOKING_LAYERS = (2, 4)
"""Layers whose first head learns to look at what a question is about (counted from 0)."""

MOST = 5
"""Objects of a scene at most."""

_TOPICS = (*TOPICS, "chatter")
_PLACES = tuple(PLACE_FORMS)


_VISUAL = frozenset(("colour", "shape", "count", "place", "exists", "describe"))


def _places(things: Sequence[Item]) -> set[str]:
    """The place of a single object that has one."""
    place = place_of(things[0]) if len(things) == 1 else None
    return set() if place is None else {place}


class DecoderTeacher(nn.Module):
    """Word, question and attention losses on a watched pass of the decoder."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.words = {word: index for index, word in enumerate(question_words())}
        d = config.width
        self.word = nn.Linear(d, len(self.words))
        self.topic = nn.Linear(d, len(_TOPICS))
        self.shape = nn.Linear(d, len(SHAPES) + 1)
        self.color = nn.Linear(d, len(COLORS) + 1)
        self.place = nn.Linear(d, len(_PLACES) + 1)
        self.number = nn.Linear(d, MOST + 1)
        self.found_shape = nn.Linear(d, len(SHAPES))
        self.found_color = nn.Linear(d, len(COLORS))
        self.found_place = nn.Linear(d, len(_PLACES))

    def loss(self, stories: Sequence[Story], watch: Watch) -> Tensor:
        """How far the decoder is from reading the words, the questions, and from looking there."""
        total = torch.zeros(())
        rows: list[int] = []
        cols: list[int] = []
        truth: list[int] = []
        for row, story in enumerate(stories):
            for at, word in story.spelt:
                if word in self.words:
                    rows.append(row)
                    cols.append(at)
                    truth.append(self.words[word])
        if truth:
            read = self.word(watch.hidden[0][rows, cols].float())
            total = total + 0.3 * F.cross_entropy(read, torch.tensor(truth))
        asked = [(row, asked) for row, story in enumerate(stories) for asked in story.asked]
        if not asked:
            return total
        hidden = watch.hidden[1][[row for row, _ in asked], [a.at for _, a in asked]].float()
        for head, names, values in (
            (self.topic, _TOPICS, [a.intent.topic for _, a in asked]),
            (self.shape, SHAPES, [a.intent.shape for _, a in asked]),
            (self.color, COLORS, [a.intent.color for _, a in asked]),
            (self.place, _PLACES, [a.intent.place for _, a in asked]),
        ):
            wanted = [len(names) if value is None else names.index(value) for value in values]
            total = total + 0.15 * F.cross_entropy(head(hidden), torch.tensor(wanted))
        return total + self._looking(asked, watch) + self._found(asked, watch)

    def _found(self, asked: Sequence[tuple[int, Asked]], watch: Watch) -> Tensor:
        """After the last looking layer it is known how many objects the question is about, and the
        shape, colour and place they have in common."""
        some = [(row, one) for row, one in asked if one.intent.family in _VISUAL]
        if not some:
            return torch.zeros(())
        hidden = watch.hidden[LOOKING_LAYERS[-1]]
        states = hidden[[row for row, _ in some], [one.at for _, one in some]].float()
        numbers = torch.tensor([min(MOST, len(one.things)) for _, one in some])
        loss = 0.3 * F.cross_entropy(self.number(states), numbers)
        for head, names, values in (
            (self.found_shape, SHAPES, [{item.shape for item in one.things} for _, one in some]),
            (self.found_color, COLORS, [{item.color for item in one.things} for _, one in some]),
            (self.found_place, _PLACES, [_places(one.things) for _, one in some]),
        ):
            common = [(i, next(iter(found))) for i, found in enumerate(values) if len(found) == 1]
            if common:
                wanted = torch.tensor([names.index(name) for _, name in common])
                loss = loss + 0.15 * F.cross_entropy(head(states[[i for i, _ in common]]), wanted)
        return loss

    def _looking(self, asked: Sequence[tuple[int, Asked]], watch: Watch) -> Tensor:
        """From the question's mark on, the looking heads rest on what it is about, or on the mark."""
        rows: list[int] = []
        cols: list[int] = []
        goals: list[tuple[int, int]] = []  # line, position
        for row, one in asked:
            # Things named one after another are looked at in turn, all of them only at the beginning.
            is_list = bool(one.listed) and len(one.relevant) > 1
            turns = {at: one.relevant for at in range(one.at, one.at + 1 if is_list else one.end)}
            if is_list:
                turns |= dict(one.listed)
            for at, goal in turns.items():
                goals += [(len(rows), position) for position in goal or (one.at,)]
                rows.append(row)
                cols.append(at)
        lines, positions = torch.tensor(goals).T
        loss = torch.zeros(())
        for layer in LOOKING_LAYERS:
            looks = watch.looks[layer][rows, cols].float()  # [lines, T]
            there = torch.zeros(len(rows)).index_add(0, lines, looks[lines, positions])
            loss = loss - 0.2 * torch.log(there + 1e-3).mean()
        return loss
