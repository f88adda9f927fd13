"""A synthetic summary with the MVM error by effect, whose parts are known."""

import numpy as np
import xarray as xr

from aimcsim.evaluation.variables import AGEING, ALONE
from tests.study.example import make

SEEN, READ_NOISE, CONVERTERS, COLUMNS = 0.9, 4.0, 2.0, 3.0
"""Share of the programming error that the core shows; and errors of the unit cores, percent."""


def with_error_budget(wires: float = 0.0, stuck: float = 0.0, **options) -> xr.Dataset:
    """``make(**options)`` whose programming error is the held error.

    All together adds up in squares.
    """
    summary = make(**options)
    held = summary["held_error"]
    alone = {
        "read_noise": READ_NOISE, "converters": CONVERTERS, "columns": COLUMNS, "wires": wires,
    }  # fmt: skip
    of_state = {
        "programming": held,
        "stuck": stuck * held,
        "seen": SEEN * held,
        "together": np.sqrt((SEEN * held) ** 2 + READ_NOISE**2 + CONVERTERS**2),
    }
    there = (summary["status"] >= 0).any("run")
    percent = {"units": "percent"}
    of_effects = xr.concat([there * alone[name] for name in ALONE], "effect").where(there)
    found = {
        "error_budget_alone": (of_effects, ("effect",)),
        "error_budget_of_state": (xr.concat(list(of_state.values()), "part"), ("run", "part")),
    }
    coordinates = {"effect": list(ALONE), "part": list(of_state)}
    if "time" in summary:
        growth = xr.DataArray(np.log(summary["time"].values), dims="time")
        ageing = [there * growth * factor for factor in (0.5, 0.2)]
        aged = xr.concat(ageing, "ageing").where(there)
        found["error_budget_ageing"] = (aged, ("time", "ageing"))
        coordinates["ageing"] = list(AGEING)
    for name, (values, last) in found.items():
        values = values.transpose("weight_set", "tile", "core", *last)
        summary[name] = (values.dims, values.values, percent)
    return summary.assign_coords(coordinates)
