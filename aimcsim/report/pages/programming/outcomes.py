"""Sections "How runs ended" and the weight sets of "Provenance": plain counts."""

import numpy as np
import xarray as xr

from aimcsim.report.elements import Table
from aimcsim.report.marks import Marks, programmed_by
from aimcsim.report.study import Study
from aimcsim.study.measures import STATUSES, all_zero, of_method, positions, present

STATUS_NAMES = {
    "reached": "reached",
    "noise_floor": "read-noise floor",
    "improving": "still improving",
    "diverged": "diverged",
    "converged": "converged",
}
_ALL, _CHOSEN = "all", "chosen"


def outcomes(study: Study) -> xr.Dataset:
    """How many runs ended in which status: of all settings, and of the chosen one.

    A run is one tile on one core at one setting. Methods that program nothing have none.
    """
    status, names = study.summary["status"], study.programming
    chosen = study.chosen(status)
    groups = [
        (of_method(status, name), chosen.sel(programmed_by=name, drop=True)) for name in names
    ]
    counts = np.array(
        [
            [
                [
                    (part == flag).sum([d for d in part.dims if d != "weight_set"]).values
                    for flag in STATUSES
                ]
                for part in parts
            ]
            for parts in groups
        ]
    )  # (method, settings, status, weight set)
    return xr.Dataset(
        {
            "runs": (
                ("weight_set", "programmed_by", "settings", "status"),
                np.moveaxis(counts, -1, 0),
                {"long_name": "programming runs (tile x core x setting)", "units": "1"},
            )
        },
        coords={
            "weight_set": np.array(study.result.weight_sets, object),
            "programmed_by": names,
            "settings": [_ALL, _CHOSEN],
            "status": list(STATUSES.values()),
        },
    )


def table(study: Study, data: xr.Dataset, marks: Marks) -> Table:
    """Every weight set and all together; methods with several settings have two rows."""
    groups = []
    for name in programmed_by(data):
        label = marks[name].label
        if len(positions(study.summary, name)) > 1:
            groups.append((f"{label}, all settings", name, _ALL))
            groups.append((f"{label}, chosen setting", name, _CHOSEN))
        else:
            groups.append((label, name, _ALL))
    rows = []
    runs = data["runs"]
    sets = [(name, runs.sel(weight_set=name)) for name in study.result.weight_sets]
    if len(sets) > 1:
        sets.append(("all", runs.sum("weight_set")))
    for weight_set, part in sets:
        for text, name, settings in groups:
            counts = part.sel(programmed_by=name, settings=settings).values
            rows.append([weight_set, text, *(f"{int(n):,}" for n in (counts.sum(), *counts))])
    return Table(
        "How runs ended: one run is one tile on one core at one setting",
        ["Weight set", "method", "runs", *(STATUS_NAMES[name] for name in STATUSES.values())],
        rows,
        "outcomes",
    )


def weight_sets(study: Study) -> xr.Dataset:
    """Tiles and used unit cells of each weight set, and what of them holds nothing but zeros."""
    summary = study.summary
    exists = present(summary).any(["core", "run"])
    cells = summary["cells"].fillna(0).where(exists).sum("tile").values
    per_chip = {
        "zero_tiles": (all_zero(summary), "tiles of zeros, mean over chips"),
        "zero_columns": (summary["zero_columns"], "columns of zeros, mean over chips"),
    }
    return xr.Dataset(
        {
            "tiles": (
                "weight_set", exists.sum("tile").values, {"long_name": "tiles", "units": "1"},
            ),
            "cells": (
                "weight_set", cells, {"long_name": "used unit cells of all tiles", "units": "1"},
            ),
            **{
                name: (
                    "weight_set",
                    values.where(exists).sum("tile").mean("core").values,
                    {"long_name": text, "units": "1"},
                )
                for name, (values, text) in per_chip.items()
            },
        },
        coords={"weight_set": np.array(study.result.weight_sets, object)},
    )  # fmt: skip


def weights_table(data: xr.Dataset) -> Table:
    """The rows of :func:`weight_sets`; tiles and columns of zeros where there are any."""
    shown = {"tiles": "tiles", "cells": "used unit cells"}
    if data["zero_columns"].any():
        shown |= {"zero_tiles": "tiles of zeros", "zero_columns": "columns of zeros"}
    rows = [
        [str(name), *(_count(float(data[key].sel(weight_set=name))) for key in shown)]
        for name in data["weight_set"].values
    ]
    return Table("Weight sets", ["Weight set", *shown.values()], rows, "weight_sets")


def _count(value: float) -> str:
    """A whole number, or one decimal of a mean."""
    return f"{value:,.0f}" if value == round(value) else f"{value:,.1f}"
