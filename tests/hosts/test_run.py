"""Runs: a picture always gets made. Off is off, an error is one sentence, and whatever comes next is clean."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lib_pxl.control import Canvas
from lib_pxl.errors import HostError, PxlError
from lib_pxl.hosts.base import Guest, Pass, Vae
from lib_pxl.hosts.fake import FACTOR, SAMPLERS, FakeHost, Picture, encode, sigmas
from lib_pxl.hosts.run import ERROR_KEY, KEY, Run
from tests.control.stage import PICTURE, gaussian, layer, painted, sent
from tests.control.test_program import UNBUILT


def job(*layers: dict[str, Any], **control: Any) -> dict[str, Any]:
    return {"control": {"layers": list(layers) or [layer()], **control}}


def named(image: str) -> dict[str, Any]:
    return layer(source={"kind": "image", "image": image})


@pytest.fixture
def host(data_folder: Path) -> FakeHost:
    return FakeHost(data_folder)


@pytest.fixture
def plain(host: FakeHost) -> Tensor:
    """The picture without pxl."""
    return host.generate().latents


def sentence(picture: Picture) -> str:
    """The one thing that a failed job tells."""
    assert picture.infotext.keys() == {ERROR_KEY}
    told = picture.infotext[ERROR_KEY]
    assert "got " in told and ", wanted " in told
    assert told.isprintable() and len(told) <= 500
    return told


@dataclass
class Trap(Guest):
    """A guest that raises at one of its doors, at one of its calls."""

    problem: BaseException
    door: str = "estimate"
    call: int = 0
    calls: int = field(default=0, init=False)

    def _pass(self, door: str) -> None:
        if door == self.door:
            self.calls += 1
            if self.calls > self.call:
                raise self.problem

    def begin(self, stage: Pass, canvas: Canvas) -> None:
        self._pass("begin")

    def noise(self, noise: Tensor) -> Tensor:
        self._pass("noise")
        return noise

    def conditioning(self, cond: Any, uncond: Any, sigma: Tensor) -> tuple[Any, Any]:
        self._pass("conditioning")
        return cond, uncond

    def estimate(self, denoised: Tensor, sigma: Tensor) -> Tensor:
        self._pass("estimate")
        return denoised


class CoreError(PxlError):
    """Another of ours."""


PROBLEMS = [
    ValueError("no"),
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory"),
    RecursionError("deep"),
    StopIteration(),
    AssertionError(),
    KeyError("a\nb\0\ud800"),
    OSError(28, "No space left on device"),
    HostError("model", got="no VAE", wanted="one with a VAE"),
    CoreError("thing", got=1, wanted="another"),
]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(
    "off",
    [
        None,
        "",
        {},
        {"control": {}},
        job(enabled=False),
        job(layer(strength=0)),
        job(layer(muted=True, strength=1)),
        job(layer(strength="0:0, 1:0"), layer(muted=True, mode="warp")),
        {"nokens": False, "record": True},
    ],
    ids=lambda each: json.dumps(each)[-60:],
)
def test_off_is_off(sampler: str, off: Any, host: FakeHost) -> None:
    without = host.generate(None, sampler=sampler, seeds=(1, 2), hires=2)
    picture = host.generate(off, sampler=sampler, seeds=(1, 2), hires=2)
    assert torch.equal(picture.latents, without.latents)
    assert ERROR_KEY not in picture.infotext


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_on_is_on(sampler: str, host: FakeHost) -> None:
    picture = host.generate(job(), sampler=sampler)
    assert not torch.equal(picture.latents, host.generate(sampler=sampler).latents)
    assert picture.infotext.keys() == {KEY}


BROKEN: dict[str, Any] = {
    "unknown key": {"controll": {}},
    "unknown layer key": job(layer(strenght=1)),
    "no JSON": "{",
    "deep JSON": "[" * 10**7,
    "a list": [],
    "nine layers": job(*[layer()] * 9),
    "curve": job(layer(strength="0:a")),
    "NaN": json.dumps(job(layer(strength=float("nan")))),
    "missing file": job(named("/no/such/picture.png")),
    "missing map": job(named("map:" + "0" * 32)),
    "hash that is a path": job(named("map:../../../etc/passwd")),
    "missing mask": job(layer(mask="/no/such/mask.png")),
    "truncated": job(named(sent(painted(64, 64))[:-4000])),
    "unprintable key": {"a\ud800\0\nb": 1},
    **{f"unbuilt {name} {i}": job(layer(**fields)) for i, (name, fields, _) in enumerate(UNBUILT)},
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_job_leaves_the_picture_as_without_pxl_and_says_why(kind: str, host: FakeHost, plain: Tensor) -> None:
    picture = host.generate(BROKEN[kind])
    assert torch.equal(picture.latents, plain)
    assert sentence(picture) == host.desk.status("txt2img")[1]


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: type(problem).__name__)
@pytest.mark.parametrize("door", ["begin", "noise"])
def test_whatever_a_guest_raises_before_sampling_the_picture_is_as_without_pxl(
    door: str, problem: Exception, host: FakeHost, plain: Tensor
) -> None:
    host.guests = [Trap(problem, door)]
    picture = host.generate(job())
    assert torch.equal(picture.latents, plain)
    told = sentence(picture)
    assert told == str(problem) or type(problem).__name__ in told
    host.guests = []
    assert host.generate(job()).infotext.keys() == {KEY}


@dataclass
class BadVae(FakeHost):
    """A host whose VAE cannot be asked, or does not answer."""

    asked: Callable[[], Vae] | None = None

    def vae(self) -> Vae:
        return super().vae() if self.asked is None else self.asked()


def raising(problem: Exception) -> Callable[..., Any]:
    def call(*_: Any) -> Any:
        raise problem

    return call


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: type(problem).__name__)
def test_a_vae_that_fails_leaves_the_picture_as_without_pxl(
    problem: Exception, data_folder: Path, plain: Tensor
) -> None:
    host = BadVae(data_folder)
    for asked in (raising(problem), lambda: Vae("bad", FACTOR, 4, raising(problem))):
        host.asked = asked
        picture = host.generate(job())
        assert torch.equal(picture.latents, plain) and sentence(picture)
    host.asked = None
    assert host.generate(job()).infotext.keys() == {KEY}


@pytest.mark.parametrize(
    "answer",
    [lambda pixels: encode(pixels) * float("nan"), lambda pixels: encode(pixels)[:, :3], lambda pixels: None],
    ids=["NaN", "three channels", "nothing"],
)
def test_a_vae_that_answers_nonsense_leaves_the_picture_as_without_pxl(
    answer: Callable[[Tensor], Any], data_folder: Path, plain: Tensor
) -> None:
    picture = BadVae(data_folder, asked=lambda: Vae("bad", FACTOR, 4, answer)).generate(job())
    assert torch.equal(picture.latents, plain) and sentence(picture)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: type(problem).__name__)
@pytest.mark.parametrize("door", ["estimate", "conditioning"])
@pytest.mark.parametrize("step", [0, 1, 5, 9])
def test_an_error_inside_a_step_ends_the_edits_there_and_the_picture_is_finished(
    step: int, door: str, problem: Exception, host: FakeHost
) -> None:
    host.guests = [Trap(problem, door, call=step)]
    picture = host.generate(job(layer(strength=0.6)))
    assert sentence(picture) and picture.calls == 10
    host.guests = []
    until = f"0:0.6, {(step - 0.5) / 9:.4f}:0 hold" if step else 0
    assert torch.equal(picture.latents, host.generate(job(layer(strength=until))).latents)


def test_an_error_in_the_hires_pass_keeps_the_first_pass(host: FakeHost) -> None:
    host.guests = [Trap(ValueError("no"), "begin", call=1)]
    picture = host.generate(job(), hires=2)
    host.guests = []
    assert sentence(picture)
    assert torch.equal(picture.latents, host.generate(job(layer(hires="off")), hires=2).latents)


def test_after_the_first_problem_nobody_is_asked_again(host: FakeHost) -> None:
    first, second = Trap(ValueError("first"), call=2), Trap(ValueError("second"), call=10**6)
    host.guests = [first, second]
    assert "first" in sentence(host.generate(job(), hires=2))
    assert (first.calls, second.calls) == (3, 2)


def test_what_stops_the_whole_program_is_not_held_up(host: FakeHost) -> None:
    for stop in (KeyboardInterrupt(), SystemExit()):
        host.guests = [Trap(stop)]
        with pytest.raises(type(stop)):
            host.generate(job())


@pytest.mark.parametrize("stop_after", [0, 3, 9])
def test_after_an_interrupt_the_next_job_is_clean(stop_after: int, host: FakeHost, data_folder: Path) -> None:
    stopped = host.generate(job(), stop_after=stop_after)
    assert stopped.calls == stop_after and ERROR_KEY not in stopped.infotext
    fresh = FakeHost(data_folder / "other")
    assert torch.equal(host.generate().latents, fresh.generate().latents)
    assert torch.equal(host.generate(job()).latents, fresh.generate(job()).latents)


@dataclass
class Speaker(Trap):
    """A guest that teaches the host a word before it raises."""

    host: FakeHost | None = None

    def begin(self, stage: Pass, canvas: Canvas) -> None:
        assert self.host
        self.host.embed("pxl-word", {"l": torch.zeros(1, 8)})
        super().begin(stage, canvas)


@pytest.mark.parametrize("door", ["begin", "estimate", "never"])
@pytest.mark.parametrize("problem", [ValueError("no"), KeyboardInterrupt()], ids=repr)
def test_words_are_forgotten_however_a_job_ends(door: str, problem: BaseException, host: FakeHost) -> None:
    host.guests = [Speaker(problem, door, host=host)]
    try:
        host.generate(job())
    except KeyboardInterrupt:
        assert door != "never"
    assert host.words == {}


@pytest.mark.parametrize("fails", [False, True])
def test_the_process_s_random_numbers_stay_where_they_were(fails: bool, data_folder: Path) -> None:
    def drawing(pixels: Tensor) -> Tensor:
        torch.manual_seed(7)
        torch.rand(3)
        if fails:
            raise ValueError("no")
        return encode(pixels)

    state = torch.get_rng_state()
    picture = BadVae(data_folder, asked=lambda: Vae("draws", FACTOR, 4, drawing)).generate(job())
    assert (ERROR_KEY in picture.infotext) is fails
    assert torch.equal(torch.get_rng_state(), state)


def test_a_picture_that_was_sent_is_kept_by_its_hash_and_its_infotext_makes_the_same_picture(host: FakeHost) -> None:
    first = host.generate(job(layer(mask=sent(painted(128, 128, 1)), strength="0:1, 60%:0 smooth"), inner=True))
    text = first.infotext[KEY]
    assert text.count("map:") == 2 and PICTURE not in text and len(text) < 400
    again = host.generate(text)
    assert torch.equal(again.latents, first.latents)
    assert again.infotext == first.infotext
    assert [path.suffix for path in sorted(host.desk.maps.folder.iterdir())] == [".png", ".png"]


def test_a_path_is_named_by_its_hash_too_and_may_then_be_gone(host: FakeHost, tmp_path: Path) -> None:
    host.readable = None
    path = tmp_path / "a.png"
    painted(20, 20).save(path)
    first = host.generate(job(named(str(path))))
    path.unlink()
    assert str(tmp_path) not in first.infotext[KEY]
    assert torch.equal(host.generate(first.infotext[KEY]).latents, first.latents)


def test_outside_the_readable_folders_the_answer_is_the_same_whether_a_file_is_there_or_not(
    host: FakeHost, tmp_path: Path
) -> None:
    inside, secret = tmp_path / "open", tmp_path / "secret"
    for folder in (inside, secret):
        folder.mkdir()
        painted(20, 20).save(folder / "here.png")
    (inside / "link.png").symlink_to(secret / "here.png")
    host.readable = (inside,)
    assert host.generate(job(named(str(inside / "here.png")))).infotext.keys() == {KEY}
    assert "link.png" in sentence(host.generate(job(named(str(inside / "link.png")))))
    told = [
        sentence(host.generate(job(each))).replace(name, "X")
        for name in ("here.png", "gone.png")
        for path in (str(secret / name), str(inside / ".." / "secret" / name))
        for each in (named(path), layer(mask=path))
    ]
    assert told[:4] == told[4:]
    assert all(str(inside) in each for each in told)


def test_the_host_s_mask_is_respected_exactly(host: FakeHost) -> None:
    mask = torch.zeros(1, 1, 16, 16)
    mask[..., 3:9, 5:] = 1
    strong = job(layer(strength=0.9))
    off, on, held = (host.generate(each, mask=m).latents for each, m in ((None, None), (strong, None), (strong, mask)))
    assert torch.equal(torch.where(mask == 0, held, off), off)
    assert not torch.equal(torch.where(mask == 1, held, off), off)
    assert torch.equal(host.generate(strong, mask=torch.ones(1, 1, 16, 16)).latents, on)
    assert torch.equal(host.generate(strong, mask=torch.zeros(1, 1, 16, 16)).latents, off)


def test_a_soft_mask_lets_through_its_share_of_the_edit(host: FakeHost) -> None:
    run = Run(host, host.desk, pytest.fail)
    run.start(job(layer(strength=0.8)))
    share, d, sigma = gaussian(1, 1, 8, 8).sigmoid(), gaussian(2, 4, 8, 8), torch.ones(2)
    stage = Pass("txt2img", (2, 4, 8, 8), sigmas(10), [1, 2], torch.device("cpu"), torch.float32)
    run.begin(stage)
    whole = run.estimate(d, sigma)
    run.begin(replace(stage, mask=share))
    assert run.estimate(d, sigma).allclose(d + share * (whole - d), atol=1e-6)


@pytest.mark.parametrize(
    ("hires", "first", "second"),
    [("same", True, True), ("off", True, False), (0, True, False), ("0:0.9, 50%:0", True, True)],
)
def test_the_hires_pass_has_its_own_strength(hires: Any, first: bool, second: bool, host: FakeHost) -> None:
    seen: list[tuple[str, bool]] = []

    class Look(Guest):
        def begin(self, stage: Pass, canvas: Canvas) -> None:
            self.kind = stage.kind
            assert canvas.hires is (stage.kind == "hires")

        def estimate(self, denoised: Tensor, sigma: Tensor) -> Tensor:
            seen.append((self.kind, not torch.equal(denoised, x0[-1])))
            return denoised

    x0: list[Tensor] = []

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        x0.append(x / (1 + sigma[:, None, None, None] ** 2))
        return x0[-1]

    host.denoise, host.guests = denoise, [Look()]
    host.generate(job(layer(hires=hires)), hires=2)
    edited = {kind: any(each for name, each in seen if name == kind) for kind in ("txt2img", "hires")}
    assert edited == {"txt2img": first, "hires": second}


def test_a_run_tells_its_problem_once_and_is_then_inactive(host: FakeHost) -> None:
    told: list[str] = []
    run = Run(host, host.desk, told.append)
    assert not run.active
    run.start(job())
    assert run.active and told == []
    run.guests.append(Trap(ValueError("no")))
    stage = Pass("txt2img", (1, 4, 8, 8), sigmas(4), [1], torch.device("cpu"), torch.float32)
    run.begin(stage)
    d = gaussian(1, 4, 8, 8)
    assert run.estimate(d, torch.ones(1)) is d
    assert told == [run.problem] and not run.active
    assert run.guests == []  # and with them what they had prepared
    run.begin(stage)
    assert run.noise(d) is d and run.estimate(d, torch.ones(1)) is d
    assert run.conditioning("cond", "uncond", torch.ones(1)) == ("cond", "uncond")
    assert told == [run.problem]


def test_a_job_may_be_changed_on_its_way_in_and_a_change_that_fails_is_a_problem_like_any_other(host: FakeHost) -> None:
    said: list[str] = []
    run = Run(host, host.desk, said.append)
    run.start(job(), lambda given: replace(given, record=True))
    assert run.album is not None and "record" not in json.loads(run.text), "whoever pastes it decides that anew"
    run.start(job(), raising(CoreError("axis", got="x", wanted="y")))
    assert said == [run.problem] == ["axis: got 'x', wanted y"]


@pytest.mark.parametrize("inner", [True, False])
def test_whether_inner_jobs_are_meant_is_read_off_the_program(inner: bool, host: FakeHost) -> None:
    run = Run(host, host.desk, pytest.fail)
    run.start(job(inner=inner))
    assert run.inner is inner


def test_the_previous_picture_is_kept_so_that_the_infotext_makes_the_picture_again(host: FakeHost) -> None:
    before = layer(source={"kind": "previous"}, strength=1)
    assert "got none yet, wanted one made before this one" in sentence(host.generate(job(before)))
    host.desk.previous = painted(64, 64, 5)
    made = host.generate(job(before))
    (kept,) = json.loads(made.infotext[KEY])["control"]["layers"]
    assert kept["source"]["image"].startswith("map:")
    host.desk.previous = painted(64, 64, 6)
    assert torch.equal(host.generate(made.infotext[KEY]).latents, made.latents)
    assert torch.equal(
        host.generate(job(layer(source={"kind": "image", "image": sent(painted(64, 64, 5))}, strength=1))).latents,
        made.latents,
    )


def test_an_animation_is_kept_whole_under_its_hash(host: FakeHost) -> None:
    file = io.BytesIO()
    painted(16, 16, 1).save(file, "GIF", save_all=True, append_images=[painted(16, 16, 2)], duration=40)
    film = layer(source={"kind": "frames", "path": base64.b64encode(file.getvalue()).decode()}, strength=1)
    made = host.generate(job(film))
    (kept,) = json.loads(made.infotext[KEY])["control"]["layers"]
    name = kept["source"]["path"].removeprefix("map:")
    assert host.desk.maps.read(name) == file.getvalue()
    assert torch.equal(host.generate(made.infotext[KEY]).latents, made.latents)


def test_a_folder_stays_where_it_is_and_only_inside_the_readable_ones(host: FakeHost, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    painted(16, 16).save(tmp_path / "in" / "0.png")
    film = layer(source={"kind": "frames", "path": str(tmp_path / "in")}, strength=1)
    host.readable = [tmp_path / "other"]
    assert "wanted a path inside" in sentence(host.generate(job(film)))
    host.readable = [tmp_path]
    made = host.generate(job(film))
    assert json.loads(made.infotext[KEY])["control"]["layers"][0]["source"]["path"] == str(tmp_path / "in")
