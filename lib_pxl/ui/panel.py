"""The panel: one hidden field that holds the job, and an empty place in which javascript/pxl.js draws its editor."""

from __future__ import annotations

import html
import json
from typing import Any

import gradio as gr

from lib_pxl.control.curve import Curve
from lib_pxl.control.layer import KNOBS
from lib_pxl.control.program import MAX_LAYERS
from lib_pxl.control.source import SOURCES
from lib_pxl.knobs import Knob
from lib_pxl.ui.compat import on_page

BUILT = {"control": True, "nokens": False, "record": False}
DRAWN = ("map", "mode", "strength", "hires", "fit", "mask")


def build(tab: str, key: str, switches: dict[str, Knob]) -> list[Any]:
    """The accordion of one tab; the list holds the one component that a job is read from."""
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
    named = [{"name": k.name, "label": k.label, "help": k.help, "built": BUILT[k.name]} for k in switches.values()]
    fields = [_field(SOURCES["image"][1]["image"]), *(_field(KNOBS[name]) for name in DRAWN)]
    return {"max_layers": MAX_LAYERS, "switches": named, "fields": fields}


def _field(knob: Knob) -> dict[str, Any]:
    default = knob.default.format() if isinstance(knob.default, Curve) else knob.default
    field: dict[str, Any] = {
        "name": knob.name,
        "kind": knob.kind,
        "label": knob.label,
        "help": knob.help,
        "default": default,
        "optional": not knob.required,
    }
    if knob.choices:
        field["choices"] = [
            {"value": value, "label": choice.label, "help": choice.help, "built": choice.build is not None}
            for value, choice in knob.choices.items()
        ]
    return field
