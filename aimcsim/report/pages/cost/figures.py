"""Figures of the pages of cost and of programming again."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, NullLocator

from aimcsim.report.drawing import (
    DASHES,
    LISTED,
    Plot,
    facets,
    further,
    legend,
    plain_numbers,
    styled,
)
from aimcsim.report.estimates import (
    estimate_at,
    estimate_text,
    number,
    time_text,
)
from aimcsim.report.marks import COLOURS, MARKERS, NAMES, handles
from aimcsim.report.pages.cost.tables import TOTAL
from aimcsim.report.study import (
    methods,
)


@styled
def trajectory(steps: xr.Dataset, ends: xr.Dataset, quantity: str) -> Plot:
    """Error against time or energy spent: what each algorithm saw, and where it ended.

    ``quantity`` is ``time`` or ``energy``.
    """
    sets = [str(name) for name in steps["weight_set"].values]
    figure, axes = _facets(len(sets))
    parts = []
    for ax, weight_set in zip(axes, sets, strict=True):
        texts = []
        for method in methods(steps):
            where = {"weight_set": weight_set, "method": method}
            line, end = steps.sel(where), ends.sel(where | {"phase": TOTAL})
            ax.plot(line[quantity].values, line["error"].values, color=COLOURS[method], alpha=0.75)
            ax.plot(
                float(end[quantity]), float(end["error"]), marker=MARKERS[method], linestyle="",
                color=COLOURS[method], markersize=6, zorder=4, clip_on=False,
            )  # fmt: skip
            texts.append(
                f"{NAMES[method]} {number(float(end['error']))} % after "
                f"{number(float(end[quantity]))} {end[quantity].attrs['units']}"
            )
        ax.set_title(weight_set)
        ax.set_yscale("log")
        ax.set_xscale("log")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(plain_numbers())
            axis.set_minor_formatter(NullFormatter())
        parts.append(f"{weight_set}: {', '.join(texts)}")
    units = steps[quantity].attrs["units"]
    figure.supxlabel(f"{quantity} per core ({units})", fontsize=9)
    figure.supylabel("error (%)", fontsize=9)
    legend(figure, handles(methods(steps), "-", 4.5))
    return Plot(
        figure,
        f"Error against {quantity} spent per core. At the end, by weight set: {_listed(parts)}.",
        steps,
    )


@styled
def refresh(data: xr.Dataset) -> Plot:
    """MVM error before and after programming again, over the time since the first programming."""
    sets = [str(name) for name in data["weight_set"].values]
    times = data["refresh_time"].values
    figure, axes = _facets(len(sets))
    parts = []
    for ax, weight_set in zip(axes, sets, strict=True):
        texts = []
        for method in methods(data):
            part = data.sel({"weight_set": weight_set, "method": method})
            for name, line in (("before", DASHES), ("after", "-")):
                ax.plot(
                    times, part[name].values, color=COLOURS[method], linestyle=line,
                    marker=MARKERS[method], markersize=4.5,
                    markerfacecolor="white" if name == "before" else COLOURS[method],
                )  # fmt: skip
                low, high = part[f"{name}_low"].values, part[f"{name}_high"].values
                ax.fill_between(times, low, high, color=COLOURS[method], alpha=0.2, linewidth=0)
            last = part.isel(refresh_time=-1)
            texts.append(
                f"{NAMES[method]} from {estimate_text(estimate_at(last, 'before'), '%')} to "
                f"{estimate_text(estimate_at(last, 'after'), '%')}"
            )
        ax.set_title(weight_set)
        ax.set_ylim(bottom=0)
        ax.yaxis.set_major_locator(MaxNLocator(5))
        _time_axis(ax, times)
        parts.append(f"{weight_set}: {', '.join(texts)}")
    figure.supxlabel("time of programming again", fontsize=9)
    figure.supylabel("MVM error (%)", fontsize=9)
    before = Line2D([], [], color="#6b727b", linestyle=DASHES, label="before")
    legend(figure, [*handles(methods(data), "-", 4.5), before])
    return Plot(
        figure,
        f"MVM error before and after programming again. After {time_text(float(times[-1]))}: "
        f"{_listed(parts)}.",
        data,
    )


def _time_axis(ax: Axes, times: np.ndarray) -> None:
    ax.set_xscale("log")
    shown = times if len(times) < 4 else times[:: -(-len(times) // 3)]
    ax.set_xticks(shown, [time_text(float(time)) for time in shown])
    ax.xaxis.set_minor_locator(NullLocator())
    if len(times) == 1:
        ax.set_xlim(times[0] / 10, times[0] * 10)


def _facets(count: int) -> tuple[Figure, list[Axes]]:
    return facets(count, 1.9, 0.8, {1: 0.55, 2: 0.8})


def _listed(parts: list[str]) -> str:
    return "; ".join(parts[:LISTED]) + further(len(parts))
