"""Nokens in the prompts of a host whose encoder is a list of rows: what it hears is what the mentions mean."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lib_pxl.errors import NokenError
from lib_pxl.hosts.carried import carried
from lib_pxl.hosts.fake import SAMPLERS, FakeHost, Picture
from lib_pxl.hosts.job import Job, Nokens
from lib_pxl.hosts.morph import MorphGuest
from lib_pxl.hosts.run import ERROR_KEY, KEY, Run
from lib_pxl.hosts.speech import revised
from lib_pxl.noken import Noken, breed
from lib_pxl.noken.carry import halved
from lib_pxl.noken.mention import word
from lib_pxl.store.infotext import Infotext
from tests.control.stage import layer
from tests.control.test_apply import READ_BACK, Watch
from tests.noken.people import noken

ONE = {"l": 8}
FOX, OWL, EEL = (noken(count, seed, ONE, name) for count, seed, name in ((2, 1, "fox"), (2, 2, "owl"), (4, 3, "eel")))


@pytest.fixture
def host(data_folder: Path) -> FakeHost:
    made = FakeHost(data_folder)
    made.desk.pool.add([FOX, OWL, EEL])
    return made


@pytest.fixture
def stranger(tmp_path: Path) -> FakeHost:
    """Another machine, which knows no nokens."""
    return FakeHost(tmp_path / "elsewhere")


def spelt(host: FakeHost, text: str, **said: Noken) -> Tensor:
    """A prompt in which these words are these nokens."""
    other = replace(host, words={name: each.vectors for name, each in said.items()})
    return other.spell(text)


def sentence(picture: Picture) -> str:
    assert picture.infotext.keys() == {ERROR_KEY}
    told = picture.infotext[ERROR_KEY]
    assert "got " in told and ", wanted " in told
    return told


def test_a_prompt_without_a_mention_pays_nothing(host: FakeHost) -> None:
    fresh = FakeHost(host.data / "none")
    for prompt in ("a cat", "", "<noken:fox", "<noken fox>", "<lora:noken:1>"):
        made = fresh.generate({"nokens": {"carry": True}}, prompt=prompt, negative=prompt)
        assert torch.equal(made.latents, fresh.generate().latents) and made.infotext == {}
        assert all(torch.equal(each, spelt(fresh, prompt)) for heard in made.heard for each in heard)
    assert "pool" not in vars(fresh.desk) and not fresh.data.exists()


@pytest.mark.parametrize("name", ["fox", FOX.hash, FOX.hash[:6]])
def test_a_mention_is_the_noken_s_rows_in_its_place(host: FakeHost, name: str) -> None:
    made = host.generate(prompt=f"a <noken:{name}>, (b:1.2)", negative=f"[<noken:owl>|<noken:{name}>]")
    cond, uncond = spelt(host, "a fox, (b:1.2)", fox=FOX), spelt(host, "[owl|fox]", owl=OWL, fox=FOX)
    assert len(made.heard) == 10
    assert all(torch.equal(said[0], cond) and torch.equal(said[1], uncond) for said in made.heard)
    assert torch.equal(made.latents, host.generate().latents)
    told = json.loads(made.infotext[KEY])
    assert told == {"control": {"enabled": False}, "nokens": {"hashes": {name: FOX.hash, "owl": OWL.hash}}}
    assert host.words == {}


def test_control_and_nokens_work_side_by_side(host: FakeHost) -> None:
    control = {"layers": [layer()]}
    made = host.generate({"control": control}, prompt="<noken:fox>")
    assert torch.equal(made.latents, host.generate({"control": control}).latents)
    told = json.loads(made.infotext[KEY])
    assert told["nokens"] == {"hashes": {"fox": FOX.hash}} and told["control"]["enabled"] is True
    assert "nokens" not in json.loads(host.generate(made.infotext[KEY]).infotext[KEY]), "of no noken in the prompt"


def test_switched_off_a_mention_is_text(host: FakeHost) -> None:
    for job in ({"nokens": False}, {"nokens": {"enabled": False}}):
        made = host.generate(job, prompt="<noken:fox>")
        assert torch.equal(made.heard[0][0], spelt(host, "<noken:fox>")) and made.infotext == {}


@pytest.mark.parametrize(
    ("mention", "said"),
    [
        ("foxy", "noken 'foxy': got none of that name or hash in the pool, wanted a name in it (did you mean 'fox'?)"),
        ("fox~eal", "noken 'eal'"),
        ("", "got '', wanted a name"),
        ("fox@0.5", "wanted a name, A~B, or A~B@ and a curve"),
        ("fox~owl@1.5", "curve of <noken:fox~owl@1.5>: got 1.5, wanted a strength from 0 to 1"),
        ("fox~owl@2:1", "for a share write 2%"),
        ("wide", "noken wide: got one for l9, wanted one of the loaded model's family, l8"),
        ("gone", "noken 'gone': got none"),
        ("lost", "wanted one whose vectors are still in this data folder"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_leaves_no_trace_in_the_prompt(
    host: FakeHost, mention: str, said: str
) -> None:
    wide, gone, lost = (noken(1, 7, {"l": 9}, "wide"), noken(1, 8, ONE, "gone"), noken(1, 9, ONE, "lost"))
    host.desk.pool.add([wide, gone, lost])
    host.desk.pool.delete([gone.hash])
    (host.data / "nokens" / f"{lost.hash}.safetensors").unlink()
    control = {"control": {"layers": [layer()]}}
    made = host.generate(control, prompt=f"a <noken:{mention}>, b", negative="<noken:fox~owl>", batches=2)
    told = made.infotext.pop(ERROR_KEY)
    assert said in told and told.count("got ") == told.count(", wanted ") == 1, "said once, whatever the batches"
    assert host.desk.status("txt2img")[1] == told
    assert made.infotext == host.generate(control, negative="<noken:fox~owl>").infotext
    assert torch.equal(made.latents, host.generate(control, batches=2).latents), "control works on"
    assert all(torch.equal(cond, spelt(host, "a, b")) for cond, _ in made.heard)
    for call, one in ((0, FOX), (9, OWL)):
        assert torch.equal(made.heard[call][1], spelt(host, one.name, **{one.name: one})), "and so does a morph"


def test_each_that_cannot_be_has_its_sentence(host: FakeHost) -> None:
    made = host.generate(prompt="<noken:x1> a <noken:fox>, <noken:x2>", negative="<noken:x1>, b")
    first, second = made.infotext[ERROR_KEY].split("; ")
    assert "'x1'" in first and "'x2'" in second
    assert json.loads(made.infotext[KEY])["nokens"] == {"hashes": {"fox": FOX.hash}}
    assert torch.equal(made.heard[0][0], spelt(host, "a fox", fox=FOX))
    assert torch.equal(made.heard[0][1], spelt(host, "b"))
    many = host.generate(prompt=" ".join(f"<noken:{'x' * 60}{i}>" for i in range(20))).infotext[ERROR_KEY]
    assert len(many) <= 500


def test_a_file_that_is_damaged_is_left_out_alone(host: FakeHost) -> None:
    (host.data / "nokens" / f"{OWL.hash}.safetensors").write_bytes(b"\xff" * 100)
    made = host.generate(prompt="<noken:fox> <noken:owl> <noken:fox~owl>")
    assert OWL.hash in made.infotext[ERROR_KEY] and torch.equal(made.heard[0][0], spelt(host, "fox", fox=FOX))


@pytest.mark.parametrize(
    ("prompt", "kept"),
    [
        ("a <noken:eel> <noken:fox>", "a eel"),  # five rows, and one too many
        ("a <noken:fox> <noken:eel> <noken:owl>", "a fox owl"),
        ("<noken:fox> <noken:owl> <noken:fox>, b", "fox owl, b"),
        ("<noken:fox~eel> <noken:owl>", "fox"),  # as an eel it leaves one row
        ("a b c <noken:fox~eel>", "a b c"),
        ("a b c <noken:fox~eel@0:0, 1:0>", "a b c fox"),
    ],
)
def test_what_is_beyond_what_the_host_reads_is_left_out_alone(host: FakeHost, prompt: str, kept: str) -> None:
    host.room = 5
    made = host.generate(prompt=prompt)
    said = spelt(host, kept, fox=FOX, owl=OWL, eel=EEL)
    assert torch.equal(made.heard[0][0][:, : said.shape[1]], said)
    told = made.infotext.get(ERROR_KEY, "")
    assert ("noken in the prompt: got one up to token" in told) is not prompt.endswith("1:0>")


def test_a_host_that_fails_at_a_word_leaves_out_that_word(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    embed = host.embed

    def failing(name: str, vectors: Any) -> None:
        if torch.equal(vectors["l"], OWL.vectors["l"]):
            raise RuntimeError("out of memory")
        embed(name, vectors)

    monkeypatch.setattr(host, "embed", failing)
    made = host.generate({"control": {"layers": [layer()]}}, prompt="<noken:fox> <noken:owl>")
    assert "out of memory" in made.infotext[ERROR_KEY] and made.infotext.keys() == {KEY, ERROR_KEY}
    assert torch.equal(made.heard[0][0], spelt(host, "fox", fox=FOX))


def test_a_hash_that_begins_two_hashes_is_not_enough(host: FakeHost) -> None:
    pool, seen, seed = host.desk.pool, {}, 100
    while True:
        each = noken(1, seed, ONE)
        if (other := seen.setdefault(each.hash[:4], each)) is not each:
            break
        seed += 1
    pool.add([each, other])
    assert "got 2 whose hashes begin so" in sentence(host.generate(prompt=f"<noken:{each.hash[:4]}>"))
    assert host.generate(prompt=f"<noken:{each.hash[:12]}>").infotext.keys() == {KEY}


def test_a_job_that_is_wrong_elsewhere_leaves_no_mention_either(host: FakeHost) -> None:
    made = host.generate({"kontrol": 1}, prompt="a <noken:fox> b")
    assert "kontrol" in sentence(made) and torch.equal(made.heard[0][0], spelt(host, "a b"))


# ---- two of them ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("curve", "same"), [("@0", "fox"), ("@1", "owl"), ("@0:0, 1:0", "fox"), ("@30%:1", "owl")])
def test_a_morph_that_stays_at_an_end_is_the_noken_itself(host: FakeHost, curve: str, same: str) -> None:
    made, alone = (host.generate(prompt=f"a <noken:{each}> b") for each in (f"fox~owl{curve}", same))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(made.heard, alone.heard, strict=True))


@pytest.mark.parametrize("other", [OWL, EEL])
def test_a_still_mix_is_the_bred_child(host: FakeHost, other: Noken) -> None:
    child = breed([FOX, other], n=1, mix=0.25)[0]
    made = host.generate(prompt=f"<noken:fox~{other.name}@0.25> c")
    assert all(torch.equal(cond, spelt(host, "child c", child=child)) for cond, _ in made.heard)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 5, 30])
def test_a_morph_goes_from_one_to_the_other(host: FakeHost, sampler: str, steps: int) -> None:
    made = host.generate(prompt="a <noken:fox~owl> b", steps=steps, sampler=sampler)
    calls = [cond for cond, _ in made.heard]
    assert torch.equal(calls[0], spelt(host, "a fox b", fox=FOX))
    if steps > 1:
        assert torch.equal(calls[-1], spelt(host, "a owl b", owl=OWL))
    ways = [float((cond - calls[0]).norm()) for cond in calls]
    assert ways == sorted(ways) or sampler == "heun"
    if sampler == "euler":
        for i, cond in enumerate(calls):
            child = breed([FOX, OWL], n=1, mix=i / max(steps - 1, 1))[0]
            exact = spelt(host, "a child b", child=child)
            assert (cond - exact).norm() < 0.05 * (calls[0] - calls[-1]).norm() + 1e-6
    assert made.infotext.keys() == {KEY} and host.words == {}


def test_unlike_lengths_meet_as_the_host_pads(host: FakeHost) -> None:
    made = host.generate(prompt="<noken:fox~eel>", steps=9)
    first, last = spelt(host, "fox", fox=FOX), spelt(host, "eel", eel=EEL)
    padded = torch.cat([first, first[:, -1:].expand(-1, 2, -1)], 1)
    assert torch.equal(made.heard[0][0], padded) and torch.equal(made.heard[-1][0], last)


def test_several_morphs_each_follow_their_own_curve(host: FakeHost) -> None:
    prompt, negative = "<noken:fox~owl@0:0, 1:1> <noken:owl~fox@0:0, 50%:1> <noken:eel>", "<noken:fox~owl@0:1, 1:0.5>"
    made = host.generate(prompt=prompt, negative=negative, steps=9)
    for i, (cond, uncond) in enumerate(made.heard):
        u = i / 8
        mixes = {"a": u, "b": min(2 * u, 1)}
        children = {name: breed([FOX, OWL], n=1, mix=mix)[0] for name, mix in mixes.items()}
        children["b"] = breed([OWL, FOX], n=1, mix=mixes["b"])[0]
        spread = (spelt(host, "fox", fox=FOX) - spelt(host, "owl", owl=OWL)).norm()
        assert (cond - spelt(host, "a b eel", eel=EEL, **children)).norm() < 0.08 * spread
        assert (uncond - spelt(host, "c", c=breed([FOX, OWL], n=1, mix=1 - u / 2)[0])).norm() < 0.08 * spread


def test_the_hires_pass_goes_the_way_again(host: FakeHost) -> None:
    made = host.generate(prompt="<noken:fox~owl>", hires=2, steps=8)
    first = spelt(host, "fox", fox=FOX)
    assert [i for i, (cond, _) in enumerate(made.heard) if torch.equal(cond, first)] == [0, 8]


def test_the_guest_of_a_morph_steps_aside_with_the_rest(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any) -> Any:
        raise RuntimeError("out of memory")

    monkeypatch.setattr("lib_pxl.hosts.morph.path", failing)
    made = host.generate(prompt="a <noken:fox~owl>")
    assert "out of memory" in made.infotext[ERROR_KEY]
    assert all(torch.equal(cond, spelt(host, "a fox", fox=FOX)) for cond, _ in made.heard)


@pytest.mark.parametrize("batches", [1, 3])
def test_each_batch_hears_the_same(host: FakeHost, batches: int) -> None:
    made = host.generate(prompt="<noken:fox~owl> <noken:eel>", batches=batches, steps=4)
    assert len(made.heard) == 4 * batches
    for i, (cond, _) in enumerate(made.heard):
        assert torch.equal(cond, made.heard[i % 4][0])


# ---- another machine ------------------------------------------------------------------------------------------------


def test_a_pasted_picture_means_its_own_noken_whatever_that_is_called_here(host: FakeHost) -> None:
    first = host.generate(prompt="<noken:fox>")
    pool = host.desk.pool
    pool.rename(FOX.hash, "vixen")
    pool.rename(OWL.hash, "fox")
    again = host.generate(first.infotext[KEY], prompt="<noken:fox>")
    assert torch.equal(again.heard[0][0], first.heard[0][0]) and again.infotext == first.infotext
    assert not torch.equal(host.generate(prompt="<noken:fox>").heard[0][0], first.heard[0][0])


def test_a_pasted_picture_whose_noken_is_not_here_says_so(host: FakeHost, stranger: FakeHost) -> None:
    told = host.generate(prompt="a <noken:fox>").infotext[KEY]
    wanted = f"wanted that of the picture, whose hash is {FOX.hash}"
    assert f"noken fox: got none in the pool, {wanted}" in sentence(stranger.generate(told, prompt="a <noken:fox>"))
    stranger.desk.pool.add([replace(OWL, name="fox")])
    assert f"got another one of that name, {wanted}" in sentence(stranger.generate(told, prompt="a <noken:fox>"))
    stranger.desk.pool.add([FOX])
    assert stranger.generate(told, prompt="a <noken:fox>").infotext == {KEY: told}
    stranger.desk.pool.delete([FOX.hash])
    assert "got another one" in sentence(stranger.generate(told, prompt="a <noken:fox>"))


def test_a_picture_that_carries_its_nokens_can_be_made_anywhere(host: FakeHost, stranger: FakeHost) -> None:
    first = host.generate({"nokens": {"carry": True}}, prompt="<noken:fox~owl>", negative="<noken:fox>")
    told = json.loads(first.infotext[KEY])["nokens"]
    assert told["carry"] is True and len(told["vectors"]) == 2
    assert told["hashes"] == {"fox": halved(FOX).hash, "owl": halved(OWL).hash}
    again = stranger.generate(first.infotext[KEY], prompt="<noken:fox~owl>", negative="<noken:fox>")
    assert again.infotext == first.infotext and "pool" not in vars(stranger.desk)
    for one, other in zip(first.heard, again.heard, strict=True):
        assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


def test_what_a_picture_carries_can_be_read_off_it(host: FakeHost, stranger: FakeHost) -> None:
    made = host.generate({"nokens": {"carry": True}}, prompt="<noken:fox> <noken:owl>")
    text = Infotext("a", "", {"Steps": "1", "Seed": "1", "Size": "8x8", **made.infotext}).format()
    assert carried(text) == [halved(FOX), halved(OWL)]
    stranger.desk.pool.add(carried(text))
    alone = stranger.generate(prompt="<noken:fox>")
    assert torch.equal(alone.heard[0][0], spelt(host, "fox", fox=halved(FOX)))
    assert carried("a cat\nSteps: 1, Seed: 1, Size: 8x8") == []


def test_what_was_carried_may_be_damaged(host: FakeHost, stranger: FakeHost) -> None:
    told = json.loads(host.generate({"nokens": {"carry": True}}, prompt="<noken:fox>").infotext[KEY])
    told["nokens"]["vectors"] = ["AAAA"]
    made = stranger.generate(told, prompt="<noken:fox>")
    assert "one that is damaged, or too large" in made.infotext[ERROR_KEY]


def test_beside_a_damaged_one_the_others_that_were_carried_are_heard(host: FakeHost, stranger: FakeHost) -> None:
    told = json.loads(host.generate({"nokens": {"carry": True}}, prompt="<noken:fox> <noken:owl>").infotext[KEY])
    told["nokens"]["vectors"][0] = "AAAA"
    made = stranger.generate(told, prompt="<noken:fox> <noken:owl>")
    assert "one that is damaged" in made.infotext[ERROR_KEY]
    assert torch.equal(made.heard[0][0], spelt(host, "owl", owl=halved(OWL)))


# ---- the same name, another noken ----------------------------------------------------------------------------------


def test_a_word_is_its_noken_s_and_not_its_name_s(host: FakeHost) -> None:
    seen: list[str] = []
    embed = host.embed
    host.embed = lambda name, vectors: (seen.append(name), embed(name, vectors))[1]  # type: ignore[method-assign]
    host.generate(prompt="<noken:fox> <noken:fox> <noken:owl>")
    assert seen == [word(FOX.hash), word(OWL.hash)]
    host.desk.pool.delete([FOX.hash])
    host.desk.pool.rename(EEL.hash, "fox")
    host.generate(prompt="<noken:fox>")
    assert seen[2:] == [word(EEL.hash)]


# ---- axes -----------------------------------------------------------------------------------------------------------


def test_an_axis_puts_its_noken_in_every_mention_or_behind_the_prompt() -> None:
    prompts = {"main": ["a <noken:x>", "b"], "negative": ["<noken:p~q@0:0, 1:1>"]}
    asked = Nokens(instead="owl~eel@0.5")
    assert revised(asked, prompts, ["main"]) == {
        "main": ["a <noken:owl~eel@0.5>", "b"],
        "negative": ["<noken:owl~eel@0.5>"],
    }
    bare = {"main": ["a", ""], "negative": ["b"]}
    behind = revised(Nokens(instead="owl"), bare, ["main"])
    assert behind == {"main": ["a, <noken:owl>", "<noken:owl>"], "negative": ["b"]}
    both = Nokens(instead="owl~eel", mix=0.25)
    assert revised(both, bare, ["main"])["main"] == ["a, <noken:owl~eel@0.25>", "<noken:owl~eel@0.25>"]
    with pytest.raises(NokenError, match="got prompts without one, wanted <noken:A~B> in them"):
        revised(Nokens(mix=0.5), {"main": ["<noken:x>"]}, ["main"])
    with pytest.raises(NokenError):
        revised(Nokens(instead="a~b~c"), prompts, ["main"])


def test_an_axis_that_says_no_noken_leaves_the_rest_of_the_job_alone(host: FakeHost) -> None:
    run = Run(host, host.desk)
    layer = {"source": {"kind": "noise"}, "mode": "color", "strength": 0.5}
    given = {"control": {"enabled": True, "layers": [layer]}}
    run.start(given, lambda job: replace(job, nokens=replace(job.nokens, instead="a~b~c")))
    prompts = {"main": ["a <noken:x>, b"], "negative": ["c"]}
    assert run.revised(prompts, ["main"]) == {"main": ["a, b"], "negative": ["c"]}
    assert run.active and run.complaint and "wanted a name, A~B" in run.complaint


def test_what_an_axis_says_is_not_in_the_infotext() -> None:
    job = replace(Job(), nokens=Nokens(instead="owl", mix=0.5))
    assert job.format() == ""


# ---- what a step costs ----------------------------------------------------------------------------------------------


def test_a_morph_reads_nothing_back_and_costs_a_handful_of_operations(host: FakeHost) -> None:
    costs: list[int] = []

    class Counted(MorphGuest):
        def conditioning(self, cond: Any, uncond: Any, sigma: Tensor) -> tuple[Any, Any]:
            with Watch() as watch:
                made = super().conditioning(cond, uncond, sigma)
            assert not READ_BACK & set(watch.names)
            assert not any("to_cpu" in name or name == "_to_copy" for name in watch.names), "already in float32"
            costs.append(watch.count)
            return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lib_pxl.hosts.run.MorphGuest", Counted)
        made = host.generate(prompt="<noken:fox~owl>", negative="<noken:owl~fox>", steps=6)
    assert made.infotext.keys() == {KEY}
    assert len(costs) == 6 and costs[0] > costs[1] == max(costs[1:]) <= 10
