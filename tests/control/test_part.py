"""Parts that lines cut a picture into, beside plain searches that look at every cell."""

from __future__ import annotations

import numpy
import pytest
from numpy.typing import NDArray

from lib_pxl.control import part as stacks
from lib_pxl.control.part import Lines, Parts, borders, covers

CASES = [(seed, share) for seed in range(6) for share in (0.05, 0.3, 0.5, 0.8)]


def parted(lines: Lines, most: int, least: int, near: int) -> Parts:
    """The parts of one picture."""
    return stacks.parted(lines[None], most, least, near)[0]


def drawn(seed: int, share: float) -> Lines:
    """Cells, each of which is a line by that chance."""
    random = numpy.random.default_rng(seed)
    found: Lines = random.random(random.integers(1, 40, 2)) < share
    return found


def pieces(free: Lines) -> list[list[tuple[int, int]]]:
    """The free cells that hang together, the largest first."""
    left = {(int(y), int(x)) for y, x in numpy.argwhere(free)}
    found = []
    while left:
        piece = [left.pop()]
        for y, x in piece:  # which grows as it is walked
            near = {(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)} & left
            left -= near
            piece += near
        found.append(piece)
    return sorted(found, key=len, reverse=True)


@pytest.mark.parametrize(("seed", "share"), CASES)
def test_the_largest_pieces_are_parts_by_their_size(seed: int, share: float) -> None:
    lines, most, least = drawn(seed, share), 6, 3
    own = parted(lines, most, least, near=max(lines.shape))
    sizes = [len(piece) for piece in pieces(~lines)]
    smallest = max([least - 1, *sizes[most - 1 : most]])
    for piece in pieces(~lines):
        if len(piece) > smallest:  # of several alike, any may be among the largest
            number, larger = {int(own[cell]) for cell in piece}, len([size for size in sizes if size > len(piece)])
            assert len(number) == 1 and larger <= min(number) < larger + sizes.count(len(piece))
    count = len([size for size in sizes if size >= least][: most - 1])
    assert {*own.flat} <= {*range(max(count, 1)), most - 1}


@pytest.mark.parametrize(("seed", "share"), CASES)
def test_every_cell_of_a_line_belongs_to_a_part_that_is_nearest(seed: int, share: float) -> None:
    lines = drawn(seed, share)
    own = parted(lines, lines.size + 1, 1, near=max(lines.shape))
    free = numpy.argwhere(~lines)
    for cell in numpy.argwhere(lines & (own < lines.size)) if len(free) else ():
        away = numpy.abs(free - cell).sum(1)
        assert own[tuple(cell)] in {own[tuple(each)] for each in free[away == away.min()]}


def widened(marked: Lines, near: int) -> Lines:
    """What is no more than so many cells along each side from anything marked."""
    found = numpy.zeros_like(marked)
    for y, x in numpy.argwhere(marked):
        found[max(0, y - near) : y + near + 1, max(0, x - near) : x + near + 1] = True
    return found


@pytest.mark.parametrize("near", [1, 2, 5, 9])
@pytest.mark.parametrize(("seed", "share"), CASES[:12])
def test_lines_far_from_any_border_are_the_last_part(seed: int, share: float, near: int) -> None:
    lines = drawn(seed, share)
    without, own = parted(lines, 6, 1, near=max(lines.shape)), parted(lines, 6, 1, near)
    border = numpy.zeros_like(lines)
    border[:-1] |= without[1:] != without[:-1]
    border[:, :-1] |= without[:, 1:] != without[:, :-1]
    far = without == 5 if 5 in without else lines & ~widened(border, near)  # where no two parts meet, all are far
    assert numpy.array_equal(own == 5, far) and numpy.array_equal(own[~far], without[~far])


@pytest.mark.parametrize("share", [0.3, 0.5])
def test_the_pictures_of_a_stack_have_nothing_to_do_with_one_another(share: float) -> None:
    stack = numpy.random.default_rng(1).random((7, 16, 24)) < share
    stack[2], stack[5] = False, True
    own = stacks.parted(stack, 6, 4, 2)
    assert numpy.array_equal(own, [parted(each, 6, 4, 2) for each in stack])
    assert numpy.array_equal(covers(own, 6, 4), numpy.concatenate([covers(each[None], 6, 4) for each in own]))
    assert numpy.array_equal(borders(own, 6), numpy.concatenate([borders(each[None], 6) for each in own]))


def test_a_spiral_is_one_part() -> None:
    lines = numpy.zeros((63, 63), bool)
    y = x = 0
    dy, dx = 0, 1
    for reach in range(62, 1, -2):  # a wall that winds inwards, and leaves one way in
        for _ in range(2):
            for _ in range(reach):
                lines[y, x] = True
                y, x = y + dy, x + dx
            dy, dx = dx, -dy
    assert len(pieces(~lines)) == 1 and not parted(lines, 12, 1, 63)[~lines].any()


def numbers(seed: int) -> NDArray[numpy.int32]:
    return numpy.random.default_rng(seed).integers(0, 5, (12, 20)).astype(numpy.int32)


@pytest.mark.parametrize("fine", [1, 2, 4])
@pytest.mark.parametrize("seed", range(3))
def test_covers_are_shares_of_squares(seed: int, fine: int) -> None:
    own = numbers(seed)
    for part, found in enumerate(covers(own[None], 7, fine)[0]):
        squares = (own == part).reshape(12 // fine, fine, 20 // fine, fine)
        assert numpy.allclose(found, squares.mean((1, 3)).ravel())


@pytest.mark.parametrize("seed", range(3))
def test_borders_count_every_pair_of_neighbours_from_both_sides(seed: int) -> None:
    own = numbers(seed)
    wanted = numpy.zeros((7, 7))
    for y, x in numpy.ndindex(own.shape):
        for near in ((y + 1, x), (y, x + 1)):
            if near[0] < own.shape[0] and near[1] < own.shape[1] and own[y, x] != own[near]:
                wanted[own[y, x], own[near]] += 1
                wanted[own[near], own[y, x]] += 1
    assert numpy.array_equal(borders(own[None], 7)[0], wanted)
