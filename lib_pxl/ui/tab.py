"""The tab: what is bred, ranked and shared; the scripts of the page draw each part into its place."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

PARTS = ("breed", "taste", "share")


def build(key: str) -> Any:
    """The whole tab, as the hosts and the studio want it; the scripts of the page call the routes with the key."""
    with gr.Blocks(analytics_enabled=False) as blocks, gr.Tabs(elem_id="pxl_tabs"):
        for name in PARTS:
            with gr.Tab(name.title(), elem_id=f"pxl_tab_{name}"):
                place = f'<div class="pxl-panel pxl-{name}" id="pxl_{name}" data-key="{html.escape(key)}"></div>'
                gr.HTML(place, elem_id=f"pxl_{name}_place")
    return blocks
