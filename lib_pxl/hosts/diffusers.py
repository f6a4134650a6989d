"""Any SD1, SD2 or SDXL pipeline of diffusers as a host, with nothing of it patched.

Each pass runs in a sibling: a pipeline of the same parts whose scheduler shows every model output to pxl first.
"""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image, ImageOps
from torch import Tensor

from lib_pxl.control import Region
from lib_pxl.errors import HostError
from lib_pxl.errors import Words as Sentence
from lib_pxl.hosts.annotation import Annotator
from lib_pxl.hosts.base import LARGEST, Change, Conds, Guest, Pass, Vae, Wordbook
from lib_pxl.hosts.desk import Desk
from lib_pxl.hosts.embedding import save_embedding
from lib_pxl.hosts.feed import Feed
from lib_pxl.hosts.job import Control
from lib_pxl.hosts.order import Order
from lib_pxl.hosts.recorder import Finished, Heard, encoder_name
from lib_pxl.hosts.request import Request
from lib_pxl.hosts.run import Run
from lib_pxl.hosts.sampler import Levels, scheduler_class, watched
from lib_pxl.hosts.watch import OnStep, Watch, encoded
from lib_pxl.hosts.word import Words
from lib_pxl.noken.genome import Noken
from lib_pxl.store.folders import data_folder
from lib_pxl.store.infotext import Infotext
from lib_pxl.taste.template import wildcard_folders

Size = tuple[int, int]
_TASKS = {"txt2img": "Pipeline", "img2img": "Img2ImgPipeline", "inpaint": "InpaintPipeline"}


@dataclass(frozen=True)
class Made:
    """What one request gave."""

    pictures: list[Image.Image]
    infotexts: list[str]
    seeds: list[int]
    latents: Tensor  # (B, C, H, W) of the last pass
    problem: str | None
    interrupted: bool
    control: Control = field(default_factory=Control)
    feed: Feed | None = None
    animation: Path | None = None
    trouble: str | None = None  # why there is none
    heard: Sequence[Heard] | None = None  # of each picture, where they are to be recorded


class DiffusersHost:
    """A pipeline, and what pxl needs of it. One request at a time."""

    name = "diffusers"

    def __init__(
        self,
        pipe: Any,
        data: Path | None = None,
        *,
        model: str = "",
        readable: Sequence[Path] | None = None,
        credentials: Mapping[str, str] | None = None,
        annotators: Mapping[str, Annotator] | None = None,
        captions: Callable[[Image.Image], str] | None = None,
        closed: str = "",
        saves: Callable[[Image.Image, str, int], Path] | None = None,
    ) -> None:
        self.pipe, self.readable, self.credentials, self.closed = pipe, readable, credentials, closed
        self.data = data_folder(data)
        self.model = model or Path(str(pipe.config.get("_name_or_path") or "diffusers")).name
        self.desk = Desk(self.data)
        self.guests: list[Guest] = []
        self._annotators, self._captions, self._saves = annotators or {}, captions, saves
        self._words = Words()
        self._busy = threading.Lock()

    @property
    def wildcards(self) -> Sequence[Path]:
        """Those in the data folder."""
        return wildcard_folders(self.data)

    def vae(self) -> Vae:
        """The pipeline's VAE, named by the first and last weights of its encoder."""
        part = self.pipe.vae
        edges = [each.weight for each in (part.encoder.conv_in, part.encoder.conv_out) if not each.weight.is_meta]
        digest = hashlib.sha256(b"".join(edge.detach().float().cpu().numpy().tobytes() for edge in edges)).hexdigest()
        return Vae(f"{id(part)}|{digest}", self.factor, int(part.config.latent_channels), self.encode)

    @property
    def factor(self) -> int:
        """Pixels per latent."""
        return int(self.pipe.vae_scale_factor)

    @property
    def device(self) -> torch.device:
        """Where the models run, which is not where they lie while they are offloaded."""
        return torch.device(self.pipe._execution_device)  # noqa: SLF001  (diffusers has no public name for it)

    @torch.no_grad()
    def encode(self, pixels: Tensor) -> Tensor:
        """The mean of the posterior, scaled as the pipelines scale it."""
        part, config = self.pipe.vae, self.pipe.vae.config
        usual = part.dtype
        upcast = usual == torch.float16 and config.force_upcast
        if upcast:  # as the pipelines do: some overflow in float16
            part.to(torch.float32)
        try:
            mean = part.encode((pixels * 2 - 1).to(self.device, part.dtype)).latent_dist.mode().float()
        finally:
            if upcast:
                part.to(usual)
        middle, spread = (getattr(config, name, None) for name in ("latents_mean", "latents_std"))
        if middle is not None and spread is not None:
            mean = (mean - mean.new_tensor(middle)[:, None, None]) / mean.new_tensor(spread)[:, None, None]
        return torch.as_tensor((mean - (getattr(config, "shift_factor", None) or 0)) * config.scaling_factor)

    def preview(self, denoised: Tensor) -> list[Image.Image]:
        """A small picture of each clean estimate (B, C, H, W), a pixel for a latent."""
        matrix, bias = (each.to(denoised.device) for each in self.desk.latents.rgb(self.vae()))
        rgb = torch.einsum("bchw,cr->bhwr", denoised.float(), matrix) + bias
        values = ((rgb / 2 + 0.5).nan_to_num(0.5).clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
        return [Image.fromarray(each) for each in values]

    def widths(self) -> Mapping[str, int]:
        """The text encoders by their letters: `l` for SD1, `h` for SD2, `l` and `g` for SDXL."""
        return {letter: int(encoder.config.hidden_size) for letter, (_, _, encoder) in self._encoders().items()}

    def lexicon(self) -> Wordbook:
        """The pipeline's own tokenizer and the tables behind it."""
        encoders = self._encoders()
        tables = {letter: each.get_input_embeddings().weight.detach() for letter, (_, _, each) in encoders.items()}
        if not tables or any(table.is_meta for table in tables.values()):
            raise HostError("model", got=Sentence("no words that can be read"), wanted="text encoders in memory")
        tokenizer = next(iter(encoders.values()))[1]
        return Wordbook(
            {letter: table.cpu() for letter, table in tables.items()},
            lambda text: tokenizer(text, add_special_tokens=False)["input_ids"],
            lambda which: tokenizer.decode([which]),
        )

    @property
    def side(self) -> int:
        """The side, in pixels, of the pictures that the model was made for."""
        given = self.pipe.unet.config.sample_size
        return int((given if isinstance(given, int) else given[0]) * self.factor)

    def draw(
        self, prompt: str, words: Mapping[str, Mapping[str, Tensor]], seed: int, steps: int, size: int, cfg: float
    ) -> Image.Image:
        """A picture of which the studio's tabs know nothing."""
        side = (size or min(self.side, LARGEST)) // self.factor * self.factor
        asked = Request(prompt, seed=seed, steps=steps, cfg=cfg, width=side, height=side).checked(self.factor)
        run = Run(self, self.desk)
        with self._busy:
            try:
                for name, vectors in words.items():
                    self.embed(name, vectors)
                (sitting,) = self._sittings(asked, run, None, threading.Event())
            finally:
                self.forget()
        return sitting.pictures[0]

    def make(self, order: Order, free: Callable[[], object] = lambda: None) -> Finished:
        """A request like one of the studio's page; where nobody said how it is saved, it lies nowhere."""
        with self._busy:
            free()
        told = Request.told(Infotext("", "", {name: str(value) for name, value in order.settings.items()}))
        width, height = order.size(self.side, self.factor)
        told |= {"seed": order.seed, "width": width, "height": height, "hires": 1.0, "denoise": 1.0}
        made = self.generate(Request(order.prompt, order.negative, **told), {"record": True}, tab="taste")
        picture, text = made.pictures[0], made.infotexts[0]
        path = self._saves(picture, text, order.seed) if self._saves else None
        return Finished(text, None if path else picture, path, made.heard[0] if made.heard else {})

    def install(self, noken: Noken) -> Path:
        """In the data folder, from where any other program can take it."""
        return save_embedding(self.data / "embeddings", noken)

    def embed(self, name: str, vectors: Mapping[str, Tensor]) -> None:
        """Teach our copies of the tokenizers a word; the encoders are lent its vectors until `forget`."""
        self._words.add(name, vectors, self._encoders())

    def forget(self) -> None:
        """Take back every word that `embed` made."""
        self._words.clear()

    def annotators(self) -> Mapping[str, Annotator]:
        """Those that the host was given."""
        return self._annotators

    def caption(self, picture: Image.Image) -> str:
        """By the model that the host was given."""
        if self._captions is None:
            raise HostError("caption", got=Sentence("no model for it"), wanted="a BLIP: start with --caption")
        return self._captions(picture)

    @property
    def tokenizers(self) -> Mapping[str, Any]:
        """Those of the tokenizers that know words of ours, by their names among the parts."""
        return self._words.tokenizers

    def sibling(self, task: str, scheduler: Any) -> Any:
        """A pipeline for `txt2img`, `img2img` or `inpaint`, of the same parts but with another scheduler."""
        parts = self.pipe.components
        family = "StableDiffusionXL" if "text_encoder_2" in parts else "StableDiffusion"
        kind = getattr(diffusers, family + _TASKS[task])
        needed, optional = kind._get_signature_keys(kind)  # noqa: SLF001  (what `components` itself goes by)
        parts = {**parts, "scheduler": scheduler}
        more = {name: self.pipe.config[name] for name in optional if name in self.pipe.config}
        if "add_watermarker" in optional:
            more["add_watermarker"] = getattr(self.pipe, "watermark", None) is not None
        if task != "inpaint" and self.pipe.unet.config.in_channels != self.pipe.vae.config.latent_channels:
            raise HostError("checkpoint", got="one made for inpainting", wanted="a picture and a mask with it")
        made = kind(**{name: parts.get(name) for name in needed}, **more)
        made.set_progress_bar_config(disable=True)
        return made

    def generate(
        self,
        request: Request,
        job: Any = None,
        *,
        tab: str = "",
        on_step: OnStep | None = None,
        stop: threading.Event | None = None,
    ) -> Made:
        """The pictures of one request; `stop`, once set, ends it after the step under way."""
        run = Run(self, self.desk)
        stop = stop or threading.Event()
        with self._busy:
            try:
                request = request.checked(self.factor)
                run.start(job, redraws=request.kind == "img2img")
                run.guests += self.guests if run.problem is None else []
                sittings = self._sittings(self._said(request, run), run, on_step, stop)
            finally:
                if run.feed is not None:
                    run.feed.close()
                self.forget()
                self.desk.keep(tab or request.kind, run.formed())
                self.desk.finish(tab or request.kind, run.complaint)
        pictures = [each for sitting in sittings for each in sitting.pictures]
        seeds = [seed for sitting in sittings for seed in sitting.request.seeds]
        latents = torch.cat([sitting.latents for sitting in sittings])
        self.desk.previous = pictures[-1] if pictures else self.desk.previous
        texts = [request.infotext(seed, self.model, run.told) for seed in seeds]
        heard = self._heard(sittings) if run.album is not None and not stop.is_set() else None
        return Made(pictures, texts, seeds, latents, run.problem, stop.is_set(), run.control, run.feed, heard=heard)

    def record(self, made: Made, paths: Sequence[Path | None]) -> str | None:
        """Hand the pictures to the recorder, where their job asked for it; says what went wrong, now or before."""
        for picture, text, path, heard in zip(made.pictures, made.infotexts, paths, made.heard or ()):  # noqa: B905
            try:
                self.desk.recorder.put(Finished(text, None if path else picture, path, heard))
            except HostError as problem:
                return str(problem)
        return self.desk.recorder.trouble() if made.heard is not None else None

    def _heard(self, sittings: Sequence[Sitting]) -> list[Heard]:
        letter, (_, _, encoder) = list(self._encoders().items())[-1]
        table = encoder.get_input_embeddings().weight
        if table.is_meta or not all(len(sitting.heard) == len(sitting.pictures) for sitting in sittings):
            return [{} for sitting in sittings for _ in sitting.pictures]
        name = encoder_name(letter, table)
        return [{name: each} for sitting in sittings for each in sitting.heard]

    def _said(self, request: Request, run: Run) -> Request:
        """The request with words of ours in place of the nokens that its prompts name."""
        (prompt,), (negative,) = run.say([[request.prompt], [request.negative]])
        return replace(request, prompt=prompt, negative=negative)

    def check_room(self, prompt: str) -> None:
        """A NokenError where a word of ours stands beyond the one part that is read of a prompt."""
        self._words.check(functools.partial(self.pipe.maybe_convert_prompt, prompt))

    def spoken(self, pipe: Any, asked: Request, change: Change) -> Conds:
        """The conditionings of a request whose prompts are changed, the same at every call."""
        said = replace(asked, prompt=change(asked.prompt), negative=change(asked.negative))
        pipe.register_modules(**self.tokenizers)
        with torch.no_grad():
            cond, uncond = encoded(pipe, said, self.device)
        found = (cond if said.prompt != asked.prompt else None, uncond if said.negative != asked.negative else None)
        return lambda: found

    def _sittings(self, request: Request, run: Run, on_step: OnStep | None, stop: threading.Event) -> list[Sitting]:
        """Batch after batch: one, or as many as the frames of an animation need."""
        if run.feed is not None and request.mask is not None and request.padding is not None:
            # diffusers crops one picture alone
            request = replace(request, batch=1)
        count = run.batches(request.batch)
        done: list[Sitting] = []
        for number in range(count):
            first = number * request.batch
            frames = run.frames(first, request.batch)
            if frames is None and request.image is None and request.redraw:
                got = Sentence(run.problem or "none")
                raise HostError("picture to start from", got=got, wanted="one, or an animation as the job's input")
            asked = replace(request, seed=request.seed + first)
            batch = Batch(number + 1, count, first, frames)
            done.append(Sitting(self, asked, run, on_step, stop, batch))
            done[-1].draw()
            if stop.is_set():
                break
        return done

    def _encoders(self) -> dict[str, tuple[str, Any, Any]]:
        """By its letter, each encoder with its tokenizer and that one's name among the parts."""
        parts, found = self.pipe.components, {}
        for end in ("", "_2"):
            encoder = parts.get(f"text_encoder{end}")
            if encoder is not None:
                letter = "g" if end else "l" if encoder.config.hidden_act == "quick_gelu" else "h"
                found[letter] = (f"tokenizer{end}", parts[f"tokenizer{end}"], encoder)
        return found


@dataclass(frozen=True)
class Batch:
    """Which batch of how many, the place of its first image in the job, and the frames that it starts from."""

    number: int
    count: int
    first: int
    frames: list[Image.Image] | None


class Sitting:
    """One batch of a request under way: its passes, one after the other."""

    def __init__(
        self,
        host: DiffusersHost,
        request: Request,
        run: Run,
        on_step: OnStep | None,
        stop: threading.Event,
        batch: Batch,
    ) -> None:
        self.host, self.request, self.run, self.stop, self.batch = host, request, run, stop, batch
        self.on_step: OnStep | None = None
        if on_step is not None:
            self.on_step = lambda step: on_step(replace(step, batch=batch.number, batches=batch.count))
        self.starts = batch.frames or ([] if request.image is None else [request.image] * request.batch)
        self.latents = torch.zeros(0)
        self.pictures: list[Image.Image] = []
        self.heard: list[Tensor] = []
        # One for each picture, on the CPU, so that neither the batch nor the device changes a picture.
        self.generators = [torch.Generator("cpu").manual_seed(seed) for seed in request.seeds]

    def draw(self) -> None:
        """Make the pictures."""
        asked, size = self.request, (self.request.width, self.request.height)
        if not self.starts:
            pictures = self._sample("txt2img", "txt2img", size, asked.steps, {})
        elif asked.mask is None:
            fitted = [ImageOps.fit(each.convert("RGB"), size, Image.Resampling.LANCZOS) for each in self.starts]
            pictures = self._sample("img2img", "img2img", size, asked.steps, {"image": fitted})
        else:
            pictures = self._sample("img2img", "inpaint", size, asked.steps, self._masked(size))
        self.pictures = pictures
        if asked.hires <= 1 or self.stop.is_set():
            return
        step = self.host.factor
        larger = (round(size[0] * asked.hires / step) * step, round(size[1] * asked.hires / step) * step)
        side = (larger[1] // step, larger[0] // step)
        start = torch.nn.functional.interpolate(self.latents.float(), side, mode="bicubic").to(self.latents.dtype)
        self.pictures = self._sample("hires", "img2img", larger, asked.hires_steps or asked.steps, {"image": start})

    def _masked(self, size: Size) -> dict[str, Any]:
        asked, first = self.request, self.starts[0]
        assert asked.mask is not None
        mask = ImageOps.fit(asked.mask.convert("L"), first.size)
        if asked.padding is not None:
            return {"image": first.convert("RGB"), "mask_image": mask, "padding_mask_crop": asked.padding}
        pictures = (each.convert("RGB") for each in self.starts)
        *fitted, mask = [ImageOps.fit(each, size, Image.Resampling.LANCZOS) for each in (*pictures, mask)]
        return {"image": fitted, "mask_image": mask}

    def _sample(self, kind: str, task: str, size: Size, steps: int, given: dict[str, Any]) -> list[Image.Image]:
        asked, host, device = self.request, self.host, self.host.device
        watch = Watch(self.run, kind, self.on_step, self.stop)
        base, options = scheduler_class(asked.sampler, host.pipe.scheduler)
        scheduler = watched(base, watch.see, watch.see_noise).from_config(host.pipe.scheduler.config, **options)
        pipe = host.sibling(task, scheduler)
        calls = self._calls(pipe, steps, None if task == "txt2img" else asked.denoise)
        shape = (asked.batch, int(pipe.vae.config.latent_channels), size[1] // host.factor, size[0] // host.factor)
        dtype = pipe.unet.dtype

        def stage(levels: Levels) -> Pass:
            mask, region = _mask(pipe, size, host.factor, given)
            return Pass(
                kind, shape, levels.schedule, asked.seeds, device, dtype, mask, region, self.batch.first,
                lambda change: host.spoken(pipe, asked, change),
            )  # fmt: skip

        watch.begin(scheduler, calls, asked.batch, stage)
        pipe.register_modules(**host.tokenizers)
        if task != "img2img":
            given = {**given, "height": size[1], "width": size[0]}
        if task == "txt2img" or (task == "inpaint" and asked.denoise == 1):
            noise = randn_tensor(shape, generator=self.generators, device=device, dtype=dtype)
            given = {**given, "latents": watch.see_noise(noise)}
        if task != "txt2img":
            given = {**given, "strength": asked.denoise}
        result = pipe(
            **given, **watch.prompts(pipe, asked), num_inference_steps=steps, guidance_scale=asked.cfg,
            generator=self.generators, callback_on_step_end=watch.after,
            callback_on_step_end_tensor_inputs=watch.tensors(pipe),
        )  # fmt: skip
        self.latents = watch.latents
        self.heard = self.heard or watch.heard  # the first pass's
        if not self.latents.isfinite().all():
            raise HostError("picture", got="numbers that are not finite", wanted="a model whose weights are whole")
        return list(result.images)

    def _calls(self, pipe: Any, steps: int, denoise: float | None) -> int:
        """How many model calls the pass will make; the scheduler's timesteps are set as the pipeline will set them."""
        device = self.host.device
        try:
            pipe.scheduler.set_timesteps(steps, device=device)
        except ValueError as problem:  # such as LCM at more steps than it was distilled for
            wanted = f"what diffusers takes: {problem}"
            raise HostError(f"steps with {self.request.sampler}", got=steps, wanted=wanted) from None
        return len(pipe.scheduler.timesteps if denoise is None else pipe.get_timesteps(steps, denoise, device)[0])


def _mask(pipe: Any, size: Size, factor: int, given: Mapping[str, Any]) -> tuple[Tensor | None, Region | None]:
    """Where an inpainting pass may change the latents (1, 1, H, W), and the part of the picture that it redraws."""
    mask, (width, height) = given.get("mask_image"), size
    if mask is None:
        return None, None
    if given.get("padding_mask_crop") is None:
        grey, region = pipe.mask_processor.preprocess(mask, height, width), None
    else:
        box = pipe.mask_processor.get_crop_region(mask, width, height, pad=given["padding_mask_crop"])
        grey = pipe.mask_processor.preprocess(mask, height, width, resize_mode="fill", crops_coords=box)
        region = Region(tuple(box), mask.size)
    return torch.nn.functional.interpolate(grey, (height // factor, width // factor)), region
