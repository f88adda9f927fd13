"""What the statistics read from a summary: methods, hyperparameters, errors per core.

A summary has a dimension ``run``. A run is a programming method, by the name that the study gives
it, with one setting of its hyperparameters: ``method`` and the hyperparameters are coordinates of
``run``. Datasets derived from a summary have one value per method, over ``programmed_by``.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from aimcsim.common.errors import UserError

STATUSES = {0: "reached", 1: "noise_floor", 2: "improving", 3: "diverged", 4: "converged"}
_NEEDED = (
    "mvm_error", "held_error", "weight_error", "status", "cell_reads", "mvms", "pulses",
    "saturation", "error_per_iteration", "cells", "rows", "columns", "scale", "zero_columns",
)  # fmt: skip
_ATTRIBUTES = ("methods", "baseline", "subject", "sample")
_AGAIN = "Make the summary again with this version of aimcsim."


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


def target_time(summary: xr.Dataset) -> float | None:
    """Time after programming that the study's targets are for, s; None: right after it."""
    return attribute_json(summary, "config", {}).get("core", {}).get("target_time")


def options(summary: xr.Dataset) -> Options:
    """Confidence level, resamples and seed, from the configuration in the summary."""
    report = attribute_json(summary, "config", {}).get("report", {})
    return Options(
        level=float(report.get("confidence", 0.95)),
        resamples=int(report.get("bootstrap", 2000)),
        seed=int(summary.attrs.get("seed", 0)),
    )


def about_methods(summary: xr.Dataset) -> dict[str, dict[str, Any]]:
    """What a summary or comparison says of its methods, by name, in the order of the study.

    Each has ``label``, ``algorithm``, ``sees`` (what its error per iteration is) and
    ``hyperparameters`` (``label`` and ``unit`` of each key).
    """
    return {method["name"]: method for method in attribute_json(summary, "methods", [])}


def methods(summary: xr.Dataset) -> list[str]:
    """Names of the methods, in the order of the study."""
    return list(about_methods(summary))


def labels(summary: xr.Dataset) -> dict[str, str]:
    """What each method is called in texts and figures."""
    return {name: about["label"] for name, about in about_methods(summary).items()}


def baseline(summary: xr.Dataset) -> str:
    """Name of the method that the subject is compared with."""
    return summary.attrs["baseline"]


def subject(summary: xr.Dataset) -> str:
    """Name of the method that the study is about."""
    return summary.attrs["subject"]


def hyperparameters(summary: xr.Dataset, name: str) -> dict[str, tuple[str, str]]:
    """Label and unit of each hyperparameter of method ``name``; the unit is "" where none."""
    known = about_methods(summary)[name]["hyperparameters"]
    return {key: (about["label"], about["unit"]) for key, about in known.items()}


def positions(summary: xr.Dataset, name: str) -> np.ndarray:
    """Indices along ``run`` of the runs of method ``name``, int (runs of the method,)."""
    return np.flatnonzero(summary["method"].values == name)


def of_method(values: xr.DataArray, name: str) -> xr.DataArray:
    """The runs of method ``name``, still along ``run``."""
    return values.isel(run=np.flatnonzero(values["method"].values == name))


def varying(summary: xr.Dataset, name: str) -> dict[str, list]:
    """Hyperparameters of method ``name`` with more than one value, and their sorted values.

    Most values first; ties keep the order of the method's hyperparameters. A value of null is
    None, and the last.
    """
    runs = [setting(summary, run) for run in positions(summary, name)]
    found = {}
    for key in hyperparameters(summary, name):
        values = {run[key] for run in runs}
        if len(values) > 1:
            known = sorted(value for value in values if value is not None)
            found[key] = known + [None] * (None in values)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def setting(summary: xr.Dataset, run: int) -> dict[str, str | float | None]:
    """The hyperparameters of the run at index ``run``: those of its method, None for null."""
    name = str(summary["method"].values[run])
    return {key: _value(summary[key].values[run]) for key in hyperparameters(summary, name)}


def _value(value: Any) -> str | float | None:
    if isinstance(value, str):
        return str(value)
    return None if np.isnan(value) else float(value)


def check(summary: xr.Dataset) -> None:
    """Refuse a summary that cannot be judged.

    Raises
    ------
    UserError
        The summary lacks a variable, an attribute or the runs of a method.
    """
    missing = [name for name in _NEEDED if name not in summary]
    missing += [f"attribute '{name}'" for name in _ATTRIBUTES if name not in summary.attrs]
    missing += [name for name in ("run", "method") if name not in summary.coords]
    known = about_methods(summary)
    keys = dict.fromkeys(key for name in known for key in hyperparameters(summary, name))
    missing += [key for key in keys if key not in summary.coords]
    if missing:
        raise UserError(f"the summary lacks {', '.join(missing)}. {_AGAIN}")
    for role in ("baseline", "subject"):
        if summary.attrs[role] not in known:
            raise UserError(
                f"the summary has no method '{summary.attrs[role]}', its {role}; it has "
                f"{', '.join(known)}. {_AGAIN}"
            )
    there = present(summary).any("tile").transpose("weight_set", "core", "run")
    for name in known:
        runs = of_method(there, name)
        if not runs.sizes["run"]:
            raise UserError(f"the summary has no run of method '{name}'. {_AGAIN}")
        absent = np.argwhere(~runs.values)
        if len(absent):
            weight_set, core, run = absent[0]
            raise UserError(
                f"the summary has no run of method '{name}' for weight set "
                f"'{runs['weight_set'].values[weight_set]}' on core {runs['core'].values[core]} "
                f"({runs['run'].values[run]}). Finish the workflow (snakemake --cores all) and "
                "make the summary again."
            )


def present(summary: xr.Dataset) -> xr.DataArray:
    """True where a run exists; False where a weight set has no such tile."""
    return summary["status"] >= 0


def all_zero(summary: xr.Dataset) -> xr.DataArray:
    """True where every weight of a tile is zero: bool (weight_set, tile, core).

    Such a tile has no relative error. It is programmed and paid for, and left out of means of
    errors.
    """
    return summary["zero_columns"] == summary["columns"]


def per_core(summary: xr.Dataset, variable: str) -> xr.DataArray:
    """Mean over the tiles of each weight set, weighted by their used unit cells.

    Returns
    -------
    values
        (weight_set, core, run, ...), unit of ``variable``; without ``run`` where ``variable`` has
        none. No run is dropped: a run whose value is not finite counts as infinite. Left out are
        only tiles that hold nothing but zeros, of a variable that has no value there.
    """
    values = summary[variable].astype(float)
    runs = present(summary)
    if "run" not in values.dims:
        runs = runs.any("run")
    counted = runs & ~(all_zero(summary) & values.isnull())
    values = values.where(np.isfinite(values), np.inf).where(counted)
    weights = summary["cells"].fillna(0).where(counted)
    mean = (values * weights).sum("tile") / weights.sum("tile")
    order = [dim for dim in ("weight_set", "core", "run") if dim in mean.dims]
    return mean.transpose(*order, ...).rename(variable)


def totals(summary: xr.Dataset, variable: str) -> xr.DataArray:
    """Sum over the tiles of each weight set: (weight_set, core, run, ...)."""
    values = summary[variable].where(present(summary)).sum("tile")
    return values.transpose("weight_set", "core", "run", ...)


def programming(summary: xr.Dataset) -> list[str]:
    """Methods that use the core at all. Targets drawn with a published error cost nothing."""
    reads, mvms, pulses = (totals(summary, name) for name in ("cell_reads", "mvms", "pulses"))
    used = reads + mvms + pulses
    return [name for name in methods(summary) if float(of_method(used, name).sum()) > 0]
