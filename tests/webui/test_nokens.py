"""Nokens in the prompts of a WebUI: said before its parser of extra networks, heard by its own encoder, and unseen."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lib_pxl.noken import Noken, breed
from tests.noken.people import noken
from tests.webui.processing import Webui, copied
from tests.webui.prompts import WIDTH, PromptJob, Shaped, Speaker, speaking
from tests.webui.test_webui import forge_only

ONE = {"l": WIDTH}
FOX, OWL, EEL = noken(2, 1, ONE, "fox"), noken(2, 2, ONE, "owl"), noken(3, 3, ONE, "eel")


@pytest.fixture(params=["A1111", "Forge"])
def webui(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Webui:
    """A host with pxl and three nokens."""
    host = Webui(monkeypatch, tmp_path, request.param)
    host.reload()
    if request.param == "Forge":
        forge_only(host)
    speaking(host, monkeypatch)
    pool().add([FOX, OWL, EEL])
    return host


def pool() -> Any:
    import scripts.pxl as door

    return door.desk.pool


def spelt(host: Webui, text: str, **said: Noken) -> Tensor:
    """What the encoder makes of a text in which these words are these nokens."""
    speaker = Speaker(copy.copy(host), host.shared.sd_model_speaker.wide)
    speaker._rows = lambda word: said[word].vectors["l"] if word in said else Speaker._rows(speaker, word)  # type: ignore[method-assign]
    host.shared.sd_model.spell = host.shared.sd_model_speaker.spell
    if host.flavour == "Forge":
        host.shared.sd_model.text_processing_engine.embeddings = host.shared.sd_model_speaker.database
    return speaker.spell(text)  # type: ignore[no-any-return]


def heard(p: PromptJob, call: int = 0) -> list[Any]:
    return list(p.heard[call])


def clean(host: Webui) -> bool:
    return not host.shared.sd_model_speaker.database.ids_lookup


def test_a_mention_reaches_the_encoder_and_not_the_extra_networks(webui: Webui) -> None:
    p = PromptJob("(<noken:fox>:1.2) <lora:x:1> a", "b <noken:owl>, c")
    webui.process_images(p)
    assert p.networks == ["lora"] and not p.comments
    cond, uncond = heard(p)
    assert torch.equal(cond[0], spelt(webui, "(fox:1.2) a", fox=FOX))
    assert torch.equal(uncond[0], spelt(webui, "b owl, c", owl=OWL))
    told = json.loads(p.extra_generation_params["pxl"])
    assert told["nokens"] == {"hashes": {"fox": FOX.hash, "owl": OWL.hash}} and clean(webui)


def test_all_that_is_shown_stays_readable(webui: Webui) -> None:
    style, given = ", s <noken:eel>", ["a <noken:fox>", "b", "<noken:owl~fox> c", "d"]
    prompts = [each + style for each in given]
    p = PromptJob(given, "n", styles=style, enable_hr=True, hr_prompt="h <noken:owl>", batch_size=2, n_iter=2)
    webui.process_images(p)
    assert p.all_prompts == prompts
    hires, negatives = ["h <noken:owl>, s <noken:eel>"] * 2, ["n, s <noken:eel>"] * 2
    for number, told in enumerate(p.infotexts):
        first = number // 2 * 2
        assert told == (prompts[first : first + 2], negatives, hires, negatives)
    assert p.file_names == [*prompts[:2], *prompts[:2], *prompts[2:], *prompts[2:]]
    assert p.networks == [] and webui.shared.sd_model_speaker.used
    if webui.flavour == "Forge":
        assert webui.shared.sd_model_speaker.used == {"pxl"}, "the infotext lists the embeddings that were used"


def test_a_prompt_without_a_mention_pays_nothing(webui: Webui) -> None:
    seen: list[Any] = []
    before = webui.script.before_process_batch
    p = PromptJob("a [b:c:0.5] <lora:x:1>", "n", enable_hr=True)

    def watched(job: Any, *args: Any, **kwargs: Any) -> None:
        lists = [getattr(job, name) for name in ("prompts", "negative_prompts", "all_hr_prompts")]
        before(job, *args, **kwargs)
        seen.append(lists[0] is job.prompts and lists[1] is job.negative_prompts and lists[2] is job.all_hr_prompts)

    webui.script.before_process_batch = watched
    made = webui.process_images(p)
    assert seen == [True] and "pxl" not in p.extra_generation_params
    off = PromptJob("a [b:c:0.5] <lora:x:1>", "n", {"nokens": False}, enable_hr=True)
    assert torch.equal(webui.process_images(off), made)
    for one, other in zip(p.heard, off.heard, strict=True):
        assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


def test_the_hires_pass_has_words_of_its_own(webui: Webui) -> None:
    p = PromptJob("a <noken:fox>", "n", enable_hr=True, hr_prompt="b <noken:eel>", hr_negative_prompt="<noken:owl>")
    webui.process_images(p)
    assert torch.equal(heard(p)[0][0], spelt(webui, "a fox", fox=FOX))
    assert torch.equal(heard(p, -1)[0][0], spelt(webui, "b eel", eel=EEL))
    assert torch.equal(heard(p, -1)[1][0], spelt(webui, "owl", owl=OWL))


def test_a_batch_of_two_hears_two_prompts(webui: Webui) -> None:
    p = PromptJob(["<noken:fox> x", "y <noken:owl>"], "n", batch_size=2)
    webui.process_images(p)
    cond, _ = heard(p)
    assert torch.equal(cond[0], spelt(webui, "fox x", fox=FOX)) and torch.equal(cond[1], spelt(webui, "y owl", owl=OWL))


# ---- morphs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wide", [False, True])
def test_a_morph_goes_from_one_to_the_other_in_both_prompts(
    webui: Webui, monkeypatch: pytest.MonkeyPatch, wide: bool
) -> None:
    speaking(webui, monkeypatch, wide)
    goes(webui, wide=wide)


@pytest.mark.parametrize("webui", ["A1111"], indirect=True)
def test_a_morph_goes_by_sigma_where_the_host_counts_timesteps(webui: Webui) -> None:
    goes(webui, timesteps=True)


def goes(webui: Webui, wide: bool = False, timesteps: bool = False) -> None:
    p = PromptJob("a <noken:fox~owl>", "<noken:owl~fox> b", steps=9, timesteps=timesteps)
    with torch.inference_mode(webui.flavour == "Forge"):
        webui.process_images(p)
    assert "pxl error" not in p.extra_generation_params
    calls = len(p.heard)
    for i, (cond, uncond) in enumerate(p.heard):
        assert type(cond) is type(uncond) is (Shaped if wide else Tensor) and cond.shape[0] == 1
        u = i / (calls - 1)
        for said, text, pair in ((cond, "a kit", [FOX, OWL]), (uncond, "kit b", [OWL, FOX])):
            (kit,) = breed(pair, n=1, mix=u)
            wanted, ends = spelt(webui, text, kit=kit), [spelt(webui, text, kit=each) for each in pair]
            off = distance(said, wanted) / distance(*ends)
            assert off == 0 if u in (0, 1) else off < 0.06
    assert clean(webui)


def distance(one: Any, other: Any) -> float:
    pairs = [(one[name], other[name]) for name in one] if isinstance(one, dict) else [(one, other)]
    return sum(float((a.squeeze(0) - b.squeeze(0)).norm()) for a, b in pairs)


def test_editing_and_AND_work_beside_a_morph(webui: Webui) -> None:  # noqa: N802  (as the prompt has it)
    p = PromptJob("[p:<noken:fox~owl>:0.5] AND c <noken:eel>", "n", steps=8)
    webui.process_images(p)
    for i, (cond, _) in enumerate(p.heard):
        (kit,) = breed([FOX, OWL], n=1, mix=i / 7)
        first = spelt(webui, "p" if i <= 4 else "kit", kit=kit)
        assert len(cond) == 2 and torch.equal(cond[1][:5], spelt(webui, "c eel", eel=EEL))
        assert (cond[0][: len(first)] - first).norm() < 0.05 * (FOX.vectors["l"] - OWL.vectors["l"]).norm()


def test_a_still_mix_is_the_child_and_encoded_once(webui: Webui) -> None:
    (kit,) = breed([FOX, EEL], n=1, mix=0.3)
    p = PromptJob("a <noken:fox~eel@0.3>")
    webui.process_images(p)
    assert all(torch.equal(cond[0], spelt(webui, "a kit", kit=kit)) for cond, _ in p.heard)


def test_forge_leaves_out_the_negative_prompt_at_cfg_1(webui: Webui) -> None:
    p = PromptJob("a <noken:fox~owl>", "<noken:owl~fox>", cfg_scale=1)
    webui.process_images(p)
    assert all((uncond is None) is (webui.flavour == "Forge") for _, uncond in p.heard)
    assert "pxl error" not in p.extra_generation_params


def test_a_morph_goes_its_way_again_in_the_hires_pass(webui: Webui) -> None:
    p = PromptJob("a <noken:fox~owl>", enable_hr=True, steps=6)
    webui.process_images(p)
    fox = spelt(webui, "a fox", fox=FOX)
    assert [i for i, (cond, _) in enumerate(p.heard) if torch.equal(cond[0], fox)] == [0, 6]


@pytest.mark.parametrize("mention", ["fox", "fox~owl"])
def test_a_refiner_hears_the_words_too(webui: Webui, mention: str) -> None:
    refiner = copy.copy(webui.shared.sd_model)
    webui.shared.sd_model_refiner = refiner
    p = PromptJob(f"a <noken:{mention}>", steps=6, refine_at=4)
    webui.process_images(p)
    name = mention.rpartition("~")[2]
    assert torch.equal(heard(p, -1)[0][0], spelt(webui, f"a {name}", fox=FOX, owl=OWL))
    assert clean(webui) and "pxl error" not in p.extra_generation_params


# ---- what goes wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mention", ["vixen", "fox~", "fox~owl@2:1", "wide"])
def test_what_cannot_be_leaves_the_picture_as_without_that_one(webui: Webui, mention: str) -> None:
    pool().add([noken(1, 5, {"l": 9}, "wide")])
    p = PromptJob(f"a <noken:{mention}>, b", "<noken:fox>", enable_hr=True)
    made = webui.process_images(p)
    plain = PromptJob("a, b", "<noken:fox>", enable_hr=True)
    assert torch.equal(webui.process_images(plain), made)
    assert all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(p.heard, plain.heard, strict=True))
    told = p.extra_generation_params["pxl error"]
    assert "got " in told and ", wanted " in told
    assert p.extra_generation_params == {**plain.extra_generation_params, "pxl error": told}
    assert p.comments == [f"pxl: {told}"] and p.networks == []
    assert p.all_prompts == [f"a <noken:{mention}>, b"] and clean(webui)


def test_a_second_job_with_another_noken_of_that_name_is_not_stale(webui: Webui) -> None:
    first, second = PromptJob("a <noken:fox>"), PromptJob("a <noken:fox>")
    webui.process_images(first)
    pool().delete([FOX.hash])
    pool().rename(EEL.hash, "fox")
    webui.process_images(second)
    assert torch.equal(heard(first)[0][0], spelt(webui, "a fox", fox=FOX))
    assert torch.equal(heard(second)[0][0], spelt(webui, "a fox", fox=EEL))
    pasted = {"pxl": first.extra_generation_params["pxl"]}
    webui.fire("on_infotext_pasted", "", pasted)
    third = PromptJob("a <noken:fox>", job=pasted["pxl"])
    webui.process_images(third)
    assert "got another one of that name" in third.extra_generation_params["pxl error"]


def test_a_job_that_died_leaves_no_words(webui: Webui) -> None:
    with pytest.raises(RuntimeError, match="Nans"):
        webui.process_images(PromptJob("a <noken:fox>", crash_at=2))
    p = PromptJob("a")
    webui.process_images(p)
    assert clean(webui) and torch.equal(heard(p)[0][0], spelt(webui, "a"))


def test_nokens_that_are_switched_off_are_the_host_s_affair(webui: Webui) -> None:
    p = PromptJob("a <noken:fox> b", job={"nokens": False})
    webui.process_images(p)
    assert p.networks == ["noken"] and p.extra_generation_params == {} and not p.comments


# ---- a grid ---------------------------------------------------------------------------------------------------------


def cell(webui: Webui, p: PromptJob, **values: str) -> PromptJob:
    made = copied(p, heard=[], comments=[], infotexts=[])
    webui.fire("on_before_ui")
    for option in webui.grid.axis_options:
        if (name := option.label.removeprefix("[pxl] ").replace(" ", "_")) in values:
            option.apply(made, values[name], None)
    webui.process_images(made)
    return made  # type: ignore[return-value]


def test_an_axis_changes_the_prompts_and_so_their_infotext(webui: Webui) -> None:
    p = PromptJob("a <noken:fox>", "n <noken:fox~owl>", enable_hr=True)
    made = cell(webui, p, Noken="eel~owl", Noken_mix="0.25")
    said = "<noken:eel~owl@0.25>"
    assert made.infotexts[0] == ([f"a {said}"], [f"n {said}"], [f"a {said}"], [f"n {said}"])
    assert made.main_prompt == f"a {said}" and "pxl error" not in made.extra_generation_params
    (kit,) = breed([EEL, OWL], n=1, mix=0.25)
    assert torch.equal(heard(made)[0][0], spelt(webui, "a kit", kit=kit))
    assert json.loads(made.extra_generation_params["pxl"])["nokens"] == {"hashes": {"eel": EEL.hash, "owl": OWL.hash}}
    behind = cell(webui, PromptJob("a", "n"), Noken="owl")
    assert behind.infotexts[0][:2] == (["a, <noken:owl>"], ["n"])


def test_a_mix_without_two_to_mix_is_one_sentence(webui: Webui) -> None:
    made = cell(webui, PromptJob("a <noken:fox>"), Noken_mix="0.5")
    assert "got prompts without one, wanted <noken:A~B> in them" in made.extra_generation_params["pxl error"]
    assert torch.equal(heard(made)[0][0], spelt(webui, "a"))
