"""The data behind the page of the error split."""

import numpy as np
import xarray as xr

from aimcsim.report.study import (
    Study,
    methods,
)
from aimcsim.study import error_budget as split
from aimcsim.study.intervals import mean_interval

WORDS = {
    "residue": "what programming leaves in the conductances, exact products (the held error)",
    "stuck": "of this, what lies in cells with a stuck device",
    "columns": "gain and offset of the columns, on exact targets",
    "wires": "wire resistance, on exact targets",
    "seen": "programmed conductances behind the core's own columns and wires",
    "read_noise": "read noise of the devices, on exact targets",
    "converters": "input range, steps and noise of the converters, on exact targets",
    "squares": "root of the sum of squares of all effects alone",
    "sum": "root of the sum of squares of seen, read_noise and converters",
    "together": "everything: the MVM error",
    "drift": "conductance drift, on exact targets",
    "slow_read_noise": "slow read noise without drift, on exact targets",
}


def parts(study: Study) -> xr.Dataset:
    """MVM error right after programming by part, weight set and method, and shares of squares."""
    values = _chosen(study, split.parts(study.summary))
    dataset = _interval(values, "error", study.level)
    dataset = dataset.merge(_interval(split.shares(values), "share", study.level), join="outer")
    return _described(dataset.sel(row=list(split.ROWS)))


def parts_mean(study: Study) -> xr.Dataset:
    """The same as mean over weight sets: of errors, and of shares."""
    values = _chosen(study, split.parts(study.summary))
    shares = split.shares(values).mean("weight_set", skipna=False)
    dataset = _interval(values.mean("weight_set"), "error", study.level)
    dataset = dataset.merge(_interval(shares, "share", study.level), join="outer")
    return _described(dataset.sel(row=list(split.ROWS)))


def later(study: Study) -> xr.Dataset | None:
    """Parts at times after programming, by weight set and method; None without times."""
    values = split.later(study.summary)
    if values is None:
        return None
    return _described(_interval(_chosen(study, values), "error", study.level))


def later_mean(study: Study) -> xr.Dataset | None:
    """The same as mean over weight sets."""
    values = split.later(study.summary)
    if values is None:
        return None
    mean = _chosen(study, values).mean("weight_set")
    return _described(_interval(mean, "error", study.level))


def shown(data: xr.Dataset) -> list[str]:
    """Parts that any core has: effects that are off are nowhere above 0."""
    optional = ("stuck", "wires")
    return [
        str(name)
        for name in data["row"].values
        if name not in optional or float(data["error"].sel(row=name).max()) > 0
    ]


def _chosen(study: Study, values: xr.DataArray) -> xr.DataArray:
    """At each weight set's chosen setting, methods in the order of the report."""
    return study.chosen(values).sel({"method": methods(study.summary)})


def _interval(values: xr.DataArray, name: str, level: float) -> xr.Dataset:
    """Mean over cores with interval, and the values per core as ``<name>_cores``."""
    values = values.transpose(..., "core")
    dims = values.dims[:-1]
    ends = zip(("", "_low", "_high"), mean_interval(values.values, level), strict=True)
    variables = {f"{name}{end}": (dims, array) for end, array in ends}
    variables[f"{name}_cores"] = (values.dims, values.values)
    return xr.Dataset(variables, {dim: values[dim].values for dim in values.dims})


def _described(dataset: xr.Dataset) -> xr.Dataset:
    texts = {"error": "MVM error by part", "share": "share of the squared MVM error"}
    ends = {"": "", "_low": ", lower end of the interval", "_high": ", upper end of the interval"}
    ends["_cores"] = " of each core"
    for name, text in texts.items():
        for end, more in ends.items():
            if f"{name}{end}" in dataset:
                dataset[f"{name}{end}"].attrs = {"units": "percent", "long_name": text + more}
    meaning = np.array([WORDS[str(name)] for name in dataset["row"].values], object)
    dataset["meaning"] = ("row", meaning, {"units": "1", "long_name": "what the part is"})
    if "time" in dataset:
        dataset["time"].attrs = {"units": "s", "long_name": "time after programming"}
    return dataset
