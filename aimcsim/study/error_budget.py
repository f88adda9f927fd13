"""Error budget: the MVM error by effect, per weight set, core and run, and what it adds up to."""

from typing import Any

import numpy as np
import xarray as xr

from aimcsim.evaluation.variables import AGEING, ALONE
from aimcsim.study.measures import per_core

ADDING = ("seen", "read_noise", "converters")
"""Parts that are independent, and whose squares add up to nearly that of the whole error."""

EACH = ("programming", "columns", "wires", "read_noise", "converters")
"""Every effect alone. Programming makes up for columns and wires, so their sum is too large."""

ROWS = (
    "programming", "stuck", "columns", "wires", "seen", "read_noise", "converters", "squares",
    "sum", "together",
)  # fmt: skip
"""Parts right after programming; ``squares`` is the root of the sum of squares of ``EACH``, and
``sum`` that of ``ADDING``."""

LATER = (*AGEING, "together")
"""Parts at a time after programming."""


def has_error_budget(summary: xr.Dataset) -> bool:
    """True where the study took its errors apart by effect."""
    return "error_budget_of_state" in summary


def parts(summary: xr.Dataset) -> xr.DataArray:
    """Parts of the MVM error right after programming, percent.

    Returns (weight_set, core, run, row), rows as in ``ROWS``, mean over tiles. Effects of the unit
    core alone are the same for all runs.
    """
    of_state = summary["error_budget_of_state"].astype(float)
    found: dict[str, Any] = {
        str(name): of_state.sel(part=name, drop=True) for name in summary["part"].values
    }
    for name in ALONE:
        values = summary["error_budget_alone"].astype(float).sel(effect=name, drop=True)
        found[name] = values.broadcast_like(found["together"])
    found["squares"] = np.sqrt(sum(np.square(found[name]) for name in EACH))
    found["sum"] = np.sqrt(sum(np.square(found[name]) for name in ADDING))
    return _per_core(summary, found, ROWS)


def shares(values: xr.DataArray) -> xr.DataArray:
    """Shares of ``ADDING`` in their sum of squares, percent; ``values`` are those of :func:`parts`.

    NaN where a part is not finite, or none has an error.
    """
    squares = values.sel(row=list(ADDING)) ** 2
    total = squares.sum("row")
    known = np.isfinite(total) & (total > 0)
    return (100 * squares / total.where(known)).rename("share")


def later(summary: xr.Dataset) -> xr.DataArray | None:
    """Parts at times after programming, percent; None where the study has no times.

    (weight_set, core, run, time, row), rows as in ``LATER``; all together is the error after one
    global scale.
    """
    if "error_budget_ageing" not in summary:
        return None
    together = summary["error_over_time"].astype(float).sel(compensation="global", drop=True)
    found = {"together": together}
    for name in AGEING:
        values = summary["error_budget_ageing"].astype(float).sel(ageing=name, drop=True)
        found[name] = values.broadcast_like(together)
    return _per_core(summary, found, LATER)


def _per_core(
    summary: xr.Dataset, found: dict[str, xr.DataArray], rows: tuple[str, ...]
) -> xr.DataArray:
    named = summary.assign({f"part_{name}": found[name] for name in rows})
    means = [per_core(named, f"part_{name}").rename("error") for name in rows]
    joined = xr.concat(means, xr.DataArray(list(rows), dims="row", name="row"))
    return joined.transpose("weight_set", "core", "run", ..., "row")
