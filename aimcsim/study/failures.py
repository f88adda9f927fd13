"""Which runs failed: they diverged, left no finite error, fired nothing, or met a converter's end.

A run is one tile on one chip at one setting of a method.
"""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from aimcsim.study.cautions import LARGEST_SHARE
from aimcsim.study.measures import STATUSES, present

DIVERGED = next(flag for flag, name in STATUSES.items() if name == "diverged")
KINDS: Mapping[str, str] = {
    "diverged": "error ended higher than it began",
    "unlimited": "no finite MVM error",
    "idle": "no pulse after the first measurement",
    "saturated": f"more than {100 * LARGEST_SHARE:g} % of its conversions saturated",
}
_SHARES = ("mvm_saturation", "read_saturation", "saturation")


def failures(summary: xr.Dataset) -> xr.DataArray:
    """Whether each run failed, by kind: bool (weight_set, tile, core, run, kind).

    ``kind`` is in the order of :data:`KINDS`. A run can fail in several ways. What the summary does
    not record has not failed.
    """
    there = present(summary).transpose("weight_set", "tile", "core", "run")
    nothing = xr.zeros_like(there)
    share = nothing
    for name in _SHARES:
        if name in summary:
            share = share | (summary[name] > LARGEST_SHARE)
    found: dict[str, xr.DataArray] = {
        "diverged": summary["status"] == DIVERGED,
        "unlimited": ~xr.apply_ufunc(np.isfinite, summary["mvm_error"]),
        "idle": summary["tuning_pulses"] == 0 if "tuning_pulses" in summary else nothing,
        "saturated": share,
    }
    parts = [(found[kind] & there).transpose(*there.dims) for kind in KINDS]
    return xr.concat(parts, "kind").assign_coords(kind=list(KINDS)).transpose(..., "kind")
