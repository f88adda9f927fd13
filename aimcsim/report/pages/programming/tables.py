"""The data behind every figure and table of the report, as datasets, and their files.

Each function takes a :class:`Study` and returns a dataset with ``units`` and ``long_name`` on
every variable. :func:`write` puts it beside the page twice: as netCDF, and as CSV (variables over
``core`` stand in the netCDF file alone).
"""

import numpy as np
import xarray as xr

from aimcsim.report.estimates import carried, describe, with_interval
from aimcsim.report.study import OPEN_LOOP, Study, methods, others
from aimcsim.study import over_time as aged
from aimcsim.study import programming_error as left
from aimcsim.study.measures import (
    HYPERPARAMETERS,
    STATUSES,
    UNITS,
    of_method,
    per_core,
    present,
    totals,
)
from aimcsim.study.regret import SetEstimates, excess


def _sets(study: Study) -> np.ndarray:
    return np.array(study.result.weight_sets, dtype=object)


def _of_sets(study: Study, **estimates: SetEstimates | None) -> xr.Dataset:
    variables = {}
    for name, estimate in estimates.items():
        if estimate is not None:
            variables[name] = ("weight_set", estimate.value)
            variables[f"{name}_low"] = ("weight_set", estimate.low)
            variables[f"{name}_high"] = ("weight_set", estimate.high)
    return xr.Dataset(variables, coords={"weight_set": _sets(study)})


def errors(study: Study) -> xr.Dataset:
    """MVM, held and weight error by weight set and method; GDP at the chosen setting."""
    names = {"mvm_error": "MVM error", "held_error": "held error", "weight_error": "weight error"}
    if "calibrated_error" in study.summary:
        names["calibrated_error"] = "MVM error, scale and offset per column set after programming"
    parts = []
    for name in names:
        values = study.chosen(per_core(study.summary, name)).transpose(
            "weight_set", "method", "core"
        )
        values = values.sel({"method": methods(study.summary)})
        parts.append(with_interval(values, name, study.level))
    dataset = xr.merge(parts)
    described = {name: (text, "percent") for name, text in names.items()}
    described |= {f"{k}_cores": (f"{t} of each core", "percent") for k, t in names.items()}
    return describe(dataset, **described)


def ratios(study: Study) -> xr.Dataset:
    """MVM error of GDP over iterative programming, with the setting it was reached at."""
    dataset = _of_sets(study, ratio=study.result.ratio)
    described = {}
    for upper, lower in _other_pairs(study):
        each, _ = aged.ratios(study.summary, "mvm_error", study.result, upper, lower)
        name = f"{upper}_over_{lower}"
        dataset = dataset.merge(_of_sets(study, **{name: each}))
        described[name] = (f"MVM error of {upper} over that of {lower}", "1")
    dataset["setting"] = (
        "weight_set",
        np.array([study.setting_text(point) for point in study.result.chosen], dtype=object),
    )
    return describe(
        dataset,
        ratio=("MVM error of GDP over that of iterative programming", "1"),
        setting=("hyperparameters of GDP", "1"),
        **described,
    )


def _other_pairs(study: Study) -> list[tuple[str, str]]:
    """Methods (upper, lower) whose ratio is told beside that of GDP to iterative."""
    known = others(study.summary)
    pairs = [(name, "iterative") for name in known]
    return pairs + ([("gdp", "hadamard")] if "hadamard" in known else [])


def convergence(study: Study) -> xr.Dataset:
    """Error per iteration as the algorithm saw it; a stopped run keeps its last value."""
    summary = study.summary
    curve = study.chosen(summary["error_per_iteration"])
    runs = study.chosen(present(summary))
    curve = curve.where(runs).transpose(..., "iteration")
    # The axis ends where the last run of the method ended.
    alive = curve.notnull().any([dim for dim in curve.dims if dim not in ("method", "iteration")])
    last = alive.cumsum("iteration").argmax("iteration")
    inside = xr.DataArray(np.arange(curve.sizes["iteration"]), dims="iteration") <= last
    curve = carried(curve).where(inside & alive.any("iteration"))
    weights = summary["cells"].fillna(0).where(runs & curve.notnull())
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (curve * weights).sum("tile", min_count=1) / weights.sum("tile", min_count=1)
    mean = mean.transpose("weight_set", "method", "iteration", "core")
    dataset = with_interval(mean.sel({"method": methods(summary)}), "error", study.level)
    return describe(
        dataset,
        error=(
            "error as the algorithm saw it through the ports (iterative: relative error of "
            "unit-cell reads; gdp: relative MVM error of its batch"
            + ("; hadamard: of decoded cells)" if "hadamard" in methods(summary) else ")"),
            "percent",
        ),
        error_cores=("the same of each core", "percent"),
    )


def accuracy(study: Study) -> xr.Dataset | None:
    """Accuracy of the networks: software, iterative, GDP. None without a network."""
    summary = study.summary
    if "accuracy" not in summary or "software_accuracy" not in summary:
        return None
    networks = np.isfinite(summary["software_accuracy"].values)
    values = study.chosen(summary["accuracy"]).transpose("weight_set", "method", "core")
    if not networks.any():
        return None
    values = values.isel(weight_set=np.flatnonzero(networks)).sel({"method": methods(summary)})
    dataset = with_interval(values, "accuracy", study.level)
    dataset["software_accuracy"] = (
        "weight_set",
        summary["software_accuracy"].values[networks].astype(float),
    )
    if "test_images" in summary:
        dataset["test_images"] = ("weight_set", summary["test_images"].values[networks])
    dataset = dataset.assign_coords(weight_set=_sets(study)[networks])
    return describe(
        dataset,
        accuracy=("share of test images classified correctly on cores", "percent"),
        accuracy_cores=("the same of each core", "percent"),
        software_accuracy=("share classified correctly in floating point", "percent"),
        test_images=("test images", "1"),
    )


def residue(study: Study) -> xr.Dataset | None:
    """What programming leaves over the target conductance. None where the summary lacks it."""
    summary = study.summary
    if "residue_spread" not in summary or "residue_mean" not in summary:
        return None
    runs, cells = study.chosen(present(summary)), summary["cells"]
    names = {"spread": "standard deviation", "mean": "mean"}
    parts = []
    for name in names:
        values = study.chosen(summary[f"residue_{name}"]).where(runs)
        found = left.pooled(values, cells).sel({"method": methods(summary)})
        parts.append(with_interval(found, name, study.level))
    dataset = xr.merge(parts)
    spread = study.chosen(summary["residue_spread"]).where(runs)
    dataset["weight_sets"] = ("conductance", left.contributing(spread, cells).values)
    if "published_spread" in summary.coords:
        dataset["published"] = ("conductance", summary["published_spread"].values)
    if not dataset["weight_sets"].any():
        return None
    described = {k: (f"conductance error of programmed cells, {t}", "uS") for k, t in names.items()}
    described |= {f"{k}_cores": (f"{described[k][0]}, of each core", "uS") for k in names}
    described["weight_sets"] = ("weight sets with enough cells in the bin", "1")
    described["published"] = (published_name(summary) or "", "uS")
    describe(dataset, **described)
    dataset["conductance"].attrs = dict(summary["conductance"].attrs)
    return dataset


def residue_distance(study: Study, residue: xr.Dataset) -> xr.Dataset | None:
    """Relative distance of the spread from the published one. None without a published one."""
    if "published" not in residue:
        return None
    shares, published = residue["conductance"].values, residue["published"].values
    spreads = residue["spread_cores"].transpose("core", ...)
    spreads = [of_method(spreads, method).values for method in methods(residue)]
    found = [left.distance(shares, s, published, study.result.options) for s in spreads]
    bins = [int(left.judged(shares, s, published).sum()) for s in spreads]
    dataset = xr.Dataset(
        {
            "distance": ("method", [one.value for one in found]),
            "distance_low": ("method", [one.low for one in found]),
            "distance_high": ("method", [one.high for one in found]),
            "bins": ("method", bins),
        },
        coords={"method": methods(residue)},
    )
    text = (
        "root-mean-square relative distance of the spread from the published one over "
        f"{left.LOWEST_SHARE:g} to 1 of g_max"
    )
    return describe(dataset, distance=(text, "percent"), bins=("bins of that range", "1"))


def published_name(summary: xr.Dataset) -> str | None:
    """What the published spread is, in the words of the summary; None where it has none."""
    if "published_spread" not in summary.coords:
        return None
    return summary["published_spread"].attrs.get("long_name", "published residue of programming")


def over_time(study: Study) -> xr.Dataset | None:
    """Errors at times after programming, with and without compensation; None without times.

    ``open_loop`` stands beside the methods where the summary has it: no loop was simulated, every
    target carries the published residue.
    """
    summary = study.summary
    if "error_over_time" not in summary:
        return None
    order = ("weight_set", "method", "time", "compensation", "core")
    values = study.chosen(per_core(summary, "error_over_time")).transpose(*order)
    held = study.chosen(per_core(summary, "held_over_time")).transpose(*order)
    shown, held = (array.sel({"method": methods(summary)}) for array in (values, held))
    if "open_loop_error" in summary and OPEN_LOOP not in methods(summary):
        drawn = per_core(summary, "open_loop_error").expand_dims({"method": [OPEN_LOOP]})
        drawn = drawn.drop_vars([name for name in drawn.coords if name not in drawn.dims])
        shown = xr.concat([shown, drawn.transpose(*order)], "method")
        held = held.reindex({"method": shown["method"]})
    dataset = xr.merge(
        [
            with_interval(shown, "error", study.level),
            with_interval(held, "held_error", study.level),
        ]
    )
    texts = {"error": "MVM error at a time after programming", "held_error": "held error, likewise"}
    described = {name: (text, "percent") for name, text in texts.items()}
    described |= {f"{k}_cores": (f"{t}, of each core", "percent") for k, t in texts.items()}
    return _timed(describe(dataset, **described), study)


def over_time_mean(study: Study, over_time: xr.Dataset) -> xr.Dataset:
    """Mean over weight sets of :func:`over_time`, and the ratio of the methods' means."""
    values = over_time["error_cores"].mean("weight_set", skipna=False)
    dataset = with_interval(values, "error", study.level)
    _, together = aged.ratios(study.summary, "error_over_time", study.result)
    for end, part in zip(
        ("", "_low", "_high"), (together.value, together.low, together.high), strict=True
    ):
        dataset[f"ratio{end}"] = (("time", "compensation"), part)
    text = "MVM error at a time after programming, mean over weight sets"
    describe(
        dataset,
        error=(text, "percent"),
        error_cores=(f"{text}, of each core", "percent"),
        ratio=("mean of GDP over mean of iterative programming", "1"),
    )
    return _timed(dataset, study)


def over_time_ratios(study: Study) -> xr.Dataset:
    """Error of GDP over that of iterative programming at times after programming."""
    each, _ = aged.ratios(study.summary, "error_over_time", study.result)
    dims = ("weight_set", "time", "compensation")
    dataset = xr.Dataset(
        {
            "ratio": (dims, each.value),
            "ratio_low": (dims, each.low),
            "ratio_high": (dims, each.high),
        },
        coords={
            "weight_set": _sets(study),
            "time": study.summary["time"].values,
            "compensation": study.summary["compensation"].values,
        },
    )
    text = "MVM error of GDP over that of iterative programming, at a time after programming"
    return _timed(describe(dataset, ratio=(text, "1")), study)


def accuracy_over_time(study: Study) -> xr.Dataset | None:
    """Accuracy of the networks at times after programming; None without network or times."""
    summary = study.summary
    if "accuracy_over_time" not in summary or "software_accuracy" not in summary:
        return None
    networks = np.flatnonzero(np.isfinite(summary["software_accuracy"].values))
    if not networks.size:
        return None
    values = study.chosen(summary["accuracy_over_time"]).isel(weight_set=networks)
    values = values.transpose("weight_set", "method", "time", "core").astype(float)
    values = values.sel({"method": methods(summary)})
    gain = of_method(values, "gdp") - of_method(values, "iterative")
    dataset = xr.merge(
        [
            with_interval(values, "accuracy", study.level),
            with_interval(gain, "difference", study.level),
        ]
    )
    dataset["software_accuracy"] = (
        "weight_set",
        summary["software_accuracy"].values[networks].astype(float),
    )
    dataset = dataset.assign_coords(weight_set=_sets(study)[networks])
    return _timed(
        describe(
            dataset,
            accuracy=("share of test images classified correctly on cores", "percent"),
            accuracy_cores=("the same of each core", "percent"),
            difference=("accuracy of GDP less that of iterative programming", "percentage points"),
            difference_cores=("the same of each core", "percentage points"),
            software_accuracy=("share classified correctly in floating point", "percent"),
        ),
        study,
    )


def _timed(dataset: xr.Dataset, study: Study) -> xr.Dataset:
    dataset["time"].attrs = {"units": "s", **study.summary["time"].attrs}
    return dataset


def settings(study: Study) -> xr.Dataset:
    """Error of every hyperparameter point over each set's own best."""
    error = of_method(per_core(study.summary, "mvm_error"), "gdp").mean("core").values
    points = np.arange(error.shape[1])
    dataset = xr.Dataset(
        {
            "error": (("weight_set", "point"), error),
            "excess": (("weight_set", "point"), 100 * np.expm1(excess(error))),
            "own_best": (
                ("weight_set", "point"),
                (points == study.result.best[:, None]).astype(np.int8),
            ),
            "left_out": (
                ("weight_set", "point"),
                (points == study.result.chosen[:, None]).astype(np.int8),
            ),
            "shared": ("point", (points == study.result.shared).astype(np.int8)),
        },
        coords={"weight_set": _sets(study), "point": points},
    )
    describe(
        dataset,
        error=("MVM error of GDP, mean over cores", "percent"),
        excess=("MVM error over that of the weight set's own best point", "percent"),
        own_best=("1 at the weight set's own best point", "1"),
        left_out=("1 at the point chosen for the weight set", "1"),
        shared=("1 at the point chosen over all weight sets", "1"),
    )
    for name in HYPERPARAMETERS:
        values = study.summary[name].values
        values = values if values.dtype.kind in "biuf" else values.astype(object)
        dataset[name] = ("point", values, {"long_name": name, "units": UNITS[name] or "1"})
    return dataset


def regret(study: Study) -> xr.Dataset | None:
    """Regret of the shared setting per left-out weight set. None where not measurable."""
    result = study.result
    if result.regret is None:
        return None
    dataset = _of_sets(study, regret=result.regret, cross_fitted_regret=result.split_regret)
    return describe(
        dataset,
        regret=("excess of MVM error over the set's own best, same cores", "percent"),
        cross_fitted_regret=("the same, chosen and judged on different cores", "percent"),
    )


def cost(study: Study) -> xr.Dataset:
    """What programming used, by weight set and method; GDP includes the run it starts from."""
    summary = study.summary
    cells = summary["cells"].fillna(0).sum("tile")
    tiles = present(summary).any(["core", "method", "point"]).sum("tile")
    wanted = {
        "mvms": (totals(summary, "mvms") / tiles, "MVMs per tile", "1"),
        "cell_reads": (totals(summary, "cell_reads") / cells, "cell reads per unit cell", "1"),
        "pulses": (totals(summary, "pulses") / cells, "pulses per unit cell", "1"),
        "saturation": (
            100 * per_core(summary, "saturation"),
            "saturated ADC conversions",
            "percent",
        ),
    }
    parts, described = [], {}
    for name, (values, text, units) in wanted.items():
        chosen = study.chosen(values).transpose("weight_set", "method", "core")
        parts.append(with_interval(chosen.sel({"method": methods(summary)}), name, study.level))
        described[name] = (text, units)
        described[f"{name}_cores"] = (f"{text} of each core", units)
    return describe(xr.merge(parts), **described)


def pulses(study: Study) -> xr.Dataset:
    """MVM error against pulses per unit cell, for every point; means over cores."""
    summary = study.summary
    cells = summary["cells"].fillna(0).sum("tile")
    dims = ("weight_set", "method", "point")
    used = (totals(summary, "pulses") / cells).mean("core").transpose(*dims)
    error = per_core(summary, "mvm_error").mean("core").transpose(*dims)
    points = np.arange(summary.sizes["point"])
    dataset = xr.Dataset(
        {
            "pulses": (dims, used.sel({"method": methods(summary)}).values),
            "error": (dims, error.sel({"method": methods(summary)}).values),
            "left_out": (
                ("weight_set", "point"),
                (points == study.result.chosen[:, None]).astype(np.int8),
            ),
        },
        coords={"weight_set": _sets(study), "method": methods(summary), "point": points},
    )
    return describe(
        dataset,
        pulses=("pulses per unit cell", "1"),
        error=("MVM error", "percent"),
        left_out=("1 at the point chosen for the weight set", "1"),
    )


def outcomes(study: Study) -> xr.Dataset:
    """How many runs ended in which status; every run is counted once.

    A run is one tile on one core; iterative and Hadamard-verified programming have one per tile
    and core, GDP one per point as well; open loop has none. ``gdp_chosen`` repeats those GDP runs
    that used the chosen setting.
    """
    status = study.summary["status"]
    fixed = [name for name in methods(study.summary) if name not in (OPEN_LOOP, "gdp")]
    groups = {name: of_method(status, name).isel(point=[0]) for name in fixed} | {
        "gdp": of_method(status, "gdp"),
        "gdp_chosen": study.chosen(of_method(status, "gdp")),
    }
    counts = np.stack(
        [
            np.stack(
                [
                    (part == flag).sum([d for d in part.dims if d != "weight_set"]).values
                    for flag in STATUSES
                ],
                axis=-1,
            )
            for part in groups.values()
        ],
        axis=1,
    )
    dataset = xr.Dataset(
        {"runs": (("weight_set", "runs_of", "status"), counts)},
        coords={
            "weight_set": _sets(study),
            "runs_of": list(groups),
            "status": list(STATUSES.values()),
        },
    )
    return describe(dataset, runs=("programming runs (tile x core x point)", "1"))


def weight_sets(study: Study) -> xr.Dataset:
    """Tiles and used unit cells of each weight set."""
    summary = study.summary
    exists = present(summary).any(["core", "method", "point"])
    dataset = xr.Dataset(
        {
            "tiles": ("weight_set", exists.sum("tile").values),
            "cells": ("weight_set", summary["cells"].fillna(0).where(exists).sum("tile").values),
        },
        coords={"weight_set": _sets(study)},
    )
    return describe(dataset, tiles=("tiles", "1"), cells=("used unit cells of all tiles", "1"))
