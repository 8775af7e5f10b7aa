"""What comes into a conversation as entries of its log: marks, words heard, typed and said, pictures.

Axes: N words, L letters, C letter classes, A audio width, P patches, D decoder width, T positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .config import Kind, ModelConfig
from .lexicon import MARKS, Lexicon
from .networks import Floats, Networks, Pictures
from .spelling import spell, word_spans
from .spoken_words import Run, letter_of
from .window import Entry, What


class Entries:
    """Makes them, for every conversation of a model."""

    def __init__(
        self,
        networks: Networks,
        config: ModelConfig,
        lexicon: Lexicon,
        tables: Mapping[str, npt.NDArray[np.float32]],
    ) -> None:
        """`tables`: the weight file's tensors, for looking up words and kinds."""
        self._networks, self._config, self._lexicon = networks, config, lexicon
        kinds = tables["decoder.kinds.weight"]
        self.words: Floats = tables["decoder.words.weight"] + kinds[Kind.WORD]
        """Every word of the lexicon as it is when said [W, D]."""
        self._voice_kind, self._typed_kind = kinds[Kind.VOICE], kinds[Kind.TYPED]

    def mark(self, word: int, what: What, utterance: int) -> Entry:
        """One word of the lexicon, or one of its marks."""
        text = self._lexicon.text(word, False) if word >= len(MARKS) else ""
        return Entry(what, self.words[word : word + 1], utterance, text)

    def picture(self, pixels: Pictures, utterance: int) -> Entry:
        """A picture [H, W, 3] at first glance; `recognised` must follow."""
        glanced = self._networks.glance(pixels[None])
        room = np.broadcast_to(np.float32(0.0), (self._config.picture_tokens, self._config.width))
        return Entry(What.PICTURE, room, utterance, glanced=glanced)

    def recognised(self, entry: Entry) -> Entry:
        """The same picture with its positions."""
        if entry.glanced is None:
            return entry
        x = self._networks.recognise(entry.glanced)[0]
        return Entry(entry.what, x, entry.utterance)

    def heard(self, word: Sequence[Run], utterance: int) -> Entry:
        """A word by ear."""
        chances = np.stack([chance for chance, _ in word])[None]
        latents = np.stack([latent for _, latent in word])[None]
        x = self._networks.read(chances, latents, np.array([len(word)]))
        text = "".join(letter_of(chance) for chance, _ in word)
        return Entry(What.ASKED, x + self._voice_kind, utterance, text)

    def sound(self, words: str, utterance: int) -> Entry | None:
        """A sound besides speech: its words as if they had been typed."""
        entry = self.typed(words, utterance)
        return None if entry is None else replace(entry, what=What.SOUND)

    def typed(self, text: str, utterance: int) -> Entry | None:
        """Typed words; None where there is no letter."""
        x = self._spelled(text)
        if not len(x):
            return None
        return Entry(What.ASKED, x + self._typed_kind, utterance, text, is_typed=True)

    def understood(self, word: str, utterance: int) -> Entry:
        """A word by ear, as it was understood."""
        return Entry(What.ASKED, self._spelled(word) + self._voice_kind, utterance, word)

    def _spelled(self, text: str) -> Floats:
        """Words letter by letter, all certain [N, D]."""
        classes = spell(text)
        spans = word_spans(classes)
        config = self._config
        if not spans:
            return np.zeros((0, config.width), np.float32)
        longest = max(end - start for start, end in spans)
        chances = np.zeros((len(spans), longest, config.classes), np.float32)
        for row, (start, end) in enumerate(spans):
            chances[row, range(end - start), classes[start:end]] = 1.0
        latents = np.zeros((len(spans), longest, config.audio_width), np.float32)
        lengths = np.array([end - start for start, end in spans])
        return self._networks.read(chances, latents, lengths)
