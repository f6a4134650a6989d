"""A WebUI in miniature: `modules` with the names pxl imports, and jobs that call scripts in the hosts' order.

A1111's and Forge's tensors differ (rows, eps, where x is a copy); `flavour` says which of them is played. The model is
the exact denoiser of unit-Gaussian latents, the VAE the fake host's.
"""

from __future__ import annotations

import contextlib
import copy
import sys
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image, ImageOps, PngImagePlugin
from torch import Tensor

from lib_pxl.control.map import pixels
from lib_pxl.hosts import fake
from tests.taste.pictures import save

ALPHAS = (1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2).cumprod(0)
WAYS = {".png": "tEXt", ".jpg": "JPEG", ".webp": "WEBP"}
CALLBACKS = (
    "on_before_ui",
    "on_ui_settings",
    "on_ui_tabs",
    "on_app_started",
    "on_model_loaded",
    "on_infotext_pasted",
    "on_cfg_denoiser",
    "on_cfg_after_cfg",
    "on_image_grid",
)


class Script:
    """modules.scripts.Script."""

    infotext_fields = None
    paste_field_names = None


class Option:
    """One option of the X/Y/Z grid."""

    def __init__(self, label: str, kind: Any, apply: Any, choices: Any = None, prepare: Any = None) -> None:
        self.label, self.kind, self.apply, self.choices, self.prepare = label, kind, apply, choices, prepare


class Table(torch.nn.Module):
    """modules.sd_hijack.EmbeddingsWithFixes."""

    def __init__(self, width: int, key: str) -> None:
        super().__init__()
        self.wrapped, self.textual_inversion_key = torch.nn.Embedding(16, width), key


class Stage(torch.nn.Module):
    """A first stage whose posterior is certain."""

    encoder = True

    def encode(self, pixels: Tensor) -> Any:
        return SimpleNamespace(mode=lambda: fake.encode((pixels.float() + 1) / 2))


class Model(torch.nn.Module):
    """shared.sd_model of an SD1 checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self.sd_checkpoint_info = SimpleNamespace(filename="tiny.safetensors")
        self.first_stage_model, self.scale_factor, self.table = Stage(), 1.0, Table(8, "clip_l")
        self.alphas_cumprod = ALPHAS
        self.cond_stage_model = SimpleNamespace(tokenize=lambda texts: [[ord(c) for c in text] for text in texts])


class Redraw:
    """modules.processing.StableDiffusionProcessingImg2Img, as a marker."""


class Job:
    """modules.processing.StableDiffusionProcessing: what pxl reads of it."""

    def __init__(self, job: Any = None, **changes: Any) -> None:
        self.script_args = () if job is None else (job,)
        self.steps, self.hr_second_pass_steps, self.is_hr_pass = 6, 0, False
        self.denoising_strength, self.seeds, self.ands = 0.5, [1], 1
        self.enable_hr, self.timesteps, self.crash_at, self.size = False, False, None, (16, 16)
        self.iteration, self.batch_size = 0, 1
        self.extra_generation_params: dict[str, Any] = {}
        self.comments: list[str] = []
        self.heard: list[tuple[Any, Any]] = []  # the conditionings of each model call
        self.__dict__.update(changes)

    def conds(self, step: int) -> tuple[Any, Any]:
        """What the prompts have become at this step."""
        return "cond", "uncond"

    def comment(self, text: str) -> None:
        self.comments.append(text)


class RedrawJob(Job, Redraw):
    """An img2img job."""


class FilmJob(RedrawJob):
    """An img2img job with pictures, batches and a mask, whose `init` is A1111's as far as pxl meets it."""

    def __init__(self, job: Any = None, **changes: Any) -> None:
        super().__init__(job)
        self.prompt, self.negative_prompt, self.seed, self.subseed, self.subseed_strength = "a cat", "", 5, 50, 0
        self.n_iter, self.resize_mode, self.width, self.height = 1, 0, 128, 128
        self.init_images: list[Any] = [Image.new("RGB", (128, 128), "grey")]
        self.image_mask: Any = None
        self.inpaint_full_res, self.do_not_save_grid, self.corrects = True, False, False
        self.color_corrections: Any = None
        self.overlay_images: Any = None
        self.mask_for_overlay: Any = None
        self.paste_to: Any = None
        self.enable_pnginfo = True
        self.do_not_save_samples, self.saves = False, ""  # the suffix of the files
        self.started: list[tuple[Any, ...]] = []  # what each call of init made of its pictures
        self.corrected: list[Any] = []
        self.outpath_grids = self.outpath_samples = ""
        self.__dict__.update(changes)

    def init(self, prompts: Any, seeds: Any, subseeds: Any) -> None:
        mask = self.image_mask
        if mask is not None and mask.getbbox() is None and self.inpaint_full_res:
            self.inpaint_full_res, mask = False, None  # "mask is blank, switch to img2img mode"
        corrects = self.corrects and self.color_corrections is None
        if corrects:
            self.color_corrections = []
        made = []
        for image in self.init_images:
            image = image.convert("RGB")
            if mask is not None and self.inpaint_full_res:
                assert image.size == mask.size, "the crop is the mask's"
                image = image.crop(mask.getbbox())
            image = image.resize((self.width, self.height), Image.Resampling.LANCZOS)
            if corrects:
                self.color_corrections.append(image.getpixel((0, 0)))
            made.append(pixels(image))
        if len(made) == 1:
            made *= self.batch_size
            if corrects:
                self.color_corrections *= self.batch_size
        elif len(made) <= self.batch_size:
            self.batch_size = len(made)
        else:
            raise RuntimeError(f"bad number of images passed: {len(made)}")
        self.init_latent = fake.encode(torch.stack(made))
        keeps_all = mask is not None and mask.getbbox() is None
        self.nmask = torch.zeros(4, 1, 1) if keeps_all else None
        self.started.append(tuple(self.init_images))


class Processed:
    """modules.processing.Processed."""

    def __init__(self, p: Any, images: list[Any], infotexts: list[str], first: int) -> None:
        self.images, self.infotexts, self.index_of_first_image, self.comments = images, infotexts, first, ""
        self.extra_generation_params = p.extra_generation_params


class Sampler:
    """Euler on sigmas, or DDIM on timesteps with eps, as A1111 has both."""

    def __init__(self, timesteps: bool, forge: bool) -> None:
        self.config = SimpleNamespace(name="DDIM" if timesteps else "Euler")
        inner = SimpleNamespace(inner_model=SimpleNamespace(alphas_cumprod=ALPHAS))
        denoiser = SimpleNamespace(inner_model=inner, step=0)
        if timesteps and not forge:
            denoiser.alphas = ALPHAS
        self.model_wrap_cfg = denoiser
        if timesteps:
            self.get_timesteps = lambda p, steps: torch.arange(0, 1000, 1000 // steps)[:steps] + 1
        else:
            self.get_sigmas = lambda p, steps: fake.sigmas(steps)


class Webui:
    """The host: its callbacks, its scripts, its jobs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Any, flavour: str = "A1111") -> None:
        self.flavour, self.folder = flavour, folder
        self.callbacks: dict[str, list[Any]] = {name: [] for name in CALLBACKS}
        self.calls, self.wide = 0, False
        self._install(monkeypatch)

    def reload(self) -> type:
        """Reload UI: the callbacks are forgotten, lib_pxl stays, scripts/pxl.py runs again."""
        for registered in self.callbacks.values():
            registered.clear()
        sys.modules.pop("scripts.pxl", None)
        from importlib import import_module

        module = import_module("scripts.pxl")
        self.script = module.PxlScript()
        self.script.is_img2img = False
        return type(self.script)

    def process_images(self, p: Job) -> Tensor:
        """modules.processing.process_images: hooks that raise are the script's affair, not the job's."""
        return process_images_inner(self, p)

    def model(self, p: Job, sampler: Sampler, x: Tensor, sigma: Tensor) -> Tensor:
        """One call of CFGDenoiser.forward; returns the clean estimate, or eps for A1111's timestep samplers."""
        self.calls += 1
        if p.crash_at == self.calls:
            raise RuntimeError("NansException")
        denoiser = sampler.model_wrap_cfg
        denoiser.p = p
        b = len(x)
        rows = x if self.flavour == "Forge" else torch.cat([x.repeat_interleave(p.ands, 0), x])
        sigmas = sigma if self.flavour == "Forge" else torch.cat([sigma.repeat_interleave(p.ands, 0), sigma])
        cond, uncond = p.conds(denoiser.step)
        params = SimpleNamespace(x=rows, sigma=sigmas, text_cond=cond, text_uncond=uncond, denoiser=denoiser)
        self.fire("on_cfg_denoiser", params)
        p.heard.append((params.text_cond, params.text_uncond))
        denoiser.step += 1
        if hasattr(denoiser, "alphas"):
            alpha = ALPHAS[sigma.long()][:, None, None, None]
            ve = ((1 - alpha) / alpha).sqrt()
            clean = (x / alpha.sqrt()) / (1 + ve**2)
            out = (x - alpha.sqrt() * clean) / (1 - alpha).sqrt()
        else:
            out = x / (1 + sigma[:, None, None, None] ** 2)
        after = SimpleNamespace(x=out)
        self.fire("on_cfg_after_cfg", after)
        assert len(after.x) == b
        return after.x

    def cond(self, prompt: str) -> Any:
        """What the text encoder makes of a prompt: (T, D), or SDXL's dictionary."""
        rows = torch.stack([fake._made_up(word)[0] for word in prompt.split()])
        return {"crossattn": rows, "vector": torch.cat([rows.mean(0), torch.ones(6)])} if self.wide else rows

    def fire(self, name: str, *arguments: Any) -> list[Any]:
        """All callbacks of one kind."""
        return [hook(*arguments) for hook in self.callbacks[name]]

    def _install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        forge = self.flavour == "Forge"
        hijack = SimpleNamespace() if forge else SimpleNamespace(embedding_db=SimpleNamespace(ids_lookup={}))
        grid = SimpleNamespace(axis_options=[Option("Nothing", str, None)], AxisOption=Option)
        xyz = SimpleNamespace(module=grid, script_class=type("Grid", (), {"__module__": "xyz_grid.py"}))
        self.grid, self.hijack = grid, hijack
        self.options: dict[str, Any] = {}
        contents: dict[str, dict[str, Any]] = {
            "call_queue": {"queue_lock": threading.Lock()},
            "sd_models": {"reload_model_weights": lambda: None, "forge_model_reload": lambda: None},
            "devices": {
                "device": torch.device("cpu"),
                "dtype_vae": torch.float32,
                "without_autocast": contextlib.nullcontext,
                "autocast": contextlib.nullcontext,
            },
            "images": {"resize_image": _resized, "save_image": _saved},
            "paths": {"data_path": str(self.folder), "models_path": str(self.folder / "models")},
            "prompt_parser": {},
            "processing": {"StableDiffusionProcessingImg2Img": Redraw, "opt_C": 4, "opt_f": 8},
            "progress": {"current_task": None},
            "script_callbacks": {name: self.callbacks[name].append for name in CALLBACKS},
            "scripts": {"Script": Script, "AlwaysVisible": object(), "scripts_data": [xyz]},
            "sd_hijack": {"model_hijack": hijack, "EmbeddingsWithFixes": Table},
            "sd_samplers": {"find_sampler_config": lambda name: SimpleNamespace(total_steps=lambda steps: steps)},
            "sd_samplers_common": {"setup_img2img_steps": _img2img_steps},
            "sd_vae": {"loaded_vae_file": None},
            "shared": {
                "sd_model": Model(),
                "cmd_opts": SimpleNamespace(api=True, nowebui=False, api_auth=None),
                "opts": SimpleNamespace(
                    add_option=self.options.__setitem__,
                    outdir_samples=str(self.folder / "out"),
                    auto_vae_precision=True,
                    enable_pnginfo=True,
                ),
                "state": SimpleNamespace(textinfo=None, interrupted=False, skipped=False),
                "OptionInfo": SimpleNamespace,
            },
            "textual_inversion": {},
            "textual_inversion.textual_inversion": {"Embedding": lambda vec, name: SimpleNamespace(vec=vec, name=name)},
        }
        contents["shared"]["OptionInfo"] = lambda default, label, **more: SimpleNamespace(
            default=default, label=label, **more
        )
        root = ModuleType("modules")
        root.__path__ = []
        monkeypatch.setitem(sys.modules, "modules", root)
        for name, values in contents.items():
            module = ModuleType(f"modules.{name}")
            module.__path__ = []
            module.__dict__.update(values)
            monkeypatch.setitem(sys.modules, f"modules.{name}", module)
            setattr(root, name, module)
        self.shared, self.progress = root.shared, root.progress
        import lib_pxl.hosts

        monkeypatch.delitem(sys.modules, "scripts.pxl", raising=False)
        for name in ("webui", "forge", "script", "solo"):
            monkeypatch.delitem(sys.modules, f"lib_pxl.hosts.{name}", raising=False)
            monkeypatch.delattr(lib_pxl.hosts, name, raising=False)


def process_images_inner(host: Webui, p: Job) -> Tensor:
    """The hosts' main loop, under the name by which pxl counts jobs inside jobs."""
    host.calls = 0
    if hasattr(p, "loop"):
        return p.loop(host)  # type: ignore[no-any-return]
    if isinstance(p, FilmJob):
        return _film(host, p)
    script, arguments = host.script, p.script_args
    if getattr(p, "scripts", True):
        script.process(p, *arguments)
    noise = torch.stack([torch.randn(4, *p.size, generator=torch.Generator().manual_seed(s)) for s in p.seeds])
    redraws = isinstance(p, Redraw)
    x = sampled(host, p, noise, getattr(p, "init_latent", None) if redraws else None)
    if p.enable_hr:
        p.is_hr_pass = True
        x = torch.nn.functional.interpolate(x, scale_factor=2)
        bigger = torch.randn(x.shape, generator=torch.Generator().manual_seed(7))
        if host.flavour == "Forge":
            script.process_before_every_sampling(p, *arguments, x=x, noise=bigger.clone())
        x = sampled(host, p, bigger, x)
        p.is_hr_pass = False
    if hasattr(p, "inner_job"):
        p.inner_result = host.process_images(p.inner_job)
    if getattr(p, "scripts", True):
        made = SimpleNamespace(images=[Image.new("RGB", (8, 8), "red"), *picture(x)], index_of_first_image=1)
        script.postprocess(p, made, *arguments)
    return x


def _film(host: Webui, p: FilmJob) -> Tensor:
    """The part of the loop that batches pass through."""
    script, arguments, b = host.script, p.script_args, p.batch_size
    p.outpath_samples = p.outpath_samples or str(host.folder / "samples")
    lists = [p.prompt] if not isinstance(p.prompt, list) else None
    p.all_prompts = lists * (b * p.n_iter) if lists else list(p.prompt)
    p.all_negative_prompts = [p.negative_prompt] * len(p.all_prompts)
    p.all_seeds = [p.seed + (i if p.subseed_strength == 0 else 0) for i in range(len(p.all_prompts))]
    p.all_subseeds = [p.subseed + i for i in range(len(p.all_prompts))]
    p.main_prompt = p.all_prompts[0]
    script.process(p, *arguments)
    if hasattr(p, "wildcards"):
        p.all_prompts = list(p.wildcards)
    p.init(p.all_prompts, p.all_seeds, p.all_subseeds)
    latents, images = [], []
    for n in range(p.n_iter):
        if host.shared.state.interrupted:
            break
        here = slice(n * p.batch_size, (n + 1) * p.batch_size)
        p.iteration, p.prompts, p.seeds, p.subseeds = n, p.all_prompts[here], p.all_seeds[here], p.all_subseeds[here]
        p.negative_prompts = p.all_negative_prompts[here]
        script.before_process_batch(p, *arguments, batch_number=n, prompts=p.prompts, seeds=p.seeds)
        noise = torch.stack([torch.randn(4, *p.size, generator=torch.Generator().manual_seed(s)) for s in p.seeds])
        p.c = SimpleNamespace(batch=[_encoded(host, prompt) for prompt in p.prompts])
        x = sampled(host, p, noise, lambda: p.init_latent)
        latents.append(x)
        for i, image in enumerate(picture(x)):
            p.corrected.append(None if p.color_corrections is None else p.color_corrections[i])
            holder = SimpleNamespace(image=image)
            script.postprocess_image_after_composite(p, holder, *arguments)
            images.append(holder.image)
            _written(p, holder.image, len(images) - 1)
    if hasattr(p, "inner_job"):
        host.process_images(p.inner_job)
    p.color_corrections = None
    infotexts = [_infotext(p, place) for place in range(len(images))]
    grid = [] if p.do_not_save_grid or len(images) < 2 else [Image.new("RGB", (9, 9))]
    p.processed = Processed(p, [*grid, *images], [*(infotexts[:1] if grid else []), *infotexts], len(grid))
    script.postprocess(p, p.processed, *arguments)
    return torch.cat(latents)


def _infotext(p: FilmJob, place: int) -> str:
    return f"{p.all_prompts[place]}\nSteps: 6, Seed: {p.all_seeds[place]}, Size: 128x128"


def _written(p: FilmJob, image: Image.Image, place: int) -> None:
    """images.save_image for a sample, and what the loop does to it afterwards."""
    text = _infotext(p, place)
    if p.saves and not p.do_not_save_samples:
        folder = Path(p.outpath_samples)
        path = save(folder / f"{len(list(folder.glob('*'))):05}{p.saves}", text, WAYS[p.saves], image)
        image.already_saved_as = str(path)  # type: ignore[attr-defined]
    if p.enable_pnginfo:
        image.info["parameters"] = text


def _encoded(host: Webui, prompt: str) -> list[Any]:
    """What prompt_parser makes of a prompt: of each part a list of conditionings."""
    return [
        SimpleNamespace(schedules=[SimpleNamespace(cond=torch.zeros(3, 8)), SimpleNamespace(cond=host.cond(part))])
        for part in prompt.split("AND")
    ]


def _resized(mode: int, image: Image.Image, width: int, height: int) -> Image.Image:
    return ImageOps.fit(image, (width, height)) if mode == 1 else image.resize((width, height))


def _saved(image: Any, path: str, basename: str, seed: Any, prompt: Any, extension: str, **more: Any) -> Any:
    """modules.images.save_image, which names a file by the next number."""
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    name = folder / f"{basename}-{len(list(folder.iterdir())):04}.{extension}"
    assert more["grid"] and more["short_filename"]
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", more["info"])
    image.save(name, format=Image.registered_extensions()[f".{extension}"], pnginfo=info)
    return str(name), None


def picture(x: Tensor) -> list[Image.Image]:
    """Latents (B, C, H, W) as grey pictures, a pixel for each."""
    return [Image.fromarray((each[0].clamp(0, 1) * 255).byte().numpy()) for each in x]


def sampled(host: Webui, p: Job, noise: Tensor, start: Any) -> Tensor:
    sampler = Sampler(p.timesteps, host.flavour == "Forge")
    p.sampler = sampler
    if getattr(p, "scripts", True):
        host.script.process_before_every_sampling(p, *p.script_args, x=noise, noise=noise, c=None, uc=None)
    start = start() if callable(start) else start  # the hosts read p.init_latent after that hook
    steps, kept = _img2img_steps(p, p.hr_second_pass_steps or p.steps)
    if p.timesteps and host.flavour != "Forge":
        times = sampler.get_timesteps(p, steps if start is not None else p.steps)
        return _ddim(host, p, sampler, noise, start, times[:kept] if start is not None else times)
    schedule = fake.sigmas(p.steps) if start is None else fake.sigmas(steps)[steps - kept - 1 :]
    x = noise * schedule[0] + (0 if start is None else start)
    for sigma, leads_to in zip(schedule[:-1], schedule[1:]):  # noqa: B905, RUF007
        clean = host.model(p, sampler, x, sigma.expand(len(x)))
        x = clean + leads_to / sigma * (x - clean)
    return _blend(p, x)


def _ddim(host: Webui, p: Job, sampler: Sampler, noise: Tensor, start: Tensor | None, times: Tensor) -> Tensor:
    top = ALPHAS[times[-1]]
    x = noise if start is None else start * top.sqrt() + noise * (1 - top).sqrt()
    for i in range(len(times) - 1, 0, -1):
        eps = host.model(p, sampler, x, times[i].float().expand(len(x)))
        now, then = ALPHAS[times[i]], ALPHAS[times[i - 1]]
        clean = (x - (1 - now).sqrt() * eps) / now.sqrt()
        x = then.sqrt() * clean + (1 - then).sqrt() * eps
    return _blend(p, x)


def _blend(p: Job, x: Tensor) -> Tensor:
    nmask = getattr(p, "nmask", None)
    return x if nmask is None else x * nmask + p.init_latent * (1 - nmask)


def _img2img_steps(p: Job, steps: int | None = None) -> tuple[int, int]:
    count = steps or p.steps
    return count, int(min(p.denoising_strength, 0.999) * count)


def copied(p: Job, **changes: Any) -> Job:
    """copy.copy of a job, as X/Y/Z and ADetailer make them."""
    other = copy.copy(p)
    other.__dict__.update(changes)
    return other
