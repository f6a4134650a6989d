"""What an infotext says of a picture: the same in every kind of file, and whoever wrote it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from PIL import Image

from lib_pxl.store.infotext import Infotext
from lib_pxl.store.thumbnails import Thumbnails
from lib_pxl.taste.origin import LONGEST, MOST, identity, is_infotext, record_of
from lib_pxl.taste.sight import remember, see
from tests.taste.pictures import FORMATS, save, shade, told

line = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=60)
prompts = line.map(str.strip).filter(lambda text: not text.startswith("Negative prompt:"))
values = st.one_of(line, st.integers(-(10**12), 10**12).map(str), st.floats(0, 99).map(lambda number: f"{number:.3f}"))


@limits(max_examples=40)
@given(prompts, prompts, st.dictionaries(st.sampled_from(["Model", "Clip skip", "Hires upscale", "RNG"]), values))
def test_the_same_infotext_is_the_same_item_whichever_kind_of_file_it_is_in(
    prompt: str, negative: str, more: dict[str, str]
) -> None:
    settings = {"Steps": "20", "Sampler": "Euler a", "CFG scale": "7", "Seed": "5", **more}
    text = Infotext(prompt, negative, settings).format()
    with TemporaryDirectory() as folder:
        shelf = Thumbnails(Path(folder))
        found = [see(save(Path(folder, f"a{way}{end}"), text, way), shelf) for way, end in FORMATS.items()]
    direct = record_of(text)
    for record in found:
        assert record is not None
        assert (record.item.prompt, record.item.negative) == (direct.item.prompt, direct.item.negative) == (
            prompt, negative)  # fmt: skip
        assert record.item.settings == direct.item.settings and record.seed == 5


def test_a1111_s_own() -> None:
    more = ', Model hash: 6ce0161689, Lora hashes: "x: 1a2b", Variation seed: 9, Denoising strength: 0.45'
    more += ', Template: "a {fox|owl}, snow"'
    record = record_of(told("a fox, snow", "dull", 42, more))
    assert record.item.settings == {
        "Steps": 12, "Sampler": "DPM++ 2M", "Schedule type": "Karras", "CFG scale": 5.5, "Size": "640x448",
        "Model": "v1-5", "Denoising strength": 0.45,
    }  # fmt: skip
    assert (record.seed, record.checkpoint, record.template) == (42, "v1-5", "a {fox|owl}, snow")


def test_a_job_of_ours_says_its_nokens_and_is_no_setting() -> None:
    text = Infotext("a <noken:fox>", "", {"Steps": "1", "CFG scale": "2", "Seed": "3", "pxl error": "no",
                    "pxl": '{"nokens":{"enabled":true,"hashes":{"fox":"ab"}}}'}).format()  # fmt: skip
    record = record_of(text)
    assert record.nokens == {"fox": "ab"} and record.item.settings == {"Steps": 1, "CFG scale": 2}


@pytest.mark.parametrize("job", ["", "{", "[]", "5", '{"nokens": true}', '{"nokens":{"hashes":[1]}}', "[" * 9000,
                                 '{"nokens":{"hashes":{"a":5}}}'])  # fmt: skip
def test_any_job_is_read_without_an_error(job: str) -> None:
    settings = {"Steps": "1", "CFG scale": "2", "Seed": "3", "pxl": job}
    assert record_of(Infotext("a", "", settings).format()).nokens == {}


@given(st.text(max_size=300))
def test_any_text_makes_a_record_that_can_be_kept(text: str) -> None:
    record = record_of(text)
    assert record.checked() is record


def test_a_setting_is_neither_endless_nor_one_of_thousands() -> None:
    many = {f"S{place:04}": "1" for place in range(5000)} | {"Hires prompt": "x" * (LONGEST + 1)}
    settings = record_of(Infotext("a", "", {"Hires prompt": "x" * (LONGEST + 1), **many}).format()).item.settings
    assert len(settings) == MOST and "Hires prompt" not in settings


@pytest.mark.parametrize("seed", ["9" * 400, "-1.5", "x", "nan"])
def test_a_seed_that_is_none_is_none(seed: str) -> None:
    assert record_of(Infotext("a", "", {"Steps": "1", "CFG scale": "2", "Seed": seed}).format()).seed is None


@pytest.mark.parametrize("text", ["", "Screenshot", "a photo: of me", "Steps: 4, Seed: 5"])
def test_a_remark_is_no_infotext(text: str) -> None:
    assert not is_infotext(text)


def test_a_picture_is_itself_by_its_pixels_and_its_prompts(tmp_path: Path) -> None:
    shelf = Thumbnails(tmp_path)
    one, other = record_of(told(seed=1)), record_of(told("an owl"))
    assert identity(shade(1), one) == identity(shade(1), record_of(told(seed=2)))
    assert len({identity(shade(1), one), identity(shade(2), one), identity(shade(1), other)}) == 3
    assert identity(Image.new("RGB", (2, 8)), one) != identity(Image.new("RGB", (8, 2)), one)
    record = remember(shade(7), told(), 1e9, shelf)
    for way in ("tEXt", "iTXt", "beside"):
        saved = see(save(tmp_path / f"{way}.png", told(), way, shade(7)), shelf)
        assert saved is not None and saved.item.id == record.item.id and saved.image_hash
    lossy = see(save(tmp_path / "a.jpg", told(), "JPEG", shade(7)), shelf)
    assert lossy is not None and lossy.item.id != record.item.id
    assert (record.image, record.image_hash, record.time) == ("", "", "2001-09-09 01:46:40.000")
