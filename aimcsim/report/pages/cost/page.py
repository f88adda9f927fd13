"""The page of the cost: time and energy of programming, and every assumption behind them."""

import numpy as np
import xarray as xr

from aimcsim.chip.cost import PHASES, Cost, assumptions
from aimcsim.report.elements import Cell, Material, Page, Table
from aimcsim.report.estimates import (
    estimate_at,
    number,
)
from aimcsim.report.marks import NAMES
from aimcsim.report.pages.cost import figures as spending_figures
from aimcsim.report.pages.cost.tables import TOTAL, spending, trajectories
from aimcsim.report.pages.programming.figures import interval_name
from aimcsim.report.study import (
    Study,
    methods,
)
from aimcsim.study.measures import attribute_json


def page(material: Material) -> Page | None:
    """Draw both figures; None where the summary has no cost."""
    study = material.study
    totals, steps = spending(study), trajectories(study)
    if totals is None or steps is None:
        return None
    stated = attribute_json(study.summary, "config", {}).get("cost", {})
    plots = {
        f"cost_{name}": spending_figures.trajectory(steps, totals, name)
        for name in ("time", "energy")
    }
    context = {
        "figures": material.draw(plots),
        "tables": {"spending": _table(totals), "assumptions": _assumptions(Cost(**stated))},
        "data": material.write({"spending": totals, "trajectories": steps}),
        "answer": _answer(study, totals),
        "hadamard": "hadamard" in methods(totals),
        "sample": interval_name(study),
        "core_count": study.cores,
    }
    return Page("Cost", context)


def _answer(study: Study, totals: xr.Dataset) -> list[str]:
    """What GDP costs more than iterative programming, and what most of it goes into."""
    ends = totals.sel({"phase": TOTAL})
    texts = []
    for name in ("time", "energy"):
        ratio = (ends[name].sel({"method": "gdp"}) / ends[name].sel({"method": "iterative"})).values
        texts.append(f"{_span(ratio)} times the {name}")
    sets = len(study.result.weight_sets)
    over = f", over {sets} weight sets" if sets > 1 else ""
    found = [f"GDP takes {' and '.join(texts)} of iterative programming{over}."]
    labels = {"reads": "cell reads", "mvms": "MVMs", "pulses": "pulses"}
    for name in ("time", "energy"):
        parts = []
        for method in methods(totals):
            mean = totals[name].sel({"method": method, "phase": list(PHASES)}).mean("weight_set")
            largest = int(mean.values.argmax())
            share = 100 * float(mean[largest] / mean.sum())
            parts.append(f"{NAMES[method]}: {labels[PHASES[largest]]}, {share:.0f} %")
        found.append(f"Largest part of the {name}: {'; '.join(parts)}.")
    return found


def _span(values: np.ndarray) -> str:
    low, high = number(float(values.min()), 2), number(float(values.max()), 2)
    return low if low == high else f"{low} to {high}"


def _table(totals: xr.Dataset) -> Table:
    rows = []
    for weight_set in totals["weight_set"].values:
        for method in methods(totals):
            where = {"weight_set": weight_set, "method": method}
            row = [str(weight_set), NAMES[method]]
            for name in ("time", "energy"):
                for phase in PHASES:
                    row.append(number(float(totals[name].sel(where | {"phase": phase}))))
                row.append(Cell.of(estimate_at(totals, name, **where, phase=TOTAL)))
            row.append(Cell.of(estimate_at(totals, "error", **where)))
            rows.append(row)
    return Table(
        "Time in ms and energy in uJ to program one core, and the MVM error in percent it leaves",
        [
            "Weight set",
            "method",
            *(f"{what}, ms" for what in ("reads", "MVMs", "pulses", "in all")),
            *(f"{what}, uJ" for what in ("reads", "MVMs", "pulses", "in all")),
            "MVM error, %",
        ],
        rows,
        "spending",
    )


def _assumptions(cost: Cost) -> Table:
    rows = [list(row) for row in assumptions(cost)]
    return Table(
        "What time and energy are computed from", ["Key", "what it is", "value", "source"], rows
    )
