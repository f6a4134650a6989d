"""Parts: what lines cut pictures into, whole stacks at a time. They are found by numpy, whose running minima are the
faster ones."""

from __future__ import annotations

from itertools import pairwise

import numpy
from numpy.typing import NDArray

Lines = NDArray[numpy.bool_]  # (K, H, W)
Parts = NDArray[numpy.int32]  # (K, H, W), the number of the part that each cell is in
_STEP = 1 << 8  # from a cell to the next, in a number whose last bits are a part
_FAR = numpy.int32(1 << 28)
_CROSS = numpy.zeros((3, 3, 3), bool)  # cells hang together along rows and columns, and pictures not at all
_CROSS[1, 1] = _CROSS[1, :, 1] = True


def parted(lines: Lines, most: int, least: int, near: int) -> Parts:
    """The parts, counted from 0 by size, that lines cut each picture into.

    Lines belong to the part that is nearest; those that part nothing, further than `near` cells from a border between
    two, are a last part of their own. Parts beyond the `most` largest, or of fewer cells than `least`, count as lines.
    """
    own = _grown(_largest(~lines, most - 1, least))
    border = numpy.zeros_like(lines)
    border[:, :-1] |= own[:, 1:] != own[:, :-1]
    border[:, :, :-1] |= own[:, :, 1:] != own[:, :, :-1]
    loose = lines & ~_wider(_wider(border, near).swapaxes(1, 2), near).swapaxes(1, 2)
    loose &= (numpy.count_nonzero(loose, axis=(1, 2)) >= least)[:, None, None]
    own[loose] = most - 1
    return own


def covers(own: Parts, most: int, fine: int) -> NDArray[numpy.float32]:
    """How much of each square of `fine` cells a side is each part's, (K, P, squares)."""
    count, h, w = len(own), own.shape[1] // fine, own.shape[2] // fine
    square = numpy.arange(h * fine)[:, None] // fine * w + numpy.arange(w * fine) // fine
    place = (own + most * numpy.arange(count)[:, None, None]) * (h * w) + square
    found = numpy.zeros(count * most * h * w, numpy.float32)
    found[:] = numpy.bincount(place.ravel(), minlength=len(found))
    found /= fine**2
    return found.reshape(count, most, h * w)


def borders(own: Parts, most: int) -> NDArray[numpy.float32]:
    """How long a border each part has with each other, (K, P, P)."""
    row = (numpy.arange(len(own), dtype=own.dtype)[:, None, None] * most + own) * most
    found = numpy.zeros(len(own) * most**2, numpy.float32)
    for one, other in ((row[:, 1:], own[:, :-1]), (row[:, :, 1:], own[:, :, :-1])):
        found += numpy.bincount((one + other).ravel(), minlength=len(found))
    square = found.reshape(-1, most, most)
    square[:, range(most), range(most)] = 0  # where a part goes on, it meets no other
    return square + square.swapaxes(1, 2)


def _largest(free: Lines, most: int, least: int) -> Parts:
    """Each cell's place, from 1 on, among the largest pieces of its picture's free cells that hang together; else 0."""
    from scipy import ndimage  # only those who cut pictures wait for it

    piece, count = ndimage.label(free, _CROSS)
    size = numpy.bincount(piece.ravel(), minlength=count + 1)
    last = numpy.maximum.accumulate(piece.max((1, 2)))  # pieces are numbered one picture after the other
    picture = numpy.searchsorted(last, numpy.arange(1, count + 1))
    order = numpy.lexsort((-size[1:], picture)) + 1
    place = numpy.arange(1, count + 1) - numpy.searchsorted(picture, picture)
    number = numpy.zeros(count + 1, numpy.int32)
    number[order] = numpy.where((place <= most) & (size[order] >= least), place, 0)
    found: Parts = number.take(piece)
    return found


def _grown(own: Parts) -> Parts:
    """Every cell's part, counted from 0: that of the nearest cell that has one, along rows and columns.

    Numbers hold a distance and, in their last bits, the part, so that the least of them tells both. All pictures are
    walked together, line by line, there and back, which is quicker than numpy's accumulate.
    """
    near = numpy.where(own > 0, own, _FAR)
    for axis in (2, 1):
        lines = numpy.ascontiguousarray(numpy.moveaxis(near, axis, 0))
        for way in (lines, lines[::-1]):
            for before, here in pairwise(way):
                numpy.minimum(here, before + _STEP, out=here)
        near = numpy.moveaxis(lines, 0, axis)
    return numpy.ascontiguousarray(numpy.maximum((near & _STEP - 1) - 1, 0))


def _wider(marked: Lines, near: int) -> Lines:
    """What is marked, or no more than so many cells below or above."""
    reach = 0
    while reach < near:
        step = min(near, 2 * reach + 1) - reach  # no further, or it would leap over cells at the picture's sides
        wider = marked.copy()
        wider[:, step:] |= marked[:, :-step]
        wider[:, :-step] |= marked[:, step:]
        marked, reach = wider, reach + step
    return marked
