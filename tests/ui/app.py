"""The panel in a page of its own, for whichever gradio comes first on the path: `python -m tests.ui.app FOLDER`."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import gradio
import uvicorn
from fastapi import FastAPI

from lib_pxl.hosts.fake import FakeHost
from lib_pxl.hosts.job import SWITCHES
from lib_pxl.rest import router
from lib_pxl.ui import panel, tab


def main() -> None:
    host = FakeHost(Path(sys.argv[1]))
    with gradio.Blocks() as page:
        [job] = panel.build("txt2img", host.desk.key, SWITCHES)
        panel.build("img2img", host.desk.key, SWITCHES)
        tab.build(host.desk.key)
        seen = gradio.Textbox(elem_id="seen")
        gradio.Button("generate", elem_id="txt2img_generate").click(lambda text: text, [job], [seen], queue=False)
        gradio.Button("paste", elem_id="paste").click(lambda text: text, [seen], [job], queue=False)
    app = FastAPI()
    app.include_router(router(host.desk, host))
    app = gradio.mount_gradio_app(app, page, path="/")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(f"gradio {gradio.__version__} http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        uvicorn.Server(uvicorn.Config(app, log_level="error")).run([listening])


if __name__ == "__main__":
    main()
