"""The small model as one checkpoint that A1111 loads: Latent Diffusion's names, a yaml beside it, and its tokenizer."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Set
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from lib_pxl.errors import HostError
from lib_pxl.small import NAME

GROUPS = 32  # in each group norm of Latent Diffusion's own classes
Weights = dict[str, Tensor]
_RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
           "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}  # fmt: skip
_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def export(pipe: Any, folder: Path, name: str = NAME) -> Path:
    """Write NAME.safetensors, NAME.yaml and the folder NAME with the tokenizer; the checkpoint's path."""
    from safetensors.torch import save_file

    _check(pipe)
    try:
        words = (folder / name).resolve()
        words.mkdir(parents=True, exist_ok=True)
        _write_vocabulary(pipe.tokenizer, words)
        pipe.text_encoder.config.save_pretrained(str(words))
        whole = {key: each.half().contiguous() for key, each in checkpoint(pipe).items()}
        save_file(whole, folder / f"{name}.safetensors")
        shutil.copymode(words / "vocab.json", folder / f"{name}.safetensors")  # else it is for its owner alone
        (folder / f"{name}.yaml").write_text(sidecar(pipe, words), "utf-8")
    except OSError as problem:
        raise HostError("folder", got=str(folder), wanted=f"one that can be written ({problem.strerror})") from None
    return folder / f"{name}.safetensors"


def _check(pipe: Any) -> None:
    """A HostError where the WebUIs' classes could not hold it."""
    kind, vae = type(pipe).__name__, pipe.vae.config
    if kind != "StableDiffusionPipeline":
        raise HostError("model", got=kind, wanted="a StableDiffusionPipeline: one text encoder")
    narrow = [width for width in (*pipe.unet.config.block_out_channels, *vae.block_out_channels) if width % GROUPS]
    if narrow or GROUPS % vae.norm_num_groups:
        raise HostError(
            "model", got=f"a width of {narrow[0] if narrow else vae.norm_num_groups}", wanted="multiples of 32"
        )


def _write_vocabulary(tokenizer: Any, folder: Path) -> None:
    """The tokenizer as the two files that every version of transformers reads."""
    model = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    pairs = [each if isinstance(each, str) else " ".join(each) for each in model["merges"]]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]), "utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *pairs]) + "\n", "utf-8")
    special = {name: getattr(tokenizer, name) for name in ("bos_token", "eos_token", "pad_token", "unk_token")}
    more = {"tokenizer_class": "CLIPTokenizer", "model_max_length": tokenizer.model_max_length}
    (folder / "tokenizer_config.json").write_text(json.dumps({**special, **more}), "utf-8")


def checkpoint(pipe: Any) -> Weights:
    """Every weight by the name that Latent Diffusion knows it by."""
    layers, states = int(pipe.unet.config.layers_per_block), pipe.unet.state_dict()
    attending = {key.split(".")[1] for key in states if key.startswith("up_blocks.") and ".attentions." in key}
    unet = {_unet_name(key, layers, attending): each for key, each in states.items()}
    vae = pipe.vae
    levels, times = len(vae.config.block_out_channels), GROUPS // int(vae.config.norm_num_groups)
    wide = {_vae_name(key, levels): _widened(key, each, times) for key, each in vae.state_dict().items()}
    text = {
        re.sub(r"^(?!text_model\.)", "text_model.", key): each for key, each in pipe.text_encoder.state_dict().items()
    }
    return {
        **{f"model.diffusion_model.{key}": each for key, each in unet.items()},
        **{f"first_stage_model.{key}": each for key, each in wide.items()},
        **{f"cond_stage_model.transformer.{key}": each for key, each in text.items()},
    }


def sidecar(pipe: Any, words: Path) -> str:
    """The yaml, which is JSON too: what the checkpoint's classes and sizes are."""
    unet, vae, schedule = pipe.unet.config, pipe.vae.config, pipe.scheduler.config
    widths, times = unet.block_out_channels, GROUPS // int(vae.norm_num_groups)
    attended = [2**i for i, kind in enumerate(unet.down_block_types) if kind.startswith("CrossAttn")]
    params = {
        "parameterization": "v" if schedule.prediction_type == "v_prediction" else "eps",
        "linear_start": schedule.beta_start, "linear_end": schedule.beta_end, "timesteps": schedule.num_train_timesteps,
        "num_timesteps_cond": 1, "log_every_t": 200, "first_stage_key": "jpg", "cond_stage_key": "txt",
        "image_size": unet.sample_size, "channels": unet.in_channels, "cond_stage_trainable": False,
        "conditioning_key": "crossattn", "monitor": "val/loss_simple_ema", "scale_factor": vae.scaling_factor,
        "use_ema": False,
        "unet_config": {"target": "ldm.modules.diffusionmodules.openaimodel.UNetModel", "params": {
            "image_size": unet.sample_size, "in_channels": unet.in_channels, "out_channels": unet.out_channels,
            "model_channels": widths[0], "channel_mult": [width // widths[0] for width in widths],
            "attention_resolutions": attended, "num_res_blocks": unet.layers_per_block,
            "num_heads": unet.attention_head_dim, "use_spatial_transformer": True, "transformer_depth": 1,
            "context_dim": unet.cross_attention_dim, "use_checkpoint": False, "legacy": False,
        }},
        "first_stage_config": {"target": "ldm.models.autoencoder.AutoencoderKL", "params": {
            "embed_dim": vae.latent_channels, "monitor": "val/rec_loss", "lossconfig": {"target": "torch.nn.Identity"},
            "ddconfig": {
                "double_z": True, "z_channels": vae.latent_channels, "resolution": vae.sample_size, "in_channels": 3,
                "out_ch": 3, "ch": vae.block_out_channels[0] * times, "num_res_blocks": vae.layers_per_block,
                "ch_mult": [width // vae.block_out_channels[0] for width in vae.block_out_channels],
                "attn_resolutions": [], "dropout": 0.0,
            },
        }},
        "cond_stage_config": {"target": "ldm.modules.encoders.modules.FrozenCLIPEmbedder",
                              "params": {"version": str(words)}},
    }  # fmt: skip
    model = {"target": "ldm.models.diffusion.ddpm.LatentDiffusion", "base_learning_rate": 1e-4, "params": params}
    return json.dumps({"model": model}, indent=2) + "\n"


def _unet_name(key: str, layers: int, attending: Set[str]) -> str:
    """A weight of diffusers' UNet2DConditionModel in Latent Diffusion's words."""
    first, _, rest = key.partition(".")
    plain = {"conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2"}
    if first in plain:
        return f"{plain[first]}.{rest}"
    if first == "time_embedding":
        return f"time_embed.{'0' if 'linear_1' in rest else '2'}.{rest.rpartition('.')[2]}"
    if first == "mid_block":
        kind, at, rest = rest.split(".", 2)
        return f"middle_block.{1 if kind == 'attentions' else 2 * int(at)}.{_inner(rest)}"
    level, kind, at, rest = rest.split(".", 3)
    place = int(level) * (layers + 1) + int(at)
    if first == "down_blocks":
        if kind == "downsamplers":
            return f"input_blocks.{place + layers + 1}.0.{rest.replace('conv', 'op', 1)}"
        return f"input_blocks.{place + 1}.{int(kind == 'attentions')}.{_inner(rest)}"
    if kind == "upsamplers":
        return f"output_blocks.{place + layers}.{2 if level in attending else 1}.{rest}"
    return f"output_blocks.{place}.{int(kind == 'attentions')}.{_inner(rest)}"


def _inner(rest: str) -> str:
    for ours, theirs in _RESNET.items():
        if rest.startswith(f"{ours}."):
            return theirs + rest[len(ours) :]
    return rest


def _vae_name(key: str, levels: int) -> str:
    """A weight of diffusers' AutoencoderKL in Latent Diffusion's words."""
    key = key.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    key = re.sub(r"down_blocks\.(\d+)\.resnets\.(\d+)", r"down.\1.block.\2", key)
    key = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", key)
    key = re.sub(r"up_blocks\.(\d+)\.resnets\.(\d+)", lambda at: f"up.{levels - 1 - int(at[1])}.block.{at[2]}", key)
    key = re.sub(r"up_blocks\.(\d+)\.upsamplers\.0", lambda at: f"up.{levels - 1 - int(at[1])}.upsample", key)
    key = re.sub(r"mid_block\.resnets\.(\d+)", lambda at: f"mid.block_{int(at[1]) + 1}", key)
    for ours, theirs in _ATTENTION.items():
        key = key.replace(f"mid_block.attentions.0.{ours}", f"mid.attn_1.{theirs}")
    return key


def _widened(key: str, weight: Tensor, times: int) -> Tensor:
    """The same layer among channels of zeros.

    Latent Diffusion norms in 32 groups, which leaves a narrow autoencoder too few channels in each to tell one flat
    colour from another. Ours has fewer groups, and becomes one of 32 by channels that are always 0.
    """
    if "attentions" in key:
        if "to_q" in key:  # it is divided by the root of the width
            weight = weight * math.sqrt(times)
        if weight.ndim == 2:
            weight = weight[:, :, None, None]
    more = [(times - 1) * size if size >= GROUPS and at < 2 else 0 for at, size in enumerate(weight.shape)]
    return F.pad(weight, [amount for size in reversed(more) for amount in (0, size)])
