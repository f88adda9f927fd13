"""The figure of the error budget: one facet per weight set, one row per part."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from aimcsim.report.charts import interval_mark
from aimcsim.report.drawing import (
    INK,
    LISTED,
    Plot,
    facets,
    further,
    legend,
    name_rows,
    plain_numbers,
    styled,
)
from aimcsim.report.estimates import estimate_at, estimate_text, time_text
from aimcsim.report.marks import Marks, handles, programmed_by
from aimcsim.report.pages.error_budget.tables import PARTS, label_of, shown
from aimcsim.study.intervals import Estimate

_WHOLE = ("squares", "together")
_LEFT_OUT = ("sum",)  # close to all together; the table has it
_NEUTRAL = "#5d646d"


@styled
def error_budget(data: xr.Dataset, later: xr.Dataset | None, marks: Marks) -> Plot:
    """Parts of the MVM error right after programming, and below them those at the last time.

    ``data`` and ``later`` are those of :mod:`aimcsim.report.pages.error_budget.tables`.
    """
    names = [name for name in shown(data) if name not in _LEFT_OUT]
    rows = [(data, name, label_of(name, names)) for name in names]
    when = None
    if later is not None:
        last = later.isel(time=-1)
        when = time_text(float(last["time"]))
        rows += [
            (last, name, f"{PARTS[name].label}, {when}") for name in map(str, last["row"].values)
        ]
    sets = [str(name) for name in data["weight_set"].values]
    figure, axes = facets(len(sets), 0.42 + 0.2 * len(rows), 0.9, {1: 0.72}, most=3)
    for ax, weight_set in zip(axes, sets, strict=True):
        for position, (part, name, _) in enumerate(rows):
            _row(ax, position, part.sel(weight_set=weight_set, row=name), name, marks)
        ax.set_title(weight_set)
        ax.axhline(len(names) - 0.5, color="#8a9099", linewidth=0.8)
        ax.axhspan(len(names) - 2.5, len(names) - 0.5, color="#f5f6f8", zorder=0)
        name_rows(ax, [text for _, _, text in rows], lines=False)
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.xaxis.set_major_formatter(plain_numbers())
    axes[0].set_xlim(0, _largest(rows))
    figure.supxlabel("MVM error (%)", fontsize=9)
    neutral = Line2D([], [], color=_NEUTRAL, marker="D", linestyle="", markersize=5,
                     label="whatever was programmed")  # fmt: skip
    legend(figure, [*handles(marks[name] for name in programmed_by(data)), neutral])
    return Plot(figure, _alt(data, sets, names, when, marks), data)


def _largest(rows: list[tuple[xr.Dataset, str, str]]) -> float:
    """End of the axis: a little beyond the largest finite value or interval shown."""
    ends = [part[f"error{end}"].sel(row=name).values for part, name, _ in rows
            for end in ("", "_high")]  # fmt: skip
    values = np.concatenate([np.ravel(end) for end in ends])
    largest = values[np.isfinite(values)].max(initial=0.0)
    return 1.06 * largest if largest > 0 else 1.0


def _row(ax: Axes, position: int, part: xr.Dataset, name: str, marks: Marks) -> None:
    """One part: a neutral mark where it knows no method, else one per method."""
    names = programmed_by(part)
    if PARTS[name].of_core:
        estimate = estimate_at(part, "error", programmed_by=names[0])
        _mark(ax, position, estimate, _NEUTRAL, "D", size=4.5)
        return
    for method, shift in zip(names, np.linspace(-0.17, 0.17, len(names)), strict=True):
        estimate = estimate_at(part, "error", programmed_by=method)
        size, hollow = (6.5, name == "squares") if name in _WHOLE else (5, False)
        mark = marks[method]
        _mark(ax, position + shift, estimate, mark.colour, mark.marker, size, hollow)


def _mark(
    ax: Axes, y: float, estimate: Estimate, colour: str, marker: str, size: float,
    hollow: bool = False,
) -> None:  # fmt: skip
    interval_mark(ax, y, estimate, colour, marker, hollow, size)
    if not np.isfinite(estimate.value):
        ax.text(0.98, y, "unlimited", color=INK, transform=ax.get_yaxis_transform(),
                ha="right", va="center", fontsize=7.5)  # fmt: skip


def _alt(
    data: xr.Dataset, sets: list[str], names: list[str], when: str | None, marks: Marks
) -> str:
    """Numbers of the first weight sets; the rest stands in the data."""
    parts = []
    for weight_set in sets[:LISTED]:
        own = data.sel(weight_set=weight_set)
        texts = [
            f"{PARTS[name].label.lower()} {marks[method].label} "
            + estimate_text(estimate_at(own.sel(row=name), "error", programmed_by=method), "%")
            for name in ("programming", "together")
            for method in programmed_by(data)
        ]
        parts.append(f"{weight_set}: {', '.join(texts)}")
    listed = ", ".join(PARTS[name].label.lower() for name in names)
    after = f", and drift, slow read noise and all together after {when}" if when else ""
    return (
        f"MVM error by weight set from each effect alone: {listed}{after}. "
        f"{'; '.join(parts)}{further(len(sets))}."
    )
