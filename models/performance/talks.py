"""A conversation with the performance model as the host keeps it: where its answer stands in the
cache, and what that took."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .context import Context


@dataclass(slots=True)
class Answer:
    """Where it stands in the cache. `at` is where the next token goes."""

    base: int
    at: int
    words: int
    tokens: list[int]  # known, the first `said` of them told
    utterance: int
    said: int = 0
    later: int = 0
    """Number of the first latent that came behind it in the cache."""
    has_pictures_later: bool = False
    is_committed: bool = False
    is_over: bool = False
    cached: int = 0
    """Positions that lay in the cache when it began."""
    added: int = 0
    """Positions that went in with its first pass, its mark included."""
    drafted: int = 0
    accepted: int = 0
    heard: bool = False
    """What it was asked was heard, not typed."""
    passes: int = 1
    """Of the whole depth, or (early exit) of the layers above the exit; its beginning is one."""

    def counts(self, depth: int, exit_at: int | None) -> dict[str, int]:
        """What it took, of a model of so many layers. `exit_at`: the layers that draft; None without
        early exit."""
        further = self.passes - 1
        if exit_at is None:
            passes = further * depth
        else:
            passes = self.drafted * exit_at + further * (depth - exit_at)
        return {
            "cached_positions": self.cached,
            "added_positions": self.added,
            "words": self.said,
            "drafted_words": self.drafted,
            "accepted_words": self.accepted,
            "deep_passes": self.passes,
            "layer_passes": depth + passes,
            "full_layer_passes": depth * max(1, self.said),
        }


@dataclass(slots=True)
class Talk:
    utterance: int = 0
    began: int = 0
    """Positions of the cache before this utterance."""
    answer: Answer | None = None
    told: Answer | None = None  # over, but a person may still cut it short
    picture: bool = False  # seen, and not in the cache yet
    has_pictures: bool = False  # of this utterance, in the cache
    coarse: npt.NDArray[np.float32] | None = field(default=None)
    context: Context = field(default_factory=Context)
    newest: dict[str, int] = field(default_factory=dict[str, int])  # counts of a dropped answer
