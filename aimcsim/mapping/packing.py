"""Matrices packed onto as few cores as possible.

Strips can be cut between columns, so that this is more than rectangle packing: the library rectpack
needs three cores for ResNet-9, and up to a tenth more than this on lists of many matrices.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from aimcsim.mapping.strips import Placed, Strip, pour, skyline, stack
from aimcsim.mapping.tiles import Piece, Scale, Tile, require_core, scale_of


def pack(
    matrices: Sequence[np.ndarray],
    core_rows: int,
    core_columns: int,
    areas: Sequence[int] | None = None,
    scale: Scale = "column",
    clip_sigmas: float | None = None,
) -> list[Tile]:
    """Cut matrices into pieces and lay them on as few cores as a few heuristics need.

    Rows are cut into as few parts as the core's rows force, between input channels. Where that
    saves a core, a part is cut between columns, and only where that does not do, again between
    rows. Of layouts on equally few cores, that with the fewest conversions of columns is taken,
    then that with the fewest pieces.

    Parameters
    ----------
    matrices : (inputs, outputs) arrays, float32.
    core_rows, core_columns : extents of a core, cells.
    areas : pixels of the kernel of each matrix: rows are cut at multiples of it, unless it exceeds
        the core's rows; None: 1 for all.
    scale : see :data:`~aimcsim.mapping.tiles.Scale`; "tile": one scale per piece.
    clip_sigmas : see :func:`~aimcsim.mapping.tiles.scale_of`

    Returns
    -------
    Tiles of the core's full extents; pieces by matrix, row and column. The same arguments give the
    same tiles, and only their scales depend on the weights.

    Raises
    ------
    ValueError
        An extent of the core or an area is below 1, the areas are not as many as the matrices, or
        ``scale`` is none of :data:`~aimcsim.mapping.tiles.Scale`.
    """
    require_core(core_rows, core_columns)
    shapes = [matrix.shape for matrix in matrices]
    areas = [1] * len(shapes) if areas is None else list(areas)
    if len(areas) != len(shapes) or min(areas, default=1) < 1:
        raise ValueError(f"areas {areas} of {len(shapes)} matrices; give each one of 1 or more")
    held: dict[int, list[Piece]] = defaultdict(list)
    for placed in _layout(shapes, core_rows, core_columns, areas):
        held[placed.core].append(_piece(placed, matrices, scale, clip_sigmas))
    return [
        Tile(index, core_rows, core_columns, tuple(sorted(held[core], key=_origin)))
        for index, core in enumerate(sorted(held))
    ]


def _piece(
    placed: Placed, matrices: Sequence[np.ndarray], scale: Scale, clip_sigmas: float | None
) -> Piece:
    strip = placed.strip
    rows = slice(strip.row, strip.row + strip.rows)
    part = matrices[strip.matrix][rows, strip.column : strip.column + strip.columns]
    return Piece(
        strip.matrix, strip.row, strip.column, strip.rows, strip.columns,
        placed.at_row, placed.at_column, scale_of(part, scale, clip_sigmas),
    )  # fmt: skip


def _origin(piece: Piece) -> tuple[int, int, int]:
    return piece.matrix, piece.row, piece.column


def _layout(
    shapes: Sequence[tuple[int, int]], rows: int, columns: int, areas: Sequence[int]
) -> list[Placed]:
    """The best of all layouts tried, see :func:`pack`."""
    cells = sum(height * width for height, width in shapes)
    ways = [_strips(shapes, rows, areas, even) for even in (True, False)]
    layouts = [stack(strips, rows, columns) for strips in ways]
    cores = min(_cores(layout) for layout in layouts)
    for fewer in range(-(-cells // (rows * columns)), cores):
        poured = [pour(strips, fewer, rows, columns) for strips in ways]
        if found := [layout for layout in poured if layout is not None]:
            layouts, cores = found, fewer
            break
    # With few cuts at best, and on so many cores perhaps not at all.
    layouts += [
        layout
        for strips in ways
        for order in (_by_height, _by_cells)
        if (layout := skyline(sorted(strips, key=order), cores, rows, columns)) is not None
    ]
    return min((each for each in layouts if _cores(each) == cores), key=_cost)


def _strips(
    shapes: Sequence[tuple[int, int]], rows: int, areas: Sequence[int], even: bool
) -> list[Strip]:
    """The matrices cut as the core's rows force: evenly, or full but for the last of each."""
    strips = []
    for number, ((height, width), area) in enumerate(zip(shapes, areas, strict=True)):
        step = area if area <= rows else 1
        units, most = -(-height // step), rows // step
        parts = -(-units // most)
        if even:
            starts = [step * (part * units // parts) for part in range(parts)]
        else:
            starts = [step * part * most for part in range(parts)]
        strips += [
            Strip(number, start, 0, end - start, width, step)
            for start, end in zip(starts, [*starts[1:], height], strict=True)
        ]
    return strips


def _by_height(strip: Strip) -> tuple[int, int]:
    return -strip.rows, -strip.columns


def _by_cells(strip: Strip) -> int:
    return -strip.rows * strip.columns


def _cores(layout: Sequence[Placed]) -> int:
    return 1 + max((placed.core for placed in layout), default=-1)


def _cost(layout: Sequence[Placed]) -> tuple[int, int]:
    """Conversions of an MVM of every piece, and pieces."""
    return sum(placed.strip.columns for placed in layout), len(layout)
