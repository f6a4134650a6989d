"""The hooks of a WebUI: from the host's order of calls to a run's, and back to the host's tensors."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor

from lib_pxl.hosts.axis import Axis
from lib_pxl.hosts.base import Host, Pass
from lib_pxl.hosts.desk import Desk
from lib_pxl.hosts.feed import Feed
from lib_pxl.hosts.job import OFF, Job
from lib_pxl.hosts.recorder import Heard
from lib_pxl.hosts.redraw import ANIMATION_KEY, Easel, Redraw, collect, is_brought, redraws
from lib_pxl.hosts.run import ERROR_KEY, KEY, Run

TOLD = (KEY, ERROR_KEY, ANIMATION_KEY)
HIRES = ("all_hr_prompts", "all_hr_negative_prompts")
PROMPTS = ("all_prompts", "all_negative_prompts", *HIRES)
MAIN = ("all_prompts", "all_hr_prompts")
log = logging.getLogger("pxl")


class Webui(Host, Easel, Protocol):
    """A host whose jobs are the `p` of A1111's family."""

    def stage(self, p: Any, noise: Tensor) -> Pass:
        """The pass about to start."""

    def heard(self, p: Any) -> Sequence[Heard]:
        """What the model's own encoder has made of the prompts of this batch."""

    @property
    def broken_off(self) -> bool:
        """True where the picture at hand was interrupted or skipped."""

    @property
    def task(self) -> str:
        """The name that the page has given to what is under way; a script may make several jobs of it."""


@dataclass
class Call:
    """A model call under way: what on_cfg_denoiser knew, for on_cfg_after_cfg, which is told neither."""

    run: Run
    denoiser: Any
    x: Tensor
    sigma: Tensor


class Hooks:
    """The host's callbacks. Switched off, they are one comparison a step."""

    def __init__(self, host: Webui, desk: Desk, axes: Mapping[str, Axis]) -> None:
        self.host, self.desk, self.axes = host, desk, axes
        self.call: Call | None = None
        self.speaking: Run | None = None  # whose words the host has now

    def start(self, p: Any, given: Any) -> None:
        """Read the job before anything of it is made."""
        self.call = p.pxl_run = p.pxl_redraw = None
        inside = _depth() > 1
        if not inside:  # also what a job that died has left
            self.speaking = None
            self.host.forget()
        left = {key: value for key, value in p.extra_generation_params.items() if key not in TOLD}
        p.extra_generation_params = left  # cells of a grid share the dictionary, and loopback the whole job
        run = Run(self.host, self.desk, lambda sentence: _tell(p, run, sentence))
        values = getattr(p, "pxl_axis_values", {})
        change = (lambda job: self._axis_values(job, values)) if values else None
        run.start(given, change, redraws(p) and not inside, is_brought(p))
        if run.problem is None and inside and not run.inner:
            return
        p.pxl_run = (id(p), run)
        if inside or (is_brought(p) and p.do_not_save_samples):
            run.album = None  # a part of a picture that another script puts together
        if run.left_out and not inside:
            p.comment("pxl: a script brought its own picture to start from, so animations are left out")
        if run.problem is None and run.feed is not None:
            self._redraw(p, run, run.feed)
        self._revise(p, run)
        p.extra_generation_params.update(run.told)

    def _revise(self, p: Any, run: Run) -> None:
        """A cell of a grid says its prompts as it makes them."""
        prompts = {name: texts for name in PROMPTS if (texts := getattr(p, name, None))}
        made = run.revised(prompts, [name for name in MAIN if name in prompts])
        if made is not prompts:
            for name, texts in made.items():
                setattr(p, name, texts)
            p.main_prompt, p.main_negative_prompt = p.all_prompts[0], p.all_negative_prompts[0]

    def _redraw(self, p: Any, run: Run, feed: Feed) -> None:
        with run.stepping_aside():
            p.pxl_redraw = Redraw(p, feed, self.host)
            p.pxl_redraw.begin(run.control.whole)
        if run.problem is not None and p.pxl_redraw is not None:
            p.pxl_redraw.end()
            p.pxl_redraw = None

    def before_batch(self, p: Any, number: int) -> None:
        """Give a later batch its own frames, and say the nokens of its prompts.

        The host's parser of extra networks comes next, and would take `<noken:…>` for one of them.
        """
        run, redraw = _run_of(p), getattr(p, "pxl_redraw", None)
        if run is None:
            return
        if redraw is not None:
            if run.problem is None:
                with run.stepping_aside():
                    redraw.batch(number)
            _revert(p, run)
        self._say(p, run, number)

    def _say(self, p: Any, run: Run, number: int) -> None:
        here = slice(number * p.batch_size, (number + 1) * p.batch_size)
        hires = {name: texts for name in HIRES if (texts := getattr(p, name, None))}
        prompts = [p.prompts, p.negative_prompts, *(texts[here] for texts in hires.values())]
        said = run.say(prompts)
        self.speaking = run if run.speech is not None else None
        if said is prompts:
            return
        p.prompts, p.negative_prompts, *later = said
        # The host takes its hires prompts out of the whole job's, which are the infotext's too: lent until it has.
        p.pxl_hires = hires
        for (name, texts), new in zip(hires.items(), later, strict=True):
            setattr(p, name, [*texts[: here.start], *new, *texts[here.stop :]])
        p.extra_generation_params.update(run.told)

    def batch_read(self, p: Any) -> None:
        """The host has read a batch's prompts."""
        if _run_of(p) is not None:
            for name, texts in getattr(p, "pxl_hires", {}).items():
                setattr(p, name, texts)
            p.pxl_hires = {}

    def on_model_loaded(self, model: Any) -> None:
        """In the midst of a job that is a refiner, or the hires pass's own checkpoint."""
        run = self.speaking
        if run is not None and run.speech is not None:
            with run.stepping_aside():
                run.speech.lend_again()

    def picture(self, p: Any, holder: Any) -> None:
        """A finished image, which later scripts may still change in its holder."""
        run = _run_of(p)
        if run is not None and run.control.animation is not None:
            run.made.append(holder)
        if run is not None and run.album is not None:
            with run.recording():
                run.album.add(holder, _template(p, run.album.count), not self.host.broken_off)

    def record(self, p: Any, processed: Any) -> None:
        """All images are made, and their infotexts known."""
        run = _run_of(p)
        if run is not None and run.album is not None:
            with run.recording():
                run.album.hand_over(processed.infotexts[processed.index_of_first_image :])
            run.unrecorded = run.unrecorded or self.desk.recorder.trouble()
            if run.unrecorded:
                processed.comments += f"pxl: {run.unrecorded}\n"

    def collect(self, p: Any, processed: Any) -> None:
        """All images are made: put them together where that is asked for."""
        run = _run_of(p)
        if run is not None and run.problem is None and _depth() == 1:
            stills = [holder.image for holder in run.made] or processed.images[processed.index_of_first_image :]
            collect(run, p, self.host, stills, processed)

    def before_sampling(self, p: Any, noise: Tensor) -> None:
        """Prepare a pass. Forge calls this twice for hires; the second replaces the first."""
        if self.speaking is not None and self.speaking is _run_of(p):
            _name_files(p)
        self._listen(p)
        run = _acting(p)
        if run is None:
            return
        with run.stepping_aside():
            stage = self.host.stage(p, noise)
            if len(stage.sigmas) > 1:  # DDIM makes no step at all at one step, or at a denoising strength near 0
                run.begin(stage)
                edited = run.noise(noise)
                if edited is not noise:
                    noise.copy_(edited)
        _revert(p, run)

    def _listen(self, p: Any) -> None:
        """The hires pass has prompts of its own, but the picture is the first one's."""
        run = _run_of(p)
        if run is not None and run.album is not None and not p.is_hr_pass:
            with run.recording():
                run.album.turn(lambda: self.host.heard(p))

    def on_cfg_denoiser(self, params: Any) -> None:
        """Remember sigma and x; swap the conditionings."""
        self.call = None
        run = _acting(getattr(params.denoiser, "p", None))
        if run is None:
            return
        x, sigma = params.x, params.sigma
        self.call = Call(run, params.denoiser, x, sigma)
        if not run.speaks:
            return
        if _gives_eps(params.denoiser):
            sigma = sigma_of(params.denoiser.inner_model.inner_model.alphas_cumprod, sigma)
        cond, uncond = run.conditioning(params.text_cond, params.text_uncond, sigma)
        if cond is not params.text_cond:
            params.text_cond = cond
        if uncond is not params.text_uncond:
            params.text_uncond = uncond

    def on_cfg_after_cfg(self, params: Any) -> None:
        """Edit the clean estimate, here where all hosts honour it."""
        call, self.call = self.call, None
        if call is None:
            return
        b = len(params.x)
        x, sigma = call.x[-b:], call.sigma[-b:]  # A1111 appends the unconditional rows, one for each image
        if not _gives_eps(call.denoiser):
            params.x = call.run.estimate(params.x, sigma)
            return
        with call.run.stepping_aside():  # A1111 1.10.1, DDIM, DDIM CFG++, PLMS, UniPC: sigma is a timestep, x is eps
            real = sigma_of(call.denoiser.inner_model.inner_model.alphas_cumprod, sigma)
            alpha = (1 / (1 + real**2).sqrt())[:, None, None, None]
            spread = real[:, None, None, None] * alpha
            denoised = (x.float() - spread * params.x.float()) / alpha
            edited = call.run.estimate(denoised, real)
            if edited is not denoised:
                params.x = ((x.float() - alpha * edited) / spread).to(params.x.dtype)

    def finish(self, p: Any, tab: str, pictures: Sequence[Any]) -> None:
        """The job is done: nothing of it stays but its last picture."""
        run = _run_of(p)
        self.call = None
        if _depth() == 1:
            self.speaking = None
            self.host.forget()
            self.desk.previous = next((each for each in reversed(pictures) if isinstance(each, Image.Image)), None)
        if run is not None:
            if p.pxl_redraw is not None:
                p.pxl_redraw.end()
            p.pxl_run = p.pxl_redraw = None
            formed, of_page = run.formed(), not getattr(p, "is_api", False)
            if formed or of_page:
                self.desk.keep(tab, formed, self.host.task)
            if of_page:  # the page asks for its own jobs
                self.desk.finish(tab, run.complaint or run.unrecorded, self.host.task)

    def on_infotext_pasted(self, infotext: str, params: dict[str, Any]) -> None:
        """A picture made without pxl switches control off."""
        params.setdefault(KEY, OFF)

    def _axis_values(self, job: Job, values: Mapping[str, str]) -> Job:
        for name in (name for name in self.axes if name in values):
            job = self.axes[name].rule(job, values[name])
        return job


def _run_of(p: Any) -> Run | None:
    """The job's own run; a copy of the job (X/Y/Z, ADetailer) carries the attribute, but not the right to it."""
    owner, run = getattr(p, "pxl_run", None) or (None, None)
    return run if owner == id(p) else None


def _acting(p: Any) -> Run | None:
    """The job's own run, while there is something to do."""
    run = _run_of(p)
    return run if run is not None and run.active else None


def _template(p: Any, number: int) -> str:
    """The prompt that wildcards made this image's of; a list of prompts was made by a script, and has none."""
    said = getattr(p, "main_prompt", "")
    is_one = isinstance(p.prompt, str) and number < len(p.all_prompts) and said != p.all_prompts[number]
    return said if is_one else ""


def _revert(p: Any, run: Run) -> None:
    """After a problem, start from the user's own picture again."""
    redraw = p.pxl_redraw
    if run.problem is not None and redraw is not None and not redraw.reverted:
        redraw.reverted = True
        with run.stepping_aside():
            redraw.revert()


def _name_files(p: Any) -> None:
    """A1111 1.10.1 names what it saves before the hires pass by the list of prompts that it had before this hook."""
    if getattr(p, "enable_hr", False) and not p.is_hr_pass:
        names, p.prompts = p.prompts, list(p.prompts)
        first = p.iteration * p.batch_size
        names[:] = p.all_prompts[first : first + len(names)]


def _tell(p: Any, run: Run, sentence: str) -> None:
    p.extra_generation_params.pop(KEY, None)
    p.extra_generation_params.update(run.told)
    p.comment(f"pxl: {sentence}")
    log.warning("pxl: %s", sentence)


def _gives_eps(denoiser: Any) -> bool:
    return hasattr(denoiser, "alphas") and not getattr(denoiser, "classic_ddim_eps_estimation", False)


def sigma_of(alphas: Tensor, timesteps: Tensor) -> Tensor:
    """The VE sigma of each timestep; UniPC asks between the whole ones, where ln alpha is linear."""
    fall = alphas.to(timesteps.device, torch.float32).log()
    t = timesteps.float().clamp(0, len(alphas) - 1)
    low = t.floor().long()
    high = (low + 1).clamp(max=len(alphas) - 1)
    alpha = torch.lerp(fall[low], fall[high], t - low).exp()
    return ((1 - alpha) / alpha).sqrt()


def _depth() -> int:
    """How many of the host's jobs are under way in this thread: a script that makes pictures inside ours adds one."""
    depth, frame = 0, inspect.currentframe()
    while frame is not None:
        code = frame.f_code
        depth += code.co_name == "process_images_inner" and code.co_filename.endswith("processing.py")
        frame = frame.f_back
    return depth
