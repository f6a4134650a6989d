"""What the taste writes on a grid: its scores, in gold on the best, and never on the pictures themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageColor

from lib_pxl.hosts.fake import FakeHost
from lib_pxl.judging.grid import BEST, LEAST, PLAIN, SHARE, marked, marker
from lib_pxl.taste import Duel, Item, Taste
from lib_pxl.taste.latest import MODELS
from lib_pxl.taste.origin import record_of

TOLD = "{}\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 64x64, Model: small"
LIKED, OTHER = TOLD.format("a red fox"), TOLD.format("a blue owl")
GOLD, DARK = ImageColor.getrgb(BEST[0]), ImageColor.getrgb(PLAIN[0])


def pictured(text: str = "", size: tuple[int, int] = (64, 96)) -> Image.Image:
    made = Image.new("RGB", size, "#808080")
    if text:
        made.info["parameters"] = text
    return made


@pytest.fixture(scope="module")
def taste() -> Taste:
    """Of somebody who likes red foxes."""
    red, blue = (record_of(text, text[:10]).item for text in (LIKED, OTHER))
    return Taste.fit([red, blue], [Duel(red.id, blue.id, winner=red.id)] * 20)


def label(picture: Image.Image) -> object:
    """The colour of a label, where there is one."""
    return picture.getpixel((0, picture.height - 1))


def test_the_best_is_gold_and_the_rest_is_dark(taste: Taste) -> None:
    found = marked([pictured(OTHER), pictured(LIKED), pictured(OTHER), pictured(LIKED)], lambda: taste, "overall")
    assert [label(each) for each in found] == [DARK, GOLD, DARK, GOLD]


def test_where_all_are_alike_none_is_best(taste: Taste) -> None:
    found = marked([pictured(LIKED), pictured(LIKED)], lambda: taste, "overall")
    assert [label(each) for each in found] == [DARK, DARK]


def test_the_pictures_themselves_stay(taste: Taste) -> None:
    """The same objects go on into files and the gallery; of the copies only the foot is written on."""
    given = [pictured(LIKED), pictured(), pictured(OTHER), pictured("no infotext, just a remark")]
    before = [each.tobytes() for each in given]
    found = marked(given, lambda: taste, "overall")
    assert [each.tobytes() for each in given] == before
    assert [one is other for one, other in zip(given, found, strict=True)] == [False, True, False, True]
    for one, other in zip(given, found, strict=True):
        box = ImageChops.difference(one, other).getbbox()
        assert one.size == other.size and (box is None or box[1] >= one.height - max(LEAST, one.height // SHARE))


def test_a_live_preview_costs_no_look_at_the_taste() -> None:
    def never() -> Taste:
        raise AssertionError("nobody asked")

    given = [pictured(), pictured()]
    assert marked(given, never, "overall") == given


def test_without_a_taste_nothing_is_written() -> None:
    given = [pictured(LIKED)]
    assert marked(given, lambda: None, "overall") == given


@settings(max_examples=30)
@given(st.integers(1, 700), st.integers(1, 700), st.sampled_from(["RGB", "RGBA", "L", "P"]), st.text(max_size=40))
def test_pictures_of_any_size_and_kind_are_written_on(
    taste: Taste, wide: int, high: int, mode: str, category: str
) -> None:
    odd = Image.new(mode, (wide, high))
    odd.info["parameters"] = LIKED
    (found, other) = marked([odd, pictured(OTHER)], lambda: taste, category)
    assert found.size == odd.size and found.mode == "RGB" and other.size == (64, 96)


HOSTILE = {
    "no numbers": "a fox\nSteps: nan, Sampler: -inf, CFG scale: 1e999, Seed: nan, Size: nanx1e400",
    "weights": TOLD.format("(a:1e999), (b:nan), (c:-5)"),
    "brackets": TOLD.format("(" * 50_000),
    "many words": TOLD.format("fox, " * 50_000),
    "many settings": "a fox\n" + ", ".join(f"k{place}: v" for place in range(20_000)),
    "a quote without an end": 'a fox\nSteps: 1, Sampler: "' + "\\" * 50_000 + ", CFG scale: 7, Seed: 1",
    "signs that are none": TOLD.format("a\0b\ud800"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_picture_says_the_others_are_written_on(taste: Taste, name: str) -> None:
    found = marked([pictured(HOSTILE[name]), pictured(LIKED), pictured(OTHER)], lambda: taste, "overall")
    assert all(label(each) in (GOLD, DARK) for each in found)


def test_what_was_learned_last_is_what_is_written(taste: Taste, tmp_path: Path) -> None:
    host = FakeHost(tmp_path)
    mark = marker(host.desk)
    assert mark([pictured(LIKED)], "overall")[0].tobytes() == pictured().tobytes()
    path = host.desk.data / MODELS / "taste-me.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    taste.save(path)
    assert [label(each) for each in mark([pictured(LIKED), pictured(OTHER)], "overall")] == [GOLD, DARK]
    turned = [Item("a", "a red fox"), Item("b", "a blue owl")]
    Taste.fit(turned, [Duel("a", "b", winner="b")] * 9).save(path)
    assert [label(each) for each in mark([pictured(LIKED), pictured(OTHER)], "overall")] == [DARK, GOLD]
    path.write_bytes(b"broken")
    assert mark([pictured(LIKED)], "overall")[0].tobytes() == pictured().tobytes()
