"""The studio's page: txt2img and img2img with A1111's element ids, the pxl panel and the pxl tab."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import gradio as gr

from lib_pxl.hosts.job import SWITCHES
from lib_pxl.hosts.request import KNOBS
from lib_pxl.small import CFG, NAME
from lib_pxl.studio.work import Work
from lib_pxl.ui import panel
from lib_pxl.ui import tab as pxl_tab
from lib_pxl.world.scene import COLOURS, PLACES, SHAPES, SIZES, STYLES, TEXTURES

TABS = ("txt2img", "img2img")


@dataclass(frozen=True)
class Form:
    """One tab's components: the request's fields by name, pxl's job, the buttons, and what shows the result."""

    tab: str
    fields: dict[str, Any]
    job: Any
    generate: Any
    interrupt: Any
    live: Any
    gallery: Any
    infotext: Any
    to_img2img: Any
    to_layer: Any
    texts: Any  # the infotext of every picture in the gallery
    shown: Any  # which of them is looked at
    pasted: Any
    paste: Any
    tabs: Any  # of the whole page
    surprise: Any  # a button, where the model knows which prompts it understands


def theme() -> Any:
    """Calm, and with the fonts that the machine has: nothing is fetched."""
    fonts: dict[str, Any] = {"font": ("system-ui", "sans-serif"), "font_mono": ("ui-monospace", "monospace")}
    return gr.themes.Base(primary_hue="orange", neutral_hue="zinc", radius_size="md", **fonts).set(
        body_text_color_subdued="*neutral_500", body_text_color_subdued_dark="*neutral_400",
        input_background_fill="white", input_background_fill_dark="*neutral_900",
        input_border_width="1px", input_border_color="*neutral_200", input_border_color_dark="*neutral_700",
        input_placeholder_color="*neutral_500", block_background_fill_dark="*neutral_950",
        button_large_text_weight="500", button_secondary_background_fill="*neutral_100",
        button_secondary_background_fill_dark="*neutral_800", slider_color="*primary_400",
    )  # fmt: skip


def build(work: Work) -> tuple[gr.Blocks, list[Form]]:
    """The whole page, and its forms, which nothing listens to yet."""
    with gr.Blocks(title="pxl studio", analytics_enabled=False, fill_width=True, delete_cache=(3600, 86400)) as blocks:
        model = html.escape(work.host.model)
        gr.HTML(
            f"<h1>pxl studio</h1><span>{model}</span>{_hint(work.host.model)}", elem_id="studio_head", padding=False
        )
        forms = []
        with gr.Tabs(elem_id="tabs") as tabs:
            for name in TABS:
                with gr.Tab(name, id=name, elem_id=f"tab_{name}", render_children=True):
                    forms.append(_form(work, name, tabs))
            with gr.Tab("pxl", id="pxl", elem_id="tab_pxl"):
                pxl_tab.build(work.host.desk.key)
        gr.HTML("Pictures made by a machine", elem_id="studio_foot", padding=False)
    return blocks, forms


def _hint(model: str) -> str:
    """What the small model knows; people would ask it for cats."""
    if model != NAME:
        return ""
    words = (SHAPES, COLOURS, PLACES, SIZES, TEXTURES[1:], STYLES[1:])
    known = "; ".join(", ".join(each) for each in words)
    return f"<p>A model of a few million weights that knows little: {known}. <code>--model</code> loads yours.</p>"


def _form(work: Work, tab: str, tabs: Any) -> Form:
    with gr.Row(elem_classes=["studio-columns"]):
        with gr.Column(scale=5, min_width=360):
            fields = _words(tab)
            with gr.Row():
                generate = gr.Button("Generate", variant="primary", elem_id=f"{tab}_generate", scale=3)
                interrupt = gr.Button("Interrupt", elem_id=f"{tab}_interrupt", scale=1, min_width=100)
                surprise = gr.Button("Example", elem_id=f"{tab}_surprise", scale=1, min_width=100,
                                     visible=work.host.model == NAME)  # fmt: skip
            fields |= _settings(work, tab)
            (job,) = panel.build(tab, work.host.desk.key, SWITCHES)
        with gr.Column(scale=6, min_width=360):
            shown = _stage(tab)
            with gr.Accordion("Paste infotext", open=False, elem_id=f"{tab}_paste_accordion"):
                pasted = gr.Textbox(show_label=False, lines=3, max_lines=12, elem_id=f"{tab}_pasted", container=False,
                                    placeholder="The text under a picture of the studio, A1111 or Forge")  # fmt: skip
                paste = gr.Button("Take over its prompt and settings", elem_id=f"{tab}_paste")
    return Form(
        tab=tab, fields=fields, job=job, generate=generate, interrupt=interrupt, **shown, pasted=pasted, paste=paste,
        tabs=tabs, surprise=surprise,
    )  # fmt: skip


def _stage(tab: str) -> dict[str, Any]:
    with gr.Column(elem_classes=["studio-stage"]):
        live = gr.HTML(elem_id=f"{tab}_live", elem_classes=["studio-live"], padding=False)
        gallery = gr.Gallery(
            label="Pictures", show_label=False, columns=2, height=512, object_fit="contain", interactive=False,
            elem_id=f"{tab}_gallery", buttons=["download", "fullscreen"],
        )  # fmt: skip
    infotext = gr.Textbox(label="Infotext", lines=2, max_lines=12, interactive=False, buttons=["copy"],
                          elem_id=f"{tab}_infotext")  # fmt: skip
    with gr.Row(elem_classes=["studio-send"]):
        to_img2img = gr.Button("Send to img2img", size="sm", elem_id=f"{tab}_to_img2img")
        to_layer = gr.Button("Use as a control layer", size="sm", elem_id=f"{tab}_to_layer")
    return {"live": live, "gallery": gallery, "infotext": infotext, "to_img2img": to_img2img, "to_layer": to_layer,
            "texts": gr.State([]), "shown": gr.State(0)}  # fmt: skip


def _words(tab: str) -> dict[str, Any]:
    def box(name: str, label: str, lines: int) -> Any:
        return gr.Textbox(label=label, show_label=False, placeholder=label, lines=lines, max_lines=12,
                          container=False, elem_id=f"{tab}_{name}")  # fmt: skip

    return {"prompt": box("prompt", "Prompt", 3), "negative": box("neg_prompt", "Negative prompt", 2)}


def _settings(work: Work, tab: str) -> dict[str, Any]:
    side, factor = work.host.side, work.host.factor
    fields: dict[str, Any] = {}

    def slider(name: str, step: float, value: float | None = None) -> None:
        knob = KNOBS[name]
        fields[name] = gr.Slider(
            knob.low, knob.high, knob.default if value is None else value, step=step, label=knob.label, buttons=[],
            elem_id=f"{tab}_{NAMES.get(name, name)}",
        )  # fmt: skip

    if tab == "img2img":
        fields["image"] = gr.Image(label="Picture to start from", type="filepath", image_mode=None, height=280,
                                   elem_id="img2img_image", sources=["upload", "clipboard"])  # fmt: skip
    with gr.Row():
        knob = KNOBS["sampler"]
        fields["sampler"] = gr.Dropdown(
            list(knob.choices), value=knob.default, label=knob.label, elem_id=f"{tab}_sampling"
        )
        slider("steps", 1)
    with gr.Row():
        slider("width", factor, side)
        slider("height", factor, side)
    with gr.Row():
        slider("cfg", 0.5, CFG if work.host.model == NAME else None)
        slider("batch", 1)
    with gr.Row():
        fields["seed"] = gr.Number(-1, label=KNOBS["seed"].label, precision=0, elem_id=f"{tab}_seed")
        if tab == "img2img":
            slider("denoise", 0.01)
    if tab == "txt2img":
        with gr.Accordion("Hires pass", open=False, elem_id="txt2img_hr"), gr.Row():
            slider("hires", 0.05)
            slider("denoise", 0.01)
            slider("hires_steps", 1)
    return fields


NAMES = {"cfg": "cfg_scale", "batch": "batch_size", "denoise": "denoising_strength", "hires": "hr_scale"}
