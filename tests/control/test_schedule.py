"""Progress: found from sigma alone, as the contract says, by an oracle in plain arithmetic."""

from __future__ import annotations

import math
from itertools import accumulate

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl.control.canvas import FINE, Schedule
from lib_pxl.control.color import levels
from lib_pxl.errors import ProgramError
from lib_pxl.hosts.fake import sigmas
from tests.control.stage import canvas, correlation, gaussian, layer, plan, program

falls = st.lists(st.floats(1.01, 8), max_size=20)


def schedule(*values: float) -> Schedule:
    return Schedule.parse(torch.tensor(values), "cpu")


def progress(found: Schedule, *at: float) -> list[float]:
    """u at every sigma."""
    return found.progress[found.at(torch.tensor(at))].tolist()


def oracle(calls: list[float], sigma: float) -> float:
    """u = i/(N-1) at the i-th call's sigma, linear in ln sigma between, flat outside, 0 where N is 1."""
    n = len(calls)
    if n == 1 or sigma >= calls[0]:
        return 0.0
    for i in range(n - 1):
        if calls[i] >= sigma >= calls[i + 1]:
            way = (math.log(calls[i]) - math.log(sigma)) / (math.log(calls[i]) - math.log(calls[i + 1]))
            return (i + way) / (n - 1)
    return 1.0


@given(st.floats(1e-3, 10), falls, st.lists(st.floats(1e-4, 1e4), min_size=1, max_size=20))
def test_progress_is_as_the_contract_says(low: float, ratios: list[float], at: list[float]) -> None:
    calls = list(accumulate(ratios, lambda sigma, ratio: sigma * ratio, initial=low))[::-1]
    found = schedule(*calls, 0)
    near = 0.51 / FINE / max(len(calls) - 1, 1)  # the nearest place of the table
    assert progress(found, *at) == pytest.approx([oracle(calls, sigma) for sigma in at], abs=near)


@given(st.integers(1, 60), st.floats(0.01, 0.5), st.floats(1, 100), st.floats(1, 9))
def test_progress_at_the_calls_themselves_is_exact(steps: int, low: float, high: float, rho: float) -> None:
    values = sigmas(steps, low, high, rho)
    found = Schedule.parse(values, "cpu")
    assert torch.equal(found.at(values[:-1]), torch.arange(steps) * FINE)
    assert progress(found, *values[:-1].tolist()) == pytest.approx([i / max(steps - 1, 1) for i in range(steps)])


@pytest.mark.parametrize("calls", [[14.6], [14.6, 14.6], [9.0, 4, 4, 4, 1], [5.0, 5, 5], [2.0, 1 + 1e-7, 1]])
def test_repeated_sigmas_keep_progress_rising_from_nothing_to_all(calls: list[float]) -> None:
    fine = torch.logspace(2, -3, 500)
    u = progress(schedule(*calls, 0), *fine.tolist())
    assert u == sorted(u) and u[0] == 0
    assert u[-1] == (1 if len(calls) > 1 else 0)


def test_a_schedule_of_one_call_stands_at_its_beginning() -> None:
    assert progress(schedule(14.6, 0), 100, 14.6, 1e-3, 0) == [0, 0, 0, 0]
    target, d = gaussian(1, 4, 8, 8, seed=1), gaussian(1, 4, 8, 8)
    assert plan(target, "0:1, 1:0", steps=1).apply(d, torch.tensor([14.6])).allclose(target, atol=1e-5)
    assert plan(target, "0:0, 1:1", steps=1).tracks == ()


def test_outside_the_schedule_progress_is_clamped() -> None:
    assert progress(schedule(10, 1, 0.1, 0), 1e30, 11, 10, 0.1, 0.09, 1e-30, 0) == [0, 0, 0, 1, 1, 1, 1]


def test_a_schedule_need_not_end_at_nothing() -> None:
    found = schedule(14.6, 3, 0.5, 0.1)  # as kl_optimal's and turbo's may
    assert progress(found, 14.6, 3, 0.5, 0.1) == [0, 0.5, 1, 1]
    assert found.leads_to.tolist() == pytest.approx([3, 0.5, 0.1])
    assert levels(found)[-1] < 1


def test_the_share_of_a_clean_estimate_s_deviation_rises_to_all_of_it() -> None:
    share = levels(Schedule.parse(sigmas(20), "cpu"))
    assert share.diff().min() > 0 and share[-1] == 1
    oracle = [1 / math.sqrt(1 + float(sigma) ** 2) for sigma in sigmas(20)[1:]]
    assert share.tolist() == pytest.approx(oracle)


@pytest.mark.parametrize(
    "values",
    [[], [1.0], [0.0], [0.0, 0], [1.0, 2], [3.0, 1, 2, 0], [math.nan, 0], [2.0, math.nan, 0], [math.inf, 1, 0]]
    + [[-1.0, 0], [1.0, -1], [2.0, -1, 0], [2.0, 1, -0.5], [2.0, 0, 0]],
    ids=str,
)
def test_what_is_no_schedule_is_refused(values: list[float]) -> None:
    with pytest.raises(ProgramError, match=r"sigmas: got \[.*, wanted one or more sigmas above 0, falling") as caught:
        program(layer()).prepare(canvas(sigmas=torch.tensor(values)))
    assert caught.value.field == "sigmas"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_schedule_may_come_in_any_precision(dtype: torch.dtype) -> None:
    values = sigmas(10).to(dtype)
    found = Schedule.parse(values, "cpu")
    assert found.sigmas.dtype == torch.float32
    assert (found.at(values[:-1]) / FINE).tolist() == pytest.approx(list(range(10)), abs=1.1 / FINE)


@given(st.lists(st.floats(0.03, 14.6), min_size=2, max_size=6))
def test_every_image_of_a_batch_has_the_progress_of_its_own_sigma(at: list[float]) -> None:
    target = gaussian(1, 4, 16, 16, seed=1)
    ready = plan(target, "0:0.2, 50%:1, 100%:0.2", steps=10, batch=len(at))
    d, sigma = gaussian(len(at), 4, 16, 16), torch.tensor(at)
    together = ready.apply(d, sigma)
    assert torch.equal(together, torch.cat([ready.apply(d[i : i + 1], sigma[i : i + 1]) for i in range(len(at))]))
    u = [oracle(sigmas(10)[:-1].tolist(), sigma) for sigma in at]
    w = [0.2 + 0.8 * (1 - abs(2 * each - 1)) for each in u]
    aimed = torch.tensor(w)[:, None].double().expand(-1, 4)
    aimed = torch.maximum(aimed, correlation(d, target.expand_as(d)))
    assert correlation(together, target.expand_as(d)).allclose(aimed, atol=0.02)
