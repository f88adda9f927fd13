"""Figures of the page of networks."""

import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from aimcsim.networks.evaluation_time import PROGRAMMED
from aimcsim.report.drawing import (
    DASHES,
    INK,
    WIDTH,
    Plot,
    facets,
    legend,
    name_rows,
    plain_numbers,
    styled,
)
from aimcsim.report.estimates import estimate_at, estimate_text, number
from aimcsim.report.marks import SOFTWARE, Mark, Marks, handles, programmed_by
from aimcsim.report.pages.accuracy.tables import aged, case_text, rank_correlation, when_text

_SHIFT = 0.09  # between the marks of two methods, in places of the axis


def _software() -> Line2D:
    return Line2D([], [], color=SOFTWARE.colour, linewidth=1, linestyle=DASHES,
                  label=SOFTWARE.label)  # fmt: skip


def _shifts(names: list[str]) -> dict[str, float]:
    middle = (len(names) - 1) / 2
    return {name: _SHIFT * (k - middle) for k, name in enumerate(names)}


@styled
def over_time(data: xr.Dataset, marks: Marks) -> Plot:
    """Accuracy at every evaluation time, a facet per case and compensation.

    Hollow, in the first of a case: without compensation.
    """
    cases, names = [str(c) for c in data["case"].values], programmed_by(data)
    kinds = [str(kind) for kind in data["compensation"].values]
    of_own = [kind for kind in kinds if kind != "none"] or kinds
    panels = [(case, kind) for case in cases for kind in of_own]
    figure, axes = facets(len(panels), 2.5, 0.6, {1: 0.72}, most=2)
    for ax, (case, own) in zip(axes, panels, strict=True):
        times = aged(data, case)
        beside = ["none"] * (own == of_own[0] != "none" and "none" in kinds)
        for kind in (own, *beside):
            for method, shift in _shifts(names).items():
                part = data.sel({"case": case, "compensation": kind, "programmed_by": method})
                line = part.sel(evaluation_time=times)
                _line(ax, line, shift, marks[method], hollow=kind == "none")
        ax.axhline(
            float(data["software_accuracy"]), color=SOFTWARE.colour, linewidth=1,
            linestyle=DASHES,
        )  # fmt: skip
        title = [case_text(case)] * (len(cases) > 1 or len(of_own) == 1)
        ax.set_title(", ".join([*title, *[f"by {own}"] * (len(of_own) > 1)]))
        texts = [_short(when_text(data, m)) for m in times]
        ax.set_xticks(range(len(times)), texts)
        ax.set_xlim(-0.4, len(times) - 0.6)
        ax.grid(axis="x", visible=False)
        ax.yaxis.set_major_locator(MaxNLocator(6))
    _within(axes)
    figure.supylabel("test images classified right (%)", fontsize=9)
    figure.supxlabel("time after programming", fontsize=9)
    shown = [*handles((marks[name] for name in names), "-", 4.5), _software()]
    if "none" in kinds and len(kinds) > 1:
        shown.append(
            Line2D(
                [],
                [],
                color=INK,
                marker="o",
                markerfacecolor="white",
                linestyle=":",
                markersize=4.5,
                label="without compensation",
            )
        )
    legend(figure, shown)
    parts = []
    for case in cases:
        times = aged(data, case)
        for when in dict.fromkeys((times[0], times[-1])):
            at = {"case": case, "evaluation_time": when, "compensation": kinds[0]}
            texts = [
                f"{marks[m].label} "
                + estimate_text(estimate_at(data, "accuracy", programmed_by=m, **at), "%")
                for m in names
            ]
            text = when_text(data.sel({"case": [case]}), when)
            parts.append(f"{case_text(case)}, {text}: {', '.join(texts)}")
    return Plot(
        figure,
        f"Accuracy on the test images over time. {'; '.join(parts)}. In software "
        f"{number(float(data['software_accuracy']), 2)} %.",
        data,
    )


def _within(axes: list[Axes]) -> None:
    """No axis goes on where no share can be; intervals of few chips do."""
    low, high = axes[0].get_ylim()
    axes[0].set_ylim(max(low, 0.0), min(high, 100.0))


def _short(text: str) -> str:
    return "programmed" if text.startswith("right") else text


def _line(ax: Axes, part: xr.Dataset, shift: float, mark: Mark, hollow: bool) -> None:
    x = np.arange(part.sizes["evaluation_time"]) + shift
    colour = mark.colour
    ax.plot(
        x, part["accuracy"].values, color=colour, marker=mark.marker, markersize=4.5,
        linestyle=":" if hollow else "-", linewidth=1.2, zorder=3,
        markerfacecolor="white" if hollow else colour,
    )  # fmt: skip
    ax.vlines(x, part["accuracy_low"], part["accuracy_high"], color=colour, linewidth=1.6, zorder=2)


@styled
def layers(data: xr.Dataset, marks: Marks) -> Plot:
    """MVM error of every layer, a facet per case: right after programming, and hollow at last."""
    cases, names = [str(c) for c in data["case"].values], programmed_by(data)
    empty = data["error"].isnull().all([dim for dim in data["error"].dims if dim != "layer"])
    rows = [
        f"{name} (no error: zeros)" if none else str(name)
        for name, none in zip(data["layer"].values, empty.values, strict=True)
    ]
    figure, axes = facets(len(cases), 0.5 + 0.24 * len(rows), 0.6, {1: 0.72}, most=2)
    last = set()
    for ax, case in zip(axes, cases, strict=True):
        times = aged(data, case)
        for hollow, when in enumerate(dict.fromkeys((times[0], times[-1]))):
            if hollow:
                last.add(when_text(data.sel({"case": [case]}), when))
            for method, shift in _shifts(names).items():
                part = data.isel(compensation=0).sel(
                    {"case": case, "evaluation_time": when, "programmed_by": method}
                )
                y = np.arange(len(rows)) + 2 * shift
                colour = marks[method].colour
                ax.hlines(y, part["error_low"], part["error_high"], color=colour, linewidth=1.6)
                ax.plot(
                    part["error"], y, color=colour, marker=marks[method].marker, linestyle="",
                    markersize=4.5, markerfacecolor="white" if hollow else colour,
                )  # fmt: skip
        name_rows(ax, rows)
        ax.set_xlim(left=0)
        ax.set_title(case_text(case))
        ax.xaxis.set_major_formatter(plain_numbers())
    figure.supxlabel("MVM error on the layer's own inputs (%)", fontsize=9)
    listed = [*handles((marks[name] for name in names), "", 4.5)]
    if last:
        listed.append(
            Line2D(
                [],
                [],
                color=INK,
                marker="o",
                markerfacecolor="white",
                linestyle="",
                markersize=4.5,
                label=f"after {last.pop()}" if len(last) == 1 else "at the last time",
            )
        )
    legend(figure, listed)
    parts = []
    first = data.isel(compensation=0).sel({"evaluation_time": PROGRAMMED})
    for case in cases:
        for method in names:
            of = first.sel({"case": case, "programmed_by": method})["error"]
            worst = rows[int(np.nanargmax(of.values))]
            parts.append(
                f"{case_text(case)} {marks[method].label} {number(float(of.min()), 1)} to "
                f"{number(float(of.max()), 1)} %, largest in {worst}"
            )
    return Plot(figure, f"MVM error by layer right after programming: {'; '.join(parts)}.", data)


@styled
def related(data: xr.Dataset, marks: Marks) -> Plot:
    """Loss of accuracy against the MVM error of the layers, a point per chip and time."""
    names = programmed_by(data)
    first = data.isel(compensation=0).sel({"evaluation_time": aged(data)})
    figure = Figure(figsize=(0.72 * WIDTH, 3.2), layout="constrained")
    ax = figure.subplots()
    for method in names:
        part, mark = first.sel(programmed_by=method), marks[method]
        x, y = part["layer_error"].values.ravel(), part["lost"].values.ravel()
        ax.plot(
            x, y, linestyle="", marker=mark.marker, markersize=4.5, color=mark.colour, alpha=0.55,
            markeredgewidth=0,
        )  # fmt: skip
    ax.set_xlabel("MVM error, root mean square over layers (%)")
    ax.set_ylabel("accuracy lost (points)")
    ax.set_xlim(left=0)
    ax.axhline(0, color="#8a9099", linewidth=1, zorder=1)
    legend(figure, handles((marks[name] for name in names), "", 4.5))
    x, y = first["layer_error"].values.ravel(), first["lost"].values.ravel()
    known = np.isfinite(x) & np.isfinite(y)
    rank = rank_correlation(data)
    return Plot(
        figure,
        f"Accuracy lost against the MVM error of the layers, {int(known.sum())} chips and times: "
        f"from {number(float(y[known].min()), 1)} to {number(float(y[known].max()), 1)} points at "
        f"errors of {number(float(x[known].min()), 1)} to {number(float(x[known].max()), 1)} %; "
        f"rank correlation {number(rank, 2)}.",
        data,
    )


@styled
def resolutions(data: xr.Dataset, marks: Marks) -> Plot | None:
    """Accuracy against the ADC's resolution right after programming; None for a single one."""
    named = [
        str(m) for m in data["evaluation_time"].values if m == PROGRAMMED or m.startswith("adc")
    ]
    if len(named) < 2:
        return None
    names = programmed_by(data)
    seen = data.isel(compensation=0).sel({"evaluation_time": named})
    cases = [
        str(case) for case in data["case"].values
        if int(seen["accuracy"].sel({"case": case}).notnull().any("programmed_by").sum()) > 1
    ]  # fmt: skip
    figure, axes = facets(len(cases), 2.2, 0.6, {1: 0.6}, most=2)
    parts = []
    for ax, case in zip(axes, cases, strict=True):
        part = seen.sel({"case": case})
        part = part.assign_coords(bits=("evaluation_time", part["adc_bits"].values)).sortby("bits")
        for method, shift in _shifts(names).items():
            of = part.sel(programmed_by=method)
            x = of["bits"].values + shift
            ax.plot(
                x,
                of["accuracy"],
                color=marks[method].colour,
                marker=marks[method].marker,
                markersize=4.5,
            )
            ax.vlines(x, of["accuracy_low"], of["accuracy_high"], color=marks[method].colour)
            texts = [
                f"{number(float(v), 1)} % at {float(b):.3g} bits"
                for v, b in zip(of["accuracy"].values, of["bits"].values, strict=True)
            ]
            parts.append(f"{case_text(case)} {marks[method].label} {', '.join(texts)}")
        ax.axhline(
            float(data["software_accuracy"]), color=SOFTWARE.colour, linewidth=1,
            linestyle=DASHES,
        )  # fmt: skip
        ax.set_xticks(part["bits"].values, [f"{bits:.3g}" for bits in part["bits"].values])
        ax.set_title(case_text(case))
        ax.yaxis.set_major_locator(MaxNLocator(6))
    _within(axes)
    figure.supxlabel("resolution of the MVM ADC while inferring (bits)", fontsize=9)
    figure.supylabel("test images classified right (%)", fontsize=9)
    legend(figure, [*handles((marks[name] for name in names), "-", 4.5), _software()])
    return Plot(figure, f"Accuracy against ADC resolution. {'; '.join(parts)}.", seen)


@styled
def confusions(data: xr.Dataset, classes: list[str], marks: Marks) -> Plot:
    """How many more images of a class get an answer than in software, a panel per method."""
    names = programmed_by(data)
    values = {m: data["change"].sel(programmed_by=m).values for m in names}
    largest = max(float(np.abs(v).max()) for v in values.values()) or 1.0
    numbers = [str(k) for k in range(len(values[names[0]]))]
    labels, told = classes or numbers, classes or [f"class {number}" for number in numbers]
    panel = min(WIDTH / len(names) - 0.4, 0.6 + 0.42 * len(labels))  # inches
    figure = Figure(figsize=(0.8 + panel * len(names), 1.25 + panel), layout="constrained")
    axes = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for ax, method in zip(axes, names, strict=True):
        sns.heatmap(
            values[method].round() + 0.0,  # no "-0"
            ax=ax, cmap="RdBu_r", vmin=-largest, vmax=largest, square=True,
            xticklabels=labels, yticklabels=labels, annot=len(labels) <= 12, fmt=".0f",
            annot_kws={"fontsize": 6.5}, cbar=False, linewidths=0.5,
        )  # fmt: skip
        ax.set_title(marks[method].label)
        ax.tick_params(length=0)
        ax.tick_params(axis="x", rotation=60)
        ax.set_xlabel("answer")
    axes[0].set_ylabel("class")
    parts = []
    for method in names:
        off = values[method].copy()
        np.fill_diagonal(off, -np.inf)
        row, column = np.unravel_index(int(off.argmax()), off.shape)
        parts.append(
            f"{marks[method].label} {number(float(off[row, column]), 0)} more {told[row]} taken "
            f"for {told[column]}"
        )
    return Plot(figure, f"Changes of answers against software. Largest: {'; '.join(parts)}.", data)


@styled
def training(record: xr.Dataset) -> Plot:
    """Accuracy in training, epoch by epoch."""
    epochs = np.arange(1, record.sizes["epoch"] + 1)
    figure = Figure(figsize=(0.72 * WIDTH, 2.4), layout="constrained")
    ax = figure.subplots()
    train, test = (record[f"training_{n}_accuracy"].values for n in ("training", "test"))
    ax.plot(epochs, train, color="#8a9099", label="training images, varied")
    seen = np.isfinite(test)
    ax.plot(
        epochs[seen], test[seen], color=SOFTWARE.colour, marker="D", markersize=3.5,
        label="test images",
    )  # fmt: skip
    changes = np.flatnonzero(np.diff(record["training_phase"].values)) + 1
    for epoch in changes:
        ax.axvline(epoch + 0.5, color="#8a9099", linestyle=DASHES, linewidth=1)
    ax.set_xlabel("epoch")
    ax.set_ylabel("classified right (%)")
    ax.set_ylim(bottom=max(0.0, float(np.nanmin(train)) - 5))
    ax.legend(loc="lower right")
    return Plot(
        figure,
        f"Accuracy while training, {len(epochs)} epochs; at last {number(float(train[-1]), 1)} % "
        f"of training images and {number(float(test[seen][-1]), 1)} % of test images.",
        record,
    )
