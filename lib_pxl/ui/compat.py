"""Where the gradio versions differ: 3.41 (A1111), 4.40 (Forge), and the studio's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio

MAJOR = int(gradio.__version__.split(".")[0])


def on_page(event: Any, script: str, inputs: Sequence[Any] = ()) -> None:
    """Run JavaScript in the page when a gradio event fires, without asking the server."""
    event(fn=None, inputs=list(inputs), outputs=[], **{"_js" if MAJOR == 3 else "js": script})
