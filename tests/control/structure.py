"""What the tests of `layout` and `edges` share: maps, plans of one layer, and estimates of any kind."""

from __future__ import annotations

import numpy
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from lib_pxl.control import Plan
from lib_pxl.hosts.fake import sigmas
from tests.control.stage import canvas, gaussian, layer, program, sent

SIDE, FACTOR, STEPS = 16, 8, 10
FINE = SIDE * FACTOR
Y, X = numpy.mgrid[:FINE, :FINE]
DISC = numpy.hypot(X - 50, Y - 70) < 34
TWO = DISC | (numpy.hypot(X - 100, Y - 24) < 16)
ESTIMATES = {
    "any": gaussian(3, 4, SIDE, SIDE, seed=1),
    "loud": gaussian(3, 4, SIDE, SIDE, seed=2) * 5 + 2,
    "faint": gaussian(3, 4, SIDE, SIDE, seed=3) * 0.05 - 1,
}


def shown(values: numpy.typing.NDArray[numpy.generic], low: int = 0, high: int = 255) -> Image.Image:
    """A grey picture of a field of truth, or of values in [0, 1]."""
    return Image.fromarray((low + numpy.asarray(values, float) * (high - low)).round().astype(numpy.uint8))


def ready(mode: str, picture: Image.Image, strength: float | str = 1, **changes: object) -> Plan:
    board = {"channels": 4, "height": SIDE, "width": SIDE, "factor": FACTOR, "encode": pytest.fail, **changes}
    source = {"kind": "image", "image": sent(picture)}
    return program(layer(source=source, mode=mode, strength=strength)).prepare(canvas(steps=STEPS, **board))


def edited(plan: Plan, d: Tensor, call: int = 6) -> Tensor:
    """The estimate, edited at one call of the schedule."""
    return plan.apply(d, sigmas(STEPS)[call].expand(len(d)))


def turned(d: Tensor) -> Tensor:
    """The same picture in other colours: channels turned into one another."""
    turn = torch.linalg.qr(gaussian(4, 4, seed=5)).Q
    return torch.einsum("dc,bchw->bdhw", turn, d)


def nothing_is_read_back(plan: Plan) -> None:
    with FakeTensorMode(allow_non_fake_inputs=True) as fake:
        d = fake.from_tensor(gaussian(3, 4, SIDE, SIDE))
        made = plan.apply(d, fake.from_tensor(torch.tensor([14.6, 1.0, 0.1])))
    assert made.shape == d.shape and made.dtype == d.dtype
