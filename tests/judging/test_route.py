"""The routes of taste over a host's own store: what a person does, what is refused, and what others may not see."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from lib_pxl.hosts.fake import FakeHost
from lib_pxl.rest import router
from lib_pxl.taste import Duel, Item, Rating, Taste
from lib_pxl.taste.record import Record
from tests.judging.stock import judged, stocked

BASE = "/pxl/v1/taste"
HOSTILE = "<script>alert(1)</script> 😀 " + "x" * 9000
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


class Place:
    """A host with twelve pictures, and the routes to it."""

    def __init__(self, folder: Path) -> None:
        self.host, self.records = stocked(folder, 12, 32)
        self.host.credentials = {}
        self.opinions = self.host.desk.opinions()
        app = FastAPI()
        app.include_router(router(self.host.desk, self.host))
        self.http = TestClient(app)

    def get(self, what: str = "", /, status: int = 200, **asked: Any) -> Any:
        answer = self.http.get(f"{BASE}{what}", params=asked)
        assert answer.status_code == status, answer.text
        return answer.json() if status == 200 else told(answer)

    def post(self, what: str, /, status: int = 200, **sent: Any) -> Any:
        answer = self.http.post(f"{BASE}/{what}", json=sent)
        assert answer.status_code == status, answer.text
        return answer.json() if status == 200 else told(answer)

    def settled(self, profile: str = "") -> dict[str, Any]:
        """The work, once it is over."""
        while (work := self.get("/work", profile=profile))["running"]:
            time.sleep(0.01)
        return work

    def trained(self, count: int = 24) -> dict[str, Any]:
        """With so many duels, which it has learned from."""
        for each in judged(self.records, count):
            self.opinions.judge(each)
        self.post("fit")
        return self.settled()


def told(answer: Any) -> str:
    said: str = answer.json()["detail"]
    assert isinstance(said, str) and "\n" not in said and len(said) < 500
    return said


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    with made.http:
        yield made
        made.host.credentials = {}
        made.http.delete(f"{BASE}/work")
        made.settled()


def test_an_empty_store_is_told_without_an_error(tmp_path: Path) -> None:
    host = FakeHost(tmp_path, credentials={})
    app = FastAPI()
    app.include_router(router(host.desk, host))
    with TestClient(app) as http:
        seen = http.get(BASE).json()
        assert (seen["pictures"], seen["opinions"], seen["categories"]) == (0, 0, [])
        assert http.get(f"{BASE}/pictures").json() == {"pictures": [], "next": None}
        assert http.post(f"{BASE}/duel/next", json={}).json() == {"pairs": []}
        assert http.get(f"{BASE}/status").json() == {"taste": None, "opinions": 0, "new": 0, "up": [], "down": []}
        assert http.post(f"{BASE}/undo", json={}).json() == {"undone": None}
        assert "a training before" in told(http.post(f"{BASE}/propose", json={}))
        http.post(f"{BASE}/fit", json={})
        while (work := http.get(f"{BASE}/work").json())["running"]:
            time.sleep(0.01)
        assert "judge some pictures first" in work["error"]


def test_pages_go_from_the_newest_to_the_oldest(place: Place) -> None:
    found, before = [], ""
    while before is not None:
        page = place.get("/pictures", limit=5, before=before)
        found += [each["id"] for each in page["pictures"]]
        before = page["next"]
    assert found == [each.item.id for each in reversed(place.records)]


def test_pictures_are_chosen_by_what_the_filters_offer(place: Place) -> None:
    offered = place.get("/filters")
    assert offered == {"sittings": ["2025-03-02 10:00:00", "2025-03-01 10:00:00"], "models": ["large", "small"]}
    for asked in ({"sitting": offered["sittings"][0]}, {"checkpoint": "large"}, {"until": "2025-03-02"}):
        assert len(place.get("/pictures", **asked)["pictures"]) == 6


def test_a_card_has_its_pictures(place: Place) -> None:
    card, record = place.get("/pictures")["pictures"][0], place.records[-1]
    small, whole = (place.http.get(card[name]) for name in ("thumbnail", "image"))
    assert small.headers["content-type"] == "image/webp" and small.content[8:12] == b"WEBP"
    assert whole.content == Path(record.image).read_bytes() and whole.headers["content-type"] == "image/png"
    assert place.get(f"/picture/{card['id']}")["settings"] == dict(record.item.settings)


def test_a_lost_thumbnail_is_made_again_and_a_lost_picture_shown_small(place: Place) -> None:
    one, other, third = place.records[:3]
    for each in (one, third):
        path = place.host.desk.thumbnail(each)
        assert path is not None
        path.unlink()
    for each in (other, third):
        Path(each.image).unlink()
    assert place.http.get(f"{BASE}/thumbnail/{one.item.id}").status_code == 200
    small = place.http.get(f"{BASE}/image/{other.item.id}")
    assert small.headers["content-type"] == "image/webp"
    cards = {each["id"]: each for each in place.get("/pictures")["pictures"]}
    assert cards[third.item.id]["thumbnail"] is None and cards[other.item.id]["whole"] is False
    for kind in ("thumbnail", "image"):
        assert "file is gone" in told(place.http.get(f"{BASE}/{kind}/{third.item.id}"))


def test_a_path_from_an_import_opens_no_file_of_the_machine(place: Place, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(Path(place.records[0].image).read_bytes())
    (tmp_path / "outputs" / "notes.png").write_text("no picture")
    paths = [str(tmp_path / "secret.png"), "../secret.png", str(tmp_path / "outputs"), "\0", "x" * 5000]
    place.opinions.add([Record(Item(f"x{number}"), image=path) for number, path in enumerate(paths)])
    place.opinions.add([Record(Item("notes"), image=str(tmp_path / "outputs" / "notes.png"))])
    for number in range(len(paths)):
        assert "file is gone" in told(place.http.get(f"{BASE}/image/x{number}"))
    assert "another kind" in told(place.http.get(f"{BASE}/image/notes"))


def test_stars_are_given_corrected_and_taken_back(place: Place) -> None:
    item = place.records[0].item.id

    def stars() -> Any:
        return next(each["stars"] for each in place.get("/pictures")["pictures"] if each["id"] == item)

    key = place.post("rate", item=item, value=2, sitting="a")["key"]
    place.post("rate", item=item, value=5, sitting="a")
    place.post("rate", item=item, category="mood", value=3, sitting="a")
    assert stars() == {"overall": 5.0, "mood": 3.0} and len(place.opinions.opinions()) == 2
    assert place.post("undo")["undone"]["category"] == "mood"
    assert place.post("undo", key=key)["undone"] is None  # corrected already: it counts no more
    assert place.post("rate", item=item, value=None)["withdrawn"] == 2
    assert stars() == {} and place.opinions.opinions() == []


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        ({"item": "nobody", "value": 3}, "the id of an item that is kept here"),
        ({"item": "i", "value": 6}, "a number from 1 to 5"),
        ({"value": 3}, "a picture's id"),
        ({"item": "i", "value": 3, "stars": 4}, "no such key"),
        ({"item": "i", "value": 3, "category": HOSTILE * 2}, "at most 10,000"),
    ],
)
def test_stars_that_are_none_are_refused_in_words(place: Place, sent: Any, wanted: str) -> None:
    assert wanted in place.post("rate", 400, **sent)
    assert place.opinions.opinions() == []


def test_next_duels_are_different_pairs_that_can_be_seen_and_are_not_to_be_avoided(place: Place) -> None:
    for each in place.records[3:]:
        path = place.host.desk.thumbnail(each)
        assert path is not None
        path.unlink()
        Path(each.image).unlink()
    here = {each.item.id for each in place.records[:3]}
    pairs = [{each["id"] for each in pair} for pair in place.post("duel/next", n=9)["pairs"]]
    assert len(pairs) == 3 and all(pair < here and len(pair) == 2 for pair in pairs)
    avoided = [[*pair] for pair in pairs[:2]]
    (left,) = place.post("duel/next", n=9, avoid=avoided)["pairs"]
    assert {each["id"] for each in left} == pairs[2]
    assert place.post("duel/next", avoid=[*avoided, [*pairs[2]]])["pairs"] == []


def test_a_share_of_duels_is_asked_again(place: Place) -> None:
    first, second = (each.item.id for each in place.records[:2])
    place.post("duel", first=first, second=second, winner=first)
    asked = [place.post("duel/next", n=1, seed=seed)["pairs"][0] for seed in range(60)]
    again = [pair for pair in asked if [each["id"] for each in pair] == [second, first]]
    assert again, "with its sides changed, as only a repeated one is bound to be"


def test_a_duel_s_answer_counts_until_it_is_undone(place: Place) -> None:
    first, second = (each.item.id for each in place.records[:2])
    tie = place.post("duel", first=first, second=second, winner=None, category="mood")["key"]
    place.post("duel", first=first, second=second, winner=second)
    assert [each.outcome for each in place.opinions.opinions() if isinstance(each, Duel)] == [0, -1]
    assert place.post("undo", key=tie)["undone"]["kind"] == "duel"
    assert [each.category for each in place.opinions.opinions()] == ["overall"]
    assert "two different items" in place.post("duel", 400, first=first, second=first, winner=first)
    assert "None for a tie" in place.post("duel", 400, first=first, second=second, winner="a third")


def test_categories_are_added_renamed_merged_parted_and_retired(place: Place) -> None:
    item = place.records[0].item.id
    for name in ("mood", "mod", "depth"):
        place.post("categories/add", name=name)
    place.post("rate", item=item, category="mod", value=4)
    place.post("categories/merge", name="mod", into="mood")
    place.post("categories/rename", name="mood", to="feeling")
    seen = place.post("categories/retire", name="depth")["categories"]
    assert [tuple(each.values()) for each in seen] == [("feeling", 1, False, ["mod"]), ("depth", 0, True, [])]
    assert "a name that no other has" in place.post("categories/rename", 400, name="depth", to="feeling")
    assert "one that is here" in place.post("categories/retire", 400, name="nobody")
    assert "part it from that one" in place.post("categories/add", 400, name="mod")
    seen = place.post("categories/part", name="mod")["categories"]
    assert [(each["name"], each["opinions"]) for each in seen] == [("feeling", 0), ("mod", 1), ("depth", 0)]
    assert "one that is part of another" in place.post("categories/part", 400, name="mod")


def test_training_leaves_a_model_with_its_card_and_a_growing_curve(place: Place) -> None:
    work = place.trained(60)
    assert (work["error"], work["said"], work["share"]) == (None, "Learned from 60 opinions.", 1.0)
    seen = place.get("/status")
    assert (seen["taste"]["opinions"], seen["new"]) == (60, 0)
    assert [point["opinions"] for point in seen["taste"]["curve"]] == [20, 40, 60]
    assert all(point["low"] <= point["value"] <= point["high"] for point in seen["taste"]["curve"])
    assert any("red" in each["label"] for each in seen["up"])
    place.opinions.judge(Rating(place.records[0].item.id, value=1))
    assert place.get("/status")["new"] == 1
    assert Taste.load(place.host.data / "models" / "taste-me.safetensors").card.duels == 60


def test_a_damaged_model_is_told_in_words_and_can_be_trained_anew(place: Place) -> None:
    place.trained(12)
    (place.host.data / "models" / "taste-me.safetensors").write_bytes(b"\0" * 100)
    (place.host.data / "models" / "taste-me.json").write_bytes(b"\xff[")
    assert "wanted a taste that pxl saved" in place.get("/status", 400)
    assert "taste that pxl saved" in place.post("analyze", 400, prompt="a fox")
    assert len(place.post("duel/next")["pairs"]) == 2  # judging goes on
    place.post("fit")
    assert place.settled()["error"] is None and place.get("/status")["taste"]["opinions"] == 12


def test_prompts_are_ranked_analyzed_and_proposed(place: Place) -> None:
    place.trained(60)
    ranked = place.post("rank", prompts=["a blue star", "a red star", HOSTILE])["ranked"]
    assert {each["prompt"] for each in ranked} == {"a blue star", "a red star", HOSTILE}
    means = [each["mean"] for each in ranked]
    assert means == sorted(means, reverse=True) and means.index(max(means)) == 0
    assert [each["prompt"] for each in ranked].index("a red star") < [each["prompt"] for each in ranked].index(
        "a blue star"
    )
    found = place.post("analyze", prompt="😀 a red star")
    red = next(each for each in found["parts"] if each["label"] == "red")
    assert (
        red["mean"] > 0
        and "😀 a red star".encode("utf-16-le")[2 * red["start"] : 2 * red["end"]].decode("utf-16-le") == "red"
    )
    asked = {"template": "a {red|blue|green} {star|moon|ring}", "n": 4, "seed": 3, "boldness": 0}
    proposals = place.post("propose", **asked)["proposals"]
    assert len({each["prompt"] for each in proposals}) == 4 and proposals[0]["prompt"].startswith("a red")
    assert any(each["label"] == "red" for each in proposals[0]["why"])
    assert place.post("propose", **asked)["proposals"] == proposals
    assert place.post("propose", n=2)["proposals"], "an empty template is one to begin with"


def test_wildcards_of_the_data_folder_are_at_hand(place: Place) -> None:
    place.trained(12)
    folder = place.host.data / "wildcards"
    folder.mkdir()
    (folder / "colour.txt").write_text("red\nblue\n")
    found = place.post("propose", template="a __colour__ star", n=5)["proposals"]
    assert {each["prompt"] for each in found} == {"a red star", "a blue star"}
    assert "wildcard" in place.post("propose", 400, template="a __nowhere__ star")


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_opinions_go_out_and_come_back(place: Place, kind: str, tmp_path: Path) -> None:
    for each in judged(place.records, 8):
        place.opinions.judge(each)
    file = place.http.get(f"{BASE}/export", params={"kind": kind})
    assert f"pxl-opinions.{kind}" in file.headers["content-disposition"]
    place.http.post(f"{BASE}/import", params={"kind": kind, "profile": "other"}, content=file.content)
    assert place.settled()["said"] == "8 opinions are new."
    other = place.host.desk.opinions("other")
    assert [each.__dict__ for each in other.opinions()] == [each.__dict__ for each in place.opinions.opinions()]
    place.http.post(f"{BASE}/import", params={"kind": kind, "profile": "other"}, content=file.content)
    assert place.settled()["said"] == "0 opinions are new."


def test_a_file_of_another_kind_is_refused_in_words(place: Place) -> None:
    assert "wanted jsonl or csv" in told(place.http.post(f"{BASE}/import", params={"kind": "exe"}, content=b"x"))
    place.http.post(f"{BASE}/import", params={"kind": "csv"}, content=b"name,age\nfox,3\n")
    assert "a column kind" in place.settled()["error"]


def test_people_keep_apart(place: Place) -> None:
    place.post("categories/add", name="mine")
    seen = place.get("", profile="somebody else")
    assert (seen["pictures"], seen["categories"]) == (0, []) and set(seen["profiles"]) == {"me", "somebody else"}
    item = place.records[0].item.id
    assert "kept here" in place.post("rate", 400, item=item, value=3, profile="somebody else")
    assert "kept here" in told(place.http.get(f"{BASE}/thumbnail/{item}", params={"profile": "somebody else"}))


def test_a_picture_of_a_host_s_gallery_is_found_by_its_path(place: Place) -> None:
    record = place.records[4]
    assert place.get("/find", path=record.image)["picture"]["id"] == record.item.id
    assert place.get("/find", path="/nowhere.png") == {"picture": None}


def test_a_picture_made_without_the_switch_becomes_an_item_and_only_where_the_host_s_pictures_are(
    place: Place, tmp_path: Path
) -> None:
    def picture(path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        told = PngImagePlugin.PngInfo()
        told.add_text("parameters", text)
        Image.new("RGB", (32, 32), "red").save(path, pnginfo=told)
        return path

    text = "a red kite\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 64x64, Model: m"
    own = picture(tmp_path / "outputs" / "2025-01-31" / "one.png", text)
    card = place.post("record", path=str(own))["picture"]
    assert (card["prompt"], card["model"]) == ("a red kite", "m")
    assert place.post("record", path=str(own))["picture"]["id"] == card["id"]
    copy = picture(tmp_path / "cache" / "one.png", text)
    content = hashlib.sha256(copy.read_bytes()).hexdigest()
    assert place.post("record", path=str(copy), hash=content)["picture"]["id"] == card["id"]
    for asked in ({"path": str(copy)}, {"path": str(copy), "hash": "0" * 64}, {"path": "/etc/passwd", "hash": content}):
        assert "a path inside" in place.post("record", 400, **asked)
    bare = picture(tmp_path / "outputs" / "bare.png", "no infotext")
    assert "does not say how it was made" in place.post("record", 400, path=str(bare))
    assert "a path inside" in place.post("gather", 400, path=str(tmp_path))
    picture(tmp_path / "outputs" / "new" / "two.png", text.replace("kite", "fox"))
    place.post("gather", path=str(tmp_path / "outputs" / "new"))
    assert "1 pictures are new" in place.settled()["said"]


def test_who_has_no_key_and_no_credentials_is_not_let_in(place: Place) -> None:
    place.host.credentials = {"user": "word"}
    for answer in (place.http.get(f"{BASE}/pictures"), place.http.post(f"{BASE}/undo", json={})):
        assert answer.status_code == 401
    key = {"X-Pxl-Key": place.host.desk.key}
    assert place.http.get(f"{BASE}/pictures", headers=key).status_code == 200


WISHES = ("rate", "duel", "undo", "duel/next", "categories/add", "categories/rename", "categories/merge", "rank",
          "categories/part", "categories/retire", "analyze", "propose",
          "generate")  # fmt: skip

KEYS = ("item", "category", "value", "first", "second", "winner", "n", "avoid", "key", "name", "to", "into", "prompts",
        "settings", "prompt", "template", "seed", "profile", "boldness", "negative")  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wish=st.sampled_from(WISHES), sent=st.dictionaries(st.sampled_from(KEYS), JSON, max_size=4))
def test_whatever_is_sent_has_an_answer_in_words(place: Place, wish: str, sent: Any) -> None:
    body = json.dumps(sent)
    answer = place.http.post(f"{BASE}/{wish}", content=body)
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 400:
        told(answer)


def test_proposals_become_recorded_pictures_of_whoever_asked(place: Place) -> None:
    other = place.host.desk.opinions("somebody else")
    other.add([Record(Item("newest", "a cat", "blurry", settings={"Steps": 12, "Size": "64x128", "Model": "m"}))])
    sent = {"prompts": ["a red fox", "an owl"], "template": "{a red fox|an owl}", "seed": 7}
    which = place.post("generate", profile="somebody else", **sent)["work"]
    assert place.settled()["made"] == place.get()["work"]["made"] == []  # they are nothing to me
    work = place.settled("somebody else")
    assert (work["id"], work["kind"], work["error"], work["share"]) == (which, "generate", None, 0.5)
    assert work["said"] == "2 pictures are made and recorded." and place.host.drawn == ["a red fox", "an owl"]
    assert [card["prompt"] for card in work["made"]] == ["a red fox", "an owl"]
    for card, seed in zip(work["made"], (7, 8), strict=True):
        record = other.get(card["id"])
        assert (record.item.negative, record.template, record.seed) == ("blurry", sent["template"], seed)
        assert record.item.settings == {"Steps": 12, "CFG scale": 7, "Size": "64x128"} and record.sitting
        assert list(record.item.vectors) == ["fake"]
        picture = place.http.get(card["thumbnail"], params={"profile": "somebody else"})
        assert picture.headers["content-type"] == "image/webp"
    assert len(place.opinions.records()) == len(place.records) and len(other.records()) == 3


def test_what_is_made_can_say_its_own_settings_and_an_empty_negative_prompt(place: Place) -> None:
    place.post("generate", prompts=["a fox"], negative="", settings={"Steps": "many", "CFG scale": 3, "Size": "9x9"})
    (card,) = place.settled()["made"]
    record = place.opinions.get(card["id"])
    assert (record.item.negative, record.template) == ("", "")
    assert record.item.settings == {"Steps": 20, "CFG scale": 3, "Size": "64x64"}
    for wrong in ([], ["x"] * 65, [""], "a fox"):
        assert "prompts" in place.post("generate", 400, prompts=wrong)


def test_what_is_stopped_before_the_host_is_free_is_not_made(place: Place) -> None:
    with place.host.busy:
        place.post("generate", prompts=["a fox", "an owl"])
        assert place.http.delete(f"{BASE}/work").json()["running"]
    work = place.settled()
    assert (work["said"], work["made"], place.host.drawn) == ("Stopped.", [], [])


def test_a_stop_leaves_what_was_made_and_a_fault_is_told_with_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go, draw = threading.Event(), threading.Event(), place.host.draw

    def slow(*given: Any) -> Image.Image:
        begun.set()
        go.wait(30)
        return draw(*given)

    monkeypatch.setattr(place.host, "draw", slow)
    place.post("generate", prompts=["a fox", "an owl", "a cat"])
    begun.wait(30)
    assert "its end, or a stop" in place.post("generate", 400, prompts=["a fox"])
    place.http.delete(f"{BASE}/work")
    go.set()
    work = place.settled()
    assert (work["said"], len(work["made"]), work["error"]) == ("Stopped.", 1, None)
    monkeypatch.setattr(place.host, "draw", lambda *given: draw(*given) if given[0] == "a fox" else 1 / 0)
    place.post("generate", prompts=["a fox", "an owl"])
    work = place.settled()
    assert work["error"] == "ZeroDivisionError: division by zero" and len(work["made"]) == 1
    assert place.opinions.get(work["made"][0]["id"]).item.prompt == "a fox"
