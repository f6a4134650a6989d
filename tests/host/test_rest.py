"""The routes, as a stranger and as the page meet them."""

from __future__ import annotations

import re

import numpy

from tests.host.client import Client, blocks, layer, pixels, png


def test_health_names_the_host(url: str) -> None:
    told = Client(url).get("/pxl/v1/health")
    assert told["ok"] and told["host"] in ("A1111", "Forge")


def test_a_program_can_be_checked(url: str) -> None:
    http = Client(url).http
    assert http.post("/pxl/v1/program/check", json=layer()).json()["ok"] is True
    told = http.post("/pxl/v1/program/check", json=layer(strength="0:a")).json()
    assert (told["ok"], told["field"]) == (False, "layers[0].strength")
    assert http.post("/pxl/v1/program/check", content=b"[" * 10_000_000).status_code == 400
    assert http.post("/pxl/v1/program/check", content=b"{").status_code == 400


def test_a_film_strip_needs_no_generation(url: str) -> None:
    layers = [layer(**each)["control"]["layers"][0] for each in ({}, {"mode": "warp"}, {"muted": True})]
    told = Client(url).http.post("/pxl/v1/film", json={"program": {"layers": layers}, "columns": 4}).json()
    assert len(told["progress"]) == 4 and told["layers"][2].keys() == {"problem"}
    assert all(row["image"].startswith("data:image/webp;base64,") for row in told["layers"][:2])


def test_a_map_comes_back_as_it_went(url: str) -> None:
    http, data = Client(url).http, png(blocks(11))
    name = http.post("/pxl/v1/maps", content=data).json()["map"]
    assert re.fullmatch("map:[0-9a-f]{32}", name)
    back = http.get(f"/pxl/v1/maps/{name[4:]}")
    assert back.content == data and back.headers["content-type"] == "image/png"
    assert numpy.array_equal(pixels(back.content), pixels(data))


def test_what_is_no_map_is_refused(url: str) -> None:
    http = Client(url).http
    assert http.post("/pxl/v1/maps", content=b"not a picture").status_code == 400
    assert http.post("/pxl/v1/maps", content=png(blocks())[:200]).status_code == 400
    assert http.post("/pxl/v1/maps", content=(b"0" * 2**20 for _ in range(1024))).status_code == 413
    for path in ("../../config.json", "..%2f..%2fconfig.json", "0" * 32, "x"):
        assert http.get(f"/pxl/v1/maps/{path}").status_code == 404


def test_a_page_of_another_origin_is_refused(url: str) -> None:
    http = Client(url).http
    assert http.get("/pxl/v1/health", headers={"Origin": "https://elsewhere.example"}).status_code == 403
    assert http.get("/pxl/v1/health", headers={"Origin": url}).status_code == 200


def test_the_routes_are_in_the_hosts_own_description(url: str) -> None:
    described = Client(url).get("/openapi.json")["paths"]
    assert {"/pxl/v1/health", "/pxl/v1/program/check", "/pxl/v1/film", "/pxl/v1/maps"} <= described.keys()
