"""The error tree.

    PxlError
      ProgramError      a program or job that cannot be read or prepared
        CurveError      a strength curve that cannot be read
      ImageError        a picture that cannot be opened or may not be
      StoreError        the data folder or its database
      NokenError        a noken, or a file of nokens, that cannot be read or bred
      TasteError        an opinion, or a taste, that cannot be read or learned
      WireError         a record, a batch or a message of those that are shared
        ForgeryError    one whose signature is not the rater's
      ShareError        a consent, an outbox or a way on which opinions are shared
      HostError         a host that lacks what a feature needs

Every error a caller can cause is one of these, and its text says what was got and what was wanted.
"""

from __future__ import annotations

import re
import reprlib

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 80
_short.maxlevel = 2


def shown(value: object) -> str:
    """A repr that is short and safe however large, deep or strange the value is."""
    try:
        return _short.repr(value)
    except ValueError:  # Python refuses to spell out a whole number of more than 4300 digits
        return f"a {type(value).__name__} too long to show"


class Words(str):
    """Words of ours, which an error quotes without quotation marks."""

    __repr__ = str.__str__


class PxlError(Exception):
    """Something a caller can put right: what it concerns, what was got, what was wanted."""

    def __init__(self, what: str, *, got: object = None, wanted: str = "") -> None:
        self.what, self.got, self.wanted = what, got, wanted
        super().__init__(f"{what}: got {shown(got)}, wanted {wanted}" if wanted else what)


class ProgramError(PxlError):
    """A program or job that cannot be read or prepared; `field` names the place, as `layers[0].strength`."""

    def __init__(self, field: str, *, got: object = None, wanted: str = "") -> None:
        self.field = field
        spoken = re.sub(r"layers\[(\d+)\]\.?", lambda found: f"layer {int(found[1]) + 1} ", field).strip()
        super().__init__(spoken, got=got, wanted=wanted)


class CurveError(ProgramError):
    """A strength curve that cannot be read."""


class ImageError(PxlError):
    """A picture that cannot be opened, or that may not be."""


class StoreError(PxlError):
    """The data folder, or the database in it."""


class NokenError(PxlError):
    """A noken, or a file of nokens, that cannot be read or bred."""


class TasteError(PxlError):
    """An opinion, or a file of a taste, that cannot be read or learned from."""


class WireError(PxlError):
    """A record, a batch or a message of those that are shared, or an answer to one."""


class ForgeryError(WireError):
    """A batch or a message whose signature is not the rater's."""


class ShareError(PxlError):
    """A consent, an outbox or a way on which opinions are shared."""


class HostError(PxlError):
    """A host that lacks what a feature needs."""
