"""The map: which method leaves the smaller error, by two properties of the chip."""

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from aimcsim.report.drawing import DASHES, INK, ON_COLOUR, WIDTH, Plot, legend, styled
from aimcsim.report.estimates import number
from aimcsim.report.marks import Marks
from aimcsim.report.pages.map.tables import Grid

WIDEST = 4.0  # ratio at the ends of the colours, and its inverse
GAIN = 0.81  # expected variance ratio at which MVMs read a tenth more exactly
NO_GAIN = 1.0


@styled
def ratios(grid: Grid, marks: Marks) -> Plot:
    """Ratio of MVM errors at equal time and equal energy, a panel per weight set and cost."""
    sets, quantities = grid.weight_sets, grid.quantities
    size = WIDTH * min(1.0, 0.12 + 0.3 * len(sets)), 0.7 + 2.1 * len(quantities)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(quantities), len(sets), squeeze=False, sharex=True, sharey=True)
    for row, quantity in zip(axes, quantities, strict=True):
        for ax, weight_set in zip(row, sets, strict=True):
            _panel(ax, grid, quantity, weight_set)
            ax.set_title(f"{weight_set}, equal {quantity}")
    figure.supxlabel(grid.first, fontsize=9)
    figure.supylabel(grid.second, fontsize=9)
    lines = [
        Line2D([], [], color=INK, label="expected: MVMs read 10 % more exactly than cells do"),
        Line2D([], [], color=INK, linestyle=DASHES, label="expected: no more exactly"),
    ]
    legend(figure, lines)
    return Plot(figure, _alt(grid, marks), grid.data)


def _panel(ax: Axes, grid: Grid, quantity: str, weight_set: str) -> None:
    part = grid.data.sel(weight_set=weight_set)
    ratio, low, high = (
        part[f"equal_{quantity}_ratio{end}"].transpose("second", "first").values
        for end in ("", "_low", "_high")
    )
    colours = sns.color_palette("vlag", as_cmap=True).with_extremes(bad="#d9dce0")
    ax.pcolormesh(
        np.ma.masked_invalid(ratio), cmap=colours, norm=LogNorm(1 / WIDEST, WIDEST),
        edgecolors="white", linewidth=0.8,
    )  # fmt: skip
    for (j, i), value in np.ndenumerate(ratio):
        tie = low[j, i] <= 1 <= high[j, i]
        text = "–" if np.isnan(value) else number(float(value), 2) + ("=" if tie else "")
        dark = np.isfinite(value) and abs(np.log(value)) > 0.7 * np.log(WIDEST)
        ax.text(
            i + 0.5, j + 0.5, text, ha="center", va="center", fontsize=7.5,
            color="white" if dark else ON_COLOUR,
        )  # fmt: skip
    expected = part["expected_ratio"].transpose("second", "first").values
    at = (np.arange(expected.shape[1]) + 0.5, np.arange(expected.shape[0]) + 0.5)
    for level, style in ((GAIN, "-"), (NO_GAIN, DASHES)):
        if expected.min() < level < expected.max():
            ax.contour(
                *at, expected, levels=[level], colors=INK, linewidths=1.4, linestyles=[style]
            )
    ax.set_xticks(at[0], [f"{value:g}" for value in part["first"].values])
    ax.set_yticks(at[1], [f"{value:g}" for value in part["second"].values])
    ax.grid(False)


def _alt(grid: Grid, marks: Marks) -> str:
    parts = []
    for quantity in grid.quantities:
        ratio = grid.data[f"equal_{quantity}_ratio"]
        for weight_set in grid.weight_sets:
            own = ratio.sel(weight_set=weight_set).values
            if np.isfinite(own).any():
                ends = f"{number(float(np.nanmin(own)), 2)} to {number(float(np.nanmax(own)), 2)}"
                parts.append(f"{weight_set} at equal {quantity} {ends}")
    return (
        f"MVM error of {marks[grid.subject].in_text} over that of the best other method, by "
        f"{grid.first} and {grid.second}: {'; '.join(parts)}."
    )
