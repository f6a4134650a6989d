"""The routes of nokens over the fake host: what is made, what is told, and what is refused in one sentence."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from lib_pxl.errors import HostError
from lib_pxl.hosts.fake import SPOKEN, FakeHost
from lib_pxl.noken import Noken, breed
from lib_pxl.noken.carry import halved, pack
from lib_pxl.noken.evolution import bear
from lib_pxl.noken.trend import Trend
from lib_pxl.noken.words import spoken
from lib_pxl.rest import router
from lib_pxl.store.infotext import Infotext
from lib_pxl.taste import Duel, Item, Taste
from tests.noken.people import noken

BASE = "/pxl/v1/nokens"
NONE = "0" * 32
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path, credentials={})


@pytest.fixture
def client(host: FakeHost) -> Iterator[TestClient]:
    app = FastAPI()
    app.include_router(router(host.desk, host))
    with TestClient(app) as made:
        yield made
        made.delete(f"{BASE}/work")
        settled(made)


@pytest.fixture
def pair(host: FakeHost) -> list[str]:
    """Two nokens of the loaded model's family."""
    people = [noken(2, seed, {"l": 8}, name) for seed, name in ((1, "fox"), (2, "owl"))]
    return [each.hash for each in host.desk.pool.add(people)]


def settled(client: TestClient) -> dict[str, Any]:
    """The work, once it is over."""
    while (told := client.get(f"{BASE}/work").json())["running"]:
        time.sleep(0.01)
    return told


def post(client: TestClient, wish: str, /, **sent: Any) -> Any:
    answer = client.post(f"{BASE}/{wish}", json=sent)
    assert answer.status_code == 200, answer.text
    return next(iter(answer.json().values()))


def refused(answer: Any, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    told: str = answer.json()["detail"]
    assert isinstance(told, str) and "\n" not in told and len(told) < 500
    return told


def test_an_empty_pool_says_what_can_be_chosen(client: TestClient) -> None:
    told = client.get(BASE).json()
    assert (told["family"], told["total"], told["nokens"]) == ("l8", 0, [])
    assert [each["value"] for each in told["methods"]] == ["slerp", "cross", "blend"]
    assert {each["value"] for each in told["scores"]} >= {"novelty"}
    assert all(each["label"] and each["help"] for each in told["methods"] + told["scores"])


def test_a_prompt_becomes_its_content_span(client: TestClient, host: FakeHost) -> None:
    (card,) = post(client, "new", **{"from": "prompt", "text": "(red:1.2) <lora:x:1> fox"})
    rows = host.lexicon().tables["l"][[SPOKEN.index("red"), SPOKEN.index("fox")]]
    assert torch.equal(host.desk.pool.load(card["hash"]).vectors["l"], rows)
    assert (card["name"], card["tokens"], card["fits"], card["generation"]) == ("red fox", 2, True, 0)


@pytest.mark.parametrize("count", [1, 75])
def test_a_span_may_have_1_to_75_tokens(client: TestClient, count: int) -> None:
    (card,) = post(client, "new", **{"from": "prompt", "text": "fox " * count, "name": "long"})
    assert (card["tokens"], card["name"]) == (count, "long")


@pytest.mark.parametrize(("text", "got"), [("fox " * 76, "76 tokens"), ("", "0 tokens"), ("<lora:x:1>", "0 tokens")])
def test_other_spans_are_refused_with_what_was_got(client: TestClient, text: str, got: str) -> None:
    told = refused(client.post(f"{BASE}/new", json={"from": "prompt", "text": text}))
    assert f"got {got}" in told and "wanted 1 to 75" in told


def test_a_long_text_is_a_short_name(client: TestClient) -> None:
    (card,) = post(client, "new", **{"from": "prompt", "text": "red fox, " * 12})
    assert len(card["name"]) <= 40 and card["name"].startswith("red fox") and card["name"].endswith("…")


def test_each_word_is_a_noken(client: TestClient) -> None:
    cards = post(client, "new", **{"from": "words", "text": "fox, red owl,, night"})
    assert [(each["name"], each["tokens"]) for each in cards] == [("fox", 1), ("red owl", 2), ("night", 1)]


def test_random_ones_can_be_had_again_and_stand_among_the_words(client: TestClient, host: FakeHost) -> None:
    asked = {"from": "random", "count": 3, "tokens": 2, "seed": 7}
    cards = post(client, "new", **asked)
    assert [each["hash"] for each in post(client, "new", **asked)] == [each["hash"] for each in cards]
    assert len({each["hash"] for each in cards}) == 3
    table = host.lexicon().tables["l"]
    low, high = table.norm(dim=1).min(), table.norm(dim=1).max()
    for each in cards:
        rows = host.desk.pool.load(each["hash"]).vectors["l"]
        assert rows.shape == (2, 8) and bool((low <= rows.norm(dim=1)).all() and (rows.norm(dim=1) <= high).all())
        assert not any(torch.equal(row, word) for row in rows for word in table)
    assert post(client, "new", **{**asked, "seed": 8})[0]["hash"] != cards[0]["hash"]


def test_without_a_seed_random_ones_differ(client: TestClient) -> None:
    asked = {"from": "random", "seed": None}
    assert post(client, "new", **asked)[0]["hash"] != post(client, "new", **asked)[0]["hash"]


def saved(kind: str, text: str | None) -> bytes:
    file, image = io.BytesIO(), Image.new("RGB", (8, 8), "red")
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        if text is not None:
            info.add_text("parameters", text)
        image.save(file, kind, pnginfo=info)
    else:
        exif = Image.Exif()
        if text is not None:
            exif[0x8769] = {0x9286: b"UNICODE\0" + text.encode("utf-16-be")}
        image.save(file, kind, exif=exif)
    return file.getvalue()


def as_url(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_the_prompt_that_made_it(client: TestClient, kind: str) -> None:
    data = saved(kind, "(red:1.1) fox\nNegative prompt: owl\nSteps: 20, Sampler: Euler, Seed: 1")
    name = client.post("/pxl/v1/maps", content=data).json()["map"]
    for given_as in (name, as_url(data)):
        (card,) = post(client, "new", **{"from": "picture", "picture": given_as})
        assert (card["name"], card["tokens"]) == ("red fox", 2)


def test_a_picture_with_an_embedding_inside_becomes_that(client: TestClient, host: FakeHost) -> None:
    theirs = torch.arange(16.0).view(2, 8)
    info = PngImagePlugin.PngInfo()
    inside = json.dumps({"string_to_param": {"*": {"TORCHTENSOR": theirs.tolist()}}, "name": "styled"})
    info.add_text("sd-ti-embedding", base64.b64encode(inside.encode()).decode())
    info.add_text("parameters", "red fox\nSteps: 20, Sampler: Euler, Seed: 1")
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=info)
    (card,) = post(client, "new", **{"from": "picture", "picture": as_url(file.getvalue())})
    assert card["name"] == "styled" and torch.equal(host.desk.pool.load(card["hash"]).vectors["l"], theirs)
    assert client.post(f"{BASE}/import", content=file.getvalue()).json()["nokens"][0]["hash"] == card["hash"]


@pytest.mark.parametrize("way", ["new", "import"])
def test_a_picture_that_carries_nokens_becomes_those(client: TestClient, host: FakeHost, way: str) -> None:
    fox, owl = noken(2, 1, {"l": 8}, "carried fox"), noken(1, 2, {"l": 8}, "carried owl")
    job = {"nokens": {"carry": True, "vectors": [pack(fox), pack(owl)]}}
    text = Infotext("a <noken:carried fox>", "", {"Steps": "1", "Seed": "1", "Size": "8x8", "pxl": json.dumps(job)})
    picture = saved("PNG", text.format())
    if way == "new":
        cards = post(client, "new", **{"from": "picture", "picture": as_url(picture)})
    else:
        cards = client.post(f"{BASE}/import", content=picture).json()["nokens"]
    assert [card["name"] for card in cards] == ["carried fox", "carried owl"]
    assert [host.desk.pool.load(card["hash"]) for card in cards] == [halved(fox), halved(owl)]


@pytest.mark.parametrize(
    "picture", [as_url(saved("PNG", None)), as_url(saved("JPEG", "")), as_url(b"nothing"), "map:" + NONE, "/etc/passwd",
                "data:,", None]
)  # fmt: skip
def test_a_picture_that_says_nothing_is_refused(client: TestClient, picture: str | None) -> None:
    refused(client.post(f"{BASE}/new", json={"from": "picture", "picture": picture}))


def test_a_litter_is_bred_as_the_library_breeds(client: TestClient, host: FakeHost, pair: list[str]) -> None:
    asked = {"parents": pair, "n": 3, "seed": 5, "method": "blend", "mix": 0.3}
    cards = post(client, "breed", **asked)
    parents, table = [host.desk.pool.load(each) for each in pair], host.lexicon().tables
    assert {each["hash"] for each in cards} == {each.hash for each in breed(parents, 3, 5, "blend", 0.3, table)}
    assert all((each["parents"], each["operator"], each["seed"]) == (pair, "blend", 5) for each in cards)
    turned = post(client, "breed", **asked, angle=9)
    assert {each["hash"] for each in turned} == {each.hash for each in bear(parents, 3, 5, "blend", 0.3, 9, table)}
    assert client.get(BASE).json()["nokens"][0] == turned[-1]


def test_a_litter_is_led_away_from_who_was_passed_over(client: TestClient, host: FakeHost, pair: list[str]) -> None:
    asked = {"parents": pair, "n": 3, "seed": 5, "mix": 0.3, "angle": 9}
    others = [each["hash"] for each in post(client, "breed", **asked)]
    parents, table = [host.desk.pool.load(each) for each in pair], host.lexicon().tables
    trend = Trend([*map(host.desk.pool.load, others), *parents], [0.0] * 3 + [1.0] * 2, table)
    led = post(client, "breed", **asked, passed=[*others, pair[0]])
    wanted = bear(parents, 3, 5, mix=0.3, angle=9, table=table, trend=trend)
    assert {each["hash"] for each in led} == {each.hash for each in wanted} != set(others)
    turned = {"noken": pair[0], "n": 2, "seed": 5, "angle": 9}
    plain, led = post(client, "mutate", **turned), post(client, "mutate", **turned, passed=others)
    assert {each["hash"] for each in plain}.isdisjoint(each["hash"] for each in led)


def test_children_that_are_alike_come_once(client: TestClient, pair: list[str]) -> None:
    cards = post(client, "breed", parents=pair, n=20, method="cross")
    assert len({each["hash"] for each in cards}) == len(cards) <= 4, "two tokens from two parents"


def test_mutations_stand_aside_each_with_the_next_seed(client: TestClient, pair: list[str]) -> None:
    cards = post(client, "mutate", noken=pair[0], n=3, seed=4, angle=20)
    assert [each["seed"] for each in cards] == [4, 5, 6] and len({each["hash"] for each in cards}) == 3
    assert all(each["amounts"] == [20.0] and each["parents"] == [pair[0]] for each in cards)


def test_a_mutation_towards_a_word_comes_nearer_to_it(client: TestClient, pair: list[str]) -> None:
    (card,) = post(client, "mutate", noken=pair[0], n=1, angle=180, towards="night")
    words = client.get(f"{BASE}/{card['hash']}").json()["words"]["l"]
    assert [row[0]["word"] for row in words] == ["night", "night"]
    assert all(row[0]["cosine"] == pytest.approx(1, abs=1e-3) for row in words)
    told = refused(client.post(f"{BASE}/mutate", json={"noken": pair[0], "towards": "red fox"}))
    assert "2" in told and "one token" in told


@pytest.mark.parametrize("encoders", [{"l": 8, "g": 12}, {}])
@pytest.mark.parametrize("towards", ["near", "night"])
def test_without_a_model_of_its_family_a_noken_has_no_words_to_go_to(
    client: TestClient, host: FakeHost, pair: list[str], encoders: dict[str, int], towards: str
) -> None:
    host.encoders = encoders
    told = refused(client.post(f"{BASE}/mutate", json={"noken": pair[0], "towards": towards}))
    assert told == f"model: got {'l8+g12' if encoders else 'none'}, wanted one of l8, to know its words"
    assert len(post(client, "mutate", noken=pair[0], n=2)) == 2, "but it can be turned"


def test_deleting_hides_and_undo_brings_back(client: TestClient, pair: list[str]) -> None:
    (child,) = post(client, "breed", parents=pair, n=1)
    assert post(client, "delete", nokens=pair) == pair
    assert [each["hash"] for each in client.get(BASE).json()["nokens"]] == [child["hash"]]
    kin = client.get(f"{BASE}/{child['hash']}/kin").json()["nokens"]
    assert [each["hash"] for each in kin] == [*pair, child["hash"]]
    assert [each["deleted"] is None for each in kin] == [False, False, True]
    assert post(client, "undo", nokens=pair) == pair
    assert client.get(BASE).json()["total"] == 3


def test_pages_follow_one_another(client: TestClient, host: FakeHost) -> None:
    made = [each.hash for each in host.desk.pool.add([noken(1, seed, {"l": 8}) for seed in range(5)])]
    pages = [client.get(BASE, params={"limit": 2, "offset": at}).json() for at in (0, 2, 4)]
    assert [each["hash"] for page in pages for each in page["nokens"]] == made[::-1]
    assert {page["total"] for page in pages} == {5}


@pytest.mark.parametrize("query", ["limit=x", "limit=-1", "limit=1001", "offset=-1", "limit=" + "9" * 5000, "page=2"])
def test_a_page_that_cannot_be_is_refused(client: TestClient, query: str) -> None:
    refused(client.get(f"{BASE}?{query}"))


def test_a_name_and_a_mark_can_be_changed(client: TestClient, pair: list[str]) -> None:
    card = client.patch(
        f"{BASE}/{pair[0]}", json={"name": "<b>x".replace("<", "").replace(">", ""), "kept": True}
    ).json()
    assert (card["name"], card["kept"]) == ("bx", True)
    assert client.patch(f"{BASE}/{pair[0]}", json={"name": ""}).json()["name"] == ""
    assert client.patch(f"{BASE}/{pair[0]}", json={}).json()["kept"] is True
    for wrong in ({"name": "owl"}, {"name": "a<b"}, {"name": "x" * 81}, {"kept": 1}, {"color": "red"}, {"name": 3}):
        refused(client.patch(f"{BASE}/{pair[0]}", json=wrong))
    refused(client.patch(f"{BASE}/{pair[0]}", json={"kept": False, "name": "owl"}))
    assert client.get(f"{BASE}/{pair[0]}").json()["kept"] is True, "all of it, or nothing"


def test_what_fits_changes_with_the_model(client: TestClient, host: FakeHost, pair: list[str]) -> None:
    assert client.get(f"{BASE}/{pair[0]}").json()["fits"] is True
    host.encoders = {"l": 8, "g": 12}
    told = client.get(BASE).json()
    assert told["family"] == "l8+g12" and not any(each["fits"] for each in told["nokens"])
    details = client.get(f"{BASE}/{pair[0]}").json()
    assert details["words"] == {} and details["fits"] is False
    assert len(post(client, "breed", parents=pair, n=2)) == 2, "they can be bred all the same"
    (card,) = post(client, "new", **{"from": "words", "text": "fox"})
    assert card["family"] == "l8+g12" and card["fits"] is True
    assert "l8+g12" in refused(client.post(f"{BASE}/draw", json={"nokens": pair}))
    refused(client.post(f"{BASE}/breed", json={"parents": [pair[0], card["hash"]]}))


def test_without_a_model_the_pool_is_there_and_the_rest_is_told(
    client: TestClient, host: FakeHost, pair: list[str]
) -> None:
    host.encoders = {}
    told = client.get(BASE).json()
    assert told["family"] == "" and told["total"] == 2
    assert "model" in refused(client.post(f"{BASE}/new", json={"from": "words", "text": "fox"}))
    refused(client.post(f"{BASE}/draw", json={"nokens": pair}))
    assert len(post(client, "breed", parents=pair, n=1)) == 1


def test_the_words_near_each_vector_are_named(client: TestClient) -> None:
    (card,) = post(client, "new", **{"from": "prompt", "text": "stormy sea"})
    words = client.get(f"{BASE}/{card['hash']}").json()["words"]
    assert [row[0] for row in words["l"]] == [{"word": "stormy", "cosine": 1.0}, {"word": "sea", "cosine": 1.0}]
    assert all(len(row) == 5 for row in words["l"])


def test_a_file_is_a_textual_inversion(client: TestClient, host: FakeHost, pair: list[str], tmp_path: Path) -> None:
    answer = client.get(f"{BASE}/{pair[0]}/file")
    assert "attachment" in answer.headers["content-disposition"] and "fox.safetensors" in str(answer.headers)
    (tmp_path / "x.safetensors").write_bytes(answer.content)
    assert Noken.load(tmp_path / "x.safetensors").hash == pair[0]
    told = client.post(f"{BASE}/{pair[0]}/install").json()
    assert told == {"path": "embeddings/pxl/pxl-fox.safetensors", "word": "pxl-fox"}
    assert Noken.load(tmp_path / told["path"]).hash == pair[0]
    assert client.post(f"{BASE}/{pair[0]}/install").json() == told, "once is enough"


def test_a_name_in_any_script_can_be_a_file(client: TestClient, pair: list[str]) -> None:
    client.patch(f"{BASE}/{pair[0]}", json={"name": 'Füchse/../"狐"\\x; y'})
    told = client.get(f"{BASE}/{pair[0]}/file").headers["content-disposition"]
    assert told.isascii() and '"' not in told and "/" not in told.partition("''")[2]
    path = client.post(f"{BASE}/{pair[0]}/install").json()["path"]
    assert path == "embeddings/pxl/pxl-füchse-狐-x-y.safetensors"


def test_another_noken_of_that_name_gets_a_file_of_its_own(client: TestClient, pair: list[str]) -> None:
    assert client.post(f"{BASE}/{pair[0]}/install").json()["word"] == "pxl-fox"
    client.patch(f"{BASE}/{pair[0]}", json={"name": ""})
    client.patch(f"{BASE}/{pair[1]}", json={"name": "fox"})
    assert client.post(f"{BASE}/{pair[1]}/install").json()["word"] == "pxl-fox-2"


def test_a_pool_travels_as_one_file(client: TestClient, pair: list[str], tmp_path: Path) -> None:
    (child,) = post(client, "breed", parents=pair, n=1)
    whole, part = client.get(f"{BASE}.zip").content, client.get(f"{BASE}.zip?nokens={child['hash']}").content
    for data, count in ((part, 1), (whole, 3)):
        other = FakeHost(tmp_path / str(count), credentials={})
        app = FastAPI()
        app.include_router(router(other.desk, other))
        with TestClient(app) as there:
            taken = there.post(f"{BASE}/import", content=data).json()["nokens"]
            assert len(taken) == count and there.post(f"{BASE}/import", content=data).json()["nokens"] == []
            kin = there.get(f"{BASE}/{child['hash']}/kin").json()["nokens"]
            assert [each["hash"] for each in kin] == [*pair, child["hash"]]


def test_a_file_without_a_name_can_be_given_one(client: TestClient) -> None:
    import safetensors.torch

    data = safetensors.torch.save({"emb_params": torch.randn(3, 8)})
    (card,) = client.post(f"{BASE}/import?name=easy", content=data).json()["nokens"]
    assert (card["name"], card["tokens"], card["fits"]) == ("easy", 3, True)


@pytest.mark.parametrize(
    "data",
    [b"", b"nothing", b"PK\x03\x04", b"\x80\x02\x8a\x0a", b"\x89PNG\r\n\x1a\n", saved("PNG", None), b"\xff" * 99,
     (80).to_bytes(8, "little") + b'{"__metadata__": {"pxl_pool": "[]"}, "x": 1}'.ljust(80)],
)  # fmt: skip
def test_other_files_are_refused(client: TestClient, data: bytes) -> None:
    assert "wanted" in refused(client.post(f"{BASE}/import", content=data))


@pytest.mark.parametrize("path", ["", "/kin", "/file", "/thumbnail"])
@pytest.mark.parametrize("which", [NONE, "x", "..%2F..%2Fpxl.sqlite", "%00", "G" * 32])
def test_who_is_not_there_is_not_found(client: TestClient, which: str, path: str) -> None:
    assert client.get(f"{BASE}/{which}{path}").status_code == 404


def test_nobody_can_be_changed_or_exported_who_is_not_there(client: TestClient) -> None:
    refused(client.patch(f"{BASE}/{NONE}", json={"kept": True}), 404)
    refused(client.post(f"{BASE}/{NONE}/install"), 404)
    refused(client.get(f"{BASE}.zip?nokens={NONE}"), 404)


@pytest.mark.parametrize("name", ["new", "breed", "mutate", "delete", "undo", "draw", "evolve"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(sent=st.dictionaries(
    st.sampled_from(["from", "text", "picture", "count", "tokens", "seed", "name", "parents", "n", "method", "mix",
                     "angle", "noken", "towards", "nokens", "prompt", "steps", "size", "cfg", "litter", "x"]),
    JSON | st.sampled_from(["prompt", "words", "random", "picture", NONE, [NONE], [NONE, "1" * 32]])))  # fmt: skip
def test_strange_wishes_are_refused_in_words(client: TestClient, name: str, sent: dict[str, Any]) -> None:
    answer = client.post(f"{BASE}/{name}", json=sent) if not _odd(sent) else client.post(f"{BASE}/{name}", json={})
    if answer.status_code != 200:
        refused(answer)


def _odd(value: Any) -> bool:
    """What JSON itself cannot say."""
    try:
        json.dumps(value, allow_nan=False).encode()
    except ValueError:
        return True
    return False


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b"[" * 100_000, b"\xff"])
def test_what_is_no_dictionary_is_refused(client: TestClient, body: bytes) -> None:
    assert "wanted" in refused(client.post(f"{BASE}/breed", content=body))


def test_a_body_that_is_too_large_is_not_read(client: TestClient) -> None:
    for name, told in (("breed", 2**26), ("import", 2**30)):
        answer = client.post(f"{BASE}/{name}", content=b"", headers={"content-length": str(told)})
        assert "wanted at most" in refused(answer, 413)


def test_strangers_may_not_call(tmp_path: Path) -> None:
    host = FakeHost(tmp_path, credentials=None)
    app = FastAPI()
    app.include_router(router(host.desk, host))
    with TestClient(app) as client:
        assert client.get(BASE).status_code == client.delete(f"{BASE}/work").status_code == 401
        assert client.get(BASE, headers={"x-pxl-key": host.desk.key}).status_code == 200


def test_every_route_has_a_summary(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    ours = [route for path, kinds in paths.items() if "/nokens" in path for route in kinds.values()]
    assert len(ours) == 18 and all(len(each["summary"]) > 10 for each in ours)


def test_thumbnails_are_drawn_one_by_one(client: TestClient, host: FakeHost, pair: list[str]) -> None:
    assert client.get(f"{BASE}/work").json()["id"] is None
    assert client.get(BASE).json()["nokens"][0]["thumbnail"] is None
    work = post(client, "draw", nokens=pair, prompt="a photo of {}, {}", seed=3, size=512)
    told = settled(client)
    assert (told["id"], told["kind"], told["done"], told["total"]) == (work, "draw", 2, 2)
    assert (told["nokens"], told["error"], told["left"]) == (pair, None, None)
    words = [prompt.removeprefix("a photo of ").split(", ") for prompt in host.drawn]
    assert all(one == two and one.isalpha() for one, two in words) and words[0] != words[1]
    address = client.get(f"{BASE}/{pair[0]}").json()["thumbnail"]
    answer = client.get(address)
    assert answer.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(answer.content)).size == (256, 256)
    post(client, "draw", nokens=pair[:1], seed=4)
    settled(client)
    again = client.get(f"{BASE}/{pair[0]}").json()["thumbnail"]
    assert again != address and client.get(again).content != answer.content


@pytest.mark.parametrize(
    ("prompt", "wanted"), [("", "{}"), ("a fox", "a fox, {}"), ("{}", "{}"), ("a {} b, ", "a {} b, ")]
)
def test_the_word_comes_where_it_is_wished_or_at_the_end(
    client: TestClient, host: FakeHost, pair: list[str], prompt: str, wanted: str
) -> None:
    post(client, "draw", nokens=pair[:1], prompt=prompt)
    settled(client)
    before, _, behind = wanted.partition("{}")
    assert host.drawn[0].startswith(before + "pxl") and host.drawn[0].endswith(behind)


@pytest.mark.parametrize("wrong", [{"size": 2048}, {"size": 8}, {"steps": 0}, {"cfg": 99}, {"seed": -1}, {"prompt": 3},
                                   {"nokens": []}, {"nokens": "x"}, {"prompt": "x" * 10_001}])  # fmt: skip
def test_a_wish_that_cannot_be_is_told_before_anything_is_drawn(
    client: TestClient, host: FakeHost, pair: list[str], wrong: dict[str, Any]
) -> None:
    refused(client.post(f"{BASE}/draw", json={"nokens": pair, **wrong}))
    assert not host.drawn and client.get(f"{BASE}/work").json()["id"] is None


class Gate:
    """Holds a host's pictures back until a test lets one through."""

    def __init__(self, host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.passes = threading.Semaphore(0), threading.Semaphore(0)
        draw: Callable[..., Image.Image] = host.draw

        def held(*given: Any) -> Image.Image:
            self.begun.release()
            assert self.passes.acquire(timeout=30)
            return draw(*given)

        monkeypatch.setattr(host, "draw", held)


def test_stop_ends_it_after_the_picture_under_way(
    client: TestClient, host: FakeHost, pair: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(host, monkeypatch)
    post(client, "draw", nokens=pair)
    gate.begun.acquire()
    told = client.get(f"{BASE}/work").json()
    assert told["running"] and told["done"] == 0 and told["left"] is None
    client.delete(f"{BASE}/work")
    gate.passes.release(5)
    told = settled(client)
    assert (told["done"], told["total"], told["nokens"], told["error"]) == (1, 2, pair[:1], None)


def test_the_routes_answer_while_a_picture_is_drawn(
    client: TestClient, host: FakeHost, pair: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(host, monkeypatch)
    work = post(client, "draw", nokens=pair[:1])
    gate.begun.acquire()
    assert client.get(BASE).json()["total"] == 2 and len(post(client, "breed", parents=pair, n=2)) == 2
    assert post(client, "draw", nokens=pair[1:]) == work, "more thumbnails join those under way"
    assert client.get(f"{BASE}/work").json()["total"] == 2
    told = refused(client.post(f"{BASE}/evolve", json={"parents": pair}))
    assert "draw" in told
    gate.passes.release(5)
    assert settled(client)["nokens"] == pair


@pytest.mark.parametrize(
    "problem", [HostError("picture", got="NaN", wanted="numbers"), RuntimeError("CUDA out of memory")]
)
def test_what_goes_wrong_is_told_and_does_not_stay(
    client: TestClient, host: FakeHost, pair: list[str], monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    def broken(*given: Any) -> Image.Image:
        raise problem

    with monkeypatch.context() as broke:
        broke.setattr(host, "draw", broken)
        post(client, "draw", nokens=pair)
        told = settled(client)
    assert str(problem) in told["error"] and (told["done"], told["running"]) == (0, False)
    post(client, "draw", nokens=pair)
    assert settled(client)["error"] is None


def test_generations_come_into_the_pool(client: TestClient, host: FakeHost, pair: list[str]) -> None:
    asked = {"parents": pair, "generations": 3, "litter": 8, "elite": 1, "novelty": 0.5, "seed": 9}
    work = post(client, "evolve", **asked)
    told = settled(client)
    assert (told["id"], told["kind"], told["done"], told["total"], told["error"]) == (work, "evolve", 3, 3, None)
    born = {each["hash"]: each for each in client.get(BASE).json()["nokens"]}
    assert set(told["nokens"]) == set(born) - set(pair) and told["nokens"]
    assert all(set(born[each]["parents"]) <= set(born) for each in told["nokens"]), "the tree has no holes"
    assert max(each["generation"] for each in born.values()) == 3
    post(client, "evolve", **{**asked, "score": "words"})
    assert settled(client)["error"] is None


def test_generations_go_where_a_taste_would(client: TestClient, host: FakeHost) -> None:
    """Of two that are half liked each, there comes one that is liked."""
    pair = [post(client, "new", **{"from": "words", "text": text})[0]["hash"] for text in ("fox night", "owl sea")]
    asked = {
        "parents": pair,
        "generations": 2,
        "litter": 16,
        "method": "cross",
        "elite": 1,
        "seed": 3,
        "score": "taste",
    }
    assert "a training before this" in refused(client.post(f"{BASE}/evolve", json=asked))
    items = [Item(text, text) for text in ("fox night", "owl sea", "fox sea", "owl night")]
    liked = [Duel("fox sea", each.id, winner="fox sea") for each in items if each.id != "fox sea"] * 12
    host.desk.latest().path.parent.mkdir()
    Taste.fit(items, liked).save(host.desk.latest().path)
    post(client, "evolve", **asked)
    told = settled(client)
    assert told["error"] is None
    book = host.lexicon()
    said = spoken(host.desk.pool.load(told["nokens"][0]), book.tables, book.text, book.ids)
    assert re.findall("[a-z]+", said) == ["fox", "sea"]
    assert "a training before this" in refused(client.post(f"{BASE}/evolve", json={**asked, "profile": "somebody"}))
    refused(client.post(f"{BASE}/evolve", json={**asked, "profile": "x" * 81}))
    for same in (" me ", None):
        post(client, "evolve", **{**asked, "profile": same})
        assert settled(client)["error"] is None
    host.desk.latest().path.write_bytes(b"\0" * 64)
    assert "taste-me" in refused(client.post(f"{BASE}/evolve", json=asked))
    post(client, "evolve", **{**asked, "score": "novelty"})
    assert settled(client)["error"] is None


@pytest.mark.parametrize(
    "wrong", [{"score": "beauty"}, {"elite": 3}, {"litter": 1}, {"novelty": 2}, {"generations": 0}]
)
def test_an_evolution_that_cannot_be_is_told_at_once(
    client: TestClient, pair: list[str], wrong: dict[str, Any]
) -> None:
    refused(client.post(f"{BASE}/evolve", json={"parents": pair, **wrong}))
    assert client.get(f"{BASE}/work").json()["id"] is None
