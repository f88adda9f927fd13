"""The data behind the comparison page: every case's errors with intervals over its cores."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from aimcsim.report.estimates import mean_over_cores, with_ends
from aimcsim.report.marks import programmed_by
from aimcsim.report.study import COMPENSATION
from aimcsim.study.intervals import Estimate, core_shares, mean_interval, ratio_interval
from aimcsim.study.measures import Options, baseline, subject


@dataclass(frozen=True)
class Compared:
    """One comparison of a study: its cases, in the order of the config."""

    name: str
    title: str
    unit: str
    values: np.ndarray  # of the varied keys; NaN where the cases are named
    baseline: str
    subject: str
    errors: xr.Dataset
    """(weight_set, name, programmed_by): error, diverged, runs; (weight_set, name): ratio."""
    over_time: xr.Dataset | None
    """(weight_set, name, programmed_by, step) and the like."""
    programming_error: xr.Dataset | None
    """(name, programmed_by, conductance)."""

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
        return programmed_by(self.errors)


def compared(comparison: xr.Dataset, how: Options) -> list[Compared]:
    """Every comparison of ``comparison.nc`` but grids, see :mod:`aimcsim.study.comparison`."""
    about = json.loads(comparison.attrs["comparisons"])
    return [
        _one(comparison, name, settings, how)
        for name, settings in about.items()
        if not settings["grid"]
    ]


def _one(comparison: xr.Dataset, name: str, about: dict[str, Any], how: Options) -> Compared:
    part = comparison.isel(case=np.flatnonzero(comparison["comparison"].values == name))
    part = part.rename(case="chosen").swap_dims(chosen="name").drop_vars("chosen")
    there = part["mvm_error"].notnull()
    part = part.isel(
        weight_set=np.flatnonzero(there.any(["name", "core", "programmed_by"])),
        programmed_by=np.flatnonzero(there.any(["name", "core", "weight_set"])),
    )
    errors = _mean(part["mvm_error"], "error", "MVM error", "percent", how)
    ratio = part[["ratio", "ratio_low", "ratio_high"]].transpose("weight_set", "name")
    diverged = part["runs"].sel(status="diverged")
    diverged = diverged.transpose("weight_set", "name", "programmed_by")
    errors = errors.merge(ratio).assign(diverged=diverged, runs=part["runs"].sum("status"))
    errors["diverged"].attrs = {"units": "runs", "long_name": "runs that ended as diverged"}
    errors["runs"].attrs = {"units": "runs", "long_name": "runs (tile x core)"}
    pair = (baseline(comparison), subject(comparison))
    over_time = _over_time(part, how, *pair) if _has(part, "error_over_time") else None
    left = _programming_error(part, how) if _has(part, "programming_error_spread") else None
    return Compared(
        name, about["title"], about["unit"], part["value"].values, *pair, errors, over_time, left
    )


def _has(part: xr.Dataset, name: str) -> bool:
    """Whether any case of a comparison has values of a variable."""
    return name in part and bool(part[name].notnull().any())


def _over_time(part: xr.Dataset, how: Options, baseline: str, subject: str) -> xr.Dataset:
    """Errors with one compensation factor per core, and with none."""
    found = []
    for kind, end, words in (
        (COMPENSATION, "", "one compensation factor per core"),
        ("none", "_uncompensated", "no compensation"),
    ):
        errors = part["error_over_time"].sel(compensation=kind, drop=True)
        text = f"MVM error at a time after programming, with {words}"
        found.append(_mean(errors, f"error{end}", text, "percent", how))
        upper, lower = (errors.sel(programmed_by=name, drop=True) for name in (subject, baseline))
        ratio = _ratios(upper, lower, f"ratio{end}", f"ratio of MVM errors, with {words}", how)
        found.append(ratio)
    drawn = part["open_loop_error"].sel(compensation=COMPENSATION, drop=True)
    text = "MVM error of targets with the published programming error"
    found.append(_mean(drawn, "published", text, "percent", how))
    joined = xr.merge(found, compat="override", join="outer")
    time = part["time"].transpose("name", "step")
    return joined.reindex(weight_set=part["weight_set"], name=part["name"]).assign(time=time)


def _programming_error(part: xr.Dataset, how: Options) -> xr.Dataset:
    spread, published = part["programming_error_spread"], part["published_spread"]
    text = "conductance error of programmed cells, standard deviation"
    data = _mean(spread, "spread", text, "uS", how)
    return data.assign(published=published.transpose("name", "conductance"))


def change(one: Compared, how: Options) -> dict[str, Estimate]:
    """Change of the mean error over weight sets from the first case to the last, percent points.

    Of the baseline and the subject by name, and ``""``: by how much less the subject's changes.
    Paired over the cores that both cases have.
    """
    cores = one.errors["error_cores"].isel(name=[0, -1]).mean("weight_set")
    cores = cores.dropna("core")
    difference = cores.isel(name=1) - cores.isel(name=0)
    found = {
        name: difference.sel(programmed_by=name).values for name in (one.baseline, one.subject)
    }
    found[""] = found[one.baseline] - found[one.subject]
    return {
        name: Estimate(*(float(x) for x in mean_interval(values, how.level)))
        for name, values in found.items()
    }


def _mean(values: xr.DataArray, name: str, text: str, units: str, how: Options) -> xr.Dataset:
    """Mean over the cores that a case has: (weight_set, name, programmed_by, ...) as it applies."""
    first = [dim for dim in ("weight_set", "name", "programmed_by") if dim in values.dims]
    bare = values.drop_vars([key for key in values.coords if key not in values.dims])
    return mean_over_cores(
        bare.transpose(*first, ...), name, text, units, how.level, skip_missing=True
    )


def _ratios(
    upper: xr.DataArray, lower: xr.DataArray, name: str, text: str, how: Options
) -> xr.Dataset:
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
    return xr.Dataset(
        with_ends(dims, *ends, name=name, long_name=text, units="1"),
        {dim: upper[dim].values for dim in dims if dim in upper.coords},
    )
