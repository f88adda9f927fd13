"""The data behind the map: comparisons over a grid of two keys."""

import json
from dataclasses import dataclass

import numpy as np
import xarray as xr

from aimcsim.report.estimates import with_unit
from aimcsim.study.fronts import QUANTITIES, Quantity
from aimcsim.study.measures import baseline, subject

ENDS = ("", "_low", "_high")


@dataclass(frozen=True)
class Grid:
    """One comparison over two keys."""

    name: str
    title: str
    first: str
    """Name and unit of the key along the columns."""
    second: str
    """Of that along the rows."""
    baseline: str
    subject: str
    data: xr.Dataset
    """Over (weight_set, first, second): ratios of MVM errors with the ends of their intervals, NaN
    where no setting of the other methods is cheap enough, and ``expected_ratio``."""

    @property
    def weight_sets(self) -> list[str]:
        return [str(name) for name in self.data["weight_set"].values]

    @property
    def quantities(self) -> list[Quantity]:
        """At which equal cost methods are compared."""
        return [name for name in QUANTITIES if f"equal_{name}_ratio" in self.data]


def grids(comparison: xr.Dataset) -> list[Grid]:
    """Every comparison of ``comparison.nc`` that is a grid, see :mod:`aimcsim.study.comparison`."""
    about = json.loads(comparison.attrs["comparisons"])
    found = []
    for name, settings in about.items():
        if not settings["grid"]:
            continue
        part = comparison.isel(case=np.flatnonzero(comparison["comparison"].values == name))
        kept = ["expected_ratio", *(f"ratio{end}" for end in ENDS)]
        kept += [
            f"equal_{quantity}_ratio{end}"
            for quantity in QUANTITIES
            for end in ENDS
            if f"equal_{quantity}_ratio" in part
        ]
        data = part[kept].set_index(case=["first", "second"]).unstack("case")
        data = data.drop_vars([key for key in data.coords if key not in data.dims])
        there = data["ratio"].notnull().any(["first", "second"])
        data = data.isel(weight_set=np.flatnonzero(there))
        first, second = (with_unit(k["label"], k["unit"]) for k in settings["grid"].values())
        data = data.transpose("weight_set", "first", "second")
        pair = baseline(comparison), subject(comparison)
        found.append(Grid(name, settings["title"], first, second, *pair, data))
    return found
