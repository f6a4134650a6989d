"""A WebUI over HTTP, as a program of a user's would speak to it."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass
from typing import Any

import httpx
import numpy
from numpy.typing import NDArray
from PIL import Image

SIDE = 128


@dataclass
class Made:
    """What a job gave back."""

    pictures: list[NDArray[numpy.int16]]
    infotexts: list[str]
    extra: dict[str, Any]

    @property
    def first(self) -> NDArray[numpy.int16]:
        """The first picture's pixels."""
        return self.pictures[0]


class Client:
    """A host and, for its jobs, a checkpoint."""

    def __init__(self, url: str, checkpoint: str | None = None) -> None:
        self.http = httpx.Client(base_url=url, timeout=600)
        self.checkpoint = checkpoint

    @property
    def forge(self) -> bool:
        """True for Forge."""
        return bool(self.get("/pxl/v1/health")["host"] == "Forge")

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        answer = self.http.get(path)
        answer.raise_for_status()
        return answer.json()

    def checkpoints(self) -> list[str]:
        """What the host can load."""
        return sorted(each["model_name"] for each in self.get("/sdapi/v1/sd-models"))

    def make(self, job: Any = None, *, over: str = "txt2img", **settings: Any) -> Made:
        """One job; `job` is pxl's dictionary."""
        body = {
            "prompt": "a photo of a cat",
            "steps": 4,
            "width": SIDE,
            "height": SIDE,
            "seed": 1,
            "cfg_scale": 7,
            "sampler_name": "Euler",
            "override_settings": {"sd_model_checkpoint": self.checkpoint},
        } | settings
        if settings.get("enable_hr") and self.forge:
            body["hr_additional_modules"] = ["Use same choices"]
        if job is not None:
            body["alwayson_scripts"] = {"pxl": {"args": [job]}}
        answer = self.http.post(f"/sdapi/v1/{over}", json=body)
        assert answer.status_code == 200, answer.text[:2000]
        data = answer.json()
        info = json.loads(data["info"])
        extra = {key: value for key, value in info["extra_generation_params"].items() if key.startswith("pxl")}
        return Made([pixels(base64.b64decode(each)) for each in data["images"]], info["infotexts"], extra)


def pixels(data: bytes) -> NDArray[numpy.int16]:
    """(H, W, 3) from a picture's bytes."""
    return numpy.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(numpy.int16)


def png(picture: Image.Image) -> bytes:
    """A picture's bytes as PNG."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def text(picture: Image.Image) -> str:
    """A picture in base64."""
    return base64.b64encode(png(picture)).decode()


def blocks(seed: int = 0, side: int = SIDE) -> Image.Image:
    """Coloured blocks."""
    colours = numpy.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=numpy.uint8)
    return Image.fromarray(colours).resize((side, side), Image.Resampling.NEAREST)


def layer(picture: Image.Image | None = None, **knobs: Any) -> dict[str, Any]:
    """A job of one layer."""
    image = text(picture or blocks())
    return {"control": {"layers": [{"source": {"kind": "image", "image": image}, "strength": 1, **knobs}]}}


def apart(a: NDArray[numpy.int16], b: NDArray[numpy.int16]) -> float:
    """Mean distance of two pictures in grey levels."""
    return float(numpy.abs(a - b).mean())
