"""Means with their intervals: as datasets, as files beside a page, and as text."""

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from aimcsim.common.storage import write_dataset, write_text
from aimcsim.study.intervals import Estimate, mean_interval


def describe(dataset: xr.Dataset, **names: tuple[str, str]) -> xr.Dataset:
    """Set ``long_name`` and ``units``; ends of intervals inherit from their variable."""
    for variable in dataset.data_vars:
        stem, _, end = variable.rpartition("_")
        source = stem if end in ("low", "high") and stem in names else variable
        long_name, units = names[source]
        if source != variable:
            long_name = f"{long_name}, {'lower' if end == 'low' else 'upper'} end of the interval"
        dataset[variable].attrs = {"long_name": long_name, "units": units}
    return dataset


def with_interval(values: xr.DataArray, name: str, level: float) -> xr.Dataset:
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


def carried(curve: xr.DataArray) -> xr.DataArray:
    """Last seen value in place of what follows it, along the last axis."""
    values = curve.values
    seen = np.where(np.isnan(values), 0, np.arange(values.shape[-1]))
    return curve.copy(
        data=np.take_along_axis(values, np.maximum.accumulate(seen, axis=-1), axis=-1)
    )


def frame(dataset: xr.Dataset) -> pd.DataFrame:
    """The dataset as a tidy table; columns carry units; rows without any value are left out."""
    flat = dataset.drop_vars([n for n in dataset.data_vars if "core" in dataset[n].dims])
    flat = flat.drop_dims([dim for dim in flat.dims if not any(dim in flat[n].dims for n in flat)])
    names = {
        name: f"{name} [{flat[name].attrs['units']}]"
        for name in (*flat.data_vars, *flat.dims)
        if name in flat.variables and flat[name].attrs.get("units", "1") != "1"
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


def time_text(seconds: float) -> str:
    """'200 s', '10 min', '1 day', '1 year': whole years, else days, whole hours or minutes, s."""
    year, day = 365 * 86400, 86400
    count = round(seconds / year)
    if count and abs(seconds / year - count) < 1e-3 * count:  # a year of 365.25 days is one too
        return f"{count:g} year{'s' if count > 1 else ''}"
    if seconds >= day:
        count = float(f"{seconds / day:.3g}")
        return f"{count:g} day{'s' if count != 1 else ''}"
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g} {unit}"
    return f"{seconds:g} s"


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


def estimate_at(dataset: xr.Dataset, name: str, /, **where: str) -> Estimate:
    """One value with its interval from a dataset of this module."""
    row = dataset.sel(where)
    return Estimate(float(row[name]), float(row[f"{name}_low"]), float(row[f"{name}_high"]))
