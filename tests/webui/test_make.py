"""What a feature orders of A1111 and Forge: a job in the host's own queue, with our script alone, saved as others."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lib_pxl.errors import HostError
from lib_pxl.hosts.order import Order
from lib_pxl.judging.work import StoppedError
from tests.taste.pictures import save, shade, told
from tests.webui.test_breed import Studio

SETTINGS = {"Steps": 12, "CFG scale": 5.5, "Sampler": "DPM++ 2M", "Schedule type": "Karras", "Size": "640x452"}
ORDER = Order("a fox", "dull", 7, SETTINGS)


class Workshop(Studio):
    """A host whose jobs are saved, if it saves them, and whose encoder is heard."""

    saves = True

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, flavour: str) -> None:
        super().__init__(monkeypatch, folder, flavour)
        modules = sys.modules["modules.scripts"]
        self.webui.script.args_to = 3
        others = [SimpleNamespace(title="another")]
        runner = SimpleNamespace(alwayson_scripts=[*others, self.webui.script])
        monkeypatch.setattr(modules, "scripts_txt2img", runner, raising=False)
        monkeypatch.setattr(modules, "ScriptRunner", SimpleNamespace, raising=False)

    def process(self, p: Any) -> Any:
        super().process(p)
        p.c = SimpleNamespace(batch=[[SimpleNamespace(schedules=[SimpleNamespace(cond=torch.ones(4, 8))])]])
        picture = shade(3)
        if self.saves:
            path = save(Path(p.outpath_samples) / "1.png", told(), picture=picture)
            picture.already_saved_as = str(path)  # type: ignore[attr-defined]
        return SimpleNamespace(images=[shade(9), picture], infotexts=["a grid's", told()], index_of_first_image=1)


@pytest.fixture(params=["A1111", "Forge"])
def shop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Workshop:
    return Workshop(monkeypatch, tmp_path, request.param)


def test_an_order_is_a_job_with_its_settings_and_our_script_alone(shop: Workshop) -> None:
    (shop.folder / "params.txt").write_text("the page's")
    made = shop.host.make(ORDER)
    (p,) = shop.jobs
    assert (p.prompt, p.negative_prompt, p.seed, p.steps, p.cfg_scale) == ("a fox", "dull", 7, 12, 5.5)
    assert (p.sampler_name, p.scheduler, p.width, p.height) == ("DPM++ 2M", "Karras", 640, 448)
    assert p.scripts.alwayson_scripts == [shop.webui.script] and p.script_args == [None] * 3 and p.is_api
    assert (made.text, made.path, made.picture) == (told(), shop.folder / "out" / "1.png", None)
    ((_, heard),) = made.heard.items()
    assert heard.tolist() == [1.0] * 8
    assert (shop.folder / "params.txt").read_text() == "the page's" and not shop.lock.locked()
    assert shop.log[-3:] == ["end", "clear", "close"]


def test_where_the_host_saves_nothing_the_picture_itself_comes(shop: Workshop) -> None:
    shop.saves = False
    made = shop.host.make(ORDER)
    assert made.path is None and made.picture is not None and made.picture.getpixel((0, 0)) == (3, 0, 90)


def test_a_setting_that_is_not_said_is_as_usual(shop: Workshop) -> None:
    shop.host.make(Order("a fox"))
    (p,) = shop.jobs
    assert (p.steps, p.cfg_scale, p.sampler_name, p.scheduler, p.width) == (20, 7, "", "Automatic", 512)


def test_before_the_page_is_made_there_is_no_script(shop: Workshop) -> None:
    sys.modules["modules.scripts"].scripts_txt2img.alwayson_scripts = []  # type: ignore[attr-defined]
    shop.host.make(ORDER)
    assert shop.jobs[0].scripts is None


def test_what_is_wanted_no_more_once_the_host_is_free_is_no_job(shop: Workshop) -> None:
    def free() -> None:
        assert shop.lock.locked()
        raise StoppedError

    with pytest.raises(StoppedError):
        shop.host.make(ORDER, free)
    assert shop.jobs == [] and not shop.lock.locked()


@pytest.mark.parametrize("fault", ["interrupted", "skipped"])
def test_what_was_broken_off_is_none(fault: str, shop: Workshop) -> None:
    setattr(shop.shared.state, fault, True)
    with pytest.raises(HostError, match="proposal: got an interrupt"):
        shop.host.make(ORDER)
    assert not shop.lock.locked() and shop.log[-3:] == ["end", "clear", "close"]


def test_a_fault_of_the_host_leaves_nothing_behind(shop: Workshop) -> None:
    shop.fails = RuntimeError("CUDA out of memory")
    with pytest.raises(RuntimeError, match="CUDA"):
        shop.host.make(ORDER)
    assert not shop.lock.locked() and shop.log[-3:] == ["end", "clear", "close"]
