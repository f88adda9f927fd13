"""Figures of the comparison page: what is varied on one axis, MVM error on the other."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from aimcsim.report.charts import interval_mark
from aimcsim.report.drawing import (
    DASHES,
    LISTED,
    Plot,
    facets,
    legend,
    name_rows,
    plain_numbers,
    styled,
)
from aimcsim.report.estimates import estimate_at, estimate_text, number, with_unit
from aimcsim.report.marks import PUBLISHED, Marks, handles
from aimcsim.report.pages.comparison.tables import Compared


@styled
def errors(one: Compared, marks: Marks) -> Plot:
    """MVM error right after programming by case and method, one facet per weight set."""
    draw = _lines if one.numeric else _rows
    sets = one.weight_sets
    height = 2.1 if one.numeric else 0.45 + 0.34 * len(one.cases)
    figure, axes = facets(len(sets), height, 0.75, {1: 0.62, 2: 0.8})
    for ax, weight_set in zip(axes, sets, strict=True):
        ax.set_title(weight_set)
        draw(ax, one, weight_set, marks)
    if one.numeric:
        figure.supxlabel(with_unit(one.title, one.unit), fontsize=9)
        figure.supylabel("MVM error (%)", fontsize=9)
        for ax in axes:
            ax.set_ylim(bottom=0)
    else:
        figure.supxlabel("MVM error (%)", fontsize=9)
        for ax in axes:
            ax.set_xlim(left=0)
            ax.xaxis.set_major_locator(MaxNLocator(4))
    legend(figure, handles((marks[name] for name in one.methods), "-" if one.numeric else "", 4.5))
    return Plot(figure, _alt(one, marks), one.errors)


@styled
def programming_error(one: Compared, marks: Marks) -> Plot | None:
    """Spread of the programming error over the target, a panel per case, published drawn in."""
    data = one.programming_error
    if data is None:
        return None
    cases = [name for name in one.cases if data["spread"].sel({"name": name}).notnull().any()]
    if not cases:
        return None
    figure, axes = facets(len(cases), 2.1, 0.75, {1: 0.5, 2: 0.75}, most=3)
    shares, parts = data["conductance"].values, []
    for ax, name in zip(axes, cases, strict=True):
        for method in one.methods:
            part, mark = data.sel(name=name, programmed_by=method), marks[method]
            ax.plot(
                shares, part["spread"].values, color=mark.colour, marker=mark.marker, markersize=3
            )
            ax.fill_between(
                shares, part["spread_low"].values, part["spread_high"].values, color=mark.colour,
                alpha=0.2, linewidth=0,
            )  # fmt: skip
        published = data["published"].sel({"name": name}).values
        ax.plot(shares, published, color=PUBLISHED.colour, linestyle=DASHES, zorder=4)
        ax.set_title(name)
        ax.set_xlim(0, 1)
        middle = int(np.abs(shares - 0.5).argmin())
        texts = [
            f"{marks[m].label} "
            + number(float(data["spread"].sel(name=name, programmed_by=m)[middle]))
            for m in one.methods
        ]
        texts.append(f"published {number(float(published[middle]))}")
        parts.append(f"{name}: {', '.join(texts)} uS")
    top = np.nanmax(
        np.concatenate([data["spread"].values.ravel(), data["published"].values.ravel()])
    )
    axes[0].set_ylim(0, 1.2 * top)
    figure.supxlabel("target conductance (share of g_max)", fontsize=9)
    figure.supylabel("standard deviation of the error (uS)", fontsize=9)
    drawn = Line2D([], [], color=PUBLISHED.colour, linestyle=DASHES, label=PUBLISHED.label)
    legend(figure, [*handles((marks[name] for name in one.methods), "-", 4.5), drawn])
    alt = (
        "Standard deviation of the conductance error over the target conductance, by case, with "
        f"the published curve. At {shares[int(np.abs(shares - 0.5).argmin())]:g} of g_max: "
        f"{'; '.join(parts)}."
    )
    return Plot(figure, alt, data)


def _lines(ax: Axes, one: Compared, weight_set: str, marks: Marks) -> None:
    at = np.arange(len(one.cases))
    for method in one.methods:
        part, mark = one.errors.sel(weight_set=weight_set, programmed_by=method), marks[method]
        ax.plot(at, part["error"].values, color=mark.colour, marker=mark.marker, markersize=4.5)
        ax.fill_between(
            at, part["error_low"].values, part["error_high"].values, color=mark.colour, alpha=0.2,
            linewidth=0,
        )  # fmt: skip
    ax.set_xticks(at, [f"{value:g}" for value in one.values])
    ax.yaxis.set_major_locator(MaxNLocator(5))


def _rows(ax: Axes, one: Compared, weight_set: str, marks: Marks) -> None:
    spread = np.linspace(-0.22, 0.22, len(one.methods))
    for row, name in enumerate(one.cases):
        for shift, method in zip(spread, one.methods, strict=True):
            at, mark = {"weight_set": weight_set, "name": name}, marks[method]
            estimate = estimate_at(one.errors, "error", programmed_by=method, **at)
            interval_mark(ax, row + shift, estimate, mark.colour, mark.marker, size=5)
    name_rows(ax, one.cases)
    ax.xaxis.set_major_formatter(plain_numbers())


def _alt(one: Compared, marks: Marks) -> str:
    parts = []
    for weight_set in one.weight_sets[:LISTED]:
        texts = []
        for name in one.cases:
            where = {"weight_set": weight_set, "name": name}
            texts.append(
                f"{name}: "
                + ", ".join(
                    marks[method].label
                    + " "
                    + estimate_text(
                        estimate_at(one.errors, "error", **where, programmed_by=method), "%"
                    )
                    for method in one.methods
                )
            )
        parts.append(f"{weight_set}: {'; '.join(texts)}")
    more = len(one.weight_sets) - LISTED
    rest = f". And {more} further weight sets" if more > 0 else ""
    return f"MVM error by {one.title}. {'. '.join(parts)}{rest}."
