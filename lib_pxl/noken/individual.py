"""An individual of a pool: what is known of a noken beside its vectors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lib_pxl.errors import NokenError
from lib_pxl.noken.genome import MAX_TOKENS, Noken, fit
from lib_pxl.noken.lineage import Lineage, is_hash

_FAMILY = re.compile(r"[lhg]\d{1,5}(\+[lhg]\d{1,5})?", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)


@dataclass(frozen=True)
class Individual:
    """One row of the pool; `deleted` is when, or None. Its parents may be in the pool, deleted, or unknown."""

    hash: str
    name: str
    family: str
    tokens: int
    lineage: Lineage = field(default_factory=Lineage)
    kept: bool = False
    thumbnail: str | None = None
    created: str = ""  # UTC; the pool's own clock where empty
    deleted: str | None = None

    @classmethod
    def of(cls, noken: Noken) -> Individual:
        """As it comes into a pool."""
        return cls(noken.hash, noken.name, noken.family, len(noken), noken.lineage)

    def format(self) -> dict[str, Any]:
        """As data for JSON."""
        return asdict(self)

    @classmethod
    def parse(cls, data: Any) -> Individual:
        """One from somebody else's pool, checked; it brings no thumbnail and no date of deletion."""
        if not isinstance(data, Mapping) or not is_hash(data.get("hash")):
            raise NokenError("individual", got=data, wanted="a dictionary with a hash")
        name, family, tokens, created = (data.get(key) for key in ("name", "family", "tokens", "created"))
        if not isinstance(family, str) or not _FAMILY.fullmatch(family):
            raise NokenError("individual, its family", got=family, wanted="encoders and widths, as 'l768+g1280'")
        if isinstance(tokens, bool) or not isinstance(tokens, int) or not 1 <= tokens <= MAX_TOKENS:
            raise NokenError("individual, its tokens", got=tokens, wanted=f"a whole number from 1 to {MAX_TOKENS}")
        return cls(
            hash=data["hash"],
            name=fit(name) if isinstance(name, str) else "",
            family=family,
            tokens=tokens,
            lineage=Lineage.parse(data.get("lineage", {})),
            kept=data.get("kept") is True,
            created=created if isinstance(created, str) and _TIME.fullmatch(created) else "",
        )
