"""The panel: one hidden field that holds the job, and an empty place in which javascript/pxl.js draws its editor."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping
from typing import Any

import gradio as gr

from lib_pxl.control.layer import KNOBS, GroupKnob, SourceKnob
from lib_pxl.control.program import MAX_LAYERS
from lib_pxl.control.source import SOURCES
from lib_pxl.knobs import Choice, Knob
from lib_pxl.ui.compat import on_page

BUILT = {"control": True, "nokens": True, "record": True}
FLAGS = {"nokens": ("carry",)}  # what is ticked beside a switch, while that is on
DRAWN = ("source", "mask", "mode", "map", "strength", "gate", "motion", "fit", "hires")

# What belongs to the whole job, and the tab in which it counts; None is both.
BESIDE = {"input": "img2img", "whole": "img2img", "animation": None, "trace": None, "inner": None}


def build(tab: str, key: str, switches: dict[str, Knob]) -> list[Any]:
    """The accordion of one tab; the list holds the one component that a job is read from."""
    # In gradio 6 what a closed accordion holds is not in the page yet, and the stars under a gallery need the key.
    key_place = f'<span class="pxl-key" data-key="{html.escape(key)}"></span>'
    gr.HTML(key_place, elem_id=f"pxl_{tab}_key", elem_classes=["pxl-hidden"])
    with gr.Accordion("pxl", open=False, elem_id=f"pxl_{tab}_accordion"):
        job = gr.Textbox(label="pxl job", value="", lines=2, elem_id=f"pxl_{tab}_job", elem_classes=["pxl-hidden"])
        drawn = {
            "id": f"pxl_{tab}_editor",
            "data-tab": tab,
            "data-key": key,
            "data-schema": json.dumps(schema(switches)),
        }
        attributes = " ".join(f'{name}="{html.escape(value)}"' for name, value in drawn.items())
        gr.HTML(f'<div class="pxl-panel" {attributes}></div>', elem_id=f"pxl_{tab}_place")
    on_page(job.change, f"() => window.pxl && window.pxl.read({tab!r})")
    return [job]


def schema(switches: dict[str, Knob]) -> dict[str, Any]:
    """All that the editor needs to know of the knobs, from the knobs themselves."""
    control = switches["control"]
    beside = control.knobs or {} if isinstance(control, GroupKnob) else {}
    return {
        "max_layers": MAX_LAYERS,
        "switches": [_switch(knob) for knob in switches.values()],
        "control": [_field(beside[name]) | {"tab": tab} for name, tab in BESIDE.items()],
        "fields": [_field(KNOBS[name]) for name in DRAWN],
    }


def _switch(knob: Knob) -> dict[str, Any]:
    inside = knob.knobs or {} if isinstance(knob, GroupKnob) else {}
    flags = [_field(inside[name]) for name in FLAGS.get(knob.name, ())]
    return {"name": knob.name, "label": knob.label, "help": knob.help, "built": BUILT[knob.name], "flags": flags}


def _field(knob: Knob) -> dict[str, Any]:
    field: dict[str, Any] = {
        "name": knob.name,
        "kind": knob.kind,
        "label": knob.label,
        "help": knob.help,
        "default": knob.format(knob.default),
        "optional": not knob.required,
    }
    if knob.when:
        field["when"] = [{path: list(wanted) for path, wanted in each.items()} for each in knob.when]
    if knob.kind == "number":
        field |= {name: value for name, value in (("low", knob.low), ("high", knob.high)) if math.isfinite(value)}
        field["whole"] = knob.whole
    if isinstance(knob, GroupKnob):
        field["fields"] = _fields(knob.knobs or {})
    if isinstance(knob, SourceKnob):
        field["choices"] = [_choice(name, kind) | {"fields": _fields(own)} for name, (kind, own) in SOURCES.items()]
    if knob.choices:
        words = all(choice.build is None for choice in knob.choices.values())  # such as `advance`: nothing to build
        field["choices"] = [_choice(*each, built=words) for each in knob.choices.items()]
    return field


def _fields(knobs: Mapping[str, Knob]) -> list[dict[str, Any]]:
    return [_field(knob) for knob in knobs.values()]


def _choice(value: str, choice: Choice, built: bool = False) -> dict[str, Any]:
    return {"value": value, "label": choice.label, "help": choice.help, "built": built or choice.build is not None}
