"""Section "Weight-agnosticism": every setting's error, and the regret of one for all weights."""

from typing import Any

import numpy as np
import seaborn as sns
import xarray as xr
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from aimcsim.report.charts import finite, interval_mark
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
    styled,
)
from aimcsim.report.elements import Cell, Table
from aimcsim.report.estimates import (
    estimate_at,
    estimate_text,
    estimated,
    number,
    span,
    with_unit,
)
from aimcsim.report.marks import Mark
from aimcsim.report.study import Study
from aimcsim.study.claims.c2_agnosticism import REGRET_LIMIT
from aimcsim.study.measures import (
    hyperparameters,
    of_method,
    per_core,
    positions,
    setting,
    varying,
)
from aimcsim.study.regret import choose, excess

EXCESS_CAP = 50.0  # percent; the colour scale ends here at the latest


def swept(study: Study) -> list[str]:
    """Methods with more than one setting, the subject first."""
    found = [name for name in study.methods if len(positions(study.summary, name)) > 1]
    return sorted(found, key=lambda name: name != study.subject)


def settings(study: Study, name: str, mark: Mark) -> xr.Dataset:
    """MVM error of every run of method ``name`` over each weight set's own best."""
    summary, runs = study.summary, positions(study.summary, name)
    error = of_method(per_core(summary, "mvm_error"), name).mean("core").values
    choice, chosen = choose(error), study.result.runs[name]

    def flag(marked: np.ndarray, text: str) -> tuple:
        dims = ("weight_set", "run") if marked.ndim > 1 else ("run",)
        return dims, marked.astype(np.int8), {"long_name": text, "units": "1"}

    dims, at = ("weight_set", "run"), np.arange(len(runs))
    one = f"of {mark.in_text}"
    variables: dict[str, Any] = {
        "error": (
            dims, error, {"long_name": f"MVM error {one}, mean over cores", "units": "percent"},
        ),
        "excess": (
            dims,
            100 * np.expm1(excess(error)),
            {"long_name": "MVM error over the weight set's own best", "units": "percent"},
        ),
        "own_best": flag(at == choice.best[:, None], "1 at the weight set's own best setting"),
        "chosen": flag(runs == chosen[:, None], "1 at the setting chosen for the weight set"),
        "shared": flag(at == choice.shared, "1 at the setting chosen over all weight sets"),
    }  # fmt: skip
    for key, (label, unit) in hyperparameters(summary, name).items():
        values = summary[key].values[runs]
        values = values if values.dtype.kind in "fiu" else values.astype(object)
        variables[key] = ("run", values, {"long_name": label, "units": unit or "1"})
    names = {
        "weight_set": np.array(study.result.weight_sets, object),
        "run": summary["run"].values[runs].astype(object),
    }
    return xr.Dataset(variables, names)


def is_capped(data: xr.Dataset) -> bool:
    """Whether some run lies beyond the end of the heat maps' colour scale."""
    return bool((data["excess"] > EXCESS_CAP).any())


@styled
def figure(study: Study, name: str, data: xr.Dataset, mark: Mark) -> Plot | None:
    """Heat maps of the excess error over the hyperparameters that method ``name`` sweeps.

    All weight sets have one colour scale. With one hyperparameter: weight sets over its values.
    With more: one facet per weight set over the two that take most values, each cell the best over
    all others. None if none varies.
    """
    values = varying(study.summary, name)
    if not values:
        return None
    known = hyperparameters(study.summary, name)
    labels = [with_unit(*known[key]) for key in values]
    sets = [str(weight_set) for weight_set in data["weight_set"].values]
    over, keys = data["excess"].values, list(values)
    points = [setting(study.summary, run) for run in positions(study.summary, name)]
    place = {key: [values[key].index(point[key]) for point in points] for key in keys[:2]}
    known_over = over[np.isfinite(over)]
    largest = float(known_over.max()) if known_over.size else 0.0
    limit = min(max(largest, 1.0), EXCESS_CAP)
    shared = int(np.argmax(data["shared"].values))
    own = data["own_best"].values.argmax(axis=1)
    columns = values[keys[0]]

    if len(keys) == 1:
        grid = np.full((len(sets), len(columns)), np.nan)
        for point, column in enumerate(place[keys[0]]):
            grid[:, column] = over[:, point]
        figure = Figure(
            figsize=(min(WIDTH, 2.8 + 0.7 * len(columns)), 1.3 + 0.34 * len(sets)),
            layout="constrained",
        )
        axes = [figure.subplots()]
        _heat(axes[0], grid, limit, columns, sets, numbers=len(columns) <= 16)
        for row in range(len(sets)):
            _outline(axes[0], (row, place[keys[0]][own[row]]), 0.06, dashed=False)
            if len(sets) > 1:
                _outline(axes[0], (row, place[keys[0]][shared]), 0.17, dashed=True)
        axes[0].set_xlabel(labels[0])
    else:
        rows = values[keys[1]]
        height = min(2.6, 0.55 + 0.3 * len(rows))
        figure, axes = facets(len(sets), max(1.55, height), 0.75, {1: 0.52, 2: 0.72})
        numbers = len(columns) <= 7 and len(rows) <= 10
        cells = list(zip(place[keys[1]], place[keys[0]], strict=True))
        for index, (ax, weight_set) in enumerate(zip(axes, sets, strict=True)):
            grid = np.full((len(rows), len(columns)), np.inf)
            for point, cell in enumerate(cells):
                grid[cell] = min(grid[cell], over[index, point])
            _heat(ax, finite(grid), limit, columns, rows, numbers)
            ax.invert_yaxis()
            _outline(ax, cells[own[index]], 0.05, dashed=False)
            if len(sets) > 1:
                _outline(ax, cells[shared], 0.16, dashed=True)
            ax.set_title(weight_set)
        figure.supxlabel(labels[0], fontsize=9)
        # On two lines: with one row of maps, the axis is shorter than the label.
        figure.supylabel(labels[1].replace(" (", "\n("), fontsize=9)
    reach = min(1.0, 3.0 / figure.get_figheight())  # a tall grid of facets needs no taller scale
    bar = figure.colorbar(
        axes[0].collections[0], ax=axes, extend="max" if largest > limit else "neither",
        aspect=26 * reach, shrink=reach, anchor=(0, 1), pad=0.015, fraction=0.03,
    )  # fmt: skip
    bar.set_label("over own best (%)")
    bar.outline.set_visible(False)
    outline: dict[str, Any] = {"fill": False, "edgecolor": INK, "linewidth": 1.6}
    shown = [Patch(label="own best", **outline)]
    if len(sets) > 1:
        shown.append(Patch(linestyle=(0, (2, 1.4)), label="shared setting", **outline))
    legend(figure, shown)

    def at(point: int) -> str:
        return ", ".join(f"{known[key][0]} {_tick(points[int(point)][key])}" for key in keys)

    parts = [
        f"{weight_set}: own best at {at(own[k])}"
        + (f", shared setting {number(over[k, shared])} % above it" if len(sets) > 1 else "")
        for k, weight_set in enumerate(sets[:LISTED])
    ]
    common = f" Shared setting: {at(shared)}." if len(sets) > 1 else ""
    alt = (
        f"Heat maps of the MVM error of {mark.in_text} over each weight set's own best, over "
        f"{' and '.join(labels[:2])}, from 0 to {number(largest)} %."
        f"{common} {'; '.join(parts)}{further(len(sets))}."
    )
    return Plot(figure, alt, data)


def _tick(value: float | str | None) -> str:
    if isinstance(value, str):
        return {"true": "on", "false": "off"}.get(value, value)
    return "off" if value is None else f"{value:g}"


def _heat(
    axes: Axes, grid: np.ndarray, limit: float, columns: list, rows: list, numbers: bool
) -> None:
    labels = np.vectorize(lambda v: "" if np.isnan(v) else f"{v:.0f}")(grid) if numbers else False
    sns.heatmap(
        finite(grid), ax=axes, vmin=0, vmax=limit, cmap="mako_r", cbar=False, annot=labels, fmt="",
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


def table(study: Study, name: str, data: xr.Dataset, mark: Mark) -> Table:
    """Settings of a method beside the subject: chosen, own best, and what the choice costs."""
    runs = positions(study.summary, name)
    rows = []
    for index, weight_set in enumerate(study.result.weight_sets):
        chosen = int(data["chosen"].values[index].argmax())
        best = int(data["own_best"].values[index].argmax())
        rows.append(
            [
                weight_set,
                study.setting_text(int(runs[chosen])),
                study.setting_text(int(runs[best])),
                number(float(data["excess"].values[index, chosen]), 2),
            ]
        )
    return Table(
        f"Settings of {mark.in_text}, and by how much the chosen one is worse",
        ["Weight set", "chosen setting", "its own best setting", "over its own best (%)"],
        rows,
        f"settings_{name}",
    )


def regret(study: Study) -> xr.Dataset | None:
    """Regret of the shared setting per left-out weight set. None where not measurable."""
    result = study.result
    if result.regret is None:
        return None
    found = estimated(
        ("weight_set",), result.regret, "regret",
        "excess of MVM error over the set's own best, same cores", "percent",
    )  # fmt: skip
    if result.split_regret is not None:
        found |= estimated(
            ("weight_set",), result.split_regret, "cross_fitted_regret",
            "the same, chosen and judged on different cores", "percent",
        )  # fmt: skip
    return xr.Dataset(found, {"weight_set": np.array(result.weight_sets, object)})


@styled
def regret_figure(data: xr.Dataset) -> Plot:
    """Regret of the shared setting on each weight set left out of its choice."""
    sets = [str(name) for name in data["weight_set"].values]
    figure = Figure(figsize=(WIDTH * 0.8, 1.05 + 0.4 * len(sets)), layout="constrained")
    ax = figure.subplots()
    split = "cross_fitted_regret" in data
    for row, weight_set in enumerate(sets):
        plain = estimate_at(data, "regret", weight_set=weight_set)
        interval_mark(ax, row - 0.14 * split, plain, INK, "o")
        if split:
            fitted = estimate_at(data, "cross_fitted_regret", weight_set=weight_set)
            interval_mark(ax, row + 0.16, fitted, "#7a808a", "o", hollow=True)
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
        numbers = f"{len(sets)} weight sets, from {span(values)} %, largest on {worst}"
    return Plot(figure, f"Regret of the setting chosen on the other weight sets. {numbers}.", data)


def regret_table(study: Study) -> Table:
    """What the setting chosen on the other weight sets costs, set by set."""
    result = study.result
    assert result.regret is not None
    runs = positions(study.summary, study.subject)
    columns = [
        "Weight set left out",
        "setting chosen on the others",
        "its own best setting",
        "regret (%)",
    ]
    if result.split_regret is not None:
        columns.append("regret, chosen on other cores (%)")
    rows = []
    for index, name in enumerate(result.weight_sets):
        row: list[Any] = [
            name,
            *(study.setting_text(int(runs[at[index]])) for at in (result.chosen, result.best)),
            Cell.of(result.regret.of(index), most=2),
        ]
        if result.split_regret is not None:
            row.append(Cell.of(result.split_regret.of(index), most=2))
        rows.append(row)
    return Table("Regret of one shared setting", columns, rows)
