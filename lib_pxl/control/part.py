"""Parts: what lines cut pictures into, whole stacks at a time. They are found by numpy, whose running minima are the
faster ones."""

from __future__ import annotations

import numpy
from numpy.typing import NDArray

Lines = NDArray[numpy.bool_]  # (K, H, W)
Parts = NDArray[numpy.int32]  # (K, H, W), the number of the part that each cell is in
_BITS = 8  # of a number that holds a part, too
_FAR = 1 << 28
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
    if fine == 1:
        found[place.ravel()] = 1  # of single cells there is nothing to count, which takes longer
    else:
        found[:] = numpy.bincount(place.ravel(), minlength=len(found))
        found /= fine**2
    return found.reshape(count, most, h * w)


def borders(own: Parts, most: int) -> NDArray[numpy.float32]:
    """How long a border each part has with each other, (K, P, P)."""
    found = numpy.zeros(len(own) * most**2, numpy.float32)
    for one, other in ((own[:, 1:], own[:, :-1]), (own[:, :, 1:], own[:, :, :-1])):
        apart = numpy.nonzero(one != other)
        found += numpy.bincount((apart[0] * most + one[apart]) * most + other[apart], minlength=len(found))
    square = found.reshape(-1, most, most)
    return square + square.swapaxes(1, 2)


def _largest(free: Lines, most: int, least: int) -> Parts:
    """Each cell's place, from 1 on, among the largest pieces of its picture's free cells that hang together; else 0."""
    from scipy import ndimage  # only those who cut pictures wait for it

    piece, count = ndimage.label(free, _CROSS)
    size = numpy.bincount(piece.ravel(), minlength=count + 1)
    picture = numpy.zeros(count + 1, numpy.int32)
    picture[piece] = numpy.arange(len(free))[:, None, None]
    order = numpy.lexsort((-size[1:], picture[1:])) + 1
    place = numpy.arange(1, count + 1) - numpy.searchsorted(picture[order], picture[order])
    number = numpy.zeros(count + 1, numpy.int32)
    number[order] = numpy.where((place <= most) & (size[order] >= least), place, 0)
    found: Parts = number[piece]
    return found


def _grown(own: Parts) -> Parts:
    """Every cell's part, counted from 0: that of the nearest cell that has one, along rows and columns.

    Numbers hold a place or a distance and, in their last bits, the part, so that the least of them tells both.
    """
    y, x = numpy.ogrid[: own.shape[1], : own.shape[2]]
    y, x = (each.astype(numpy.int32) << _BITS for each in (y, x))
    left = numpy.maximum.accumulate(numpy.where(own > 0, x | own, -_FAR), axis=2)
    right = numpy.minimum.accumulate(numpy.where(own > 0, x | own, _FAR)[:, :, ::-1], axis=2)[:, :, ::-1]
    part = (1 << _BITS) - 1
    near = numpy.minimum(x - (left & ~part) | left & part, right - x)
    above = numpy.minimum.accumulate(near - y, axis=1) + y
    below = numpy.minimum.accumulate((near + y)[:, ::-1], axis=1)[:, ::-1] - y
    found: Parts = numpy.maximum((numpy.minimum(above, below) & part) - 1, 0).astype(numpy.int32)
    return found


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
