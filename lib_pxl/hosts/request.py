"""A request is what a person asks the diffusers host for: prompt, size, sampler, and what to start from."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from lib_pxl import __version__
from lib_pxl.errors import HostError, ProgramError
from lib_pxl.hosts.sampler import SAMPLERS
from lib_pxl.knobs import Choice, Knob
from lib_pxl.store.infotext import Infotext

LARGEST_SEED = 2**32 - 1
UPSCALER = "Latent (bicubic)"

KNOBS: dict[str, Knob] = {
    "sampler": Knob("sampler", "Sampler", "how the noise is taken away", next(iter(SAMPLERS)),
                    choices={name: Choice(name, "", sampler) for name, sampler in SAMPLERS.items()}),
    "steps": Knob("steps", "Steps", "in how many steps", 20, 1, 150, whole=True),
    "cfg": Knob("cfg", "CFG scale", "how closely the prompt is followed; 1 leaves the negative prompt out", 7.0, 1, 30),
    "seed": Knob("seed", "Seed", "the same seed, the same picture; -1 draws one", -1, -1, LARGEST_SEED, whole=True),
    "width": Knob("width", "Width", "in pixels", 512, 64, 2048, whole=True),
    "height": Knob("height", "Height", "in pixels", 512, 64, 2048, whole=True),
    "batch": Knob("batch", "Batch size", "how many pictures at once, each with the next seed", 1, 1, 16, whole=True),
    "denoise": Knob("denoise", "Denoising strength", "how much of the picture may change", 0.75, 0, 1),
    "hires": Knob("hires", "Hires scale", "a second pass at a larger size; 1 is none", 1.0, 1, 4),
    "hires_steps": Knob("hires_steps", "Hires steps", "0 is as many as in the first pass", 0, 0, 150, whole=True),
}  # fmt: skip
_KEYS = {"Steps": "steps", "Sampler": "sampler", "CFG scale": "cfg", "Seed": "seed", "Denoising strength": "denoise",
         "Hires upscale": "hires", "Hires steps": "hires_steps", "Width": "width", "Height": "height"}  # fmt: skip


@dataclass(frozen=True)
class Request:
    """One job of the diffusers host; `KNOBS` says what each number may be."""

    prompt: str = ""
    negative: str = ""
    sampler: str = KNOBS["sampler"].default
    steps: int = KNOBS["steps"].default
    cfg: float = KNOBS["cfg"].default
    seed: int = KNOBS["seed"].default
    width: int = KNOBS["width"].default
    height: int = KNOBS["height"].default
    batch: int = KNOBS["batch"].default
    image: Image.Image | None = None  # what to start from
    redraw: bool = False  # start from the job's animation, and have no picture for when that fails
    mask: Image.Image | None = None  # white where it may change
    padding: int | None = None  # "Only masked": pixels around the mask that are redrawn with it
    denoise: float = KNOBS["denoise"].default
    hires: float = KNOBS["hires"].default
    hires_steps: int = KNOBS["hires_steps"].default

    def checked(self, factor: int) -> Request:
        """The request with every number in range and a seed drawn; a ProgramError or HostError names what is not."""
        values = {name: knob.parse(getattr(self, name), knob.label.lower()) for name, knob in KNOBS.items()}
        for name in ("width", "height"):
            if values[name] % factor:
                raise ProgramError(name, got=values[name], wanted=f"a multiple of {factor}")
        fewest = min(self.steps, self.hires_steps or self.steps if self.hires > 1 else self.steps)
        if (self.kind == "img2img" or self.hires > 1) and int(fewest * self.denoise) < 1:
            raise HostError(
                "denoising strength", got=self.denoise, wanted=f"at least {1 / fewest:.2g} at {fewest} steps"
            )
        if self.mask is not None and self.kind == "txt2img":
            raise HostError("mask", got="no picture", wanted="a picture that the mask belongs to")
        if values["seed"] < 0:
            values["seed"] = secrets.randbelow(LARGEST_SEED - values["batch"])
        return replace(self, **values)

    @property
    def kind(self) -> str:
        """The kind of the first pass."""
        return "txt2img" if self.image is None and not self.redraw else "img2img"

    @property
    def seeds(self) -> list[int]:
        """One for each picture of the batch."""
        return [self.seed + i for i in range(self.batch)]

    def infotext(self, seed: int, model: str, told: Mapping[str, str]) -> str:
        """What is written into the picture made with this seed; `told` is pxl's own part."""
        settings = {"Steps": str(self.steps), "Sampler": self.sampler, "CFG scale": f"{self.cfg:g}", "Seed": str(seed),
                    "Size": f"{self.width}x{self.height}", "Model": model}  # fmt: skip
        if self.kind == "img2img" or self.hires > 1:
            settings["Denoising strength"] = f"{self.denoise:g}"
        if self.hires > 1:
            settings |= {"Hires upscale": f"{self.hires:g}", "Hires upscaler": UPSCALER}
            if self.hires_steps:
                settings["Hires steps"] = str(self.hires_steps)
        return Infotext(self.prompt, self.negative, {**settings, **told, "Version": f"pxl {__version__}"}).format()

    @classmethod
    def of(cls, info: Infotext) -> Request:
        """The request behind an infotext; what that does not say, or this host does not know, stays at its default."""
        return cls(info.prompt, info.negative, **cls.told(info))

    @staticmethod
    def told(info: Infotext) -> dict[str, Any]:
        """The numbers and names that an infotext speaks of, A1111's too."""
        values, settings = {}, dict(info.settings)
        if settings.get("Schedule type", "Automatic") != "Automatic":  # A1111 from 1.9 on
            settings["Sampler"] = f"{settings.get('Sampler')} {settings['Schedule type']}"
        settings["Width"], _, settings["Height"] = settings.get("Size", "").partition("x")
        for key, name in _KEYS.items():
            with contextlib.suppress(KeyError, ValueError, ProgramError):
                text = settings[key]
                values[name] = KNOBS[name].parse(text if name == "sampler" else float(text), name)
        return values
