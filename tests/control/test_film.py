"""The film strip: its cells are what strength, gate, mask, frames and motion make of the map, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from lib_pxl.control import Canvas, gate
from lib_pxl.control import film as strips
from lib_pxl.control.film import GROUND, Row, Shot, film
from lib_pxl.control.map import MAPS, pixels, place
from lib_pxl.errors import PxlError
from lib_pxl.store import animations
from tests.control.stage import layer, painted, program, sent

PHOTO = painted(80, 60, 1)
SHOT = Shot(640, 480, steps=20, seed=3, columns=8)
BARE = torch.tensor(GROUND)[:, None, None]


def photo(**fields: Any) -> dict[str, Any]:
    return {"source": {"kind": "image", "image": sent(PHOTO)}, "strength": 1, **fields}


def taken(given: dict[str, Any], shot: Shot = SHOT, **canvas: Any) -> Row:
    (row,) = film(program(given).layers, shot, shot.canvas(**canvas))
    assert isinstance(row, Row), row
    assert row.cells.shape == (len(shot.progress), 3, *shot.size[::-1]) and 0 <= row.cells.min() <= row.cells.max() <= 1
    return row


def refused(given: dict[str, Any], shot: Shot = SHOT) -> str:
    (row,) = film(program(given).layers, shot, shot.canvas())
    assert isinstance(row, PxlError)
    return str(row)


def fitted(fit: str = "crop", picture: Image.Image = PHOTO) -> Tensor:
    return pixels(place(picture, fit, SHOT.canvas()))


def weight(row: Row, picture: Tensor) -> Tensor:
    """How thickly the map lies in each cell (K, h, w)."""
    way = picture - BARE
    return ((row.cells - BARE) * way).sum(1) / way.square().sum(0)


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("name", ["color", "luma", "edges"])
def test_at_full_strength_a_cell_is_the_map_and_at_none_the_bare_ground(fit: str, name: str) -> None:
    row = taken(photo(strength="0:1, 50%:1, 60%:0", fit=fit, map=name))
    wanted = MAPS[name].build(fitted(fit), SHOT.canvas())
    for u, cell in zip(SHOT.progress, row.cells, strict=True):
        if u <= 0.5:
            assert torch.equal(cell, wanted)
        if u >= 0.6:
            assert torch.equal(cell, BARE.expand_as(cell))


@given(st.integers(1, 150), st.integers(1, 64))
def test_columns_are_spread_from_the_first_call_to_the_last(steps: int, columns: int) -> None:
    shot = Shot(steps=steps, columns=columns)
    wanted = numpy.linspace(0, 1, columns) if steps > 1 else [0]
    assert shot.progress == pytest.approx(wanted, abs=1 / 64 / max(steps - 1, 1) + 1e-4)
    assert shot.progress[0] == 0 and (columns == 1 or steps == 1 or shot.progress[-1] == 1)


def test_a_cell_for_each_step_stands_at_the_step() -> None:
    shot = Shot(steps=7, columns=7)
    assert shot.places.tolist() == list(range(7))


def test_in_between_the_map_lies_as_thickly_as_the_curve_says() -> None:
    row = taken(photo(strength="0:0, 100%:1"))
    assert row.strength.tolist() == pytest.approx(SHOT.progress, abs=1e-3)
    assert weight(row, fitted()).flatten(1).mean(1).tolist() == pytest.approx(SHOT.progress, abs=1e-3)


@pytest.mark.parametrize("cover", [0, 0.25, 0.8, 1])
def test_the_gate_s_covered_share_is_seen_in_every_cell(cover: float) -> None:
    through = weight(taken(photo(gate={"cover": cover, "soft": 0.3})), fitted())
    pixel = 1 / through[0].numel()
    assert through.flatten(1).mean(1).tolist() == pytest.approx([cover] * 8, abs=pixel + 1e-4)


@pytest.mark.parametrize("reroll", [False, True])
def test_the_gate_is_the_one_that_the_plan_uses(reroll: bool) -> None:
    given = photo(gate={"reroll": reroll, "scale": 0.4, "speed": 2})
    used = program(given).prepare(SHOT.canvas()).shares[1:]
    calls = SHOT.places.long()
    assert torch.allclose(weight(taken(given), fitted()), used[calls, 0], atol=1e-4)
    settings = program(given).layers[0].gate
    assert settings is not None
    few = gate.share(settings, SHOT.canvas(), SHOT.schedule.only(SHOT.places), torch.ones(len(calls), dtype=torch.bool))
    assert torch.allclose(few[:, 0], used[calls], atol=1e-6)


def test_the_gate_of_a_small_cell_is_that_of_the_picture_at_its_own_size() -> None:
    given = photo(gate={"soft": 1.0, "scale": 0.5})
    large = Canvas(**{**vars(SHOT.canvas()), "width": 80, "height": 60, "factor": 8, "encode": torch.nn.AvgPool2d(8)})
    used = program(given).prepare(large).shares[1:]
    seen = weight(taken(given), fitted())[:, None]
    small = torch.nn.functional.interpolate(seen, (60, 80), mode="area")[:, 0]
    assert (small - used[SHOT.places.long(), 0]).abs().max() < 0.1


def test_a_mask_and_a_gate_multiply() -> None:
    mask = Image.new("L", PHOTO.size, 0)
    mask.paste(255, (0, 0, PHOTO.width // 2, PHOTO.height))
    both, alone = (weight(taken(photo(gate={}, **more)), fitted()) for more in ({"mask": sent(mask)}, {}))
    half = SHOT.size[0] // 2
    assert torch.allclose(both[..., : half - 6], alone[..., : half - 6], atol=1e-4) and both[..., half + 6 :].max() == 0


def test_noise_is_the_noise_of_the_plan_and_its_seed_the_picture_s() -> None:
    given = {"source": {"kind": "noise", "speed": 2}, "strength": 1}
    at_calls = Shot(640, 480, steps=9, seed=3, columns=9)
    alone = Shot(640, 480, steps=9, seed=3, columns=2)
    cells = taken(given, at_calls).cells
    assert torch.allclose(taken(given, alone).cells, cells[[0, 8]], atol=1e-6)
    assert not torch.allclose(cells[0], cells[-1], atol=0.1)
    other = Shot(640, 480, steps=9, seed=4, columns=9)
    assert not torch.allclose(taken(given, other).cells, cells, atol=0.1)
    fixed = {"source": {"kind": "noise", "speed": 2, "seed": 3}, "strength": 1}
    assert torch.equal(taken(fixed, other).cells, cells)


def test_each_cell_shows_its_frame_and_no_other_frame_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(40):
        Image.new("RGB", (8, 8), (6 * i, 0, 0)).save(tmp_path / f"{i}.png")
    opened: list[int] = []
    still = animations.open_still
    monkeypatch.setattr(animations, "open_still", lambda path: opened.append(int(path.stem)) or still(path))
    given = {"source": {"kind": "frames", "path": str(tmp_path)}, "strength": 1}
    row = taken(given)
    wanted = [int(call) * 40 // 20 for call in SHOT.places]
    assert opened == wanted and (row.cells[:, 0, 0, 0] * 255 / 6).round().int().tolist() == wanted
    opened.clear()
    taken({**given, "mode": "warp", "motion": {"kind": "drift"}})
    assert opened == [], "it does not look at the film"


@pytest.mark.parametrize("mode", ["color", "texture", "warp", "start"])
def test_a_flat_map_has_a_strip(mode: str) -> None:
    flat = {"source": {"kind": "image", "image": sent(Image.new("RGB", (8, 8), "teal"))}, "strength": 1, "mode": mode}
    assert taken(flat).cells.isfinite().all()


def test_start_acts_in_the_first_cell_alone() -> None:
    row = taken(photo(mode="start", strength=0.9))
    assert row.strength.tolist() == pytest.approx([0.9] + [0] * 7)
    assert torch.equal(row.cells[1:], BARE.expand_as(row.cells[1:])) and row.cells[0].std() > 0.01
    assert (taken(photo(mode="start"), Shot(steps=5, columns=64)).strength > 0).sum() == 1
    assert "first step" in refused(photo(mode="start", strength="0:0, 50%:1"))


def test_texture_shows_detail_about_the_ground_and_no_slope() -> None:
    slope = Image.fromarray(numpy.linspace(0, 255, 96 * 72).reshape(72, 96).astype(numpy.uint8)).convert("RGB")
    smooth = {"source": {"kind": "image", "image": sent(slope)}, "strength": 1, "mode": "texture"}
    detailed = taken(photo(mode="texture")).cells
    assert (detailed.mean((-2, -1)) - BARE[..., 0].T).abs().max() < 0.1 and detailed.std() > 0.1
    assert taken({**smooth, "mode": "color"}).cells.std() > taken(smooth).cells[..., 12:-12, 12:-12].std()


def warped(shot: Shot = SHOT, strength: float | str = 1, **motion: Any) -> Tensor:
    return taken({"source": {"kind": "noise"}, "mode": "warp", "strength": strength, "motion": motion}, shot).cells


STILL = warped(amount=0)[0]


@pytest.mark.parametrize("kind", ["drift", "swirl", "noise"])
def test_what_is_warped_goes_away_and_with_a_rest_comes_home(kind: str) -> None:
    cells = warped(kind=kind, amount=0.1, rest=0.8, speed=0)
    away = (cells - STILL).abs().mean((1, 2, 3))
    assert away[3] > 0.03 and away[-1] < away[3] / 4
    if kind == "drift":
        assert torch.allclose(cells[-1], STILL, atol=1e-3)
    stays = (warped(kind=kind, amount=0.1) - STILL).abs().mean((1, 2, 3))
    assert stays[-1] > 0.03


def test_a_drift_carries_the_board_as_far_as_the_amount_says() -> None:
    last = warped(kind="drift", amount=0.1)[-1]
    far = round(0.1 * SHOT.size[1])
    assert torch.allclose(last[..., far + 2 :], STILL[..., 2 : last.shape[-1] - far], atol=0.1)


@pytest.mark.parametrize("steps", [10, 40, 150])
def test_the_way_is_the_same_for_any_number_of_steps(steps: int) -> None:
    motion = {"kind": "swirl", "amount": 0.1}
    assert (warped(Shot(640, 480, steps), **motion)[-1] - warped(**motion)[-1]).abs().mean() < 0.06


def test_a_warp_of_no_strength_is_bare_ground_and_its_gate_is_seen() -> None:
    cells = warped(strength="0:1, 50%:0")
    assert torch.equal(cells[4:], BARE.expand_as(cells[4:])) and cells[0].std() > 0.1
    gated = photo(mode="warp", motion={"amount": 0}, gate={"cover": 0.3})
    assert float(weight(taken(gated), STILL)[3].mean()) == pytest.approx(0.3, abs=1e-3)


LOOKS = {
    "layout": lambda cell: (cell[0] - cell[1]).abs().max() < 1e-6,  # grey
    "edges": lambda cell: cell[:, 5:-5, 5:20].min() > 0.95 and cell[:, :, 40:56].min() < 0.05,  # ink on white paper
    "texture": lambda cell: (cell[:, :, 3:20] - BARE).abs().max() < 0.02,
    "start": lambda cell: 0.05 < cell[0, 40, 47] < 0.95,  # no sharp border
}


@pytest.mark.parametrize("mode", strips.LOOKS)
def test_each_mode_shows_what_it_takes_of_the_map(mode: str) -> None:
    halves = Image.new("RGB", (96, 72), "navy")
    halves.paste("orange", (48, 0, 96, 72))
    (it,) = program(photo()).layers
    cell = strips.LOOKS[mode](fitted(picture=halves), it, SHOT, SHOT.canvas())
    assert cell.shape == (3, 72, 96) and 0 <= cell.min() <= cell.max() <= 1 and cell.std() > 0.01
    assert LOOKS[mode](cell)


def test_the_outlines_of_a_map_of_outlines_are_that_map() -> None:
    (it,) = program(photo(map="edges")).layers
    drawn = MAPS["edges"].build(fitted(), SHOT.canvas())
    assert torch.equal(strips.LOOKS["edges"](drawn, it, SHOT, SHOT.canvas()), 1 - drawn)


def test_a_layer_that_does_not_act_says_so() -> None:
    hires = Shot(hires=True)
    assert refused(photo(muted=True)) == "layer 1 is muted"
    assert refused(photo(strength="0:0, 50%:0")) == "layer 1 has strength 0 at every step"
    assert refused(photo(hires="off"), hires) == "layer 1 is off in the hires pass"
    assert refused(photo(hires=0), hires) == "layer 1 has strength 0 at every step"
    assert taken(photo(hires="off")).strength.tolist() == [1] * 8
    assert taken(photo(hires=0.25), hires).strength.tolist() == [0.25] * 8


def test_every_row_is_there_whatever_layer_is_broken() -> None:
    broken = [photo(mode="hold"), photo(map="pose"), layer(source={"kind": "previous"}),
              layer(source={"kind": "image", "image": "nowhere.png"}), photo(mask="data:,")]  # fmt: skip
    rows = list(film(program(*broken, photo()).layers, SHOT, SHOT.canvas()))
    assert len(rows) == len(broken) + 1 and isinstance(rows[-1], Row)
    for i, row in enumerate(rows[:-1]):
        assert isinstance(row, PxlError) and str(row).startswith(f"layer {i + 1} ") and "wanted" in str(row)


def test_depth_is_shown_where_there_is_an_annotator() -> None:
    assert "when it generates" in refused(photo(map="depth"))
    found = taken(photo(map="depth"), annotators={"depth": lambda picture: Image.new("RGB", picture.size, "teal")})
    assert torch.allclose(found.cells[0, :, 0, 0], torch.tensor([0, 128, 128]) / 255, atol=1e-3)


def test_a_strip_is_its_cells_side_by_side() -> None:
    row = taken(photo(strength="0:1, 100%:0"))
    strip = numpy.asarray(row.strip())
    assert strip.shape == (72, 8 * 96, 3)
    assert all(numpy.array_equal(strip[:, 96 * i : 96 * i + 96], cell) for i, cell in enumerate(row.images()))


def test_looking_leaves_the_random_numbers_of_the_host_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    taken(photo(gate={"reroll": True}, mode="warp", motion={"kind": "noise"}))
    assert torch.equal(torch.get_rng_state(), before)
