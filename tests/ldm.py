"""Pipelines as one file with Latent Diffusion's names, the way checkpoints of SD2 and SDXL are passed around."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from lib_pxl.small import export

Weights = dict[str, Tensor]
_OPEN_CLIP = {
    "self_attn.out_proj": "attn.out_proj",
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "final_layer_norm": "ln_final",
    "embeddings.token_embedding": "token_embedding",
    "embeddings.position_embedding.weight": "positional_embedding",
}


def save(pipe: Any, path: Path) -> Path:
    """Write the pipeline's weights into one file."""
    if hasattr(pipe, "text_encoder_2"):
        words = _clip(pipe.text_encoder, "conditioner.embedders.0.transformer.")
        words |= _open_clip(pipe.text_encoder_2, "conditioner.embedders.1.model.")
    else:
        words = _open_clip(pipe.text_encoder, "cond_stage_model.model.")
    sized = {key: each for key, each in pipe.unet.state_dict().items() if key.startswith("add_embedding")}
    whole = _without(pipe, sized)
    for key, each in sized.items():
        at = "0" if "linear_1" in key else "2"
        whole[f"model.diffusion_model.label_emb.0.{at}.{key.rpartition('.')[2]}"] = each
    save_file({key: each.contiguous() for key, each in (whole | words).items()}, path)
    return path


def _without(pipe: Any, left_out: Weights) -> Weights:
    """The UNet and the autoencoder."""
    states = {key: each for key, each in pipe.unet.state_dict().items() if key not in left_out}
    attending = {key.split(".")[1] for key in states if key.startswith("up_blocks.") and ".attentions." in key}
    unet = {export._unet_name(key, pipe.unet.config.layers_per_block, attending): each for key, each in states.items()}
    levels = len(pipe.vae.config.block_out_channels)
    vae = {
        export._vae_name(key, levels): each[:, :, None, None] if "attentions" in key and each.ndim == 2 else each
        for key, each in pipe.vae.state_dict().items()
    }
    return {
        **{f"model.diffusion_model.{key}": each for key, each in unet.items()},
        **{f"first_stage_model.{key}": each for key, each in vae.items()},
    }


def _bare(text: Any) -> Weights:
    return {key.removeprefix("text_model."): each for key, each in text.state_dict().items()}


def _clip(text: Any, start: str) -> Weights:
    return {f"{start}text_model.{key}": each for key, each in _bare(text).items()}


def _open_clip(text: Any, start: str) -> Weights:
    """As OpenCLIP has it: query, key and value in one, and the projection the other way round."""
    bare, found = _bare(text), {}
    for key, each in bare.items():
        name = re.sub(r"^encoder\.layers", "transformer.resblocks", key)
        for ours, theirs in _OPEN_CLIP.items():
            name = name.replace(ours, theirs)
        if key == "text_projection.weight":
            name, each = "text_projection", each.T
        at = re.search(r"self_attn\.([qkv])_proj\.(weight|bias)$", key)
        if at is None:
            found[start + name] = each
        elif at[1] == "q":
            all_three = [bare[key.replace("q_proj", f"{part}_proj")] for part in "qkv"]
            found[start + name.replace("self_attn.q_proj.", "attn.in_proj_")] = torch.cat(all_three)
    return found
