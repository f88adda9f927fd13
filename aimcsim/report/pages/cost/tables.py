"""The data behind the page of cost: means over cores with intervals."""

import xarray as xr

from aimcsim.chip.cost import PHASES
from aimcsim.report.estimates import carried, mean_over_cores
from aimcsim.report.study import COMPENSATION, Study
from aimcsim.study.measures import per_core, present

TOTAL = "total"
_SHOWN = {"time": ("programming_time", 1e3, "ms"), "energy": ("programming_energy", 1e6, "uJ")}


def spending(study: Study) -> xr.Dataset | None:
    """Time and energy per core by weight set, method and phase, and their totals.

    None where the summary has no cost. Each method at its chosen setting, with the run that it
    starts from.
    """
    if "programming_time" not in study.summary:
        return None
    parts = []
    for name, (variable, factor, units) in _SHOWN.items():
        values = factor * chosen(study, variable, "phase").sel(phase=list(PHASES))
        total = values.sum("phase").expand_dims(phase=[TOTAL])
        values = xr.concat([values, total], "phase").transpose(..., "phase", "core")
        parts.append(
            mean_over_cores(values, name, f"{name} to program one core", units, study.level)
        )
    error = chosen(study, "mvm_error")
    parts.append(mean_over_cores(error, "error", "MVM error", "percent", study.level))
    return _objects(xr.merge(parts))


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
    rest = [dim for dim in error.dims if dim not in ("programmed_by", "iteration")]
    alive = error.notnull().any(rest)
    found = {}
    for name, variable, factor, units, text in (
        ("error", "error_per_iteration", 1, "percent", "error as the algorithm saw it"),
        ("time", "time_per_iteration", 1e3, "ms", "time spent by then"),
        ("energy", "energy_per_iteration", 1e6, "uJ", "energy spent by then"),
    ):
        values = study.chosen(summary[variable]).transpose(..., "iteration").where(runs)
        values = carried(factor * values)
        own = weights.where(values.notnull())  # tiles of zeros have a cost, and no error
        mean = (values * own).sum(["tile", "core"]) / own.sum(["tile", "core"])
        mean = mean.where(alive).transpose("weight_set", "programmed_by", "iteration")
        found[name] = mean.sel(programmed_by=study.programming)
        found[name].attrs = {"units": units, "long_name": text}
    return _objects(xr.Dataset(found))


def chosen(study: Study, variable: str, *last: str) -> xr.DataArray:
    """Per core, tiles weighted by their cells: (weight_set, programmed_by, *last, core).

    Of the methods that cost anything, with one compensation factor per core.
    """
    values = study.chosen(per_core(study.summary, variable))
    if "compensation" in values.dims:
        values = values.sel(compensation=COMPENSATION, drop=True)
    values = values.transpose("weight_set", "programmed_by", *last, "core")
    return values.sel(programmed_by=study.programming)


def _objects(data: xr.Dataset) -> xr.Dataset:
    """Names as objects: joined coordinates of several lengths of text lose their type."""
    names = {
        dim: data[dim].values.astype(object)
        for dim in data.dims
        if dim in data.coords and data[dim].dtype.kind == "U"
    }
    return data.assign_coords(names)
