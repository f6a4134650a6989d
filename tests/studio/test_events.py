"""The page's buttons, pressed without a browser."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tiny
from PIL import Image

from lib_pxl.errors import StoreError
from lib_pxl.hosts.diffusers import DiffusersHost
from lib_pxl.store.animations import open_animation
from lib_pxl.studio import output, page
from lib_pxl.studio.events import OFF, Events
from lib_pxl.studio.work import Work
from tests.control.stage import painted
from tests.store.test_animations import infotext_of
from tests.webui.test_gif import film

PIPE = tiny.sd1("v_prediction")
ME: Any = SimpleNamespace(session_hash="me")
VALUES = {"prompt": "a star", "negative": "", "sampler": "Euler", "steps": 2, "width": 64, "height": 64, "cfg": 5.0,
          "batch": 1, "seed": 3, "denoise": 0.75, "hires": 1.0, "hires_steps": 0, "image": None}  # fmt: skip


@pytest.fixture
def events(tmp_path: Path) -> dict[str, Events]:
    work = Work(DiffusersHost(PIPE, tmp_path / "data"))
    _, forms = page.build(work)
    return {form.tab: Events(work, form) for form in forms}


def press(events: Events, job: str = "", **more: Any) -> list[Any]:
    """What the page shows at last: the live line, the gallery, the infotext, all infotexts."""
    events.wait(ME)
    *_, last = events.generate(ME, job, *given(events, **more))
    return list(last)


def given(events: Events, **more: Any) -> list[Any]:
    """The values of a form's fields."""
    values = VALUES | more
    return [values[name] for name in events.names]


def test_a_picture_is_made_and_kept(events: dict[str, Events]) -> None:
    live, gallery, text, texts, _ = press(events["txt2img"], batch=2)
    assert live == "" and texts[0] == text and "Seed: 4," in texts[1]
    kept = sorted(events["txt2img"].work.outputs.rglob("*.png"))
    assert len(gallery.value) == 2 and [output.infotext_of(path) for path in kept] == texts


def test_a_full_disk_still_shows_the_picture(events: dict[str, Events], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Path:
        raise StoreError("picture", got="No space left on device", wanted="room")

    monkeypatch.setattr(output, "save", full)
    live, gallery, text, *_ = press(events["txt2img"])
    assert "Made, but not kept: picture: got" in live and len(gallery.value) == 1 and "Seed: 3," in text


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"width": 65}, "width: got 65, wanted a multiple of 8"),
        ({"sampler": "LCM", "steps": 150}, "steps with LCM: got 150"),
        ({"seed": 2**33}, "seed: got"),
    ],
    ids=str,
)
def test_what_cannot_be_made_is_one_sentence(more: dict[str, Any], said: str, events: dict[str, Events]) -> None:
    live = press(events["txt2img"], **more)[0]
    assert said in live and 'role="alert"' in live
    assert press(events["txt2img"])[0] == ""


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"no picture"])
def test_a_broken_picture_to_start_from_is_one_sentence(data: bytes, events: dict[str, Events], tmp_path: Path) -> None:
    (tmp_path / "start.png").write_bytes(data)
    live = press(events["img2img"], image=str(tmp_path / "start.png"))[0]
    assert "wanted a" in live and 'role="alert"' in live


def test_a_picture_to_start_from_may_be_of_any_size_and_transparent(events: dict[str, Events], tmp_path: Path) -> None:
    Image.new("RGBA", (33, 100), (255, 0, 0, 128)).save(tmp_path / "start.png")
    live, _, text, *_ = press(events["img2img"], image=str(tmp_path / "start.png"), denoise=0.5)
    assert live == "" and "Size: 64x64" in text


def test_a_bug_is_told_where_the_person_is(
    events: dict[str, Events], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def ill(*_: Any, **__: Any) -> None:
        raise RuntimeError("out of <memory>")

    monkeypatch.setattr(events["txt2img"].work.host, "generate", ill)
    assert "No picture: RuntimeError: out of &lt;memory&gt;" in press(events["txt2img"])[0]
    assert "the studio could not make a picture" in caplog.text


def test_pasting_nonsense_changes_nothing(events: dict[str, Events]) -> None:
    before = list(range(len(events["txt2img"].names)))
    for text in ("", None, "just a prompt", "{"):
        assert events["txt2img"].paste(text, "job", *before) == ["job", *before]  # type: ignore[arg-type]


def test_pasting_restores_what_was_told_and_leaves_the_rest(events: dict[str, Events]) -> None:
    form = events["txt2img"]
    before = [VALUES[name] for name in form.names]
    job, *after = form.paste('a\nSteps: 9, Sampler: UniPC, Seed: 1, Size: 72x80, pxl: "{\\"x\\": 1}"', "", *before)
    told = dict(zip(form.names, after, strict=True))
    assert job == '{"x": 1}'
    wanted = VALUES | {"prompt": "a", "sampler": "UniPC", "steps": 9, "seed": 1, "width": 72, "height": 80}
    assert told == {name: wanted[name] for name in form.names}
    assert form.paste("a\nSteps: 9, Sampler: UniPC, Seed: 1", "{}", *before)[0] == OFF


@pytest.mark.parametrize("kind", ["gif", "webp", "apng"])
def test_an_animation_is_redrawn_and_put_together(kind: str, events: dict[str, Events]) -> None:
    frames = film([painted(64, 64, i) for i in range(3)])
    job = json.dumps({"control": {"input": frames, "animation": {"format": kind}}})
    live, gallery, text, texts, _ = press(events["img2img"], job, denoise=0.5)
    assert live == "" and len(gallery.value) == len(texts) == 4
    suffix = kind.replace("apng", "png")
    moving = [path for path in events["img2img"].work.outputs.rglob(f"*.{suffix}") if open_animation(path).count > 1]
    assert len(moving) == 1 and open_animation(moving[0]).count == 3
    assert infotext_of(moving[0]) == text and '"input"' in text.replace("\\", "")
    lines = [str(each[0]) for each in events["img2img"].generate(ME, job, *given(events["img2img"], denoise=0.5))]
    assert any("Batch 2 of 3 · Step" in line for line in lines)
    assert any("Animation, frame 3 of 3" in line for line in lines)


def test_without_a_picture_and_without_an_animation_nothing_is_made(events: dict[str, Events]) -> None:
    for job in ("", "{", '{"control": {"enabled": false, "input": "map:0"}}', '{"control": {"animation": {}}}'):
        assert "There is no picture to start from" in press(events["img2img"], job)[0]
    assert "picture to start from: got" in press(events["img2img"], '{"control": {"input": "/no/such.gif"}}')[0]


def test_an_animation_that_cannot_be_kept_is_told_and_the_pictures_stay(
    events: dict[str, Events], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Path:
        raise StoreError("animation", got="No space left on device", wanted="room")

    monkeypatch.setattr(output, "save_animation", full)
    live, gallery, *_ = press(events["txt2img"], '{"control": {"animation": {}}}', batch=2)
    assert "Made, but not put together: animation: got" in live and len(gallery.value) == 2
