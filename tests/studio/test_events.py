"""The page's buttons, pressed without a browser."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tiny
from PIL import Image

from lib_pxl.errors import StoreError
from lib_pxl.hosts.diffusers import DiffusersHost
from lib_pxl.studio import output, page
from lib_pxl.studio.events import OFF, Events
from lib_pxl.studio.work import Work

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
    given = VALUES | more
    events.wait(ME)
    *_, last = events.generate(ME, job, *(given[name] for name in events.names))
    return list(last)


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
