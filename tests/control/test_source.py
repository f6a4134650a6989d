"""Sources: which frame each image sees at each step, nothing decoded that is not seen, and noise that moves with u."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image
from torch import Tensor

from lib_pxl.control import Plan
from lib_pxl.control.canvas import Schedule
from lib_pxl.control.source import SOURCES, Look
from lib_pxl.errors import ProgramError
from lib_pxl.hosts.fake import sigmas
from lib_pxl.store import animations
from tests.control.stage import PICTURE, canvas, gaussian, layer, painted, program

STEPS = 10


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A folder of five frames of noise."""
    for i in range(5):
        painted(8, 8, i).save(tmp_path / f"{i}.png")
    return tmp_path


def frames(film: Path, advance: str = "step", **more: Any) -> dict[str, Any]:
    return layer(source={"kind": "frames", "path": str(film), "advance": advance}, strength=1, **more)


def made(given: dict[str, Any], **changes: Any) -> Plan:
    return program(given).prepare(canvas(steps=STEPS, **changes))


def seen(ready: Plan, step: int, batch: int = 1) -> Tensor:
    """What the last call's estimate would be, if the frames of this step were the last's: the map itself."""
    sigma = sigmas(STEPS)[step].expand(batch)
    return ready.apply(gaussian(batch, 3, 8, 8), sigma)


def number(picture: Tensor) -> int:
    """The frame that a picture follows most."""
    films = [torch.tensor(numpy.asarray(painted(8, 8, i))).permute(2, 0, 1).float().flatten() for i in range(5)]
    return int(numpy.argmax([numpy.corrcoef(picture.flatten(), each)[0, 1] for each in films]))


@pytest.mark.parametrize(
    ("advance", "wanted"),
    [
        ("step", lambda step, image: step // 2),
        ("image", lambda step, image: image % 5),
        ("both", lambda step, image: (step // 2 + image) % 5),
    ],
)
@pytest.mark.parametrize("first", [0, 3])
def test_each_image_sees_the_frame_that_is_its_own(advance: str, wanted: Any, first: int, film: Path) -> None:
    ready = made(frames(film, advance), batch=3, first=first)
    for step in range(STEPS):
        found = [number(picture) for picture in seen(ready, step, 3)]
        assert found == [wanted(step, first + image) for image in range(3)]


def test_a_batch_is_its_images_one_by_one(film: Path) -> None:
    together = made(frames(film, "both"), batch=3)
    d, sigma = gaussian(3, 3, 8, 8), torch.tensor([5.0, 1.0, 0.2])
    alone = [made(frames(film, "both"), first=i).apply(d[i : i + 1], sigma[i : i + 1]) for i in range(3)]
    assert torch.equal(together.apply(d, sigma), torch.cat(alone))


# Call i is at u = i/9; an estimate between two calls sees the frame of the one before it.
@pytest.mark.parametrize(
    ("curve", "mode", "calls"),
    [
        (1, "color", range(STEPS)),
        ("30%:0, 40%:1, 60%:1, 70%:0", "color", range(2, 7)),
        ("0:1, 10%:0", "color", [0]),
        (1, "start", [0]),
    ],
)
def test_only_the_frames_that_are_seen_are_decoded_and_each_once(
    curve: float | str, mode: str, calls: Sequence[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(40):
        painted(8, 8, i).save(tmp_path / f"{i}.png")
    opened: list[str] = []
    still = animations.open_still
    monkeypatch.setattr(animations, "open_still", lambda path: opened.append(path.stem) or still(path))
    encodes = count()
    given = {**frames(tmp_path, mode=mode), "strength": curve}
    made(given, encode=lambda pixels: (next(encodes), pixels)[1])
    assert opened == [str(4 * i) for i in calls] and next(encodes) == len(calls)


@pytest.mark.parametrize("gate", [None, {"seed": 1}, {"seed": 1, "reroll": True}])
@pytest.mark.parametrize("source", ["frames", "noise"])
def test_a_layer_that_rests_at_times_is_the_same_while_it_acts(source: str, gate: Any, film: Path) -> None:
    kind = {"path": str(film)} if source == "frames" else {"seed": 2}
    given = layer(source={"kind": source, **kind}, gate=gate)
    now_and_then = "0:0, 20%:0, 25%:0.6, 50%:0.6, 55%:0, 70%:0, 75%:0.6, 100%:0.6"
    always, at_times = (made({**given, "strength": curve}) for curve in (0.6, now_and_then))
    d = gaussian(1, 3, 8, 8)
    for step in (0, 1, 3, 4, 5, 6, 7, 8, 9):
        sigma = sigmas(STEPS)[step : step + 1]
        acts = 0.25 <= step / 9 <= 0.5 or step / 9 >= 0.75
        assert torch.equal(at_times.apply(d, sigma), always.apply(d, sigma) if acts else d)


def test_a_single_frame_is_a_still(tmp_path: Path) -> None:
    painted(8, 8).save(tmp_path / "0.png")
    d, sigma = gaussian(1, 3, 8, 8), torch.tensor([1.0])
    assert torch.equal(made(frames(tmp_path)).apply(d, sigma), made(layer(strength=1)).apply(d, sigma))


def test_frames_of_other_sizes_are_fitted_each_by_itself(tmp_path: Path) -> None:
    for i, size in enumerate([(8, 8), (3, 40), (64, 2)]):
        painted(*size, i).save(tmp_path / f"{i}.png")
    assert seen(made(frames(tmp_path)), 9).isfinite().all()


def test_an_animation_may_be_sent_as_base64() -> None:
    import base64

    file = io.BytesIO()
    pictures = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=50)
    source = {"kind": "frames", "path": base64.b64encode(file.getvalue()).decode()}
    ready = made(layer(source=source, strength=1))
    assert len(ready.tracks) == 1 and seen(ready, 0).isfinite().all()


@pytest.mark.parametrize("path", ["nowhere.gif", "map:" + "0" * 32, "data:,"])
def test_frames_that_are_not_there_are_an_error_in_words(path: str) -> None:
    with pytest.raises(ProgramError, match=r"layer 1 source\.path: got"):
        made(layer(source={"kind": "frames", "path": path}))


def test_the_previous_picture_is_settled_to_its_own_name_before_the_job() -> None:
    last, other = layer(source={"kind": "previous"}, mode="color"), layer()
    settled = program(last, other, last).settle(lambda: "map:it")
    assert [each.source.get("image") for each in settled.layers] == ["map:it", PICTURE, "map:it"]
    muted = program(layer(source={"kind": "previous"}, muted=True))
    assert muted.settle(lambda: pytest.fail("asked")) == muted
    with pytest.raises(ProgramError, match="there is none here"):
        made(last)


def noisy(**own: Any) -> dict[str, Any]:
    return layer(source={"kind": "noise", **own}, strength=1)


COLOURS = {"rgb": torch.eye(3), "height": 16, "width": 16}


def test_noise_moves_with_the_progress_and_stands_still_at_no_speed() -> None:
    d = gaussian(1, 3, 16, 16)
    for speed, moves in ((1.0, True), (0.0, False)):
        ready = made(noisy(speed=speed, seed=3), **COLOURS)
        steps = [ready.apply(d, sigmas(STEPS)[i : i + 1]) for i in range(STEPS)]
        shapes = [(each - each.mean((-2, -1), keepdim=True)) / each.std((-2, -1), keepdim=True) for each in steps]
        alike = [float((a * b).mean()) for a, b in pairwise(shapes)]
        assert min(alike) > 0.8
        assert (float((shapes[0] * shapes[-1]).mean()) < 0.6) == moves


def test_noise_follows_the_picture_s_own_seed_or_is_one_for_all() -> None:
    d, sigma = gaussian(1, 3, 16, 16).repeat(2, 1, 1, 1), torch.ones(2)
    own = made(noisy(), batch=2, seeds=[1, 2], **COLOURS).apply(d, sigma)
    same = made(noisy(seed=1), batch=2, seeds=[1, 2], **COLOURS).apply(d, sigma)
    assert not torch.equal(own[0], own[1]) and torch.equal(same[0], same[1]) and torch.equal(own[0], same[0])


def test_noise_needs_no_encoder_and_every_value_is_as_likely_as_another() -> None:
    board = canvas(steps=2, encode=pytest.fail, **COLOURS)
    schedule = Schedule.parse(board.sigmas, "cpu")
    values = [
        torch.stack(list(SOURCES["noise"][0].build(own, Look("color", "crop", board), schedule).pixels()))
        for own in ({"scale": 0.1, "speed": 1.0, "octaves": 1, "seed": seed} for seed in range(30))
    ]
    tenths = torch.stack(values).flatten().histc(10, 0, 1) / torch.stack(values).numel()
    assert tenths.allclose(torch.full((10,), 0.1), atol=0.02)
    assert len(made(noisy(), encode=pytest.fail, **COLOURS).tracks) == 1
