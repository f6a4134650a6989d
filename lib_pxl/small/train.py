"""Train the small model from nothing: an autoencoder, the words, then the picture.

    python -m lib_pxl model train OUT         # `make model` does this

Each of the three learns by itself in `fit`, which keeps a checkpoint a minute and goes on from it: step i draws its
batch from seed i, so that a run cut short and taken up again sees what an unbroken one would have seen.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from lib_pxl.small.tokens import TOKENS, tokenizer_of
from lib_pxl.world import Scene, Wish, caption, draw
from lib_pxl.world.scene import COLOURS, PLACES, SHAPES, SIZES, scenes

models: Any = diffusers
words: Any = transformers
SEED = 20261120
KEEP_EVERY = 60.0  # seconds
WIDTH = 128
UNTOLD = 0.1  # the share of pictures without words, for classifier-free guidance


@dataclass(frozen=True)
class Recipe:
    """How much of everything."""

    pictures: int = 14_000
    autoencoder: int = 4500  # steps
    words: int = 800
    picture: int = 5500
    batch: int = 32  # of the picture's steps


def fit(name: str, model: nn.Module, steps: int, rate: float, loss: Callable[[int], Tensor], out: Path) -> None:
    """Minimise the loss of the i-th batch, for so many steps; the model ends with the average of its last weights."""
    path, optimiser = (
        out / f"{name}.checkpoint",
        torch.optim.AdamW(model.parameters(), rate, betas=(0.9, 0.99), weight_decay=0.01),
    )
    average, done, kept = {key: each.detach().clone() for key, each in model.state_dict().items()}, 0, time.monotonic()
    if path.exists():
        saved = torch.load(path, weights_only=True)
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        average, done = saved["average"], saved["done"]
    mean = 0.0
    with tqdm(total=steps, initial=done, desc=name, smoothing=0.05) as bar:
        for step in range(done, steps):
            for group in optimiser.param_groups:
                group["lr"] = rate * min((step + 1) / 200, 1) * (1 - step / steps) ** 0.5
            torch.manual_seed(SEED + step)
            value = loss(step)
            torch.autograd.backward(value)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            share = min(0.999, (step + 1) / (step + 10))
            for key, each in model.state_dict().items():
                average[key].lerp_(each.to(average[key]), 1 - share)
            mean = value.item() if step == done else 0.98 * mean + 0.02 * value.item()
            bar.set_postfix(loss=f"{mean:.4f}", refresh=False)
            bar.update()
            if time.monotonic() - kept > KEEP_EVERY or step + 1 == steps:
                state = {
                    "model": model.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "average": average,
                    "done": step + 1,
                }
                torch.save(state, path.with_suffix(".part"))
                path.with_suffix(".part").replace(path)
                kept = time.monotonic()
    model.load_state_dict(average)
    model.requires_grad_(False).eval()


def train(out: Path, device: str, recipe: Recipe = Recipe()) -> None:
    """The whole training; the model ends in OUT/model."""
    out.mkdir(parents=True, exist_ok=True)

    # 1. The autoencoder, on crops of 64 pixels: it is convolutional, so it knows whole pictures from its parts.
    torch.manual_seed(SEED)
    vae = models.AutoencoderKL(
        block_out_channels=(32, 32, 64, 64), down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=4, layers_per_block=1, norm_num_groups=8,
        sample_size=128,
    ).to(device)  # fmt: skip

    def autoencoder_loss(step: int) -> Tensor:
        rng = random.Random(SEED + step)
        side = rng.choice((96, 128, 160))
        shown = [Scene.crowd(rng) for _ in range(10)] + [Scene.random(rng) for _ in range(3)]
        pictures = torch.cat([draw(shown, side, device), clouds(3, side, device)])
        top, left = rng.randrange(side - 63), rng.randrange(side - 63)
        real = pictures[:, :, top : top + 64, left : left + 64] * 2 - 1
        latents = vae.encode(real).latent_dist
        found: Tensor = vae.decode(latents.sample()).sample
        edges = sum((found.diff(dim=d) - real.diff(dim=d)).abs().mean() for d in (2, 3))
        smooth: Tensor = latents.kl().mean() / latents.mean[0].numel()
        return (found - real).abs().mean() + 0.5 * edges + 3e-4 * smooth

    fit("autoencoder", vae, recipe.autoencoder, 1e-3, autoencoder_loss, out)
    training = scenes(SEED, recipe.pictures)
    latents = encoded(vae, training, out / "latents.safetensors", device)
    vae.register_to_config(scaling_factor=round(1 / latents.std().item(), 5))
    latents *= vae.config.scaling_factor

    # 2. The words, by guessing from a caption what it says: so they mean something before a picture is tried.
    tokenizer = tokenizer_of([caption(scene, random.Random(i)).text for i, scene in enumerate(training[:8000])])
    torch.manual_seed(SEED)
    text = words.CLIPTextModel(words.CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=4 * WIDTH, projection_dim=WIDTH,
        num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=TOKENS,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )).to(device)  # fmt: skip
    guess = nn.Linear(WIDTH, sum(map(len, ANSWERS.values()))).to(device)

    def words_loss(step: int) -> Tensor:
        rng = random.Random(SEED + step)
        wishes = [caption(Scene.random(rng), rng) for _ in range(128)]
        tokens = tokenizer(
            [wish.text for wish in wishes], padding="max_length", max_length=48, truncation=True, return_tensors="pt"
        )
        guesses = guess(text(tokens.input_ids.to(device)).pooler_output).split(
            [len(each) for each in ANSWERS.values()], dim=1
        )
        answers = torch.tensor([answer(wish) for wish in wishes], device=device)  # (B, questions)
        return torch.stack([F.cross_entropy(each, right) for each, right in zip(guesses, answers.T, strict=True)]).sum()

    fit("words", nn.ModuleList([text, guess]), recipe.words, 1e-3, words_loss, out)

    # 3. The picture, from noise and words.
    torch.manual_seed(SEED)
    unet = models.UNet2DConditionModel(
        sample_size=16, block_out_channels=(64, 128, 128), layers_per_block=1, norm_num_groups=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH, attention_head_dim=4,
    ).to(device)  # fmt: skip
    schedule = models.DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type="v_prediction",
        timestep_spacing="leading", steps_offset=1, clip_sample=False, set_alpha_to_one=False,
    )  # fmt: skip
    kept = schedule.alphas_cumprod.to(device)

    def picture_loss(step: int) -> Tensor:
        rng = random.Random(SEED + step)
        chosen = [rng.randrange(recipe.pictures) for _ in range(recipe.batch)]
        captions = [caption(training[i], rng).text if rng.random() > UNTOLD else "" for i in chosen]
        tokens = tokenizer(captions, padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt")
        with torch.no_grad():
            told = text(tokens.input_ids.to(device)).last_hidden_state
        clean = latents[chosen].to(device)
        noise, time = torch.randn_like(clean), torch.randint(1000, (recipe.batch,), device=device)
        found: Tensor = unet(schedule.add_noise(clean, noise, time), time, told).sample
        signal = kept[time] / (1 - kept[time])
        weight = signal.clamp(max=5) / (signal + 1)  # Hang et al. 2023, for a velocity
        missed: Tensor = found - schedule.get_velocity(clean, noise, time)
        squares: Tensor = weight[:, None, None, None] * missed.square()
        return squares.mean()

    fit("picture", unet, recipe.picture, 8e-4, picture_loss, out)

    pipe = models.StableDiffusionPipeline(
        vae, text, tokenizer, unet, schedule, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    pipe.to(torch.float16).save_pretrained(out / "model")


@torch.no_grad()
def encoded(vae: Any, training: list[Scene], path: Path, device: str) -> Tensor:
    """The latents (N, 4, 16, 16) of all training pictures, not scaled yet; made once."""
    if not path.exists():
        batches = tqdm(range(0, len(training), 64), desc="encoding")
        found = [
            vae.encode(draw(training[i : i + 64], device=device) * 2 - 1).latent_dist.mode().cpu() for i in batches
        ]
        save_file({"latents": torch.cat(found).contiguous()}, path)
    return load_file(path)["latents"]


_THING: dict[str, tuple[str, ...]] = {
    "shape": SHAPES,
    "colour": tuple(COLOURS),
    "size": tuple(SIZES),
    "place": tuple(PLACES),
}
ANSWERS = {"ground": ("", *COLOURS)} | {
    f"{name} {i}": ("", *values) for i in range(2) for name, values in _THING.items()
}


def answer(wish: Wish) -> list[int]:
    """For each question of ANSWERS the place of its answer; 0 where the caption does not say."""
    said = {"ground": wish.ground} | {
        f"{name} {i}": value for i, each in enumerate(wish.things) for name, value in each.items()
    }
    return [values.index(said.get(name) or "") for name, values in ANSWERS.items()]


def clouds(count: int, side: int, device: str) -> Tensor:
    """Pictures (B, 3, side, side) of no shape at all, so that the autoencoder bears other people's."""
    sizes = (2, 5, 12, 30)
    layers = [F.interpolate(torch.randn(count, 3, n, n), (side, side), mode="bicubic") / n**0.4 for n in sizes]
    return (
        (torch.stack(layers).sum(0) * torch.rand(count, 1, 1, 1) * 0.6 + torch.rand(count, 3, 1, 1))
        .clamp(0, 1)
        .to(device)
    )
