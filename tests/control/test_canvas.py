"""A canvas opens every picture that the user may mean, and says in one sentence what is wrong with the others."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from lib_pxl.control import Canvas
from lib_pxl.control import canvas as canvases
from lib_pxl.errors import ImageError, ProgramError, PxlError
from lib_pxl.store.maps import Maps
from tests.control.stage import canvas, gaussian, layer, painted, program, sent, told


def bytes_of(picture: Image.Image, kind: str = "PNG", **how: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return file.getvalue()


@pytest.fixture
def maps(tmp_path: Path) -> Maps:
    return Maps(tmp_path / "maps")


def test_the_same_picture_comes_from_a_path_from_base64_from_a_url_and_from_the_data_folder(
    tmp_path: Path, maps: Maps
) -> None:
    picture = painted(8, 8)
    (tmp_path / "a.png").write_bytes(bytes_of(picture))
    named = [str(tmp_path / "a.png"), sent(picture), "data:image/png;base64," + sent(picture)]
    named.append("map:" + maps.put(bytes_of(picture)))
    board = canvas(maps=maps.read)
    for source in named:
        assert board.still(source).tobytes() == picture.tobytes()
        assert board.mask(source).tobytes() == picture.convert("L").tobytes()
    ready = [program(layer(source={"kind": "image", "image": each})).prepare(board) for each in named]
    d, sigma = gaussian(1, 3, 8, 8), torch.ones(1)
    assert all(torch.equal(each.apply(d, sigma), ready[0].apply(d, sigma)) for each in ready)


def test_a_hash_is_looked_up_in_the_user_s_own_data_folder_where_the_host_says_nothing(data_folder: Path) -> None:
    name = Maps(data_folder / "maps").put(bytes_of(painted(8, 8)))
    assert canvas().still("map:" + name).tobytes() == painted(8, 8).tobytes()


def test_size_is_in_pixels_width_first() -> None:
    assert canvas(height=3, width=5, factor=8).size == (40, 24)


BROKEN = {
    "nothing there": b"",
    "text": b"no picture",
    "truncated": bytes_of(painted(64, 64))[:-3000],
    "animated": bytes_of(painted(8, 8), "GIF", save_all=True, append_images=[painted(8, 8, 1)]),
    "too wide": bytes_of(Image.new("1", (20_000, 1))),
    "too large": bytes_of(Image.new("1", (16_000, 16_000))),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("field", ["source.image", "mask"])
def test_a_broken_picture_is_one_sentence_that_names_the_layer(kind: str, field: str, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(BROKEN[kind])
    broken = layer(mask=str(path)) if field == "mask" else layer(source={"kind": "image", "image": str(path)})
    with pytest.raises(ProgramError) as caught:
        program(layer(), broken).prepare(canvas())
    assert caught.value.field == f"layers[1].{field}"
    assert told(caught.value).startswith(f"layer 2 {field}: got ")


@pytest.mark.parametrize(
    "source",
    ["gone.png", "/", "~", "", "map:", "map:0", "map:../../etc/passwd", "map:" + "0" * 32, "data:,", "data:image/png;x"]
    + ["http://host/a.png", "a" * 10**5, "\ud800", "a\0b", "AAAA"],
    ids=lambda source: source[:20],
)
def test_a_picture_that_is_not_there_is_an_error_in_words(source: str, maps: Maps) -> None:
    for open_it in (canvas(maps=maps.read).still, canvas(maps=maps.read).mask):
        with pytest.raises(PxlError) as caught:
            open_it(source)
        assert isinstance(caught.value, ImageError) and len(str(caught.value)) < 400


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "CMYK", "I;16", "I", "F"])
@pytest.mark.parametrize("size", [(1, 1), (3, 200)], ids=str)
def test_a_picture_of_any_mode_and_shape_becomes_a_target(mode: str, size: tuple[int, int]) -> None:
    data = bytes_of(Image.new(mode, size), {"CMYK": "JPEG", "I": "TIFF", "F": "TIFF"}.get(mode, "PNG"))
    source = {"kind": "image", "image": "map:any"}
    ready = program(layer(source=source, strength=1)).prepare(canvas(maps=lambda name: data))
    assert ready.apply(gaussian(1, 3, 8, 8), torch.ones(1)).isfinite().all()


@pytest.mark.parametrize("factor", [1, 4, 8, 16])
def test_the_vae_is_handed_one_picture_of_the_canvas_s_size(factor: int) -> None:
    seen = []

    def encode(pixels: torch.Tensor) -> torch.Tensor:
        seen.append(pixels)
        return gaussian(1, 4, 5, 3)

    board = Canvas(2, 4, 5, 3, factor, torch.tensor([1.0, 0]), [1, 2], "cpu", torch.float16, torch.zeros(4, 3), encode)
    program(layer()).prepare(board)
    assert seen[0].shape == (1, 3, 5 * factor, 3 * factor) and seen[0].dtype == torch.float32
    assert seen[0].min() >= 0 and seen[0].max() <= 1


def test_layers_that_share_a_picture_open_it_once_and_only_for_as_long_as_they_are_made_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, board = tmp_path / "map.png", canvas()
    opened: list[Path] = []
    still = canvases.open_still
    monkeypatch.setattr(canvases, "open_still", lambda path: opened.append(path) or still(path))
    given = layer(source={"kind": "image", "image": str(path)}, strength=1)
    made = []
    for seed in range(2):
        painted(8, 8, seed).save(path)
        made.append(program(given, given, {**given, "fit": "stretch"}).prepare(board))
    assert len(opened) == 2 * 2  # one for each way to fit it
    d, sigma = gaussian(1, 3, 8, 8), torch.tensor([1.0])
    assert not torch.equal(*(ready.apply(d, sigma) for ready in made))
