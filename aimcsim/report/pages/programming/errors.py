"""Section "MVM error": every method's errors by weight set, and their ratios."""

import numpy as np
import xarray as xr

from aimcsim.report.charts import by_method, method_rows
from aimcsim.report.drawing import Plot, styled
from aimcsim.report.elements import Cell, Table, cores, percent
from aimcsim.report.estimates import estimate_at, estimated, mean_over_cores
from aimcsim.report.marks import Marks, programmed_by
from aimcsim.report.study import Study, others
from aimcsim.study.measures import per_core
from aimcsim.study.over_time import ratios as ratios_of

_CALIBRATED = "calibrated_error"
_NAMES = {
    "mvm_error": "MVM error",
    "held_error": "held error",
    "weight_error": "weight error",
    _CALIBRATED: "MVM error behind a digital scale and offset",
}


def errors(study: Study) -> xr.Dataset:
    """Errors by weight set and method, each method at its chosen setting."""
    parts = [
        mean_over_cores(
            study.chosen(per_core(study.summary, name)), name, text, "percent", study.level
        )
        for name, text in _NAMES.items()
        if name in study.summary
    ]
    return xr.merge(parts)


def ratios(study: Study, marks: Marks) -> xr.Dataset:
    """Ratios of MVM errors by weight set, with the setting of the subject.

    ``ratio`` is that of the subject over the baseline.
    """
    found = estimated(("weight_set",), study.result.ratio, "ratio", _over(study, marks))
    for upper, lower in further_pairs(study):
        each, _ = ratios_of(study.summary, "mvm_error", study.result, upper, lower)
        text = f"MVM error after {marks[upper].in_text} over that after {marks[lower].in_text}"
        found |= estimated(("weight_set",), each, f"{upper}_over_{lower}", text)
    chosen = [study.setting_text(int(run)) for run in study.result.runs[study.subject]]
    attributes = {"long_name": f"setting of {marks[study.subject].in_text}", "units": "1"}
    found["setting"] = ("weight_set", np.array(chosen, object), attributes)
    return xr.Dataset(found, {"weight_set": np.array(study.result.weight_sets, object)})


def _over(study: Study, marks: Marks) -> str:
    upper, lower = (marks[name].in_text for name in (study.subject, study.baseline))
    return f"MVM error after {upper} over that after {lower}"


def further_pairs(study: Study) -> list[tuple[str, str]]:
    """Methods (upper, lower) whose ratio is shown beside that of the subject to the baseline."""
    known = others(study.summary)
    pairs = [(name, study.baseline) for name in known]
    return pairs + [(study.subject, name) for name in known if name in study.programming]


@styled
def figure(data: xr.Dataset, marks: Marks) -> Plot:
    """MVM error and held error by weight set and method."""
    panels = {
        "mvm_error": "MVM error (programming and read-out)",
        "held_error": "Held error (programming alone)",
    }
    alt = (
        f"MVM error by weight set and method. {by_method(data, 'mvm_error', '%', marks)}. "
        f"Held error: {by_method(data, 'held_error', '%', marks)}."
    )
    return Plot(method_rows(data, panels, marks), alt, data)


def table(study: Study, data: xr.Dataset, ratios: xr.Dataset, marks: Marks) -> Table:
    """Errors of every weight set; with two methods, their ratio too."""
    # Two methods and their ratio fit one table; more have one for the ratios.
    alone = not others(study.summary)
    shown = [name for name in ("mvm_error", "held_error", _CALIBRATED) if name in data]
    rows = []
    for index, name in enumerate(study.result.weight_sets):
        row: list[str | Cell] = [name]
        for variable in shown:
            for method in programmed_by(data):
                at = estimate_at(data, variable, weight_set=name, programmed_by=method)
                row.append(Cell.of(at))
        if alone:
            row.append(Cell.of(study.result.ratio.of(index)))
        rows.append([*row, str(ratios["setting"].values[index])])
    interval = "" if study.cores == 1 else f" ({percent(study.level)} interval)"
    return Table(
        f"Errors in percent{' and their ratio' if alone else ''}, {mean_text(study)}{interval}",
        [
            "Weight set",
            *(
                f"{data[variable].attrs['long_name']}, {marks[method].in_text}"
                for variable in shown
                for method in programmed_by(data)
            ),
            *([f"ratio of MVM errors, {ratio_text(study, marks)}"] if alone else []),
            str(ratios["setting"].attrs["long_name"]),
        ],
        rows,
        "ratio" if alone else "mvm_error",
    )


def ratio_table(study: Study, ratios: xr.Dataset, marks: Marks) -> Table | None:
    """Ratios of MVM errors; None where the study has two methods."""
    pairs = further_pairs(study)
    if not pairs:
        return None
    rows = [
        [
            name,
            Cell.of(study.result.ratio.of(index)),
            *(Cell.of(estimate_at(ratios, f"{u}_over_{v}", weight_set=name)) for u, v in pairs),
        ]
        for index, name in enumerate(study.result.weight_sets)
    ]
    headings = [f"{marks[u].in_text} / {marks[v].in_text}" for u, v in pairs]
    return Table(
        "Ratios of MVM errors", ["Weight set", ratio_text(study, marks), *headings], rows, "ratio"
    )


def ratio_text(study: Study, marks: Marks) -> str:
    """'GDP / iterative programming'."""
    return f"{marks[study.subject].in_text} / {marks[study.baseline].in_text}"


def mean_text(study: Study) -> str:
    """What a value of a table is, over the cores."""
    return "one core" if study.cores == 1 else f"means over {cores(study)}"
