"""Maps: kept whole and once, found by their hash, and adopted only from where a caller may point."""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import os
import resource
import string
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from lib_pxl.errors import ImageError, PxlError, StoreError
from lib_pxl.store import maps as module
from lib_pxl.store.maps import Maps
from lib_pxl.store.pictures import KINDS


def picture(value: int = 0, decoder: str = "PNG", size: tuple[int, int] = (4, 4)) -> bytes:
    file = io.BytesIO()
    Image.new("L", size, value).save(file, decoder)
    return file.getvalue()


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
def maps(tmp_path: Path) -> Maps:
    return Maps(tmp_path / "data" / "maps")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that a remote user may name, beside one that they may not."""
    for folder in ("open", "secret"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes(picture())
    return tmp_path / "open"


def files(maps: Maps) -> list[str]:
    return sorted(path.name for path in maps.folder.iterdir()) if maps.folder.exists() else []


def refusal(maps: Maps, source: str, *roots: Path) -> str:
    """The sentence for a source, which has then left nothing behind."""
    before = files(maps)
    with pytest.raises(ImageError) as caught:
        maps.adopt(source, roots or None)
    assert files(maps) == before
    assert len(str(caught.value)) < 700
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.decoder)
def test_what_is_put_is_read_back_under_the_hash_of_its_bytes(kind: Any, maps: Maps) -> None:
    data = picture(7, kind.decoder)
    name = maps.put(data)
    assert name == hashlib.sha256(data).hexdigest()[:32]
    assert maps.read(name) == data
    assert maps.path(name) == maps.folder / f"{name}{kind.suffix}"
    assert maps.media_type(name) == kind.media_type
    assert files(maps) == [name + kind.suffix]


def test_the_same_bytes_are_kept_once(maps: Maps) -> None:
    name = maps.put(picture())
    written = maps.path(name).stat()
    assert maps.put(picture()) == name
    assert maps.path(name).stat() == written
    assert maps.put(picture(1)) != name
    assert len(files(maps)) == 2


def test_many_threads_that_put_the_same_picture_keep_it_once(maps: Maps) -> None:
    threads = [threading.Thread(target=maps.put, args=(picture(number % 3),)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert files(maps) == sorted(f"{maps.put(picture(number))}.png" for number in range(3))


@pytest.mark.parametrize(
    "data", [b"", b"text", picture()[:-24], b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>"]
)
def test_only_a_picture_that_opens_is_kept(data: bytes, maps: Maps) -> None:
    with pytest.raises(ImageError, match=r"picture: got a.*, wanted a"):
        maps.put(data)
    assert files(maps) == []


def test_too_many_bytes_are_refused_unread(maps: Maps, monkeypatch: pytest.MonkeyPatch) -> None:
    data = picture()
    monkeypatch.setattr(module, "MAX_BYTES", len(data) - 1)
    with pytest.raises(ImageError, match=rf"picture: got {len(data)} bytes, wanted at most"):
        maps.put(data)
    monkeypatch.setattr(module, "MAX_BYTES", len(data))
    assert maps.put(data)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """A disk on which no file grows beyond a size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_breaks_off_leaves_nothing(maps: Maps) -> None:
    with largest_file(20), pytest.raises(StoreError, match=r"got 'File too large', wanted room to write it in .*maps"):
        maps.put(picture())
    assert files(maps) == []
    assert maps.read(maps.put(picture())) == picture()


@pytest.mark.parametrize("step", [(os, "fsync"), (Path, "replace"), (Path, "mkdir")], ids=lambda step: str(step[1]))
def test_a_full_disk_leaves_nothing(step: tuple[Any, str], maps: Maps, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(*step, full)
        with pytest.raises(StoreError, match=r"map [0-9a-f]{32}\.png: got 'No space left on device'"):
            maps.put(picture())
    assert files(maps) == []


def test_a_file_lies_under_its_name_only_when_it_is_on_the_disk(maps: Maps, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    fsync, replace = os.fsync, Path.replace

    def sync(handle: int) -> None:
        synced.append(os.fstat(handle).st_ino)
        fsync(handle)

    def move(part: Path, path: Path) -> Path:
        assert part.stat().st_ino in synced
        assert part.read_bytes() == picture()
        return replace(part, path)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", move)
    name = maps.put(picture())
    assert synced == [maps.path(name).stat().st_ino, maps.folder.stat().st_ino]


def test_an_unknown_hash_has_a_sentence(maps: Maps) -> None:
    with pytest.raises(ImageError, match=r"^picture: got map 01234567…, which is not in this data folder, wanted"):
        maps.path("0123456789abcdef" * 2)


MALFORMED = ["", "a", "A" * 32, "g" * 32, "a" * 31, "a" * 33, "a" * 32 + "\n", "٣" * 32, "../" + "a" * 29, "*" * 32]


@pytest.mark.parametrize("name", [*MALFORMED, "/etc/passwd", "a" * 32 + ".png", "a" * 16 + "\0" + "a" * 15])
def test_a_malformed_hash_is_refused(name: str, maps: Maps) -> None:
    maps.put(picture())
    for use in (maps.path, maps.read, maps.media_type, lambda name: maps.adopt(f"map:{name}")):
        with pytest.raises(ImageError, match="wanted a hash of 32 hexadecimal digits"):
            use(name)


def test_a_hash_is_adopted_as_itself(maps: Maps, root: Path) -> None:
    source = f"map:{maps.put(picture())}"
    assert maps.adopt(source) == maps.adopt(source, [root]) == maps.adopt(source, []) == source
    assert "not in this data folder" in refusal(maps, "map:" + "0" * 32)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.decoder)
def test_every_way_to_hand_in_a_picture_gives_the_same_hash(kind: Any, maps: Maps, root: Path) -> None:
    data = picture(9, kind.decoder)
    (root / "b").write_bytes(data)
    lines = base64.encodebytes(data).decode()
    sources = [
        text(data),
        lines,
        f" \n{lines.replace(chr(10), chr(13) + chr(10))}\t",
        f"data:{kind.media_type};base64,{text(data)}",
        f"DATA:;base64,{lines}",
        str(root / "b"),
    ]
    wanted = {f"map:{maps.put(data)}"}
    assert {maps.adopt(source) for source in sources} == wanted
    assert {maps.adopt(source, [root]) for source in sources} == wanted


@pytest.mark.parametrize(
    "source",
    [
        "data:",
        "data:image/png;base64,",
        "data:image/png;base64,A",
        "data:text/plain,hello",
        "data:image/png;base64,%%%",
    ],
)
def test_a_broken_data_url_has_a_sentence(source: str, maps: Maps) -> None:
    assert "wanted a" in refusal(maps, source)


def test_a_broken_picture_in_base64_is_judged_as_a_picture(maps: Maps) -> None:
    large = picture(size=(16385, 1))
    assert "got a picture of 16385x1 pixels" in refusal(maps, text(large))
    assert "ends early" in refusal(maps, text(picture()[:-24]))
    assert "ends early" in refusal(maps, f"data:image/png;base64,{text(picture()[:-24])}")


def test_broken_base64_is_not_taken_for_a_path_however_long(maps: Maps, root: Path) -> None:
    sentence = refusal(maps, text(picture(size=(5000, 500)) * 99)[:-1], root)
    assert "as base64, as a path or as map:HASH" in sentence
    assert str(root) not in sentence


def test_a_text_beyond_the_limit_is_refused_before_it_is_decoded(maps: Maps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TEXT", 1000)
    monkeypatch.setattr(base64, "b64decode", None)
    assert refusal(maps, "A" * 1001) == "picture: got a text of 1,001 characters, wanted at most 64 MiB"
    assert "characters" in refusal(maps, "data:image/png;base64," + "A" * 1001)


@pytest.mark.parametrize("name", ["abcd", "AAAA", "pict", "pict/ure", "a+b/cd=="])
def test_a_name_that_could_be_base64_is_a_path(
    name: str, maps: Maps, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_bytes(picture(3))
    assert maps.adopt(name) == maps.adopt(name, [root]) == f"map:{maps.put(picture(3))}"


def test_without_roots_any_path_is_read(maps: Maps, root: Path) -> None:
    assert maps.adopt(str(root.parent / "secret" / "a.png")) == f"map:{maps.put(picture())}"


def outside(root: Path) -> dict[str, str]:
    """Ways to name the file in the secret folder, or another outside."""
    secret = root.parent / "secret"
    (root / "link.png").symlink_to(secret / "a.png")
    (root / "folder").symlink_to(secret)
    (root / "twice").symlink_to("folder")
    (root / "loop").symlink_to("loop")
    (root.parent / "openly").mkdir()
    return {
        "absolute": str(secret / "a.png"),
        "dots": f"{root}/../secret/a.png",
        "dots through a folder": f"{root}/./nothing/../../secret/./a.png",
        "link": str(root / "link.png"),
        "link to a folder": str(root / "folder" / "a.png"),
        "link to a link": str(root / "twice" / "a.png"),
        "dots behind a link": str(root / "folder" / ".." / "secret" / "a.png"),
        "root's own name, longer": f"{root}ly/a.png",
        "relative": os.path.relpath(secret / "a.png"),
        "working folder": "a.png",
        "two slashes": f"/{secret}/a.png",
        "two slashes inside": f"/{root}/a.png",
        "server": r"\\server\share\a.png",
        "server, slashes": "//server/share/a.png",
        "device": r"\\.\C:\a.png",
        "long form": r"\\?\C:\a.png",
        "drive": r"C:\Windows\a.png",
        "drive, slashes": "C:/Windows/a.png",
        "drive alone": "C:a.png",
        "stream": "a.png::$DATA",
        "home": "~/a.png",
        "file without slashes": "file:/etc/passwd",
        "password": "/etc/passwd",
        "process": "/proc/self/environ",
        "root of all": "/",
        "nothing": "",
        "half character": "/tmp/\ud800.png",
    }


def test_a_path_outside_the_roots_is_refused_in_one_same_sentence(maps: Maps, root: Path) -> None:
    for way, source in outside(root).items():
        assert refusal(maps, source, root).endswith(f", wanted a path inside {root}"), way
        refused = refusal(maps, source, root, root.parent / "other")
        assert refused.endswith(f", wanted a path inside {root} or {root.parent / 'other'}"), way


@pytest.mark.parametrize("source", [r"\\server\share\a.png", "//server/share/a.png", r"\/server/a.png"])
def test_a_server_is_refused_without_being_asked(
    source: str, maps: Maps, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os.path, "realpath", None)
    assert refusal(maps, source, root).endswith(f", wanted a path inside {root}")


def test_the_sentence_does_not_tell_whether_a_file_outside_exists(maps: Maps, root: Path) -> None:
    there = str(root.parent / "secret" / "a.png")
    not_there = str(root.parent / "secret" / "b.png")
    assert refusal(maps, there, root).replace("a.png", "b.png") == refusal(maps, not_there, root)


@pytest.mark.parametrize(
    "source",
    ["file:///etc/passwd", "FILE://localhost/etc/passwd", "http://host/a.png", "s3://b/a.png", "a\0.png", "x" * 5000],
)
def test_what_is_no_path_is_refused_with_and_without_roots(source: str, maps: Maps, root: Path) -> None:
    assert "as base64, as a path or as map:HASH" in refusal(maps, source, root)
    assert refusal(maps, source) == refusal(maps, source, root)


def test_no_roots_at_all_leave_hashes_and_pictures(maps: Maps, root: Path) -> None:
    with pytest.raises(ImageError, match="wanted the picture itself or map:HASH"):
        maps.adopt(str(root / "a.png"), [])
    assert maps.adopt(text(picture()), []).startswith("map:")


def test_paths_inside_the_roots_are_read_by_whatever_way(maps: Maps, root: Path) -> None:
    wanted = f"map:{maps.put(picture())}"
    (root / "inner").symlink_to("a.png")
    (root.parent / "door").symlink_to(root)
    ways = [root / "a.png", root / "inner", root / ".." / "open" / "a.png", root.parent / "door" / "a.png"]
    for way in [*map(str, ways), os.path.relpath(root / "a.png")]:
        for roots in ([root], [root.parent / "door"], [root.parent / "other", root]):
            assert maps.adopt(way, roots) == wanted


@pytest.mark.parametrize("name", ["missing.png", "", "pipe", "a.png/b.png", "x" * 300 + ".png"])
def test_inside_the_roots_a_path_without_a_file_has_a_sentence(name: str, maps: Maps, root: Path) -> None:
    os.mkfifo(root / "pipe")
    for roots in ((root,), ()):
        assert "wanted the path of a file that" in refusal(maps, f"{root}/{name}", *roots)


def test_a_file_that_is_no_picture_is_not_given_away(maps: Maps, root: Path) -> None:
    (root / "notes.txt").write_text("the password is 1234")
    sentence = refusal(maps, str(root / "notes.txt"), root)
    assert "got a file of another kind" in sentence
    assert "1234" not in sentence


def test_too_large_a_file_is_refused(maps: Maps, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 10)
    assert "got a larger file, wanted at most" in refusal(maps, str(root / "a.png"), root)


@settings(max_examples=300, deadline=None)
@given(source=st.text(max_size=40) | st.text(string.ascii_letters + string.digits + "./\\:~+=%\0", max_size=40))
@example(source="data:,")
@example(source="map:")
@example(source="//")
def test_any_text_is_refused_in_a_sentence(source: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "empty"
    for roots in ([folder], [], None):
        with pytest.raises(PxlError, match=r"wanted|is not in this data folder"):
            Maps(folder / "maps").adopt(source, roots)
    assert not folder.exists()
