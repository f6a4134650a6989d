"""The tiny pipelines: the same every time, and an autoencoder that shows what its latents hold."""

from __future__ import annotations

import pytest
import tiny
import torch
from torch import Tensor


def weights(pipe: object) -> list[Tensor]:
    parts = (getattr(pipe, name, None) for name in ("unet", "vae", "text_encoder", "text_encoder_2"))
    return [value for part in parts if part is not None for value in part.state_dict().values()]


@pytest.mark.parametrize("make", [tiny.sd1, tiny.sdxl])
def test_they_are_made_the_same_every_time_and_draw_no_random_number_of_others(make: object) -> None:
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    first = weights(make())  # type: ignore[operator]
    assert torch.rand(1) == expected
    assert all(torch.equal(a, b) for a, b in zip(first, weights(make()), strict=True))  # type: ignore[operator]
    assert not all(torch.equal(a, b) for a, b in zip(first, weights(make(seed=1)), strict=True))  # type: ignore[operator]


def test_the_autoencoder_gives_back_every_block_of_colour() -> None:
    vae = tiny.make_vae()
    blocks = torch.rand(2, 3, 6, 10, generator=torch.Generator().manual_seed(0)) * 2 - 1
    pixels = torch.nn.functional.interpolate(blocks, scale_factor=8)
    with torch.no_grad():
        posterior = vae.encode(pixels).latent_dist
        back = vae.decode(posterior.mode()).sample
    assert (back - pixels).abs().max() < 0.01 and posterior.std.max() < 1e-6
    assert 0.9 < float((posterior.mode() * tiny.SCALE).std()) < 1.5  # as clean latents of the true ones


def test_a_picture_is_seen_as_the_mean_of_its_blocks() -> None:
    vae = tiny.make_vae()
    pixels = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        back = vae.decode(vae.encode(pixels).latent_dist.mode()).sample
    means = torch.nn.functional.interpolate(torch.nn.functional.avg_pool2d(pixels, 8), scale_factor=8)
    assert (back - means).abs().max() < 0.01
