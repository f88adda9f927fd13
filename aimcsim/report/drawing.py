"""How every figure of the report is drawn and saved: the house style.

Seaborn on bare matplotlib figures, saved as reproducible SVG. Nothing touches pyplot or any global
state.
"""

import io
import multiprocessing
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, wraps
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import ParamSpec, Self, TypeVar

import matplotlib
import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter

from aimcsim.common.storage import write_text

P = ParamSpec("P")
Drawn = TypeVar("Drawn")
DASHES = (0, (4, 3))
INK = "#22262b"
ON_COLOUR = "#262626"  # ink on cells of a heat map and the like, which are the same on dark pages
WIDTH = 9.58  # inches: the page's column at 96 pixels an inch
_PAPER = "#ffffff"
_DARK = {
    _PAPER: "#16191d", INK: "#e4e7eb", "#3a3f47": "#c9ced6", "#5d646d": "#9aa1ab",
    "#6b727b": "#959ca6", "#b3b8bf": "#565d66", "#d5d9de": "#3a4048", "#e8eaed": "#2a2f36",
    "#eceef1": "#2a2f36", "#f1f2f4": "#20252b", "#f5f6f8": "#20252b",
}  # fmt: skip
"""What becomes of paper, ink and greys on a dark page."""
_HANDLE = 38  # points of a legend's entry that are not its text
LISTED = 8  # weight sets that an alternative text names one by one


@dataclass(frozen=True)
class Plot:
    """A figure with its alternative text and its data."""

    figure: Figure
    alt: str
    data: xr.Dataset

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height at 96 pixels an inch."""
        width, height = self.figure.get_size_inches()
        return round(width * 96), round(height * 96)


# All of matplotlib's own settings: none of the user's act on a figure.
_PLAIN = {
    name: value for name, value in matplotlib.rcParamsDefault.items() if "backend" not in name
}


def style() -> AbstractContextManager:
    """The house style, as a context; figures are drawn and saved inside it."""
    look = {**_PLAIN, **sns.axes_style("ticks")} | {
        "font.family": ["DejaVu Sans"],  # ships with matplotlib: the same glyphs everywhere
        "font.size": 9,
        "axes.titlesize": 9.5,
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.labelsize": 9,
        "xtick.labelsize": 8.5,
        "ytick.labelsize": 8.5,
        "legend.fontsize": 9,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": "#8a9099",
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": "#8a9099",
        "ytick.color": "#8a9099",
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "axes.grid": True,
        "grid.color": "#e8eaed",
        "grid.linewidth": 0.8,
        "axes.axisbelow": True,
        "lines.linewidth": 1.6,
        "svg.hashsalt": "aimcsim",
        "svg.fonttype": "path",
    }
    return matplotlib.rc_context(look)


def styled(draw: Callable[P, Drawn]) -> Callable[P, Drawn]:
    @wraps(draw)
    def drawn(*arguments: P.args, **options: P.kwargs) -> Drawn:
        with style():
            return draw(*arguments, **options)

    return drawn


def _for_dark_pages(svg: str) -> str:
    """``svg`` with a style for pages that follow a dark scheme.

    Paper, ink and greys change as ``_DARK`` says, colours of lines and markers become lighter.
    Colours that only fill something are those of a heat map's cells and the like, and stay, as do
    the texts on them: those are white or ``ON_COLOUR``.
    """
    lines = set(re.findall(r"stroke: (#[0-9a-f]{6})", svg))
    used = lines | set(re.findall(r"fill: (#[0-9a-f]{6})", svg))
    dark = {colour: _lighter(colour) for colour in lines if _is_coloured(colour)}
    dark |= {colour: _DARK[colour] for colour in used if colour in _DARK}
    rules = []
    for old, new in sorted(dark.items()):
        elements = ("path", "use") if old == _PAPER else ("",)
        for part in ("fill", "stroke"):
            selectors = ",".join(f'{name}[style*="{part}: {old}"]' for name in elements)
            rules.append(f"{selectors}{{{part}:{new}!important}}")
    style = f"@media screen and (prefers-color-scheme:dark){{{''.join(rules)}}}"
    return re.sub(r"(<svg [^>]*>)", rf"\1<style>{style}</style>", svg, count=1)


def _parts(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def _is_coloured(colour: str) -> bool:
    """Whether it is more than a grey."""
    return max(_parts(colour)) - min(_parts(colour)) > 24


def _lighter(colour: str) -> str:
    return "#" + "".join(f"{round(part + 0.4 * (255 - part)):02x}" for part in _parts(colour))


def save(figure: Figure, path: Path) -> None:
    """Write ``figure`` as SVG. The same figure gives the same bytes."""
    with style():
        FigureCanvasSVG(figure)
        engine = figure.get_layout_engine()
        if engine is not None:
            # Left to savefig, the layout would cost one more drawing of everything.
            engine.execute(figure)
            figure.set_layout_engine(None)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    write_text(path, _for_dark_pages(drawn.getvalue()))


class Saving:
    """Saves figures, on up to ``threads`` cores: each beside what the caller goes on with.

    A context; all files are there at its end.
    The bytes of a file depend on no number of cores. Processes are forked, where that is safe: on
    Linux; a figure cannot be sent to another kind of process.
    """

    def __init__(self, threads: int = 1):
        self._most = threads - 1 if sys.platform == "linux" else 0
        self._running: list[tuple[BaseProcess, Figure, Path]] = []

    def save(self, figure: Figure, path: Path) -> None:
        """Begin to :func:`save`; here and now where all processes are at work."""
        if sum(process.is_alive() for process, _, _ in self._running) >= self._most:
            save(figure, path)
            return
        process = multiprocessing.get_context("fork").Process(target=save, args=(figure, path))
        process.start()
        self._running.append((process, figure, path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Wait for all files. What a process failed at is done again, for its error to be seen."""
        for process, _, _ in self._running:
            process.join()
        if kind is None:
            for process, figure, path in self._running:
                if process.exitcode:
                    save(figure, path)


def legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """A legend above all axes, in as few rows as fit into the width of the figure."""
    widths = [_HANDLE + _length(str(handle.get_label())) for handle in handles]
    room = 72 * figure.get_figwidth()
    columns = next(
        count for count in range(len(handles), 0, -1)
        if count == 1 or sum(max(part) for part in np.array_split(widths, count)) < room
    )  # fmt: skip
    figure.legend(
        handles=handles, loc="outside upper left", ncols=columns, handletextpad=0.4,
        columnspacing=1.6, borderaxespad=0.2,
    )  # fmt: skip


@cache
def _length(text: str) -> float:
    """Points from the start to the end of a line of a legend."""
    outline = TextPath((0, 0), text, size=9, prop=FontProperties("DejaVu Sans"))
    return outline.get_extents().width


def facets(
    count: int, height: float, head: float, widths: Mapping[int, float], most: int = 4
) -> tuple[Figure, list[Axes]]:
    """``count`` axes of common scales in rows of at most ``most``.

    ``height`` of a row and ``head`` above all, inches; ``widths`` by columns, in column widths of
    the page, 1 where not given.
    """
    columns = min(count, most)
    rows = -(-count // columns)
    width = WIDTH * widths.get(columns, 1.0)
    figure = Figure(figsize=(width, head + height * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for ax in grid.flat[count:]:
        ax.set_visible(False)
    for column in range(columns):  # tick labels under the last facet of a shorter column
        grid[(count - 1 - column) // columns, column].tick_params(labelbottom=True)
    return figure, list(grid.flat[:count])


def name_rows(axes: Axes, names: list[str], lines: bool = True) -> None:
    """Make a horizontal chart of ``axes``: row k is at y = k, from the top, lines between them."""
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", visible=False)
    for row in range(1, len(names) if lines else 0):
        axes.axhline(row - 0.5, color="#e8eaed", linewidth=0.8, zorder=0)


def plain_numbers() -> FuncFormatter:
    """Tick labels without powers of ten, with commas between thousands."""
    return FuncFormatter(lambda value, _: f"{value:,.6g}")


def further(count: int) -> str:
    """End of a list of ``count`` weight sets that names no more than the first ``LISTED``."""
    return f"; and {count - LISTED} further weight sets" if count > LISTED else ""
