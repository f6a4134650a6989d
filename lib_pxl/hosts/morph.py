"""A morph in a job: the prompt is encoded at a few knots, and every step takes what lies between two of them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lib_pxl.control import Canvas
from lib_pxl.control.canvas import Schedule
from lib_pxl.hosts.base import Change, Conds, Guest, Pass
from lib_pxl.hosts.speech import Speech
from lib_pxl.noken.path import between, path

Said = tuple[Any, Any]  # cond and uncond of one knot


class MorphGuest(Guest):
    """All morphs of a batch's prompts, which go one way together."""

    def __init__(self, speech: Speech) -> None:
        self.speech = speech
        self.knots: list[Conds] = []

    def begin(self, stage: Pass, canvas: Canvas) -> None:
        """Encode the knots. Where there is but one, the host has already encoded it."""
        morphs, self.knots = self.speech.morphs, []
        if not morphs or stage.spoken is None:
            return
        self.schedule = Schedule.parse(canvas.sigmas, stage.device)
        u = self.schedule.progress
        way = path(torch.stack([each.curve(u) for each in morphs.values()], 1))
        if len(way.knots) > 1:
            pairs = (torch.stack([way.left, way.right]), way.share)
            self._places, self._shares = (each.to(stage.device) for each in pairs)
            self.knots = [stage.spoken(self._change(mixes)) for mixes in way.knots]
            self._said: list[Said] = []

    def _change(self, mixes: tuple[float, ...]) -> Change:
        """Of a prompt, that it says each morph as it is at a knot."""
        words = {
            name: self.speech.lend(between(each.a, each.b, mix))
            for (name, each), mix in zip(self.speech.morphs.items(), mixes, strict=True)
        }

        def change(text: str) -> str:
            for name, word in words.items():
                text = text.replace(name, word)
            return text

        return change

    def conditioning(self, cond: Any, uncond: Any, sigma: Tensor) -> Said:
        """Both as they are at this sigma; nothing is read back."""
        if not self.knots:
            return cond, uncond
        said = [knot() for knot in self.knots]
        if not self._said or any(new is not old for new, old in zip(said, self._said, strict=True)):
            self._said = said  # as long as no prompt editing steps in, the host gives the same again
            self._stacks = _stacked([each[0] for each in said]), _stacked([each[1] for each in said])
        place = self.schedule.at(sigma[:1])
        left, right = self._places[:, place]
        share = self._shares[place]
        news = [_between(stack, left, right, share) for stack in self._stacks]
        return _put(cond, news[0]), _put(uncond, news[1])


def _stacked(knots: list[Any]) -> Any:
    """All knots' conditionings (K, rows, T, D), or a dictionary of such; None where the host's own stays."""
    first = knots[0]
    if first is None:
        return None
    if isinstance(first, Mapping):
        return {name: _stacked([each[name] for each in knots]) for name in first}
    longest = max(each.shape[1] for each in knots)
    return torch.stack([_padded(each, longest) for each in knots])


def _padded(cond: Tensor, length: int) -> Tensor:
    """As the WebUIs do with prompts of unlike length, the last token again and again."""
    missing = length - cond.shape[1]
    return torch.cat([cond, cond[:, -1:].expand(-1, missing, -1)], 1) if missing else cond


def _between(stack: Any, left: Tensor, right: Tensor, share: Tensor) -> Any:
    if isinstance(stack, Mapping):
        return {name: _between(each, left, right, share) for name, each in stack.items()}
    return None if stack is None else torch.lerp(stack[left].float(), stack[right].float(), share)[0].to(stack.dtype)


def _put(old: Any, new: Any) -> Any:
    """In the host's own kind of dictionary, where it has one: A1111's tells its shape."""
    if old is None or new is None:
        return old
    if isinstance(old, Mapping):
        made: Any = copy.copy(old)
        made.update(new)
        return made
    return new
