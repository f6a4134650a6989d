"""The layer editor in a real browser, over a tiny page with two panels and a server that answers as pxl's does."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from lib_pxl.control.curve import Curve
from lib_pxl.errors import CurveError
from tests.browser import WAIT, Console, drop_files
from tests.site import Answer, Asked, File, serve

ROOT = Path(__file__).resolve().parent.parent
TABS = ("txt2img", "img2img")
HOSTILE = "<img src=x onerror=\"window.hacked=1\"> & 'quotes'"

expect.set_options(timeout=WAIT)


def choices(*names: str, unbuilt: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    return [{"value": name, "label": name.title(), "help": "", "built": name not in unbuilt} for name in names]


KINDS = [
    {
        "value": "image",
        "label": "Picture",
        "help": "",
        "built": True,
        "fields": [{"name": "image", "kind": "image", "label": "Picture", "help": "a still", "default": None}],
    },
    {
        "value": "frames",
        "label": "Frames",
        "help": "",
        "built": True,
        "fields": [{"name": "path", "kind": "frames", "label": "Frames", "help": "moving", "default": None}],
    },
    {
        "value": "noise",
        "label": "Noise",
        "help": "",
        "built": True,
        "fields": [{"name": "scale", "kind": "number", "label": "Scale", "default": 0.25, "low": 0.001, "high": 4}],
    },
]
SCHEMA: dict[str, Any] = {
    "max_layers": 8,
    "switches": [
        {"name": "control", "label": "Control", "help": "maps", "built": True},
        {"name": "nokens", "label": "Nokens", "help": "bred words", "built": False},
        {
            "name": "record",
            "label": "Record",
            "help": "keep prompts",
            "built": True,
            "flags": [{"name": "thumbnail", "kind": "flag", "label": "With a thumbnail", "help": "", "default": False}],
        },
    ],
    "control": [
        {"name": "trace", "kind": "flag", "label": "How did it form?", "help": "", "default": False},
        {"name": "input", "kind": "frames", "label": "Input", "help": "", "default": None, "tab": "img2img"},
        {
            "name": "animation",
            "kind": "group",
            "label": "Animation",
            "default": None,
            "tab": None,
            "fields": [{"name": "fps", "kind": "number", "label": "Rate", "default": None, "low": 0.1, "high": 60}],
        },
    ],
    "fields": [
        {
            "name": "source",
            "kind": "source",
            "label": "Source",
            "help": "where the map comes from",
            "default": {"kind": "noise"},
            "when": [{"fit": ["crop", "pad"]}],
            "choices": KINDS,
        },
        {
            "name": "map",
            "kind": "choice",
            "label": "Map",
            "help": "what is followed",
            "default": "color",
            "choices": choices("color", "luma", unbuilt=("luma",)),
        },
        {"name": "strength", "kind": "curve", "label": "Strength", "help": "how strongly", "default": 0.5},
        {"name": "hires", "kind": "hires", "label": "Hires pass", "help": "", "default": "same"},
        {
            "name": "fit",
            "kind": "choice",
            "label": "Fit",
            "help": "",
            "default": "crop",
            "choices": choices("crop", "pad", "none"),
        },
        {
            "name": "gate",
            "kind": "group",
            "label": "Gate",
            "help": "where",
            "default": None,
            "fields": [
                {"name": "cover", "kind": "number", "label": "Cover", "help": "", "default": 0.5, "low": 0, "high": 1},
                {"name": "speed", "kind": "number", "label": "Speed", "default": 1, "low": 0, "high": 1000},
                {"name": "seed", "kind": "number", "label": "Seed", "default": -1, "low": -1, "whole": True},
                {"name": "reroll", "kind": "flag", "label": "Reroll", "help": "", "default": False},
            ],
        },
        {
            "name": "motion",
            "kind": "group",
            "label": "Motion",
            "help": "how",
            "default": None,
            "when": [{"map": ["luma"]}],
            "fields": [
                {
                    "name": "kind",
                    "kind": "choice",
                    "label": "Motion",
                    "default": "noise",
                    "choices": choices("noise", "swirl"),
                },
                {
                    "name": "amount",
                    "kind": "number",
                    "label": "Amount",
                    "default": 0.1,
                    "low": 0,
                    "high": 4,
                    "when": [{"kind": ["swirl"]}],
                },
            ],
        },
        {
            "name": "mask",
            "kind": "image",
            "label": "Mask",
            "help": "",
            "default": None,
            "optional": True,
            "when": [{"fit": ["crop"]}],
        },
    ],
}


def picture(colour: str = "teal", size: tuple[int, int] = (48, 32)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def name_of(data: bytes) -> str:
    return f"map:{hashlib.sha256(data).hexdigest()[:32]}"


@dataclass
class Server:
    """A server that answers as pxl's own REST routes do; a test sets what it holds and reads what it was asked."""

    url: str = ""
    maps: dict[str, bytes] = field(default_factory=dict)
    presets: dict[str, Any] = field(default_factory=dict)
    films: list[Any] = field(default_factory=list)
    jobs: int = 0
    error: str | None = None
    tasks: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    keys: set[str | None] = field(default_factory=set)
    answer_maps: threading.Event = field(default_factory=threading.Event)

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """Status, content type and body."""
        address = urlsplit(path)
        kind, _, name = address.path.removeprefix("/pxl/v1/").partition("/")
        routes = {
            "film": self._film,
            "formed": self._formed,
            "maps": self._maps,
            "presets": self._presets,
            "program": self._program,
            "status": self._status,
        }
        if kind == "status" and (task := parse_qs(address.query).get("task")):
            jobs, error = self.tasks.get(task[0], (0, None))
            return self._say({"jobs": jobs, "error": error})
        return routes[kind](method, unquote(name), body)

    def _maps(self, method: str, name: str, body: bytes) -> Answer:
        if method == "GET":
            data = self.maps.get(f"map:{name}")
            missing = self._refuse(404, f"map {name} is not in this data folder")
            return Answer(200, "image/png", data) if data else missing
        self.answer_maps.wait(WAIT / 1000)
        if not body.startswith(b"\x89PNG"):
            return self._refuse(400, f"{HOSTILE}: got 5 bytes, wanted a picture")
        self.maps[name_of(body)] = body
        with Image.open(io.BytesIO(body)) as found:
            return self._say({"map": name_of(body), "frames": getattr(found, "n_frames", 1)})

    def _presets(self, method: str, name: str, body: bytes) -> Answer:
        if not name:
            return self._say({"presets": ["Aurora", *sorted(self.presets)], "built_in": ["Aurora"]})
        if method == "PUT":
            self.presets[name] = json.loads(body)
        elif method == "DELETE":
            del self.presets[name]
        return self._say(self.presets.get(name, {"layers": []} if name == "Aurora" else {"ok": True}))

    def _film(self, method: str, name: str, body: bytes) -> Answer:
        self.films.append(json.loads(body))
        url = f"data:image/png;base64,{base64.b64encode(picture('navy', (96, 12))).decode()}"
        layers = self.films[-1]["program"]["layers"]
        rows = [
            {"problem": HOSTILE} if layer.get("map") == "luma" else {"image": url, "strength": [0.5] * 8}
            for layer in layers
        ]
        return self._say({"progress": [0, 1], "layers": rows})

    def _formed(self, method: str, name: str, body: bytes) -> Answer:
        return Answer(200, "image/png", picture("plum", (64, 16) if "strip" in name else (16, 16)))

    def _program(self, method: str, name: str, body: bytes) -> Answer:
        if b"wobble" in body:
            return self._say({"ok": False, "error": "wobble: got 1, wanted no such key"})
        return self._say({"ok": True, "program": json.loads(body)})

    def _status(self, method: str, name: str, body: bytes) -> Answer:
        return self._say({"jobs": self.jobs, "error": self.error})

    def _refuse(self, status: int, sentence: str) -> Answer:
        return Answer(status, "application/json", json.dumps({"detail": sentence}).encode())

    def _say(self, data: Any) -> Answer:
        return Answer(200, "application/json", json.dumps(data).encode())


def root_of(tab: str) -> str:
    data = f'data-tab="{tab}" data-key="key-{tab}" data-schema="{html.escape(json.dumps(SCHEMA))}"'
    return f'<div class="pxl-panel" id="pxl_{tab}_editor" {data}></div>'


def page_html() -> str:
    tabs = "".join(
        f"""<button id="{tab}_generate">Generate</button>
        <div id="pxl_{tab}_accordion"><button class="label-wrap"><span>pxl</span></button>
        <div id="place_{tab}">{root_of(tab)}</div>
        <div id="pxl_{tab}_job" class="pxl-hidden"><textarea></textarea></div></div>"""
        for tab in TABS
    )
    return f"""<!doctype html><html><head><meta charset="utf-8"><link rel="icon" href="data:,">
        <link rel="stylesheet" href="style.css"><script src="pxl.js"></script></head>
        <body>{tabs}<textarea id="prompt"></textarea><img id="gallery" src="gallery.png"></body></html>"""


@pytest.fixture
def server() -> Iterator[Server]:
    """The page, its script and style, and the REST routes, on a free port."""
    state = Server()
    state.answer_maps.set()
    files: dict[str, File] = {
        "/": ("text/html", lambda: page_html().encode()),
        "/pxl.js": ("text/javascript", (ROOT / "javascript" / "pxl.js").read_bytes),
        "/style.css": ("text/css", (ROOT / "style.css").read_bytes),
        "/gallery.png": ("image/png", lambda: picture("gold")),
    }

    def answer(asked: Asked) -> Answer:
        state.asked.append(f"{asked.method} {asked.path}")
        state.keys.add(asked.key)
        return state.answer(asked.method, asked.path, asked.body)

    with serve(files, answer) as state.url:
        yield state


@dataclass
class Editor:
    """One panel, as a person sees it."""

    page: Page
    server: Server
    tab: str = "txt2img"

    @property
    def root(self) -> Locator:
        return self.page.locator(f"#pxl_{self.tab}_editor")

    @property
    def field(self) -> Locator:
        return self.page.locator(f"#pxl_{self.tab}_job textarea")

    @property
    def cards(self) -> Locator:
        return self.root.locator(".pxl-card")

    def card(self, number: int) -> Locator:
        return self.root.get_by_role("group", name=f"Layer {number}", exact=True)

    def part(self, number: int, name: str) -> Locator:
        return self.card(number).locator(f'[data-name="{name}"]')

    def button(self, name: str) -> Locator:
        return self.root.get_by_role("button", name=name, exact=True)

    def tool(self, number: int, name: str) -> Locator:
        return self.card(number).locator(f".pxl-tool-{name}")

    def add(self, count: int = 1) -> None:
        for _ in range(count):
            self.root.locator(".pxl-add").click()

    def curve(self, number: int, text: str) -> None:
        self.part(number, "strength").get_by_role("textbox").fill(text)

    def text(self) -> str:
        return self.field.input_value()

    def job(self) -> Any:
        return json.loads(self.text())

    def layers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.job()["control"]["layers"]
        return found

    def strengths(self) -> list[Any]:
        return [layer.get("strength") for layer in self.layers()]

    def serve(self, text: str) -> None:
        """What gradio does when the server changes the field."""
        self.field.evaluate("(area, text) => { area.value = text; }", text)
        self.page.evaluate("(tab) => pxl.read(tab)", self.tab)


@pytest.fixture
def editor(server: Server, page: Page) -> Editor:  # the page goes before the server does
    """The first of two panels, freshly drawn."""
    page.goto(server.url)
    opened = Editor(page, server)
    expect(opened.root.locator(".pxl-add")).to_be_visible()
    return opened


@pytest.fixture
def still(tmp_path: Path) -> Path:
    """A picture on the disk."""
    path = tmp_path / "still.png"
    path.write_bytes(picture())
    return path


def test_an_untouched_panel_leaves_the_field_empty(editor: Editor) -> None:
    assert editor.text() == ""
    editor.root.get_by_label("Record").check()
    assert editor.job() == {"record": True}
    editor.root.get_by_label("Record").uncheck()
    assert editor.text() == ""


def test_a_switch_that_says_more_is_on_unless_it_says_otherwise_and_forgets_it_when_it_is_set(editor: Editor) -> None:
    editor.serve('{"record":{"enabled":true,"more":[1]}}')
    expect(editor.root.get_by_label("Record")).to_be_checked()
    editor.add()
    assert editor.job()["record"] == {"enabled": True, "more": [1]}
    editor.serve('{"record":{"enabled":false}}')
    expect(editor.root.get_by_label("Record")).not_to_be_checked()
    editor.root.get_by_label("Record").check()
    assert editor.job()["record"] is True


def test_what_is_ticked_beside_a_switch_stays_when_that_is_flipped(editor: Editor) -> None:
    record, thumbnail = (editor.root.get_by_label(name, exact=True) for name in ("Record", "With a thumbnail"))
    expect(thumbnail).to_be_hidden()
    record.check()
    expect(thumbnail).not_to_be_checked()
    thumbnail.check()
    assert editor.job()["record"] == {"enabled": True, "thumbnail": True}
    record.uncheck()
    expect(thumbnail).to_be_hidden()
    assert editor.job()["record"] == {"enabled": False, "thumbnail": True}
    record.check()
    expect(thumbnail).to_be_checked()
    thumbnail.uncheck()
    assert editor.job()["record"] is True


def test_what_a_picture_said_beside_a_switch_stays_when_something_is_ticked(editor: Editor) -> None:
    editor.serve('{"record":{"enabled":true,"more":[1],"thumbnail":true}}')
    thumbnail = editor.root.get_by_label("With a thumbnail")
    expect(thumbnail).to_be_checked()
    thumbnail.uncheck()
    assert editor.job()["record"] == {"enabled": True, "more": [1]}
    thumbnail.check()
    assert editor.job()["record"] == {"enabled": True, "more": [1], "thumbnail": True}
    editor.root.get_by_label("Record", exact=True).uncheck()
    assert editor.job()["record"] == {"enabled": False, "thumbnail": True}, "and is forgotten with a flip"


def test_what_is_not_built_is_disabled_and_says_so(editor: Editor) -> None:
    expect(editor.root.get_by_label("Nokens")).to_be_disabled()
    expect(editor.root.locator(".pxl-switches")).to_contain_text("not built yet")
    editor.add()
    luma = editor.part(1, "map").locator("option[value=luma]")
    expect(luma).to_be_disabled()
    expect(luma).to_have_text("Luma (not built yet)")


def test_a_first_layer_switches_control_on(editor: Editor) -> None:
    editor.add()
    expect(editor.root.get_by_label("Control")).to_be_checked()
    assert editor.job() == {"control": {"enabled": True, "layers": [{"source": {"kind": "image"}}]}}
    expect(editor.page.locator("#pxl_txt2img_accordion")).to_have_attribute("data-pxl-on", "")
    editor.root.get_by_label("Control").uncheck()
    editor.add()
    assert editor.job()["control"]["enabled"] is False
    expect(editor.page.locator("#pxl_txt2img_accordion")).not_to_have_attribute("data-pxl-on", "")


def test_a_choice_is_written_and_the_default_left_out(editor: Editor) -> None:
    editor.add()
    fit = editor.part(1, "fit").get_by_role("combobox")
    fit.select_option("pad")
    assert editor.layers()[0]["fit"] == "pad"
    expect(editor.part(1, "mask")).to_be_hidden()
    fit.select_option("crop")
    assert "fit" not in editor.layers()[0]
    expect(editor.part(1, "mask")).to_be_visible()


def test_eight_layers_are_the_most_and_words_say_so(editor: Editor) -> None:
    editor.add(8)
    expect(editor.root.locator(".pxl-add")).to_be_hidden()
    expect(editor.root).to_contain_text("at most 8 layers")
    expect(editor.tool(1, "copy")).to_be_disabled()
    assert len(editor.layers()) == 8


def test_a_picked_file_becomes_a_map(editor: Editor, still: Path) -> None:
    editor.add()
    with editor.page.expect_file_chooser() as chooser:
        editor.part(1, "image").locator(".pxl-drop").click()
    chooser.value.set_files(still)
    expect(editor.part(1, "image").locator("img")).to_be_visible()
    assert editor.layers()[0]["source"] == {"kind": "image", "image": name_of(still.read_bytes())}
    assert "POST /pxl/v1/maps" in editor.server.asked and None not in editor.server.keys
    editor.part(1, "image").get_by_role("button", name="Clear: Picture").click()
    assert editor.layers()[0]["source"] == {"kind": "image"}
    expect(editor.part(1, "image").locator("img")).to_be_hidden()


def test_a_dropped_file_becomes_a_map_of_the_zone_it_fell_on(editor: Editor, still: Path) -> None:
    editor.add()
    drop_files(editor.page, editor.part(1, "mask").locator(".pxl-drop"), [still])
    expect(editor.part(1, "mask").locator("img")).to_be_visible()
    assert editor.layers() == [{"source": {"kind": "image"}, "mask": name_of(still.read_bytes())}]


def test_a_file_dropped_beside_the_cards_makes_a_layer(editor: Editor, still: Path) -> None:
    drop_files(editor.page, editor.root.locator(".pxl-add"), [still])
    expect(editor.part(1, "image").locator("img")).to_be_visible()
    assert editor.layers()[0]["source"]["image"] == name_of(still.read_bytes())


def test_a_picture_dragged_from_the_page_keeps_its_own_bytes(editor: Editor) -> None:
    editor.add()
    editor.page.locator("#gallery").drag_to(editor.card(1).locator(".pxl-title"))
    expect(editor.part(1, "image").locator("img")).to_be_visible()
    assert editor.layers()[0]["source"]["image"] == name_of(picture("gold"))


def test_a_pasted_picture_goes_where_the_hand_is(editor: Editor) -> None:
    editor.add(2)
    editor.page.evaluate(
        """async () => {
            const blob = await (await fetch("gallery.png")).blob();
            await navigator.clipboard.write([new ClipboardItem({"image/png": blob})]);
        }"""
    )
    editor.part(2, "image").locator(".pxl-drop").hover()
    editor.page.keyboard.press("Control+V")
    expect(editor.part(2, "image").locator("img")).to_be_visible()
    assert "image" not in editor.layers()[0]["source"]
    assert editor.layers()[1]["source"]["image"].startswith("map:")


def test_a_refused_picture_is_one_sentence_in_its_card(editor: Editor, console: Console, tmp_path: Path) -> None:
    editor.add()
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    picker = editor.part(1, "image").locator("input[type=file]")
    picker.set_input_files(text)
    expect(editor.part(1, "image").locator(".pxl-error")).to_have_text("That is text/plain, not a picture")
    false = tmp_path / "false.png"
    false.write_bytes(b"hello")
    picker.set_input_files(false)
    expect(editor.part(1, "image").locator(".pxl-error")).to_have_text(f"{HOSTILE}: got 5 bytes, wanted a picture")
    assert editor.page.evaluate("window.hacked") is None
    assert editor.layers() == [{"source": {"kind": "image"}}]
    console.forgive("400")


def test_a_slow_upload_shows_progress_and_can_be_called_off(editor: Editor, still: Path) -> None:
    editor.add()
    editor.server.answer_maps.clear()
    zone = editor.part(1, "image")
    zone.locator("input[type=file]").set_input_files(still)
    expect(zone.get_by_role("progressbar")).to_be_visible()
    zone.get_by_role("button", name="Clear: Picture").click()
    expect(zone.get_by_role("progressbar")).to_be_hidden()
    editor.server.answer_maps.set()
    editor.page.wait_for_timeout(200)
    assert editor.layers() == [{"source": {"kind": "image"}}]


def test_an_upload_outlives_its_card(editor: Editor, still: Path) -> None:
    editor.add()
    editor.server.answer_maps.clear()
    editor.part(1, "image").locator("input[type=file]").set_input_files(still)
    expect(editor.part(1, "image").get_by_role("progressbar")).to_be_visible()
    editor.page.evaluate(
        "([id, root]) => { document.getElementById(id).innerHTML = root; }", ["place_txt2img", root_of("txt2img")]
    )
    expect(editor.card(1)).to_be_visible()
    editor.server.answer_maps.set()
    expect(editor.part(1, "image").locator("img")).to_be_visible()
    assert editor.layers()[0]["source"]["image"] == name_of(still.read_bytes())


def test_a_map_that_is_gone_is_named(editor: Editor, console: Console) -> None:
    editor.serve('{"control":{"layers":[{"source":{"kind":"image","image":"map:0123"}}]}}')
    expect(editor.part(1, "image").locator(".pxl-error")).to_have_text("map 0123 is not in this data folder")
    console.forgive("404")


def test_a_curve_is_plotted_while_it_is_typed(editor: Editor) -> None:
    editor.add()
    field = editor.part(1, "strength")
    line = field.locator(".pxl-curve")
    expect(line).to_have_attribute("d", "M0 50L0 50L100 50")
    field.get_by_role("textbox").fill("")
    field.get_by_role("textbox").press_sequentially("0:0, 50%:1")
    expect(line).to_have_attribute("d", "M0 100L0 100L50 0L100 0")
    expect(field.locator(".pxl-key")).to_have_count(2)
    expect(field.get_by_role("slider", name="Strength")).to_be_hidden()
    assert editor.strengths() == ["0:0, 50%:1"]
    field.get_by_role("textbox").fill("0.25")
    field.get_by_role("slider", name="Strength").press("ArrowRight")
    assert editor.strengths() == [0.26]


WRONG_CURVES = [
    ("0:0, 30:1", "30 is past the end: write 30% or 0.3"),
    ("500:1", "500 is past the end: write 0% to 100%, frames are not counted"),
    ("130%:1", "130% is past the end: the last place is 100%"),
    ("-1:1", "-1 is before the start: the first place is 0"),
    ("0:1.5", "1.5 is no strength: write 0 to 1"),
    ("7", "7 is no strength: write 0 to 1"),
    ("0:1 wobbly", "“wobbly” is no ease: write linear, smooth, in, out, hold"),
    ("0:0, 30%", "30% has no strength: write 30%:1"),
    ("0:0, 0.3:", "0.3: has no strength: write 0.3:1"),
    ("30%:1, 0.3:0", "30% is there twice: write it once"),
    ("0:a", "“0:a” is no key: write 0.5, or keys such as 0:0, 30%:1 smooth"),
    ("0:(1", "“0:(1” is no key: write 0.5, or keys such as 0:0, 30%:1 smooth"),
    ("", "Nothing here: write 0.5, or keys such as 0:0, 30%:1 smooth"),
    ("0:0," * 300, "301 keys are too many: write at most 256"),
]


def test_a_wrong_curve_is_one_sentence_and_kept_as_written(editor: Editor) -> None:
    editor.add()
    strength = editor.part(1, "strength")
    for text, sentence in WRONG_CURVES:
        editor.curve(1, "1:0")
        expect(strength.locator(".pxl-error")).to_be_hidden()
        editor.curve(1, text)
        expect(strength.locator(".pxl-error")).to_have_text(sentence)
        expect(strength.get_by_role("textbox")).to_have_attribute("aria-invalid", "true")
        assert editor.strengths() == [text]


def test_curves_are_read_as_the_server_reads_them(editor: Editor) -> None:
    good = "0:0, 30%:1 smooth | 0:(0),0.3:( 1 ) | 0:1,.5:1e-1hold | 1.:+1 IN,0 :-0 | 0:0,1e-1:1 | -0:1,33.33333333%:0"
    bad = "(1) | 0:0,,1:1 | 0:1 out x | 1e2:0 | 0:0;1:1 | 0x1:1 | nan | Infinity:1 | 2:1 | 0:2 | 0:0 0:1 | 0%%:1"
    read = """(text) => {
        try { return pxl.parseCurve(text).keys.map((key) => [key.u, key.v, key.ease]); } catch { return null; }
    }"""
    for text in good.split("|"):
        keys = [[key.at, key.value, key.ease] for key in Curve.parse(text).keys]
        assert editor.page.evaluate(read, text) == keys, text
    for text in bad.split("|"):
        with pytest.raises(CurveError):
            Curve.parse(text)
        assert editor.page.evaluate(read, text) is None, text


def test_a_click_on_the_plot_adds_a_key_and_a_drag_moves_it(editor: Editor) -> None:
    editor.add()
    canvas = editor.part(1, "strength").locator(".pxl-canvas")
    box = canvas.bounding_box()
    assert box
    mouse = editor.page.mouse
    mouse.click(box["x"] + box["width"] / 2, box["y"])
    assert editor.strengths() == ["0:0.5, 50%:1"]
    mouse.move(box["x"] + box["width"] / 2, box["y"])
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] + 40, steps=5)
    mouse.up()
    assert editor.strengths() == ["0:0.5, 75%:0"]
    editor.page.wait_for_timeout(700)  # two quick clicks on a new key are no double click
    mouse.dblclick(box["x"] + box["width"] * 0.75, box["y"] + box["height"])
    assert editor.strengths() == [None]


def test_keys_of_the_plot_obey_the_keyboard(editor: Editor) -> None:
    editor.add()
    editor.curve(1, "0:0, 50%:0.5, 100%:1")
    key = editor.part(1, "strength").locator(".pxl-key").nth(1)
    key.focus()
    for press in ("ArrowRight", "ArrowUp", "Shift+ArrowUp", "e"):
        key.press(press)
    assert editor.strengths() == ["0:0, 51%:0.61 smooth, 100%:1"]
    expect(key).to_have_attribute("aria-valuetext", "51%: 0.61, smooth")
    key.press("Delete")
    assert editor.strengths() == ["0:0, 100%:1"]


def test_hires_has_its_own_curve(editor: Editor) -> None:
    editor.add()
    editor.curve(1, "0:0, 1:1")
    hires = editor.part(1, "hires")
    hires.get_by_role("combobox").select_option("off")
    assert editor.layers()[0]["hires"] == "off"
    hires.get_by_role("combobox").select_option("curve")
    assert editor.layers()[0]["hires"] == "0:0, 1:1"
    hires.get_by_role("textbox").fill("0.2")
    assert editor.layers()[0]["hires"] == 0.2
    hires.get_by_role("combobox").select_option("same")
    assert "hires" not in editor.layers()[0]


def test_a_removed_layer_comes_back(editor: Editor) -> None:
    editor.add(2)
    editor.curve(1, "0.1")
    editor.curve(2, "0.2")
    editor.tool(1, "remove").click()
    assert editor.strengths() == [0.2]
    editor.curve(1, "0.3")
    editor.button("Undo").click()
    assert editor.strengths() == [0.1, 0.3]
    expect(editor.button("Undo")).to_be_hidden()
    editor.tool(2, "remove").click()
    editor.page.keyboard.press("Control+Z")
    assert editor.strengths() == [0.1, 0.3]


def test_layers_move_by_button_and_by_key(editor: Editor) -> None:
    editor.add(3)
    for number in (1, 2, 3):
        editor.curve(number, f"0.{number}")
    editor.tool(1, "down").click()
    assert editor.strengths() == [0.2, 0.1, 0.3]
    text = editor.part(3, "strength").get_by_role("textbox")
    text.press("Alt+ArrowUp")
    text = editor.part(2, "strength").get_by_role("textbox")
    expect(text).to_be_focused()
    text.press("Alt+ArrowUp")
    assert editor.strengths() == [0.3, 0.2, 0.1]
    editor.page.keyboard.press("Alt+ArrowUp")
    assert editor.strengths() == [0.3, 0.2, 0.1]
    expect(editor.tool(1, "up")).to_be_disabled()
    expect(editor.tool(3, "down")).to_be_disabled()


def test_a_layer_is_muted_and_duplicated(editor: Editor) -> None:
    editor.add()
    editor.curve(1, "0.1")
    editor.tool(1, "mute").click()
    expect(editor.tool(1, "mute")).to_have_attribute("aria-pressed", "true")
    editor.tool(1, "copy").click()
    source = {"kind": "image"}
    assert editor.layers() == [{"source": source, "strength": 0.1, "muted": True}] * 2
    editor.curve(2, "0.2")
    editor.tool(1, "mute").click()
    assert editor.layers() == [{"source": source, "strength": 0.1}, {"source": source, "strength": 0.2, "muted": True}]


def test_everything_is_done_by_keyboard_alone(editor: Editor) -> None:
    press = editor.page.keyboard.press
    editor.page.locator("#txt2img_generate").focus()
    seen = []
    for _ in range(8):
        press("Tab")
        seen.append(editor.page.evaluate("document.activeElement.id || document.activeElement.className"))
        if "pxl-add" in seen[-1]:
            break
    assert "pxl-add pxl-first-add" in seen, seen
    press("Enter")
    expect(editor.part(1, "image").locator(".pxl-drop")).to_be_focused()
    press("Tab")
    press("Tab")
    press("Tab")
    expect(editor.part(1, "strength").get_by_role("textbox")).to_be_focused()
    press("Control+A")
    editor.page.keyboard.type("0:0, 1:1 hold")
    assert editor.strengths() == ["0:0, 1:1 hold"]
    unlabelled = editor.root.evaluate(
        """(root) => [...root.querySelectorAll("button, input, select, textarea")].filter((each) =>
            !(each.type === "file" || each.ariaLabel || each.labels?.length || each.textContent.trim())).length"""
    )
    assert unlabelled == 0


def test_the_hosts_own_keys_still_arrive(editor: Editor) -> None:
    editor.add()
    editor.page.evaluate(
        "window.heard = []; addEventListener('keydown', (e) => heard.push([e.key, e.defaultPrevented]))"
    )
    text = editor.part(1, "strength").get_by_role("textbox")
    for keys in ("Control+Enter", "Control+ArrowUp", "Escape"):
        text.press(keys)
    heard = [key for key in editor.page.evaluate("heard") if key[0] != "Control"]
    assert heard == [["Enter", False], ["ArrowUp", False], ["Escape", False]]


def test_read_takes_the_servers_job(editor: Editor) -> None:
    editor.add()
    editor.serve(
        '{"control":{"layers":[{"source":{"kind":"image"},"strength":"0:0, 1:1"},{"muted":true}]},"record":true}'
    )
    expect(editor.cards).to_have_count(2)
    expect(editor.part(1, "strength").get_by_role("textbox")).to_have_value("0:0, 1:1")
    expect(editor.root.get_by_label("Control")).to_be_checked()
    expect(editor.root.get_by_label("Record")).to_be_checked()
    editor.serve('{"record":false}')
    expect(editor.cards).to_have_count(0)
    expect(editor.root.get_by_label("Record")).not_to_be_checked()


def test_read_without_layers_takes_only_the_switches(editor: Editor) -> None:
    editor.add()
    editor.curve(1, "0.2")
    editor.serve('{"control":{"enabled":false},"record":true}')
    expect(editor.root.get_by_label("Control")).not_to_be_checked()
    expect(editor.root.get_by_label("Record")).to_be_checked()
    expect(editor.card(1)).to_be_visible()
    layer = {"source": {"kind": "image"}, "strength": 0.2}
    assert editor.job() == {"control": {"enabled": False, "layers": [layer]}, "record": True}


def test_read_of_nonsense_keeps_the_work_and_says_so(editor: Editor) -> None:
    editor.add()
    before = editor.text()
    for text in ("{", "null", "[1]", '{"control": 5}', '{"control": {"layers": [5]}}', '{"control":{"layers":{}}}'):
        editor.serve(text)
        expect(editor.root.locator(".pxl-status")).to_contain_text("left as it was")
        assert editor.text() == before
        editor.serve(f"{before} ")
        expect(editor.root.locator(".pxl-status")).to_be_hidden()
        expect(editor.card(1)).to_be_visible()
        editor.serve(before)


def test_a_pasted_picture_leaves_this_persons_own_recording_alone(editor: Editor) -> None:
    editor.serve('{"record":true}')
    editor.serve(json.dumps({"control": {"enabled": True, "layers": [{"source": {"kind": "image"}}]}}))
    assert editor.job()["record"] is True and len(editor.layers()) == 1
    editor.serve('{"control":{"enabled":false},"nokens":true}')
    assert editor.job()["record"] is True
    editor.serve('{"control":{"enabled":false},"record":false}')
    assert "record" not in editor.job()


def test_unknown_fields_survive(editor: Editor) -> None:
    layer = {"source": {"kind": "frames", "path": "a.gif"}, "gate": {"cover": 0.5}, "from": "later", "map": "aura"}
    job = {"control": {"enabled": True, "layers": [layer], "inner": True, "tempo": 3}, "nokens": False, "later": [1]}
    editor.serve(json.dumps(job))
    expect(editor.part(1, "map").locator(".pxl-error")).to_have_text("This choice is unknown here")
    editor.curve(1, "0.2")
    editor.tool(1, "copy").click()
    assert editor.job() == {**job, "control": {**job["control"], "layers": [{**layer, "strength": 0.2}] * 2}}  # type: ignore[dict-item]


def test_what_comes_from_outside_is_never_markup(editor: Editor) -> None:
    editor.server.presets[HOSTILE] = {"layers": []}
    editor.page.reload()
    preset = editor.root.get_by_label("Preset", exact=True)
    expect(preset.locator("option").nth(1)).to_have_text(HOSTILE)
    layer = {"source": {"kind": "image", "image": HOSTILE}, "map": HOSTILE, "strength": HOSTILE, "hires": HOSTILE}
    editor.serve(json.dumps({"control": {"layers": [layer]}}))
    expect(editor.part(1, "strength").locator(".pxl-error")).to_contain_text("is no key")
    editor.server.jobs, editor.server.error = 1, HOSTILE
    editor.page.locator("#txt2img_generate").click()
    expect(editor.root.locator(".pxl-status")).to_have_text(HOSTILE)
    assert editor.page.evaluate("window.hacked") is None
    assert editor.root.locator(".pxl-error img, .pxl-status img, option img").count() == 0


def test_two_panels_do_not_mix(editor: Editor, still: Path) -> None:
    other = Editor(editor.page, editor.server, "img2img")
    editor.add()
    other.add(2)
    other.part(2, "image").locator("input[type=file]").set_input_files(still)
    expect(other.part(2, "image").locator("img")).to_be_visible()
    editor.curve(1, "0.1")
    assert editor.layers() == [{"source": {"kind": "image"}, "strength": 0.1}]
    assert [len(other.layers()), other.strengths()] == [2, [None, None]]
    assert editor.server.keys == {"key-txt2img", "key-img2img"}
    ids = editor.page.evaluate("[...document.querySelectorAll('.pxl-panel [id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids)) and all(each.startswith("pxl_") for each in ids)


def test_a_root_that_is_made_anew_is_drawn_again_once(editor: Editor) -> None:
    editor.add()
    editor.curve(1, "0.2")
    place = ["place_txt2img", root_of("txt2img")]
    editor.page.evaluate("([id, root]) => { document.getElementById(id).innerHTML = root; }", place)
    expect(editor.part(1, "strength").get_by_role("textbox")).to_have_value("0.2")
    editor.page.evaluate("document.body.append(document.createElement('p'))")
    editor.page.wait_for_timeout(200)
    expect(editor.root.locator(".pxl-editor")).to_have_count(1)
    editor.root.evaluate("(root) => root.replaceChildren()")
    expect(editor.card(1)).to_be_visible()


def test_a_field_that_comes_late_is_still_read_and_written(editor: Editor) -> None:
    page = editor.page
    page.evaluate("window.kept = pxl_img2img_job.firstElementChild; kept.remove(); kept.value = ''")
    other = Editor(page, editor.server, "img2img")
    other.add()
    page.evaluate("pxl_img2img_job.append(kept)")
    expect(other.field).to_have_value('{"control":{"enabled":true,"layers":[{"source":{"kind":"image"}}]}}')
    page.evaluate(
        """() => {
            const field = document.createElement("textarea");
            field.value = '{"record":true}';
            pxl_img2img_job.replaceChildren(field);
        }"""
    )
    expect(other.root.get_by_label("Record")).to_be_checked()
    expect(other.cards).to_have_count(0)


def test_gradio_hears_of_every_change_and_of_nothing_else(editor: Editor) -> None:
    editor.page.evaluate("window.heard = 0; pxl_txt2img_job.addEventListener('input', () => { heard += 1; })")
    editor.page.evaluate("pxl.read('txt2img')")
    editor.add()
    editor.page.evaluate("pxl.read('txt2img')")
    assert editor.page.evaluate("heard") == 1


def test_presets_are_saved_loaded_and_deleted_with_a_way_back(editor: Editor) -> None:
    editor.add()
    editor.curve(1, "0.1")
    editor.button("Save as…").click()
    editor.page.keyboard.type("soft / hart")
    editor.page.keyboard.press("Enter")
    expect(editor.button("Load")).to_be_enabled()
    assert editor.server.presets == {"soft / hart": {"layers": [{"source": {"kind": "image"}, "strength": 0.1}]}}
    editor.add()
    editor.curve(1, "0.9")
    editor.button("Load").click()
    expect(editor.cards).to_have_count(1)
    assert editor.strengths() == [0.1]
    editor.button("Undo").click()
    expect(editor.cards).to_have_count(2)
    assert editor.strengths() == [0.9, None]
    editor.button("Delete").click()
    expect(editor.root.get_by_label("Preset", exact=True)).to_have_value("")
    assert editor.server.presets == {}
    editor.button("Undo").click()
    expect(editor.root.get_by_label("Preset", exact=True).locator("option")).to_have_count(3)
    editor.button("Save as…").click()
    editor.page.keyboard.type("soft / hart")
    expect(editor.button("Replace")).to_be_visible()
    editor.page.keyboard.press("Escape")
    expect(editor.button("Save as…")).to_be_focused()


def test_raw_json_is_checked_before_it_counts(editor: Editor) -> None:
    editor.add()
    editor.root.get_by_text("JSON", exact=True).click()
    raw = editor.root.get_by_label("The job as JSON")
    expect(raw).not_to_have_value("")
    assert json.loads(raw.input_value())["control"]["layers"] == [{"source": {"kind": "image"}}]
    editor.button("Copy JSON").click()
    expect(raw).to_be_focused()
    assert editor.page.evaluate("navigator.clipboard.readText()") == raw.input_value()
    before = editor.text()
    for wrong, sentence in (("{", "JSON"), ('{"wobble": 1}', "wobble: got 1, wanted no such key")):
        raw.fill(wrong)
        editor.button("Apply JSON").click()
        expect(editor.root.locator(".pxl-raw .pxl-error")).to_contain_text(sentence)
        assert editor.text() == before
    raw.fill('{"layers": [{"strength": 0.1}, {"strength": 0.2}]}')
    editor.button("Apply JSON").click()
    expect(editor.cards).to_have_count(2)
    assert editor.strengths() == [0.1, 0.2]


def test_the_last_jobs_error_is_shown_and_goes(editor: Editor) -> None:
    def polls(more_than: int) -> int:
        while (count := editor.server.asked.count("GET /pxl/v1/status?tab=txt2img")) <= more_than:
            editor.page.wait_for_timeout(20)
        return count

    def generate(error: str | None) -> None:
        before = polls(0)
        editor.page.locator("#txt2img_generate").click()
        polls(before)
        editor.page.wait_for_timeout(200)
        editor.server.error = error
        editor.server.jobs += 1

    status = editor.root.locator(".pxl-status")
    generate("layer 1 source.image: got None, wanted a picture")
    expect(status).to_have_text("layer 1 source.image: got None, wanted a picture")
    generate(None)
    expect(status).to_be_hidden()
    before = polls(0)
    editor.page.wait_for_timeout(1500)
    assert polls(0) == before
    expect(editor.page.locator("#pxl_img2img_editor .pxl-status")).to_be_hidden()


def test_a_job_that_ends_before_the_first_answer_is_heard_of(editor: Editor) -> None:
    editor.page.wait_for_timeout(300)
    editor.server.jobs, editor.server.error = 1, "too fast"
    editor.page.locator("#txt2img_generate").click()
    expect(editor.root.locator(".pxl-status")).to_have_text("too fast")


def test_a_hidden_panel_asks_the_server_for_nothing(server: Server, page: Page) -> None:
    page.add_init_script(
        "document.addEventListener('DOMContentLoaded', () => { pxl_txt2img_accordion.style.display = 'none'; "
        "pxl_img2img_accordion.style.display = 'none'; })"
    )
    page.goto(server.url)
    editor = Editor(page, server)
    expect(editor.root.locator(".pxl-editor")).to_have_count(1)
    page.wait_for_timeout(200)
    assert server.asked == []
    page.evaluate("pxl_txt2img_accordion.style.display = ''")
    expect(editor.root.get_by_label("Preset", exact=True)).to_be_visible()
    page.wait_for_timeout(200)
    assert sorted(server.asked) == ["GET /pxl/v1/presets", "GET /pxl/v1/status?tab=txt2img"]


def moving(count: int = 3) -> bytes:
    out = io.BytesIO()
    frames = [Image.new("RGB", (16, 16), (60 * i, 90, 120)) for i in range(count)]
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])
    return out.getvalue()


def test_a_source_keeps_what_its_other_kinds_hold(editor: Editor, still: Path) -> None:
    editor.add()
    drop_files(editor.page, editor.part(1, "image").locator(".pxl-drop"), [still])
    expect(editor.part(1, "image").locator(".pxl-full")).to_be_visible()
    image = editor.layers()[0]["source"]
    kind = editor.part(1, "source").get_by_role("combobox")
    kind.select_option("noise")
    editor.part(1, "scale").get_by_role("spinbutton").fill("0.5")
    assert editor.layers()[0]["source"] == {"kind": "noise", "scale": 0.5}
    kind.select_option("image")
    assert editor.layers()[0]["source"] == image
    kind.select_option("noise")
    assert editor.layers()[0]["source"] == {"kind": "noise", "scale": 0.5}


def test_a_dropped_animation_becomes_frames(editor: Editor, tmp_path: Path) -> None:
    path = tmp_path / "moving.png"
    path.write_bytes(moving())
    editor.add()
    drop_files(editor.page, editor.part(1, "image").locator(".pxl-drop"), [path])
    expect(editor.part(1, "path").locator(".pxl-full")).to_be_visible()
    assert editor.layers()[0]["source"] == {"kind": "frames", "path": name_of(moving())}


def test_frames_may_be_a_path_over_there(editor: Editor) -> None:
    editor.add()
    editor.part(1, "source").get_by_role("combobox").select_option("frames")
    path = editor.part(1, "path").get_by_role("textbox")
    path.fill(" /films/a clip.mp4 ")
    path.press("Enter")
    assert editor.layers()[0]["source"] == {"kind": "frames", "path": "/films/a clip.mp4"}
    expect(editor.part(1, "path").locator(".pxl-hint")).to_have_text("a clip.mp4")


def test_a_gate_is_there_or_not_and_writes_what_is_not_as_usual(editor: Editor) -> None:
    editor.add()
    gate = editor.part(1, "gate")
    expect(editor.part(1, "cover")).to_have_count(0)
    gate.get_by_role("switch", name="Gate").click()
    assert editor.layers()[0]["gate"] == {}
    editor.part(1, "cover").get_by_role("spinbutton").fill("0.2")
    editor.part(1, "reroll").get_by_role("switch").click()
    assert editor.layers()[0]["gate"] == {"cover": 0.2, "reroll": True}
    editor.part(1, "cover").get_by_role("spinbutton").fill("")
    assert editor.layers()[0]["gate"] == {"reroll": True}
    gate.get_by_role("switch", name="Gate").click()
    assert "gate" not in editor.layers()[0]


def test_a_number_out_of_range_is_one_sentence_and_kept_as_written(editor: Editor) -> None:
    editor.add()
    editor.part(1, "gate").get_by_role("switch", name="Gate").click()
    editor.part(1, "cover").get_by_role("spinbutton").fill("7")
    expect(editor.part(1, "cover").locator(".pxl-error")).to_have_text("Cover is a number from 0 to 1")
    assert editor.layers()[0]["gate"] == {"cover": 7}
    editor.part(1, "seed").get_by_role("spinbutton").fill("1.5")
    expect(editor.part(1, "seed").locator(".pxl-error")).to_have_text("Seed is a whole number")
    expect(editor.part(1, "seed").get_by_role("slider")).to_be_hidden()


def test_a_sliders_middle_is_the_usual_value(editor: Editor) -> None:
    editor.add()
    editor.part(1, "gate").get_by_role("switch", name="Gate").click()
    slider = editor.part(1, "speed").get_by_role("slider")
    assert float(slider.input_value()) == pytest.approx(0.5, abs=0.001)
    for end, value in (("Home", 0), ("End", 1000)):
        slider.press(end)
        assert editor.layers()[0]["gate"] == {"speed": value}


def test_fields_count_beside_what_their_neighbours_say(editor: Editor) -> None:
    editor.add()
    expect(editor.part(1, "motion")).to_be_hidden()
    editor.part(1, "map").get_by_role("combobox").evaluate("(list) => { list.value = 'luma'; list.onchange(); }")
    expect(editor.part(1, "motion")).to_be_visible()
    expect(editor.part(1, "amount")).to_be_hidden()
    editor.part(1, "kind").get_by_role("combobox").select_option("swirl")
    editor.part(1, "amount").get_by_role("spinbutton").fill("0.3")
    assert editor.layers()[0]["motion"] == {"kind": "swirl", "amount": 0.3}
    editor.part(1, "fit").get_by_role("combobox").select_option("none")
    expect(editor.part(1, "source")).to_be_hidden()


def test_the_film_strip_follows_the_layers_and_the_hosts_size(editor: Editor) -> None:
    editor.page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<p id=txt2img_width><input type=number value=640></p>')"
    )
    editor.add(2)
    editor.part(1, "source").get_by_role("combobox").select_option("noise")
    editor.part(2, "source").get_by_role("combobox").select_option("noise")
    expect(editor.card(1).locator(".pxl-strip")).to_be_visible()
    assert editor.server.films[-1]["width"] == 640 and editor.server.films[-1]["height"] == 512
    editor.part(2, "map").get_by_role("combobox").evaluate("(list) => { list.value = 'luma'; list.onchange(); }")
    expect(editor.card(2).locator(".pxl-film .pxl-note")).to_have_text(HOSTILE)
    asked = len(editor.server.films)
    editor.page.locator("#txt2img_width input").fill("320")
    editor.page.wait_for_function("() => true")
    for _ in range(50):
        if len(editor.server.films) > asked:
            break
        editor.page.wait_for_timeout(100)
    assert editor.server.films[-1]["width"] == 320
    assert not editor.page.evaluate("window.hacked")


def test_what_belongs_to_the_whole_job_is_written_beside_the_layers(editor: Editor) -> None:
    editor.root.get_by_text("Animation and steps").click()
    expect(editor.root.locator('[data-name="input"]')).to_have_count(0)
    editor.root.locator('[data-name="trace"]').get_by_role("switch").click()
    assert editor.job() == {"control": {"enabled": True, "layers": [], "trace": True}}
    editor.add()
    editor.serve('{"control":{"layers":[]}}')
    expect(editor.root.locator('[data-name="trace"]').get_by_role("switch")).not_to_be_checked()
    editor.root.locator('[data-name="animation"]').get_by_role("switch").click()
    rate = editor.root.locator('[data-name="fps"]').get_by_role("spinbutton")
    rate.fill("24")
    assert editor.job()["control"]["animation"] == {"fps": 24}
    rate.fill("")
    assert editor.job()["control"]["animation"] == {}
    other = Editor(editor.page, editor.server, "img2img")
    other.root.get_by_text("Animation and steps").click()
    expect(other.root.locator('[data-name="input"]')).to_be_visible()


def test_a_preset_holds_the_program_alone(editor: Editor) -> None:
    editor.add()
    editor.root.get_by_text("Animation and steps").click()
    editor.root.locator('[data-name="trace"]').get_by_role("switch").click()
    editor.button("Save as…").click()
    editor.root.get_by_label("Name of the preset").fill("mine")
    editor.button("Save").click()
    expect(editor.root.get_by_label("Preset", exact=True)).to_have_value("mine")
    assert editor.server.presets["mine"] == {"layers": [{"source": {"kind": "image"}}]}
    editor.button("Load").click()
    expect(editor.root.locator(".pxl-undo")).to_contain_text("Preset loaded.")
    assert editor.job()["control"]["trace"] is True


def test_a_traced_job_shows_how_it_formed(editor: Editor) -> None:
    editor.page.locator("#txt2img_generate").click()
    editor.server.jobs += 1
    editor.page.wait_for_timeout(2500)
    expect(editor.root.locator(".pxl-formed")).to_be_hidden()
    editor.root.get_by_text("Animation and steps").click()
    editor.root.locator('[data-name="trace"]').get_by_role("switch").click()
    editor.page.locator("#txt2img_generate").click()
    editor.server.jobs += 1
    expect(editor.root.locator(".pxl-formed-film")).to_be_visible()
    expect(editor.root.get_by_role("link", name="Save GIF")).to_have_attribute("download", "pxl-formed.gif")
    editor.root.locator(".pxl-formed").get_by_role("button", name="Close").click()
    expect(editor.root.locator(".pxl-formed")).to_be_hidden()


def test_of_two_people_in_a_tab_each_hears_of_their_own_job(editor: Editor) -> None:
    """The hosts' pages name what their button starts, after our own handler, and forget the name when it has ended."""
    while "GET /pxl/v1/status?tab=txt2img" not in editor.server.asked:
        editor.page.wait_for_timeout(20)
    editor.page.evaluate(
        "txt2img_generate.onclick = () => setTimeout(() => localStorage.setItem('txt2img_task_id', 'task(mine)')); 0"
    )
    editor.root.get_by_text("Animation and steps").click()
    editor.root.locator('[data-name="trace"]').get_by_role("switch").click()
    status, film = editor.root.locator(".pxl-status"), "GET /pxl/v1/formed/txt2img/film.gif?task=task%28mine%29"
    editor.page.locator("#txt2img_generate").click()
    editor.server.jobs, editor.server.error = 1, "another's"
    editor.page.wait_for_timeout(2500)
    expect(status).to_be_hidden()
    expect(editor.root.locator(".pxl-formed")).to_be_hidden()
    editor.server.tasks["task(mine)"] = (1, "of the first tile")
    expect(status).to_have_text("of the first tile")
    expect(editor.root.locator(".pxl-formed-film")).to_be_visible()
    editor.server.tasks["task(mine)"] = (2, "of the second")
    expect(status).to_have_text("of the second")
    assert [each for each in editor.server.asked if "film.gif" in each] == [film] * 2
    editor.page.evaluate("localStorage.removeItem('txt2img_task_id')")
    editor.page.wait_for_timeout(2500)
    before = len(editor.server.asked)
    editor.page.wait_for_timeout(2500)
    assert len(editor.server.asked) == before


def test_what_comes_with_pxl_can_be_loaded_and_not_deleted(editor: Editor) -> None:
    editor.add()
    names = editor.root.get_by_label("Preset", exact=True)
    expect(names.locator("optgroup[label='Come with pxl'] option")).to_have_text("Aurora")
    names.select_option("Aurora")
    expect(editor.button("Delete")).to_be_disabled()
    editor.button("Load").click()
    expect(editor.cards).to_have_count(0)
    editor.button("Undo").click()
    expect(editor.cards).to_have_count(1)
