"""What a feature may count on: a guest that overrides nothing changes nothing, and costs nothing."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lib_pxl.hosts.base import Guest, Pass, Vae
from lib_pxl.hosts.fake import FakeHost, sigmas
from lib_pxl.hosts.run import Run
from tests.control.stage import canvas, gaussian

STAGE = Pass("txt2img", (1, 4, 8, 8), sigmas(4), [1], torch.device("cpu"), torch.float32)


def test_a_plain_guest_hands_everything_back() -> None:
    guest, x, cond, uncond = Guest(), gaussian(1, 4, 8, 8), object(), object()
    guest.begin(STAGE, canvas())
    assert guest.noise(x) is x and guest.estimate(x, torch.ones(1)) is x
    assert guest.conditioning(cond, uncond, torch.ones(1)) == (cond, uncond)


def test_a_run_of_plain_guests_hands_back_the_same_objects(data_folder: Path) -> None:
    host = FakeHost(data_folder)
    run = Run(host, host.desk, pytest.fail)
    run.guests += [Guest(), Guest()]
    run.begin(STAGE)
    x, cond, uncond = gaussian(1, 4, 8, 8), object(), object()
    assert run.noise(x) is x and run.estimate(x, torch.ones(1)) is x
    found = run.conditioning(cond, uncond, torch.ones(1))
    assert found[0] is cond and found[1] is uncond


def test_guests_act_one_after_another_each_at_the_doors_it_opens(data_folder: Path) -> None:
    class Add(Guest):
        def estimate(self, denoised: Tensor, sigma: Tensor) -> Tensor:
            return denoised + sigma[:, None, None, None]

    class Double(Guest):
        def estimate(self, denoised: Tensor, sigma: Tensor) -> Tensor:
            return denoised * 2

        def noise(self, noise: Tensor) -> Tensor:
            return -noise

    class Speak(Guest):
        def conditioning(self, cond: Any, uncond: Any, sigma: Tensor) -> tuple[Any, Any]:
            return cond + "!", uncond

    host = FakeHost(data_folder)
    run = Run(host, host.desk, pytest.fail)
    run.guests += [Add(), Double(), Speak()]
    run.begin(STAGE)
    x = gaussian(1, 4, 8, 8)
    assert torch.equal(run.estimate(x, torch.ones(1)), (x + 1) * 2)
    assert torch.equal(run.noise(x), -x)
    assert run.conditioning("a", "b", torch.ones(1)) == ("a!", "b")


def test_a_guest_without_control_is_prepared_too(data_folder: Path) -> None:
    class Counts(Guest):
        begun = 0

        def begin(self, stage: Pass, canvas: Any) -> None:
            self.begun += 1
            assert canvas.rgb.shape == (4, 3)

    host, guest = FakeHost(data_folder), Counts()
    host.guests = [guest]
    host.generate(hires=2)
    assert guest.begun == 2


@pytest.mark.parametrize("made", [STAGE, Vae("a", 8, 4, lambda pixels: pixels)], ids=lambda made: type(made).__name__)
def test_what_a_host_says_cannot_be_changed_by_a_guest(made: Any) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(made, fields(made)[0].name, None)
