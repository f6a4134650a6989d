"""Control: maps that move while the picture forms, blended into the clean estimate at every step."""

from lib_pxl.control.canvas import Canvas, Region
from lib_pxl.control.curve import Curve
from lib_pxl.control.layer import Layer
from lib_pxl.control.plan import Plan
from lib_pxl.control.program import Program

__all__ = ["Canvas", "Curve", "Layer", "Plan", "Program", "Region"]
