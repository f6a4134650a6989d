"""Applying a plan: a new tensor, the caller's precision, nothing read back, nothing global, the same every time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from lib_pxl.control import Plan
from lib_pxl.control.mode import MODES
from lib_pxl.hosts.fake import SAMPLERS, sigmas
from tests.control.stage import PICTURE, canvas, gaussian, layer, painted, plan, program, sample, sent

SHAPE = (4, 16, 16)
TARGET = gaussian(1, *SHAPE, seed=9)
DTYPES = [torch.float32, torch.float16, torch.bfloat16]
BUILT = [name for name, choice in MODES.items() if choice.build is not None]
READ_BACK = {"_local_scalar_dense", "item", "is_nonzero", "equal", "nonzero", "masked_select", "unique"}


def stack(steps: int = 10) -> Plan:
    """Three layers of all that there is: curve, mask, constant."""
    mask = sent(painted(128, 128, 3))
    layers = [layer(strength="0:0, 30%:1 smooth, 80%:0"), layer(mask=mask), layer(strength=0.2, fit="pad")]
    return program(*layers).prepare(canvas(TARGET, steps))


def four(mode: str, seeds: Sequence[int] = (1, 2), **more: Any) -> Plan:
    """Four layers of a mode with all that moves: noise as their maps, gates, a curve."""
    usual = {"source": {"kind": "noise"}, "mode": mode, "strength": "0:1, 80%:0", "gate": {}, "motion": {"seed": 5}}
    colours = gaussian(4, 3, seed=3)
    return program(*[layer(**usual | more)] * 4).prepare(canvas(TARGET, batch=len(seeds), seeds=seeds, rgb=colours))


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Every operation that runs beneath it, by name, and the precision of all that it made."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []
        self.count = 0  # of those that make a new tensor: on a GPU, its kernels
        self.dtypes: set[torch.dtype] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **kwargs or {})
        self.names.append(func.overloadpacket.__name__)
        self.count += not func.is_view
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


@pytest.mark.parametrize("mode", BUILT)
def test_no_mode_gate_or_moving_map_reads_a_value_back(mode: str) -> None:
    ready = four(mode, mask=sent(painted(128, 128, 3)))
    with FakeTensorMode(allow_non_fake_inputs=True) as fake:
        d = fake.from_tensor(gaussian(2, *SHAPE))
        assert ready.apply(d, fake.from_tensor(torch.tensor([14.6, 0.1]))).shape == d.shape
        assert ready.noise(d).shape == d.shape


@pytest.mark.parametrize("mode", BUILT)
def test_no_operation_reads_a_value_back(mode: str) -> None:
    for ready in (stack(), four(mode)):
        assert not READ_BACK & set(applied(ready, gaussian(2, *SHAPE), torch.ones(2)).names)


@pytest.mark.parametrize("mode", BUILT)
def test_every_operation_is_one_that_torch_2_1_has_on_a_mac_too(mode: str) -> None:
    lacking = {"bucketize", "cummax", "histc", "searchsorted", "std_mean", "var_mean"}
    for ready in (stack(), four(mode)):
        assert not lacking & set(applied(ready, gaussian(2, *SHAPE), torch.ones(2)).names)


@pytest.mark.parametrize("mode", BUILT)
@pytest.mark.parametrize("more", [{}, {"gate": None}, {"source": {"kind": "image", "image": PICTURE}}])
def test_four_layers_take_at_most_60_operations_a_step_of_one_image(mode: str, more: dict[str, Any]) -> None:
    assert applied(four(mode, [1], **more), gaussian(1, *SHAPE), torch.ones(1)).count <= 60


@pytest.mark.parametrize("mode", BUILT)
def test_a_gate_costs_no_operation_of_its_own(mode: str) -> None:
    free, gated = (applied(four(mode, gate=gate), gaussian(2, *SHAPE), torch.ones(2)).count for gate in (None, {}))
    assert free == gated


@pytest.mark.parametrize("mode", BUILT)
def test_each_image_of_a_batch_is_edited_as_if_it_were_alone(mode: str) -> None:
    d, sigma = gaussian(2, *SHAPE), torch.tensor([5.0, 0.2])
    together = four(mode).apply(d, sigma)
    for i, seed in enumerate((1, 2)):
        alone = four(mode, [seed]).apply(d[i : i + 1], sigma[i : i + 1])
        assert alone.allclose(together[i : i + 1], atol=1e-5)


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
