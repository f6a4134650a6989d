"""Parts: what lines cut a picture into. They are found by numpy, whose running minima are the faster ones."""

from __future__ import annotations

import numpy
from numpy.typing import NDArray

Lines = NDArray[numpy.bool_]  # (H, W)
Parts = NDArray[numpy.int32]  # (H, W), the number of the part that each cell is in
_BITS = 8  # of a number that holds a part, too
_FAR = 1 << 28


def parted(lines: Lines, most: int, least: int, near: int) -> Parts:
    """The parts, counted from 0 by size, that lines cut a picture into.

    Lines belong to the part that is nearest; those that part nothing, further than `near` cells from a border between
    two, are a last part of their own. Parts beyond the `most` largest, or of fewer cells than `least`, count as lines.
    """
    own = _grown(_largest(~lines, most - 1, least))
    border = numpy.zeros_like(lines)
    border[:-1] |= own[1:] != own[:-1]
    border[:, :-1] |= own[:, 1:] != own[:, :-1]
    loose = lines & ~_wider(_wider(border, near).T, near).T
    return numpy.where(loose, numpy.int32(most - 1), own) if loose.sum() >= least else own


def covers(own: Parts, most: int, fine: int) -> NDArray[numpy.float32]:
    """How much of each square of `fine` cells a side is each part's, (P, squares)."""
    h, w = (side // fine for side in own.shape)
    square = numpy.arange(h * fine)[:, None] // fine * w + numpy.arange(w * fine) // fine
    found = numpy.bincount((own * (h * w) + square).ravel(), minlength=most * h * w)
    return (found.reshape(most, h * w) / fine**2).astype(numpy.float32)


def borders(own: Parts, most: int) -> NDArray[numpy.float32]:
    """How long a border each part has with each other, (P, P)."""
    found = numpy.zeros(most**2, numpy.float32)
    for one, other in ((own[1:], own[:-1]), (own[:, 1:], own[:, :-1])):
        apart = one != other
        found += numpy.bincount(one[apart] * most + other[apart], minlength=most**2)
    square = found.reshape(most, most)
    return square + square.T


def _largest(free: Lines, most: int, least: int) -> Parts:
    """Each cell's place, from 1 on, among the largest pieces of free cells that hang together; 0 elsewhere."""
    wall = numpy.pad(free, ((0, 0), (1, 1)))
    begins, ends = (numpy.flatnonzero(each) for each in (wall[:, 1:] & ~wall[:, :-1], wall[:, :-1] & ~wall[:, 1:]))
    number = numpy.zeros(len(begins) + 1, numpy.int32)
    first = free & ~wall[:, :-2]  # where a run of free cells begins
    run = numpy.cumsum(first, dtype=numpy.int32).reshape(free.shape) - 1
    piece = _joined(run, free, len(begins))
    size = numpy.bincount(piece, weights=ends - begins, minlength=1)
    order = numpy.argsort(-size, kind="stable")[:most]
    order = order[size[order] >= least]
    place = numpy.zeros(len(size), numpy.int32)
    place[order] = numpy.arange(len(order)) + 1
    number[:-1] = place[piece]
    return numpy.where(free, number[run], 0)


def _joined(run: Parts, free: Lines, count: int) -> NDArray[numpy.int32]:
    """The first run of the piece that each run is of: runs that touch are joined, and all joins are followed."""
    both = free[1:] & free[:-1]
    both[:, 1:] &= ~both[:, :-1]  # where a stretch of touching cells begins
    above, below = run[:-1][both], run[1:][both]
    piece: NDArray[numpy.int32] = numpy.arange(count, dtype=numpy.int32)
    while len(above):
        low, high = numpy.minimum(above, below), numpy.maximum(above, below)
        numpy.minimum.at(piece, high, low)
        while not numpy.array_equal(piece, follow := piece[piece]):
            piece = follow
        above, below = piece[low], piece[high]
        apart = above != below
        above, below = above[apart], below[apart]
    return piece


def _grown(own: Parts) -> Parts:
    """Every cell's part, counted from 0: that of the nearest cell that has one, along rows and columns.

    Numbers hold a place or a distance and, in their last bits, the part, so that the least of them tells both.
    """
    y, x = numpy.ogrid[: own.shape[0], : own.shape[1]]
    y, x = (each.astype(numpy.int32) << _BITS for each in (y, x))
    left = numpy.maximum.accumulate(numpy.where(own > 0, x | own, -_FAR), axis=1)
    right = numpy.minimum.accumulate(numpy.where(own > 0, x | own, _FAR)[:, ::-1], axis=1)[:, ::-1]
    part = (1 << _BITS) - 1
    near = numpy.minimum(x - (left & ~part) | left & part, right - x)
    above = numpy.minimum.accumulate(near - y, axis=0) + y
    below = numpy.minimum.accumulate((near + y)[::-1], axis=0)[::-1] - y
    found: Parts = numpy.maximum((numpy.minimum(above, below) & part) - 1, 0).astype(numpy.int32)
    return found


def _wider(marked: Lines, near: int) -> Lines:
    """What is marked, or no more than so many cells below or above."""
    reach = 0
    while reach < near:
        step = min(near, 2 * reach + 1) - reach  # no further, or it would leap over cells at the picture's sides
        wider = marked.copy()
        wider[step:] |= marked[:-step]
        wider[:-step] |= marked[step:]
        marked, reach = wider, reach + step
    return marked
