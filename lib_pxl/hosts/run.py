"""A run is one job inside a host. Here, and nowhere else, pxl's errors are caught: the picture always gets made."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from PIL import Image
from torch import Tensor

from lib_pxl.control import Canvas, Plan, Program
from lib_pxl.errors import ImageError, PxlError, Words
from lib_pxl.hosts.album import Album
from lib_pxl.hosts.base import Guest, Host, Pass
from lib_pxl.hosts.desk import Desk
from lib_pxl.hosts.feed import Feed
from lib_pxl.hosts.formed import Formed
from lib_pxl.hosts.job import Control, Job, Nokens
from lib_pxl.hosts.morph import MorphGuest
from lib_pxl.hosts.speech import Speech, revised, silent
from lib_pxl.hosts.trace import Trace
from lib_pxl.noken.mention import mentions
from lib_pxl.store.animations import Animation, open_animation
from lib_pxl.store.maps import PREFIX

log = logging.getLogger("pxl")
T = TypeVar("T")
ERROR_KEY = "pxl error"
KEY = "pxl"
LONGEST = 500  # characters of what is told


class ControlGuest(Guest):
    """The control feature in one job."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.plan: Plan | None = None

    def begin(self, stage: Pass, canvas: Canvas) -> None:
        """Prepare the program for this pass."""
        self.plan = None
        self.plan = self.program.prepare(canvas)

    def noise(self, noise: Tensor) -> Tensor:
        """The layers that act before the first step."""
        return self.plan.noise(noise) if self.plan else noise

    def estimate(self, denoised: Tensor, sigma: Tensor) -> Tensor:
        """Blend the layers in."""
        return self.plan.apply(denoised, sigma) if self.plan else denoised


class Run:
    """One job: its guests, and the first problem, if there was one. From then on it leaves the picture alone.

    A noken that cannot be said is left out by itself: that is among the complaints, but no problem to the rest.
    """

    def __init__(self, host: Host, desk: Desk, report: Callable[[str], None] = lambda sentence: None) -> None:
        self.host, self.desk, self.report = host, desk, report
        self.guests: list[Guest] = []
        self.problem: str | None = None
        self.complaints: list[str] = []
        self.inner = False
        self.control = Control()
        self.nokens = Nokens()
        self.speech: Speech | None = None  # once a prompt has named a noken
        self.feed: Feed | None = None  # what the job's images start from
        self.left_out = False  # animations were asked for, of a job that makes parts for a script
        self.made: list[Any] = []  # its pictures, where they are to become an animation
        self.trace: Trace | None = None
        self.album: Album | None = None  # its pictures, where they are to be recorded
        self.unrecorded: str | None = None  # why one of them is not
        self._mask: Tensor | None = None
        self._job = Job()

    def start(
        self,
        given: Any,
        change: Callable[[Job], Job] | None = None,
        redraws: bool = False,
        brought: bool = False,
    ) -> None:
        """Read the job; every picture that it names is checked and kept, so that its infotext restores it.

        `redraws`: the job starts from a picture, which an animation can stand in for. `brought`: from one that a
        script brought, whose own count of the pictures that come back an animation would upset.
        """
        with self.stepping_aside():
            self._job = job = change(Job.parse(given)) if change else Job.awake(given)
            self.nokens = job.nokens
            self.album = Album(self.desk.recorder) if job.record else None
            control = job.control if redraws and not brought else replace(job.control, input=None, whole=True)
            if brought:
                self.left_out = control.enabled and bool(job.control.input or control.animation)
                control = replace(control, animation=None)
            if control.enabled and control.makes:
                kept = control.program.rename(self._adopt).settle(self._previous)
                control = replace(control, program=kept, input=control.input and self._adopt(control.input, True))
                if control.input:
                    self.feed = Feed(self._film(control.input))
                if kept.layers:
                    self.guests.append(ControlGuest(kept))
                self.control, self.inner = control, kept.inner
            if control.enabled and control.trace:
                self.trace = Trace()
                self.guests.append(self.trace)

    @property
    def complaint(self) -> str | None:
        """All that went wrong, if anything did."""
        return "; ".join(self.complaints)[:LONGEST] or None

    @property
    def told(self) -> dict[str, str]:
        """What the infotext says of pxl."""
        said = {KEY: None if self.problem else self.text, ERROR_KEY: self.complaint}
        return {key: text for key, text in said.items() if text}

    @property
    def text(self) -> str:
        """What a picture says of the job, so that it can be made again; nothing where the job made no difference."""
        named = self.speech is not None
        if not named and not self.control.makes:
            return ""
        nokens = self.speech.told if self.speech else replace(self.nokens, hashes={}, vectors=())
        return replace(self._job, control=self.control, nokens=nokens, record=False).untraced().told()

    def revised(self, prompts: Mapping[str, list[str]], main: Collection[str]) -> Mapping[str, list[str]]:
        """The prompts as the axes of a grid have them; without a noken where an axis has a value that is none."""
        if self.problem is not None or (self.nokens.instead is None and self.nokens.mix is None):
            return prompts
        with self.stepping_aside(wholly=False):
            return revised(self.nokens, prompts, main)
        return dict(zip(prompts, silent(list(prompts.values())), strict=True))

    def say(self, prompts: Sequence[list[str]]) -> Sequence[list[str]]:
        """A batch's prompts as the host is to read them; the very same where none of them names a noken."""
        named = any(mentions(text) for texts in prompts for text in texts)
        if not named or not self.nokens.enabled:
            if self.speech is not None:
                self.speech.say([])
            return prompts
        if self.problem is None:
            with self.stepping_aside():
                if self.speech is None:
                    self.speech = Speech(self.host, lambda: self.desk.pool, self.nokens)
                said = self.speech.say(prompts, lambda: self.stepping_aside(wholly=False))
                if self.speech.morphs and not any(isinstance(guest, MorphGuest) for guest in self.guests):
                    self.guests.insert(0, MorphGuest(self.speech))  # so that others see what it has made
                return said
        return silent(prompts)

    def frames(self, first: int, number: int) -> list[Image.Image] | None:
        """What these images of the job start from, where an animation says so."""
        if self.feed is not None and self.problem is None:
            with self.stepping_aside():
                return self.feed.frames(first, number)
        return None

    def batches(self, size: int, usual: int = 1) -> int:
        """How many batches of this size the job has."""
        whole = self.feed is not None and self.problem is None and self.control.whole
        return self.feed.batches(size) if whole and self.feed else usual

    def _film(self, source: str) -> Animation:
        is_kept = source.startswith(PREFIX)
        return open_animation(self.desk.maps.path(source[len(PREFIX) :]) if is_kept else Path(source))

    def _adopt(self, source: str, moving: bool) -> str:
        return self.desk.maps.adopt(source, self.host.readable, moving)

    def _previous(self) -> str:
        if self.desk.previous is None:
            raise ImageError("previous picture", got=Words("none yet"), wanted="one made before this one")
        file = io.BytesIO()
        self.desk.previous.convert("RGB").save(file, "PNG")
        return PREFIX + self.desk.maps.put(file.getvalue())

    @property
    def active(self) -> bool:
        """True while there is something to do."""
        return bool(self.guests) and self.problem is None

    @property
    def speaks(self) -> bool:
        """True while a guest changes the conditionings."""
        return self.active and any(type(guest).conditioning is not Guest.conditioning for guest in self.guests)

    def begin(self, stage: Pass) -> None:
        """Prepare every guest for a pass; the host's random numbers are left where they were."""
        if not self.active:
            return
        with self.stepping_aside(), _same_randomness(stage.device), torch.no_grad():
            self._mask = None if stage.mask is None else stage.mask.to(stage.device, torch.float32)
            canvas = self._canvas(stage)
            for guest in self.guests:
                guest.begin(stage, canvas)

    def noise(self, noise: Tensor) -> Tensor:
        """The first noise, edited."""
        return self._through("noise", noise, lambda guest, value: guest.noise(value))

    def conditioning(self, cond: Any, uncond: Any, sigma: Tensor) -> tuple[Any, Any]:
        """The conditionings of this model call, edited."""
        given = (cond, uncond)
        return self._through("conditioning", given, lambda guest, value: guest.conditioning(value[0], value[1], sigma))

    def estimate(self, denoised: Tensor, sigma: Tensor) -> Tensor:
        """The clean estimate, edited where the host's mask lets it change; the same tensor where nothing acts."""
        edited = self._through("estimate", denoised, lambda guest, value: guest.estimate(value, sigma))
        if edited is not denoised and self._mask is not None:
            edited = torch.lerp(denoised.float(), edited.float(), self._mask).to(denoised.dtype)
        with self.stepping_aside():
            for guest in self.guests:
                guest.look(denoised, edited, sigma)
        return edited

    def formed(self) -> Formed | None:
        """How the picture formed, where the job asked for it."""
        if self.trace is not None:
            with self.stepping_aside():
                return self.trace.formed()
        return None

    def _through(self, door: str, value: T, call: Callable[[Guest, T], T]) -> T:
        if not self.active:
            return value
        edited = value
        with self.stepping_aside():
            for guest in self.guests:
                if getattr(type(guest), door) is not getattr(Guest, door):
                    edited = call(guest, edited)
        return value if self.problem else edited

    def _canvas(self, stage: Pass) -> Canvas:
        batch, channels, height, width = stage.shape
        vae = self.host.vae()
        rgb, bias = self.desk.latents.rgb(vae)
        return Canvas(
            batch=batch,
            channels=channels,
            height=height,
            width=width,
            factor=vae.factor,
            sigmas=stage.sigmas,
            seeds=stage.seeds,
            device=stage.device,
            dtype=stage.dtype,
            rgb=rgb,
            rgb_bias=bias,
            encode=lambda pixels: self.desk.latents.encode(pixels, vae),
            hires=stage.kind == "hires",
            region=stage.region,
            maps=self.desk.maps.path,
            first=stage.first,
            annotators=self.desk.annotations.through(self.host.annotators()),
        )

    @contextlib.contextmanager
    def stepping_aside(self, wholly: bool = True) -> Iterator[None]:
        """The one place that catches: whatever happens inside, the host goes on and the user is told."""
        try:
            yield
        except PxlError as problem:
            self._give_up(str(problem), wholly)
        except Exception as problem:
            log.exception("pxl stepped aside")
            sentence = f"pxl failed: got {type(problem).__name__}: {problem}, wanted a picture with pxl"
            self._give_up(sentence, wholly)

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """What goes wrong as a picture is recorded concerns neither the picture nor what pxl makes of it."""
        try:
            yield
        except PxlError as problem:
            self.unrecorded = str(problem)
        except Exception as problem:
            log.exception("pxl could not record a picture")
            got = f"got {type(problem).__name__}: {problem}"[:400]
            self.unrecorded = f"recording: {got}, wanted all that is known of a picture"

    def _give_up(self, sentence: str, wholly: bool) -> None:
        sentence = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(sentence.split()))[:LONGEST]
        if wholly:
            self.problem = sentence
            self.guests.clear()
        if sentence not in self.complaints:
            self.complaints.append(sentence)
            self.report(sentence)


@contextlib.contextmanager
def _same_randomness(device: torch.device) -> Iterator[None]:
    devices = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield
