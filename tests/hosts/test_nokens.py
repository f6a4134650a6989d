"""Nokens in the prompts of real CLIP encoders, tiny ones: SD1, SD2 and SDXL through the diffusers host."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from torch import Tensor

from lib_pxl.hosts.base import Guest
from lib_pxl.hosts.diffusers import DiffusersHost, Made
from lib_pxl.hosts.request import Request
from lib_pxl.hosts.run import ERROR_KEY, KEY
from lib_pxl.noken import Noken, breed
from lib_pxl.store.infotext import Infotext
from tests.noken.people import noken

pytestmark = pytest.mark.filterwarnings("ignore:invalid value encountered in cast")  # an untrained model's pixels


def sd2() -> Any:
    pipe = tiny.sd1("v_prediction")
    pipe.text_encoder.config.hidden_act = "gelu"  # as OpenCLIP's
    return pipe


KINDS: dict[str, Callable[[], Any]] = {"sd1": tiny.sd1, "sd2": sd2, "xl": tiny.sdxl}


@cache
def pipe(kind: str) -> Any:
    return KINDS[kind]()


@pytest.fixture(params=KINDS)
def host(request: pytest.FixtureRequest, data_folder: Path) -> DiffusersHost:
    made = DiffusersHost(pipe(request.param), data_folder)
    made.desk.pool.add([person(made, "fox", 1), person(made, "owl", 2), person(made, "eel", 3, 3)])
    return made


def person(host: DiffusersHost, name: str, seed: int, count: int = 2) -> Noken:
    return noken(count, seed, dict(host.widths()), name)


def ask(prompt: str, **more: Any) -> Request:
    usual = {"steps": 3, "width": 64, "height": 64, "seed": 5, "sampler": "Euler", "cfg": 3}
    return Request(**{"prompt": prompt, **usual, **more})


def same(a: Made, b: Made) -> bool:
    pictures = (np.stack([np.asarray(each) for each in made.pictures]) for made in (a, b))
    return torch.equal(a.latents, b.latents) and np.array_equal(*pictures)


class Hears(Guest):
    """Writes down the conditionings, and changes nothing."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, Any]] = []

    def conditioning(self, cond: Any, uncond: Any, sigma: Tensor) -> tuple[Any, Any]:
        self.heard.append((cond, uncond))
        return cond, uncond


def heard(host: DiffusersHost, request: Request) -> list[tuple[Any, Any]]:
    """What the model hears, call by call."""
    host.guests = [ear := Hears()]
    problem = host.generate(request).problem
    host.guests = []
    assert problem is None
    return ear.heard


def parts(cond: Any) -> list[Tensor]:
    return list(cond.values()) if isinstance(cond, dict) else [cond]


def test_a_mention_is_the_textual_inversion_that_its_file_is(host: DiffusersHost, tmp_path: Path) -> None:
    fox = host.desk.pool.load(person(host, "fox", 1).hash)
    fox.save(tmp_path / "fox.safetensors")
    other = copy.deepcopy(host.pipe)
    told = dict(fox.vectors)
    for letter, (slot, _, _) in host._encoders().items():
        end = slot.removeprefix("tokenizer")
        where = {"text_encoder": getattr(other, f"text_encoder{end}"), "tokenizer": getattr(other, slot)}
        source = str(tmp_path / "fox.safetensors") if len(told) == 1 else {"foxfile": told[letter]}
        other.load_textual_inversion(source, token="foxfile", **where)
    wanted = other.encode_prompt("a star, foxfile on her", negative_prompt="foxfile", device="cpu",
                                 num_images_per_prompt=1, do_classifier_free_guidance=True)  # fmt: skip
    cond, uncond = heard(host, ask("a star, <noken:fox> on her", negative="<noken:fox>"))[0]
    assert torch.equal(parts(cond)[0], wanted[0]) and torch.equal(parts(uncond)[0], wanted[1])
    if len(wanted) == 4:
        assert torch.equal(cond["vector"], wanted[2]) and torch.equal(uncond["vector"], wanted[3])


def test_a_prompt_without_a_mention_is_bit_identical_and_pays_nothing(host: DiffusersHost, tmp_path: Path) -> None:
    bare = DiffusersHost(host.pipe, tmp_path / "bare")
    plain = bare.generate(ask("a star", negative="her"))
    assert same(bare.generate(ask("a star", negative="her"), {"nokens": True}), plain)
    assert "pool" not in vars(bare.desk) and not bare.tokenizers
    assert KEY not in Infotext.parse(plain.infotexts[0]).settings


@pytest.mark.parametrize(("morph", "alone"), [("fox~owl@0", "fox"), ("fox~owl@1", "owl"), ("fox~owl@0:1, 1:1", "owl")])
def test_a_morph_at_an_end_is_the_noken_s_picture_bit_for_bit(host: DiffusersHost, morph: str, alone: str) -> None:
    made, wanted = (host.generate(ask(f"a <noken:{each}> star", negative=f"<noken:{each}>")) for each in (morph, alone))
    assert made.problem is None and same(made, wanted)


@pytest.mark.parametrize("other", ["owl", "eel"])
def test_a_still_mix_is_the_bred_child_s_picture(host: DiffusersHost, other: str) -> None:
    fox, mate = (host.desk.pool.load(host.desk.pool.named(name).hash) for name in ("fox", other))
    host.desk.pool.add([Noken(breed([fox, mate], n=1, mix=0.375)[0].vectors, "kit")])
    assert same(host.generate(ask(f"<noken:fox~{other}@0.375>")), host.generate(ask("<noken:kit>")))


def test_a_morph_is_neither_end_s_picture_and_does_not_depend_on_its_batch(host: DiffusersHost) -> None:
    request = ask("a <noken:fox~owl> star", steps=4)
    alone = host.generate(request)
    assert alone.problem is None
    assert not any(same(alone, host.generate(ask(f"a <noken:{each}> star", steps=4))) for each in ("fox", "owl"))
    both = host.generate(ask("a <noken:fox~owl> star", steps=4, batch=2))
    assert torch.allclose(both.latents[:1], alone.latents, atol=1e-4)
    assert same(host.generate(request), alone)


def test_a_morph_is_heard_as_the_children_along_its_way(host: DiffusersHost) -> None:
    """Exactly at its ends, and between two knots nearly: two hundredths of the way from one end to the other."""
    fox, owl = (host.desk.pool.load(host.desk.pool.named(name).hash) for name in ("fox", "owl"))
    steps, exact = 6, []
    for i in range(steps):
        (kit,) = host.desk.pool.add(breed([fox, owl], n=1, mix=i / (steps - 1)))
        exact.append(heard(host, ask(f"a <noken:{kit.hash}> star", negative=f"<noken:{kit.hash}>"))[0])
    made = heard(host, ask("a <noken:fox~owl> star", negative="<noken:fox~owl>", steps=steps))
    for both in (0, 1):
        way = [parts(said[both]) for said in made]
        wanted = [parts(said[both]) for said in exact]
        for part in range(len(way[0])):
            whole = (wanted[0][part] - wanted[-1][part]).norm()
            off = [float((a[part] - b[part]).norm() / whole) for a, b in zip(way, wanted, strict=True)]
            step = float((wanted[1][part] - wanted[0][part]).norm() / whole)
            assert off[0] == off[-1] == 0 and max(off) < 0.02 < step


@pytest.mark.parametrize("situation", ["img2img", "hires", "cfg 1", "Heun", "LCM"])
def test_a_morph_works_in_every_situation(host: DiffusersHost, situation: str) -> None:
    from PIL import Image

    more: dict[str, Any] = {
        "img2img": {"image": Image.new("RGB", (64, 64), "red"), "denoise": 0.9},
        "hires": {"hires": 2.0, "denoise": 0.7},
        "cfg 1": {"cfg": 1},
        "Heun": {"sampler": "Heun"},
        "LCM": {"sampler": "LCM"},
    }[situation]
    made = host.generate(ask("<noken:fox~owl> a", negative="<noken:owl~fox>", **more))
    told = Infotext.parse(made.infotexts[0])
    assert made.problem is None and made.latents.isfinite().all()
    assert told.prompt == "<noken:fox~owl> a" and told.negative == "<noken:owl~fox>"
    assert same(host.generate(ask("<noken:fox~owl> a", negative="<noken:owl~fox>", **more), told.settings[KEY]), made)
    assert not same(host.generate(ask("<noken:fox> a", negative="<noken:owl>", **more)), made)


def test_a_batch_of_two_is_its_single_pictures(host: DiffusersHost) -> None:
    both = host.generate(ask("a <noken:fox>", batch=2))
    for i, latent in enumerate(both.latents):
        alone = host.generate(ask("a <noken:fox>", seed=5 + i))
        assert torch.allclose(alone.latents[0], latent, atol=1e-4)


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("a star <noken:fox> <noken:vixen>", "noken 'vixen': got none of that name"),
        ("a star <noken:fox> <noken:stranger>", "wanted one of the loaded model's family"),
        ("a star <noken:fox><noken:long>", "noken in the prompt: got one up to token 77, wanted one in the first 75"),
    ],
)
def test_what_cannot_be_is_the_picture_without_the_noken(host: DiffusersHost, prompt: str, said: str) -> None:
    host.desk.pool.add([noken(1, 5, {"l": 31}, "stranger"), person(host, "long", 6, 73)])
    made, alone = host.generate(ask(prompt)), host.generate(ask("a star <noken:fox>"))
    assert made.problem is None and host.desk.status("txt2img")[1] is None
    settings = Infotext.parse(made.infotexts[0]).settings
    assert said in settings[ERROR_KEY] and "fox" in settings[KEY]
    assert same(made, alone) and host.tokenizers == {}


def test_a_morph_that_would_grow_beyond_the_room_is_left_out_alone(host: DiffusersHost) -> None:
    host.desk.pool.add([person(host, "long", 6, 74)])
    made = host.generate(ask("<noken:fox> <noken:owl~long>"))
    told = Infotext.parse(made.infotexts[0]).settings
    assert "got one up to token 76" in told[ERROR_KEY] and same(made, host.generate(ask("<noken:fox>")))
    fits = host.generate(ask("<noken:owl~long> a <noken:fox>"))
    told = Infotext.parse(fits.infotexts[0]).settings
    assert "got one up to token 77" in told[ERROR_KEY] and same(fits, host.generate(ask("<noken:owl~long> a")))


def test_a_noken_may_fill_all_the_room_there_is(host: DiffusersHost) -> None:
    host.desk.pool.add([person(host, "long", 6, 75)])
    made = host.generate(ask("<noken:long>"))
    assert made.problem is None and not same(made, host.generate(ask("")))


def test_another_noken_of_the_same_name_is_another_picture(host: DiffusersHost) -> None:
    first = host.generate(ask("<noken:fox>"))
    host.desk.pool.rename(person(host, "fox", 1).hash, "")
    host.desk.pool.rename(person(host, "owl", 2).hash, "fox")
    second = host.generate(ask("<noken:fox>"))
    assert not same(first, second)
    told = Infotext.parse(first.infotexts[0]).settings[KEY]
    assert same(host.generate(ask("<noken:fox>"), told), first)
