"""What the encoder made of the pool, kept on disk."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from training_fakes import QUESTIONS, write_heard, write_speech

from visavis.models import tensors
from visavis.models.audio_encoder import AudioEncoder
from visavis.models.compress import runs_of
from visavis.models.config import NANO
from visavis.models.dictionary import Dictionary
from visavis.models.spelling import spell, unspell
from visavis.models.training.heard import Heard, HeardPool, listen
from visavis.models.training.train_audio import Utterances, padded

SMALL = replace(NANO, audio_width=16, audio_hidden=16, dilations=(1,))


def test_words_are_cut_at_spaces(tmp_path: Path) -> None:
    pool = HeardPool(write_heard(tmp_path), "train")
    assert [item.text for item in pool.items] == list(QUESTIONS)
    words = pool.items[0].words()
    spelled = [unspell([int(c) for c in word.chances.argmax(axis=1)]) for word in words]
    assert spelled == QUESTIONS[0].split()
    assert all(w.latents is not None and len(w.latents) == len(w.chances) for w in words)
    assert pool.items[3].words() == []
    assert pool.refresh() == len(QUESTIONS)
    assert pool.draw(random.Random(1)) in pool.items


def test_words_may_come_without_latents() -> None:
    chances = np.eye(NANO.classes, dtype=np.float32)[spell("red one")]
    assert [word.latents for word in Heard("red one", chances, None).words()] == [None, None]


def test_listening_keeps_what_the_encoder_made_of_each(tmp_path: Path) -> None:
    speech = Utterances(write_speech(tmp_path / "speech"), "seen")
    speech.refresh()
    tensors.seed(0)
    encoder = AudioEncoder(SMALL).eval()
    listen(encoder, Dictionary.count(["what colour is this"]), speech, tmp_path / "heard", "seen")
    pool = HeardPool(tmp_path / "heard", "seen")
    assert [(item.text, item.voice) for item in pool.items] == [(t, "somebody") for t in QUESTIONS]
    for index, item in enumerate(pool.items):
        pcm, _ = padded([speech.pcm[index]], SMALL.window)
        with torch.inference_mode():
            logits, hidden = encoder(pcm)
        wide = hidden[0].repeat_interleave(SMALL.letters_per_frame, dim=0)
        chances, latents = runs_of(logits[0].softmax(-1).numpy(), wide.numpy())
        np.testing.assert_allclose(item.chances, chances, atol=2e-3)
        assert item.latents is not None
        np.testing.assert_allclose(item.latents, latents, atol=1e-2)


def test_words_that_were_understood_are_certain_of_every_letter() -> None:
    heard = Heard("red one", np.eye(NANO.classes, dtype=np.float32)[spell("ret wan")], None)
    assert heard.words_understood() == []
    found = replace(heard, understood="red one").words_understood()
    assert [unspell([int(c) for c in word.chances.argmax(axis=1)]) for word in found] == [
        "red",
        "one",
    ]
    assert all(float(word.chances.sum()) == len(word.chances) for word in found)
