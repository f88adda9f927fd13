"""Parts of charts that several pages draw, and the numbers that go with them as text."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from aimcsim.report.drawing import DASHES, LISTED, WIDTH, legend, name_rows, plain_numbers
from aimcsim.report.estimates import axis_label, estimate_at, estimate_text, span, time_text
from aimcsim.report.marks import PUBLISHED, Mark, Marks, handles, programmed_by
from aimcsim.study.intervals import Estimate


def finite(values: np.ndarray) -> np.ndarray:
    """``values`` with NaN for what is not finite: matplotlib leaves that out."""
    return np.where(np.isfinite(values), values, np.nan)


def interval_mark(
    axes: Axes, position: float, estimate: Estimate, colour: str, marker: str,
    hollow: bool = False, size: float = 6,
) -> None:  # fmt: skip
    """A marker with its interval, on a row of a horizontal chart."""
    value, low, high = (
        float(finite(np.asarray(x))) for x in (estimate.value, estimate.low, estimate.high)
    )
    if np.isfinite(low) and np.isfinite(high):
        axes.plot([low, high], [position, position], color=colour, linewidth=2.0, zorder=3)
    axes.plot(
        value, position, marker=marker, color=colour, markersize=size, zorder=4, linestyle="",
        markerfacecolor="white" if hollow else colour, markeredgecolor=colour,
        markeredgewidth=1.2, clip_on=False,
    )  # fmt: skip


def core_dots(axes: Axes, position: float, values: np.ndarray, colour: str) -> None:
    """Every core as a small dot, beneath its mean; a single core is its own mean."""
    if len(values) > 1:
        axes.plot(
            finite(values), np.full(len(values), position), ".", color=colour, alpha=0.5,
            markersize=5.5, markeredgewidth=0, clip_on=False, zorder=3,
        )  # fmt: skip


def method_rows(data: xr.Dataset, panels: dict[str, str], marks: Marks) -> Figure:
    """One panel per variable, with its title: weight sets as rows, all methods in each.

    Cores are small dots. Axes have the labels of the variables.
    """
    sets = [str(name) for name in data["weight_set"].values]
    names = programmed_by(data)
    figure = Figure(figsize=(WIDTH, 1.05 + 0.23 * len(names) * len(sets)), layout="constrained")
    step = 0.84 / len(names)  # of a row of height 1
    shifts = [round(-0.46 + (k + 0.5) * step, 6) for k in range(len(names))]
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for ax, (name, title) in zip(axes, panels.items(), strict=True):
        for row, weight_set in enumerate(sets):
            for shift, method in zip(shifts, names, strict=True):
                mark, at = marks[method], {"weight_set": weight_set, "programmed_by": method}
                interval_mark(
                    ax, row + shift, estimate_at(data, name, **at), mark.colour, mark.marker
                )
                part = data[f"{name}_cores"].sel(at)
                core_dots(ax, row + shift + 0.4 / len(names), part.values, mark.colour)
        name_rows(ax, sets)
        ax.set_title(title)
        ax.set_xlabel(axis_label(data[name]))
        ax.set_ylabel("")
        largest = np.nanmax(finite(data[f"{name}_cores"].values), initial=0.0)
        ax.set_xlim(0, largest * 1.06 if largest > 0 else 1)
        ax.xaxis.set_major_locator(MaxNLocator(6 if len(panels) < 3 else 4))
        ax.xaxis.set_major_formatter(plain_numbers())
    shown = handles(marks[name] for name in names)
    if data.sizes["core"] > 1:
        shown.append(Line2D([], [], color="#9aa0a8", marker=".", linestyle="", label="one core"))
    legend(figure, shown)
    return figure


def by_method(data: xr.Dataset, name: str, unit: str, marks: Marks) -> str:
    """Numbers of all methods for an alternative text; ranges where there are many sets."""
    sets = [str(weight_set) for weight_set in data["weight_set"].values]
    if len(sets) <= LISTED:
        parts = []
        for weight_set in sets:
            texts = [
                f"{marks[m].label} "
                + estimate_text(
                    estimate_at(data, name, weight_set=weight_set, programmed_by=m), unit
                )
                for m in programmed_by(data)
            ]
            parts.append(f"{weight_set}: {', '.join(texts)}")
        return "; ".join(parts)
    texts = []
    for method in programmed_by(data):
        values = data[name].sel(programmed_by=method).values
        texts.append(f"{marks[method].label} {span(values)} {unit}".rstrip())
    return f"over {len(sets)} weight sets, {'; '.join(texts)}"


def plain_log(axes: Axes) -> None:
    """A logarithmic vertical axis without powers of ten."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def time_axis(axes: Axes, times: np.ndarray) -> None:
    """A logarithmic axis whose ticks are the times themselves, as many as fit."""
    spread = np.log(times.max() / times.min()) or 2.0
    axes.set_xscale("log")
    axes.set_xlim(times.min() * np.exp(-0.14 * spread), times.max() * np.exp(0.16 * spread))
    ticks = [times[-1]]
    for time in times[-2::-1]:
        if np.log(ticks[-1] / time) >= 0.24 * spread and np.log(time / times[0]) >= 0.24 * spread:
            ticks.append(time)
    ticks += [times[0]] if len(times) > 1 else []
    axes.set_xticks(ticks, [time_text(float(time)) for time in ticks])
    axes.xaxis.set_minor_locator(NullLocator())


def timeline(
    axes: Axes, times: np.ndarray, part: xr.Dataset, name: str, mark: Mark, shift: float
) -> None:
    """A line over time with an interval at each; shifted a little, so that bars stand apart."""
    spread = np.log(times.max() / times.min()) or 2.0
    x = times * np.exp(0.022 * spread * shift)
    line, low, high = (finite(part[f"{name}{end}"].values) for end in ("", "_low", "_high"))
    axes.plot(
        x, line, color=mark.colour, marker=mark.marker, markersize=5, zorder=3,
        linestyle=DASHES if mark is PUBLISHED else "-",
    )  # fmt: skip
    axes.vlines(x, low, high, color=mark.colour, linewidth=1.6, zorder=2)


def at_times(part: xr.Dataset, name: str, mark: Mark, unit: str) -> str:
    """Numbers at up to three times (first, middle, last) for an alternative text."""
    times = part["time"].values
    some = sorted({0, len(times) // 2, len(times) - 1})
    texts = [
        f"{estimate_text(estimate_at(part.isel(time=k), name), unit)} at {time_text(times[k])}"
        for k in some
    ]
    return f"{mark.label} {', '.join(texts)}"
