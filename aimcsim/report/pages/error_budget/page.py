"""The page of the error budget: what each effect alone would leave, beside all together."""

from typing import Any

import numpy as np
import xarray as xr

from aimcsim.report.elements import Cell, Material, Page, Table, cores, percent
from aimcsim.report.estimates import estimate_at, estimate_parts, estimate_text, time_text
from aimcsim.report.marks import Marks, programmed_by
from aimcsim.report.pages import PAGES
from aimcsim.report.pages.error_budget import figures, tables
from aimcsim.report.pages.error_budget.tables import PARTS
from aimcsim.report.study import Study
from aimcsim.study.error_budget import ADDING, EACH, has_error_budget
from aimcsim.study.measures import attribute_json, target_time


@PAGES.register("error_budget")
class ErrorBudget(Page):
    """Of a study that took its errors apart."""

    file = "error_budget.html"
    label = "Error budget"
    order = 20

    @classmethod
    def context(cls, material: Material) -> dict[str, Any] | None:
        """Draw the budget."""
        study, marks = material.study, material.marks
        if not has_error_budget(study.summary):
            return None
        data, mean = tables.parts(study), tables.parts_mean(study)
        later, later_mean = tables.later(study), tables.later_mean(study)
        written = {"parts": _parts_table(study, mean, marks)}
        if later_mean is not None:
            written["later"] = _later_table(study, later_mean, marks)
        rows = tables.shown(mean)
        aimed = target_time(study.summary)
        return {
            "answer": answer(mean, later_mean, marks),
            "figures": material.draw({"error_budget": figures.error_budget(data, later, marks)}),
            "data": material.write(
                {
                    "error_budget": data,
                    "error_budget_mean": mean,
                    "error_budget_over_time": later,
                    "error_budget_over_time_mean": later_mean,
                }
            ),
            "tables": written,
            "wires": "wires" in rows,
            "columns": float(mean["error"].sel(row="columns").max()) > 0,
            "stuck": "stuck" in rows,
            "later": None if later is None else time_text(float(later["time"][-1])),
            "aimed": None if aimed is None else time_text(aimed),
            "effects": [
                [str(cell) for cell in row]
                for row in attribute_json(study.summary, "effects", [])
            ],
        }  # fmt: skip


def answer(mean: xr.Dataset, later: xr.Dataset | None, marks: Marks) -> list[str]:
    """Which part is the largest for each method, with its numbers."""
    shares = mean.sel(row=list(ADDING))
    sentences = []
    if np.isfinite(shares["share"].values).all():
        found = []
        for method in programmed_by(mean):
            own = shares.sel(programmed_by=method)
            largest = str(own["row"].values[int(own["share"].values.argmax())])
            text = estimate_text(estimate_at(own.sel(row=largest), "share"), "%")
            found.append((largest, f"{text} after {marks[method].in_text}"))
        parts = [
            f"{PARTS[part].phrase}: {', '.join(text for other, text in found if other == part)}"
            for part in dict.fromkeys(part for part, _ in found)
        ]
        sentences.append(f"The largest share of the squared MVM error is {'; '.join(parts)}.")
    else:
        sentences.append(
            "The squared MVM error has no shares: some run has diverged, or has no error."
        )
    alone = [name for name in EACH if float(mean["error"].sel(row=name).max()) > 0]
    for method in programmed_by(mean):
        own = mean.sel(programmed_by=method)
        sizes = {name: float(own["error"].sel(row=name)) for name in alone}
        ranked = sorted(alone, key=lambda name: -sizes[name])
        if not ranked:
            continue
        parts = [
            f"{PARTS[name].phrase} ({estimate_parts(estimate_at(own, 'error', row=name), 2)[0]} %)"
            for name in ranked[:2]
        ]
        whole = estimate_text(estimate_at(own, "error", row="together"), "%")
        sentences.append(
            f"After {marks[method].in_text} all effects together leave {whole}; alone, "
            f"{' and '.join(parts)} leave most."
        )
    if later is not None:
        last = later.isel(time=-1)
        drift, slow = (
            estimate_text(estimate_at(last.isel(programmed_by=0), "error", row=name), "%")
            for name in ("drift", "slow_read_noise")
        )
        sentences.append(
            f"After {time_text(float(last['time']))}, drift alone leaves {drift} and slow read "
            f"noise alone {slow}."
        )
    return sentences


def _sample(study: Study) -> str:
    sets = len(study.result.weight_sets)
    over = f"mean over {sets} weight sets" if sets > 1 else "one weight set"
    interval = f" ({percent(study.level)} interval)" if study.cores > 1 else ""
    return f"{over}, {cores(study)}{interval}"


def _parts_table(study: Study, mean: xr.Dataset, marks: Marks) -> Table:
    names, methods, rows = tables.shown(mean), programmed_by(mean), []
    for name in names:
        own = mean.sel(row=name)
        errors = [estimate_at(own, "error", programmed_by=m) for m in methods]
        shares = [estimate_at(own, "share", programmed_by=m) for m in methods]
        rows.append(
            [
                tables.label_of(name, names),
                *(Cell.of(error, most=2) for error in errors),
                *(Cell.of(share, most=1) if name in ADDING else "" for share in shares),
            ]
        )
    return Table(
        f"MVM error in percent right after programming, {_sample(study)}",
        [
            "Part",
            *(marks[m].label for m in methods),
            *(f"share of the square, {marks[m].in_text}" for m in methods),
        ],
        rows,
        "error_budget_mean",
    )


def _later_table(study: Study, later: xr.Dataset, marks: Marks) -> Table:
    methods, rows = programmed_by(later), []
    for time in later["time"].values:
        own = later.sel(time=time)
        alone = own.isel(programmed_by=0)  # the same for all methods
        rows.append(
            [
                time_text(float(time)),
                *(
                    Cell.of(estimate_at(alone, "error", row=name), most=2)
                    for name in ("drift", "slow_read_noise")
                ),
                *(
                    Cell.of(estimate_at(own, "error", row="together", programmed_by=m), most=2)
                    for m in methods
                ),
            ]
        )
    return Table(
        f"MVM error in percent at times after programming, {_sample(study)}",
        [
            "Time",
            "drift alone",
            "slow read noise alone",
            *(f"all together, {marks[m].in_text}" for m in methods),
        ],
        rows,
        "error_budget_over_time_mean",
    )
