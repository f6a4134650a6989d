"""Many prompts of one template: what a taste chooses among."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lib_pxl.errors import PxlError, TasteError, Words

MOST = 100_000
MISSES = 200  # draws in a row that are nothing new, after which a template is taken to hold no more
FOLDER = "wildcards"
SYNTAX = "a template in the syntax of dynamicprompts, as `{an oil painting|a photo} of __animal__`"
# A prompt in its usual order, to begin with.
SLOTS = {
    "image type": ("a photo", "an oil painting", "a watercolor", "a pencil sketch", "a 3d render", "an anime picture"),
    "subject": ("a fox", "an old sailor", "a castle", "a robot", "a dancer", "a sailing ship", "a girl with a lantern"),
    "action": ("resting", "in motion", "seen from afar", "looking up", "half hidden"),
    "place": ("in a forest", "in a busy street", "on a mountain", "by the sea", "in an empty room", "among ruins"),
    "style": ("art nouveau", "minimalist", "baroque", "film noir", "surreal", "impressionist"),
    "enhancers": ("soft light", "golden hour", "intricate detail", "bokeh", "vivid colors", "high contrast", "misty"),
}


class Candidate(NamedTuple):
    """A prompt, and what was drawn for it, in the order of the template."""

    prompt: str
    parts: tuple[str, ...]


def ready(slots: Mapping[str, Sequence[str]] = SLOTS) -> str:
    """A template to begin with; a slot's words are replaced by hand, or by a wildcard."""
    kind, subject, action, place, style, more = ("|".join(words) for words in slots.values())
    return f"{{{kind}}} of {{{subject}}} {{{action}}} {{{place}}}, {{{style}}}, {{1-2$$, $${more}}}"


def wildcard_folders(data: Path, webui: Path | None = None) -> list[Path]:
    """Where wildcards lie: in pxl's data folder, and in a WebUI's own and those of its extensions."""
    found = [data / FOLDER]
    if webui is not None:
        found += [webui / FOLDER, *sorted(webui.glob(f"extensions/*/{FOLDER}"))]
    return [folder for folder in found if folder.is_dir()]


def candidates(template: str, n: int, seed: int, folders: Sequence[Path] = ()) -> list[Candidate]:
    """Up to n different prompts, fewer where the template holds fewer; the same seed gives the same ones."""
    if not isinstance(template, str) or not template.strip():
        raise TasteError("template", got=template, wanted=SYNTAX)
    if not 0 <= n <= MOST:
        raise TasteError("candidates", got=n, wanted=f"0 to {MOST:,}")
    found: dict[str, Candidate] = {}
    missed = 0
    for each in _draws(template, seed, folders):
        if len(found) >= n or missed >= MISSES:
            break
        missed = missed + 1 if each.prompt in found else 0
        found.setdefault(each.prompt, each)
    return list(found.values())


def _draws(template: str, seed: int, folders: Sequence[Path]) -> Iterator[Candidate]:
    try:
        from lib_pxl.taste.draws import ENDLESS, Drawing
    except ImportError as error:
        wanted = "the package dynamicprompts: pip install dynamicprompts"
        raise TasteError("templates", got=Words(str(error)), wanted=wanted) from error
    try:
        drawing = Drawing(template, seed, folders)
        while True:
            yield Candidate(*drawing.draw())
    except PxlError:
        raise
    except RecursionError as error:
        raise TasteError("template", got=Words("one without end"), wanted=ENDLESS) from error
    except Exception as error:  # the library raises every kind there is
        said = " ".join(str(error).split())
        raise TasteError("template", got=Words(said), wanted=SYNTAX) from error
