"""The data behind the pages of cost and of programming again: means over cores with intervals."""

import numpy as np
import xarray as xr

from aimcsim.chip.cost import PHASES
from aimcsim.report.study import (
    COMPENSATION,
    OPEN_LOOP,
    Study,
    methods,
)
from aimcsim.study.intervals import mean_interval
from aimcsim.study.measures import per_core, present

TOTAL = "total"
_SHOWN = {"time": ("programming_time", 1e3, "ms"), "energy": ("programming_energy", 1e6, "uJ")}
_AGAIN = {  # variable: (of the summary, factor, units, text)
    "before": ("drifted_error", 1, "percent", "MVM error after drift"),
    "after": ("refreshed_error", 1, "percent", "MVM error after programming again"),
    "mvms": ("refresh_mvms", 1, "MVMs", "MVMs per tile"),
    "time": ("refresh_duration", 1e3, "ms", "time to program one core again"),
    "energy": ("refresh_energy", 1e6, "uJ", "energy to program one core again"),
}
_PER_CELL = {"reads": "refresh_cell_reads", "pulses": "refresh_pulses"}


def spending(study: Study) -> xr.Dataset | None:
    """Time and energy per core by weight set, method and phase, and their totals.

    None where the summary has no cost. GDP at the chosen setting, with the run it starts from.
    """
    if "programming_time" not in study.summary:
        return None
    parts = []
    for name, (variable, factor, units) in _SHOWN.items():
        values = factor * _chosen(study, variable, "phase")
        total = values.sum("phase").expand_dims({"phase": [TOTAL]})
        values = xr.concat([values.sel({"phase": list(PHASES)}), total], "phase")
        parts.append(_estimated(study, values, name, units, f"{name} to program one core"))
    error = _chosen(study, "mvm_error")
    return xr.merge([*parts, _estimated(study, error, "error", "percent", "MVM error")])


def trajectories(study: Study) -> xr.Dataset | None:
    """Error that each algorithm saw against the time and energy spent by then; means over cores.

    A run that has stopped keeps its last values, up to the last iteration of any run.
    """
    summary = study.summary
    if "time_per_iteration" not in summary:
        return None
    runs = study.chosen(present(summary))
    weights = study.chosen(present(summary) * summary["cells"].fillna(0))
    error = study.chosen(summary["error_per_iteration"]).transpose(..., "iteration")
    alive = error.notnull().any([d for d in error.dims if d not in ("method", "iteration")])
    found = {}
    for name, variable, factor, units in (
        ("error", "error_per_iteration", 1, "percent"),
        ("time", "time_per_iteration", 1e3, "ms"),
        ("energy", "energy_per_iteration", 1e6, "uJ"),
    ):
        values = study.chosen(summary[variable]).transpose(..., "iteration").where(runs)
        values = _carried(factor * values)
        mean = (values * weights).sum(["tile", "core"]) / weights.sum(["tile", "core"])
        mean = mean.where(alive).transpose("weight_set", "method", "iteration")
        found[name] = _plain(mean.sel({"method": programming(study)}))
        text = "error as the algorithm saw it" if name == "error" else f"{name} spent by then"
        found[name].attrs = {"units": units, "long_name": text}
    return xr.Dataset(found)


def refreshed(study: Study) -> xr.Dataset | None:
    """Errors before and after programming again, with one factor per core, and what it took.

    Over (weight_set, method, refresh_time); None where the study does not.
    """
    summary = study.summary
    if "refreshed_error" not in summary:
        return None
    parts = []
    for name, (variable, factor, units, text) in _AGAIN.items():
        if variable in summary:
            values = factor * _chosen(study, variable, "refresh_time")
            parts.append(_estimated(study, values, name, units, text))
    runs, cells = present(summary), summary["cells"].fillna(0).sum("tile")
    for name, variable in _PER_CELL.items():
        values = study.chosen(summary[variable].where(runs).sum("tile") / cells)
        values = values.sel({"method": programming(study)})
        parts.append(_estimated(study, values, name, "1", f"{name} per unit cell"))
    fresh = _chosen(study, "mvm_error")
    after = _chosen(study, "refreshed_error", "refresh_time")
    parts.append(_estimated(study, fresh, "fresh", "percent", "MVM error as first programmed"))
    parts.append(_estimated(study, after / fresh, "ratio", "1", "error after over that at first"))
    return xr.merge(parts)


def programming(study: Study) -> list[str]:
    """Methods that really program: targets drawn with a published residue cost nothing."""
    return [name for name in methods(study.summary) if name != OPEN_LOOP]


def _chosen(study: Study, variable: str, *last: str) -> xr.DataArray:
    """Per core, tiles weighted by their cells: (weight_set, method, core, *last)."""
    values = study.chosen(per_core(study.summary, variable))
    if "compensation" in values.dims:
        values = values.sel({"compensation": COMPENSATION}, drop=True)
    values = values.transpose("weight_set", "method", "core", *last)
    return values.sel({"method": programming(study)})


def _estimated(study: Study, values: xr.DataArray, name: str, units: str, text: str) -> xr.Dataset:
    """Mean over cores, ends of its interval and the values per core."""
    values = _plain(values.transpose("weight_set", "method", ..., "core"))
    dims = values.dims[:-1]
    ends = mean_interval(values.values, study.level)
    variables = {
        f"{name}{end}": (dims, part, {"units": units, "long_name": f"{text}{more}"})
        for (end, more), part in zip(
            (("", ""), ("_low", ", lower end of the interval"),
             ("_high", ", upper end of the interval")),
            ends, strict=True,
        )
    }  # fmt: skip
    cores = (values.dims, values.values, {"units": units, "long_name": f"{text} of each core"})
    return xr.Dataset(variables | {f"{name}_cores": cores}, values.coords)


def _plain(values: xr.DataArray) -> xr.DataArray:
    """Without coordinates that are no dimension, and with names as objects."""
    values = values.drop_vars([name for name in values.coords if name not in values.dims])
    names = {
        dim: values[dim].values.astype(object)
        for dim in values.dims
        if dim in values.coords and values[dim].dtype.kind in "UO"
    }
    return values.assign_coords(names)


def _carried(values: xr.DataArray) -> xr.DataArray:
    """The last value in place of the NaN that follow it, along the last axis."""
    seen = np.where(np.isnan(values.values), 0, np.arange(values.shape[-1]))
    last = np.maximum.accumulate(seen, axis=-1)
    return values.copy(data=np.take_along_axis(values.values, last, axis=-1))
