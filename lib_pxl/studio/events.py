"""What happens when a button of the studio's page is pressed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from lib_pxl.errors import PxlError, StoreError
from lib_pxl.hosts.diffusers import Made
from lib_pxl.hosts.infotext import Infotext
from lib_pxl.hosts.job import OFF
from lib_pxl.hosts.request import Request
from lib_pxl.hosts.run import KEY
from lib_pxl.store.pictures import open_still
from lib_pxl.studio import live, output
from lib_pxl.studio.page import Form
from lib_pxl.studio.work import Work
from lib_pxl.ui.compat import on_page

log = logging.getLogger("pxl")
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


class Events:
    """The listeners of one form."""

    def __init__(self, work: Work, form: Form) -> None:
        self.work, self.form, self.names = work, form, tuple(form.fields)

    def connect(self) -> None:
        """Listen."""
        form, values = self.form, list(self.form.fields.values())
        shown = [form.live, form.gallery, form.infotext, form.texts]
        form.generate.click(self.wait, None, form.live, queue=False, **QUIET).then(
            self.generate, [form.job, *values], shown, concurrency_limit=1, concurrency_id="pxl", **QUIET
        )
        form.interrupt.click(self.interrupt, queue=False, **QUIET)
        form.gallery.select(self.select, form.texts, form.infotext, queue=False, **QUIET)
        form.paste.click(self.paste, [form.pasted, form.job, *values], [form.job, *values], queue=False, **QUIET)
        for words in (form.fields["prompt"], form.fields["negative"]):
            on_page(words.submit, f"() => document.querySelector('#{form.tab}_generate').click()")

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
            for event in self.work.run(self.who(request), self.form.tab, lambda: self.asked(values), job):
                if isinstance(event, Made):
                    yield self.finished(event)
                    return
                shown = event.pictures or shown
                yield live.progress(event, shown), skip, skip, skip
            yield "", skip, skip, skip
        except PxlError as problem:
            yield live.refused(str(problem)), skip, skip, skip
        except Exception as problem:  # said in the page, where the person is
            log.exception("the studio could not make a picture")
            yield live.refused(f"No picture: {type(problem).__name__}: {problem}"[:500]), skip, skip, skip

    def asked(self, values: tuple[Any, ...]) -> Request:
        """The request that a form's values stand for."""
        given = dict(zip(self.names, values, strict=True))
        if self.form.tab == "img2img":
            if given["image"] is None:
                raise PxlError("There is no picture to start from: drop one into the form")
            given["image"] = open_still(Path(given["image"]))
        return Request(**{name: value for name, value in given.items() if value is not None})

    def finished(self, made: Made) -> tuple[Any, ...]:
        """The pictures, saved, and what is known of them."""
        folder, trouble = self.work.outputs, ""
        shown: list[Any] = []
        for picture, text, seed in zip(made.pictures, made.infotexts, made.seeds, strict=True):
            try:
                shown.append(str(output.save(folder, picture, text, seed)))
            except StoreError as problem:
                trouble = live.refused(f"Made, but not kept: {problem}")
                shown.append(picture)
        return (
            trouble,
            gr.Gallery(shown, selected_index=0 if len(shown) == 1 else None),
            made.infotexts[0],
            made.infotexts,
        )

    def select(self, texts: list[str], event: gr.SelectData) -> Any:
        """Another picture of the gallery: its own infotext."""
        return texts[event.index] if isinstance(event.index, int) and event.index < len(texts) else gr.skip()

    def paste(self, text: str, job: str, *values: Any) -> list[Any]:
        """The job and the values of every field as an infotext has them; what it does not say stays."""
        info = Infotext.parse(text or "")
        if not info.settings:
            return [job, *values]
        told = {"prompt": info.prompt, "negative": info.negative, "hires": 1.0, **Request.told(info)}
        before = zip(self.names, values, strict=True)
        return [info.settings.get(KEY, OFF), *(told.get(name, value) for name, value in before)]
