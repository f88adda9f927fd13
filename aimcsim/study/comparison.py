"""The cases of a study's comparisons side by side: errors per core at the setting of each case.

Every case is a study of its own; the settings of the methods are chosen in each, by its own MVM
errors. Cases share chip instances and weights, so that differences between them are paired over
cores.
"""

import json
from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
import xarray as xr
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from aimcsim.common.errors import UserError
from aimcsim.common.section import unit_of
from aimcsim.config.compare import Comparison
from aimcsim.config.load import Case, cases
from aimcsim.config.models import Config
from aimcsim.study.fronts import QUANTITIES, equal_cost
from aimcsim.study.measures import (
    STATUSES,
    about_methods,
    baseline,
    check,
    labels,
    methods,
    per_core,
    present,
    subject,
    totals,
)
from aimcsim.study.multiplex import Weights, variance_ratio
from aimcsim.study.programming_error import pooled
from aimcsim.study.regret import Agnosticism, agnosticism, at_chosen

ERRORS = ("mvm_error", "held_error", "weight_error", "saturation")
OVER_TIME = ("error_over_time", "held_over_time")
LEDGER = ("mvms", "cell_reads", "pulses", "set_pulses")
DIMENSIONS = ("case", "weight_set", "core", "programmed_by", "status", "step", "compensation")
_NAMES = {
    "mvm_error": "MVM error right after programming",
    "held_error": "held error: no read-out",
    "weight_error": "conductance error",
    "saturation": "share of saturated conversions",
    "error_over_time": "MVM error at a time after programming",
    "held_over_time": "the same without read-out and read noise",
    "open_loop_error": "MVM error of targets with the published programming error",
    "runs": "runs (tile x core) by the way they ended",
    "programming_error_spread": "conductance error of programmed cells, standard deviation",
    "published_spread": "published programming error, standard deviation",
    "time": "time after programming",
    "equal_time_ratio": "MVM error of the subject over the best other's, at equal time",
    "equal_energy_ratio": "MVM error of the subject over the best other's, at equal energy",
    "expected_ratio": "variance of conductances from MVMs over that of reads, expected",
}


def compare(config: Config, summaries: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """One dataset of all cases.

    Parameters
    ----------
    config : the study
    summaries : the summary of every case, by its label ``<comparison>/<case>``

    Returns
    -------
    Dataset over ``case`` and, as far as they apply, ``weight_set``, ``core``, ``programmed_by``
    (names of methods), ``step`` (the n-th time of the case, ``time`` says which),
    ``compensation``, ``conductance``, ``status``. NaN where a case has no such weight set, core,
    method or time. Attributes ``methods``, ``baseline`` and ``subject`` as in a summary.

    Raises
    ------
    UserError
        The summary of a case is incomplete, or cases differ in baseline or subject.
    """
    known = cases(config)
    parts = [_case(case, summaries[case.label]) for case in known]
    joined = xr.concat(parts, dim="case", join="outer", coords="minimal", compat="override")
    compared = [name for name in config.weights if name in joined["weight_set"].values]
    joined.attrs = {
        "title": f"aimcsim study {config.study}: its cases side by side",
        "study": config.study,
        "seed": config.seed,
        "comparisons": json.dumps(
            {name: _about(name, comparison) for name, comparison in config.compare.items()}
        ),
        "config": json.dumps(config.model_dump(mode="json", exclude={"execution"})),
        **_methods({case.label: summaries[case.label] for case in known}),
    }
    joined = joined.reindex({"weight_set": compared, "programmed_by": methods(joined)})
    joined = joined.assign_coords(_labels(known))
    joined = joined.transpose(*(name for name in DIMENSIONS if name in joined.dims), ...)
    called = labels(joined)
    over = f"MVM error of {called[subject(joined)]} over that of {called[baseline(joined)]}"
    names = _NAMES | {"ratio": over}
    for name, variable in ((str(name), joined[name]) for name in joined.data_vars):
        units = next(part[name].attrs["units"] for part in parts if name in part)
        variable.attrs = {"units": units, "long_name": names.get(name, name.replace("_", " "))}
    return joined


def _methods(summaries: Mapping[str, xr.Dataset]) -> dict[str, str]:
    """Attributes of the comparison: every method of any case, the baseline and the subject."""
    first, *others = summaries
    pair = baseline(summaries[first]), subject(summaries[first])
    known: dict[str, dict[str, Any]] = {}
    for summary in summaries.values():
        known |= {name: one for name, one in about_methods(summary).items() if name not in known}
    for label in others:
        other = baseline(summaries[label]), subject(summaries[label])
        if other != pair:
            raise UserError(
                f"case {label} compares '{other[1]}' with '{other[0]}', case {first} '{pair[1]}' "
                f"with '{pair[0]}'. Give all cases the same baseline and subject."
            )
    return {"methods": json.dumps(list(known.values())), "baseline": pair[0], "subject": pair[1]}


def _case(case: Case, summary: xr.Dataset) -> xr.Dataset:
    try:
        check(summary)
    except UserError as error:
        raise UserError(f"case {case.label}: {error}") from None
    study = agnosticism(summary)
    percent = {"units": "percent"}
    found: dict[str, Any] = {
        name: _chosen(per_core(summary, name), study).assign_attrs(summary[name].attrs)
        for name in ERRORS
    }
    cells = summary["cells"].fillna(0).sum("tile")
    for name in LEDGER:
        if name in summary:
            per_cell = _chosen(totals(summary, name), study) / cells
            found[name] = per_cell.assign_attrs(units=f"{name} per used cell")
    for name in OVER_TIME:
        if name in summary:
            values = _chosen(per_core(summary, name), study).rename(time="step")
            found[name] = values.drop_vars("step").assign_attrs(percent)
    if "open_loop_error" in summary:
        values = per_core(summary, "open_loop_error").rename(time="step").drop_vars("step")
        found["open_loop_error"] = values.assign_attrs(percent)
        found["time"] = ("step", summary["time"].values, {"units": "s"})
    if "programming_error_spread" in summary:
        chosen = at_chosen(summary["programming_error_spread"], study)
        spread = pooled(chosen, summary["cells"])
        found["programming_error_spread"] = spread.assign_attrs(units="uS")
        found["published_spread"] = (
            "conductance", summary["published_spread"].values, {"units": "uS"},
        )  # fmt: skip
    status = at_chosen(summary["status"].where(present(summary)), study)
    counts = [(status == value).sum(("tile", "core")) for value in STATUSES]
    ended = xr.concat(counts, dim="status").assign_coords(status=list(STATUSES.values()))
    found["runs"] = ended.astype(float).assign_attrs(units="runs")
    ratios = {"ratio": study.ratio}
    for quantity in QUANTITIES:
        equal = equal_cost(summary, study, quantity)
        if equal is not None and equal.tuned is not None:
            ratios[f"equal_{quantity}_ratio"] = equal.tuned.ratio
    for name, ratio in ratios.items():
        for end, values in zip(("", "_low", "_high"), vars(ratio).values(), strict=True):
            found[f"{name}{end}"] = ("weight_set", values, {"units": "1"})
    found["expected_ratio"] = ("weight_set", _expected(case.config, summary), {"units": "1"})
    dataset = xr.Dataset({name: _bare(values) for name, values in found.items()})
    dataset = dataset.assign_coords(weight_set=summary["weight_set"].values)
    if "step" in dataset.dims:
        dataset = dataset.assign_coords(step=np.arange(dataset.sizes["step"]))
    return dataset.map(lambda values: values.expand_dims("case"), keep_attrs=True)


def _expected(config: Config, summary: xr.Dataset) -> list[float]:
    """Variance of MVMs' reads over that of cells' reads, by weight set, from data sheets, 1.

    Mean over the tiles, weighted by their cells, each with the mean of its targets over cores, see
    :mod:`aimcsim.study.multiplex`. Tiles of zeros, which have no error, do not count.
    """
    g_max = config.device.g_max * config.core.devices_per_polarity
    found = []
    for weight_set in summary["weight_set"].values:
        part = summary[["rows", "cells", "target_rms", "strongest_column"]]
        part = part.sel(weight_set=weight_set).mean("core")
        part = part.where(part["target_rms"] > 0).dropna("tile")
        ratios = [
            variance_ratio(
                config.periphery,
                config.device.read_noise,
                Weights(int(rows), rms * g_max, strongest * g_max, g_max),
            )
            for rows, rms, strongest in zip(
                part["rows"].values, part["target_rms"].values, part["strongest_column"].values,
                strict=True,
            )
        ]  # fmt: skip
        found.append(float(np.average(ratios, weights=part["cells"].values)))
    return found


def _labels(known: list[Case]) -> dict[str, Any]:
    """Coordinates of the cases; ``value`` is NaN where it is no number, ``first`` and ``second``
    where they are no pair of a grid."""

    def number(value: Any) -> float:
        numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
        return float(value) if numeric else np.nan

    pairs = [case.value if isinstance(case.value, tuple) else (np.nan, np.nan) for case in known]
    return {
        "first": ("case", [float(first) for first, _ in pairs]),
        "second": ("case", [float(second) for _, second in pairs]),
        "case": [case.label for case in known],
        "comparison": ("case", [case.comparison for case in known]),
        "name": ("case", [case.name for case in known]),
        "value": ("case", [number(case.value) for case in known]),
    }


def _bare(values: Any) -> Any:
    """Without coordinates beside those of its dimensions."""
    if isinstance(values, xr.DataArray):
        extra = [name for name in values.coords if name not in values.dims]
        return values.drop_vars(extra)
    return values


def _chosen(values: xr.DataArray, study: Agnosticism) -> xr.DataArray:
    return at_chosen(values, study).transpose("weight_set", "core", "programmed_by", ...)


def _about(name: str, comparison: Comparison) -> dict[str, Any]:
    """What the report says of a comparison."""
    fields = [_field(path) for path in comparison.keys]
    units = {unit_of(field) for field in fields if field}
    return {
        "title": comparison.title or " = ".join(comparison.keys) or name.replace("_", " "),
        "keys": list(comparison.keys),
        "grid": {path: _key_of(path) for path in comparison.grid},
        "unit": units.pop() if len(units) == 1 else "",
        "always": comparison.always,
        "cases": comparison.cases,
    }


def _key_of(path: str) -> dict[str, str]:
    """Name and unit of the config key at ``path``."""
    field = _field(path)
    name = path.rpartition(".")[2].replace("_", " ")
    return {"label": name, "unit": unit_of(field) if field else ""}


def _field(path: str) -> FieldInfo | None:
    """The config key ``section.key``, or None where there is no such model."""
    section, _, inner = path.partition(".")
    field = Config.model_fields.get(section)
    if not inner or field is None:
        return field
    for model in (field.annotation, *get_args(field.annotation)):
        if isinstance(model, type) and issubclass(model, BaseModel) and inner in model.model_fields:
            return model.model_fields[inner]
    return None
