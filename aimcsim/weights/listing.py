"""What a weight set holds, as ``aimcsim check`` shows it before anything is programmed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from aimcsim.mapping.dataset import draws_of, left_out, matrices, stored_as
from aimcsim.shards.groups import Held, cut_into
from aimcsim.weights.registry import WeightSet

OUTLIERS = 10.0
"""Largest weight over root mean square above which a warning is given. Ours: most conductances
then lie in the lowest tenth of their range, where errors are largest against them."""
_HEADS = ("matrix", "inputs x outputs", "type", "range", "largest / rms", "tiles")
_HEADS_LEFT_OUT = ("left out", "shape", "type", "because")


@dataclass(frozen=True)
class Listed:
    """One matrix of a weight set."""

    name: str
    stored_as: str
    """Type in the file it is from; "" where it is from none."""
    shape: tuple[int, int]
    """(inputs, outputs)."""
    lowest: float
    highest: float
    ratio: float
    """Largest weight over the root mean square of those other than zero; where columns have scales
    of their own, after each has been divided by its largest. NaN where all are zero."""
    zero_columns: int
    tiles: int
    """Tiles that hold a part of it."""
    zero_tiles: int
    """Of these, those on which all of its weights are zero."""


def listed(dataset: xr.Dataset, held: Held) -> list[Listed]:
    """All matrices of a weight set and where they lie; of several draws the first."""
    by_column = dataset.attrs.get("scale") == "column"
    return [
        Listed(
            name,
            stored_as(dataset, index),
            matrix.shape,
            float(matrix.min()),
            float(matrix.max()),
            _ratio(matrix, by_column),
            int((~matrix.any(axis=0)).sum()),
            *_tiles(held, index),
        )
        for index, (name, matrix) in enumerate(matrices(dataset))
    ]


def _ratio(matrix: np.ndarray, by_column: bool) -> float:
    largest = np.abs(matrix).max(axis=0 if by_column else None)
    square = np.square(matrix, dtype=np.float64)
    shares = np.divide(square, np.square(largest, dtype=np.float64), where=square > 0, out=square)
    count = np.count_nonzero(shares)
    return float(np.sqrt(count / shares.sum())) if count else np.nan


def _tiles(held: Held, matrix: int) -> tuple[int, int]:
    """Tiles that hold a part of a matrix, and of these those that hold only zeros of it."""
    used: dict[int, bool] = {}
    for tile in held.tiles:
        for piece in tile.pieces:
            if piece.matrix == matrix:
                part = held.blocks[matrix][piece.source]
                used[tile.index] = used.get(tile.index, False) or bool(part.any())
    return len(used), sum(not any_weight for any_weight in used.values())


def describe(
    name: str, definition: WeightSet, dataset: xr.Dataset, rows: int, columns: int
) -> tuple[list[str], list[str]]:
    """Lines of text about a weight set on cores of (rows, columns), and warnings.

    Every matrix with shape, type, range and tiles, and every array left out with its reason.
    """
    held = cut_into(dataset, rows, columns)
    found, tiles = listed(dataset, held), len(held.tiles)
    source = ", ".join(definition.files())
    draws = draws_of(dataset)
    lines = [
        f"weights.{name}: {_count(len(found), 'matrix', 'matrices')}"
        f"{f' of {source}' if source else ''}, {_count(tiles, 'tile')}"
        f"{f'; of {draws} draws the first' if draws > 1 else ''}"
    ]
    lines += _table([_HEADS, *(_row(one) for one in found)])
    others = left_out(dataset)
    if others:
        rows_of_others = [
            (one.name, str(one.shape).replace("'", ""), one.dtype, one.reason) for one in others
        ]
        lines += _table([_HEADS_LEFT_OUT, *rows_of_others])
    return lines, [*_warnings(name, definition, dataset, found)]


def _row(one: Listed) -> tuple[str, ...]:
    inputs, outputs = one.shape
    if one.zero_tiles == one.tiles:
        tiles = f"{one.tiles}, of zeros"
    else:
        tiles = f"{one.tiles}{f', {one.zero_tiles} of zeros' if one.zero_tiles else ''}"
        if one.zero_columns:
            tiles += f"; {_count(one.zero_columns, 'column')} of zeros"
    return (
        one.name,
        f"{inputs} x {outputs}",
        one.stored_as or "-",
        f"{one.lowest:.4g} to {one.highest:.4g}",
        "-" if np.isnan(one.ratio) else f"{one.ratio:.1f}",
        tiles,
    )


def _warnings(
    name: str, definition: WeightSet, dataset: xr.Dataset, found: Sequence[Listed]
) -> list[str]:
    texts = []
    if large := [one for one in found if one.ratio > OUTLIERS]:
        remedies = []
        if definition.clip_sigmas is None:
            remedies.append("clip them (`clip_sigmas: 4`)")
        if hasattr(definition, "scale") and dataset.attrs.get("scale") != "column":
            remedies.append("give every column a scale of its own (`scale: column`)")
        remedy = f" To use more of the range, {', or '.join(remedies)}." if remedies else ""
        worst = max(large, key=lambda one: one.ratio)
        texts.append(
            f"weights.{name}: of {_listed(large)} the largest weight is more than {OUTLIERS:g} "
            f"times the root mean square, {worst.ratio:.1f} times at most, so that most of the "
            f"conductances are below a tenth of their range.{remedy}"
        )
    if empty := [one for one in found if one.zero_tiles]:
        count = sum(one.zero_tiles for one in empty)
        texts.append(
            f"weights.{name}: {_count(count, 'tile')} of {_listed(empty)} hold{'s' * (count == 1)} "
            "nothing but zeros. What holds no weight has no relative error and is left out of "
            "means; programming it costs time and energy all the same."
        )
    return texts


def _listed(some: Sequence[Listed]) -> str:
    names = ", ".join(f"'{one.name}'" for one in some[:5])
    return names if len(some) <= 5 else f"{names} and {len(some) - 5} more"


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows in columns of one width each, indented."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = (map(str.ljust, row, widths) for row in rows)
    return ["  " + "  ".join(row).rstrip() for row in padded]
