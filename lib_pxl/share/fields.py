"""What may be shared, each part chosen by itself; pictures never are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lib_pxl.errors import ShareError, Words
from lib_pxl.knobs import Flag, Knob, one_of, parse_group

OPINIONS: dict[str, Knob] = {
    "rating": Flag("rating", "Ratings", "what you gave pictures, with the category's name"),
    "duel": Flag("duel", "Duels", "which of two pictures you found better, with the category's name"),
}
CONTENT: dict[str, Knob] = {
    "prompt": Flag("prompt", "Prompts", "the text of each prompt, after the cleaning"),
    "negative": Flag("negative", "Negative prompts", "their text, after the same cleaning"),
    "settings": Flag("settings", "Settings", "sampler, steps, size, CFG and the like; never the seed"),
    "model": Flag("model", "Model names", "the checkpoint's and the VAE's name; needs Settings"),
    "caption": Flag("caption", "Captions", "what a model of yours wrote about a picture, where there is such a text"),
}
WAYS: dict[str, Knob] = {
    "loras": Flag("loras", "Names of LoRAs", "leave them in the prompts; otherwise they are taken out"),
    "earlier": Flag("earlier", "Earlier opinions too", "those that you gave before you agreed"),
    "automatic": Flag("automatic", "Send by itself", "what has lain in the outbox for an hour leaves without a click"),
}
GROUPS = {"Opinions": OPINIONS, "Of each picture": CONTENT, "Also": WAYS}
KNOBS = {**OPINIONS, **CONTENT, **WAYS}
Fields = frozenset[str]


def parse_fields(data: Any) -> Fields:
    """Those chosen, from what was ticked: `{"rating": true, …}`, or a list of names."""
    if isinstance(data, list):
        data = {name: True for name in data if isinstance(name, str)}
    ticked = parse_group(KNOBS, data, "")
    chosen = frozenset(name for name, is_on in ticked.items() if is_on)
    _demand(chosen, OPINIONS)
    _demand(chosen, [name for name in CONTENT if name != "model"])
    return chosen


def _demand(chosen: Fields, names: Mapping[str, Knob] | Iterable[str]) -> None:
    if not chosen & {*names}:
        labels = [KNOBS[name].label.lower() for name in names]
        raise ShareError("what is shared", got=Words("none of them"), wanted=f"at least one of {one_of(labels)}")
