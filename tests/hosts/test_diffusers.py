"""The diffusers host on tiny pipelines: off is off, on is the map, and nothing of the user's pipeline is touched."""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import tiny
import torch
from PIL import Image
from torch import Tensor

from lib_pxl.control import Canvas
from lib_pxl.errors import HostError, PxlError
from lib_pxl.hosts.base import Guest, Pass
from lib_pxl.hosts.diffusers import DiffusersHost, Made
from lib_pxl.hosts.order import Order
from lib_pxl.hosts.request import Request
from lib_pxl.hosts.sampler import OWN, SAMPLERS, scheduler_class
from lib_pxl.hosts.watch import Step
from lib_pxl.store.infotext import Infotext

pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in cast")  # an untrained model's pixels
SIZE = 64
PIPES: dict[str, Callable[[], Any]] = {
    "sd1": tiny.sd1,
    "v": lambda: tiny.sd1("v_prediction"),
    "x0": lambda: tiny.sd1("sample"),
    "xl": tiny.sdxl,
}
SAMPLED = sorted(SAMPLERS)
# Diffusers ends these at the noise of the first timestep, not at none.
STOPS_SHORT = {"PLMS", "TCD"}


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return {}


@pytest.fixture
def pipe(made: dict[str, Any]) -> Callable[[str], Any]:
    """Each kind of pipeline, made once for all tests: that none of them changes it is itself tested."""

    def find(kind: str) -> Any:
        if kind not in made:
            made[kind] = PIPES[kind]()
        return made[kind]

    return find


@pytest.fixture
def host(pipe: Callable[[str], Any]) -> DiffusersHost:
    return DiffusersHost(pipe("sd1"))


@pytest.fixture
def picture() -> Image.Image:
    """Every latent of it has a colour of its own."""
    values = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(values).resize((SIZE, SIZE), Image.Resampling.NEAREST)


@pytest.fixture
def job(picture: Image.Image, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    picture.save(tmp_path / "map.png")

    def build(strength: Any = 1.0, **more: Any) -> dict[str, Any]:
        layer = {"source": {"kind": "image", "image": str(tmp_path / "map.png")}, "strength": strength, **more}
        return {"control": {"layers": [layer]}}

    return build


def ask(**more: Any) -> Request:
    return Request(
        **{"prompt": "a star", "steps": 3, "width": SIZE, "height": SIZE, "seed": 5, "sampler": "Euler"} | more
    )


def pixels(pictures: list[Image.Image]) -> np.ndarray[Any, Any]:
    return np.stack([np.asarray(each) for each in pictures])


def same(a: Made, b: Made) -> bool:
    return np.array_equal(pixels(a.pictures), pixels(b.pictures)) and torch.equal(a.latents, b.latents)


def target(host: DiffusersHost, picture: Image.Image) -> Tensor:
    return host.encode(torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255)


def away(made: Made, wanted: Tensor) -> float:
    return float((made.latents - wanted).abs().mean())


def plain(pipe: Any, kind: str, request: Request, **more: Any) -> np.ndarray[Any, Any]:
    """What diffusers makes of a request without pxl anywhere near."""
    base, options = scheduler_class(request.sampler, pipe.scheduler)
    scheduler = base.from_config(pipe.scheduler.config, **options)
    family = "StableDiffusionXL" if "text_encoder_2" in pipe.components else "StableDiffusion"
    quiet = {"add_watermarker": False} if "XL" in family else {"requires_safety_checker": False}
    other = getattr(diffusers, f"{family}{kind}Pipeline")(**{**pipe.components, "scheduler": scheduler}, **quiet)
    other.set_progress_bar_config(disable=True)
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in request.seeds]
    images = other(
        request.prompt, num_images_per_prompt=request.batch, num_inference_steps=request.steps,
        guidance_scale=request.cfg, generator=generators, **more,
    ).images  # fmt: skip
    return pixels(images)


class New(Guest):
    """Gives back what it got, as a new tensor."""

    def estimate(self, denoised: Tensor, sigma: Tensor) -> Tensor:
        return denoised.clone()


class Note(Guest):
    """Writes down what it sees and changes nothing."""

    def __init__(self) -> None:
        self.passes: list[Pass] = []
        self.sigmas: list[float] = []
        self.noises: list[Tensor] = []

    def begin(self, stage: Pass, canvas: Canvas) -> None:
        self.passes.append(stage)

    def noise(self, noise: Tensor) -> Tensor:
        self.noises.append(noise)
        return noise

    def estimate(self, denoised: Tensor, sigma: Tensor) -> Tensor:
        assert sigma.shape == (len(denoised),)
        self.sigmas.append(float(sigma[0]))
        return denoised


class Fails(Guest):
    """Does well until it has been called `after` times."""

    def __init__(self, door: str, after: int = 0) -> None:
        self.door, self.left = door, after

    def begin(self, stage: Pass, canvas: Canvas) -> None:
        self.fail("begin")

    def estimate(self, denoised: Tensor, sigma: Tensor) -> Tensor:
        self.fail("estimate")
        return denoised + 1

    def fail(self, door: str) -> None:
        if door == self.door:
            self.left -= 1
            if self.left < 0:
                raise RuntimeError("a guest fell ill")


class Speaks(Guest):
    """Says the same louder from half of the noise on."""

    def __init__(self, factor: float) -> None:
        self.factor, self.heard = factor, 0

    def conditioning(self, cond: Any, uncond: Any, sigma: Tensor) -> tuple[Any, Any]:
        self.heard += 1
        if isinstance(cond, dict):
            return {name: value * self.factor for name, value in cond.items()}, uncond
        return cond * self.factor, uncond


# ---- off, and the map --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", SAMPLED)
def test_off_is_bit_identical_and_full_strength_is_the_map(
    sampler: str, pipe: Any, picture: Image.Image, job: Any
) -> None:
    host = DiffusersHost(pipe("sd1"))
    request = ask(sampler=sampler)
    off = host.generate(request)
    assert np.array_equal(pixels(off.pictures), plain(host.pipe, "", request, width=SIZE, height=SIZE))
    on = host.generate(request, job())
    assert on.problem is None
    wanted = target(host, picture)
    assert away(on, wanted) < (0.06 if sampler in STOPS_SHORT else 1e-3) < 0.5 < away(off, wanted)


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("sampler", ["LCM", "Euler", "Heun", "UniPC", "DPM++ 2M Karras", "TCD"])
def test_few_steps_reach_the_map_too(
    sampler: str, steps: int, host: DiffusersHost, picture: Image.Image, job: Any
) -> None:
    on = host.generate(ask(sampler=sampler, steps=steps, cfg=1), job())
    assert on.problem is None and away(on, target(host, picture)) < (0.06 if sampler in STOPS_SHORT else 1e-3)


@pytest.mark.parametrize("sampler", ["Euler", "Heun", "DDIM", "DPM++ 2M", "UniPC", "LCM"])
@pytest.mark.parametrize("kind", ["v", "x0", "xl"])
def test_the_same_in_every_family(kind: str, sampler: str, pipe: Any, picture: Image.Image, job: Any) -> None:
    host = DiffusersHost(pipe(kind))
    request = ask(sampler=sampler, steps=2)
    off = host.generate(request)
    assert np.array_equal(pixels(off.pictures), plain(host.pipe, "", request, width=SIZE, height=SIZE))
    assert away(host.generate(request, job()), target(host, picture)) < 1e-3


@pytest.mark.parametrize("sampler", SAMPLED)
@pytest.mark.parametrize("kind", ["sd1", "v"])
def test_a_new_tensor_of_the_same_values_changes_nothing(kind: str, sampler: str, pipe: Any) -> None:
    host = DiffusersHost(pipe(kind))
    request = ask(sampler=sampler)
    off = host.generate(request)
    host.guests = [New()]
    edited = host.generate(request)
    assert edited.problem is None
    assert (edited.latents - off.latents).abs().max() < 1e-4 * max(1, float(off.latents.abs().max()))


def test_a_turbo_checkpoint_keeps_its_own_schedule(picture: Image.Image, job: Any) -> None:
    pipe = tiny.sd1()
    pipe.scheduler = diffusers.EulerAncestralDiscreteScheduler.from_config(
        pipe.scheduler.config, timestep_spacing="trailing"
    )
    host = DiffusersHost(pipe)
    note = Note()
    host.guests = [note]
    host.generate(ask(sampler=OWN, steps=1, cfg=1))
    assert note.sigmas == [pytest.approx(14.61, abs=0.05)]
    assert away(host.generate(ask(sampler=OWN, steps=1, cfg=1), job()), target(host, picture)) < 1e-3


def test_strength_pulls_steadily(host: DiffusersHost, picture: Image.Image, job: Any) -> None:
    wanted = target(host, picture)
    gaps = [away(host.generate(ask(steps=6), job(w)), wanted) for w in (0.25, 0.5, 0.75, 1.0)]
    assert gaps == sorted(gaps, reverse=True) and gaps[-1] < 1e-3


def test_strength_nought_is_bit_identical_to_off(host: DiffusersHost, job: Any) -> None:
    assert same(host.generate(ask()), host.generate(ask(), job(0)))


# ---- what a pass looks like -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", SAMPLED)
@pytest.mark.parametrize("denoise", [None, 0.5])
def test_the_schedule_is_the_calls_that_come(
    sampler: str, denoise: float | None, host: DiffusersHost, picture: Image.Image
) -> None:
    note = Note()
    host.guests = [note]
    start = {"image": picture, "denoise": denoise} if denoise else {}
    host.generate(ask(sampler=sampler, steps=4, **start))
    (stage,) = note.passes
    assert stage.kind == ("img2img" if denoise else "txt2img") and stage.shape == (1, 4, 8, 8)
    levels = stage.sigmas.tolist()
    assert levels == sorted(set(levels), reverse=True) and levels[-1] == 0
    assert set(note.sigmas) == set(levels[:-1])
    if sampler != "PLMS":  # its img2img of diffusers takes one step more
        assert len(levels) - 1 == (2 if denoise else 4)


def test_two_call_samplers_ask_twice(host: DiffusersHost) -> None:
    host.guests = [note := Note()]
    host.generate(ask(sampler="Heun", steps=4))
    assert len(note.sigmas) == 7 and len(note.passes[0].sigmas) == 5


@pytest.mark.filterwarnings("ignore:__array_wrap__ must accept context")  # diffusers on numpy 2
@pytest.mark.parametrize("name", ["KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler"])
def test_second_calls_between_the_steps(name: str, picture: Image.Image, job: Any) -> None:
    pipe = tiny.sd1()
    pipe.scheduler = getattr(diffusers, name).from_config(pipe.scheduler.config)
    host = DiffusersHost(pipe)
    host.guests = [note := Note()]
    made = host.generate(ask(sampler=OWN, steps=4), job())
    assert away(made, target(host, picture)) < 1e-3
    assert len(note.sigmas) == 7 and set(note.passes[0].sigmas.tolist()[:-1]) < set(note.sigmas)
    host.guests = []
    off = host.generate(ask(sampler=OWN, steps=4))
    host.guests = [New()]
    assert (host.generate(ask(sampler=OWN, steps=4)).latents - off.latents).abs().max() < 2e-3


def test_the_estimate_is_what_the_model_means(host: DiffusersHost) -> None:
    """Euler's own step leads from x straight to the clean estimate when it is the last."""
    seen: list[Tensor] = []

    class Last(Guest):
        def estimate(self, denoised: Tensor, sigma: Tensor) -> Tensor:
            seen.append(denoised)
            return denoised

    host.guests = [Last()]
    made = host.generate(ask(sampler="Euler"))
    assert (seen[-1] - made.latents).abs().max() < 1e-4


def test_noise_can_be_edited_before_the_first_step(host: DiffusersHost, picture: Image.Image) -> None:
    class Silence(Guest):
        def noise(self, noise: Tensor) -> Tensor:
            assert 0.8 < float(noise.std()) < 1.2
            return torch.zeros_like(noise)

    for request in (ask(), ask(image=picture), ask(image=picture, mask=Image.new("L", (SIZE, SIZE), 255), denoise=1.0)):
        host.guests = []
        off = host.generate(request)
        host.guests = [Silence()]
        assert not same(off, host.generate(request))


# ---- conditionings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cfg", [1.0, 7.0])
@pytest.mark.parametrize("kind", ["sd1", "xl"])
def test_words_can_be_swapped_at_every_call(kind: str, cfg: float, pipe: Any, picture: Image.Image) -> None:
    host = DiffusersHost(pipe(kind))
    for request in (ask(cfg=cfg, sampler="Heun", batch=2), ask(cfg=cfg, image=picture, negative="dull")):
        host.guests = []
        off = host.generate(request)
        host.guests = [Speaks(1.0)]
        assert same(off, host.generate(request))
        host.guests = [loud := Speaks(2.0)]
        assert not same(off, host.generate(request))
        assert loud.heard == (5 if request.image is None else 2)


# ---- other beginnings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["Euler", "Heun", "DDIM", "DPM++ 2M Karras"])
@pytest.mark.parametrize("kind", ["sd1", "xl"])
def test_img2img(kind: str, sampler: str, pipe: Any, picture: Image.Image, job: Any) -> None:
    host = DiffusersHost(pipe(kind))
    start = picture.transpose(Image.Transpose.ROTATE_90)
    request = ask(sampler=sampler, image=start, denoise=0.6, steps=4)
    off = host.generate(request)
    assert np.array_equal(pixels(off.pictures), plain(host.pipe, "Img2Img", request, image=start, strength=0.6))
    assert away(host.generate(request, job()), target(host, picture)) < 1e-3


@pytest.mark.parametrize("denoise", [0.7, 1.0])
@pytest.mark.parametrize("kind", ["sd1", "xl"])
def test_inpainting_is_untouched_outside_its_mask(
    kind: str, denoise: float, pipe: Any, picture: Image.Image, job: Any
) -> None:
    host = DiffusersHost(pipe(kind))
    start, mask = Image.new("RGB", (SIZE, SIZE), "navy"), Image.new("L", (SIZE, SIZE))
    mask.paste(255, (0, 0, 32, SIZE))
    request = ask(image=start, mask=mask, denoise=denoise)
    off, on = host.generate(request), host.generate(request, job())
    assert on.problem is None
    assert torch.equal(off.latents[..., 4:], on.latents[..., 4:])
    assert away(on, target(host, start))
    assert (on.latents - target(host, picture))[..., :4].abs().mean() < 1e-3


def test_inpainting_off_is_bit_identical(host: DiffusersHost, picture: Image.Image) -> None:
    mask = Image.new("L", (SIZE, SIZE))
    mask.paste(255, (0, 0, 32, 32))
    request = ask(image=picture, mask=mask, denoise=0.7)
    known = plain(host.pipe, "Inpaint", request, image=picture, mask_image=mask, strength=0.7, width=SIZE, height=SIZE)
    assert np.array_equal(pixels(host.generate(request).pictures), known)


def test_only_masked_follows_the_crop(host: DiffusersHost, job: Any) -> None:
    start, mask = Image.new("RGB", (128, 128), "navy"), Image.new("L", (128, 128))
    mask.paste(255, (64, 64, 128, 128))
    host.guests = [note := Note()]
    on = host.generate(ask(image=start, mask=mask, padding=0, denoise=1.0), job())
    assert on.problem is None and on.pictures[0].size == (128, 128)
    region = note.passes[0].region
    assert region is not None and region.size == (128, 128) and region.box == (64, 64, 128, 128)
    assert on.pictures[0].getpixel((10, 10)) == (0, 0, 128)


def test_hires_has_a_curve_of_its_own(host: DiffusersHost, picture: Image.Image, job: Any) -> None:
    request = ask(hires=2.0, denoise=0.6, steps=4)
    host.guests = [note := Note()]
    off = host.generate(request)
    assert [stage.kind for stage in note.passes] == ["txt2img", "hires"]
    assert note.passes[1].shape == (1, 4, 16, 16) and off.pictures[0].size == (128, 128)
    host.guests = []
    wanted = target(host, picture.resize((128, 128), Image.Resampling.LANCZOS))
    only_second = host.generate(request, job(0, hires=1.0))
    only_first = host.generate(request, job(1.0, hires="off"))
    both = host.generate(request, job(1.0))
    assert away(only_second, wanted) < 0.01 and away(both, wanted) < 0.01
    assert away(off, wanted) > away(only_first, wanted) > 0.1


# ---- batches, repetition, interruption --------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["Euler", "Euler a", "DPM++ 2M SDE", "LCM"])
@pytest.mark.parametrize("beginning", ["txt2img", "img2img", "inpaint", "hires"])
def test_a_batch_of_four_is_the_four_singles(
    sampler: str, beginning: str, host: DiffusersHost, picture: Image.Image, job: Any
) -> None:
    mask = Image.new("L", (SIZE, SIZE))
    mask.paste(255, (0, 0, 32, SIZE))
    more: dict[str, Any] = {
        "txt2img": {}, "img2img": {"image": picture}, "inpaint": {"image": picture, "mask": mask},
        "hires": {"hires": 1.5},
    }[beginning]  # fmt: skip
    batch = host.generate(ask(sampler=sampler, batch=4, **more), job(0.3))
    assert batch.seeds == [5, 6, 7, 8]
    for i, seed in enumerate(batch.seeds):
        single = host.generate(ask(sampler=sampler, seed=seed, **more), job(0.3))
        assert (single.latents[0] - batch.latents[i]).abs().max() < 1e-3
        assert single.infotexts[0] == batch.infotexts[i]


def test_the_same_request_twice_is_the_same_picture(host: DiffusersHost, job: Any) -> None:
    torch.manual_seed(1)
    first = host.generate(ask(sampler="Euler a"), job(0.4))
    torch.manual_seed(2)
    assert same(first, host.generate(ask(sampler="Euler a"), job(0.4)))
    again = DiffusersHost(tiny.sd1()).generate(ask(sampler="Euler a"), job(0.4))
    assert same(first, again) and first.infotexts == again.infotexts


def test_seeds_are_drawn_and_told(host: DiffusersHost) -> None:
    one, two = host.generate(ask(seed=-1, steps=1)), host.generate(ask(seed=-1, steps=1))
    assert one.seeds != two.seeds and f"Seed: {one.seeds[0]}," in one.infotexts[0]


def test_interrupt_ends_after_the_step_and_leaves_nothing(host: DiffusersHost, job: Any) -> None:
    stop, numbers = threading.Event(), []

    def on_step(step: Step) -> None:
        numbers.append(step.number)
        assert step.count == 6 and step.denoised().shape == (1, 4, 8, 8)
        if step.number == 2:
            stop.set()

    calm = host.generate(ask(steps=6))
    made = host.generate(ask(steps=6, hires=2.0), job(), on_step=on_step, stop=stop)
    assert numbers[:2] == [1, 2] and made.interrupted and made.pictures[0].size == (SIZE, SIZE)
    assert same(calm, host.generate(ask(steps=6)))


@pytest.mark.parametrize("kind", ["sd1", "xl"])
@pytest.mark.parametrize("layers", [0, 1])
def test_how_a_picture_formed(kind: str, layers: int, pipe: Any, job: Any) -> None:
    host, request = DiffusersHost(pipe(kind)), ask(sampler="Heun", steps=4, hires=1.5, batch=2)
    given = job(0.7)["control"] | ({} if layers else {"layers": []})
    made = host.generate(request, {"control": given | {"trace": True}}, tab="mine")
    assert made.problem is None and "trace" not in made.infotexts[0]
    assert same(made, host.generate(request, {"control": given}))
    film = host.desk.formed("mine")
    assert [(reel.kind, len(reel.formed)) for reel in film.reels] == [("base", 7), ("hires", 5)]
    last = film.reels[-1]
    preview = np.asarray(host.preview(made.latents)[0]).astype(int)
    assert np.abs(last.formed[-1].astype(int) - preview).max() <= 1
    assert np.array_equal(last.formed, last.wished) is not bool(layers)


def test_what_an_interrupted_job_had_formed_is_shown(host: DiffusersHost) -> None:
    stop = threading.Event()
    host.generate(
        ask(steps=6),
        {"control": {"trace": True}},
        on_step=lambda step: stop.set() if step.number == 2 else None,
        stop=stop,
    )
    assert host.desk.formed("txt2img").count == 2


# ---- when something goes wrong ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"control": {"layers": [{"source": {"kind": "image", "image": "/nowhere.png"}}]}},
        {"control": {"layers": [{"source": {"kind": "image", "image": "x"}, "strength": "0:a"}]}},
        {"control": {"layers": [{"source": {"kind": "noise"}, "mode": "hold"}]}},
        {"nonsense": 1},
        "{",
    ],
    ids=str,
)
def test_an_error_before_sampling_leaves_the_picture_alone(wrong: Any, host: DiffusersHost) -> None:
    off, made = host.generate(ask()), host.generate(ask(), wrong)
    assert same(off, made)
    told = Infotext.parse(made.infotexts[0]).settings
    assert made.problem and told["pxl error"] == made.problem and "wanted" in made.problem and "pxl" not in told
    assert host.desk.status("txt2img") == (2, made.problem)
    assert host.generate(ask()).problem is None


def test_a_guest_that_fails_to_begin_leaves_the_picture_alone(host: DiffusersHost, job: Any) -> None:
    off = host.generate(ask(sampler="Euler a"))
    host.guests = [Fails("begin")]
    made = host.generate(ask(sampler="Euler a"), job())
    assert same(off, made) and made.problem and "a guest fell ill" in made.problem


@pytest.mark.parametrize("after", [0, 1, 2])
def test_an_error_inside_a_step_finishes_without_further_edits(after: int, host: DiffusersHost) -> None:
    off = host.generate(ask())
    host.guests = [Fails("estimate", after)]
    made = host.generate(ask())
    assert made.problem and "a guest fell ill" in made.problem and made.latents.isfinite().all()
    assert same(off, made) == (after == 0)
    host.guests = []
    assert same(off, host.generate(ask()))


def test_a_scheduler_that_pxl_does_not_know_works_without_it(job: Any, caplog: pytest.LogCaptureFixture) -> None:
    pipe = tiny.sd1()
    pipe.scheduler = diffusers.EDMEulerScheduler()
    host = DiffusersHost(pipe)
    off, made = host.generate(ask(sampler=OWN)), host.generate(ask(sampler=OWN), job())
    assert off.problem is None and same(off, made)
    assert made.problem and "EDMEulerScheduler" in made.problem


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sampler": "Eulr"}, "did you mean 'Euler'"),
        ({"steps": 0}, "1 to 150"),
        ({"steps": 10**9}, "1 to 150"),
        ({"cfg": float("nan")}, "1 to 30"),
        ({"width": 65}, "multiple of 8"),
        ({"height": 100_000}, "64 to 2048"),
        ({"batch": 0}, "1 to 16"),
        ({"seed": 2**40}, "seed"),
        ({"mask": Image.new("L", (8, 8))}, "a picture that the mask belongs to"),
        ({"image": Image.new("RGB", (8, 8)), "denoise": 0.1, "steps": 5}, "at least 0.2 at 5 steps"),
        ({"hires": 2.0, "hires_steps": 1, "denoise": 0.5}, "at least 1 at 1 steps"),
        ({"sampler": "LCM", "steps": 150}, "steps with LCM"),
    ],
    ids=itertools.count(),
)
def test_a_request_that_cannot_be_is_refused_in_words(wrong: dict[str, Any], said: str, host: DiffusersHost) -> None:
    with pytest.raises(PxlError, match=said):
        host.generate(ask(**wrong))
    assert host.generate(ask(steps=1)).problem is None


def test_an_inpainting_checkpoint_asks_for_a_mask(host: DiffusersHost) -> None:
    pipe = tiny.sd1()
    pipe.unet.register_to_config(in_channels=9)
    with pytest.raises(HostError, match="inpainting"):
        DiffusersHost(pipe).generate(ask())


# ---- the user's pipeline ----------------------------------------------------------------------------------------


def fingerprint(pipe: Any) -> str:
    """All there is of a pipeline: weights, settings, attributes and hooks."""
    digest = hashlib.sha256(json.dumps({k: str(v) for k, v in sorted(vars(pipe).items())}).encode())
    for name, part in sorted(pipe.components.items()):
        digest.update(f"{name} {type(part)} {sorted(vars(part)) if part else ''}".encode())
        if isinstance(part, torch.nn.Module):
            for key, value in part.state_dict().items():
                digest.update(key.encode() + value.numpy().tobytes())
            for module in part.modules():
                digest.update(repr((module._forward_hooks, module._forward_pre_hooks, module.training)).encode())
    digest.update(repr((pipe.scheduler.config, pipe.tokenizer.get_vocab().__len__())).encode())
    return digest.hexdigest()


@pytest.mark.parametrize("kind", ["sd1", "xl"])
def test_the_pipeline_is_as_it_was(kind: str, picture: Image.Image, job: Any) -> None:
    pipe = PIPES[kind]()
    plain(pipe, "", ask(steps=1), width=SIZE, height=SIZE)  # transformers itself leaves hooks at the first use
    before = fingerprint(pipe)
    host = DiffusersHost(pipe)
    host.embed("pxl-word", {name: torch.randn(2, width) for name, width in host.widths().items()})
    host.guests = [Speaks(1.5), Fails("estimate", 2)]
    host.generate(ask(prompt="a pxl-word", hires=1.5, sampler="Heun"), job())
    host.generate(ask(image=picture, sampler="LCM", steps=4), job())
    assert fingerprint(pipe) == before


def test_the_vae_is_known_by_its_weights(host: DiffusersHost) -> None:
    known = host.vae()
    assert (known.factor, known.channels) == (8, 4) and host.vae().key == known.key
    other = DiffusersHost(tiny.sd1())
    with torch.no_grad():
        other.pipe.vae.encoder.conv_out.weight.mul_(2)
    assert other.vae().key != known.key


def test_colours_come_back_from_latents(host: DiffusersHost, picture: Image.Image) -> None:
    (shown,) = host.preview(target(host, picture))
    small = picture.resize((8, 8), Image.Resampling.BOX)
    assert np.abs(pixels([shown]).astype(int) - pixels([small])).max() <= 2


@pytest.mark.parametrize("name", ["shift_factor", "latents_mean"])
def test_a_vae_with_a_middle_of_its_own(name: str, picture: Image.Image) -> None:
    plainly = target(DiffusersHost(tiny.sd1()), picture)
    host = DiffusersHost(tiny.sd1())
    more = {"latents_mean": [1.0] * 4, "latents_std": [2.0] * 4} if name == "latents_mean" else {"shift_factor": 1.0}
    host.pipe.vae.register_to_config(**more)
    wanted = (plainly / tiny.SCALE - 1) / (2 if name == "latents_mean" else 1) * tiny.SCALE
    assert torch.allclose(target(host, picture), wanted, atol=1e-5)


def test_half_precision(job: Any, picture: Image.Image) -> None:
    pipe = tiny.sd1("v_prediction")
    pipe.to(dtype=torch.float16)
    host = DiffusersHost(pipe)
    pipe.vae.register_to_config(force_upcast=True)
    wanted = target(host, picture)
    assert wanted.dtype == torch.float32 and pipe.vae.dtype == torch.float16
    made = host.generate(ask(), job())
    assert made.problem is None and made.latents.dtype == torch.float16 and away(made, wanted) < 0.02


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    diffusers.utils.logging.set_verbosity_error()
    yield
    diffusers.utils.logging.set_verbosity_warning()


def test_weights_that_are_broken_are_one_sentence_not_a_black_picture(tmp_path: Path) -> None:
    pipe = tiny.sd1()
    pipe.unet.conv_in.weight.fill_(float("nan"))
    with pytest.raises(HostError, match="not finite"):
        DiffusersHost(pipe, tmp_path).generate(Request("a star", steps=2, width=SIZE, height=SIZE))


def test_what_is_ordered_is_made_as_by_the_page_and_saved_where_that_is_said(
    pipe: Callable[[str], Any], tmp_path: Path
) -> None:
    saved: list[tuple[str, int]] = []

    def saves(picture: Image.Image, text: str, seed: int) -> Path:
        saved.append((text, seed))
        picture.save(tmp_path / "a.png")
        return tmp_path / "a.png"

    settings = {"Steps": 2, "CFG scale": 3, "Sampler": "DPM++ 2M", "Size": "64x72", "Hires upscale": 2}
    order = Order("a fox", "dull", 7, settings)
    made = DiffusersHost(pipe("sd1"), tmp_path, model="m", saves=saves).make(order)
    assert (made.picture, made.path, saved) == (None, tmp_path / "a.png", [(made.text, 7)])
    info = Infotext.parse(made.text)
    assert (info.prompt, info.negative, info.settings["Seed"], info.settings["Size"]) == ("a fox", "dull", "7", "64x72")
    assert (info.settings["Steps"], info.settings["Sampler"]) == ("2", "DPM++ 2M")
    assert "Hires upscale" not in info.settings
    (heard,) = made.heard.values()
    assert heard.ndim == 1
    request = Request("a fox", "dull", sampler="DPM++ 2M", steps=2, cfg=3, seed=7, width=64, height=72)
    same = DiffusersHost(pipe("sd1"), tmp_path).generate(request).pictures[0]
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.tobytes() == same.tobytes()
    told: list[str] = []
    unsaved = DiffusersHost(pipe("sd1"), tmp_path).make(order, lambda: told.append("free"))
    assert told == ["free"]
    assert unsaved.path is None and unsaved.picture is not None and unsaved.picture.tobytes() == same.tobytes()
