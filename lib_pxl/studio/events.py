"""What happens when a button of the studio's page is pressed."""

from __future__ import annotations

import contextlib
import logging
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from lib_pxl.errors import PxlError, StoreError
from lib_pxl.hosts.diffusers import Made
from lib_pxl.hosts.job import OFF, Job
from lib_pxl.hosts.request import Request
from lib_pxl.hosts.run import KEY
from lib_pxl.store.infotext import Infotext
from lib_pxl.store.pictures import open_still
from lib_pxl.studio import live, output
from lib_pxl.studio.page import Form
from lib_pxl.studio.work import Work
from lib_pxl.ui.compat import on_page
from lib_pxl.world import Scene, caption

log = logging.getLogger("pxl")
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
TO_LAYER = """() => {
    const picture = document.querySelector("#TAB_gallery .preview img, #TAB_gallery img");
    window.pxl?.add("TAB", picture?.src);
}"""


class Events:
    """The listeners of one form."""

    def __init__(self, work: Work, form: Form) -> None:
        self.work, self.form, self.names = work, form, tuple(form.fields)

    def connect(self) -> None:
        """Listen."""
        form, values = self.form, list(self.form.fields.values())
        shown = [form.live, form.gallery, form.infotext, form.texts, form.shown]
        form.generate.click(self.wait, None, form.live, queue=False, **QUIET).then(
            self.generate, [form.job, *values], shown, concurrency_limit=1, concurrency_id="pxl", **QUIET
        )
        form.interrupt.click(self.interrupt, queue=False, **QUIET)
        form.gallery.select(self.select, form.texts, [form.infotext, form.shown], queue=False, **QUIET)
        form.surprise.click(self.surprise, None, form.fields["prompt"], queue=False, **QUIET)
        on_page(form.to_layer.click, TO_LAYER.replace("TAB", form.tab))
        form.paste.click(self.paste, [form.pasted, form.job, *values], [form.job, *values], queue=False, **QUIET)
        for words in (form.fields["prompt"], form.fields["negative"]):
            on_page(words.submit, f"() => document.querySelector('#{form.tab}_generate').click()")

    def connect_to(self, img2img: Form) -> None:
        """The button that sends a picture to the form for img2img."""
        form, names = self.form, [name for name in img2img.fields if name != "image"]
        fields = [img2img.fields[name] for name in names]

        def send(
            pictures: list[tuple[str, str]] | None, texts: list[str], at: int, job: str, *values: Any
        ) -> list[Any]:
            if not pictures:
                return [live.refused("There is no picture to send yet"), *[gr.skip()] * (len(fields) + 3)]
            now = _told(texts[at], job, dict(zip(names, values, strict=True)))
            return [gr.skip(), pictures[at][0], gr.Tabs(selected="img2img"), *now]

        given = [form.gallery, form.texts, form.shown, img2img.job, *fields]
        told = [form.live, img2img.fields["image"], form.tabs, img2img.job, *fields]
        form.to_img2img.click(send, given, told, queue=False, **QUIET)

    def who(self, request: gr.Request) -> str:
        """One tab of one browser."""
        return f"{request.session_hash} {self.form.tab}"

    def wait(self, request: gr.Request) -> str:
        """The button was pressed; another browser's job may be under way."""
        self.work.await_turn(self.who(request))
        return live.WAITING

    def interrupt(self, request: gr.Request) -> None:
        """Stop this browser's job."""
        self.work.stop(self.who(request))

    def generate(self, request: gr.Request, job: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """Progress while it is made, then the pictures."""
        skip = gr.skip()
        shown: list[Any] = []
        try:
            for event in self.work.run(self.who(request), self.form.tab, lambda: self.asked(values, job), job):
                if isinstance(event, Made):
                    yield self.finished(event)
                    return
                shown = event.pictures or shown
                yield live.progress(event, shown), *[skip] * 4
            yield "", *[skip] * 4
        except PxlError as problem:
            yield live.refused(str(problem)), *[skip] * 4
        except Exception as problem:  # said in the page, where the person is
            log.exception("the studio could not make a picture")
            yield live.refused(f"No picture: {type(problem).__name__}: {problem}"[:500]), *[skip] * 4

    def asked(self, values: tuple[Any, ...], job: str) -> Request:
        """The request that a form's values stand for."""
        given = dict(zip(self.names, values, strict=True))
        if self.form.tab == "img2img":
            given["redraw"] = given["image"] is None
            if given["redraw"] and not _has_input(job):
                raise PxlError("There is no picture to start from: drop one into the form")
            given["image"] = None if given["redraw"] else open_still(Path(given["image"]))
        return Request(**{name: value for name, value in given.items() if value is not None})

    def finished(self, made: Made) -> tuple[Any, ...]:
        """The pictures, saved, and what is known of them."""
        folder = self.work.outputs
        trouble = live.refused(f"Made, but not put together: {made.trouble}") if made.trouble else ""
        shown: list[Any] = []
        paths: list[Path | None] = []
        for picture, text, seed in zip(made.pictures, made.infotexts, made.seeds, strict=True):
            try:
                paths.append(output.save(folder, picture, text, seed))
                shown.append(str(paths[-1]))
            except StoreError as problem:
                trouble = live.refused(f"Made, but not kept: {problem}")
                paths.append(None)
                shown.append(picture)
        unrecorded = self.work.host.record(made, paths)
        if unrecorded:
            trouble = live.refused(f"Made, but {unrecorded}")
        texts = made.infotexts
        if made.animation is not None:  # first, as a WebUI's grid
            shown, texts = [str(made.animation), *shown], [texts[0], *texts]
        is_one = len(shown) == 1 or made.animation is not None
        return trouble, gr.Gallery(shown, selected_index=0 if is_one else None), texts[0], texts, 0

    def select(self, texts: list[str], event: gr.SelectData) -> tuple[Any, Any]:
        """Another picture of the gallery: its own infotext."""
        if isinstance(event.index, int) and event.index < len(texts):
            return texts[event.index], event.index
        return gr.skip(), gr.skip()

    def surprise(self) -> str:
        """A prompt that the small model understands."""
        rng = random.Random()
        return caption(Scene.random(rng), rng).text

    def paste(self, text: str, job: str, *values: Any) -> list[Any]:
        """The job and the values of every field as an infotext has them; what it does not say stays."""
        return _told(text or "", job, dict(zip(self.names, values, strict=True)))


def _has_input(job: str) -> bool:
    """True where an animation stands in for the picture to start from."""
    with contextlib.suppress(PxlError):
        control = Job.awake(job).control
        return control.enabled and control.input is not None
    return False


def _told(text: str, job: str, values: dict[str, Any]) -> list[Any]:
    info = Infotext.parse(text)
    if not info.settings:
        return [job, *values.values()]
    told = {"prompt": info.prompt, "negative": info.negative, "hires": 1.0, **Request.told(info)}
    return [info.settings.get(KEY, OFF), *(told.get(name, value) for name, value in values.items())]
