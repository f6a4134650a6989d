"""Nokens in prompts over HTTP: one that holds a word's own vectors makes, in every place, the picture of that word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy
import pytest

from tests.host.client import Client, Made, apart

EDITS = ["[{}:dog:0.5] sky", "[sky:{}:0.4]", "[{}|dog]"]
PLACES = ["{}", "(a {}:1.3), sky", *EDITS, "{} AND a dog :0.5", "sky BREAK {} sea", "((({}))) [sky]", "{}, {}"]
HIRES = {"enable_hr": True, "hr_scale": 1.5, "denoising_strength": 0.6, "hr_upscaler": "Latent"}


def new(host: Client, **asked: Any) -> dict[str, Any]:
    answer = host.http.post("/pxl/v1/nokens/new", json=asked)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["nokens"][0])


@pytest.fixture(scope="module")
def people(host: Client) -> Iterator[dict[str, str]]:
    """A cat that is the model's own word, and two that are nobody's; names as the pool has given them."""
    host.make()  # Forge loads its model with the first job
    made = {
        "cat": new(host, **{"from": "prompt", "text": "cat", "name": "host cat"}),
        "fox": new(host, **{"from": "random", "tokens": 2, "seed": 11, "name": "host fox"}),
        "owl": new(host, **{"from": "random", "tokens": 2, "seed": 12, "name": "host owl"}),
    }
    yield {name: card["name"] for name, card in made.items()}
    host.http.post("/pxl/v1/nokens/delete", json={"nokens": [card["hash"] for card in made.values()]})


def same(a: Made, b: Made) -> bool:
    return all(numpy.array_equal(one, other) for one, other in zip(a.pictures, b.pictures, strict=True))


def sound(made: Made) -> Made:
    assert "pxl error" not in made.extra, made.extra
    return made


@pytest.mark.parametrize("place", PLACES)
def test_the_model_s_own_word_as_a_noken_makes_the_same_picture(
    host: Client, people: dict[str, str], place: str
) -> None:
    prompt = place.replace("{}", f"<noken:{people['cat']}>")
    made = sound(host.make(prompt=prompt, negative_prompt=prompt, steps=6))
    word = place.replace("{}", "cat")
    assert same(made, host.make(prompt=word, negative_prompt=word, steps=6))
    assert made.infotexts[0].startswith(prompt) and f"Negative prompt: {prompt}" in made.infotexts[0]


def test_a_random_noken_makes_another_picture_and_leaves_nothing_behind(host: Client, people: dict[str, str]) -> None:
    plain = host.make()
    made = sound(host.make(prompt=f"a photo of a <noken:{people['fox']}>"))
    assert apart(made.first, plain.first) > 0.1
    assert same(host.make(), plain)
    assert list(json.loads(made.extra["pxl"])["nokens"]["hashes"]) == [people["fox"]]


def test_the_hires_pass_reads_its_own_prompts(host: Client, people: dict[str, str]) -> None:
    said = {"hr_prompt": f"a <noken:{people['cat']}>", "hr_negative_prompt": f"<noken:{people['cat']}>"}
    made = sound(host.make(prompt="a dog", negative_prompt="sky", **HIRES, **said))
    assert same(
        made, host.make(prompt="a dog", negative_prompt="sky", **HIRES, hr_prompt="a cat", hr_negative_prompt="cat")
    )
    assert f"a <noken:{people['cat']}>" in made.infotexts[0]
    assert same(sound(host.make(prompt=f"a <noken:{people['cat']}>", **HIRES)), host.make(prompt="a cat", **HIRES))


def test_a_batch_reads_them_in_each_of_its_images(host: Client, people: dict[str, str]) -> None:
    prompt = f"a <noken:{people['cat']}>"
    assert same(
        sound(host.make(prompt=prompt, batch_size=2, n_iter=2)), host.make(prompt="a cat", batch_size=2, n_iter=2)
    )


@pytest.mark.parametrize("sampler", ["Euler", "DDIM", "Heun"])
@pytest.mark.parametrize("place", ["a {}", "[sky:{}:0.4]", "{} AND a dog", "sky BREAK {}"])
def test_a_morph_is_its_ends_at_its_ends_and_neither_between(
    host: Client, people: dict[str, str], place: str, sampler: str
) -> None:
    fox, owl = people["fox"], people["owl"]

    def made(body: str) -> Made:
        prompt = place.replace("{}", f"<noken:{body}>")
        return sound(host.make(prompt=prompt, negative_prompt=prompt, steps=6, sampler_name=sampler))

    alone = {name: made(name) for name in (fox, owl)}
    for curve, name in (("@0", fox), ("@1", owl), ("@0:0, 1:0", fox), ("@0:1, 50%:1", owl)):
        assert same(made(f"{fox}~{owl}{curve}"), alone[name]), curve
    morph = made(f"{fox}~{owl}")
    assert min(apart(morph.first, each.first) for each in alone.values()) > 0
    assert same(made(f"{fox}~{owl}"), morph)
    assert apart(made(f"{fox}~{owl}@0:1, 1:0").first, morph.first) > 0


@pytest.mark.parametrize("settings", [{"cfg_scale": 1}, {"batch_size": 2}, HIRES], ids=["CFG 1", "batch", "hires"])
def test_a_morph_works_in_every_situation(host: Client, people: dict[str, str], settings: dict[str, Any]) -> None:
    prompt = f"a <noken:{people['fox']}~{people['owl']}@0:0, 60%:1 smooth>"
    made = sound(host.make(prompt=prompt, negative_prompt=f"<noken:{people['owl']}~{people['fox']}>", **settings))
    assert prompt in made.infotexts[0]
    again = host.make(json.loads(made.extra["pxl"]), prompt=prompt,
                      negative_prompt=f"<noken:{people['owl']}~{people['fox']}>", **settings)  # fmt: skip
    assert same(again, made) and again.extra == made.extra


def test_a_morph_and_a_layer_work_side_by_side(host: Client, people: dict[str, str]) -> None:
    prompt = f"a <noken:{people['fox']}~{people['owl']}>"
    layers = {"control": {"layers": [{"source": {"kind": "noise"}, "strength": 0.5}]}}
    assert apart(sound(host.make(layers, prompt=prompt)).first, sound(host.make(prompt=prompt)).first) > 0.1


@pytest.mark.parametrize("body", ["nobody at all", "{fox}~nobody at all", "{fox}~{owl}@2:1", "{fox}@0.5"])
def test_what_cannot_be_is_the_picture_without_it(host: Client, people: dict[str, str], body: str) -> None:
    said = body.replace("{fox}", people["fox"]).replace("{owl}", people["owl"])
    beside = {"control": {"layers": [{"source": {"kind": "noise"}, "strength": 0.5}]}}
    made = host.make(
        beside, prompt=f"a cat, <noken:{said}>, sky", negative_prompt=f"<noken:{people['owl']}>, <noken:{said}>"
    )
    alone = sound(host.make(beside, prompt="a cat, sky", negative_prompt=f"<noken:{people['owl']}>"))
    assert ", wanted " in made.extra["pxl error"] and same(made, alone)
    assert json.loads(made.extra["pxl"])["control"] == json.loads(alone.extra["pxl"])["control"]


def test_another_noken_of_that_name_is_not_the_one_before(host: Client, people: dict[str, str]) -> None:
    pool = {card["name"]: card["hash"] for card in host.get("/pxl/v1/nokens?limit=1000")["nokens"]}
    prompt, hashes = f"a <noken:{people['fox']}>", [pool[people["fox"]], pool[people["owl"]]]
    first = sound(host.make(prompt=prompt))
    swap = [people["fox"] + " before", people["fox"]], [people["owl"], people["fox"]]
    try:
        for which, name in zip(hashes, swap[0], strict=True):
            host.http.patch(f"/pxl/v1/nokens/{which}", json={"name": name}).raise_for_status()
        second = sound(host.make(prompt=prompt))
        assert apart(second.first, first.first) > 0.1
        assert same(host.make(json.loads(first.extra["pxl"]), prompt=prompt), first), "the picture's own hash counts"
    finally:
        for which, name in zip(reversed(hashes), swap[1], strict=True):
            host.http.patch(f"/pxl/v1/nokens/{which}", json={"name": name}).raise_for_status()


def test_a_picture_that_carries_its_noken_needs_no_pool(host: Client) -> None:
    card = new(host, **{"from": "random", "tokens": 3, "seed": 13, "name": "host eel"})
    prompt = f"a <noken:{card['name']}>"
    first = sound(host.make({"nokens": {"carry": True}}, prompt=prompt))
    host.http.post("/pxl/v1/nokens/delete", json={"nokens": [card["hash"]]})
    assert "pxl error" in host.make(prompt=prompt).extra
    again = host.make(json.loads(first.extra["pxl"]), prompt=prompt)
    assert same(again, first) and again.extra == first.extra


def test_a_model_of_another_family_refuses_in_words_and_the_first_one_takes_it_again(
    host: Client, people: dict[str, str]
) -> None:
    prompt = f"a photo of <noken:{people['fox']}>"
    first = sound(host.make(prompt=prompt))
    family = host.get("/pxl/v1/nokens")["family"]
    for name in host.checkpoints():
        other = {"override_settings": {"sd_model_checkpoint": name}}
        made = host.make(prompt=prompt, **other)
        if host.get("/pxl/v1/nokens")["family"] != family:
            break
    else:
        pytest.fail("the host has checkpoints of one family alone: give it one of another")
    assert f"got one for {family}, wanted one of the loaded model's family" in made.extra["pxl error"]
    assert same(made, host.make(prompt="a photo of", **other))
    assert same(sound(host.make(prompt=prompt)), first)
