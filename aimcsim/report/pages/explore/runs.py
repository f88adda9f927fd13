"""Every run of a study as one table, a row each: what it is, its setting, its errors, its cost."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr

from aimcsim.report.estimates import time_text
from aimcsim.report.marks import Marks
from aimcsim.report.pages.programming.outcomes import STATUS_NAMES
from aimcsim.report.study import COMPENSATION, Study
from aimcsim.study.measures import STATUSES, hyperparameters, present, varying

Group = Literal["run", "setting", "error", "cost"]
DIMENSIONS = ("weight_set", "tile", "core", "run")
MOST = 250_000  # rows that a browser filters without waiting. Ours
_BLOCK = 20_000
_SUMMED = {
    "programming_time": ("time", "programming time", "ms", 1e3),
    "programming_energy": ("energy", "programming energy", "uJ", 1e6),
}
_PER_CELL = {"pulses": "pulses per unit cell", "cell_reads": "reads per unit cell"}
_ERRORS = {"mvm_error": "MVM error", "held_error": "held error", "weight_error": "weight error"}


@dataclass(frozen=True)
class Runs:
    """Rows of the table, as places in a summary."""

    summary: xr.Dataset
    places: dict[str, np.ndarray]
    """Indices along each dimension in ``DIMENSIONS`` of the summary, int (rows,)."""
    of: int
    """Runs that the study has; more than rows where the table is a sample of them."""

    @classmethod
    def of_study(cls, study: Study, most: int = MOST) -> "Runs":
        """Every run that programs, or ``most`` of them, evenly spread, where there are more."""
        summary = study.summary
        there = present(summary).transpose(*DIMENSIONS).values
        there = there & np.isin(summary["method"].values, study.programming)
        found = np.nonzero(there)
        count = len(found[0])
        kept = np.arange(count)
        if count > most:
            kept = np.linspace(0, count - 1, most).round().astype(int)
        places = {name: at[kept] for name, at in zip(DIMENSIONS, found, strict=True)}
        return cls(summary, places, count)

    def __len__(self) -> int:
        return len(self.places["run"])

    def part(self, rows: slice) -> "Runs":
        """Some of the rows."""
        return Runs(self.summary, {name: at[rows] for name, at in self.places.items()}, self.of)

    def at(self, values: xr.DataArray) -> np.ndarray:
        """``values`` of each row, (rows, ...); a dimension that they lack does not matter."""
        own = {
            name: xr.DataArray(place, dims="row")
            for name, place in self.places.items()
            if name in values.dims
        }
        return values.isel(own).transpose("row", ...).values


def table(study: Study, marks: Marks, runs: Runs) -> xr.Dataset:
    """The table of ``runs``, over ``row``.

    Every variable has a ``long_name``, its ``units`` and a ``group``: "run", "setting", "error" or
    "cost". A setting that a method does not have is NaN, or the empty text.
    """
    variables = {}
    for name, values, label, units, group in (
        *_what(study, marks, runs),
        *_settings(study, runs),
        *_errors(study, runs),
        *_costs(study, runs),
    ):
        attributes = {"long_name": label, "units": units, "group": group}
        variables[name] = ("row", values, attributes)
    return xr.Dataset(variables)


Column = tuple[str, np.ndarray, str, str, Group]


def _what(study: Study, marks: Marks, runs: Runs) -> Iterator[Column]:
    summary = study.summary
    sets = np.array(study.result.weight_sets, object)
    yield "weight_set", sets[runs.places["weight_set"]], "weight set", "1", "run"
    if summary.sizes["tile"] > 1:
        yield "tile", runs.places["tile"].astype(float), "tile", "1", "run"
    yield "chip", runs.at(summary["core"]).astype(float), "chip", "1", "run"
    called = {name: marks[name].label for name in study.programming}
    methods = np.array([called[str(name)] for name in runs.at(summary["method"])], object)
    yield "method", methods, "method", "1", "run"
    names = {flag: STATUS_NAMES[name] for flag, name in STATUSES.items()}
    ended = np.array([names[int(flag)] for flag in runs.at(summary["status"])], object)
    yield "status", ended, "how it ended", "1", "run"


def _settings(study: Study, runs: Runs) -> Iterator[Column]:
    """Hyperparameters that some method has several values of, those of the subject first."""
    summary = study.summary
    order = sorted(study.programming, key=lambda name: name != study.subject)
    about: dict[str, tuple[str, str]] = {}
    for name in order:
        known = hyperparameters(summary, name)
        about |= {key: known[key] for key in varying(summary, name) if key not in about}
    for key, (label, unit) in about.items():
        own = np.array([key in hyperparameters(summary, name) for name in study.programming])
        having = np.array(study.programming)[own]
        has = np.isin(runs.at(summary["method"]), having)
        values = runs.at(summary[key])
        if values.dtype.kind == "f":
            yield key, np.where(has, values, np.nan), label, unit or "1", "setting"
        else:
            texts = np.where(has, values.astype(object), "")
            yield key, texts, label, unit or "1", "setting"


def _errors(study: Study, runs: Runs) -> Iterator[Column]:
    summary = study.summary
    for name, label in _ERRORS.items():
        yield name, _known(runs.at(summary[name])), label, "percent", "error"
    if "error_over_time" in summary:
        last = summary["error_over_time"].isel(time=-1).sel(compensation=COMPENSATION)
        label = f"MVM error after {time_text(float(last['time']))}"
        yield "mvm_error_after", _known(runs.at(last)), label, "percent", "error"


def _costs(study: Study, runs: Runs) -> Iterator[Column]:
    summary = study.summary
    for variable, (name, label, unit, factor) in _SUMMED.items():
        if variable in summary:
            spent = factor * runs.at(summary[variable].sum("phase"))
            yield name, _known(spent), label, unit, "cost"
    yield "mvms", _known(runs.at(summary["mvms"])), "MVMs", "1", "cost"
    cells = runs.at(summary["cells"])
    for name, label in _PER_CELL.items():
        yield name, _known(runs.at(summary[name]) / cells), label, "1", "cost"


def _known(values: Any) -> np.ndarray:
    values = np.asarray(values, float)
    return np.where(np.isfinite(values), values, np.nan)


def curves(runs: Runs, most: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Error per iteration of each row, at up to ``most`` iterations.

    Returns
    -------
    iterations
        Int (iterations,), from the first to the last of the study.
    error
        Percent, (rows, iterations). A run that stopped keeps its last value up to where the last
        run of its method stopped; NaN behind that.
    """
    summary = runs.summary
    seen = summary["error_per_iteration"]
    ends = _ends(summary, seen)
    last = seen.sizes["iteration"] - 1
    evenly = np.linspace(0, last, most - len(ends)).round().astype(int)
    taken = np.unique([*evenly, *(end for end in ends.values() if end >= 0)])
    error = np.empty((len(runs), len(taken)))
    for start in range(0, len(runs), _BLOCK):  # all at once would take gigabytes
        rows = slice(start, start + _BLOCK)
        curve = runs.part(rows).at(seen)
        known = np.where(np.isfinite(curve), np.arange(last + 1), 0)
        latest = np.maximum.accumulate(known, axis=1)[:, taken]
        error[rows] = np.take_along_axis(curve, latest, axis=1)
    methods = runs.at(summary["method"])
    for name, end in ends.items():
        error[np.ix_(methods == name, taken > end)] = np.nan
    return seen["iteration"].values[taken], error


def _ends(summary: xr.Dataset, seen: xr.DataArray) -> dict[str, int]:
    """Index of the iteration at which the last run of each method ended; -1 where it has none."""
    alive = np.isfinite(seen.transpose("run", "iteration", ...).values).any(axis=(2, 3, 4))
    methods = summary["method"].values
    found = {}
    for name in dict.fromkeys(map(str, methods)):
        there = np.flatnonzero(alive[methods == name].any(axis=0))
        found[name] = int(there[-1]) if there.size else -1
    return found
