"""Matrices cut into tiles of the core's size, and put together again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Tile:
    """The part of a matrix that one core holds."""

    index: int
    """Position in the list of all tiles of the weight set."""
    matrix: int
    """Index of the matrix that the tile is cut from."""
    row: int
    """First row (input) of the tile in the matrix."""
    column: int
    """First column (output) of the tile in the matrix."""
    rows: int
    """Rows, at most the core's."""
    columns: int
    """Columns, at most the core's."""
    scale: float
    """Weight that a normalised weight of 1 stands for: the largest magnitude of the tile, or 1
    where all its weights are zero. No unit; a float32 value."""


def split(matrices: Sequence[np.ndarray], core_rows: int, core_columns: int) -> list[Tile]:
    """Cut each (inputs, outputs) float32 matrix into tiles of at most (core_rows, core_columns).

    Tiles come matrix by matrix, row-major within a matrix. All have the core's full size except
    the last of each row and column of tiles, which has what remains.

    Raises
    ------
    ValueError
        An extent of the core is below 1.
    """
    if core_rows < 1 or core_columns < 1:
        raise ValueError(f"a core of {core_rows} x {core_columns} cells; give extents of 1 or more")
    tiles = []
    for number, matrix in enumerate(matrices):
        rows, columns = matrix.shape
        for row in range(0, rows, core_rows):
            for column in range(0, columns, core_columns):
                part = matrix[row : row + core_rows, column : column + core_columns]
                largest = float(np.float32(np.abs(part).max()))
                tiles.append(
                    Tile(len(tiles), number, row, column, *part.shape, scale=largest or 1.0)
                )
    return tiles


def normalised(tile: Tile, matrices: Sequence[np.ndarray]) -> np.ndarray:
    """Weights of ``tile`` over its scale: float32, (rows, columns), in [-1, 1].

    ``matrices`` is the list that the tile was split from.
    """
    part = np.asarray(matrices[tile.matrix][_window(tile)], dtype=np.float32)
    return part / np.float32(tile.scale)


def join(
    tiles: Sequence[Tile], blocks: Sequence[np.ndarray], shapes: Sequence[tuple[int, int]]
) -> list[np.ndarray]:
    """Put blocks of normalised weights back into matrices, times the scale of their tile.

    Parameters
    ----------
    tiles : all tiles of a weight set, in any order.
    blocks : for each of ``tiles`` its normalised weights, (rows, columns), as programmed; they
        may lie outside [-1, 1].
    shapes : (inputs, outputs) of each matrix.

    Returns
    -------
    float32 arrays of ``shapes``. The blocks of :func:`normalised` give the split matrices back,
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
        joined[tile.matrix][_window(tile)] = np.asarray(block, np.float32) * np.float32(tile.scale)
        missing[tile.matrix] -= tile.rows * tile.columns
    if any(missing):
        number = next(number for number, entries in enumerate(missing) if entries)
        raise ValueError(
            f"the tiles leave {missing[number]} entries of matrix {number}, of shape "
            f"{shapes[number]}, uncovered; give all tiles of the weight set"
        )
    return joined


def _window(tile: Tile) -> tuple[slice, slice]:
    return (
        slice(tile.row, tile.row + tile.rows),
        slice(tile.column, tile.column + tile.columns),
    )
