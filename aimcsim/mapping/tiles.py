"""Matrices cut into pieces that cores hold, and put together again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

Scale = Literal["tile", "column"]
"""What a normalised weight of 1 stands for: the largest weight of a piece, or of each column."""


@dataclass(frozen=True)
class Piece:
    """A rectangle of a matrix, and where it lies on a core."""

    matrix: int
    """Index of the matrix that the piece is cut from."""
    row: int
    """First row (input) of the piece in the matrix."""
    column: int
    """First column (output) of the piece in the matrix."""
    rows: int
    columns: int
    at_row: int
    """First row of the piece on the core."""
    at_column: int
    """First column of the piece on the core."""
    scale: np.ndarray = field(compare=False)  # arrays have no single truth value to compare by
    """Weight that a normalised weight of 1 stands for, float32 (columns,), no unit: the largest
    magnitude of each column, or of the whole piece in all columns, see :func:`scale_of`. 0 where
    all weights are zero: whatever such a column gives, its digital output is exactly zero."""

    @property
    def source(self) -> tuple[slice, slice]:
        """Its window in the matrix."""
        return (
            slice(self.row, self.row + self.rows),
            slice(self.column, self.column + self.columns),
        )

    @property
    def place(self) -> tuple[slice, slice]:
        """Its window on the core."""
        return (
            slice(self.at_row, self.at_row + self.rows),
            slice(self.at_column, self.at_column + self.columns),
        )


@dataclass(frozen=True)
class Tile:
    """What one core holds."""

    index: int
    """Position in the list of all tiles of the weight set."""
    rows: int
    """Rows in use, at most the core's."""
    columns: int
    """Columns in use, at most the core's."""
    pieces: tuple[Piece, ...]
    """They share no cell."""


def split(
    matrices: Sequence[np.ndarray],
    core_rows: int,
    core_columns: int,
    scale: Scale = "tile",
    clip_sigmas: float | None = None,
) -> list[Tile]:
    """Cut each (inputs, outputs) float32 matrix into tiles of at most (core_rows, core_columns).

    Every tile holds one piece. Tiles come matrix by matrix, row-major within a matrix. All have
    the core's full size except the last of each row and column of tiles, which has what remains.

    Raises
    ------
    ValueError
        An extent of the core is below 1, or ``scale`` is none of :data:`Scale`.
    """
    require_core(core_rows, core_columns)
    tiles: list[Tile] = []
    for number, matrix in enumerate(matrices):
        rows, columns = matrix.shape
        for row in range(0, rows, core_rows):
            for column in range(0, columns, core_columns):
                part = matrix[row : row + core_rows, column : column + core_columns]
                high, wide = part.shape
                largest = scale_of(part, scale, clip_sigmas)
                piece = Piece(number, row, column, high, wide, 0, 0, largest)
                tiles.append(Tile(len(tiles), high, wide, (piece,)))
    return tiles


def require_core(rows: int, columns: int) -> None:
    """Raise a ValueError where an extent of the core is below 1."""
    if min(rows, columns) < 1:
        raise ValueError(f"a core of {rows} x {columns} cells; give extents of 1 or more")


def scale_of(part: np.ndarray, scale: Scale, clip_sigmas: float | None = None) -> np.ndarray:
    """:attr:`Piece.scale` of the weights (rows, columns) of a piece.

    With ``clip_sigmas`` no more than that times the root mean square of the weights other than
    zero, of the column or of the piece: larger weights are beyond 1 once they are normalised.
    """
    if scale not in get_args(Scale):
        raise ValueError(f"scale {scale!r}; give one of {', '.join(get_args(Scale))}")
    largest = np.abs(part).max(axis=0).astype(np.float32)
    if clip_sigmas is not None:
        energy, count = np.square(part, dtype=float).sum(axis=0), (part != 0).sum(axis=0)
        if scale == "tile":
            energy, count = energy.sum(), count.sum()
        bound = clip_sigmas * np.sqrt(energy / np.maximum(count, 1))
        largest = np.minimum(largest, bound.astype(np.float32))
    if scale == "tile":
        largest[:] = largest.max()
    return largest


def normalised(tile: Tile, matrices: Sequence[np.ndarray]) -> np.ndarray:
    """Weights of ``tile`` over their scale: float32, (rows, columns), in [-1, 1] unless clipped.

    Zero in cells that no piece uses. ``matrices`` is the list that the tile was cut from.
    """
    block = np.zeros((tile.rows, tile.columns), np.float32)
    for piece in tile.pieces:
        part = np.asarray(matrices[piece.matrix][piece.source], np.float32)
        np.divide(part, piece.scale, out=block[piece.place], where=piece.scale > 0)
    return block


def join(
    tiles: Sequence[Tile], blocks: Sequence[np.ndarray], shapes: Sequence[tuple[int, int]]
) -> list[np.ndarray]:
    """Put blocks of normalised weights back into matrices, times their scale.

    Parameters
    ----------
    tiles : all tiles of a weight set, in any order.
    blocks : for each of ``tiles`` its normalised weights, (rows, columns), as programmed; they
        may lie outside [-1, 1].
    shapes : (inputs, outputs) of each matrix.

    Returns
    -------
    float32 arrays of ``shapes``. The blocks of :func:`normalised` give the matrices back,
    to the rounding of one division and one multiplication in float32.

    Raises
    ------
    ValueError
        The number of blocks is not that of the tiles, a block has not its tile's shape, or the
        tiles do not cover the matrices.
    """
    joined = [np.zeros(shape, dtype=np.float32) for shape in shapes]
    missing = [matrix.size for matrix in joined]
    for tile, block in zip(tiles, blocks, strict=True):
        if np.shape(block) != (tile.rows, tile.columns):
            raise ValueError(
                f"tile {tile.index} is {tile.rows} x {tile.columns}, its block {np.shape(block)}"
            )
        for piece in tile.pieces:
            part = np.asarray(block[piece.place], np.float32)
            joined[piece.matrix][piece.source] = part * piece.scale
            missing[piece.matrix] -= piece.rows * piece.columns
    if any(missing):
        number = next(number for number, entries in enumerate(missing) if entries)
        raise ValueError(
            f"the tiles leave {missing[number]} entries of matrix {number}, of shape "
            f"{shapes[number]}, uncovered; give all tiles of the weight set"
        )
    return joined
