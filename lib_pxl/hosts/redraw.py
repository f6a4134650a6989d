"""gif2gif in the jobs of A1111's family: the frames go through the host's own preparation, batch for batch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from lib_pxl.hosts.feed import Feed, assemble
from lib_pxl.hosts.run import KEY, Run
from lib_pxl.store.animations import FORMATS

ANIMATION_KEY = "pxl animation"
LATENT_UPSCALE = 3  # the one resize mode in which the host takes pictures at their own size
# What p.init writes over (A1111 1.10.1, Forge dfdcbab6): it would correct the colours of later frames after the first
# ones', and take a blank mask, which it has passed over once, for one that keeps all.
SPENT = ("color_corrections", "inpaint_full_res")
LENT = ("init_images", "n_iter", "batch_size", "do_not_save_grid")
MOST_IN_GRID = 100  # the host's grid of all pictures would outgrow its memory


class StoppedError(Exception):
    """The user interrupts the assembling."""


class Easel(Protocol):
    """What a host of A1111's family does with pictures."""

    @property
    def keeps_infotext(self) -> bool:
        """Whether files carry their infotext."""

    def init(self, p: Any) -> None:
        """Make the job's latents anew, for the batch at hand."""

    def resize(self, picture: Image.Image, mode: int, size: tuple[int, int]) -> Image.Image:
        """The picture at another size, by one of the host's resize modes."""

    def reserve(self, p: Any, still: Image.Image, infotext: str, suffix: str) -> Path:
        """A new file with this still in it, named as the host names its grids, beside them."""

    def tell(self, text: str | None) -> bool:
        """Show how far we are; False once the user has interrupted."""


class Redraw:
    """An img2img job whose images start from frames."""

    def __init__(self, p: Any, feed: Feed, host: Easel) -> None:
        self.p, self.feed, self.host, self.reverted = p, feed, host, False
        self.own = {name: getattr(p, name) for name in (*SPENT, *LENT)}

    def begin(self, whole: bool) -> None:
        """Before the host's own p.init: the frames of the first batch, and as many batches as asked for."""
        self.p.init_images = self._frames(0)
        if whole:
            _lengthen(self.p, self.feed.batches(self.p.batch_size))
            if len(self.p.all_prompts) > MOST_IN_GRID:
                self.p.do_not_save_grid = True

    def batch(self, number: int) -> None:
        """Before a later batch, what p.init did for the first."""
        if number:
            self._init(self._frames(number * self.p.batch_size))

    def revert(self) -> None:
        """Something went wrong: the rest of the job starts from the user's own picture."""
        own = self.own["init_images"] or []
        if any(each is not None for each in own):  # the page sends None where there is no picture
            self._init([own[i % len(own)] for i in range(len(self.p.prompts))])

    def end(self) -> None:
        """Leave the job as it was: scripts such as Loopback use it again."""
        self.feed.close()
        for name in LENT:
            setattr(self.p, name, self.own[name])

    def _init(self, pictures: list[Image.Image]) -> None:
        for name in SPENT:
            setattr(self.p, name, self.own[name])
        self.p.init_images, self.p.batch_size = pictures, len(pictures)  # a script's last batch may be smaller
        self.host.init(self.p)
        self.p.batch_size = self.own["batch_size"]

    def _frames(self, first: int) -> list[Image.Image]:
        """The batch's frames; under a mask all of the mask's size, which was drawn over a picture of that size."""
        p = self.p
        frames = self.feed.frames(first, min(p.batch_size, len(p.all_prompts) - first))
        mask = getattr(p, "image_mask", None)
        size = frames[0].size if mask is None else mask.size
        if mask is None and p.resize_mode != LATENT_UPSCALE:
            return frames
        mode = 0 if p.resize_mode == LATENT_UPSCALE else p.resize_mode
        return [each if each.size == size else self.host.resize(each, mode, size) for each in frames]


def redraws(p: Any) -> bool:
    """True for an img2img job."""
    return hasattr(p, "init_images")


def is_brought(p: Any) -> bool:
    """True for an img2img job that starts from a picture which a script or the Batch tab put there, not its user."""
    return redraws(p) and getattr(p, "pxl_start", p.init_images) is not p.init_images


def collect(run: Run, p: Any, host: Easel, stills: Sequence[Any], processed: Any) -> None:
    """The job's pictures as one file, shown behind them; an API's client finds its path in `info`."""
    first = processed.index_of_first_image
    pictures = [each for each in stills if isinstance(each, Image.Image)]
    if run.control.animation is None or len(pictures) < 2:
        return
    with run.stepping_aside():
        infotext = processed.infotexts[first]
        try:
            _tell(host, 0, len(pictures))
            path = _assembled(run, p, host, pictures, infotext if host.keeps_infotext else "")
            _show(p, processed, path, infotext)
        except StoppedError:
            pass
        finally:
            host.tell(None)
    if run.problem:  # the pictures were made with pxl all the same
        p.extra_generation_params[KEY] = run.text
        processed.comments += f"pxl: {run.problem}\n"


def _assembled(run: Run, p: Any, host: Easel, pictures: Sequence[Image.Image], infotext: str) -> Path:
    asked = run.control.animation
    assert asked is not None
    path = host.reserve(p, pictures[0].convert("RGB"), infotext, FORMATS[asked.format][1].removeprefix("."))
    try:
        assemble(run.control, run.feed, pictures, path, infotext, lambda done, count: _tell(host, done, count))
    except BaseException:
        for leftover in (path, path.with_suffix(".txt")):
            leftover.unlink(missing_ok=True)
        raise
    return path


def _show(p: Any, processed: Any, path: Path, infotext: str) -> None:
    p.extra_generation_params[ANIMATION_KEY] = str(path)
    if not getattr(p, "is_api", False):  # an API's client counts its pictures
        with Image.open(path) as shown:
            poster = shown.convert("RGB")
        poster.already_saved_as = str(path)  # type: ignore[attr-defined]  # what the hosts' galleries show instead
        processed.images.append(poster)
        processed.infotexts.append(infotext)


def _tell(host: Easel, done: int, count: int) -> None:
    if not host.tell(f"pxl: animation, frame {done} of {count}"):
        raise StoppedError


def _lengthen(p: Any, batches: int) -> None:
    """Another batch count, although the host has made its lists by the old one; lists of a script's own stay."""
    old, new = p.n_iter * p.batch_size, batches * p.batch_size
    lists = [p.all_prompts, p.all_negative_prompts, p.all_seeds, p.all_subseeds]
    given = (p.prompt, p.negative_prompt, p.seed, p.subseed)
    if any(isinstance(each, list) for each in given) or any(len(each) != old for each in lists):
        return
    step = 1 if p.subseed_strength == 0 else 0

    def onward(seeds: list[int], step: int) -> list[int]:
        return [*seeds, *(seeds[-1] + step * (i + 1) for i in range(new - old))][:new]

    p.all_prompts, p.all_negative_prompts = ([each[i % old] for i in range(new)] for each in lists[:2])
    p.all_seeds, p.all_subseeds = onward(p.all_seeds, step), onward(p.all_subseeds, 1)
    p.n_iter = batches
