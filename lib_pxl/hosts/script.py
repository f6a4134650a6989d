"""How pxl hooks into A1111 and its relatives: one always-on script, the callbacks, the grid's axes, the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from modules import script_callbacks, scripts, shared
from PIL import Image

from lib_pxl.hosts.axis import Axis
from lib_pxl.hosts.desk import Desk
from lib_pxl.hosts.hook import Hooks, Webui
from lib_pxl.hosts.run import KEY
from lib_pxl.share.consent import SWITCH

FOLDERS, MARKED = "pxl_map_folders", "pxl_marked_grids"


def register(
    host: Webui,
    desk: Desk,
    axes: Mapping[str, Axis],
    panel: Callable[[str], list[Any]],
    tab: Callable[[], Any],
    mount: Callable[[Any], None],
    mark: Callable[[Sequence[Image.Image], str], list[Image.Image]],
) -> type:
    """Hook pxl into the host once more; the host has forgotten the last time. Returns the script's class."""
    hooks = Hooks(host, desk, axes)
    callbacks: dict[str, Callable[..., Any]] = {
        "on_before_ui": lambda: _add_axes(axes),
        "on_ui_settings": _add_settings,
        "on_ui_tabs": lambda: [(tab(), "pxl", "pxl_tab")],
        "on_app_started": lambda _, app: mount(app),
        "on_model_loaded": hooks.on_model_loaded,
        "on_image_grid": lambda grid: _mark(grid, mark),
        "on_infotext_pasted": hooks.on_infotext_pasted,
        "on_cfg_denoiser": hooks.on_cfg_denoiser,
        "on_cfg_after_cfg": hooks.on_cfg_after_cfg,
    }
    # A1111 1.10.1 searches the whole stack for each callback (script_callbacks.py:129), 18 ms; a thread's is short.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(_hook, callbacks).result()
    return _script_class(hooks, panel)


def _hook(callbacks: Mapping[str, Callable[..., Any]]) -> None:
    for name, callback in callbacks.items():
        getattr(script_callbacks, name)(callback)


class BatchScript(scripts.Script):  # type: ignore[misc]  # the host's base class has no types
    """What a job does batch for batch and image for image."""

    hooks: Hooks

    def setup(self, p: Any, *args: Any) -> None:
        """Before another script can give the job a picture of its own to start from."""
        p.pxl_start = getattr(p, "init_images", None)

    def before_process_batch(self, p: Any, *args: Any, **kwargs: Any) -> None:
        """Before each batch, and before the host parses its prompts."""
        self.hooks.before_batch(p, kwargs["batch_number"])

    def process_batch(self, p: Any, *args: Any, **kwargs: Any) -> None:
        """After it has parsed them."""
        self.hooks.batch_read(p)

    def postprocess_image_after_composite(self, p: Any, pp: Any, *args: Any) -> None:
        """After each image."""
        self.hooks.picture(p, pp)


def _script_class(hooks: Hooks, panel: Callable[[str], list[Any]]) -> type:
    class PxlScript(BatchScript):
        """The always-on script, once in txt2img and once in img2img."""

        infotext_fields: Any = None
        paste_field_names: Any = None

        def title(self) -> str:
            """The name in `alwayson_scripts`."""
            return "pxl"

        def show(self, is_img2img: bool) -> Any:
            """In both tabs."""
            return scripts.AlwaysVisible

        def ui(self, is_img2img: bool) -> list[Any]:
            """One hidden field. A1111 calls this again for its API: what the first call made is the page's."""
            made = panel("img2img" if is_img2img else "txt2img")
            if self.infotext_fields is None:
                self.infotext_fields, self.paste_field_names = [(made[0], KEY)], [KEY]
            return made

        def process(self, p: Any, *args: Any) -> None:
            """The first hook that sees the right model."""
            hooks.start(p, args[0] if args else None)

        def process_before_every_sampling(self, p: Any, *args: Any, **kwargs: Any) -> None:
            """Before each pass."""
            hooks.before_sampling(p, kwargs["noise"])

        def postprocess(self, p: Any, processed: Any, *args: Any) -> None:
            """After the last image."""
            made = processed.images[processed.index_of_first_image :]  # before it, a grid
            hooks.record(p, processed)
            hooks.collect(p, processed)
            hooks.finish(p, "img2img" if self.is_img2img else "txt2img", made)

    PxlScript.hooks = hooks
    return PxlScript


def _add_axes(axes: Mapping[str, Axis]) -> None:
    """Add our axes to the host's X/Y/Z grid, once."""
    for grid in (each.module for each in scripts.scripts_data if each.script_class.__module__.endswith("xyz_grid.py")):
        known = {option.label for option in grid.axis_options}
        for name, axis in axes.items():
            if name not in known:
                option = grid.AxisOption(name, str, _axis_setter(name), choices=axis.choices, prepare=axis.split)
                grid.axis_options.append(option)


def _mark(grid: Any, mark: Callable[[Sequence[Image.Image], str], list[Image.Image]]) -> None:
    """As the settings say; the host asks this of its live previews too, which say nothing of how they are made."""
    category = str(getattr(shared.opts, MARKED, ""))
    if category:
        grid.imgs = mark(grid.imgs, category)


def _add_settings() -> None:
    """Our section in the settings."""
    info = shared.OptionInfo(
        "",
        "Folders whose pictures a job may name by path, one a line",
        component_args={"lines": 3},
        section=("pxl", "pxl"),
        restrict_api=True,  # else a stranger's job could name any folder for itself
    )
    shared.opts.add_option(FOLDERS, info)
    off = shared.OptionInfo(
        False, "Share nothing, whatever was agreed to on the Share tab", section=("pxl", "pxl"), restrict_api=True
    )
    shared.opts.add_option(SWITCH, off)
    marks = shared.OptionInfo(
        "",
        "Write on grids, X/Y/Z plots too, what your taste thinks of each picture in this category, as overall; "
        "empty: write nothing",
        section=("pxl", "pxl"),
    )
    shared.opts.add_option(MARKED, marks)


def _axis_setter(name: str) -> Callable[[Any, str, Any], None]:
    def apply(p: Any, value: str, values: Any) -> None:
        p.pxl_axis_values = {**getattr(p, "pxl_axis_values", {}), name: value}

    return apply
