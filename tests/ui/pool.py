"""A pool of nokens in memory that answers as the routes under /pxl/v1/nokens do, as strict with what it is asked."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from PIL import Image, ImageDraw
from playwright.sync_api import Page, Request, Route

from tests.site import Answer, Asked

METHODS = [
    {"value": "slerp", "label": "Slerp", "help": "turn from one parent to the other"},
    {"value": "cross", "label": "Cross", "help": "take each token whole"},
]
SCORES = [{"value": "novelty", "label": "Novelty", "help": "unlike the others"}]
NEAR = ("fox", "wolf", "ember", "<b>rust</b>", "autumn", "copper")

# What each route's body must hold, and of which type each is.
NUMBER, SEED = (int, float), (int, type(None))
BODIES: dict[str, dict[str, Any]] = {
    "breed": {"parents": list, "n": int, "seed": SEED, "method": str, "mix": (*NUMBER, type(None)), "angle": NUMBER,
              "passed": (list, type(None))},
    "mutate": {"noken": str, "n": int, "seed": SEED, "angle": NUMBER, "towards": (str, type(None)),
               "passed": (list, type(None))},
    "delete": {"nokens": list},
    "undo": {"nokens": list},
    "draw": {"nokens": list, "prompt": str, "seed": int, "steps": int, "size": SEED, "cfg": NUMBER},
    "evolve": {
        "parents": list, "generations": int, "litter": int, "elite": int, "novelty": NUMBER, "method": str,
        "angle": (int, float, type(None)), "seed": SEED, "score": str,
    },
}  # fmt: skip


class RefusedError(Exception):
    """One sentence for the page, and its status."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


def face(hash_: str, version: int) -> bytes:
    """A picture that only this noken has, redrawn or not."""
    a, b, c, d = (int(hash_[i : i + 2], 16) for i in (0, 2, 4, 6))
    image = Image.new("RGB", (96, 96), (60 + a // 2, 60 + b // 2, 60 + c // 2))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 60 + d % 16, 96, 96), (40 + c // 2, 40 + a // 2, 40 + b // 2))
    radius = 12 + (d + 40 * version) % 22
    draw.ellipse((48 - radius, 44 - radius, 48 + radius, 44 + radius), (255 - b // 3, 255 - c // 2, 255 - a // 3))
    out = io.BytesIO()
    image.save(out, "WEBP")
    return out.getvalue()


@dataclass
class FakePool:
    """What the server holds; a test sets it, and reads what it was asked."""

    url: str = ""
    family: str = "l768"
    cards: dict[str, dict[str, Any]] = field(default_factory=dict)  # the oldest first
    versions: dict[str, int] = field(default_factory=dict)
    work: dict[str, Any] = field(default_factory=lambda: {"id": None, "kind": None, "running": False})
    pace: int = 1  # how many are drawn between two looks
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    refuse: str = ""  # the sentence that every request gets

    def add(self, name: str = "", family: str = "l768", **more: Any) -> str:
        """One more; its hash."""
        which = hashlib.sha256(str(len(self.cards)).encode()).hexdigest()[:32]
        usual: dict[str, Any] = {
            "hash": which, "name": name, "family": family, "tokens": 1, "kept": False, "thumbnail": None,
            "created": "2026-01-02 03:04:05", "deleted": None, "generation": 0, "operator": "", "parents": [],
            "seed": None, "amounts": [],
        }  # fmt: skip
        self.cards[which] = usual | more
        return which

    def drawn(self, which: str) -> None:
        """It has a picture now, or another one."""
        self.versions[which] = self.versions.get(which, 0) + 1
        self.cards[which]["thumbnail"] = f"/pxl/v1/nokens/{which}/thumbnail?v={self.versions[which]}"

    def bodies(self, route: str) -> list[Any]:
        """What was asked of one route, in order."""
        return [body for method, path, body in self.asked if f"{method} {path}" == route]

    def names(self) -> list[str]:
        """Those not deleted, the newest first."""
        return [card["name"] for card in reversed(self.cards.values()) if not card["deleted"]]

    def stand_in(self, page: Page) -> None:
        """Answer a page in place of its own server."""

        def reply(route: Route, asked: Request) -> None:
            url = urlsplit(asked.url)
            path = f"{url.path}?{url.query}" if url.query else url.path
            key, body = asked.headers.get("x-pxl-key"), asked.post_data_buffer or b""
            given = self.answer(Asked(asked.method, path, key, body))
            route.fulfill(status=given.status, content_type=given.kind, body=given.body)

        page.route("**/pxl/v1/nokens**", reply)

    def answer(self, asked: Asked) -> Answer:
        """As the routes do."""
        path = asked.path.removeprefix("/pxl/v1/")
        raw = path == "nokens/import"
        body = asked.body if raw else json.loads(asked.body) if asked.body else None
        self.asked.append((asked.method, path, body))
        self.keys.add(asked.key)
        try:
            if self.refuse:
                raise RefusedError(self.refuse)
            return self._route(asked.method, path, body)
        except RefusedError as problem:
            return _json({"detail": str(problem)}, problem.status)

    def _route(self, method: str, path: str, body: Any) -> Answer:
        url = urlsplit(path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        _, _, rest = url.path.partition("/")
        whole: dict[tuple[str, str], Callable[[], Answer]] = {
            ("GET", "nokens"): lambda: self._list(int(query["limit"]), int(query["offset"])),
            ("GET", "nokens.zip"): lambda: self._file("nokens.zip", path.encode()),
            ("POST", "nokens/new"): lambda: self._new(body),
            ("POST", "nokens/import"): lambda: self._import(body),
            ("POST", "nokens/breed"): lambda: self._breed(**body),
            ("POST", "nokens/mutate"): lambda: self._mutate(**body),
            ("POST", "nokens/delete"): lambda: self._mark(body["nokens"], "2026-02-03 04:05:06"),
            ("POST", "nokens/undo"): lambda: self._mark(body["nokens"], None),
            ("POST", "nokens/draw"): lambda: self._begin("draw", body["nokens"], len(body["nokens"])),
            ("POST", "nokens/evolve"): lambda: self._begin("evolve", [], body["generations"] * body["litter"]),
            ("GET", "nokens/work"): self._look,
            ("DELETE", "nokens/work"): self._stop,
        }
        _check(BODIES.get(rest, {}) if method == "POST" else {}, body)
        if (method, url.path) in whole:
            return whole[method, url.path]()
        which, _, part = rest.partition("/")
        self._known(which)
        single: dict[tuple[str, str], Callable[[], Answer]] = {
            ("GET", ""): lambda: _json(self._card(which) | {"words": self._words(which)}),
            ("PATCH", ""): lambda: self._patch(which, **body),
            ("GET", "kin"): lambda: _json({"nokens": [self._card(each) for each in self._kin(which)]}),
            ("GET", "file"): lambda: self._file(f"{which}.safetensors", which.encode()),
            ("POST", "install"): lambda: _json({"path": f"embeddings/pxl/{which[:6]}.safetensors", "word": which[:6]}),
            ("GET", "thumbnail"): lambda: Answer(200, "image/webp", face(which, self.versions[which])),
        }
        return single[method, part]()

    def _card(self, which: str) -> dict[str, Any]:
        card = self.cards[which]
        return card | {"fits": card["family"] == self.family}

    def _known(self, which: str) -> None:
        if which not in self.cards:
            raise RefusedError(f"noken: got '{which}', wanted the hash of one in the pool", 404)

    def _list(self, limit: int, offset: int) -> Answer:
        alive = [self._card(each) for each in reversed(self.cards) if not self.cards[each]["deleted"]]
        told = {"family": self.family, "total": len(alive), "methods": METHODS, "scores": SCORES}
        return _json(told | {"nokens": alive[offset : offset + min(limit, 200)]})

    def _born(self, hashes: list[str]) -> Answer:
        return _json({"nokens": [self._card(each) for each in hashes]})

    def _new(self, body: dict[str, Any]) -> Answer:
        kind = body.pop("from")
        _check({"prompt": {"text": str}, "words": {"text": str}, "picture": {"picture": str},
                "random": {"count": int, "tokens": int, "seed": SEED}}[kind], body)  # fmt: skip
        if kind == "random":
            return self._born([self.add(tokens=body["tokens"]) for _ in range(body["count"])])
        if kind == "picture":
            if not body["picture"].startswith("data:image/png;base64,"):
                raise RefusedError("picture: got no prompt inside, wanted one with PNG info")
            return self._born([self.add("pictured")])
        if not body["text"].strip():
            raise RefusedError("prompt: got nothing, wanted some words")
        words = [word.strip() for word in body["text"].split(",")] if kind == "words" else [body["text"]]
        return self._born([self.add(word, tokens=len(word.split())) for word in words])

    def _import(self, data: bytes) -> Answer:
        if not data.startswith(b"noken"):
            raise RefusedError("file: got bytes of no kind, wanted a textual inversion")
        return self._born([self.add("imported")])

    def _breed(self, parents: list[str], n: int, method: str, mix: float | None, **more: Any) -> Answer:
        for each in parents:
            self._known(each)
        if len({self.cards[each]["family"] for each in parents}) > 1:
            raise RefusedError("parents: got two families, wanted one")
        share = 0.5 if mix is None else mix
        family, seed = self.cards[parents[0]]["family"], more["seed"] or 1
        told = {"operator": method, "parents": parents, "seed": seed, "amounts": [1 - share, share], "family": family}
        generation = 1 + max(self.cards[each]["generation"] for each in parents)
        return self._born([self.add(generation=generation, **told) for _ in range(n)])

    def _mutate(self, noken: str, n: int, angle: float, towards: str | None, seed: int | None, **_: Any) -> Answer:
        parent = self.cards[noken]
        more = {"operator": "mutate", "parents": [noken], "seed": seed or 1, "amounts": [angle],
                "generation": parent["generation"] + 1, "family": parent["family"]}  # fmt: skip
        return self._born([self.add(f"{towards} {i}" if towards else "", **more) for i in range(n)])

    def _mark(self, nokens: list[str], deleted: str | None) -> Answer:
        for each in nokens:
            self._known(each)
            self.cards[each]["deleted"] = deleted
        return _json({"nokens": nokens})

    def _patch(self, which: str, **change: Any) -> Answer:
        name = change.get("name", "")
        if any(letter in "<>~@" for letter in name):
            raise RefusedError(f"name: got {name!r}, wanted at most 80 characters, none of them < > ~ @")
        if name and any(card["name"] == name and card["hash"] != which for card in self.cards.values()):
            raise RefusedError(f"noken name: got {name!r}, wanted one that no other noken has")
        assert change.keys() <= {"name", "kept"}
        self.cards[which] |= change
        return _json(self._card(which))

    def _words(self, which: str) -> dict[str, Any]:
        card = self._card(which)
        near = [{"word": word, "cosine": math.cos(i / 4)} for i, word in enumerate(NEAR)]
        return {"l": [near] * card["tokens"]} if card["fits"] else {}

    def _kin(self, which: str) -> list[str]:
        older = _reach(which, lambda each: [one for one in self.cards[each]["parents"] if one in self.cards])
        younger = _reach(which, lambda each: [one for one in self.cards if each in self.cards[one]["parents"]])
        order = [*self.cards]
        return sorted(older | younger, key=lambda each: (self.cards[each]["generation"], order.index(each)))

    def _file(self, name: str, data: bytes) -> Answer:
        return Answer(200, "application/octet-stream", data, {"Content-Disposition": f'attachment; filename="{name}"'})

    def _begin(self, kind: str, waiting: list[str], total: int) -> Answer:
        if self.work["running"]:
            raise RefusedError("work: got another, wanted to finish the one under way", 409)
        self.work = {"id": f"w{len(self.asked)}", "kind": kind, "done": 0, "total": total, "left": float(total),
                     "running": True, "error": None, "nokens": [], "waiting": waiting}  # fmt: skip
        return _json({"work": self.work["id"]})

    def _look(self) -> Answer:
        for _ in range(self.pace if self.work["running"] else 0):
            self._step()
        told = {key: value for key, value in self.work.items() if key != "waiting"}
        return _json({"done": 0, "total": 0, "left": None, "error": None, "nokens": []} | told)

    def _step(self) -> None:
        work = self.work
        if work["running"]:
            made = work["waiting"][work["done"]] if work["kind"] == "draw" else self.add(generation=1, operator="slerp")
            if work["kind"] == "draw":
                self.drawn(made)
            work["nokens"].append(made)
            work["done"] += 1
            work["left"] = float(work["total"] - work["done"])
            work["running"] = work["done"] < work["total"]

    def _stop(self) -> Answer:
        self.work["running"] = False
        return self._look()


def _reach(start: str, step: Callable[[str], list[str]]) -> set[str]:
    found = [start]
    for each in found:
        found += [one for one in step(each) if one not in found]
    return set(found)


def _check(wanted: dict[str, Any], body: Any) -> None:
    if not wanted:
        return
    if not isinstance(body, dict) or body.keys() != wanted.keys():
        raise RefusedError(f"body: got {body}, wanted {', '.join(wanted)}")
    for name, kind in wanted.items():
        if not isinstance(body[name], kind) or isinstance(body[name], bool):
            raise RefusedError(f"{name}: got {body[name]!r}, wanted another type")


def _json(data: Any, status: int = 200) -> Answer:
    return Answer(status, "application/json", json.dumps(data).encode())
