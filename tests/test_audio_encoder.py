"""The audio encoder: a stream hears what the whole file says, and rows do not mix."""

from __future__ import annotations

import pytest
import torch
from tiny_model import TINY, tiny_model
from torch import Tensor

from visavis.models import tensors
from visavis.models.audio_encoder import N_FFT, AudioEncoder, AudioState, mel_filters
from visavis.models.training.train_audio import Warps


@pytest.fixture(scope="module")
def encoder() -> AudioEncoder:
    return tiny_model().audio


def noise(rows: int, windows: int, seed: int = 0) -> Tensor:
    tensors.seed(seed)
    return torch.randn(rows, windows * TINY.window) * 0.1


def step_by_step(
    encoder: AudioEncoder, pcm: Tensor, state: AudioState, windows: int
) -> tuple[Tensor, Tensor, AudioState]:
    """All of [B, S], so many windows at a time."""
    logits: list[Tensor] = []
    latents: list[Tensor] = []
    for part in torch.split(pcm, windows * TINY.window, dim=1):
        letters, latent, state = encoder.step(part, state)
        logits.append(letters)
        latents.append(latent)
    return torch.cat(logits, dim=1), torch.cat(latents, dim=1), state


@pytest.mark.parametrize("windows", [1, 2, 5])
def test_a_stream_hears_what_the_whole_file_says(encoder: AudioEncoder, windows: int) -> None:
    pcm = noise(2, 13)
    whole, latents = encoder(pcm)
    assert whole.shape == (2, 13 * TINY.letters_per_frame, TINY.classes)
    assert latents.shape == (2, 13, TINY.audio_width)
    found, hidden, _ = step_by_step(encoder, pcm, encoder.new_state(2), windows)
    torch.testing.assert_close(found, whole, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(hidden, latents, atol=1e-4, rtol=1e-4)


def test_nothing_is_heard_before_it_is_said(encoder: AudioEncoder) -> None:
    pcm = noise(1, 8)
    other = pcm.clone()
    other[:, 5 * TINY.window :] = 0
    before = 5 * TINY.letters_per_frame
    torch.testing.assert_close(encoder(pcm)[0][:, :before], encoder(other)[0][:, :before])


def test_a_batch_is_its_rows(encoder: AudioEncoder) -> None:
    pcm = noise(4, 6)
    together = encoder(pcm)[0]
    alone = torch.cat([encoder(row[None])[0] for row in pcm])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


def test_a_row_that_is_reset_starts_over_and_no_other_does(encoder: AudioEncoder) -> None:
    first, second = noise(2, 4, 1), noise(2, 4, 2)
    _, _, state = step_by_step(encoder, first, encoder.new_state(2), 1)
    state.reset(0)
    found, _, _ = step_by_step(encoder, second, state, 1)
    fresh, _ = encoder(second[:1])
    torch.testing.assert_close(found[:1], fresh, atol=1e-4, rtol=1e-4)
    going_on, _ = encoder(torch.cat([first, second], dim=1)[1:])
    torch.testing.assert_close(found[1:], going_on[:, -found.shape[1] :], atol=1e-4, rtol=1e-4)


def test_a_louder_voice_keeps_its_shape(encoder: AudioEncoder) -> None:
    mel = encoder.mel(noise(1, 3), encoder.new_state(1).samples)
    soft, loud = encoder.stack(mel), encoder.stack(mel + 2)
    torch.testing.assert_close(soft[..., :-1], loud[..., :-1], atol=1e-5, rtol=1e-5)
    assert bool((loud[..., -1] > soft[..., -1]).all())


def test_mel_filters_are_overlapping_triangles_that_rise_in_pitch() -> None:
    bank = mel_filters(40)
    assert bank.shape == (40, N_FFT // 2 + 1)
    assert float(bank.min()) >= 0 and float(bank.max()) <= 1
    assert bool((bank.sum(dim=1) > 0).all())
    bins = torch.arange(bank.shape[1], dtype=torch.float32)
    centres = (bank * bins).sum(dim=1) / bank.sum(dim=1)
    assert bool((centres.diff() > 0).all())
    assert float(bank[:, 0].sum()) == 0 and float(bank[:, -1].sum()) == 0


def test_warped_banks_move_every_filter() -> None:
    warps = Warps(40)
    bank = mel_filters(40)
    torch.testing.assert_close(warps.banks[len(warps.banks) // 2], bank)
    bins = torch.arange(bank.shape[1], dtype=torch.float32)
    centres = (warps.banks * bins).sum(dim=2) / warps.banks.sum(dim=2)
    assert bool((centres[:, 20].diff() < 0).all()), "a shorter tract, the higher the sound"


def test_a_warped_bank_takes_the_place_of_the_plain_one(encoder: AudioEncoder) -> None:
    pcm = noise(2, 3)
    plain = encoder(pcm)[0]
    same = encoder(pcm, encoder.filters.expand(2, -1, -1))[0]
    torch.testing.assert_close(same, plain)
    assert not torch.allclose(encoder(pcm, encoder.filters.flip(0).expand(2, -1, -1))[0], plain)
