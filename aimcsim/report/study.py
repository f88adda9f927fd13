"""A study as the report sees it: its summary with the statistics drawn from it."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from aimcsim.programming.settings import METHODS
from aimcsim.study.measures import HYPERPARAMETERS, LABELS, check, setting, varying
from aimcsim.study.regret import Agnosticism, agnosticism

OPEN_LOOP = "open_loop"  # targets with the published residue; a method, or beside the methods
COMPENSATION = "global"  # the one the report shows where it shows one


def methods(dataset: xr.Dataset) -> list[str]:
    """Methods of a summary or of a dataset of this module, in the order of results."""
    return [name for name in METHODS if name in dataset["method"].values]


def others(dataset: xr.Dataset) -> list[str]:
    """Its methods beside iterative programming and GDP."""
    return [name for name in methods(dataset) if name not in ("iterative", "gdp")]


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
    if value == "none":  # of a switch; on a page it would read as a missing value
        return "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
