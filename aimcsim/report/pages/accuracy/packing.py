"""The figure of the packing: which layer lies where on which core."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextPath

from aimcsim.mapping.tiles import Piece, Tile
from aimcsim.report.drawing import INK, ON_COLOUR, WIDTH, Plot, styled
from aimcsim.report.estimates import number

MOST = 8
"""Cores drawn; the data has all."""
ACROSS = 2  # cores in a row
LEFT, BESIDE, BETWEEN, ABOVE, BELOW = 0.55, 1.35, 0.3, 0.34, 0.52  # inches around the cores
FONT, LINE, AIR = 7.5, 9.0, 2.0  # points: size of labels, from line to line, around a label
LONGEST = 20  # characters of a layer's name that are shown
UNUSED = "#eceef1"
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class _Label:
    """The lines that say what a piece is, and its colour."""

    piece: Piece
    lines: tuple[str, ...]
    colour: Colour

    @property
    def height(self) -> float:
        """Points, with air to the next."""
        return LINE * len(self.lines) + AIR

    @property
    def middle(self) -> tuple[float, float]:
        """Column and row of the piece's middle on the core."""
        piece = self.piece
        return piece.at_column + piece.columns / 2, piece.at_row + piece.rows / 2


def packing_table(
    tiles: Sequence[Tile], names: Sequence[str], core_rows: int, core_columns: int
) -> xr.Dataset:
    """The pieces of packed matrices: where each lies, and where it is from.

    Parameters
    ----------
    tiles : what each core holds.
    names : of the matrices, one each.
    core_rows, core_columns : extents of a core, cells.

    Returns
    -------
    Dataset over ``piece``: ``on_core`` (from 1), ``used`` (share of that core's cells in use,
    percent), ``layer`` (its name), first ``row`` and ``column`` in the layer's matrix (from 1),
    ``rows``, ``columns``, first row and column on the core, ``at_row`` and ``at_column`` (from 1).
    """
    held = [(tile, piece) for tile in tiles for piece in tile.pieces]
    used = [100 * _cells(tile) / (core_rows * core_columns) for tile, _ in held]
    columns = {
        "on_core": ([tile.index + 1 for tile, _ in held], "1"),
        "used": (used, "percent"),
        "layer": ([names[piece.matrix] for _, piece in held], "1"),
    }
    for name, first in (
        ("row", 1), ("column", 1), ("rows", 0), ("columns", 0), ("at_row", 1), ("at_column", 1),
    ):  # fmt: skip
        columns[name] = ([first + getattr(piece, name) for _, piece in held], "cells")
    return xr.Dataset(
        {name: ("piece", values, {"units": units}) for name, (values, units) in columns.items()},
        attrs={"core_rows": core_rows, "core_columns": core_columns},
    )


@styled
def packing(tiles: Sequence[Tile], names: Sequence[str], core_rows: int, core_columns: int) -> Plot:
    """The first cores, to scale: their pieces in the colour of the layer, labelled.

    A label that does not fit into its piece stands beside the core. Parameters and data as of
    :func:`packing_table`.
    """
    data = packing_table(tiles, names, core_rows, core_columns)
    labels = _labels(tiles, names)[:MOST]
    # How wide a core can be drawn hangs on what stands beside it: twice, from the least width on.
    across = min(len(labels), ACROSS)
    margins = [BESIDE] * across
    for _ in range(2):
        points = _points(margins, core_rows, core_columns)
        outside = [[each for each in held if not _fit(each, points)] for held in labels]
        margins = [BESIDE if any(outside[at::across]) else BETWEEN for at in range(across)]
    figure, axes = _panels(len(labels), margins, points, core_rows, core_columns)
    for ax, tile, held, beside in zip(axes, tiles, labels, outside, strict=False):
        used = 100 * _cells(tile) / (core_rows * core_columns)
        ax.set_title(f"Core {tile.index + 1}: {number(used)} % of cells in use")
        for label in held:
            _draw(ax, label, _fit(label, points))
        _write_beside(ax, beside, points)
    return Plot(figure, _alt(data, names), data)


def _cells(tile: Tile) -> int:
    return sum(piece.rows * piece.columns for piece in tile.pieces)


def _labels(tiles: Sequence[Tile], names: Sequence[str]) -> list[list[_Label]]:
    """Labels of each core's pieces: the layer, and its rows and columns where it is cut."""
    rows: list[set[int]] = [set() for _ in names]
    columns: list[set[int]] = [set() for _ in names]
    for piece in (piece for tile in tiles for piece in tile.pieces):
        rows[piece.matrix].add(piece.row)
        columns[piece.matrix].add(piece.column)
    colours = _colours(len(names))

    def label(piece: Piece) -> _Label:
        name = names[piece.matrix]
        lines = [name if len(name) <= LONGEST else f"…{name[1 - LONGEST :]}"]
        if len(rows[piece.matrix]) > 1:
            lines.append(f"rows {piece.row + 1}–{piece.row + piece.rows}")
        if len(columns[piece.matrix]) > 1:
            lines.append(f"columns {piece.column + 1}–{piece.column + piece.columns}")
        return _Label(piece, tuple(lines), colours[piece.matrix])

    return [[label(piece) for piece in tile.pieces] for tile in tiles]


def _colours(count: int) -> list[Colour]:
    """Pale hues around the circle, neighbours apart in lightness too."""
    pale, deeper = (sns.husl_palette(count, l=lightness, s=0.65) for lightness in (0.87, 0.76))
    return [(pale, deeper)[index % 2][index] for index in range(count)]


def _points(margins: Sequence[float], rows: int, columns: int) -> float:
    """Points a cell, of cores that fill the page's width with ``margins``, inches, beside them."""
    width = WIDTH / 2 if len(margins) == 1 else WIDTH
    return 72 * (width - LEFT - sum(margins)) / len(margins) / max(rows, columns)


def _panels(
    count: int, margins: Sequence[float], points: float, rows: int, columns: int
) -> tuple[Figure, list[Axes]]:
    """Empty cores in rows of as many as there are margins, at so many points a cell."""
    across, down = len(margins), -(-count // len(margins))
    wide, high = points * columns / 72, points * rows / 72
    size = (LEFT + across * wide + sum(margins), down * (ABOVE + high) + BELOW)
    figure = Figure(figsize=size)
    axes = []
    for index in range(count):
        row, column = divmod(index, across)
        left = LEFT + column * wide + sum(margins[:column])
        bottom = size[1] - (row + 1) * (ABOVE + high)
        ax = figure.add_axes(
            (left / size[0], bottom / size[1], wide / size[0], high / size[1])
        )  # fmt: skip
        ax.add_patch(Rectangle((0, 0), columns, rows, color=UNUSED, linewidth=0))
        ax.set_xlim(0, columns)
        ax.set_ylim(rows, 0)
        ax.set_xticks(_quarters(columns))
        ax.set_yticks(_quarters(rows))
        ax.grid(visible=False)
        last = index + across >= count
        ax.tick_params(labelbottom=last, labelleft=not column, length=2)
        ax.set_xlabel("column (output)" if last else "")
        ax.set_ylabel("" if column else "row (input)")
        axes.append(ax)
    return figure, axes


def _quarters(cells: int) -> list[int]:
    return sorted({cells * quarter // 4 for quarter in range(5)})


def _fit(label: _Label, points: float) -> tuple[str, int] | None:
    """How the label fits into its piece: its text, and by how many degrees it is turned."""
    wide, high = points * label.piece.columns - AIR, points * label.piece.rows - AIR
    for lines in (label.lines, (", ".join(label.lines),)):
        length, depth = max(map(_length, lines)), FONT + LINE * (len(lines) - 1)
        if length <= wide and depth <= high:
            return "\n".join(lines), 0
        if length <= high and depth <= wide:
            return "\n".join(lines), 90
    return None


def _length(text: str) -> float:
    """Points from the start to the end of a line."""
    outline = TextPath((0, 0), text, size=FONT, prop=FontProperties("DejaVu Sans"))
    return outline.get_extents().width


def _draw(ax: Axes, label: _Label, fit: tuple[str, int] | None) -> None:
    piece = label.piece
    ax.add_patch(
        Rectangle(
            (piece.at_column, piece.at_row), piece.columns, piece.rows,
            facecolor=label.colour, edgecolor="white", linewidth=0.8,
        )
    )  # fmt: skip
    if fit:
        text, rotation = fit
        # A box of its own keeps the lines to other labels off it.
        ax.text(
            *label.middle, text, rotation=rotation, ha="center", va="center", fontsize=FONT,
            linespacing=LINE / FONT, zorder=4, color=ON_COLOUR,
            bbox={"facecolor": label.colour, "linewidth": 0, "pad": 0.5},
        )  # fmt: skip


def _write_beside(ax: Axes, labels: Sequence[_Label], points: float) -> None:
    """Labels right of the core, from top to bottom as their pieces, each on a line to its own.

    Where they are too many: those of the largest pieces, and how many more there are.
    """
    columns, rows = ax.get_xlim()[1], ax.get_ylim()[0]
    largest = sorted(labels, key=lambda each: -each.piece.rows * each.piece.columns)
    room = points * rows
    heights = np.cumsum([label.height for label in largest])
    fitting = len(labels)
    if len(labels) and heights[-1] > room:
        fitting = int(np.searchsorted(heights, room - LINE, side="right"))
        ax.text(
            1.04 * columns, rows, f"and {len(labels) - fitting} more", va="bottom", fontsize=FONT
        )
        rows -= LINE / points
    chosen = sorted(largest[:fitting], key=lambda each: each.middle[::-1])
    wanted = [label.middle[1] for label in chosen]
    places = _apart(wanted, [label.height / points for label in chosen], rows)
    for label, place in zip(chosen, places, strict=True):
        column, row = label.middle
        ax.plot(
            [column, columns, 1.03 * columns], [row, place, place], color=INK, linewidth=0.6,
            clip_on=False, zorder=3,
        )  # fmt: skip
        ax.plot(column, row, ".", color=INK, markersize=3, zorder=3)
        ax.text(
            1.04 * columns, place, "\n".join(label.lines), va="center", fontsize=FONT,
            linespacing=LINE / FONT,
        )  # fmt: skip


def _apart(wanted: Sequence[float], heights: Sequence[float], end: float) -> np.ndarray:
    """Middles from 0 to ``end``, in order, of labels of ``heights``, near those ``wanted``."""
    half = np.array(heights) / 2
    offsets = np.cumsum(heights) - half
    down = np.maximum.accumulate(np.maximum(wanted - offsets, 0)) + offsets
    return np.minimum(down, end - (np.sum(heights) - offsets))


def _alt(data: xr.Dataset, names: Sequence[str]) -> str:
    on, layers = data["on_core"].values, data["layer"].values
    parts = []
    for core in range(1, min(on.max(), MOST) + 1):
        held = [name for name in names if name in layers[on == core]]
        used = number(data["used"].values[on == core][0])
        parts.append(f"Core {core}, {used} % of cells in use: {', '.join(held)}")
    count = int(on.max())
    rest = f" And {count - MOST} further cores." if count > MOST else ""
    rows, columns = data.attrs["core_rows"], data.attrs["core_columns"]
    return (
        f"Where the layers lie on {count} core{'s' if count > 1 else ''} of {rows} x {columns} "
        f"cells. {'. '.join(parts)}.{rest}"
    )
