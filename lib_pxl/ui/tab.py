"""The tab: what can be bred, ranked and shared. Each part says what is there today."""

from __future__ import annotations

from typing import Any

import gradio as gr

PARTS = {
    "Breed": "**Nokens are not here yet.** This is where pictures and words will be bred into new words: drag one on "
    "another, see the litter, keep what you like. Nothing in your prompts is touched until then.",
    "Taste": "**Ranking is not here yet.** This is where your pictures will be rated and set against each other, and "
    "where a model of your own taste will be trained. Nothing is recorded until then.",
    "Share": "**Sharing is not here yet, and nothing leaves this machine.** When it comes it is off until you say yes, "
    "it shows the exact bytes first, and taking it back is as easy as giving it.",
}


def build() -> Any:
    """The whole tab, as the hosts and the studio want it."""
    with gr.Blocks(analytics_enabled=False) as blocks, gr.Tabs(elem_id="pxl_tabs"):
        for name, text in PARTS.items():
            with gr.Tab(name, elem_id=f"pxl_tab_{name.lower()}"):
                gr.Markdown(text, elem_id=f"pxl_{name.lower()}_today")
    return blocks
