"""pxl: animated control maps, bred token embeddings and a learned taste for Stable Diffusion."""

__version__ = "0.1.0"
