"""Applying a plan: a new tensor, the caller's precision, nothing read back, nothing global, the same every time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lib_pxl.control import Plan
from lib_pxl.hosts.fake import SAMPLERS, sigmas
from tests.control.stage import canvas, gaussian, layer, painted, plan, program, sample, sent

SHAPE = (4, 16, 16)
TARGET = gaussian(1, *SHAPE, seed=9)
DTYPES = [torch.float32, torch.float16, torch.bfloat16]
READ_BACK = {"_local_scalar_dense", "item", "is_nonzero", "equal", "nonzero", "masked_select", "unique"}


def stack(steps: int = 10) -> Plan:
    """Three layers of all that there is: curve, mask, constant."""
    mask = sent(painted(128, 128, 3))
    layers = [layer(strength="0:0, 30%:1 smooth, 80%:0"), layer(mask=mask), layer(strength=0.2, fit="pad")]
    return program(*layers).prepare(canvas(TARGET, steps))


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Every operation that runs beneath it, by name, and the precision of all that it made."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []
        self.dtypes: set[torch.dtype] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **kwargs or {})
        self.names.append(func.overloadpacket.__name__)
        self.dtypes |= {each.dtype for each in tree_leaves(made) if isinstance(each, Tensor)}
        return made


def applied(ready: Plan, d: Tensor, sigma: Tensor) -> Watch:
    watch = Watch()
    with watch:
        ready.apply(d, sigma)
    return watch


def test_nothing_is_read_back_so_a_tensor_without_values_passes_through() -> None:
    ready = stack()
    with FakeTensorMode(allow_non_fake_inputs=True) as fake:
        d = fake.from_tensor(gaussian(3, *SHAPE))
        made = ready.apply(d, fake.from_tensor(torch.tensor([14.6, 1.0, 0.1])))
    assert made.shape == d.shape and made.dtype == d.dtype


def test_no_operation_reads_a_value_back() -> None:
    assert not READ_BACK & set(applied(stack(), gaussian(2, *SHAPE), torch.ones(2)).names)


def test_every_operation_is_one_that_torch_2_1_has_on_a_mac_too() -> None:
    lacking = {"bucketize", "cummax", "histc", "searchsorted", "std_mean", "var_mean"}
    assert not lacking & set(applied(stack(), gaussian(2, *SHAPE), torch.ones(2)).names)


@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_is_ever_float64(dtype: torch.dtype) -> None:
    watch = applied(stack(), gaussian(2, *SHAPE).to(dtype), torch.ones(2))
    assert torch.float32 in watch.dtypes and torch.float64 not in watch.dtypes
    with Watch() as watch:
        stack()
    assert torch.float64 not in watch.dtypes


def test_the_work_of_a_step_does_not_grow_with_the_schedule() -> None:
    few, many = (applied(stack(steps), gaussian(2, *SHAPE), torch.ones(2)).names for steps in (2, 100))
    assert few == many


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1, 1e-3, 1e3])
def test_the_estimate_comes_back_in_its_own_precision_and_finite(dtype: torch.dtype, scale: float) -> None:
    d = (gaussian(2, *SHAPE) * scale).to(dtype)
    made = stack().apply(d, torch.tensor([3.0, 0.2], dtype=dtype))
    assert made.dtype == dtype and made.isfinite().all()
    whole = stack().apply(d.float(), torch.tensor([3.0, 0.2], dtype=dtype))
    assert torch.equal(made, whole.to(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_handed_in_is_never_changed(dtype: torch.dtype) -> None:
    d, sigma = gaussian(2, *SHAPE).to(dtype), torch.ones(2)
    before = d.clone(), sigma.clone(), d._version, sigma._version
    made = stack().apply(d, sigma)
    assert made is not d and made.data_ptr() != d.data_ptr()
    assert torch.equal(d, before[0]) and torch.equal(sigma, before[1])
    assert (d._version, sigma._version) == before[2:]


def test_a_plan_may_be_made_and_used_inside_inference_mode_or_across_it() -> None:
    d, sigma = gaussian(2, *SHAPE), torch.tensor([3.0, 0.2])
    wanted = stack().apply(d, sigma)
    with torch.inference_mode():
        made = stack()
        assert torch.equal(made.apply(d.clone(), sigma.clone()), wanted)
        assert torch.equal(stack().apply(d, sigma), wanted)
    assert torch.equal(made.apply(d, sigma), wanted)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_batch_of_four_is_the_four_singles(sampler: str) -> None:
    ready = stack()
    together = sample(ready, [1, 2, 3, 4], SHAPE, 10, sampler)
    alone = [sample(ready, [seed], SHAPE, 10, sampler) for seed in (1, 2, 3, 4)]
    assert torch.equal(together, torch.cat(alone))


def test_the_same_request_twice_is_the_same_bytes() -> None:
    twice = [sample(stack(), [1, 2], SHAPE, 10).numpy().tobytes() for _ in range(2)]
    assert twice[0] == twice[1]


def test_a_plan_keeps_no_memory_of_earlier_steps() -> None:
    ready, d = stack(), gaussian(1, *SHAPE)
    first = ready.apply(d, torch.tensor([1.0]))
    for sigma in sigmas(10):
        ready.apply(d * sigma, sigma[None])
    assert torch.equal(ready.apply(d, torch.tensor([1.0])), first)


def test_neither_preparing_nor_applying_draws_a_random_number() -> None:
    state = torch.get_rng_state()
    stack().apply(gaussian(1, *SHAPE), torch.ones(1))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_layer_is_the_identity_wherever_its_strength_is_nothing(sign: int) -> None:
    ready = plan(TARGET, "0:1, 60%:0 hold", steps=11)
    d = gaussian(1, *SHAPE) + sign * TARGET  # against the map, too
    for i, sigma in enumerate(sigmas(11)[:-1]):
        assert torch.equal(ready.apply(d, sigma[None]), d) == (i >= 6)
