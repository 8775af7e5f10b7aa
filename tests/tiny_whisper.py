"""A Whisper model of CTranslate2, whole in every part and tiny, with random weights from a seed.

It recognises nothing. It has the structure, the files and the tokens of a real one, so what loads
and runs it is the real code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import ctranslate2
import numpy as np
import numpy.typing as npt
from ctranslate2.specs.whisper_spec import WhisperSpec
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from visavis.models.transcribers.languages import LANGUAGES

WIDTH, HEADS, LAYERS, MELS, FRAMES, TEXT, WORDS = 16, 2, 2, 80, 1500, 448, 512


def make(folder: Path, *, seed: int = 0, is_multilingual: bool = True) -> Path:
    """Writes the model into `folder` and returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    tokens = _tokens(is_multilingual)
    _write_tokenizer(folder / "tokenizer.json", tokens)
    spec: Any = WhisperSpec(LAYERS, HEADS, LAYERS, HEADS)
    _fill(spec, len(tokens), np.random.default_rng(seed))
    spec.register_vocabulary(tokens)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [tokens.index("<|endoftext|>")]
    spec.config.lang_ids = [tokens.index(f"<|{code}|>") for code in _languages(is_multilingual)]
    spec.config.alignment_heads = [(LAYERS - 1, 0), (LAYERS - 1, 1)]
    spec.validate()
    spec.save(str(folder))
    assert cast(Any, ctranslate2).contains_model(str(folder))  # untyped library
    return folder


def _languages(is_multilingual: bool) -> list[str]:
    return sorted(LANGUAGES) if is_multilingual else ["en"]


def _tokens(is_multilingual: bool) -> list[str]:
    """Bytes, words, then what Whisper's own tokenizer adds, in its order. CTranslate2 takes a model
    for a multilingual one if its vocabulary has the empty token, as GPT-2's has."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = [
        "<|endoftext|>",
        "<|startoftranscript|>",
        *(f"<|{code}|>" for code in _languages(is_multilingual)),
        "<|translate|>",
        "<|transcribe|>",
        "<|startoflm|>",
        "<|startofprev|>",
        "<|nospeech|>",
        "<|notimestamps|>",
        *(f"<|{place * 0.02:.2f}|>" for place in range(1501)),
    ]
    words = [f"Ġword{place}" for place in range(WORDS)]
    return [*letters, *words, *([""] if is_multilingual else []), *special]


def _write_tokenizer(path: Path, tokens: list[str]) -> None:
    tokenizer = Tokenizer(
        models.BPE(vocab={token: place for place, token in enumerate(tokens)}, merges=[])
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    first = tokens.index("<|endoftext|>")
    cast(Any, tokenizer).add_special_tokens([AddedToken(t, special=True) for t in tokens[first:]])
    tokenizer.save(str(path))


def _fill(spec: Any, tokens: int, rng: np.random.Generator) -> None:
    """The specification has attributes that it declares nowhere."""

    def weight(*shape: int) -> npt.NDArray[np.float32]:
        return rng.normal(0, 0.3, shape).astype(np.float32)

    def linear(layer: Any, inner: int, outer: int) -> None:
        layer.weight, layer.bias = weight(outer, inner), np.zeros(outer, np.float32)

    def norm(layer: Any) -> None:
        layer.gamma, layer.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)

    def attend(attention: Any, *sizes: int) -> None:
        norm(attention.layer_norm)
        for layer, size in zip(attention.linear, sizes, strict=True):
            linear(layer, WIDTH, size)

    def forward(layer: Any) -> None:
        norm(layer.layer_norm)
        linear(layer.linear_0, WIDTH, 4 * WIDTH)
        linear(layer.linear_1, 4 * WIDTH, WIDTH)

    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = weight(WIDTH, MELS, 3), weight(WIDTH)
    encoder.conv2.weight, encoder.conv2.bias = weight(WIDTH, WIDTH, 3), weight(WIDTH)
    encoder.position_encodings.encodings = weight(FRAMES, WIDTH)
    decoder.position_encodings.encodings = weight(TEXT, WIDTH)
    decoder.embeddings.weight = weight(tokens, WIDTH)
    decoder.projection.weight = decoder.embeddings.weight
    norm(encoder.layer_norm)
    norm(decoder.layer_norm)
    for layer in encoder.layer:
        attend(layer.self_attention, 3 * WIDTH, WIDTH)
        forward(layer.ffn)
    for layer in decoder.layer:
        attend(layer.self_attention, 3 * WIDTH, WIDTH)
        attend(layer.attention, WIDTH, 2 * WIDTH, WIDTH)
        forward(layer.ffn)
