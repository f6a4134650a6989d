"""Past work: every picture once, whatever else lies in the folders, and again only what has changed."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from lib_pxl.errors import StoreError
from lib_pxl.store.database import Database
from lib_pxl.taste import folder
from lib_pxl.taste.folder import Gathered, gather
from lib_pxl.taste.opinions import Opinions
from lib_pxl.taste.record import Record
from tests.child import environment
from tests.taste.pictures import FORMATS, save, shelves, told

DAY = 1_700_000_000.0


def kept(opinions: Opinions) -> list[Record]:
    return [record for _, record in reversed(opinions.records(1000))]


def test_every_kind_of_file_becomes_an_item_with_its_thumbnail(tmp_path: Path) -> None:
    opinions, thumbnails = shelves(tmp_path)
    for place, (way, end) in enumerate(FORMATS.items()):
        save(tmp_path / "out" / way / f"{place}{end}", told(seed=place), way, time=DAY + place)
    shares: list[float] = []
    found = gather([tmp_path / "out"], opinions, thumbnails, progress=shares.append)
    assert (found.new, found.refused, found.silent) == (len(FORMATS), 0, 0) and shares == [1.0]
    records = kept(opinions)
    assert [record.seed for record in records] == [*range(len(FORMATS))], "the oldest first"
    for record in records:
        assert thumbnails.find(record.thumbnail) and Path(record.image).is_file() and len(record.image_hash) == 64
    assert {record.sitting for record in records} == {"2023-11-14 22:13:20"}
    assert records[1].time == "2023-11-14 22:13:21.000"


def test_what_is_known_is_passed_by_and_what_has_changed_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opinions, thumbnails = shelves(tmp_path)
    for place in range(3):
        save(tmp_path / "out" / f"{place}.png", told(seed=place))
    save(tmp_path / "out" / "silent.png")
    first = gather([tmp_path / "out"], opinions, thumbnails)
    looked: list[Path] = []
    real = folder.see
    monkeypatch.setattr(folder, "see", lambda path, *rest: (looked.append(path), real(path, *rest))[1])
    again = gather([tmp_path / "out", tmp_path / "out" / "0.png"], opinions, thumbnails)
    assert (first.new, first.silent) == (3, 1) and (again.new, again.known, looked) == (0, 4, [])
    save(tmp_path / "out" / "1.png", told("an owl", seed=9))
    shutil.copy(tmp_path / "out" / "2.png", tmp_path / "out" / "moved.png")
    third = gather([tmp_path / "out"], opinions, thumbnails)
    assert sorted(path.name for path in looked) == ["1.png", "moved.png"]
    assert (third.new, third.known) == (1, 4), "a copy is the same picture"


def test_it_goes_on_where_it_was_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "TOGETHER", 2)
    opinions, thumbnails = shelves(tmp_path)
    for place in range(7):
        save(tmp_path / "out" / f"{place}.png", told(seed=place))
    stops = iter([False, False, True])
    assert gather([tmp_path / "out"], opinions, thumbnails, stop=lambda: next(stops)).new == 4
    again = gather([tmp_path / "out"], opinions, thumbnails)
    assert (again.new, again.known) == (3, 4) and len(kept(opinions)) == 7


CHILD = """
import sys, time
from pathlib import Path
from lib_pxl.store.infotext import written_on
from lib_pxl.taste import folder
from tests.taste.pictures import shelves

folder.TOGETHER = 5
opinions, thumbnails = shelves(Path(sys.argv[1]))
slow = lambda image: (time.sleep(0.02), written_on(image))[1]
folder.gather([Path(sys.argv[2])], opinions, thumbnails, says=slow, progress=lambda share: print(share, flush=True))
"""


def test_killed_in_the_midst_nothing_is_half_and_nothing_is_lost(tmp_path: Path) -> None:
    for place in range(60):
        save(tmp_path / "out" / f"{place}.png", told(seed=place))
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path), str(tmp_path / "out")],
        stdout=subprocess.PIPE, cwd=root, env=environment(),
    )  # fmt: skip
    assert child.stdout is not None and child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    opinions, thumbnails = shelves(tmp_path)
    before = kept(opinions)
    assert 5 <= len(before) < 60 and len(before) % 5 == 0
    assert all(thumbnails.find(record.thumbnail) for record in before)
    assert opinions.database.rows("PRAGMA integrity_check")[0][0] == "ok"
    assert gather([tmp_path / "out"], opinions, thumbnails).new == 60 - len(before)
    assert len(kept(opinions)) == 60


def hostile(out: Path) -> None:
    whole = save(out / "whole.png", told()).read_bytes()
    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    (out / "bomb.png").write_bytes(whole[:8] + chunk + whole[33:])
    (out / "short.png").write_bytes(whole[: len(whole) // 2])
    (out / "empty.jpg").write_bytes(b"")
    (out / "text.webp").write_text("this is no picture")
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(out / "moving.webp", save_all=True, append_images=frames[1:])


def test_hostile_files_are_counted_and_said_and_the_others_come_in(tmp_path: Path) -> None:
    opinions, thumbnails = shelves(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    hostile(out)
    save(out / "🦊 {} %s.png", told("a 🦊", seed=2))
    save(out / "silent.png")
    save(out / "remark.jpg", "Screenshot", "JPEG")
    save(out / "grid-0001.png", told())
    save(out / ".hidden.png", told(seed=7))
    (out / "note.txt").write_text("x")
    (out / "silent.txt").write_text("a photo of my cat")
    found = gather([out], opinions, thumbnails)
    assert (found.new, found.silent, found.grids, found.refused) == (2, 2, 1, 5)
    assert {record.item.prompt for record in kept(opinions)} == {"a fox, snow", "a 🦊"}
    assert len(found.reasons) == 5 and all("wanted" in each for each in found.reasons)
    for name in ("bomb", "short", "empty", "text", "moving"):
        assert any(name in each for each in found.reasons), name
    assert found.spoken() == [
        "2 pictures are new, 0 were known",
        "2 left out: they do not say how they were made",
        "1 left out: grids of other pictures",
        "5 refused:",
        *(f"  {each}" for each in found.reasons),
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of POSIX")
def test_links_in_circles_pipes_and_odd_names_end(tmp_path: Path) -> None:
    opinions, thumbnails = shelves(tmp_path)
    out = tmp_path / "out"
    save(out / "in" / "a.png", told())
    (out / "in" / "loop").symlink_to(out, target_is_directory=True)
    (out / "in" / "other").symlink_to(out / "in", target_is_directory=True)
    (out / "self.png").symlink_to(out / "self.png")
    (out / "broken.png").symlink_to(out / "nothing.png")
    os.mkfifo(out / "pipe.png")
    with open(os.fsencode(out) + b"/\xff.png", "wb") as file:
        file.write(b"")
    found = gather([out, out, tmp_path / "nowhere"], opinions, thumbnails)
    assert (found.new, found.refused) == (1, 4) and found.silent == 0
    assert any("one in UTF-8" in each for each in found.reasons)


def test_a_full_disk_is_one_sentence_and_no_row_is_without_its_thumbnail(tmp_path: Path) -> None:
    opinions, thumbnails = shelves(tmp_path)
    (tmp_path / "thumbnails").write_text("no folder")
    save(tmp_path / "out" / "a.png", told())
    with pytest.raises(StoreError, match="wanted room to write in"):
        gather([tmp_path / "out"], opinions, thumbnails)
    assert kept(opinions) == []


def test_profiles_have_files_of_their_own(tmp_path: Path) -> None:
    opinions, thumbnails = shelves(tmp_path)
    other = Opinions(opinions.database, "Ann")
    save(tmp_path / "out" / "a.png", told())
    for each in (opinions, other):
        assert gather([tmp_path / "out"], each, thumbnails).new == 1


def test_reasons_are_named_but_not_without_end() -> None:
    found = Gathered()
    for place in range(5000):
        found.refuse(str(place))
    assert found.refused == 5000 and len(found.reasons) == folder.NAMED


@pytest.mark.parametrize("when", [-1e12, 0.0, 4e11])
def test_a_time_that_no_calendar_has_is_a_time_all_the_same(tmp_path: Path, when: float) -> None:
    opinions, thumbnails = shelves(tmp_path)
    path = save(tmp_path / "a.png", told())
    try:
        os.utime(path, (when, when))
    except (OSError, OverflowError):
        os.utime(path, (0, 0))
    assert gather([path], opinions, thumbnails).new == 1
    assert kept(opinions)[0].time >= "1970"


def test_two_may_gather_the_same_folder_at_once(tmp_path: Path) -> None:
    for place in range(30):
        save(tmp_path / "out" / f"{place}.png", told(seed=place))
    shelves(tmp_path)
    code = CHILD.replace("0.02", "0.001")
    root = Path(__file__).parents[2]
    both = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(tmp_path / "out")], cwd=root,
                         env=environment(), stdout=subprocess.DEVNULL)
        for _ in range(2)
    ]  # fmt: skip
    assert [child.wait() for child in both] == [0, 0]
    assert len(kept(Opinions(Database(tmp_path / "pxl.sqlite")))) == 30
