"""When the power goes, the disk is full, the file is damaged or the clock runs backwards, no opinion is lost."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lib_pxl.errors import StoreError
from lib_pxl.store import folders
from lib_pxl.taste import Duel, Item, Rating, Taste
from lib_pxl.taste.exchange import export, take
from lib_pxl.taste.opinions import Opinions
from tests.child import environment
from tests.taste.people import duels, items, words
from tests.taste.test_opinions import opened

TAKE = """
import sys
from pathlib import Path
from lib_pxl.taste import exchange
from tests.taste.test_opinions import opened
exchange.BATCH = 10
exchange.take(opened(Path(sys.argv[1])), Path(sys.argv[2]), lambda share: print(share, flush=True))
"""
LEARN = """
import sys
from lib_pxl.taste import Taste
from tests.taste.people import duels, items
while True:
    Taste.fit(items(30), duels(items(30), lambda item: float("fox" in item.prompt), 20)).save(sys.argv[1])
    print("saved", flush=True)
"""


def killed(code: str, lines: int, *arguments: object) -> int:
    """How many lines a process said that was killed after the first few."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stdout
        said = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        return len(said) + sum(line.endswith("\n") for line in process.stdout)


def test_an_import_that_is_killed_keeps_whole_batches_and_is_taken_up_again(tmp_path: Path) -> None:
    file = tmp_path / "told.csv"
    file.write_text("prompt,value\n" + "\n".join(f"fox {place},{place}" for place in range(2000)))
    said = killed(TAKE, 3, tmp_path, file)
    opinions = opened(tmp_path)
    values = [each.value for each in opinions.opinions() if isinstance(each, Rating)]
    assert values == list(range(len(values))) and len(values) % 10 == 0 and 10 * said <= len(values) < 2000
    assert take(opinions, file) == 2000 - len(values)
    assert [each.value for each in opinions.opinions() if isinstance(each, Rating)] == list(range(2000))
    opinions.database.close()


def test_a_fit_that_is_killed_leaves_the_taste_before_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    killed(LEARN, 2, path)
    mean, _ = Taste.load(path).score(items(30))
    assert bool(mean.isfinite().all())


def test_a_full_disk_leaves_the_file_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opinions = opened(tmp_path)
    opinions.add(items(5))
    opinions.judge(Rating("i1", value=3))
    taste = Taste.fit(items(5), opinions.opinions())
    for name, write in {
        "a.safetensors": taste.save,
        "a.jsonl": lambda path: export(opinions, path),
        "a.csv": lambda path: export(opinions, path),
    }.items():
        write(tmp_path / name)
        before = (tmp_path / name).read_bytes()

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(folders.os, "fsync", full)
            with pytest.raises(StoreError, match="No space left"):
                write(tmp_path / name)
        assert (tmp_path / name).read_bytes() == before
    assert not list(tmp_path.glob(".*"))
    opinions.database.close()


def judged_until_full(opinions: Opinions, kept: list[float]) -> None:
    for place in range(5000):
        opinions.judge(Rating(f"i{place % 20}", value=place, sitting=f"{place}"))
        kept.append(place)


def test_judging_on_a_full_disk_is_refused_in_words_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    opinions = opened(tmp_path)
    opinions.add(items(20))
    opinions.judge(Rating("i0", value=1))
    ((pages,),) = opinions.database.rows("PRAGMA page_count")
    opinions.database.rows(f"PRAGMA max_page_count = {pages}")
    kept: list[float] = []
    with pytest.raises(StoreError, match="full"):
        judged_until_full(opinions, kept)
    opinions.database.rows("PRAGMA max_page_count = 100000")
    opinions.judge(Rating("i1", value=9))
    assert [each.value for each in opinions.opinions() if isinstance(each, Rating)] == [1, *kept, 9]
    opinions.database.close()


def test_a_damaged_file_is_kept_and_a_fresh_one_takes_what_was_exported(tmp_path: Path) -> None:
    opinions = opened(tmp_path)
    opinions.add(items(50))
    opinions.judge_all(("", each) for each in duels(items(50), lambda item: 0.0, 200))
    told = opinions.keyed()
    export(opinions, tmp_path / "mine.jsonl")
    path = opinions.database.path
    opinions.database.close()
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(StoreError, match=r"wanted a sound database.*kept as pxl\.damaged-"):
        opened(tmp_path).opinions()
    path.unlink()
    fresh = opened(tmp_path)
    assert take(fresh, tmp_path / "mine.jsonl") == 200 and fresh.keyed() == told
    fresh.database.close()


def test_a_clock_that_runs_backwards_changes_nothing(tmp_path: Path) -> None:
    opinions = opened(tmp_path)
    opinions.add(items(40))
    some = duels(items(40), lambda item: 1.0 * ("neon" in words(item)), 30)
    for number, each in enumerate(some):
        opinions.judge(Duel(each.first, each.second, winner=each.winner, time=f"{2040 - number}-01-01"))
    opinions.judge(Rating("i0", value=5, time="1970-01-01", sitting="monday"))
    opinions.judge(Rating("i0", value=1, time="0000-00-00", sitting="monday"))
    found = opinions.opinions()
    duelled, rated = found[:-1], found[-1]
    assert [(each.first, each.winner) for each in duelled if isinstance(each, Duel)] == [
        (each.first, each.winner) for each in some
    ]
    assert isinstance(rated, Rating) and rated.value == 1.0
    one, other = (Taste.fit(items(40), each).score(items(40))[0] for each in (some, duelled))
    assert one.tolist() == pytest.approx(other.tolist(), abs=1e-5)
    assert opinions.undo() == rated and isinstance(opinions.opinions()[-1], Rating)
    opinions.database.close()


def test_a_prompt_of_any_kind_is_kept_judged_and_learned(tmp_path: Path) -> None:
    odd = [Item("emoji", "🦊" * 4000), Item("long", "fox, " * 2000), Item("empty"), Item("brackets", "([" * 5000)]
    opinions = opened(tmp_path)
    opinions.add(odd)
    opinions.judge(Duel("emoji", "long", winner="emoji"))
    opinions.judge(Duel("empty", "brackets", winner="brackets"))
    assert [item.prompt for item in opinions.judged()] == [item.prompt for item in odd]
    mean, std = Taste.fit(opinions.judged(), opinions.opinions()).score(odd)
    assert bool(mean.isfinite().all()) and float(mean[0]) > float(mean[1]) and bool((std > 0).all())
    export(opinions, tmp_path / "told.csv")
    other = opened(tmp_path / "other")
    assert take(other, tmp_path / "told.csv") == 2 and other.judged() == opinions.judged()
    for each in (opinions, other):
        each.database.close()
