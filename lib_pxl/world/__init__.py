"""A small world of shapes: scenes drawn from a seed, told in words, and read back from pixels."""

from lib_pxl.world.caption import Wish, caption
from lib_pxl.world.draw import draw
from lib_pxl.world.judge import Seen, see
from lib_pxl.world.scene import Scene, Thing

__all__ = ["Scene", "Seen", "Thing", "Wish", "caption", "draw", "see"]
