"""A synthetic summary with the MVM error by effect, whose parts are known."""

import numpy as np
import xarray as xr

from aimcsim.evaluation.variables import AGEING, ALONE, OF_STATE
from tests.study.example import make

SEEN, READ_NOISE, CONVERTERS, COLUMNS = 0.9, 4.0, 2.0, 3.0
"""Share of the residue that the core shows; and errors of the unit cores, percent."""


def split(wires: float = 0.0, stuck: float = 0.0, **options) -> xr.Dataset:
    """``make(**options)`` whose residue is the held error; all together adds up in squares."""
    summary = make(**options)
    held = summary["held_error"]
    alone = {
        "read_noise": READ_NOISE, "converters": CONVERTERS, "columns": COLUMNS, "wires": wires,
    }  # fmt: skip
    of_state = {
        "residue": held,
        "stuck": stuck * held,
        "seen": SEEN * held,
        "together": np.sqrt((SEEN * held) ** 2 + READ_NOISE**2 + CONVERTERS**2),
    }
    there = (summary["status"] >= 0).any(["method", "point"])
    percent = {"units": "percent"}
    found = {
        "split_alone": xr.concat([there * alone[name] for name in ALONE], "effect").where(there),
        "split_of_state": xr.concat([of_state[name] for name in OF_STATE], "part"),
    }
    coordinates = {"effect": list(ALONE), "part": list(OF_STATE)}
    if "time" in summary:
        growth = xr.DataArray(np.log(summary["time"].values), dims="time")
        ageing = [there * growth * factor for factor in (0.5, 0.2)]
        found["split_ageing"] = xr.concat(ageing, "ageing").where(there)
        coordinates["ageing"] = list(AGEING)
    order = {"split_alone": ("effect",), "split_of_state": ("method", "point", "part")}
    order["split_ageing"] = ("time", "ageing")
    for name, values in found.items():
        values = values.transpose("weight_set", "tile", "core", *order[name])
        summary[name] = (values.dims, values.values, percent)
    return summary.assign_coords(coordinates)
