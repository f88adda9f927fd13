"""The data behind the comparison page: every case's errors with intervals over its cores."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from aimcsim.report.study import (
    COMPENSATION,
)
from aimcsim.study.intervals import Estimate, core_shares, mean_interval, ratio_interval
from aimcsim.study.measures import Options

BASELINE, DESCENT = "iterative", "gdp"


@dataclass(frozen=True)
class Compared:
    """One comparison of a study: its cases, in the order of the config."""

    name: str
    title: str
    unit: str
    values: np.ndarray  # of the varied keys; NaN where the cases are named
    errors: xr.Dataset  # (weight_set, name, method): error; (weight_set, name): ratio, diverged
    over_time: xr.Dataset | None  # (weight_set, name, method, step) and the like
    residue: xr.Dataset | None  # (name, method, conductance)

    @property
    def numeric(self) -> bool:
        return bool(np.isfinite(self.values).all())

    def label(self, name: str) -> str:
        """A case as a person writes it: 0 and not 0.0."""
        return f"{self.values[self.cases.index(name)]:g}" if self.numeric else name

    @property
    def cases(self) -> list[str]:
        return [str(name) for name in self.errors["name"].values]

    @property
    def weight_sets(self) -> list[str]:
        return [str(name) for name in self.errors["weight_set"].values]

    @property
    def methods(self) -> list[str]:
        return [str(name) for name in self.errors["method"].values]


def compared(comparison: xr.Dataset, how: Options) -> list[Compared]:
    """Every comparison of ``comparison.nc``, see :mod:`aimcsim.study.comparison`."""
    about = json.loads(comparison.attrs["comparisons"])
    return [_one(comparison, name, settings, how) for name, settings in about.items()]


def _one(comparison: xr.Dataset, name: str, about: dict[str, Any], how: Options) -> Compared:
    part = comparison.isel(case=np.flatnonzero(comparison["comparison"].values == name))
    part = part.rename(case="chosen").swap_dims(chosen="name").drop_vars("chosen")
    there = part["mvm_error"].notnull()
    part = part.isel(
        weight_set=np.flatnonzero(there.any(["name", "core", "method"])),
        method=np.flatnonzero(there.any(["name", "core", "weight_set"])),
    )
    errors = _with_interval(part["mvm_error"], "error", "percent", how)
    ratio = part[["ratio", "ratio_low", "ratio_high"]].transpose("weight_set", "name")
    diverged = part["runs"].sel(status="diverged").transpose("weight_set", "name", "method")
    errors = errors.merge(ratio).assign(diverged=diverged, runs=part["runs"].sum("status"))
    errors["diverged"].attrs = {"units": "runs", "long_name": "runs that ended as diverged"}
    errors["runs"].attrs = {"units": "runs", "long_name": "runs (tile x core)"}
    over_time = _over_time(part, how) if _has(part, "error_over_time") else None
    residue = _residue(part, how) if _has(part, "residue_spread") else None
    return Compared(
        name, about["title"], about["unit"], part["value"].values, errors, over_time, residue
    )


def _has(part: xr.Dataset, name: str) -> bool:
    """Whether any case of a comparison has values of a variable."""
    return name in part and bool(part[name].notnull().any())


def _over_time(part: xr.Dataset, how: Options) -> xr.Dataset:
    """Errors with one compensation factor per core, and with none."""
    found = []
    for compensation, end in ((COMPENSATION, ""), ("none", "_uncompensated")):
        errors = part["error_over_time"].sel(compensation=compensation, drop=True)
        found.append(_with_interval(errors, f"error{end}", "percent", how))
        gdp, baseline = (errors.sel({"method": m}, drop=True) for m in (DESCENT, BASELINE))
        found.append(_ratios(gdp, baseline, f"ratio{end}", how))
    drawn = part["open_loop_error"].sel(compensation=COMPENSATION, drop=True)
    found.append(_with_interval(drawn, "published", "percent", how))
    joined = xr.merge(found, compat="override", join="outer")
    time = part["time"].transpose("name", "step")
    return joined.reindex(weight_set=part["weight_set"], name=part["name"]).assign(time=time)


def _residue(part: xr.Dataset, how: Options) -> xr.Dataset:
    spread = part["residue_spread"].transpose("name", "method", "conductance", "core")
    published = part["published_spread"].transpose("name", "conductance")
    return _with_interval(spread, "spread", "uS", how).assign(published=published)


def change(one: Compared, how: Options) -> dict[str, Estimate]:
    """Change of the mean error over weight sets from the first case to the last, by method, and
    ``slower``: by how much less GDP's changes than the baseline's. Percent points, paired over the
    cores that both cases have."""
    cores = one.errors["error_cores"].isel(name=[0, -1]).mean("weight_set")
    cores = cores.dropna("core")
    difference = (cores.isel(name=1) - cores.isel(name=0)).transpose("method", "core")
    found = {
        method: difference.sel({"method": method}).values
        for method in one.methods
        if method in (BASELINE, DESCENT)
    }
    found["slower"] = found[BASELINE] - found[DESCENT]
    return {
        name: Estimate(*(float(x) for x in mean_interval(values, how.level)))
        for name, values in found.items()
    }


def _with_interval(values: xr.DataArray, name: str, units: str, how: Options) -> xr.Dataset:
    """Mean over the cores that a case has, with its interval, and the values per core.

    Result over (weight_set, name, method, ...), as far as ``values`` has these dimensions.
    """
    first = [dim for dim in ("weight_set", "name", "method") if dim in values.dims]
    values = values.transpose(*first, ..., "core").drop_vars(
        [key for key in values.coords if key not in values.dims]
    )
    cells = values.values.reshape(-1, values.sizes["core"])
    ends = np.array([mean_interval(row[np.isfinite(row) | np.isinf(row)], how.level)
                     if np.isfinite(row).any() else (np.nan,) * 3 for row in cells])  # fmt: skip
    dims = values.dims[:-1]
    shape = values.shape[:-1]
    parts = dict(zip(("", "_low", "_high"), ends.T.reshape(3, *shape), strict=True))
    variables = {f"{name}{end}": (dims, part, {"units": units}) for end, part in parts.items()}
    variables[f"{name}_cores"] = (values.dims, values.values, {"units": units})
    coords = {dim: values[dim].values for dim in values.dims if dim in values.coords}
    return xr.Dataset(variables, coords)


def _ratios(upper: xr.DataArray, lower: xr.DataArray, name: str, how: Options) -> xr.Dataset:
    """Paired ratio of means over cores, (weight_set, name, step)."""
    dims = ("weight_set", "name", "step")
    top, bottom = (array.transpose(*dims, "core").values for array in (upper, lower))
    ends = np.full((3, *top.shape[:3]), np.nan)
    for index in np.ndindex(top.shape[:3]):
        there = np.isfinite(top[index]) & np.isfinite(bottom[index])
        if there.any():
            shares = core_shares(int(there.sum()), how.resamples, how.seed)
            found = ratio_interval(top[index][there], bottom[index][there], shares, how.level)
            ends[(slice(None), *index)] = found.value, found.low, found.high
    variables = {
        f"{name}{end}": (dims, part, {"units": "1"})
        for end, part in zip(("", "_low", "_high"), ends, strict=True)
    }
    return xr.Dataset(variables, {dim: upper[dim].values for dim in dims if dim in upper.coords})
