"""A noken as a short text, to travel inside a picture's infotext: safetensors in half precision, deflated, base64."""

from __future__ import annotations

import base64
import json
import zlib

import safetensors.torch

from lib_pxl.errors import NokenError, PxlError, Words
from lib_pxl.noken.genome import Noken, fit
from lib_pxl.noken.lineage import Lineage

KEY = "pxl_noken"
MAX_BYTES = 8 << 20
MAX_TEXT = MAX_BYTES * 3 // 2
WANTED = "a noken as pxl writes it into a picture"


def halved(noken: Noken) -> Noken:
    """The noken as it comes out of a picture that carries it, so that whoever uses this one makes the same picture."""
    return Noken({letter: rows.half() for letter, rows in noken.vectors.items()}, noken.name, noken.lineage)


def pack(noken: Noken) -> str:
    """The text of a noken."""
    tensors = {letter: rows.half() for letter, rows in noken.vectors.items()}
    told = json.dumps({"name": noken.name, "lineage": noken.lineage.format()})
    data = safetensors.torch.save(tensors, {KEY: told})  # more keys than one would come in any order
    return base64.b64encode(zlib.compress(data, 9)).decode()


def unpack(text: str) -> Noken:
    """The noken of a text, whoever wrote that."""
    try:
        if len(text) > MAX_TEXT:
            raise ValueError
        reader = zlib.decompressobj()
        data = reader.decompress(base64.b64decode(text, validate=True), MAX_BYTES)
        if not reader.eof:
            raise ValueError
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        told = json.loads(header.get("__metadata__", {}).get(KEY, "{}"))
        lineage = Lineage.parse(told["lineage"]) if told.get("lineage") else Lineage()
        return Noken(safetensors.torch.load(data), fit(told.get("name", "")), lineage)
    except PxlError:
        raise
    except Exception as error:  # hostile bytes make the readers raise every kind there is
        got = Words("one that is damaged, or too large")
        raise NokenError("noken carried by a picture", got=got, wanted=WANTED) from error
