"""Latents: encoded once for each picture, VAE and size, and turned into colours by a fit."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from lib_pxl.errors import HostError
from lib_pxl.hosts import fake
from lib_pxl.hosts.base import Vae
from lib_pxl.hosts.fake import FACTOR
from lib_pxl.hosts.latents import _KEPT, Latents
from tests.control.stage import gaussian


@dataclass
class Counter:
    """A linear VAE that counts how often it is asked."""

    scale: float = 1
    seen: list[Tensor] = field(default_factory=list)

    def vae(self, key: str = "a") -> Vae:
        return Vae(key, FACTOR, 4, self.encode)

    def encode(self, pixels: Tensor) -> Tensor:
        self.seen.append(pixels)
        return fake.encode(pixels) * self.scale


def picture(seed: int = 0, height: int = 16, width: int = 16) -> Tensor:
    return gaussian(1, 3, height, width, seed=seed).sigmoid()


def test_a_picture_is_encoded_once() -> None:
    counter, latents = Counter(), Latents()
    first = latents.encode(picture(), counter.vae())
    assert torch.equal(first, fake.encode(picture()))
    for _ in range(3):
        assert torch.equal(latents.encode(picture().clone(), counter.vae()), first)
    assert len(counter.seen) == 1


def test_another_picture_another_size_and_another_vae_are_encoded_anew() -> None:
    one, other, latents = Counter(), Counter(scale=2), Latents()
    flat = torch.full((1, 3, 16, 32), 0.25)
    for pixels in (picture(), picture(1), flat, flat.reshape(1, 3, 32, 16), flat[..., :16]):
        assert torch.equal(latents.encode(pixels, one.vae()), fake.encode(pixels))
        assert torch.equal(latents.encode(pixels, other.vae("b")), fake.encode(pixels) * 2)
    assert len(one.seen) == len(other.seen) == 5


def test_the_newest_are_kept_and_the_memory_is_bounded() -> None:
    counter, latents = Counter(), Latents()
    for seed in range(_KEPT + 1):
        latents.encode(picture(seed), counter.vae())
        latents.encode(picture(0), counter.vae())  # in use all the time
    assert len(counter.seen) == _KEPT + 1
    latents.encode(picture(1), counter.vae())
    assert len(counter.seen) == _KEPT + 2
    assert len(latents._targets) == _KEPT


def test_what_fails_is_not_kept() -> None:
    latents = Latents()
    nan = latents.encode(picture(), Counter(scale=float("nan")).vae())
    assert nan.isnan().all()

    def broken(pixels: Tensor) -> Tensor:
        raise RuntimeError("no")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="no"):
            latents.encode(picture(), Vae("a", FACTOR, 4, broken))
    assert torch.equal(latents.encode(picture(), Counter().vae()), fake.encode(picture()))


def test_targets_are_float32_and_hold_no_graph_and_no_other_tensor_s_memory() -> None:
    weight, held = torch.ones(1, requires_grad=True), fake.encode(picture())

    def lent(pixels: Tensor) -> Tensor:
        return held

    def learning(pixels: Tensor) -> Tensor:
        return (held * weight).half()

    for encode in (lent, learning):
        found = Latents().encode(picture(), Vae("a", FACTOR, 4, encode))
        assert found.dtype == torch.float32 and not found.requires_grad
        assert found.data_ptr() != held.data_ptr()


def test_colours_are_fitted_exactly_where_the_vae_is_linear() -> None:
    matrix, bias = Latents().rgb(Counter().vae())
    assert matrix.shape == (4, 3) and bias.shape == (3,)
    colours = torch.rand(50, 3, generator=torch.Generator().manual_seed(0))
    flats = colours[:, :, None, None].expand(-1, -1, 3 * FACTOR, 2 * FACTOR)
    seen = torch.einsum("bchw,cr->brhw", fake.encode(flats), matrix) + bias[:, None, None]
    assert seen.allclose((colours * 2 - 1)[:, :, None, None].expand_as(seen), atol=1e-3)
    assert matrix.allclose(torch.linalg.pinv(fake._TO_LATENT).T, atol=1e-3)
    assert bias.allclose(torch.zeros(3), atol=1e-3)


def test_colours_are_fitted_for_a_vae_with_an_offset_and_borders_of_its_own() -> None:
    def bordered(pixels: Tensor) -> Tensor:
        latent = fake.encode(pixels) * 0.18 + 0.5
        latent[..., 0, :] = latent[..., :, -1] = 9
        return latent.to(torch.float16)

    matrix, bias = Latents().rgb(Vae("b", FACTOR, 4, bordered))
    colour = torch.tensor([0.9, 0.2, 0.4])
    middle = bordered(colour[None, :, None, None].expand(1, 3, 32, 32))[0, :, 2, 2].float()
    assert (middle @ matrix + bias).allclose(colour * 2 - 1, atol=1e-2)


def test_a_vae_that_answers_no_numbers_is_refused_in_words() -> None:
    latents = Latents()
    with pytest.raises(HostError, match="wanted a VAE that bears this precision"):
        latents.rgb(Counter(scale=float("nan")).vae())
    assert latents.rgb(Counter().vae())[0].isfinite().all()


def test_colours_are_fitted_once_for_each_vae() -> None:
    counter, latents = Counter(), Latents()
    first = latents.rgb(counter.vae())
    asked = len(counter.seen)
    assert latents.rgb(counter.vae()) is first and len(counter.seen) == asked
    latents.rgb(counter.vae("b"))
    assert len(counter.seen) == 2 * asked
