"""Nokens over a running host's routes: its own words, thumbnails in its queue, and embeddings that it knows at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Thread
from typing import Any

import numpy
import pytest

from tests.host.client import Client, pixels

BASE = "/pxl/v1/nokens"


@pytest.fixture
def loaded(host: Client) -> Iterator[Client]:
    """The host with the checkpoint as the user's own choice, and loaded; what was made is put away."""
    before = {each["hash"] for each in host.get(BASE)["nokens"]}
    host.http.post("/sdapi/v1/options", json={"sd_model_checkpoint": host.checkpoint}).raise_for_status()
    host.make()
    yield host
    made = [each["hash"] for each in host.get(BASE)["nokens"] if each["hash"] not in before]
    if made:
        post(host, "delete", nokens=made)


def post(host: Client, wish: str, /, **sent: Any) -> Any:
    answer = host.http.post(f"{BASE}/{wish}", json=sent)
    assert answer.status_code == 200, answer.text[:2000]
    return next(iter(answer.json().values()))


def settled(host: Client) -> Any:
    while (told := host.get(f"{BASE}/work"))["running"]:
        time.sleep(0.2)
    assert told["error"] is None
    return told


def test_a_word_is_nearest_to_itself_and_a_span_has_its_tokens(loaded: Client) -> None:
    cat, span = post(loaded, "new", **{"from": "words", "text": "cat, a photo of a cat"})
    assert cat["fits"] and (cat["tokens"], span["tokens"]) == (1, 5)
    words = loaded.get(f"{BASE}/{cat['hash']}")["words"]
    assert words and all(rows[0][0]["word"] == "cat" for rows in words.values())
    assert all(rows[0][0]["cosine"] == pytest.approx(1, abs=1e-3) for rows in words.values())


def test_thumbnails_are_drawn_and_leave_no_trace(loaded: Client) -> None:
    before = loaded.make().first
    pair = [each["hash"] for each in post(loaded, "new", **{"from": "words", "text": "cat, dog"})]
    child = post(loaded, "breed", parents=pair, n=1, seed=1)[0]["hash"]
    post(loaded, "draw", nokens=[*pair, child], prompt="a photo of a {}", steps=2, size=128)
    assert settled(loaded)["nokens"] == [*pair, child]
    seen = [pixels(loaded.http.get(loaded.get(f"{BASE}/{each}")["thumbnail"]).content) for each in (*pair, child)]
    assert all(each.shape == (128, 128, 3) for each in seen)
    assert not any(numpy.array_equal(seen[i], seen[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert numpy.array_equal(loaded.make().first, before)


def test_a_job_of_the_users_comes_between_two_thumbnails(loaded: Client) -> None:
    words = post(loaded, "new", **{"from": "random", "count": 8, "seed": 3})
    post(loaded, "draw", nokens=[each["hash"] for each in words], steps=4, size=128)
    loaded.make()
    assert loaded.get(f"{BASE}/work")["done"] < 8, "the job did not wait for all of them"
    assert settled(loaded)["done"] == 8


def test_the_page_is_answered_while_a_job_runs(loaded: Client) -> None:
    other = Thread(target=lambda: Client(str(loaded.http.base_url), loaded.checkpoint).make(steps=30))
    other.start()
    assert loaded.get(BASE)["family"] and post(loaded, "new", **{"from": "words", "text": "cat"})
    other.join()


def test_an_installed_noken_draws_what_its_word_draws(loaded: Client) -> None:
    (cat,) = post(loaded, "new", **{"from": "words", "text": "cat", "name": "test cat"})
    answer = loaded.http.post(f"{BASE}/{cat['hash']}/install")
    assert answer.status_code == 200, answer.text[:2000]
    word = answer.json()["word"]
    made = loaded.make(prompt=f"a photo of a {word}").first
    assert numpy.array_equal(made, loaded.make(prompt="a photo of a cat").first)


def test_generations_come_into_the_pool(loaded: Client) -> None:
    pair = [each["hash"] for each in post(loaded, "new", **{"from": "words", "text": "cat, dog"})]
    post(loaded, "evolve", parents=pair, generations=2, litter=3, seed=1, novelty=0.5)
    made = settled(loaded)["nokens"]
    assert made and all(loaded.get(f"{BASE}/{each}")["fits"] for each in made)
