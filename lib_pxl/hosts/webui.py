"""A1111, reForge and Forge Classic: what the host has.

What is known of these hosts' ways, by version, stands beside the line that needs it.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import torch
from modules import (  # A1111 1.10.1
    call_queue,
    devices,
    images,
    paths,
    processing,
    progress,
    prompt_parser,
    sd_hijack,
    sd_models,
    sd_samplers,
    sd_samplers_common,
    sd_vae,
    shared,
)
from PIL import Image
from torch import Tensor

from lib_pxl.control import Region
from lib_pxl.errors import HostError, StoreError, Words
from lib_pxl.hosts import annotation
from lib_pxl.hosts.annotation import Annotator
from lib_pxl.hosts.base import LARGEST, Change, Conds, Pass, Vae, Wordbook
from lib_pxl.hosts.embedding import save_embedding
from lib_pxl.hosts.encoded import Encoded
from lib_pxl.hosts.hook import sigma_of
from lib_pxl.hosts.order import Order
from lib_pxl.hosts.recorder import Finished, Heard, encoder_name, pooled
from lib_pxl.hosts.script import FOLDERS
from lib_pxl.hosts.solo import alone, judge_whole, under_way
from lib_pxl.noken.genome import Noken
from lib_pxl.share.consent import SWITCH
from lib_pxl.taste.template import wildcard_folders

T = TypeVar("T")
_serials: WeakKeyDictionary[torch.nn.Module, int] = WeakKeyDictionary()
_count = itertools.count()
OUTPUTS = ("outdir_samples", "outdir_txt2img_samples", "outdir_img2img_samples", "outdir_extras_samples", "outdir_save")


class WebuiHost:
    """What A1111 and its near relatives have."""

    name = "A1111"

    def __init__(self) -> None:
        self._embedded: list[tuple[Any, Any]] = []
        self._encoders: WeakKeyDictionary[Any, tuple[str, int]] = WeakKeyDictionary()
        # As they are now: a job of the API may override them for itself.
        self._outputs = [str(getattr(shared.opts, key, "") or "") for key in OUTPUTS]

    @property
    def data(self) -> Path:
        """`pxl` in the host's data folder, or where --pxl-data-dir says."""
        given = getattr(shared.cmd_opts, "pxl_data_dir", None)
        return Path(given) if given else Path(paths.data_path) / "pxl"

    @property
    def readable(self) -> Sequence[Path]:
        """The host's output folders, and those that the settings add."""
        added = str(getattr(shared.opts, FOLDERS, "")).splitlines()
        folders = [Path(each.strip()) for each in (*self._outputs, *added) if each.strip()]
        return [each if each.is_absolute() else Path(paths.data_path) / each for each in folders]

    @property
    def credentials(self) -> Mapping[str, str] | None:
        """As --api and --api-auth say."""
        if not (shared.cmd_opts.api or shared.cmd_opts.nowebui):
            return None
        return dict(pair.split(":", 1) for pair in (shared.cmd_opts.api_auth or "").split(",") if ":" in pair)

    @property
    def closed(self) -> str:
        """As --nowebui, --pxl-no-share and the setting say; the setting may change while the host runs."""
        if shared.cmd_opts.nowebui:
            return "--nowebui: a run without a page shares nothing"
        if getattr(shared.cmd_opts, SWITCH, False):
            return "--pxl-no-share is set: nothing is shared, whatever was agreed to"
        if getattr(shared.opts, SWITCH, False):
            return "sharing is switched off in the settings, under pxl"
        return ""

    @property
    def wildcards(self) -> Sequence[Path]:
        """pxl's own, the host's and its extensions'."""
        return wildcard_folders(self.data, Path(paths.data_path))

    def vae(self) -> Vae:
        """The VAE of the loaded checkpoint."""
        model = shared.sd_model
        key = f"{model.sd_checkpoint_info.filename}|{sd_vae.loaded_vae_file}|{serial(model.first_stage_model)}"
        channels = int(getattr(model, "latent_channels", processing.opt_C))
        return Vae(key, processing.opt_f, channels, self.encode)

    def encode(self, pixels: Tensor) -> Tensor:
        """The mean of the first stage's posterior, scaled; again in float32 where half precision overflows."""
        latents = self._encode(pixels, devices.dtype_vae)
        retry = devices.dtype_vae != torch.float32 and shared.opts.auto_vae_precision
        if retry and not latents.isfinite().all():
            latents = self._encode(pixels, torch.float32)
            shared.sd_model.first_stage_model.to(devices.dtype_vae)
        return latents

    def _encode(self, pixels: Tensor, dtype: torch.dtype) -> Tensor:
        model = shared.sd_model
        pixels = pixels.to(devices.device, dtype) * 2 - 1
        stage = model.first_stage_model
        if hasattr(model, "forge_objects") or not hasattr(stage, "encoder"):  # reForge, Forge Classic
            return as_tensor(model.get_first_stage_encoding(model.encode_first_stage(pixels)))
        stage.to(dtype)
        with devices.without_autocast() if dtype == torch.float32 else contextlib.nullcontext():
            if "InferenceWrapper" not in type(stage).__name__:
                return as_tensor(stage.encode(pixels).mode() * model.scale_factor)
            # SDXL's wrapper (sgm, autoencoder.py) draws a sample. Under --medvram the instance's own encode brings
            # the weights to the GPU, so it has a small piece first.
            stage.encode(pixels[..., :64, :64])
            plain: Any = type(stage).__mro__[1]
            return as_tensor(plain.encode(stage, pixels).mode() * model.scale_factor)

    def widths(self) -> Mapping[str, int]:
        """The text encoders by their letters: `l` for SD1, `h` for SD2, `l` and `g` for SDXL."""
        return {letter: int(table.shape[1]) for letter, table in self._tables().items()}

    def lexicon(self) -> Wordbook:
        """By the tokenizer of the first encoder; open_clip's has a module of its own."""
        tables = {letter: table.detach().cpu() for letter, table in self._tables().items()}
        engine = shared.sd_model.cond_stage_model
        tokenizer = getattr(getattr(engine, "embedders", [engine])[0], "tokenizer", None) or _open_clip()
        return Wordbook(tables, lambda text: engine.tokenize([text])[0], lambda which: tokenizer.decode([which]))

    def _tables(self) -> dict[str, Tensor]:
        """The token embeddings (V, D) of the encoders."""
        if shared.sd_model is None:
            raise HostError("model", got=Words("none"), wanted="one that is loaded")
        tables = [m for m in shared.sd_model.modules() if isinstance(m, sd_hijack.EmbeddingsWithFixes)]
        single = "h" if getattr(shared.sd_model, "is_sd2", False) else "l"
        names = [single] if len(tables) == 1 else [t.textual_inversion_key.removeprefix("clip_") for t in tables]
        return {name: table.wrapped.weight for name, table in zip(names, tables)}  # noqa: B905

    def check_room(self, prompt: str) -> None:
        """Prompts of any length are read, in parts."""

    def draw(
        self, prompt: str, words: Mapping[str, Mapping[str, Tensor]], seed: int, steps: int, size: int, cfg: float
    ) -> Image.Image:
        """A job without scripts, so that neither our hooks nor other extensions' have a part in it."""
        with call_queue.queue_lock:
            return self._as_job(lambda: self._drawn(prompt, words, seed, steps, size, cfg))

    def make(self, order: Order, free: Callable[[], object] = lambda: None) -> Finished:
        """A job with our script alone, which says nokens: what others would do is set in fields of the page."""
        with call_queue.queue_lock:
            return self._as_job(lambda: self._made(order, free))

    def _as_job(self, job: Callable[[], T]) -> T:
        return job()

    def _made(self, order: Order, free: Callable[[], object]) -> Finished:
        free()  # Forge's main thread may have had another job to end
        self._settle()
        width, height = order.size(self._usual, processing.opt_f)
        p = processing.StableDiffusionProcessingTxt2Img(
            sd_model=shared.sd_model, prompt=order.prompt, negative_prompt=order.negative, seed=order.seed,
            steps=order.steps, cfg_scale=order.cfg, sampler_name=order.sampler, width=width, height=height,
            outpath_samples=shared.opts.outdir_samples or shared.opts.outdir_txt2img_samples, do_not_save_grid=True,
        )  # fmt: skip
        p.scheduler, p.is_api = order.schedule, True  # the page's last job stays what it was
        p.scripts, p.script_args = alone()
        with under_way(p, "pxl proposal"):
            done = processing.process_images(p)
            judge_whole(done, "proposal")
            picture, text = done.images[done.index_of_first_image], done.infotexts[done.index_of_first_image]
            heard = self.heard(p)[0]
        file = getattr(picture, "already_saved_as", None)
        path = Path(file).absolute() if file else None
        return Finished(text, None if path else picture, path, heard)

    @property
    def _usual(self) -> int:
        return LARGEST if getattr(shared.sd_model, "is_sdxl", False) else 512

    def _drawn(
        self, prompt: str, words: Mapping[str, Mapping[str, Tensor]], seed: int, steps: int, size: int, cfg: float
    ) -> Image.Image:
        self._settle()
        known = {letter: int(table.shape[1]) for letter, table in self._tables().items()}
        for vectors in words.values():
            widths = {letter: int(rows.shape[1]) for letter, rows in vectors.items()}
            if widths != known:  # another checkpoint has come since it was asked for
                raise HostError("noken of the widths", got=Words(str(widths)), wanted=f"{known}, the loaded model's")
        p = processing.StableDiffusionProcessingTxt2Img(
            sd_model=shared.sd_model, prompt=prompt, seed=seed, steps=steps, cfg_scale=cfg, sampler_name="Euler",
            width=size or self._usual, height=size or self._usual, do_not_save_samples=True, do_not_save_grid=True,
            do_not_reload_embeddings=True,  # which would take our words with it
        )  # fmt: skip
        with under_way(p, "pxl thumbnail"):
            try:
                for name, vectors in words.items():
                    self.embed(name, vectors)
                done = processing.process_images(p)
                judge_whole(done, "thumbnail")
            finally:
                self.forget()
        made: Image.Image = done.images[0]
        return made

    def _settle(self) -> None:
        """The checkpoint that the job will take, before words are lent to it: loading one forgets them."""
        sd_models.reload_model_weights()

    def install(self, noken: Noken) -> Path:
        """Between two jobs, since the host forgets all words as it reads its folder."""
        with call_queue.queue_lock:
            path = save_embedding(Path(shared.cmd_opts.embeddings_dir), noken)
            self._read_embedding(path)
        return path

    def _read_embedding(self, path: Path) -> None:
        sd_hijack.model_hijack.embedding_db.load_textual_inversion_embeddings(force_reload=True)

    def embed(self, name: str, vectors: Mapping[str, Tensor]) -> None:
        """Known by its token ids alone: a registered embedding without a file empties every extra-networks tab."""
        from modules.textual_inversion.textual_inversion import Embedding

        values = {letter: rows.to(devices.device, torch.float32) for letter, rows in vectors.items()}
        made = embedding(Embedding, name, values)
        ids = shared.sd_model.cond_stage_model.tokenize([name])[0]
        known = sd_hijack.model_hijack.embedding_db.ids_lookup
        known[ids[0]] = sorted([*known.get(ids[0], []), (ids, made)], key=lambda pair: len(pair[0]), reverse=True)
        self._embedded.append((ids[0], made))

    def forget(self) -> None:
        """Take our words out of the host's table again."""
        known = sd_hijack.model_hijack.embedding_db.ids_lookup
        for first, made in self._embedded:
            kept = [pair for pair in known.get(first, []) if pair[1] is not made]
            known.pop(first, None)
            if kept:
                known[first] = kept
        self._embedded.clear()

    def annotators(self) -> Mapping[str, Annotator]:
        """Those of ControlNet, where it is there."""
        return annotation.of_webui()

    def caption(self, picture: Image.Image) -> str:
        """By the BLIP of "Interrogate CLIP", which is not fetched for this: it is gigabytes."""
        interrogator, folder = shared.interrogator, Path(paths.models_path) / "BLIP"
        if interrogator.blip_model is None and not any(folder.glob("*.pth")):
            wanted = f'BLIP in {folder}, where "Interrogate CLIP" in img2img puts it'
            raise HostError("caption", got=Words("no model for it"), wanted=wanted)
        with call_queue.queue_lock:
            interrogator.load()
            try:
                return str(interrogator.generate_caption(picture.convert("RGB")))
            finally:
                interrogator.unload()

    def schedule(self, p: Any) -> Tensor:
        """The sigmas (N+1,) of the pass about to start, as the host's sampler will compute them again."""
        steps, skipped = (p.hr_second_pass_steps or p.steps) if p.is_hr_pass else p.steps, 0
        redraws = p.is_hr_pass or isinstance(p, processing.StableDiffusionProcessingImg2Img)
        if redraws:
            steps, kept = sd_samplers_common.setup_img2img_steps(p, steps if p.is_hr_pass else None)
            skipped = steps - kept - 1
        if not hasattr(p.sampler, "get_timesteps"):
            return as_tensor(p.sampler.get_sigmas(p, steps)[skipped:])
        timesteps = p.sampler.get_timesteps(p, steps)
        timesteps = timesteps[:kept] if redraws else timesteps
        if p.sampler.config.name == "UniPC":  # walks its own times, down to 0; DDIM and PLMS never call at the lowest
            timesteps = torch.linspace(0, float(timesteps[-1]) if redraws else 999, len(timesteps) + 1)
        alphas = p.sampler.model_wrap_cfg.inner_model.inner_model.alphas_cumprod
        return sigma_of(alphas, timesteps.to(alphas.device)).flip(0)

    def stage(self, p: Any, noise: Tensor) -> Pass:
        """The pass about to start."""
        b, c, h, w = noise.shape
        redraws = isinstance(p, processing.StableDiffusionProcessingImg2Img)
        kind = "hires" if p.is_hr_pass else "img2img" if redraws else "txt2img"
        mask = getattr(p, "nmask", None) if redraws else None
        region = None
        if redraws and getattr(p, "paste_to", None) and getattr(p, "mask_for_overlay", None):
            x, y, width, height = p.paste_to
            region = Region((x, y, x + width, y + height), p.mask_for_overlay.size)
        first = p.iteration * p.batch_size
        return Pass(
            kind, (b, c, h, w), self.schedule(p), list(p.seeds[:b]), noise.device, noise.dtype, mask, region, first,
            lambda change: self.spoken(p, change),
        )  # fmt: skip

    def spoken(self, p: Any, change: Change) -> Conds:
        """By the host's own encoder, so that editing, AND and BREAK are what they are in any prompt."""
        again = "hr_" if p.is_hr_pass else ""
        size = (p.hr_upscale_to_x, p.hr_upscale_to_y) if again else (p.width, p.height)
        steps = _hires_steps(p) if again else None

        def encoded(kind: str, function: Any, is_negative: bool) -> Any:
            texts = list(getattr(p, again + kind))
            changed = [change(text) for text in texts]
            if changed == texts:
                return None
            asked = prompt_parser.SdConditioning(changed, is_negative, *size)
            network = getattr(p, f"{again}extra_network_data")
            return p.get_conds_with_caching(function, asked, p.firstpass_steps, [[None, None]], network, steps)

        cond = encoded("prompts", prompt_parser.get_multicond_learned_conditioning, False)
        uncond = encoded("negative_prompts", prompt_parser.get_learned_conditioning, True)
        said, model = Encoded(prompt_parser, cond, uncond), shared.sd_model

        def now() -> tuple[Any, Any]:  # nothing after a refiner came, for which the host has encoded its own again
            return said.at(p.sampler.model_wrap_cfg.step) if shared.sd_model is model else (None, None)

        return now

    def heard(self, p: Any) -> list[Heard]:
        """By the conditionings that the sampler is about to have, without another encoding; of a prompt that changes
        over the steps, as it ends."""
        name, width = self._encoder()
        prompts = ([part.schedules[-1].cond for part in parts] for parts in p.c.batch)
        return [{name: torch.stack([pooled(each, width) for each in conds]).mean(0)} for conds in prompts]

    def _encoder(self) -> tuple[str, int]:
        """The name and the width of the encoder whose vector stands for a prompt: of several it is the last."""
        model = shared.sd_model
        if model not in self._encoders:  # the search costs milliseconds
            letter, table = list(self._tables().items())[-1]
            self._encoders[model] = encoder_name(letter, table), int(table.shape[1])
        name, width = self._encoders[model]
        skipped = int(getattr(shared.opts, "CLIP_stop_at_last_layers", 1))
        return (f"{name} skip {skipped}" if skipped > 1 and not name.startswith("g") else name), width

    @property
    def broken_off(self) -> bool:
        """As the buttons have it."""
        return bool(shared.state.interrupted or shared.state.skipped)

    @property
    def task(self) -> str:
        """As the progress bar asks for it."""
        return progress.current_task or ""

    def init(self, p: Any) -> None:
        """As process_images_inner calls it, but for the prompts and seeds of one batch."""
        with devices.autocast():
            p.init(p.prompts, p.seeds, p.subseeds)

    def resize(self, picture: Image.Image, mode: int, size: tuple[int, int]) -> Image.Image:
        """By the host's own resize modes."""
        made: Image.Image = images.resize_image(mode, picture, *size)
        return made

    def reserve(self, p: Any, still: Image.Image, infotext: str, suffix: str) -> Path:
        """Beside the grids, by their folder, numbering and callbacks."""
        folder = p.outpath_grids or p.outpath_samples
        try:
            name, _ = images.save_image(
                still, folder, "animation", p.all_seeds[0], p.all_prompts[0], suffix, info=infotext,
                short_filename=True, p=p, grid=True,
            )  # fmt: skip
        except OSError as error:
            got = Words(error.strerror or error)
            raise StoreError("animation", got=got, wanted=f"room to write it in {folder}") from error
        return Path(name).absolute()

    @property
    def keeps_infotext(self) -> bool:
        """As the settings say."""
        return bool(shared.opts.enable_pnginfo)

    def tell(self, text: str | None) -> bool:
        """In the progress bar."""
        shared.state.textinfo = text
        # A1111 1.10.1: unless a setting says otherwise, "Interrupt" finishes the picture at hand and sets the second.
        return not (shared.state.interrupted or getattr(shared.state, "stopping_generation", False))


def _hires_steps(p: Any) -> int:
    """As calculate_hr_conds has it."""
    config = sd_samplers.find_sampler_config(p.hr_sampler_name or p.sampler_name)
    steps = int(p.hr_second_pass_steps or p.steps)
    return int(config.total_steps(steps)) if config else steps


def embedding(kind: Any, name: str, vectors: Mapping[str, Tensor]) -> Any:
    """Of the host's own kind; one that does not know its length would write over the tokens that follow it."""
    values = list(vectors.values())
    made = kind(values[0] if len(values) == 1 else {f"clip_{k}": v for k, v in vectors.items()}, name)
    made.vectors, made.shape = len(values[0]), sum(v.shape[-1] for v in values)
    return made


def _open_clip() -> Any:
    from modules import sd_hijack_open_clip

    return sd_hijack_open_clip.tokenizer


def serial(module: torch.nn.Module) -> int:
    """A number of the module's own; unlike id(), no later module gets it again."""
    return _serials.setdefault(module, next(_count))


def as_tensor(value: Any) -> Tensor:
    """What an untyped host gave, if it is a tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(f"the host gave {type(value).__name__}, not a tensor")
    return value
