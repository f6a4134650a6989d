"""The tab: what can be bred, ranked and shared. Each part says what is there today."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

LATER = {
    "Share": "**Sharing is not here yet, and nothing leaves this machine.** When it comes it is off until you say yes, "
    "it shows the exact bytes first, and taking it back is as easy as giving it.",
}


def build(key: str) -> Any:
    """The whole tab, as the hosts and the studio want it; the scripts of the page call the routes with the key."""
    with gr.Blocks(analytics_enabled=False) as blocks, gr.Tabs(elem_id="pxl_tabs"):
        with gr.Tab("Breed", elem_id="pxl_tab_breed"):
            place = f'<div class="pxl-panel pxl-breed" id="pxl_breed" data-key="{html.escape(key)}"></div>'
            gr.HTML(place, elem_id="pxl_breed_place")
        with gr.Tab("Taste", elem_id="pxl_tab_taste"):
            place = f'<div class="pxl-panel pxl-taste" id="pxl_taste" data-key="{html.escape(key)}"></div>'
            gr.HTML(place, elem_id="pxl_taste_place")
        for name, text in LATER.items():
            with gr.Tab(name, elem_id=f"pxl_tab_{name.lower()}"):
                gr.Markdown(text, elem_id=f"pxl_{name.lower()}_today")
    return blocks
