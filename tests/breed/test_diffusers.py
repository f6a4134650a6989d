"""Breeding over the studio's host with tiny pipelines of the true classes: words, pictures and generations."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lib_pxl.hosts.base import LARGEST
from lib_pxl.hosts.diffusers import DiffusersHost
from lib_pxl.hosts.request import Request
from lib_pxl.rest import router
from tests import tiny

BASE = "/pxl/v1/nokens"
MAKERS = {"sd1": tiny.sd1, "sdxl": tiny.sdxl}


@pytest.fixture(scope="module", params=MAKERS)
def pipe(request: pytest.FixtureRequest) -> Any:
    return MAKERS[request.param]()


@pytest.fixture
def host(pipe: Any, tmp_path: Path) -> DiffusersHost:
    return DiffusersHost(pipe, tmp_path, credentials={})


@pytest.fixture
def client(host: DiffusersHost) -> Iterator[TestClient]:
    app = FastAPI()
    app.include_router(router(host.desk, host))
    with TestClient(app) as made:
        yield made


def post(client: TestClient, wish: str, /, **sent: Any) -> Any:
    answer = client.post(f"{BASE}/{wish}", json=sent)
    assert answer.status_code == 200, answer.text
    return next(iter(answer.json().values()))


def settled(client: TestClient) -> dict[str, Any]:
    while (told := client.get(f"{BASE}/work").json())["running"]:
        time.sleep(0.01)
    assert told["error"] is None
    return told


def pixels(image: Any) -> Any:
    return numpy.asarray(image)


def test_the_words_are_the_tokenizers_own(host: DiffusersHost) -> None:
    book = host.lexicon()
    tokenizer = host.pipe.tokenizer
    for text in ("the star", "star", "a odd wörd", ""):
        assert list(book.ids(text)) == tokenizer(text)["input_ids"][1:-1]
    assert book.text(book.ids("star")[0]).strip() == "star"
    assert {letter: table.shape for letter, table in book.tables.items()} == {
        letter: (len(tokenizer), width) for letter, width in host.widths().items()
    }


def test_a_noken_of_a_word_draws_what_the_word_draws(host: DiffusersHost) -> None:
    book = host.lexicon()
    ids = list(book.ids("star"))
    vectors = {letter: table[ids] for letter, table in book.tables.items()}
    plain = host.draw("the star", {}, 3, 4, 64, 7)
    for word, same in (({"pxlabc": vectors}, True), ({"pxlabc": {k: -v for k, v in vectors.items()}}, False)):
        drawn = host.draw("the pxlabc", word, 3, 4, 64, 7)
        assert numpy.array_equal(pixels(drawn), pixels(plain)) is same
    assert numpy.array_equal(pixels(plain), pixels(host.generate(
        Request("the star", seed=3, steps=4, width=64, height=64)).pictures[0]))  # fmt: skip


def test_a_thumbnail_leaves_no_trace_in_the_tabs(host: DiffusersHost) -> None:
    host.generate(Request("the star", seed=1, steps=2, width=64, height=64), tab="txt2img")
    before = host.desk.previous, host.desk.status("txt2img"), host.desk.status("")
    host.draw("the pxlabc", {"pxlabc": {k: torch.ones(1, w) for k, w in host.widths().items()}}, 1, 2, 64, 7)
    assert (host.desk.previous, host.desk.status("txt2img"), host.desk.status("")) == before
    assert not host.tokenizers, "the word is forgotten"


def test_the_usual_size_is_the_models_but_not_more_than_the_largest(
    host: DiffusersHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert host.draw("the", {}, 1, 1, 0, 7).size == (128, 128) == (host.side, host.side)
    monkeypatch.setattr(DiffusersHost, "side", 8 * LARGEST)
    monkeypatch.setattr(Request, "checked", lambda asked, factor: pytest.fail(f"{asked.width}"))
    with pytest.raises(pytest.fail.Exception, match=f"^{LARGEST}$"):
        host.draw("the", {}, 1, 1, 0, 7)


def test_words_are_forgotten_where_drawing_fails(host: DiffusersHost) -> None:
    with pytest.raises(Exception, match="wanted"):
        host.draw("x", {"pxlabc": {k: torch.ones(1, w) for k, w in host.widths().items()}}, 1, 0, 64, 7)
    with pytest.raises(Exception, match="wanted"):
        host.draw("x", {"pxlabc": {k: torch.ones(1, w + 1) for k, w in host.widths().items()}}, 1, 1, 64, 7)
    assert not host.tokenizers


def test_from_a_prompt_to_the_thumbnails_of_a_third_generation(client: TestClient, host: DiffusersHost) -> None:
    parents = [card["hash"] for card in post(client, "new", **{"from": "words", "text": "star, her or"})]
    post(client, "evolve", parents=parents, generations=3, litter=4, seed=1, score="words", novelty=0.3)
    made = settled(client)["nokens"]
    post(client, "draw", nokens=made, prompt="the {}", steps=2, size=64)
    assert settled(client)["nokens"] == made
    cards = {card["hash"]: card for card in client.get(BASE).json()["nokens"]}
    for each in made:
        assert cards[each]["thumbnail"] and cards[each]["fits"] and cards[each]["family"] == "+".join(
            f"{letter}{width}" for letter, width in host.widths().items())  # fmt: skip
        assert client.get(cards[each]["thumbnail"]).content[:4] == b"RIFF"
    words = client.get(f"{BASE}/{parents[0]}").json()["words"]
    assert {letter: rows[0][0]["word"] for letter, rows in words.items()} == dict.fromkeys(host.widths(), "star")


def test_a_text_knows_how_long_it_is_in_this_models_tokens(client: TestClient) -> None:
    answer = client.post(f"{BASE}/new", json={"from": "prompt", "text": "x" * 76})
    assert answer.status_code == 400 and "got 76 tokens, wanted 1 to 75" in answer.json()["detail"]
