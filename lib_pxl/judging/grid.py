"""What the taste thinks of each picture of a grid, written on the grid: the pictures themselves stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw

from lib_pxl.hosts.desk import Desk
from lib_pxl.hosts.lettering import font
from lib_pxl.store.infotext import written_on
from lib_pxl.taste.model import Taste
from lib_pxl.taste.origin import is_infotext, record_of

Mark = Callable[[Sequence[Image.Image], str], list[Image.Image]]
PLAIN, BEST = ("#20232a", "#ffffff"), ("#f2b632", "#20232a")  # a label and the letters on it
SHARE, LEAST = 16, 14  # a label's height, as a part of its picture's and in pixels
ALIKE = 0.05  # what is nearer than this to the best would be written alike


def marker(desk: Desk) -> Mark:
    """By the taste that was last learned; without one, and where nobody wrote how a picture was made, it marks none."""
    return lambda pictures, category: marked(pictures, desk.latest().sound, category)


def marked(pictures: Sequence[Image.Image], learned: Callable[[], Taste | None], category: str) -> list[Image.Image]:
    """The pictures; those that say how they were made are copies with a score in a corner, the best one's in gold."""
    told = {place: text for place, each in enumerate(pictures) if is_infotext(text := written_on(each))}
    taste = learned() if told else None
    found = list(pictures)
    if taste is None:
        return found
    mean, std = taste.score([record_of(text, str(place)).item for place, text in told.items()], category)
    best, least = float(mean.max()), float(mean.min())
    for place, value, doubt in zip(told, mean.tolist(), std.tolist(), strict=True):
        wins = best - value < ALIKE < best - least
        found[place] = _labelled(found[place], f"{value:+.1f} ± {doubt:.1f}", BEST if wins else PLAIN)
    return found


def _labelled(picture: Image.Image, text: str, colours: tuple[str, str]) -> Image.Image:
    high = max(LEAST, picture.height // SHARE)
    letters = font(round(high * 0.75))
    left, top, right, bottom = letters.getbbox(text)
    edge = max(2, (bottom - top) // 3)
    label = Image.new("RGB", (right - left + 2 * edge, bottom - top + 2 * edge), colours[0])
    ImageDraw.Draw(label).text((edge - left, edge - top), text, colours[1], letters)
    wide = min(picture.width, round(label.width * high / label.height))
    copy = picture.convert("RGB")
    copy.paste(label.resize((wide, high), Image.Resampling.LANCZOS), (0, picture.height - high))
    return copy
