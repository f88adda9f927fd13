"""The data behind every figure and table of the report, as datasets, and their files.

Each function takes a :class:`Study` and returns a dataset with ``units`` and ``long_name`` on
every variable. :func:`write` puts it beside the page twice: as netCDF, and as CSV (variables over
``core`` stand in the netCDF file alone).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from aimcsim.storage import write_dataset, write_text
from aimcsim.study.intervals import Estimate, mean_interval
from aimcsim.study.measures import (
    HYPERPARAMETERS,
    LABELS,
    STATUSES,
    UNITS,
    check,
    of_method,
    per_core,
    present,
    setting,
    totals,
    varying,
)
from aimcsim.study.regret import Agnosticism, SetEstimates, agnosticism, excess

METHODS = ("iterative", "gdp")


@dataclass(frozen=True)
class Study:
    """A summary with the statistics drawn from it."""

    summary: xr.Dataset
    result: Agnosticism

    @classmethod
    def of(cls, summary: xr.Dataset) -> "Study":
        """Check the summary and compute its statistics. UserError where it is incomplete."""
        check(summary)
        return cls(summary, agnosticism(summary))

    @property
    def level(self) -> float:
        return self.result.options.level

    @property
    def cores(self) -> int:
        return self.result.cores

    def chosen(self, values: xr.DataArray) -> xr.DataArray:
        """``values`` (weight_set, point, ...) at each weight set's chosen setting."""
        names = ("weight_set",)
        picked = values.isel(
            weight_set=xr.DataArray(np.arange(len(self.result.chosen)), dims=names),
            point=xr.DataArray(self.result.chosen, dims=names),
        )
        return picked.drop_vars([name for name in picked.coords if name not in values.dims])

    def setting_text(self, point: int) -> str:
        """The swept hyperparameters of a point, as 'name value, name value'."""
        values = setting(self.summary, point)
        names = varying(self.summary) or values
        return ", ".join(
            f"{LABELS[name]} {_plain(values[name])}" for name in HYPERPARAMETERS if name in names
        )


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _describe(dataset: xr.Dataset, **names: tuple[str, str]) -> xr.Dataset:
    """Set ``long_name`` and ``units``; ends of intervals inherit from their variable."""
    for variable in dataset.data_vars:
        stem, _, end = variable.rpartition("_")
        source = stem if end in ("low", "high") and stem in names else variable
        long_name, units = names[source]
        if source != variable:
            long_name = f"{long_name}, {'lower' if end == 'low' else 'upper'} end of the interval"
        dataset[variable].attrs = {"long_name": long_name, "units": units}
    return dataset


def _with_interval(values: xr.DataArray, name: str, level: float) -> xr.Dataset:
    """Mean over cores with interval, and the values per core as ``<name>_cores``."""
    dims = tuple(dim for dim in values.dims if dim != "core")
    mean, low, high = mean_interval(values.transpose(..., "core").values, level)
    coords = {dim: values[dim].values for dim in values.dims}
    return xr.Dataset(
        {
            name: (dims, mean),
            f"{name}_low": (dims, low),
            f"{name}_high": (dims, high),
            f"{name}_cores": ((*dims, "core"), values.transpose(..., "core").values),
        },
        coords=coords,
    )


def _sets(study: Study) -> np.ndarray:
    return np.array(study.result.weight_sets, dtype=object)


def _of_sets(study: Study, **estimates: SetEstimates | None) -> xr.Dataset:
    variables = {}
    for name, estimate in estimates.items():
        if estimate is not None:
            variables[name] = ("weight_set", estimate.value)
            variables[f"{name}_low"] = ("weight_set", estimate.low)
            variables[f"{name}_high"] = ("weight_set", estimate.high)
    return xr.Dataset(variables, coords={"weight_set": _sets(study)})


def errors(study: Study) -> xr.Dataset:
    """MVM, held and weight error by weight set and method; GDP at the chosen setting."""
    names = {"mvm_error": "MVM error", "held_error": "held error", "weight_error": "weight error"}
    parts = []
    for name in names:
        values = study.chosen(per_core(study.summary, name)).transpose(
            "weight_set", "method", "core"
        )
        parts.append(_with_interval(values.sel({"method": list(METHODS)}), name, study.level))
    dataset = xr.merge(parts)
    described = {name: (text, "percent") for name, text in names.items()}
    described |= {f"{k}_cores": (f"{t} of each core", "percent") for k, t in names.items()}
    return _describe(dataset, **described)


def ratios(study: Study) -> xr.Dataset:
    """MVM error of GDP over iterative programming, with the setting it was reached at."""
    dataset = _of_sets(study, ratio=study.result.ratio)
    dataset["setting"] = (
        "weight_set",
        np.array([study.setting_text(point) for point in study.result.chosen], dtype=object),
    )
    return _describe(
        dataset,
        ratio=("MVM error of GDP over that of iterative programming", "1"),
        setting=("hyperparameters of GDP", "1"),
    )


def convergence(study: Study) -> xr.Dataset:
    """Error per iteration as the algorithm saw it; a stopped run keeps its last value."""
    summary = study.summary
    curve = study.chosen(summary["error_per_iteration"])
    runs = study.chosen(present(summary))
    curve = curve.where(runs).transpose(..., "iteration")
    # The axis ends where the last run of the method ended.
    alive = curve.notnull().any([dim for dim in curve.dims if dim not in ("method", "iteration")])
    last = alive.cumsum("iteration").argmax("iteration")
    inside = xr.DataArray(np.arange(curve.sizes["iteration"]), dims="iteration") <= last
    curve = _carried(curve).where(inside & alive.any("iteration"))
    weights = summary["cells"].fillna(0).where(runs & curve.notnull())
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (curve * weights).sum("tile", min_count=1) / weights.sum("tile", min_count=1)
    mean = mean.transpose("weight_set", "method", "iteration", "core")
    dataset = _with_interval(mean.sel({"method": list(METHODS)}), "error", study.level)
    return _describe(
        dataset,
        error=(
            "error as the algorithm saw it through the ports (iterative: relative error of "
            "unit-cell reads; gdp: relative MVM error of its batch)",
            "percent",
        ),
        error_cores=("the same of each core", "percent"),
    )


def _carried(curve: xr.DataArray) -> xr.DataArray:
    """Last seen value in place of what follows it, along the last axis."""
    values = curve.values
    seen = np.where(np.isnan(values), 0, np.arange(values.shape[-1]))
    return curve.copy(
        data=np.take_along_axis(values, np.maximum.accumulate(seen, axis=-1), axis=-1)
    )


def accuracy(study: Study) -> xr.Dataset | None:
    """Accuracy of the networks: software, iterative, GDP. None without a network."""
    summary = study.summary
    if "accuracy" not in summary or "software_accuracy" not in summary:
        return None
    networks = np.isfinite(summary["software_accuracy"].values)
    values = study.chosen(summary["accuracy"]).transpose("weight_set", "method", "core")
    if not networks.any():
        return None
    values = values.isel(weight_set=np.flatnonzero(networks)).sel({"method": list(METHODS)})
    dataset = _with_interval(values, "accuracy", study.level)
    dataset["software_accuracy"] = (
        "weight_set",
        summary["software_accuracy"].values[networks].astype(float),
    )
    if "test_images" in summary:
        dataset["test_images"] = ("weight_set", summary["test_images"].values[networks])
    dataset = dataset.assign_coords(weight_set=_sets(study)[networks])
    return _describe(
        dataset,
        accuracy=("share of test images classified correctly on cores", "percent"),
        accuracy_cores=("the same of each core", "percent"),
        software_accuracy=("share classified correctly in floating point", "percent"),
        test_images=("test images", "1"),
    )


def settings(study: Study) -> xr.Dataset:
    """Error of every hyperparameter point over each set's own best."""
    error = of_method(per_core(study.summary, "mvm_error"), "gdp").mean("core").values
    points = np.arange(error.shape[1])
    dataset = xr.Dataset(
        {
            "error": (("weight_set", "point"), error),
            "excess": (("weight_set", "point"), 100 * np.expm1(excess(error))),
            "own_best": (
                ("weight_set", "point"),
                (points == study.result.best[:, None]).astype(np.int8),
            ),
            "left_out": (
                ("weight_set", "point"),
                (points == study.result.chosen[:, None]).astype(np.int8),
            ),
            "shared": ("point", (points == study.result.shared).astype(np.int8)),
        },
        coords={"weight_set": _sets(study), "point": points},
    )
    _describe(
        dataset,
        error=("MVM error of GDP, mean over cores", "percent"),
        excess=("MVM error over that of the weight set's own best point", "percent"),
        own_best=("1 at the weight set's own best point", "1"),
        left_out=("1 at the point chosen for the weight set", "1"),
        shared=("1 at the point chosen over all weight sets", "1"),
    )
    for name in HYPERPARAMETERS:
        values = study.summary[name].values
        values = values if values.dtype.kind in "biuf" else values.astype(object)
        dataset[name] = ("point", values, {"long_name": name, "units": UNITS[name] or "1"})
    return dataset


def regret(study: Study) -> xr.Dataset | None:
    """Regret of the shared setting per left-out weight set. None where not measurable."""
    result = study.result
    if result.regret is None:
        return None
    dataset = _of_sets(study, regret=result.regret, cross_fitted_regret=result.split_regret)
    return _describe(
        dataset,
        regret=("excess of MVM error over the set's own best, same cores", "percent"),
        cross_fitted_regret=("the same, chosen and judged on different cores", "percent"),
    )


def cost(study: Study) -> xr.Dataset:
    """What programming used, by weight set and method; GDP includes the run it starts from."""
    summary = study.summary
    cells = summary["cells"].fillna(0).sum("tile")
    tiles = present(summary).any(["core", "method", "point"]).sum("tile")
    wanted = {
        "mvms": (totals(summary, "mvms") / tiles, "MVMs per tile", "1"),
        "cell_reads": (totals(summary, "cell_reads") / cells, "cell reads per unit cell", "1"),
        "pulses": (totals(summary, "pulses") / cells, "pulses per unit cell", "1"),
        "saturation": (
            100 * per_core(summary, "saturation"),
            "saturated ADC conversions",
            "percent",
        ),
    }
    parts, described = [], {}
    for name, (values, text, units) in wanted.items():
        chosen = study.chosen(values).transpose("weight_set", "method", "core")
        parts.append(_with_interval(chosen.sel({"method": list(METHODS)}), name, study.level))
        described[name] = (text, units)
        described[f"{name}_cores"] = (f"{text} of each core", units)
    return _describe(xr.merge(parts), **described)


def pulses(study: Study) -> xr.Dataset:
    """MVM error against pulses per unit cell, for every point; means over cores."""
    summary = study.summary
    cells = summary["cells"].fillna(0).sum("tile")
    dims = ("weight_set", "method", "point")
    used = (totals(summary, "pulses") / cells).mean("core").transpose(*dims)
    error = per_core(summary, "mvm_error").mean("core").transpose(*dims)
    points = np.arange(summary.sizes["point"])
    dataset = xr.Dataset(
        {
            "pulses": (dims, used.sel({"method": list(METHODS)}).values),
            "error": (dims, error.sel({"method": list(METHODS)}).values),
            "left_out": (
                ("weight_set", "point"),
                (points == study.result.chosen[:, None]).astype(np.int8),
            ),
        },
        coords={"weight_set": _sets(study), "method": list(METHODS), "point": points},
    )
    return _describe(
        dataset,
        pulses=("pulses per unit cell", "1"),
        error=("MVM error", "percent"),
        left_out=("1 at the point chosen for the weight set", "1"),
    )


def outcomes(study: Study) -> xr.Dataset:
    """How many runs ended in which status; every run is counted once.

    A run is one tile on one core; iterative programming has one per tile and core, GDP one per
    point as well. ``gdp_chosen`` repeats those GDP runs that used the chosen setting.
    """
    status = study.summary["status"]
    groups = {
        "iterative": of_method(status, "iterative").isel(point=[0]),
        "gdp": of_method(status, "gdp"),
        "gdp_chosen": study.chosen(of_method(status, "gdp")),
    }
    counts = np.stack(
        [
            np.stack(
                [
                    (part == flag).sum([d for d in part.dims if d != "weight_set"]).values
                    for flag in STATUSES
                ],
                axis=-1,
            )
            for part in groups.values()
        ],
        axis=1,
    )
    dataset = xr.Dataset(
        {"runs": (("weight_set", "runs_of", "status"), counts)},
        coords={
            "weight_set": _sets(study),
            "runs_of": list(groups),
            "status": list(STATUSES.values()),
        },
    )
    return _describe(dataset, runs=("programming runs (tile x core x point)", "1"))


def weight_sets(study: Study) -> xr.Dataset:
    """Tiles and used unit cells of each weight set."""
    summary = study.summary
    exists = present(summary).any(["core", "method", "point"])
    dataset = xr.Dataset(
        {
            "tiles": ("weight_set", exists.sum("tile").values),
            "cells": ("weight_set", summary["cells"].fillna(0).where(exists).sum("tile").values),
        },
        coords={"weight_set": _sets(study)},
    )
    return _describe(dataset, tiles=("tiles", "1"), cells=("used unit cells of all tiles", "1"))


def frame(dataset: xr.Dataset) -> pd.DataFrame:
    """The dataset as a tidy table; columns carry units; rows without any value are left out."""
    flat = dataset.drop_vars([n for n in dataset.data_vars if "core" in dataset[n].dims])
    flat = flat.drop_dims([dim for dim in flat.dims if not any(dim in flat[n].dims for n in flat)])
    names = {
        name: f"{name} [{flat[name].attrs['units']}]"
        for name in flat.data_vars
        if flat[name].attrs.get("units", "1") != "1"
    }
    table = flat.to_dataframe()
    floats = [name for name in flat.data_vars if flat[name].dtype.kind == "f"]
    if floats:
        table = table.dropna(subset=floats, how="all")
    return table.reset_index().rename(columns=names)


def write(dataset: xr.Dataset, folder: Path, name: str) -> None:
    """Write ``folder/name.csv`` and ``folder/name.nc``. The same data give the same bytes."""
    write_dataset(dataset, folder / f"{name}.nc")
    write_text(
        folder / f"{name}.csv",
        frame(dataset).to_csv(index=False, float_format="%.6g", lineterminator="\n"),
    )


def number(value: float | None, decimals: int | None = None) -> str:
    """A number as text: three significant digits, or so many decimals; a dash for no value."""
    if value is None or np.isnan(value):
        return "–"
    if np.isinf(value):
        return "unlimited"
    if decimals is None:
        decimals = places(value)
    text = f"{value:,.{decimals}f}".replace("-", "−")
    return text.lstrip("−") if not text.strip("−0.,") else text


def places(value: float) -> int:
    """Decimals that show three significant digits, three at most."""
    if not np.isfinite(value) or value == 0:
        return 0
    return int(np.clip(2 - np.floor(np.log10(abs(value))), 0, 3))


def estimate_parts(estimate: Estimate, most: int = 3) -> tuple[str, str]:
    """('8.21', '8.05 to 8.37'), ``most`` decimals at most; no interval: the second is empty."""
    everything = np.array([estimate.value, estimate.low, estimate.high])
    decimals = places(float(np.abs(everything[np.isfinite(everything)]).max(initial=0)))
    decimals = min(decimals, most)
    value = number(estimate.value, decimals)
    if np.isnan(estimate.low) or np.isnan(estimate.high):
        return value, ""
    return value, f"{number(estimate.low, decimals)} to {number(estimate.high, decimals)}"


def estimate_text(estimate: Estimate, unit: str = "") -> str:
    """'8.21 % (8.05 to 8.37)'; without an interval, or with one of no width, the value alone."""
    value, interval = estimate_parts(estimate, most=2 if unit == "%" else 3)
    text = f"{value} {unit}".rstrip()
    same = estimate.low == estimate.value == estimate.high
    return f"{text} ({interval})" if interval and not same else text


def estimate_at(dataset: xr.Dataset, name: str, **where: str) -> Estimate:
    """One value with its interval from a dataset of this module."""
    row = dataset.sel(where)
    return Estimate(float(row[name]), float(row[f"{name}_low"]), float(row[f"{name}_high"]))
