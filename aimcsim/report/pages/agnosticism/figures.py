"""Figures of the page of weight-agnosticism."""

import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from aimcsim.report.charts import interval_mark
from aimcsim.report.drawing import (
    DASHES,
    INK,
    LISTED,
    WIDTH,
    Plot,
    further,
    legend,
    name_rows,
    plain_numbers,
    styled,
)
from aimcsim.report.estimates import estimate_at, estimate_text, number, with_unit
from aimcsim.report.marks import Marks
from aimcsim.study.landscape import PARTS, WITHIN, Landscape, is_logarithmic

TOP = 50.0  # percent: excess at the end of the axes and colours
_PARTS = {
    "weights": ("weight set", "#b9bec6"),
    "hyperparameters": ("hyperparameters", "#4a9fcf"),
    "interaction": ("interaction of the two", "#c2571a"),
    "chips": ("chips", "#e8d9a0"),
}
_STYLES = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))


@styled
def variance(data: xr.Dataset, marks: Marks) -> Plot:
    """What the error varies with, a bar per method."""
    names = [str(name) for name in data["programmed_by"].values]
    figure = Figure(figsize=(WIDTH * 0.8, 1.15 + 0.42 * len(names)), layout="constrained")
    ax = figure.subplots()
    for row, name in enumerate(names):
        left = 0.0
        for part in PARTS:
            share = float(data[f"variance_{part}"].sel(programmed_by=name))
            ax.barh(row, share, 0.62, left=left, color=_PARTS[part][1])
            if share >= 4:
                ax.text(
                    left + share / 2, row, number(share, 0), ha="center", va="center",
                    fontsize=8, color="white" if part == "interaction" else INK,
                )  # fmt: skip
            left += share
    name_rows(ax, [marks[name].label for name in names], lines=False)
    ax.set_xlim(0, 100)
    ax.set_xlabel("share of the variance of the logarithm of the MVM error (%)")
    legend(figure, [Patch(color=colour, label=text) for text, colour in _PARTS.values()])
    texts = [
        f"{marks[name].in_text} "
        f"{estimate_text(estimate_at(data, 'variance_interaction', programmed_by=name), '%')}"
        for name in names
    ]
    return Plot(
        figure,
        "Share of the interaction of weight set and hyperparameters in the variance of the error: "
        f"{'; '.join(texts)}.",
        data,
    )


@styled
def regret(data: xr.Dataset, marks: Marks) -> Plot:
    """Regret of one setting of each method on every weight set that took no part in its choice."""
    names = [str(name) for name in data["programmed_by"].values]
    sets = [str(name) for name in data["weight_set"].values]
    figure = Figure(
        figsize=(WIDTH * 0.8, 1.1 + sum((0.3, 0.11 * len(names))) * len(sets)),
        layout="constrained",
    )
    ax = figure.subplots()
    steps = np.linspace(-0.3, 0.3, len(names)) if len(names) > 1 else np.zeros(1)
    for row, weight_set in enumerate(sets):
        for step, name in zip(steps, names, strict=True):
            one = estimate_at(data, "regret", weight_set=weight_set, programmed_by=name)
            interval_mark(ax, row + step, one, marks[name].colour, marks[name].marker, size=5)
    name_rows(ax, sets)
    ax.axvline(WITHIN, color=INK, linewidth=1, linestyle=DASHES, zorder=1)
    ax.set_xscale("symlog", linthresh=WITHIN, linscale=1.5)
    ax.set_xlim(-0.2, max(2 * WITHIN, 1.3 * float(data["regret_high"].max())))
    ax.xaxis.set_major_formatter(plain_numbers())
    ax.set_xticks([x for x in (0, 1, 2, 3, 4, 5, 10, 20, 50, 100) if x <= ax.get_xlim()[1]])
    ax.set_xlabel("MVM error over the set's own best setting (%)")
    line = Line2D([], [], color=INK, linestyle=DASHES, linewidth=1, label=f"{WITHIN:g} %")
    legend(figure, [*(marks[name].handle() for name in names), line])
    worst = data["regret"].max("weight_set")
    texts = [
        f"{marks[name].in_text} {number(float(worst.sel(programmed_by=name)), 2)} %"
        for name in names
    ]
    return Plot(figure, f"Largest regret over the weight sets: {'; '.join(texts)}.", data)


@styled
def responses(
    found: Landscape, data: dict[str, xr.Dataset], labels: dict[str, tuple[str, str]], marks: Marks
) -> Plot:
    """What each value of each hyperparameter costs, a curve per weight set."""
    keys, sets = list(data), list(found.weight_sets)
    columns = min(len(keys), 3)
    rows = -(-len(keys) // columns)
    width = WIDTH * {1: 0.5, 2: 0.8}.get(columns, 1.0)
    figure = Figure(figsize=(width, 0.9 + 2.4 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for ax in grid.flat[len(keys) :]:
        ax.set_visible(False)
    axes = list(grid.flat[: len(keys)])
    colours = sns.color_palette("colorblind", 8)
    handles = []
    for ax, key in zip(axes, keys, strict=True):
        at = data[key]["value"].values
        place = np.arange(len(at)) if at.dtype.kind == "O" else at
        for index, weight_set in enumerate(sets):
            look = {
                "color": colours[index % len(colours)],
                "linestyle": _STYLES[index // len(colours) % len(_STYLES)],
            }
            curve = data[key]["excess"].sel(weight_set=weight_set).values
            ax.plot(place, np.minimum(curve, TOP), marker=".", **look)
            if key == keys[0]:
                handles.append(Line2D([], [], label=weight_set, **look))
        _value_axis(ax, at)
        ax.axhline(WITHIN, color=INK, linewidth=1, linestyle=DASHES, zorder=1)
        ax.set_xlabel(with_unit(*labels[key]))
    largest = max(float(one["excess"].max()) for one in data.values())
    axes[0].set_ylim(-0.5, min(TOP, max(1.1 * largest, 2 * WITHIN)))
    figure.supylabel("best over the set's own best (%)", fontsize=9)
    legend(figure, handles)
    worst = {key: data[key]["excess"].max("weight_set").values for key in keys}
    texts = []
    for key in keys:
        good = data[key]["value"].values[worst[key] <= WITHIN]
        named = ", ".join(f"{x:.3g}" if not isinstance(x, str) else x for x in good)
        texts.append(f"{labels[key][0]}: {named or 'none'}")
    alt = (
        f"MVM error of {marks[found.name].in_text} at each value of a hyperparameter, the others "
        "free, over each weight set's own best. Values at which no weight set loses more than "
        f"{WITHIN:g} %: {'; '.join(texts)}."
    )
    return Plot(figure, alt, data[keys[0]])


def _value_axis(ax: Axes, at: np.ndarray) -> None:
    if at.dtype.kind == "O":
        ax.set_xticks(np.arange(len(at)), list(at))
        return
    if is_logarithmic(list(at)):
        ax.set_xscale("log")
        ax.xaxis.set_minor_formatter("")
    ax.xaxis.set_major_formatter(plain_numbers())


@styled
def importances(data: xr.Dataset, labels: dict[str, str], marks: Marks) -> Plot:
    """Importance of every hyperparameter of each method."""
    names = [str(name) for name in data["programmed_by"].values]
    known = {
        name: [
            str(key)
            for key in data["hyperparameter"].values
            if np.isfinite(float(data["importance"].sel(programmed_by=name, hyperparameter=key)))
        ]
        for name in names
    }
    rows = sum(len(keys) for keys in known.values())
    figure = Figure(figsize=(WIDTH * 0.8, 1.0 + 0.3 * rows), layout="constrained")
    ax = figure.subplots()
    texts, row, ticks = [], 0, []
    for name in names:
        for key in known[name]:
            one = estimate_at(data, "importance", programmed_by=name, hyperparameter=key)
            ax.barh(row, one.value, 0.55, color=marks[name].colour, alpha=0.55)
            interval_mark(ax, row, one, marks[name].colour, marks[name].marker, size=5)
            ticks.append(labels[key])
            texts.append(f"{marks[name].in_text}, {labels[key]} {number(one.value, 2)}")
            row += 1
    name_rows(ax, ticks)
    ax.set_xlim(0, None)
    ax.set_xlabel("importance (total-order Sobol index)")
    legend(figure, [marks[name].handle() for name in names])
    return Plot(figure, f"Importance of hyperparameters: {'; '.join(texts)}.", data)


@styled
def transfers(data: xr.Dataset, marks: Marks, name: str) -> Plot:
    """What a setting tuned on one weight set costs on another; how alike they order settings."""
    sets = [str(one) for one in data["tuned_on"].values]
    size = 0.36 * len(sets)
    figure = Figure(figsize=(WIDTH, 1.5 + max(size, 1.6)), layout="constrained")
    left, right = figure.subplots(1, 2)
    largest = min(max(float(data["excess"].max()), WITHIN), TOP)
    numbers = len(sets) <= 16
    panels = (
        (left, "excess", "tuned on the row, judged on the column: over own best (%)", "mako_r"),
        (right, "tau", "Kendall's tau of two sets' orderings", "mako"),
    )
    for ax, variable, title, colours in panels:
        limits = (0, largest) if variable == "excess" else (0, 1)
        decimals = 1 if variable == "excess" and largest < 10 else 0 if variable == "excess" else 2
        values = data[variable].values
        text = np.vectorize(lambda v, d=decimals: number(float(v), d))(values)
        sns.heatmap(
            values, ax=ax, vmin=limits[0], vmax=limits[1], cmap=colours, annot=numbers and text,
            fmt="", annot_kws={"fontsize": 6.5}, cbar=False, linewidths=0.6, linecolor="white",
            xticklabels=sets, yticklabels=sets,
        )  # fmt: skip
        ax.set_title(title, fontsize=9)
        ax.grid(visible=False)
        ax.tick_params(length=0, labelsize=8)
        ax.set_yticklabels(sets, rotation=0)
        ax.set_xticklabels(sets, rotation=60, ha="right", rotation_mode="anchor")
    over = data["excess"].values
    worst = np.unravel_index(int(over.argmax()), over.shape)
    apart = data["tau"].values
    least = np.unravel_index(int(apart.argmin()), apart.shape)
    shown = f"{len(sets)} weight sets{further(len(sets)) if len(sets) > LISTED else ''}"
    alt = (
        f"Settings of {marks[name].in_text} carried from one weight set to another, {shown}: at "
        f"worst {number(float(over.max()), 1)} %, tuned on {sets[worst[0]]} and judged on "
        f"{sets[worst[1]]}. Orderings agree least between {sets[least[0]]} and {sets[least[1]]}, "
        f"tau {number(float(apart.min()), 2)}."
    )
    return Plot(figure, alt, data)
