"""Captions: for every picture that has none, from what there is of it."""

from __future__ import annotations

from pathlib import Path

from lib_pxl.taste import Item
from lib_pxl.taste.caption import captions
from lib_pxl.taste.folder import gather
from lib_pxl.taste.record import Record
from tests.taste.pictures import save, shade, shelves, told


def test_each_picture_without_a_caption_gets_one_and_what_is_gone_none(tmp_path: Path) -> None:
    opinions, thumbnails = shelves(tmp_path)
    for place in range(4):
        save(tmp_path / "out" / f"{place}.png", told(seed=place), picture=shade(place, 300), time=1e9 + place)
    gather([tmp_path / "out"], opinions, thumbnails)
    items = [record.item.id for _, record in reversed(opinions.records())]
    opinions.add([Record(Item("nowhere"), image=str(tmp_path / "gone.png")), Item("said", caption="a fox")])
    (tmp_path / "out" / "0.png").unlink()
    (tmp_path / "out" / "1.png").write_bytes(b"damaged")
    opinions.caption(items[3], "known")
    assert opinions.uncaptioned() == 4
    made = list(captions(opinions, thumbnails, lambda picture: f"{picture.width} wide 🦊"))
    assert made == [[items[2]], [items[1]], [items[0]]]
    said = {record.item.id: record.item.caption for _, record in opinions.records()}
    assert [said[item] for item in items] == ["256 wide 🦊", "256 wide 🦊", "300 wide 🦊", "known"]
    assert said["nowhere"] == "" and said["said"] == "a fox"
    assert list(captions(opinions, thumbnails, lambda picture: "again")) == []
