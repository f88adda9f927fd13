"""How every figure of the report is drawn and saved: the house style.

Seaborn on bare matplotlib figures, saved as reproducible SVG. Nothing touches pyplot or any global
state.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

import matplotlib
import seaborn as sns
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from aimcsim.storage import write_atomically

DASHES = (0, (4, 3))
INK = "#22262b"
WIDTH = 9.58  # inches: the page's column at 96 pixels an inch


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


def style() -> AbstractContextManager:
    """The house style, as a context; figures are drawn and saved inside it."""
    look = sns.axes_style("ticks") | {
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


def styled(draw: Callable[..., Plot]) -> Callable[..., Plot]:
    @wraps(draw)
    def drawn(*arguments, **options):
        with style():
            return draw(*arguments, **options)

    return drawn


def save(figure: Figure, path: Path) -> None:
    """Write ``figure`` as SVG. The same figure gives the same bytes."""
    with style():
        FigureCanvasSVG(figure)
        write_atomically(
            path,
            lambda temporary: figure.savefig(
                temporary, format="svg", metadata={"Date": None, "Creator": None}
            ),
        )


def legend(figure: Figure, handles: list[Artist], stacked: bool = False) -> None:
    figure.legend(
        handles=handles, loc="outside upper left", ncols=1 if stacked else len(handles),
        handletextpad=0.4,
        columnspacing=1.6, borderaxespad=0.2,
    )  # fmt: skip
