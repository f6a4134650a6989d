"""Nokens: words that do not exist, bred from the vectors of words that do."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lib_pxl.noken.breeding import breed
    from lib_pxl.noken.genome import Noken
    from lib_pxl.noken.mutation import mutate

__all__ = ["Noken", "breed", "mutate"]
_HOMES = {"Noken": "genome", "breed": "breeding", "mutate": "mutation"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)  # the command line has not loaded torch before
