"""Figures of the report.

Every function takes a dataset of :mod:`aimcsim.report.pages.programming.tables` and returns a
:class:`~aimcsim.report.drawing.Plot`: the figure with the text that carries its numbers.
"""

import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from aimcsim.report.drawing import (
    DASHES,
    INK,
    LISTED,
    WIDTH,
    Plot,
    facets,
    further,
    legend,
    name_rows,
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
from aimcsim.report.study import (
    COMPENSATION,
    OPEN_LOOP,
    Study,
    methods,
    others,
)
from aimcsim.study.claims import REGRET_LIMIT
from aimcsim.study.measures import LABELS, UNITS

EXCESS_CAP = 50.0  # percent; the colour scale ends here at the latest


def interval_name(study: Study) -> str:
    """How the sample and its interval are called in a caption."""
    if study.cores == 1:
        return "One core, so no interval is possible."
    return f"{study.cores} cores; bars are {100 * study.level:g} % intervals of the mean over cores"


def _method_handles(names: list[str], core_dots: bool = True, cores: int = 2) -> list[Line2D]:
    shown = handles(names)
    if core_dots and cores > 1:
        shown.append(Line2D([], [], color="#9aa0a8", marker=".", linestyle="", label="one core"))
    return shown


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)


def _marks(
    axes: Axes, position: float, estimate, colour: str, marker: str, hollow: bool = False
) -> None:
    """A marker with its interval, on a row of a horizontal chart."""
    value, low, high = (float(_finite(x)) for x in (estimate.value, estimate.low, estimate.high))
    if np.isfinite(low) and np.isfinite(high):
        axes.plot([low, high], [position, position], color=colour, linewidth=2.0, zorder=3)
    axes.plot(
        value, position, marker=marker, color=colour, markersize=6, zorder=4, linestyle="",
        markerfacecolor="white" if hollow else colour, markeredgecolor=colour,
        markeredgewidth=1.2, clip_on=False,
    )  # fmt: skip


def _dots(axes: Axes, position: float, values: np.ndarray, colour: str) -> None:
    """Every core as a small dot, beneath its mean; a single core is its own mean."""
    if len(values) > 1:
        axes.plot(
            _finite(values), np.full(len(values), position), ".", color=colour, alpha=0.5,
            markersize=5.5, markeredgewidth=0, clip_on=False, zorder=3,
        )  # fmt: skip


def _method_rows(data: xr.Dataset, panels: dict[str, tuple[str, str]]) -> Figure:
    """One panel per variable: weight sets as rows, all methods in each, cores as small dots."""
    sets = [str(name) for name in data["weight_set"].values]
    names = methods(data)
    figure = Figure(figsize=(WIDTH, 1.05 + 0.23 * len(names) * len(sets)), layout="constrained")
    step = 0.84 / len(names)  # of a row of height 1
    shifts = [round(-0.46 + (k + 0.5) * step, 6) for k in range(len(names))]
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for ax, (name, (title, label)) in zip(axes, panels.items(), strict=True):
        for row, weight_set in enumerate(sets):
            for shift, method in zip(shifts, names, strict=True):
                estimate = estimate_at(data, name, weight_set=weight_set, method=method)
                _marks(ax, row + shift, estimate, COLOURS[method], MARKERS[method])
                part = data[f"{name}_cores"].sel({"weight_set": weight_set, "method": method})
                _dots(ax, row + shift + 0.4 / len(names), part.values, COLOURS[method])
        name_rows(ax, sets)
        ax.set_title(title)
        ax.set_xlabel(label)
        ax.set_ylabel("")
        largest = np.nanmax(_finite(data[f"{name}_cores"].values), initial=0.0)
        ax.set_xlim(0, largest * 1.06 if largest > 0 else 1)
        ax.xaxis.set_major_locator(MaxNLocator(6 if len(panels) < 3 else 4))
        ax.xaxis.set_major_formatter(plain_numbers())
    legend(figure, _method_handles(names, cores=data.sizes["core"]))
    return figure


def _by_method(data: xr.Dataset, name: str, unit: str) -> str:
    """Numbers of all methods for an alternative text; ranges where there are many sets."""
    sets = [str(weight_set) for weight_set in data["weight_set"].values]
    if len(sets) <= LISTED:
        parts = []
        for weight_set in sets:
            texts = [
                f"{NAMES[m]} "
                + estimate_text(estimate_at(data, name, weight_set=weight_set, method=m), unit)
                for m in methods(data)
            ]
            parts.append(f"{weight_set}: {', '.join(texts)}")
        return "; ".join(parts)
    texts = []
    for method in methods(data):
        values = data[name].sel({"method": method}).values
        texts.append(
            f"{NAMES[method]} {number(values.min())} to {number(values.max())} {unit}".rstrip()
        )
    return f"over {len(sets)} weight sets, {'; '.join(texts)}"


@styled
def errors(data: xr.Dataset) -> Plot:
    """MVM error and held error by weight set and method."""
    figure = _method_rows(
        data,
        {
            "mvm_error": ("MVM error (programming and read-out)", "MVM error (%)"),
            "held_error": ("Held error (programming alone)", "held error (%)"),
        },
    )
    alt = (
        f"MVM error by weight set and method. {_by_method(data, 'mvm_error', '%')}. "
        f"Held error: {_by_method(data, 'held_error', '%')}."
    )
    return Plot(figure, alt, data)


def _facets(count: int, height: float) -> tuple[Figure, list[Axes]]:
    return facets(count, height, 0.75, {1: 0.52, 2: 0.72})


def _plain_log(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


@styled
def convergence(data: xr.Dataset) -> Plot:
    """Error per iteration, one facet per weight set."""
    sets = [str(name) for name in data["weight_set"].values]
    figure, axes = _facets(len(sets), 1.75)
    iterations = data["iteration"].values
    finite = data["error"].values[np.isfinite(data["error"].values)]
    positive = finite[finite > 0]
    logarithmic = len(positive) > 0 and positive.max() > 10 * positive.min()
    for ax, weight_set in zip(axes, sets, strict=True):
        for method in methods(data):
            part = data.sel({"weight_set": weight_set, "method": method})
            shown = np.isfinite(part["error"].values)
            if not shown.any():
                continue
            x, y = iterations[shown], part["error"].values[shown]
            ax.plot(x, y, color=COLOURS[method], marker="" if len(x) > 1 else ".")
            ax.plot(x[-1], y[-1], marker=MARKERS[method], color=COLOURS[method], markersize=4.5)
            low, high = part["error_low"].values[shown], part["error_high"].values[shown]
            if np.isfinite(low).all():
                floor = positive.min() * 0.5 if logarithmic else 0
                ax.fill_between(
                    x, np.maximum(low, floor), high, color=COLOURS[method], alpha=0.2, linewidth=0
                )
        ax.set_title(weight_set)
        if logarithmic:
            _plain_log(ax)
        else:
            ax.set_ylim(bottom=0)
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    figure.supxlabel("iteration of the method", fontsize=9)
    figure.supylabel("error the algorithm saw (%)", fontsize=9)
    seen = {
        "iterative": "Iterative: relative error of unit-cell reads",
        "gdp": "GDP: relative MVM error of its batch",
    }
    if "hadamard" in methods(data):
        seen["hadamard"] = "Hadamard: of decoded cells"
    legend(
        figure,
        [
            Line2D([], [], color=COLOURS[m], marker=MARKERS[m], label=text, markersize=4.5)
            for m, text in seen.items()
        ],
        stacked=len(sets) < 2,
    )
    parts = []
    for weight_set in sets[:LISTED]:
        for method in methods(data):
            line = (
                data["error"].sel({"weight_set": weight_set, "method": method}).dropna("iteration")
            )
            if line.size:
                parts.append(
                    f"{weight_set}, {NAMES[method]}: {number(float(line[0]))} % at iteration "
                    f"{int(line['iteration'][0])}, {number(float(line[-1]))} % at iteration "
                    f"{int(line['iteration'][-1])}"
                )
    alt = (
        "Error that each algorithm saw per iteration, iterative in relative error of unit-cell "
        f"reads, GDP in relative MVM error of its batch"
        f"{', Hadamard in that of decoded cells' if 'hadamard' in seen else ''}. "
        f"{'; '.join(parts)}{further(len(sets))}."
    )
    return Plot(figure, alt, data)


@styled
def accuracy(data: xr.Dataset) -> Plot:
    """Accuracy of each network in software and on cores programmed by all methods."""
    networks = [str(name) for name in data["weight_set"].values]
    height = 0.75 + (1.05 + 0.35 * (len(methods(data)) - 2)) * len(networks)
    figure = Figure(figsize=(WIDTH * 0.72, height), layout="constrained")
    axes = figure.subplots(len(networks), 1, sharex=True, squeeze=False)[:, 0]
    parts = []
    for ax, network in zip(axes, networks, strict=True):
        part = data.sel({"weight_set": network})
        software = float(part["software_accuracy"])
        ax.axvline(software, color=COLOURS["software"], linewidth=1, linestyle=DASHES)
        ax.plot(software, 0, marker=MARKERS["software"], color=COLOURS["software"], markersize=6)
        texts = [f"software {number(software)} %"]
        for row, method in enumerate(methods(data), start=1):
            cores = part["accuracy_cores"].sel({"method": method}).values
            _dots(ax, row + 0.27, cores, COLOURS[method])
            estimate = estimate_at(part, "accuracy", method=method)
            _marks(ax, row, estimate, COLOURS[method], MARKERS[method])
            texts.append(f"{NAMES[method]} {estimate_text(estimate, '%')}")
        name_rows(ax, [NAMES[name] for name in ("software", *methods(data))])
        ax.set_title(network)
        ax.margins(x=0.08)
        parts.append(f"{network}: {', '.join(texts)}")
    axes[-1].set_xlabel("test images classified correctly (%)")
    axes[-1].xaxis.set_major_locator(MaxNLocator(6))
    return Plot(figure, f"Inference accuracy. {'; '.join(parts)}.", data)


@styled
def residue(data: xr.Dataset, source: str) -> Plot:
    """Spread and mean of what programming leaves, over the target conductance.

    ``source`` names the published curve.
    """
    figure = Figure(figsize=(WIDTH, 3.3), layout="constrained")
    axes = figure.subplots(1, 2)
    shares = data["conductance"].values
    label = f"{NAMES[OPEN_LOOP]} ({source})"
    for ax, name in zip(axes, ("spread", "mean"), strict=True):
        for method in methods(data):
            part = data.sel({"method": method})
            line, low, high = (_finite(part[f"{name}{e}"].values) for e in ("", "_low", "_high"))
            ax.plot(
                shares, line, color=COLOURS[method], marker=MARKERS[method], markersize=3.5,
                zorder=3,
            )  # fmt: skip
            ax.fill_between(shares, low, high, color=COLOURS[method], alpha=0.2, linewidth=0)
        ax.set_xlim(0, 1)
        ax.set_xlabel("target conductance (share of g_max)")
    if "published" in data:
        axes[0].plot(
            shares, data["published"].values, color=COLOURS[OPEN_LOOP], linestyle=DASHES, zorder=4
        )
    # An interval of few cells may reach far beyond every line.
    top = max(
        np.nanmax(_finite(data[name].values), initial=0.0)
        for name in ("spread", "published")
        if name in data
    )
    axes[0].set_ylim(0, 1.25 * top if top > 0 else 1)
    axes[1].axhline(0, color="#8a9099", linewidth=1, zorder=1)
    axes[0].set_title("Spread of the conductance error")
    axes[0].set_ylabel("standard deviation (uS)")
    axes[1].set_title("Mean of the conductance error")
    axes[1].set_ylabel("mean (uS)")
    shown = handles(methods(data), "-", 4.5)
    if "published" in data:
        shown.append(Line2D([], [], color=COLOURS[OPEN_LOOP], linestyle=DASHES, label=label))
    legend(figure, shown)
    parts = []
    seen = data["spread"].notnull().all("method").values
    for index in np.flatnonzero(seen)[:: max(1, int(seen.sum()) // 6)]:
        row = data.isel(conductance=int(index))
        texts = [
            f"{NAMES[m]} {estimate_text(estimate_at(row, 'spread', method=m), 'uS')}"
            for m in methods(data)
        ]
        if "published" in data:
            texts.append(f"published {number(float(row['published']))} uS")
        parts.append(f"at {shares[index]:g} of g_max {', '.join(texts)}")
    alt = (
        "Standard deviation, and beside it the mean, of the conductance error over the target "
        f"conductance. Standard deviation {'; '.join(parts) or 'in 0 bins'}."
    )
    return Plot(figure, alt, data)


def _time_axis(axes: Axes, times: np.ndarray) -> None:
    """A logarithmic axis whose ticks are the times themselves, as many as fit."""
    span = np.log(times.max() / times.min()) or 2.0
    axes.set_xscale("log")
    axes.set_xlim(times.min() * np.exp(-0.14 * span), times.max() * np.exp(0.16 * span))
    ticks = [times[-1]]
    for time in times[-2::-1]:
        if np.log(ticks[-1] / time) >= 0.24 * span and np.log(time / times[0]) >= 0.24 * span:
            ticks.append(time)
    ticks += [times[0]] if len(times) > 1 else []
    axes.set_xticks(ticks, [time_text(time) for time in ticks])
    axes.xaxis.set_minor_locator(NullLocator())


def _timeline(
    axes: Axes, times: np.ndarray, part: xr.Dataset, name: str, method: str, shift: float
) -> None:
    """A line over time with an interval at each; shifted a little, so that bars stand apart."""
    span = np.log(times.max() / times.min()) or 2.0
    x = times * np.exp(0.022 * span * shift)
    line, low, high = (_finite(part[f"{name}{end}"].values) for end in ("", "_low", "_high"))
    colour = COLOURS[method]
    axes.plot(
        x, line, color=colour, marker=MARKERS[method], markersize=5, zorder=3,
        linestyle=DASHES if method == OPEN_LOOP else "-",
    )  # fmt: skip
    axes.vlines(x, low, high, color=colour, linewidth=1.6, zorder=2)


def _at_times(data: xr.Dataset, name: str, method: str, unit: str) -> str:
    """Numbers at up to three times (first, middle, last) for an alternative text."""
    times = data["time"].values
    some = sorted({0, len(times) // 2, len(times) - 1})
    texts = [
        f"{estimate_text(estimate_at(data.isel(time=k), name, method=method), unit)} at "
        f"{time_text(times[k])}"
        for k in some
    ]
    return f"{NAMES[method]} {', '.join(texts)}"


@styled
def over_time(data: xr.Dataset) -> Plot:
    """MVM error over time with the global compensation, one facet per weight set."""
    shown = data.sel({"compensation": COMPENSATION}).sortby("time")
    sets = [str(name) for name in data["weight_set"].values]
    names = [str(name) for name in data["method"].values]
    times = shown["time"].values
    figure, axes = _facets(len(sets), 1.85)
    for ax, weight_set in zip(axes, sets, strict=True):
        for shift, method in enumerate(names):
            part = shown.sel({"weight_set": weight_set, "method": method})
            _timeline(ax, times, part, "error", method, shift - 1)
        ax.set_title(weight_set)
        _time_axis(ax, times)
    axes[0].set_ylim(bottom=0)
    axes[0].yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    figure.supxlabel("time after programming", fontsize=9)
    figure.supylabel("MVM error (%)", fontsize=9)
    legend(figure, _line_handles(names), stacked=len(sets) < 2)
    if len(sets) <= LISTED:
        parts = [
            f"{name}: "
            + "; ".join(
                _at_times(shown.sel({"weight_set": name}), "error", method, "%") for method in names
            )
            for name in sets
        ]
        numbers = ". ".join(parts)
    else:
        last = shown.isel(time=-1)["error"]
        ranges = [
            f"{NAMES[m]} {number(float(last.sel({'method': m}).min()))} to "
            f"{number(float(last.sel({'method': m}).max()))} %"
            for m in names
        ]
        numbers = f"At {time_text(times[-1])}, over {len(sets)} weight sets: {'; '.join(ranges)}"
    return Plot(figure, f"MVM error over time after programming. {numbers}.", data)


@styled
def accuracy_over_time(data: xr.Dataset) -> Plot:
    """Accuracy of each network over time, one facet per network, with software as a line."""
    shown = data.sortby("time")
    sets = [str(name) for name in data["weight_set"].values]
    times = shown["time"].values
    figure, axes = _facets(len(sets), 1.85)
    parts = []
    for ax, network in zip(axes, sets, strict=True):
        part = shown.sel({"weight_set": network})
        software = float(part["software_accuracy"])
        ax.axhline(software, color=COLOURS["software"], linewidth=1, linestyle=DASHES)
        for shift, method in enumerate(methods(data)):
            shift -= (len(methods(data)) - 1) / 2
            _timeline(ax, times, part.sel({"method": method}), "accuracy", method, shift)
        ax.set_title(network)
        _time_axis(ax, times)
        ax.yaxis.set_major_locator(MaxNLocator(5))
        ax.set_ylabel("classified correctly (%)")
        ax.set_ylim(top=min(ax.get_ylim()[1], 101))
        ax.label_outer()
        texts = [_at_times(part, "accuracy", method, "%") for method in methods(data)]
        if len(parts) < LISTED:
            parts.append(f"{network}: software {number(software)} %; {'; '.join(texts)}")
    figure.supxlabel("time after programming", fontsize=9)
    software = Line2D(
        [], [], color=COLOURS["software"], linewidth=1, linestyle=DASHES, label=NAMES["software"]
    )
    legend(figure, [*_line_handles(methods(data)), software])
    return Plot(figure, f"Inference accuracy over time. {'. '.join(parts)}.", data)


def _line_handles(names: list[str]) -> list[Line2D]:
    return [
        Line2D(
            [], [], color=COLOURS[m], marker=MARKERS[m], markersize=4.5, label=NAMES[m],
            linestyle=DASHES if m == OPEN_LOOP else "-",
        )
        for m in names
    ]  # fmt: skip


def _axis_label(name: str) -> str:
    return f"{LABELS[name]} ({UNITS[name]})" if UNITS[name] else LABELS[name]


def _tick(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def _heat(
    axes: Axes, grid: np.ndarray, limit: float, columns: list, rows: list, numbers: bool
) -> None:
    labels = np.vectorize(lambda v: "" if np.isnan(v) else f"{v:.0f}")(grid) if numbers else False
    sns.heatmap(
        _finite(grid), ax=axes, vmin=0, vmax=limit, cmap="mako_r", cbar=False, annot=labels, fmt="",
        annot_kws={"fontsize": 7.5}, linewidths=0.6, linecolor="white",
        xticklabels=False, yticklabels=False,
    )  # fmt: skip
    axes.set_facecolor("#f1f2f4")
    axes.grid(visible=False)
    step = -(-len(columns) // 12)
    axes.set_xticks(
        np.arange(0, len(columns), step) + 0.5, [_tick(v) for v in columns[::step]], rotation=0
    )
    step = -(-len(rows) // 30)
    axes.set_yticks(
        np.arange(0, len(rows), step) + 0.5, [_tick(v) for v in rows[::step]], rotation=0
    )
    axes.tick_params(length=0)


def _outline(axes: Axes, cell: tuple[int, int], inset: float, dashed: bool) -> None:
    row, column = cell
    x = [column + inset, column + 1 - inset, column + 1 - inset, column + inset, column + inset]
    y = [row + inset, row + inset, row + 1 - inset, row + 1 - inset, row + inset]
    axes.plot(
        x, y, color=INK, linewidth=1.6, linestyle=(0, (2, 1.4)) if dashed else "-", zorder=5,
        solid_joinstyle="miter", clip_on=False,
        path_effects=[patheffects.withStroke(linewidth=3.4, foreground="white")],
    )  # fmt: skip


def is_capped(data: xr.Dataset) -> bool:
    """Whether some point lies beyond the end of the heat maps' colour scale."""
    return bool((data["excess"] > EXCESS_CAP).any())


@styled
def settings(data: xr.Dataset, swept: dict[str, list]) -> Plot | None:
    """Heat maps of the excess error over hyperparameters, one colour scale; None if none varies.

    With one hyperparameter: weight sets over its values. With more: one facet per weight set over
    the two that take most values, each cell the best over all others.
    """
    if not swept:
        return None
    sets = [str(name) for name in data["weight_set"].values]
    over, names = data["excess"].values, list(swept)
    place = {n: [swept[n].index(v) for v in data[n].values.tolist()] for n in names[:2]}
    finite = over[np.isfinite(over)]
    largest = float(finite.max()) if finite.size else 0.0
    limit = min(max(largest, 1.0), EXCESS_CAP)
    shared = int(np.argmax(data["shared"].values))
    own = data["own_best"].values.argmax(axis=1)
    columns = swept[names[0]]

    if len(names) == 1:
        grid = np.full((len(sets), len(columns)), np.nan)
        for point, column in enumerate(place[names[0]]):
            grid[:, column] = over[:, point]
        figure = Figure(
            figsize=(min(WIDTH, 2.8 + 0.7 * len(columns)), 1.3 + 0.34 * len(sets)),
            layout="constrained",
        )
        axes = [figure.subplots()]
        _heat(axes[0], grid, limit, columns, sets, numbers=len(columns) <= 16)
        for row in range(len(sets)):
            _outline(axes[0], (row, place[names[0]][own[row]]), 0.06, dashed=False)
            if len(sets) > 1:
                _outline(axes[0], (row, place[names[0]][shared]), 0.17, dashed=True)
        axes[0].set_xlabel(_axis_label(names[0]))
    else:
        rows = swept[names[1]]
        height = min(2.6, 0.55 + 0.3 * len(rows))
        figure, axes = _facets(len(sets), max(1.55, height))
        numbers = len(columns) <= 7 and len(rows) <= 10
        for index, (ax, weight_set) in enumerate(zip(axes, sets, strict=True)):
            grid = np.full((len(rows), len(columns)), np.inf)
            cells = list(zip(place[names[1]], place[names[0]], strict=True))
            for point, cell in enumerate(cells):
                grid[cell] = min(grid[cell], over[index, point])
            _heat(ax, _finite(grid), limit, columns, rows, numbers)
            ax.invert_yaxis()
            _outline(ax, cells[own[index]], 0.05, dashed=False)
            if len(sets) > 1:
                _outline(ax, cells[shared], 0.16, dashed=True)
            ax.set_title(weight_set)
        figure.supxlabel(_axis_label(names[0]), fontsize=9)
        # On two lines: with one row of maps, the axis is shorter than the label.
        figure.supylabel(_axis_label(names[1]).replace(" (", "\n("), fontsize=9)
    reach = min(1.0, 3.0 / figure.get_figheight())  # a tall grid of facets needs no taller scale
    bar = figure.colorbar(
        axes[0].collections[0], ax=axes, extend="max" if largest > limit else "neither",
        aspect=26 * reach, shrink=reach, anchor=(0, 1), pad=0.015, fraction=0.03,
    )  # fmt: skip
    bar.set_label("over own best (%)")
    bar.outline.set_visible(False)
    outline = {"fill": False, "edgecolor": INK, "linewidth": 1.6}
    shown = [Patch(label="own best", **outline)]
    if len(sets) > 1:
        shown.append(Patch(linestyle=(0, (2, 1.4)), label="shared setting", **outline))
    legend(figure, shown)

    def at(point: int) -> str:
        return ", ".join(f"{LABELS[n]} {_tick(data[n].values.item(int(point)))}" for n in names)

    parts = [
        f"{name}: own best at {at(own[k])}"
        + (f", shared setting {number(over[k, shared])} % above it" if len(sets) > 1 else "")
        for k, name in enumerate(sets[:LISTED])
    ]
    common = f" Shared setting: {at(shared)}." if len(sets) > 1 else ""
    alt = (
        f"Heat maps of the MVM error of GDP over each weight set's own best, over "
        f"{' and '.join(_axis_label(n) for n in names[:2])}, from 0 to {number(largest)} %."
        f"{common} {'; '.join(parts)}{further(len(sets))}."
    )
    return Plot(figure, alt, data)


@styled
def regret(data: xr.Dataset) -> Plot:
    """Regret of the shared setting on each weight set left out of its choice."""
    sets = [str(name) for name in data["weight_set"].values]
    figure = Figure(figsize=(WIDTH * 0.8, 1.05 + 0.4 * len(sets)), layout="constrained")
    ax = figure.subplots()
    split = "cross_fitted_regret" in data
    for row, weight_set in enumerate(sets):
        plain = estimate_at(data, "regret", weight_set=weight_set)
        _marks(ax, row - 0.14 * split, plain, INK, "o")
        if split:
            fitted = estimate_at(data, "cross_fitted_regret", weight_set=weight_set)
            _marks(ax, row + 0.16, fitted, "#7a808a", "o", hollow=True)
    name_rows(ax, sets)
    ax.axvline(0, color="#8a9099", linewidth=1, zorder=1)
    ax.axvline(REGRET_LIMIT, color=INK, linewidth=1, linestyle=DASHES, zorder=1)
    ax.set_xlabel("MVM error over the set's own best setting (%)")
    low, high = ax.get_xlim()
    ax.set_xlim(min(low, -0.3), max(high, REGRET_LIMIT * 1.15))
    shown = [
        Line2D([], [], color=INK, marker="o", linestyle="", label="same cores (cautious)"),
        Line2D([], [], color=INK, linestyle=DASHES, linewidth=1, label="criterion of C2"),
    ]
    if split:
        shown.insert(
            1,
            Line2D(
                [], [], color="#7a808a", marker="o", linestyle="", markerfacecolor="white",
                label="chosen on other cores",
            ),
        )  # fmt: skip
    legend(figure, shown)
    values = data["regret"].values
    if len(sets) <= LISTED:
        numbers = "; ".join(
            f"{name}: {estimate_text(estimate_at(data, 'regret', weight_set=name), '%')}"
            for name in sets
        )
    else:
        worst = sets[int(values.argmax())]
        numbers = (
            f"{len(sets)} weight sets, from {number(values.min())} to {number(values.max())} %, "
            f"largest on {worst}"
        )
    return Plot(figure, f"Regret of the setting chosen on the other weight sets. {numbers}.", data)


@styled
def cost(data: xr.Dataset) -> Plot:
    """MVMs, cell reads and pulses of all methods."""
    figure = _method_rows(
        data,
        {
            "mvms": ("MVMs", "MVMs per tile"),
            "cell_reads": ("Cell reads", "reads per unit cell"),
            "pulses": ("Pulses", "pulses per unit cell"),
        },
    )
    alt = (
        "Cost of programming by weight set and method. MVMs per tile: "
        f"{_by_method(data, 'mvms', '')}. Cell reads per unit cell: "
        f"{_by_method(data, 'cell_reads', '')}. Pulses per unit cell: "
        f"{_by_method(data, 'pulses', '')}."
    )
    return Plot(figure, alt, data)


@styled
def pulses(data: xr.Dataset) -> Plot:
    """MVM error against pulses, one facet per weight set."""
    sets = [str(name) for name in data["weight_set"].values]
    figure, axes = _facets(len(sets), 1.75)
    several = data.sizes["point"] > 1
    names = methods(data)
    beside = others(data)
    gdp = names.index("gdp")
    parts = []
    for index, (ax, weight_set) in enumerate(zip(axes, sets, strict=True)):
        part = data.sel({"weight_set": weight_set})
        used, error = (_finite(part[n].values) for n in ("pulses", "error"))
        at = int(part["left_out"].values.argmax())
        ax.plot(
            [used[0, 0], used[gdp, at]], [error[0, 0], error[gdp, at]], color="#b3b8bf",
            linewidth=1, zorder=1,
        )  # fmt: skip
        if several:
            ax.plot(
                used[gdp], error[gdp], ".", color=COLOURS["gdp"], alpha=0.4, markeredgewidth=0,
                zorder=2,
            )  # fmt: skip
        for method, point in (("iterative", 0), *((name, 0) for name in beside), ("gdp", at)):
            row = names.index(method)
            ax.plot(
                used[row, point], error[row, point], marker=MARKERS[method], linestyle="",
                color=COLOURS[method], markersize=6, zorder=3, clip_on=False,
            )  # fmt: skip
        ax.set_title(weight_set)
        if index < LISTED:
            parts.append(
                f"{weight_set}: iterative {number(error[0, 0])} % after {number(used[0, 0])} "
                f"pulses, GDP {number(error[gdp, at])} % after {number(used[gdp, at])}"
                + "".join(
                    f", {NAMES[name]} {number(error[names.index(name), 0])} % after "
                    f"{number(used[names.index(name), 0])}"
                    for name in beside
                )
            )
    axes[0].set_ylim(bottom=0)
    for ax in axes:
        ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.yaxis.set_major_locator(MaxNLocator(5))
    figure.supxlabel("pulses per unit cell (GDP: with the run it starts from)", fontsize=9)
    figure.supylabel("MVM error (%)", fontsize=9)
    shown = _method_handles(names, core_dots=False)
    if several:
        shown[gdp].set_label("GDP, chosen setting")
        shown.append(
            Line2D([], [], color=COLOURS["gdp"], alpha=0.5, marker=".", linestyle="",
                   label="GDP, every other point")
        )  # fmt: skip
    legend(figure, shown)
    alt = f"MVM error against pulses per unit cell. {'; '.join(parts)}{further(len(sets))}."
    return Plot(figure, alt, data)
