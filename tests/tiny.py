"""Tiny pipelines of the true Stable Diffusion classes, made on the spot: random words and UNet, a wired autoencoder.

The UNet has learnt nothing, so its pictures are noise. The autoencoder is wired by hand: each latent is the mean of
its 8×8 pixels, in four mixtures, and comes back as that colour, so that what a map does to the latents can be seen.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import diffusers
import torch
import transformers
from torch import Tensor, nn

from lib_pxl.small.tokens import TOKENS, tokenizer_of

models: Any = diffusers  # its types say less than its guide
words: Any = transformers
WIDTH = 32
SPOKEN = ["the star on and in at her or"]  # a few words and parts of words that are one token
SCALE = 0.18215
_MIX = torch.tensor([[1.9, 0.3, -0.6], [-0.6, 1.9, 0.3], [0.3, -0.6, 1.9], [1.1, 1.1, 1.1]])  # RGB → 4 latents
_REFERENCE = 30.0  # two channels at ±30 hold a group norm's deviation still, whatever the picture
_LIFT = 20.0  # SiLU is the identity that far up


def sd1(prediction: str = "epsilon", seed: int = 0) -> Any:
    """One encoder, as SD1 and, with `v_prediction`, as SD2 has it."""
    tokenizer = tokenizer_of(SPOKEN)
    with _seeded(seed):
        pipe = models.StableDiffusionPipeline(
            vae=make_vae(), text_encoder=words.CLIPTextModel(_text(tokenizer)), tokenizer=tokenizer,
            unet=_unet(cross_attention_dim=WIDTH), scheduler=_scheduler(prediction),
            safety_checker=None, feature_extractor=None, requires_safety_checker=False,
        )  # fmt: skip
    return _ready(pipe)


def sdxl(prediction: str = "epsilon", seed: int = 0) -> Any:
    """Two encoders of different width, a pooled vector and the size's embedding, as SDXL has them."""
    wide = 2 * WIDTH
    tokenizer, tokenizer_2 = tokenizer_of(SPOKEN), tokenizer_of(SPOKEN, pad="!")
    sized = {"addition_embed_type": "text_time", "addition_time_embed_dim": 8}
    with _seeded(seed):
        pipe = models.StableDiffusionXLPipeline(
            vae=make_vae(), tokenizer=tokenizer, tokenizer_2=tokenizer_2, scheduler=_scheduler(prediction),
            text_encoder=words.CLIPTextModel(_text(tokenizer)),
            text_encoder_2=words.CLIPTextModelWithProjection(
                _text(tokenizer_2, hidden_size=wide, projection_dim=wide, hidden_act="gelu")
            ),
            unet=_unet(cross_attention_dim=WIDTH + wide, projection_class_embeddings_input_dim=wide + 6 * 8, **sized),
            add_watermarker=False,
        )  # fmt: skip
    return _ready(pipe)


def make_vae() -> Any:
    """An autoencoder of factor 8 whose every layer passes on what it gets."""
    vae = models.AutoencoderKL(
        block_out_channels=(8, 8, 8, 8), down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=4, layers_per_block=1, norm_num_groups=1,
        sample_size=64, scaling_factor=SCALE,
    )  # fmt: skip
    with torch.no_grad():
        for part in (vae.encoder, vae.decoder):
            _pass_on(part)
        spread = torch.cat([torch.eye(3), -torch.eye(3), torch.zeros(2, 3)])  # RGB and its negative: their mean is 0
        gather = spread.T / 2
        _wire(vae.encoder.conv_in, spread, _references())
        mean_and_log_variance = torch.cat([_MIX @ gather / SCALE, torch.zeros(4, 8)])
        _wire(vae.encoder.conv_out, mean_and_log_variance, torch.tensor([0.0] * 4 + [-40.0] * 4))
        _wire(vae.quant_conv, torch.eye(8))
        _wire(vae.post_quant_conv, torch.eye(4))
        _wire(vae.decoder.conv_in, spread @ torch.linalg.pinv(_MIX) * SCALE, _references())
        _wire(vae.decoder.conv_out, gather)
    return vae


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _ready(pipe: Any) -> Any:
    for part in pipe.components.values():
        if isinstance(part, nn.Module):
            part.requires_grad_(False).eval()
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _scheduler(prediction: str) -> Any:
    return models.EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type=prediction,
        timestep_spacing="leading", steps_offset=1,
    )  # fmt: skip


def _text(tokenizer: Any, **more: Any) -> Any:
    sizes = {"hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "projection_dim": WIDTH, **more}
    return words.CLIPTextConfig(
        vocab_size=len(tokenizer), num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=TOKENS,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        **sizes,
    )  # fmt: skip


def _unet(**more: Any) -> Any:
    return models.UNet2DConditionModel(
        sample_size=16, block_out_channels=(WIDTH, 2 * WIDTH), layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        attention_head_dim=4, **more,
    )  # fmt: skip


def _references() -> Tensor:
    return torch.tensor([0.0] * 6 + [_REFERENCE, -_REFERENCE])


def _pass_on(part: Any) -> None:
    for name, layer in part.named_modules():
        if name.endswith(("conv2", "to_out.0")):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        elif name.endswith("downsamplers.0.conv"):
            layer.weight.zero_()
            layer.bias.zero_()
            layer.weight[:, :, :2, :2] = torch.eye(8)[:, :, None, None] / 4
        elif name.endswith("upsamplers.0.conv"):
            _wire(layer, torch.eye(8))
    deviation = (2 / 8) ** 0.5 * _REFERENCE
    part.conv_norm_out.weight.fill_(deviation)
    part.conv_norm_out.bias.fill_(_LIFT)


def _wire(layer: Any, matrix: Tensor, bias: Tensor | None = None) -> None:
    """A convolution that multiplies each pixel's channels by the matrix."""
    middle = layer.kernel_size[0] // 2
    layer.weight.zero_()
    layer.weight[:, :, middle, middle] = matrix
    layer.bias.copy_(torch.zeros(len(matrix)) if bias is None else bias)
