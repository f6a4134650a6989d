"""The small model: a latent diffusion model of Stable Diffusion's own architecture, taught the world of shapes."""

from __future__ import annotations

from pathlib import Path

NAME = "pxl-small"
FOLDER = Path(__file__).parent / NAME  # as diffusers lays a pipeline out
CFG = 4.0  # the guidance that its exam is drawn with
