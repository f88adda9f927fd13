"""Means with their intervals: as datasets, as files beside a page, and as text.

Every mean of the report is made by :func:`mean_over_cores`. What a variable is and its unit are
stated there, once, and carried as attributes: :func:`axis_label` gives both to figures.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from aimcsim.common.storage import write_dataset, write_text
from aimcsim.study.intervals import Estimate, mean_interval
from aimcsim.study.regret import SetEstimates

_SIGNS = {"percent": "%", "1": "", "": ""}


def mean_over_cores(
    values: xr.DataArray,
    name: str,
    long_name: str,
    units: str,
    level: float,
    skip_missing: bool = False,
) -> xr.Dataset:
    """Mean over cores with its Student t interval, and the values of each core.

    Parameters
    ----------
    values
        (..., core) in any order, in ``units``.
    name, long_name
        Of the mean.
    level
        Confidence level, 0 to 1.
    skip_missing
        Leave cores without a value (NaN) out, each mean for itself. Otherwise its mean is NaN.

    Returns
    -------
    Dataset with ``name``, ``<name>_low`` and ``<name>_high`` (..., without core; NaN ends where
    fewer than two cores have a value), and ``<name>_cores`` (..., core).
    """
    values = values.transpose(..., "core")
    array = np.asarray(values.values, float)
    if skip_missing and np.isnan(array).any():
        rows = array.reshape(-1, array.shape[-1])
        found = [_mean_of_known(row, level) for row in rows]
        ends = np.array(found).T.reshape(3, *array.shape[:-1])
    else:
        ends = np.stack(mean_interval(array, level))
    variables = with_ends(
        [str(dim) for dim in values.dims[:-1]], *ends, name=name, long_name=long_name, units=units
    )
    attributes = {"long_name": f"{long_name}, of each core", "units": units}
    variables[f"{name}_cores"] = (values.dims, array, attributes)
    return xr.Dataset(
        variables, {dim: values[dim].values for dim in values.dims if dim in values.coords}
    )


def _mean_of_known(row: np.ndarray, level: float) -> tuple[float, float, float]:
    known = row[~np.isnan(row)]
    if not known.size:
        return np.nan, np.nan, np.nan
    mean, low, high = mean_interval(known, level)
    return float(mean), float(low), float(high)


def with_ends(
    dims: Sequence[str],
    value: Any,
    low: Any,
    high: Any,
    *,
    name: str,
    long_name: str,
    units: str,
) -> dict[str, tuple]:
    """Variables ``name``, ``<name>_low`` and ``<name>_high`` for a dataset."""
    ends = {"": (value, ""), "_low": (low, "lower"), "_high": (high, "upper")}
    return {
        f"{name}{end}": (
            dims,
            array,
            {
                "long_name": f"{long_name}, {side} end of the interval" if side else long_name,
                "units": units,
            },
        )
        for end, (array, side) in ends.items()
    }


def estimated(
    dims: Sequence[str], estimates: SetEstimates, name: str, long_name: str, units: str = "1"
) -> dict[str, tuple]:
    """:func:`with_ends` of a statistic that is estimated for several things at once."""
    return with_ends(
        dims, estimates.value, estimates.low, estimates.high,
        name=name, long_name=long_name, units=units,
    )  # fmt: skip


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
        if name in flat.variables and flat[name].attrs.get("units", "1") not in ("1", "")
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


def axis_label(variable: xr.DataArray) -> str:
    """'MVM error (%)': what a variable of the report is, with its unit."""
    return with_unit(variable.attrs["long_name"], variable.attrs["units"])


def with_unit(label: str, unit: str) -> str:
    """'floor (counts)'; the label alone where there is no unit or it says the same."""
    sign = _SIGNS.get(unit, unit)
    return f"{label} ({sign})" if sign and sign != label else label


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


def span(values: np.ndarray, decimals: int | None = None) -> str:
    """'0.51 to 0.62', or the one number that both would be."""
    low, high = (number(float(end), decimals) for end in (np.min(values), np.max(values)))
    return low if low == high else f"{low} to {high}"


def time_text(seconds: float) -> str:
    """'200 s', '10 min', '1 day', '1 year': whole years, else days, whole hours or minutes, s."""
    year, day = 365 * 86400, 86400
    count = round(seconds / year)
    if count and abs(seconds / year - count) < 1e-3 * count:  # a year of 365.25 days is one too
        return f"{count:g} year{'s' if count > 1 else ''}"
    if seconds >= day:
        days = float(f"{seconds / day:.3g}")
        return f"{days:g} day{'s' if days != 1 else ''}"
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


def estimate_at(dataset: xr.Dataset, name: str, /, **where: Any) -> Estimate:
    """One value with its interval from a dataset of this module, at a label of each dimension."""
    # By position: `sel` takes half a millisecond, and a report asks thousands of times.
    at = {dim: dataset.get_index(dim).get_loc(label) for dim, label in where.items()}
    found = (dataset.variables[key] for key in (name, f"{name}_low", f"{name}_high"))
    return Estimate(*(float(one.values[tuple(at[str(dim)] for dim in one.dims)]) for one in found))
