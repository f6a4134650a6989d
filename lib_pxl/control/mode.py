"""A mode is what a layer does to the picture. A new one is one entry of MODES.

It makes ready, once, whatever it needs from the layer's frames and from the strength over the schedule, and returns
an edit of the clean estimate, or one of the first noise: tensors in, a new tensor out. What moves over the steps it
tables; the plan reads all tables at once.
"""

from __future__ import annotations

from lib_pxl.control.color import color, texture
from lib_pxl.control.edges import edges
from lib_pxl.control.layout import layout
from lib_pxl.control.start import start
from lib_pxl.control.warp import warp
from lib_pxl.knobs import Choice

MODES = {
    "color": Choice("Colour", "pull towards the map's own colours and shapes", color),
    "layout": Choice("Layout", "follow the map's structure and leave the colours free", layout),
    "edges": Choice("Edges", "grow edges where the map has them", edges),
    "texture": Choice("Texture", "add the map's fine detail", texture),
    "warp": Choice("Warp", "displace the picture, and come to rest", warp),
    "start": Choice("Start", "the map as the ground the picture starts from, in its first noise", start),
    "hold": Choice("Hold", "carry one image of a batch into the next along the flow"),
}
