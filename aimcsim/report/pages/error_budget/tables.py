"""The data behind the page of the error budget, and what its parts are called."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from aimcsim.report.estimates import mean_over_cores
from aimcsim.report.study import Study
from aimcsim.study import error_budget as budget


@dataclass(frozen=True)
class Part:
    """What a part of the error is called."""

    label: str
    """In figures and tables."""
    phrase: str
    """Inside a sentence."""
    meaning: str
    of_core: bool = False
    """Whether it is the same whatever was programmed."""


PARTS = {
    "programming": Part(
        "Programming error", "the programming error",
        "what programming leaves in the conductances, exact products (the held error)",
    ),
    "stuck": Part(
        "of it, stuck devices", "the stuck devices",
        "of this, what lies in cells with a stuck device",
    ),
    "columns": Part(
        "Columns", "the columns’ gains and offsets",
        "gain and offset of the columns, on exact targets", of_core=True,
    ),
    "wires": Part("Wires", "the wires", "wire resistance, on exact targets", of_core=True),
    "seen": Part(
        "Programming error behind columns", "what programming leaves",
        "programmed conductances behind the core's own columns and wires",
    ),
    "read_noise": Part(
        "Read noise", "the devices’ read noise", "read noise of the devices, on exact targets",
        of_core=True,
    ),
    "converters": Part(
        "Converters", "the converters",
        "input range, steps and noise of the converters, on exact targets", of_core=True,
    ),
    "squares": Part(
        "Root of sum of squares", "the root of the sum of squares",
        "root of the sum of squares of all effects alone",
    ),
    "sum": Part(
        "Root of sum of squares, independent parts", "that of the independent parts",
        "root of the sum of squares of seen, read_noise and converters",
    ),
    "together": Part("All together", "all together", "everything: the MVM error"),
    "drift": Part(
        "Drift", "drift", "conductance drift, on exact targets", of_core=True,
    ),
    "slow_read_noise": Part(
        "Slow read noise", "slow read noise", "slow read noise without drift, on exact targets",
        of_core=True,
    ),
}  # fmt: skip
"""Every part by its name along ``row``."""


def label_of(row: str, rows: list[str]) -> str:
    """Label of a part beside the others that are shown: programming corrects for wires too."""
    more = " and wires" if row == "seen" and "wires" in rows else ""
    return PARTS[row].label + more


def parts(study: Study) -> xr.Dataset:
    """MVM error right after programming by part, weight set and method, and shares of squares."""
    values = study.chosen(budget.parts(study.summary))
    return _described(_errors(values, study), _shares(budget.shares(values), study))


def parts_mean(study: Study) -> xr.Dataset:
    """The same as mean over weight sets: of errors, and of shares."""
    values = study.chosen(budget.parts(study.summary))
    shares = budget.shares(values).mean("weight_set", skipna=False)
    return _described(_errors(values.mean("weight_set"), study), _shares(shares, study))


def later(study: Study) -> xr.Dataset | None:
    """Parts at times after programming, by weight set and method; None without times."""
    values = budget.later(study.summary)
    return None if values is None else _described(_errors(study.chosen(values), study))


def later_mean(study: Study) -> xr.Dataset | None:
    """The same as mean over weight sets."""
    values = budget.later(study.summary)
    if values is None:
        return None
    return _described(_errors(study.chosen(values).mean("weight_set"), study))


def shown(data: xr.Dataset) -> list[str]:
    """Parts that any core has: effects that are off are nowhere above 0."""
    optional = ("stuck", "wires")
    return [
        str(name)
        for name in data["row"].values
        if name not in optional or float(data["error"].sel(row=name).max()) > 0
    ]


def _errors(values: xr.DataArray, study: Study) -> xr.Dataset:
    return mean_over_cores(values, "error", "MVM error by part", "percent", study.level)


def _shares(values: xr.DataArray, study: Study) -> xr.Dataset:
    text = "share of the squared MVM error"
    return mean_over_cores(values, "share", text, "percent", study.level)


def _described(errors: xr.Dataset, shares: xr.Dataset | None = None) -> xr.Dataset:
    """Both, in the order of the parts, with what each part is."""
    dataset = errors
    if shares is not None:
        dataset = errors.merge(shares, join="outer").sel(row=list(budget.ROWS))
    meaning = np.array([PARTS[str(name)].meaning for name in dataset["row"].values], object)
    dataset["meaning"] = ("row", meaning, {"units": "1", "long_name": "what the part is"})
    if "time" in dataset:
        dataset["time"].attrs = {"units": "s", "long_name": "time after programming"}
    return dataset
