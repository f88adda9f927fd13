"""Methods at equal cost: every setting's error against its cost, fronts, and who wins where."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.lines import Line2D

from aimcsim.report.charts import finite
from aimcsim.report.drawing import DASHES, INK, LISTED, Plot, facets, further, legend, styled
from aimcsim.report.elements import Cell, Table, enumerated
from aimcsim.report.estimates import (
    axis_label,
    estimate_at,
    estimate_text,
    estimated,
    mean_over_cores,
    number,
    span,
)
from aimcsim.report.marks import Marks, handles
from aimcsim.report.pages.cost.figures import log_axes
from aimcsim.report.study import Study
from aimcsim.study.fronts import (
    QUANTITIES,
    AtBudget,
    EqualCost,
    Quantity,
    costs,
    front,
    of_other_algorithms,
)
from aimcsim.study.intervals import Estimate
from aimcsim.study.measures import per_core, positions

BEST = "best of the other algorithms"
_UNITS = {"time": (1e3, "ms"), "energy": (1e6, "uJ")}
_NO_LONGER = {"tie": "a tie within the uncertainty on", "higher": "higher on"}


def every_run(study: Study) -> xr.Dataset:
    """MVM error, time and energy of every run that programs, over (weight_set, run).

    ``time_front`` and ``energy_front`` are 1 where no other setting of the method leaves less for
    no more. Costs are of a whole weight set on one chip.
    """
    summary = study.summary
    runs = np.flatnonzero(np.isin(summary["method"].values, study.programming))
    found = {"error": (per_core(summary, "mvm_error"), "MVM error", "percent")}
    for name in QUANTITIES:
        factor, units = _UNITS[name]
        text = f"{name} to program the weight set on one chip"
        found[name] = (factor * costs(summary, name), text, units)
    parts = [
        mean_over_cores(
            values.isel(run=runs).transpose("weight_set", "run", "core"),
            name, text, units, study.level,
        )
        for name, (values, text, units) in found.items()
    ]  # fmt: skip
    data = xr.merge(parts).assign_coords(
        method=("run", summary["method"].values[runs].astype(object)),
        run=summary["run"].values[runs].astype(object),
        weight_set=np.array(study.result.weight_sets, object),
    )
    for name in QUANTITIES:
        flags = np.zeros((data.sizes["weight_set"], len(runs)), np.int8)
        for index in range(len(flags)):
            for method in study.programming:
                own = np.flatnonzero(data["method"].values == method)
                at = front(data[name].values[index, own], data["error"].values[index, own])
                flags[index, own[at]] = 1
        text = f"1 where no setting of its method leaves less error for no more {name}"
        data[f"{name}_front"] = (("weight_set", "run"), flags, {"long_name": text, "units": "1"})
    return data


def equal(study: Study, marks: Marks) -> xr.Dataset:
    """Every method at the subject's time and energy, over (weight_set, programmed_by).

    ``programmed_by`` ends with the best of the other algorithms, where some are tuned.
    """
    subject = marks[study.subject].in_text
    variables: dict[str, Any] = {}
    names: list[str] = []
    for quantity, found in study.equal_cost.items():
        rows = dict(found.methods) | ({BEST: found.tuned} if found.tuned else {})
        names = list(rows)
        factor, units = _UNITS[quantity]
        budget = {"long_name": f"{quantity} that {subject} takes", "units": units}
        variables[f"{quantity}_budget"] = ("weight_set", factor * found.budget, budget)
        texts = {
            "error": (f"MVM error for no more {quantity} than {subject} takes", "percent"),
            "ratio": (f"MVM error after {subject} over that, for no more {quantity}", "1"),
        }
        for name, (text, unit) in texts.items():
            ends = [vars(getattr(row, name)).values() for row in rows.values()]
            stacked = type(found.methods[study.subject].error)(
                *(np.stack(end, axis=1) for end in zip(*ends, strict=True))
            )
            dims = ("weight_set", "programmed_by")
            variables |= estimated(dims, stacked, f"{name}_at_equal_{quantity}", text, unit)
        settings = [[_setting(study, int(run)) for run in row.runs] for row in rows.values()]
        variables[f"setting_at_equal_{quantity}"] = (
            ("weight_set", "programmed_by"),
            np.array(settings, object).T,
            {"long_name": f"its setting for no more {quantity}", "units": "1"},
        )
    coordinates = {
        "weight_set": np.array(study.result.weight_sets, object),
        "programmed_by": np.array(names, object),
    }
    return xr.Dataset(variables, coordinates)


def _setting(study: Study, run: int) -> str:
    if run < 0:
        return "none as cheap"
    method = str(study.summary["method"].values[run])
    several = len(positions(study.summary, method)) > 1
    return study.setting_text(run) if several else "its one setting"


@styled
def figure(study: Study, data: xr.Dataset, quantity: Quantity, marks: Marks) -> Plot:
    """Error against time or energy of every setting; fronts as steps; ``data``: every run."""
    sets = [str(name) for name in data["weight_set"].values]
    figure, axes = facets(len(sets), 2.1, 0.95, {1: 0.6, 2: 0.85})
    found = study.equal_cost[quantity]
    others = of_other_algorithms(study.summary, study.subject)
    order = sorted(study.programming, key=lambda name: name == study.subject)
    right = float(np.nanmax(finite(data[quantity].values))) * 1.25
    parts = []
    for index, (ax, weight_set) in enumerate(zip(axes, sets, strict=True)):
        part = data.sel(weight_set=weight_set)
        budget = _UNITS[quantity][0] * found.budget[index]
        ax.axvline(budget, color=INK, linewidth=0.9, linestyle=DASHES, zorder=1)
        if found.tuned:
            together = part.isel(run=np.isin(part["method"].values, others))
            _steps(ax, together, quantity, right, color="#d5d9de", linewidth=6, zorder=1.5)
        for name in order:
            mark, own = marks[name], part.isel(run=part["method"].values == name)
            at, error = finite(own[quantity].values), finite(own["error"].values)
            on = own[f"{quantity}_front"].values.astype(bool)
            _steps(ax, own, quantity, right, color=mark.colour, linewidth=1.3, zorder=2.5)
            ax.plot(
                at[~on], error[~on], ".", color=mark.colour, alpha=0.4, markeredgewidth=0, zorder=2
            )
            ends = (finite(own[f"error_{end}"].values)[on] for end in ("low", "high"))
            ax.vlines(at[on], *ends, color=mark.colour, linewidth=1.6, zorder=3)
            ax.plot(
                at[on], error[on], linestyle="", marker=mark.marker, color=mark.colour,
                markersize=5, zorder=4, clip_on=False,
            )  # fmt: skip
        ax.set_title(weight_set)
        log_axes(ax)
        if index < LISTED:
            parts.append(f"{weight_set}: {_at_budget_text(found, index, study, marks)}")
    axes[0].set_xlim(right=right)
    figure.supxlabel(axis_label(data[quantity]), fontsize=9)
    figure.supylabel(axis_label(data["error"]), fontsize=9)
    shown = handles((marks[name] for name in study.programming), "-", 4.5)
    if found.tuned:
        shown.append(Line2D([], [], color="#d5d9de", linewidth=6, label=BEST))
    budget_label = f"{quantity} of {marks[study.subject].in_text}"
    shown.append(Line2D([], [], color=INK, linewidth=0.9, linestyle=DASHES, label=budget_label))
    legend(figure, shown)
    alt = (
        f"MVM error against {quantity} of every setting, with the front of each method. For no "
        f"more {quantity} than {marks[study.subject].in_text} takes: {'; '.join(parts)}"
        f"{further(len(sets))}."
    )
    return Plot(figure, alt, data)


def _steps(ax: Any, runs: xr.Dataset, quantity: Quantity, right: float, **look: Any) -> None:
    """The front of ``runs``: what is left for a cost, from its cheapest setting on."""
    at, error = runs[quantity].values, runs["error"].values
    on = front(at, error)
    if len(on):
        x, y = np.append(at[on], right), np.append(error[on], error[on[-1]])
        ax.plot(x, y, drawstyle="steps-post", solid_capstyle="butt", **look)


def _at_budget_text(found: EqualCost, index: int, study: Study, marks: Marks) -> str:
    texts = [
        f"{marks[name].label} {number(float(found.methods[name].error.value[index]))} %"
        for name in study.programming
        if found.methods[name].known[index]
    ]
    return ", ".join(texts)


def table(study: Study, data: xr.Dataset, marks: Marks) -> Table:
    """All methods on every weight set at equal time and energy; ``data``: :func:`equal`."""
    subject = marks[study.subject].in_text
    rows = []
    for index, weight_set in enumerate(study.result.weight_sets):
        for name in map(str, data["programmed_by"].values):
            at = {"weight_set": weight_set, "programmed_by": name}
            row: list[Any] = [weight_set, marks[name].label if name in marks else BEST]
            for quantity, found in study.equal_cost.items():
                best = found.tuned if name == BEST else found.methods[name]
                assert best is not None
                row.append(_with_method(study, best, index, name, marks))
                for value in ("error", "ratio"):
                    own = value == "ratio" and name == study.subject
                    estimate = estimate_at(data, f"{value}_at_equal_{quantity}", **at)
                    known = best.known[index] and not own
                    row.append(Cell.of(estimate) if known else "–")
            rows.append(row)
    columns = ["Weight set", "method"]
    for quantity in study.equal_cost:
        columns += [
            f"setting at equal {quantity}",
            "MVM error, %",
            f"{subject} / it",
        ]
    caption = (
        f"The smallest mean MVM error for no more time, and for no more energy, than {subject} "
        "takes at its chosen setting"
    )
    return Table(caption, columns, rows, "equal_cost")


def _with_method(study: Study, best: AtBudget, index: int, name: str, marks: Marks) -> str:
    run = int(best.runs[index])
    text = _setting(study, run)
    if name != BEST or run < 0:
        return text
    return f"{marks[str(study.summary['method'].values[run])].in_text}, {text}"


def sentences(study: Study, marks: Marks) -> list[str]:
    """Who wins at equal time and at equal energy, for the first lines of a page."""
    found = study.equal_cost
    if not found:
        return []
    if any(one.tuned is None for one in found.values()):
        return [
            "The study has fewer than two settings of other algorithms, so it does not compare at "
            "equal time or energy."
        ]
    return [
        _sentence(quantity, one.tuned, study, marks)
        for quantity, one in found.items()
        if one.tuned is not None
    ]


def _sentence(quantity: Quantity, tuned: AtBudget, study: Study, marks: Marks) -> str:
    names = np.array(study.result.weight_sets)
    subject = marks[study.subject].in_text
    dear = ""
    if not tuned.known.all():
        dear = (
            f" On {_quoted(names[~tuned.known])} no setting of another algorithm takes as little "
            f"{quantity}."
        )
    if not tuned.known.any():
        return dear.strip()
    ratio, outcomes = tuned.ratio.value[tuned.known], np.array(tuned.compared())[tuned.known]
    known = names[tuned.known]
    says = (
        f"At equal programming {quantity} the MVM error after {subject} is {_times(tuned, ratio)} "
        "that of the best tuned setting of other algorithms"
    )
    if (outcomes == "unknown").any():
        return f"{says}.{dear}"
    lower = int((outcomes == "lower").sum())
    count = len(known)
    if count == 1:
        says += {
            "lower": ": lower",
            "tie": ": a tie within the uncertainty",
            "higher": ": higher",
        }[str(outcomes[0])]
        return f"{says}.{dear}"
    if lower == count:
        return f"{says}, lower on all {count} weight sets.{dear}"
    rest = [
        f"{text} {_quoted(known[outcomes == outcome])}"
        for outcome, text in _NO_LONGER.items()
        if (outcomes == outcome).any()
    ]
    first = f"lower on {lower if lower else 'none'} of {count} weight sets"
    return f"{says}: {first}, {', '.join(rest)}.{dear}"


def _times(tuned: AtBudget, ratio: np.ndarray) -> str:
    if len(ratio) > 1:
        return f"{span(ratio, 2)} times"
    index = int(np.flatnonzero(tuned.known)[0])
    text = estimate_text(Estimate(*(float(end[index]) for end in vars(tuned.ratio).values())))
    value, _, interval = text.partition(" (")
    return f"{value} times{f' ({interval}' if interval else ''}"


def _quoted(names: np.ndarray) -> str:
    return enumerated([f"‘{name}’" for name in names])
