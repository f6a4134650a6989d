"""The tab: what can be bred, ranked and shared. Each part says what is there today."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

LATER = {
    "Taste": "**Ranking is not here yet.** This is where your pictures will be rated and set against each other, and "
    "where a model of your own taste will be trained. Nothing is recorded until then.",
}


def build(key: str) -> Any:
    """The whole tab, as the hosts and the studio want it; javascript/pxl_breed.js calls the routes with the key."""
    with gr.Blocks(analytics_enabled=False) as blocks, gr.Tabs(elem_id="pxl_tabs"):
        with gr.Tab("Breed", elem_id="pxl_tab_breed"):
            place = f'<div class="pxl-panel pxl-breed" id="pxl_breed" data-key="{html.escape(key)}"></div>'
            gr.HTML(place, elem_id="pxl_breed_place")
        for name, text in LATER.items():
            with gr.Tab(name, elem_id=f"pxl_tab_{name.lower()}"):
                gr.Markdown(text, elem_id=f"pxl_{name.lower()}_today")
        with gr.Tab("Share", elem_id="pxl_tab_share"):
            place = f'<div class="pxl-panel pxl-share" id="pxl_share" data-key="{html.escape(key)}"></div>'
            gr.HTML(place, elem_id="pxl_share_place")
    return blocks
