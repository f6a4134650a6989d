"""The rater's key: for its owner alone, the same on another machine, and no other key in its place."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from lib_pxl import wire
from lib_pxl.errors import PxlError, ShareError
from lib_pxl.share.identity import Keys, write
from tests.share.people import drafts, sharer


def test_a_key_signs_for_the_rater_it_is_named_after(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "share")
    rater = keys.make()
    assert keys.has(rater) and wire.rater_of(keys.secret(rater)) == rater != keys.make()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_key_is_its_owners_alone_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    import os

    was = os.umask(umask)
    try:
        rater = Keys(tmp_path / "share").make()
    finally:
        os.umask(was)
    mode = stat.S_IMODE((tmp_path / "share" / f"{rater}.key").stat().st_mode)
    assert mode == 0o600 or sys.platform == "win32"


def test_a_key_goes_to_another_machine_and_is_the_same_there(tmp_path: Path) -> None:
    here, there = Keys(tmp_path / "here"), Keys(tmp_path / "there")
    rater = here.make()
    write(tmp_path / "my.key", here.export(rater))
    assert there.take(tmp_path / "my.key") == there.take(tmp_path / "my.key") == rater
    assert there.secret(rater) == here.secret(rater)


@pytest.mark.parametrize("text", ["", "x", "0" * 63, "0" * 65, "g" * 64, "0" * 5000, "\0" * 64])
def test_what_is_no_key_is_refused_in_words(tmp_path: Path, text: str) -> None:
    (tmp_path / "odd.key").write_text(text)
    with pytest.raises(ShareError, match="wanted a file that `share key export` wrote"):
        Keys(tmp_path).take(tmp_path / "odd.key")


def test_a_key_that_is_gone_another_ones_or_no_path_is_refused(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    one, two = keys.make(), keys.make()
    (tmp_path / f"{one}.key").write_text((tmp_path / f"{two}.key").read_text())
    (tmp_path / f"{two}.key").unlink()
    for rater in (one, two, "../" + one, "", one.upper()):
        with pytest.raises(PxlError, match="wanted"):
            keys.secret(rater)
    with pytest.raises(PxlError, match="wanted a file"):
        keys.take(tmp_path / "nowhere")
    with pytest.raises(PxlError, match="wanted a new name"):
        write(tmp_path / f"{one}.key", "x")


def test_one_goes_on_under_a_key_from_another_machine(tmp_path: Path) -> None:
    there = Keys(tmp_path / "there")
    rater = there.make()
    write(tmp_path / "my.key", there.export(rater))
    own = sharer(tmp_path / "here")
    own.outbox.put(drafts(2))
    own.pack()
    assert own.adopt(tmp_path / "my.key") == rater and own.outbox.batches() == []
    own.outbox.put(drafts(2))
    own.pack()
    assert [each.rater for each in own.outbox.batches()] == [rater]
    own.erasures.want([(rater, '{"kind": "endpoint", "url": "https://a.org"}')])
    with pytest.raises(PxlError, match="wanted another one"):
        own.adopt(tmp_path / "my.key")
    with pytest.raises(PxlError, match="wanted a yes"):
        sharer(tmp_path / "new", agree=False).adopt(tmp_path / "my.key")
