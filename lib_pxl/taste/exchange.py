"""Opinions as a file: JSON lines, which hold everything, or CSV, which any table program opens.

Both begin with items, then come ratings and duels. What is imported twice counts once.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from lib_pxl.errors import PxlError, StoreError, TasteError, Words, shown
from lib_pxl.store.folders import whole_file
from lib_pxl.taste.opinion import OVERALL, Duel, Opinion, Rating
from lib_pxl.taste.opinions import Opinions
from lib_pxl.taste.record import Record

# `item` is what a rating is of, `first` and `second` fight a duel, `rest` has what else is known of an item, as JSON.
COLUMNS = (
    *("kind", "id", "prompt", "negative", "caption", "settings", "rest"),
    *("item", "first", "second", "category", "value", "winner", "time", "sitting", "key"),
)
BATCH = 500  # lines that are kept together
MAX_LINE = 4 << 20
LIKE = "lines with a kind: item, rating, duel or category"


def export(opinions: Opinions, path: Path) -> int:
    """Write all that counts, as CSV where the name ends so, else as JSON lines; says how many opinions."""
    told = list(_told(opinions))
    try:
        with whole_file(path) as file:
            lines = _csv(told) if _is_csv(path) else (json.dumps(each, ensure_ascii=False) + "\n" for each in told)
            for line in lines:
                file.write(line.encode())
    except (OSError, ValueError) as error:
        raise StoreError(f"file {shown(path.name)}", got=Words(str(error)), wanted="a place to write it") from error
    return sum(each["kind"] in ("rating", "duel") for each in told)


def take(opinions: Opinions, path: Path, progress: Callable[[float], None] | None = None) -> int:
    """Take a file in, some lines at a time, and say how many opinions are new; it can be broken off and repeated."""
    what, seen, new = f"file {shown(path.name)}", 0, 0
    try:
        size = max(1, path.stat().st_size)
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = _read_csv(file) if _is_csv(path) else _read_json(file)
            while batch := list(islice(lines, BATCH)):
                with opinions.database.transaction():
                    new += sum(_take(opinions, data, f"{what}, line {line}") for line, data, _ in batch)
                seen = batch[-1][2]
                if progress:
                    progress(min(1.0, seen / size))
    except (OSError, UnicodeError, csv.Error) as error:
        raise StoreError(what, got=Words(str(error)), wanted=f"a file of {LIKE}") from error
    return new


def _told(opinions: Opinions) -> Iterator[dict[str, Any]]:
    for category in opinions.categories():
        yield {"kind": "category", "category": category.name, "retired": category.retired}
    items, before = [], None
    while page := opinions.records(BATCH, before):
        items += [record for _, record in page]
        before = page[-1][0]
    yield from ({"kind": "item", **record.format()} for record in reversed(items))
    for key, opinion in opinions.keyed():
        yield {"kind": "duel" if isinstance(opinion, Duel) else "rating", "key": key, **asdict(opinion)}


def _csv(told: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield _line(COLUMNS)
    for each in told:
        row = dict(each)
        if each["kind"] == "category":
            row["value"] = "retired" if each["retired"] else ""
        elif each["kind"] == "item":
            row["settings"] = json.dumps(each.get("settings", {}))
            row["rest"] = json.dumps({name: value for name, value in each.items() if name not in COLUMNS})
        yield _line([row.get(name) for name in COLUMNS])


def _line(cells: Iterable[Any]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _read_json(file: TextIO) -> Iterator[tuple[int, Any, int]]:
    place = 0
    for number, line in enumerate(iter(lambda: file.readline(MAX_LINE), ""), 1):
        place += len(line.encode())
        if line.strip():
            try:
                yield number, json.loads(line), place
            except (ValueError, RecursionError) as error:
                raise TasteError(f"line {number}", got=line, wanted="one JSON object in each line") from error


def _read_csv(file: TextIO) -> Iterator[tuple[int, Any, int]]:
    csv.field_size_limit(MAX_LINE)
    reader = csv.DictReader(file)
    names = reader.fieldnames or []
    if "kind" not in names and not {"prompt", "value"} <= {*names}:
        wanted = f"a column kind (and others of {', '.join(COLUMNS)}), or at least the columns prompt and value"
        raise TasteError("columns", got=names, wanted=wanted)
    place = 0
    for row in reader:
        place += sum(len(str(value)) for value in row.values())
        yield reader.line_num, _of_row(row), place


def _of_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A line of CSV as the JSON line that it stands for; with no kind it is a prompt and its rating."""
    given = {name: value for name, value in row.items() if isinstance(name, str) and value not in ("", None)}
    kind = given.get("kind", "rated")
    if kind in ("item", "rated"):
        try:
            rest, settings = json.loads(given.get("rest", "{}")), json.loads(given.get("settings", "{}"))
        except (ValueError, RecursionError) as error:
            raise TasteError("columns settings and rest", got=given.get("settings"), wanted="JSON") from error
        given |= {**(rest if isinstance(rest, dict) else {}), "settings": settings}
    if kind == "category":
        given["retired"] = given.get("value") == "retired"
    if kind in ("rating", "rated"):
        try:
            given["value"] = float(given.get("value", "nan"))
        except ValueError as error:
            raise TasteError("value", got=given.get("value"), wanted="a number") from error
    return {"kind": kind, **given}


def _take(opinions: Opinions, data: Any, where: str) -> int:
    try:
        if not isinstance(data, dict):
            raise TasteError("line", got=data, wanted="one object")
        return _KINDS.get(data.get("kind", ""), _unknown)(opinions, data)
    except PxlError as error:
        raise TasteError(f"{where}: {error.what}", got=error.got, wanted=error.wanted) from error


def _unknown(opinions: Opinions, data: dict[str, Any]) -> int:
    raise TasteError("kind", got=data.get("kind"), wanted="item, rating, duel or category")


def _take_item(opinions: Opinions, data: dict[str, Any]) -> int:
    opinions.add([Record.parse(data)])
    return 0


def _take_category(opinions: Opinions, data: dict[str, Any]) -> int:
    name = data.get("category", "")
    if name not in {each.name for each in opinions.categories()}:
        opinions.add_category(name)
        if data.get("retired"):
            opinions.retire_category(name)
    return 0


def _take_rating(opinions: Opinions, data: dict[str, Any]) -> int:
    rating = Rating(data.get("item", ""), data.get("category", OVERALL), data.get("value", math.nan), *_noted(data))
    return opinions.judge_all([(_key(data, rating), rating)])


def _take_duel(opinions: Opinions, data: dict[str, Any]) -> int:
    sides = data.get("first", ""), data.get("second", "")
    duel = Duel(*sides, data.get("category", OVERALL), data.get("winner") or None, *_noted(data))
    return opinions.judge_all([(_key(data, duel), duel)])


def _take_rated(opinions: Opinions, data: dict[str, Any]) -> int:
    """A prompt with a value, as other programs write them; the same prompt and settings are the same item."""
    told = json.dumps([data.get(name) for name in ("prompt", "negative", "settings", "image")])
    item = data.get("id") or hashlib.blake2b(told.encode("utf-8", "replace"), digest_size=12).hexdigest()
    opinions.add([Record.parse({**data, "id": item})])
    return _take_rating(opinions, {**data, "item": item})


_KINDS: dict[str, Callable[[Opinions, dict[str, Any]], int]] = {
    "item": _take_item,
    "category": _take_category,
    "rating": _take_rating,
    "duel": _take_duel,
    "rated": _take_rated,
}


def _noted(data: dict[str, Any]) -> tuple[Any, Any]:
    return data.get("time", ""), data.get("sitting", "")


def _key(data: dict[str, Any], opinion: Opinion) -> str:
    """The key it came with, else one of what it says, so that the same line is the same opinion."""
    key = data.get("key") or hashlib.blake2b(repr(opinion).encode("utf-8", "replace"), digest_size=8).hexdigest()
    if not isinstance(key, str) or len(key) > 80:
        raise TasteError("key", got=key, wanted="text of at most 80 characters")
    return key


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"
