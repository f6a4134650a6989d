"""The pool: nothing acknowledged is lost, kin stay known, names stay apart, and a file from outside is judged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from lib_pxl.errors import NokenError, PxlError, StoreError
from lib_pxl.noken import Noken, breed, mutate
from lib_pxl.noken.bundle import KEY
from lib_pxl.noken.individual import Individual
from lib_pxl.noken.pool import Pool
from lib_pxl.store.database import Database
from lib_pxl.store.migrations import MIGRATIONS
from lib_pxl.store.presets import Presets
from tests.child import environment
from tests.noken.people import noken

A, B = noken(3, 1, name="fox"), noken(2, 2, name="owl")


def opened(folder: Path) -> Pool:
    return Pool(Database(folder / "pxl.sqlite"), folder / "nokens")


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    pool = opened(tmp_path / "data")
    yield pool
    pool.database.close()


def family(pool: Pool) -> tuple[Noken, Noken]:
    """A and B, their child, and its mutant, all in the pool."""
    child = breed([A, B], n=1)[0]
    mutant = mutate(child)
    pool.add([A, B, child, mutant])
    return child, mutant


def test_what_is_added_is_loaded_with_its_name_and_lineage(pool: Pool) -> None:
    child, mutant = family(pool)
    for each in (A, B, child, mutant):
        loaded = pool.load(each.hash)
        assert loaded == each and (loaded.name, loaded.lineage) == (each.name, each.lineage)
        assert Noken.load(pool.folder / f"{each.hash}.safetensors") == each
    assert [each.hash for each in pool.alive()] == [mutant.hash, child.hash, B.hash, A.hash]
    assert [each.hash for each in pool.alive(2, 1)] == [child.hash, B.hash]
    assert pool.get(mutant.hash).lineage.generation == 2
    found = pool.find("fox")
    assert found == pool.get(A.hash) and found and found.created > "2020" and pool.find("none") is None
    assert json.loads(json.dumps(found.format()))["lineage"]["parents"] == []


def test_adding_again_changes_nothing(pool: Pool) -> None:
    first = pool.add([A, A])
    assert pool.add([Noken(A.vectors, "another name")]) == first[:1] == pool.alive()
    (pool.folder / f"{A.hash}.safetensors").write_bytes(b"damaged")
    pool.add([A])
    assert pool.load(A.hash) == A


def test_names_stay_apart(pool: Pool) -> None:
    same = [Noken(noken(1, seed).vectors, "a" * 80) for seed in range(12)]
    names = [each.name for each in pool.add(same)]
    assert len(set(names)) == 12 and names[0] == "a" * 80 and names[11] == "a" * 77 + " 12"
    pool.add([Noken(noken(1, seed).vectors, f"{'n' * seed}") for seed in (20, 21)])  # one begins as the other does
    assert pool.find("n" * 20) != pool.find("n" * 21)
    for name in ("../../etc/passwd", "it's; DROP TABLE nokens", '"quoted"', "🦊"):
        pool.rename(same[0].hash, name)
        found = pool.find(name)
        assert found and found.hash == same[0].hash
    pool.rename(same[0].hash, "🦊")
    for name, told in (("a" * 78 + " 2", "one that no other noken has"), ("<a>", "can be seen"), ("x" * 10_000, "80")):
        with pytest.raises(PxlError, match=told):
            pool.rename(same[0].hash, name)
    pool.rename(same[0].hash, "")
    assert len(pool.alive()) == 14 and pool.find("") is None


def test_a_deleted_one_comes_back_and_is_known_to_its_kin_meanwhile(pool: Pool) -> None:
    child, mutant = family(pool)
    pool.keep(child.hash)
    pool.show(child.hash, "child.webp")
    before = pool.get(child.hash)
    pool.delete([child.hash, A.hash])
    assert [each.hash for each in pool.alive()] == [mutant.hash, B.hash]
    kin = pool.kin(mutant.hash)
    assert [each.hash for each in kin] == [A.hash, B.hash, child.hash, mutant.hash]
    assert [each.deleted is None for each in kin] == [False, True, False, True]
    assert kin[2].lineage == child.lineage and kin[2].name == child.name
    assert pool.kin(A.hash) == [kin[0], kin[2], kin[3]]
    pool.undo([child.hash, A.hash])
    assert pool.get(child.hash) == before and before.kept and before.thumbnail == "child.webp"
    assert len(pool.alive()) == 4 and pool.load(child.hash) == child


def test_a_name_taken_meanwhile_gets_a_number(pool: Pool) -> None:
    pool.add([A])
    pool.delete([A.hash])
    pool.add([Noken(B.vectors, "fox")])
    pool.undo([A.hash])
    assert pool.get(A.hash).name == "fox 2"
    pool.undo([A.hash])
    assert pool.get(A.hash).name == "fox 2"


def test_swept_ones_are_gone_but_for_their_place(pool: Pool) -> None:
    child, mutant = family(pool)
    pool.delete([child.hash])
    assert pool.sweep() == 1 and pool.sweep() == 0
    assert [each.hash for each in pool.kin(mutant.hash)] == [A.hash, B.hash, child.hash, mutant.hash]
    for use in (pool.load, lambda which: pool.undo([which])):
        with pytest.raises(StoreError, match="vectors are still"):
            use(child.hash)
    pool.add([child])
    assert pool.load(child.hash) == child and len(pool.alive()) == 4


UNKNOWN = ["0" * 32, "", "../" + "0" * 29, "' OR 1", A.hash.upper()]


@pytest.mark.parametrize("which", UNKNOWN)
def test_an_unknown_hash_has_one_sentence(which: str, pool: Pool) -> None:
    pool.add([B])
    uses: list[Any] = [pool.get, pool.load, pool.kin, pool.keep, lambda each: pool.rename(each, "a")]
    uses += [
        lambda each: pool.delete([B.hash, each]),
        lambda each: pool.undo([each]),
        lambda each: pool.show(each, "a"),
    ]
    for use in uses:
        with pytest.raises(StoreError, match="wanted the hash of one in the pool"):
            use(which)
    assert len(pool.alive()) == 1  # the deletion of the other was undone with it


def test_a_file_of_another_and_a_thumbnail_elsewhere_are_refused(pool: Pool) -> None:
    pool.add([A, B])
    B.save(pool.folder / f"{A.hash}.safetensors")
    with pytest.raises(StoreError, match="wanted its own vectors"):
        pool.load(A.hash)
    for name in ("../a.png", "/a.png", ".hidden", "a b.png", "x" * 200, ""):
        with pytest.raises(StoreError, match="wanted the plain name of a file"):
            pool.show(A.hash, name)


def test_a_pool_goes_through_one_file_to_another(pool: Pool, tmp_path: Path) -> None:
    child, mutant = family(pool)
    pool.keep(mutant.hash)
    pool.delete([child.hash])
    pool.export(tmp_path / "all.safetensors")
    other = opened(tmp_path / "other")
    other.add([Noken(noken(1, 9).vectors, "fox")])
    assert {each.hash for each in other.take(tmp_path / "all.safetensors")} == {A.hash, B.hash, mutant.hash}
    assert other.take(tmp_path / "all.safetensors") == []
    assert other.get(A.hash).name == "fox 2" and other.get(mutant.hash).kept
    for mine, theirs in zip(pool.kin(mutant.hash), other.kin(mutant.hash), strict=True):
        assert replace(mine, name="", deleted=None) == replace(theirs, name="", deleted=None)
        assert (mine.deleted is None) == (theirs.deleted is None)
    assert other.load(mutant.hash) == mutant
    with pytest.raises(StoreError, match="vectors are still"):
        other.undo([child.hash])
    other.add([child])
    assert other.load(child.hash).lineage == child.lineage
    other.database.close()


def test_a_few_are_exported_with_those_before_them(pool: Pool, tmp_path: Path) -> None:
    child, _ = family(pool)
    pool.export(tmp_path / "child.safetensors", [child.hash])
    other = opened(tmp_path / "other")
    assert [each.hash for each in other.take(tmp_path / "child.safetensors")] == [child.hash]
    assert {each.hash for each in other.kin(child.hash)} == {A.hash, B.hash, child.hash}
    pool.export(tmp_path / "none.safetensors", [])
    with safetensors.safe_open(tmp_path / "none.safetensors", "pt") as file:
        assert file.keys(), "older safetensors read no file without tensors"
    assert other.take(tmp_path / "none.safetensors") == []
    with pytest.raises(StoreError, match="a place to write it"):
        pool.export(tmp_path / "nowhere" / "a.safetensors")
    other.database.close()


def told(noken: Noken = A, **more: Any) -> dict[str, Any]:
    return {**Individual.of(noken).format(), **more}


def packed(records: Any, tensors: dict[str, torch.Tensor] | None = None) -> bytes:
    rows = {f"{A.hash}.{letter}": each for letter, each in A.vectors.items()} if tensors is None else tensors
    text = records if isinstance(records, str) else json.dumps(records)
    return safetensors.torch.save(rows, {KEY: text})


LOOP = [told(A, lineage={"parents": [B.hash]}), told(B, lineage={"parents": [A.hash]})]
NAN = {f"{A.hash}.l": torch.full((3, 12), float("nan"))}
STRANGE = {
    "empty": b"",
    "text": b"hello, I am a pool",
    "zip": b"PK\x03\x04" + bytes(100),
    "short": packed([told()])[:-10],
    "shorter": packed([told()])[:50],
    "a plain noken": safetensors.torch.save({"emb_params": torch.ones(1, 4)}),
    "no json": packed("{"),
    "deep": packed("[" * 100_000),
    "no list": packed({"a": 1}),
    "numbers": packed([1, 2]),
    "no hash": packed([told(hash="../../etc/passwd")]),
    "another hash": packed([told(hash="0" * 32)], {"0" * 32 + ".l": torch.ones(1, 4)}),
    "family": packed([told(family="x" * 1000)]),
    "another family": packed([told(family="l12")]),
    "tokens": packed([told(tokens=10**9)]),
    "lineage": packed([told(lineage={"parents": ["x"]})]),
    "operator": packed([told(lineage={"operator": "x" * 10**6})]),
    "nan": packed([told()], NAN),
    "rows": packed([told()], {f"{A.hash}.l": torch.ones(75_000, 12)}),
    "encoder": packed([told()], {f"{A.hash}.x": torch.ones(3, 12)}),
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_pool_has_one_sentence_and_brings_nothing(name: str, pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(STRANGE[name])
    with pytest.raises(PxlError, match="wanted") as error:
        pool.take(tmp_path / "a.safetensors")
    assert "\n" not in str(error.value) and len(str(error.value)) < 500
    assert pool.alive() == [] and pool.database.rows("SELECT * FROM nokens") == []


def test_what_is_harmless_in_a_strange_pool_is_taken(pool: Pool, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(packed([told(name="<" + "x" * 9999, created="yesterday", deleted="now", thumbnail="/etc/passwd")]))
    (made,) = pool.take(path)
    assert (made.name, made.thumbnail, made.deleted) == ("x" * 80, None, None) and made.created > "2020"
    path.write_bytes(packed(LOOP))
    pool.take(path)
    assert len(pool.kin(A.hash)) == 2  # the first to tell of A's parents was believed: it has none
    with pytest.raises(NokenError, match="no file there"):
        pool.take(tmp_path / "none")


def test_kin_that_go_in_a_circle_are_told_once(tmp_path: Path) -> None:
    rows = {f"{each.hash}.{letter}": row for each in (A, B) for letter, row in each.vectors.items()}
    (tmp_path / "a.safetensors").write_bytes(packed(LOOP, rows))
    pool = opened(tmp_path / "data")
    pool.take(tmp_path / "a.safetensors")
    assert {each.hash for each in pool.kin(A.hash)} == {A.hash, B.hash}
    pool.database.close()


def test_a_database_from_before_nokens_is_brought_up_to_date(tmp_path: Path) -> None:
    old = Database(tmp_path / "pxl.sqlite", MIGRATIONS[:1])
    Presets(old).save("fog", "{}")
    old.close()
    pool = opened(tmp_path)
    pool.add([A])
    assert Presets(pool.database).load("fog") == "{}" and pool.load(A.hash) == A
    pool.database.close()


def test_windows_that_breed_at_once_lose_nothing(tmp_path: Path) -> None:
    opened(tmp_path).database.close()
    litters = [breed([A, B], n=6, seed=seed // 2) for seed in range(6)]  # each one twice
    problems: list[PxlError] = []

    def window(litter: list[Noken]) -> None:
        pool = opened(tmp_path)
        try:
            for place, each in enumerate(litter):
                pool.add([Noken(each.vectors, f"child {place}", each.lineage)])
        except PxlError as error:
            problems.append(error)
        finally:
            pool.database.close()

    windows = [threading.Thread(target=window, args=(litter,)) for litter in litters]
    for each in windows:
        each.start()
    for each in windows:
        each.join()
    pool = opened(tmp_path)
    assert problems == []
    assert {each.hash for each in pool.alive()} == {each.hash for litter in litters for each in litter}
    assert len({each.name for each in pool.alive()}) == 18
    pool.database.close()


WRITER = """
import sys
from pathlib import Path
from tests.noken.test_pool import noken, opened
pool = opened(Path(sys.argv[1]))
for seed in range(10_000):
    (made,) = pool.add([noken(2, seed)])
    print(made.hash, flush=True)
"""


@pytest.mark.parametrize("count", [1, 3, 10])
def test_a_killed_process_loses_nothing_that_it_acknowledged(count: int, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as writer:
        assert writer.stdout
        said = [writer.stdout.readline().strip() for _ in range(count)]
        writer.send_signal(signal.SIGKILL)
        said += [line.strip() for line in writer.stdout if line.endswith("\n")]
    pool = opened(tmp_path)
    assert all(pool.load(each).hash == each for each in said) and len(said) >= count
    assert all(pool.load(each.hash) for each in pool.alive())
    pool.database.close()


class Model(RuleBasedStateMachine):
    """A pool beside a dictionary: whatever is done to both, they agree."""

    hashes = Bundle("hashes")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(os.environ["PXL_DATA_DIR"]) / os.urandom(4).hex()
        self.pool = opened(self.folder)
        self.model: dict[str, bool] = {}

    @rule(target=hashes, seed=st.integers(0, 5))
    def add(self, seed: int) -> str:
        each = noken(1, seed, name="fox")
        self.pool.add([each])
        self.model[each.hash] = True
        return each.hash

    @rule(which=hashes)
    def delete(self, which: str) -> None:
        self.pool.delete([which])
        self.model[which] = False

    @rule(which=hashes)
    def undo(self, which: str) -> None:
        self.pool.undo([which])
        self.model[which] = True

    @rule()
    def start_again(self) -> None:
        self.pool.database.close()
        self.pool = opened(self.folder)

    @invariant()
    def they_agree(self) -> None:
        alive = self.pool.alive()
        assert {each.hash for each in alive} == {each for each, here in self.model.items() if here}
        assert len({each.name for each in alive}) == len(alive)

    def teardown(self) -> None:
        self.pool.database.close()


Model.TestCase.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)
TestAPoolBesideADictionary = Model.TestCase
