"""Three ways to lay strips of matrices on cores, each better than the others somewhere.

The columns of a strip may lie apart, on any cores: a cut between columns costs nothing but a
further piece. A cut between rows gives partial sums, with a conversion each.
"""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Strip:
    """A rectangle of a matrix: where it starts there, its extents, and how it may be cut."""

    matrix: int
    row: int
    column: int
    rows: int
    columns: int
    step: int
    """Rows are cut at multiples of this, counted from its first."""

    def cut_column(self, columns: int) -> list["Strip"]:
        """The first ``columns`` of it, and the rest if any."""
        rest = replace(self, column=self.column + columns, columns=self.columns - columns)
        return [replace(self, columns=columns), *([rest] if rest.columns else [])]

    def cut_row(self, rows: int) -> list["Strip"]:
        """The first ``rows`` of it, and the rest."""
        return [
            replace(self, rows=rows),
            replace(self, row=self.row + rows, rows=self.rows - rows),
        ]


@dataclass(frozen=True)
class Placed:
    """A strip, and where it lies."""

    strip: Strip
    core: int
    at_row: int
    at_column: int


@dataclass(frozen=True)
class _Gap:
    """Columns of a core that are free below one row."""

    free: int  # rows
    core: int
    column: int
    columns: int


def skyline(strips: Sequence[Strip], cores: int, rows: int, columns: int) -> list[Placed] | None:
    """Lay ``strips`` one by one, whole where there is room; None where ``cores`` do not hold them.

    Each goes where it leaves the fewest cells empty beneath it, and of those places where least is
    left beyond it. A strip that fits nowhere whole is cut where the widest part of it fits.
    """
    used = np.zeros((cores, columns), np.int64)  # rows, from the first, of each column
    placed, todo = [], list(strips)[::-1]
    while todo:
        strip = todo.pop()
        runs = _runs(used <= rows - strip.rows)
        if not (widest := int(runs.max())):
            return None
        strip, *rest = strip.cut_column(min(strip.columns, widest))
        todo += rest
        core, column, row = _place(used, strip, rows)
        used[core, column : column + strip.columns] = row + strip.rows
        placed.append(Placed(strip, core, row, column))
    return placed


def _runs(fits: np.ndarray) -> np.ndarray:
    """Length of the run of true values that ends at each, along the last axis."""
    count = np.cumsum(fits, axis=1)
    return count - np.maximum.accumulate(np.where(fits, 0, count), axis=1)


def _place(used: np.ndarray, strip: Strip, rows: int) -> tuple[int, int, int]:
    """Core, first column and first row of the best place of a strip that fits somewhere."""
    from scipy.ndimage import maximum_filter1d  # slow to import, and needed for packing alone

    width = strip.columns
    last = used.shape[1] - width + 1
    # Rows in use beneath a strip that starts at each column, and cells that it would leave empty.
    beneath = maximum_filter1d(used, width, axis=1, origin=-(width // 2))[:, :last]
    sums = np.pad(np.cumsum(used, axis=1), ((0, 0), (1, 0)))
    wasted = width * beneath - (sums[:, width:] - sums[:, :last])
    beyond = rows - strip.rows - beneath
    score = np.where(beyond >= 0, wasted * (rows + 1) + beyond, np.iinfo(np.int64).max)
    core, column = np.unravel_index(score.argmin(), score.shape)
    return int(core), int(column), int(beneath[core, column])


def pour(strips: Sequence[Strip], cores: int, rows: int, columns: int) -> list[Placed] | None:
    """Lay the tallest strip first, its columns where the fewest rows stay free beyond them.

    That is best-fit-decreasing bin packing, of columns. What of a strip finds no column free
    enough is cut between rows, to fill the freest. None where ``cores`` do not hold all.
    """
    gaps = [_Gap(rows, core, 0, columns) for core in range(cores)]
    placed, todo = [], sorted(strips, key=_size)
    while todo:
        strip = todo.pop()
        fits = [gap for gap in gaps if gap.free >= strip.rows]
        if not fits:
            freest = max((gap.free for gap in gaps), default=0) // strip.step * strip.step
            if not freest:
                return None
            for part in strip.cut_row(freest):
                insort(todo, part, key=_size)
            continue
        # Of gaps equally free: the tightest that takes the whole strip, else the widest.
        gap = min(fits, key=lambda gap: (gap.free, _misfit(gap, strip), gap.core, gap.column))
        strip, *rest = strip.cut_column(min(strip.columns, gap.columns))
        for part in rest:
            insort(todo, part, key=_size)
        placed.append(Placed(strip, gap.core, rows - gap.free, gap.column))
        gaps.remove(gap)
        gaps.extend(_left(gap, strip))
    return placed


def _size(strip: Strip) -> tuple[int, ...]:
    """To sort strips by, so that the tallest comes last."""
    return strip.rows, strip.columns, -strip.matrix, -strip.row, -strip.column


def _misfit(gap: _Gap, strip: Strip) -> tuple[bool, int]:
    """To sort gaps by: those wide enough first, and of either kind the nearest in width."""
    spare = gap.columns - strip.columns
    return spare < 0, abs(spare)


def _left(gap: _Gap, strip: Strip) -> list[_Gap]:
    """What ``strip``, laid in its first columns, leaves of a gap."""
    beneath = _Gap(gap.free - strip.rows, gap.core, gap.column, strip.columns)
    beside = _Gap(gap.free, gap.core, gap.column + strip.columns, gap.columns - strip.columns)
    return [part for part in (beneath, beside) if part.free and part.columns]


def stack(strips: Sequence[Strip], rows: int, columns: int) -> list[Placed]:
    """Stack strips so that column after column is as full as can be; on as many cores as it takes.

    The tallest strip that is left, and beneath it those of the others that fill its columns best,
    as wide as the narrowest of them.
    """
    placed, left, at = [], sorted(strips, key=_size), 0
    while left:
        tallest = left.pop()
        chosen = [tallest, *_fill(left, rows - tallest.rows)]
        width = min(columns - at % columns, *(strip.columns for strip in chosen))
        row = 0
        for strip in chosen:
            if strip is not tallest:
                left.remove(strip)
            first, *rest = strip.cut_column(width)
            for part in rest:
                insort(left, part, key=_size)
            placed.append(Placed(first, at // columns, row, at % columns))
            row += strip.rows
        at += width
    return placed


def _fill(strips: Sequence[Strip], rows: int) -> list[Strip]:
    """Strips, of ascending size, that together come as near to ``rows`` as any; tall ones first."""
    # Bit n of reached[k] says whether some of the first k strips have n rows together.
    reached, mask = [1], (1 << rows + 1) - 1
    for strip in strips:
        reached.append((reached[-1] | reached[-1] << strip.rows) & mask)
    total, chosen = reached[-1].bit_length() - 1, []
    for strip, before in zip(strips[::-1], reached[-2::-1], strict=True):
        if strip.rows <= total and before >> (total - strip.rows) & 1:
            chosen.append(strip)
            total -= strip.rows
    return chosen
