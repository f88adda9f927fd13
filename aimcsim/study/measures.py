"""What the statistics need from a summary: errors per core, hyperparameters, report settings."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from aimcsim.common.errors import UserError

HYPERPARAMETERS = (
    "noise_threshold",
    "floor",
    "floor_slope",
    "floor_schedule",
    "learning_rate",
    "batch_size",
    "iterations_budget",
    "estimator",
    "inputs",
    "start",
    "opposite",
    "affine",
    "prior",
    "target_error",
)
UNITS = {
    "noise_threshold": "standard deviations",
    "floor": "counts",
    "floor_slope": "",
    "floor_schedule": "",
    "learning_rate": "RESET currents per count",
    "batch_size": "MVMs",
    "iterations_budget": "iterations",
    "estimator": "",
    "inputs": "",
    "start": "",
    "opposite": "",
    "affine": "",
    "prior": "counts",
    "target_error": "percent",
}
LABELS = {
    "noise_threshold": "noise threshold",
    "floor": "floor",
    "floor_slope": "floor slope",
    "floor_schedule": "floor schedule",
    "learning_rate": "learning rate",
    "batch_size": "batch size",
    "iterations_budget": "iterations",
    "estimator": "estimator",
    "inputs": "inputs",
    "start": "start",
    "opposite": "opposite polarity",
    "affine": "digital affine",
    "prior": "prior",
    "target_error": "target error",
}
STATUSES = {0: "reached", 1: "noise_floor", 2: "budget", 3: "diverged"}
_NEEDED = (
    "mvm_error", "held_error", "weight_error", "status", "cell_reads", "mvms", "pulses",
    "saturation", "error_per_iteration", "cells", "rows", "columns", "scale",
)  # fmt: skip


@dataclass(frozen=True)
class Options:
    """How the study asked its statistics to be done."""

    level: float
    resamples: int
    seed: int


def attribute_json(summary: xr.Dataset, name: str, default: Any) -> Any:
    """A JSON attribute of the summary, or ``default`` where it has none.

    Raises
    ------
    UserError
        The attribute is not valid JSON.
    """
    text = summary.attrs.get(name)
    if text is None:
        return default
    try:
        return json.loads(text)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"summary attribute '{name}' is not JSON ({error}). Delete the summary and let the "
            "workflow make it again."
        ) from error


def options(summary: xr.Dataset) -> Options:
    """Confidence level, resamples and seed, from the configuration in the summary."""
    report = attribute_json(summary, "config", {}).get("report", {})
    return Options(
        level=float(report.get("confidence", 0.95)),
        resamples=int(report.get("bootstrap", 2000)),
        seed=int(summary.attrs.get("seed", 0)),
    )


def check(summary: xr.Dataset) -> None:
    """Raise UserError where the summary lacks something, or runs are missing from it."""
    missing = [name for name in _NEEDED if name not in summary]
    missing += [name for name in HYPERPARAMETERS if name not in summary.coords]
    if missing:
        raise UserError(
            f"the summary lacks {', '.join(missing)}. Make it again with this version of aimcsim."
        )
    for method in ("iterative", "gdp"):
        if method not in summary["method"].values:
            raise UserError(f"the summary has no method '{method}'. Make it again.")
    runs = present(summary)
    if not runs.any("tile").all():
        raise UserError(
            "the summary has no run for some weight set, core and hyperparameter point. Finish "
            "the workflow (snakemake --cores all) and make the summary again."
        )


def present(summary: xr.Dataset) -> xr.DataArray:
    """True where a run exists; False where a weight set has no such tile."""
    return summary["status"] >= 0


def of_method(values: xr.DataArray, method: str) -> xr.DataArray:
    """The part of one programming method. (``sel(method=...)`` is xarray's own keyword.)"""
    return values.sel({"method": method}, drop=True)


def per_core(summary: xr.Dataset, variable: str) -> xr.DataArray:
    """Mean over the tiles of each weight set, weighted by their used unit cells.

    Returns
    -------
    values
        (weight_set, core, method, point, ...), unit of ``variable``, without the dimensions that
        ``variable`` does not have. No run is dropped: a run whose value is not finite counts as
        infinite.
    """
    values = summary[variable].astype(float)
    runs = present(summary)
    runs = runs.any([dim for dim in ("method", "point") if dim not in values.dims])
    values = values.where(np.isfinite(values), np.inf).where(runs)
    weights = summary["cells"].fillna(0).where(runs)
    mean = (values * weights).sum("tile") / weights.sum("tile")
    order = [dim for dim in ("weight_set", "core", "method", "point") if dim in mean.dims]
    return mean.transpose(*order, ...).rename(variable)


def totals(summary: xr.Dataset, variable: str) -> xr.DataArray:
    """Sum over the tiles of each weight set: (weight_set, core, method, point)."""
    values = summary[variable].where(present(summary)).sum("tile")
    return values.transpose("weight_set", "core", "method", "point")


def varying(summary: xr.Dataset) -> dict[str, list]:
    """Hyperparameters with more than one value, with their sorted values.

    Most values first; ties keep the order of ``HYPERPARAMETERS``.
    """
    values = {name: sorted(set(summary[name].values.tolist())) for name in HYPERPARAMETERS}
    swept = [name for name in HYPERPARAMETERS if len(values[name]) > 1]
    return {name: values[name] for name in sorted(swept, key=lambda name: -len(values[name]))}


def setting(summary: xr.Dataset, point: int) -> dict[str, Any]:
    """The hyperparameters of one point, in the order of ``HYPERPARAMETERS``."""
    return {name: summary[name].values.item(int(point)) for name in HYPERPARAMETERS}
