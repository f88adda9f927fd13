"""The page of the cost: methods at equal time and energy, and every assumption behind them."""

from typing import Any

import xarray as xr

from aimcsim.chip.cost import PHASES, Cost, assumptions
from aimcsim.report.elements import Cell, Material, Page, Table, enumerated
from aimcsim.report.estimates import estimate_at, number, span
from aimcsim.report.marks import Marks, programmed_by
from aimcsim.report.pages import PAGES
from aimcsim.report.pages.cost import equal
from aimcsim.report.pages.cost.figures import trajectory
from aimcsim.report.pages.cost.tables import TOTAL, spending, trajectories
from aimcsim.report.pages.programming.convergence import seen
from aimcsim.report.study import Study
from aimcsim.study.fronts import QUANTITIES
from aimcsim.study.measures import attribute_json

_PHASES = {"reads": "cell reads", "mvms": "MVMs", "pulses": "pulses"}


@PAGES.register("cost")
class CostPage(Page):
    """Of a study whose summary has a cost."""

    file = "cost.html"
    label = "Cost"
    order = 40

    @classmethod
    def context(cls, material: Material) -> dict[str, Any] | None:
        """Draw fronts and trajectories over both quantities."""
        study, marks = material.study, material.marks
        totals, steps = spending(study), trajectories(study)
        if totals is None or steps is None:
            return None
        runs, at_equal = equal.every_run(study), equal.equal(study, marks)
        plots = {f"front_{name}": equal.figure(study, runs, name, marks) for name in QUANTITIES}
        plots |= {f"cost_{name}": trajectory(steps, totals, name, marks) for name in QUANTITIES}
        stated = attribute_json(study.summary, "config", {}).get("cost", {})
        sees = seen(study)
        return {
            "figures": material.draw(plots),
            "tables": {
                "equal_cost": equal.table(study, at_equal, marks),
                "spending": _table(totals, marks),
                "assumptions": _assumptions(Cost(**stated)),
            },
            "data": material.write(
                {
                    "fronts": runs,
                    "equal_cost": at_equal,
                    "spending": totals,
                    "trajectories": steps,
                }
            ),
            "answer": [*equal.sentences(study, marks), *answer(study, totals, marks)],
            "resamples": f"{study.result.options.resamples:,}",
            "tuned": all(one.tuned is not None for one in study.equal_cost.values()),
            "sees": {marks[name].in_text: sees[name] for name in programmed_by(totals)},
        }


def answer(study: Study, totals: xr.Dataset, marks: Marks) -> list[str]:
    """What the subject costs over the baseline, and what most of each cost goes into."""
    ends = totals.sel(phase=TOTAL)
    subject, baseline = study.subject, study.baseline
    found = []
    if {subject, baseline} <= set(programmed_by(totals)):
        texts = []
        for name in QUANTITIES:
            ratio = ends[name].sel(programmed_by=subject) / ends[name].sel(programmed_by=baseline)
            texts.append(f"{span(ratio.values, 2)} times the {name}")
        sets = len(study.result.weight_sets)
        over = f", over {sets} weight sets" if sets > 1 else ""
        found.append(
            f"{marks[subject].label} takes {' and '.join(texts)} of "
            f"{marks[baseline].in_text}{over}."
        )
    for name in QUANTITIES:
        parts = []
        for method in programmed_by(totals):
            mean = totals[name].sel(programmed_by=method, phase=list(PHASES)).mean("weight_set")
            largest = int(mean.values.argmax())
            share = 100 * float(mean[largest] / mean.sum())
            parts.append(
                f"into {_PHASES[PHASES[largest]]} with {marks[method].in_text} ({share:.0f} %)"
            )
        found.append(f"The largest part of the {name} goes {enumerated(parts)}.")
    return found


def _table(totals: xr.Dataset, marks: Marks) -> Table:
    rows = []
    for weight_set in map(str, totals["weight_set"].values):
        for method in programmed_by(totals):
            at = {"weight_set": weight_set, "programmed_by": method}
            row: list[Any] = [weight_set, marks[method].label]
            for name in QUANTITIES:
                row += [number(float(totals[name].sel(at | {"phase": p}))) for p in PHASES]
                row.append(Cell.of(estimate_at(totals, name, **at, phase=TOTAL)))
            row.append(Cell.of(estimate_at(totals, "error", **at)))
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
