"""The recorder: what is handed over is written whole or not at all, and whoever hands over never waits or fails."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from PIL import Image

from lib_pxl.errors import HostError
from lib_pxl.hosts import recorder as recording
from lib_pxl.hosts.recorder import Finished, Recorder, encoder_name, pooled, recorder
from lib_pxl.store.database import Database
from lib_pxl.store.thumbnails import THUMBNAILS, Thumbnails
from lib_pxl.taste.folder import gather
from lib_pxl.taste.opinions import Opinions
from lib_pxl.taste.record import Record
from tests.child import environment
from tests.taste.pictures import save, shade, told

ROOT = Path(__file__).parents[2]


def kept(data: Path) -> list[Record]:
    return [record for _, record in reversed(Opinions(Database(data / "pxl.sqlite")).records(1000))]


def fill(one: Recorder, finished: Finished, times: int) -> None:
    for _ in range(times):
        one.put(finished)


def test_pictures_with_and_without_a_file_are_kept_with_what_was_heard(tmp_path: Path) -> None:
    data, one = tmp_path / "data", Recorder(tmp_path / "data")
    path = save(tmp_path / "a.png", told(seed=1))
    one.put(Finished(told(seed=1), None, path, {"l3": torch.tensor([1.0, 2.0, 3.0])}, "a {fox|owl}"))
    one.put(Finished(told(seed=2), shade(7), heard={"l3": torch.tensor([1.0, float("inf"), 3.0])}))
    assert one.flush(30) and one.trouble() is None
    first, second = kept(data)
    assert (first.image, first.template, dict(first.item.vectors)) == (str(path), "a {fox|owl}", {"l3": [1, 2, 3]})
    assert (second.image, second.seed, second.item.vectors) == ("", 2, {})
    assert first.sitting and second.sitting
    assert all(Thumbnails(data / THUMBNAILS).find(each.thumbnail) for each in (first, second))


def test_the_same_picture_is_one_item_however_often_it_comes(tmp_path: Path) -> None:
    one = Recorder(tmp_path / "data")
    path = save(tmp_path / "a.png", told(), picture=shade(3))
    for finished in (Finished(told(), None, path), Finished(told(), shade(3)), Finished(told(), None, path)):
        one.put(finished)
    assert one.flush(30) and len(kept(tmp_path / "data")) == 1
    opinions = Opinions(Database(tmp_path / "data" / "pxl.sqlite"))
    found = gather([path], opinions, Thumbnails(tmp_path / "data" / THUMBNAILS))
    assert (found.new, found.known) == (0, 1)


def test_a_picture_that_lay_nowhere_is_found_where_it_was_saved_and_again_where_it_was_moved(tmp_path: Path) -> None:
    one = Recorder(tmp_path / "data")
    places = []
    for name in ("", "a.png", "b.png"):
        path = save(tmp_path / name, told(), picture=shade(3)) if name else None
        one.put(Finished(told(), shade(3), path))
        assert one.flush(30)
        (record,) = kept(tmp_path / "data")
        places.append(record.image)
        if name == "a.png" and path is not None:
            path.unlink()
    assert places == ["", str(tmp_path / "a.png"), str(tmp_path / "b.png")]


@pytest.mark.parametrize("text", ["", "a remark", "\ud800 half"])
def test_a_picture_that_says_nothing_and_one_that_is_gone_are_told_and_the_next_one_comes_in(
    tmp_path: Path, text: str
) -> None:
    one = Recorder(tmp_path / "data")
    one.put(Finished(text, None, tmp_path / "gone.png"))
    one.put(Finished(text, None, save(tmp_path / "silent.png")))
    one.put(Finished(told("half \ud800"), shade(1)))
    assert one.flush(30)
    assert (one.trouble() or "").startswith("a picture was not recorded: ") and one.trouble() is None
    (record,) = kept(tmp_path / "data")
    assert record.item.prompt == "half ?"


def test_whoever_hands_over_does_not_wait_for_a_database_that_is_locked(tmp_path: Path) -> None:
    data, one = tmp_path / "data", Recorder(tmp_path / "data")
    one.put(Finished(told(seed=0), shade(0)))
    assert one.flush(30)
    database = Database(data / "pxl.sqlite")
    with database.transaction():
        for seed in range(1, 9):
            one.put(Finished(told(seed=seed), shade(seed)))
        assert not one.flush(0.2) and database.rows("SELECT count(*) FROM taste_items")[0][0] == 1
    assert one.flush(30) and len(kept(data)) == 9


def test_too_many_are_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hold = threading.Event()
    monkeypatch.setattr(recording, "MOST", 3)
    monkeypatch.setattr(recording, "see", lambda *rest, **more: hold.wait(30))
    one = Recorder(tmp_path / "data")
    path = save(tmp_path / "a.png", told())
    with pytest.raises(HostError, match="recorder: got 3 pictures that still wait"):
        fill(one, Finished(told(), None, path), 5)
    hold.set()
    assert one.flush(30)


def test_a_damaged_database_is_told_in_words_with_the_copy_that_was_kept(tmp_path: Path) -> None:
    (tmp_path / "pxl.sqlite").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    one = Recorder(tmp_path)
    one.put(Finished(told(), shade(1)))
    assert one.flush(30)
    assert "wanted a sound database; a copy of this one is kept as" in (one.trouble() or "")


def test_each_data_folder_has_one(tmp_path: Path) -> None:
    assert recorder(tmp_path) is recorder(tmp_path) is not recorder(tmp_path / "other")


CHILD = """
import sys
from pathlib import Path
from lib_pxl.hosts.recorder import Finished, Recorder
from tests.taste.pictures import shade, told

one = Recorder(Path(sys.argv[1]))
for seed in range(int(sys.argv[2])):
    one.put(Finished(told(seed=seed), shade(seed, 300)))
    one.flush(60 if seed == 10 else 0.003)
    if seed == 10:
        print(seed, flush=True)
"""


def child(tmp_path: Path, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path / "data"), str(count)],
        stdout=subprocess.PIPE, cwd=ROOT, env=environment(),
    )  # fmt: skip


def test_killed_at_any_time_every_row_is_whole(tmp_path: Path) -> None:
    process = child(tmp_path, 5000)
    assert process.stdout is not None and process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    database = Database(tmp_path / "data" / "pxl.sqlite")
    assert database.rows("PRAGMA integrity_check")[0][0] == "ok"
    records = kept(tmp_path / "data")
    assert [record.seed for record in records] == [*range(len(records))] and len(records) >= 11
    assert all(Thumbnails(tmp_path / "data" / THUMBNAILS).find(record.thumbnail) for record in records)


def test_at_the_end_of_the_host_what_waits_is_written(tmp_path: Path) -> None:
    process = child(tmp_path, 10)
    process.communicate()
    assert process.returncode == 0 and len(kept(tmp_path / "data")) == 10


def test_a_prompt_is_the_mean_of_its_tokens_or_sdxls_pooled_vector() -> None:
    rows, vector = torch.randn(77, 12), torch.randn(40)
    torch.testing.assert_close(pooled(rows, 5), rows.mean(0))
    assert torch.equal(pooled({"crossattn": rows, "vector": vector}, 8), vector[:8])


def test_an_encoder_is_named_by_its_words_whatever_their_precision() -> None:
    table = torch.randn(100, 8)
    name = encoder_name("l", table.half().float())
    assert name == encoder_name("l", table.half()) and name.startswith("l8 ")
    assert len({name, encoder_name("g", table), encoder_name("l", table + 1), encoder_name("l", table[:, :4])}) == 4


def test_a_small_picture_is_kept_as_it_is(tmp_path: Path) -> None:
    one = Recorder(tmp_path)
    picture = Image.new("RGBA", (20, 10), (255, 0, 0, 128))
    one.put(Finished(told(), picture))
    assert one.flush(30)
    path = Thumbnails(tmp_path / THUMBNAILS).find(kept(tmp_path)[0].thumbnail)
    assert path is not None
    with Image.open(path) as small:
        assert small.size == (20, 10) and small.mode == "RGB"
