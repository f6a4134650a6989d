"""Taste: what one person likes, learned from their opinions, with how sure that is."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lib_pxl.taste.model import Taste
    from lib_pxl.taste.opinion import Duel, Item, Rating

__all__ = ["Duel", "Item", "Rating", "Taste"]
_HOMES = {"Duel": "opinion", "Item": "opinion", "Rating": "opinion", "Taste": "model"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)  # the command line has not loaded torch before
