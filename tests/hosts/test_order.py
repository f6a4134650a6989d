"""An order: whatever settings a picture or a stranger has, what a host is asked for is sound."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib_pxl.hosts.order import LARGEST, Order


def test_settings_are_read_by_their_names_in_infotexts() -> None:
    order = Order("a fox", settings={"Steps": 12, "CFG scale": 5.5, "Size": "640x448", "Sampler": "DPM++ 2M",
                                     "Schedule type": "Karras"})  # fmt: skip
    assert (order.steps, order.cfg, order.size(512, 8)) == (12, 5.5, (640, 448))
    assert (order.sampler, order.schedule) == ("DPM++ 2M", "Karras")


def test_what_is_not_said_is_as_usual() -> None:
    order = Order("a fox")
    assert (order.steps, order.cfg, order.size(512, 8), order.sampler, order.schedule) == (
        20, 7, (512, 512), "", "Automatic",
    )  # fmt: skip


@pytest.mark.parametrize("size", ["", "x", "640", "640x", "ax2", "640x480x3", "-640x480", "٣x٣", 7, None, "999999x2"])
def test_a_size_that_is_none_is_the_usual(size: Any) -> None:
    assert Order("", settings={"Size": size}).size(512, 8) == (512, 512)


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)


@given(st.dictionaries(st.sampled_from(["Steps", "CFG scale", "Size", "Sampler", "Schedule type"]), values),
       st.integers(0, 99_999), st.integers(0, 99_999))  # fmt: skip
def test_any_settings_give_a_sound_order(told: dict[str, Any], width: int, height: int) -> None:
    order = Order("", settings=told)
    assert 1 <= order.steps <= 150 and 1 <= order.cfg <= 30
    sides = Order("", settings={"Size": f"{width}x{height}"}).size(512, 8)
    assert all(64 <= side <= LARGEST and side % 8 == 0 for side in (*sides, *order.size(512, 8)))
