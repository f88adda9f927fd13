"""A synthetic summary that looks like a real study's, for tests of statistics and report."""

import itertools
import json

import numpy as np
import xarray as xr

METHODS = {
    "iterative": {
        "label": "iterative programming",
        "algorithm": "iterative",
        "sees": "relative error of the unit-cell reads",
        "hyperparameters": {
            "iterations": ("iterations", "iterations", 30.0),
            "margin": ("margin", "g_max of one device", 5.0),
            "reverify": ("verify again", "", "true"),
        },
    },
    "hadamard": {
        "label": "Hadamard",
        "algorithm": "hadamard",
        "sees": "relative error of the decoded conductances",
        "hyperparameters": {
            "start": ("start", "", "iterative"),
            "passes": ("passes", "passes", 4.0),
            "iterations": ("iterations", "iterations", 40.0),
        },
    },
    "gdp": {
        "label": "GDP",
        "algorithm": "gdp",
        "sees": "relative error of the iteration's own MVMs",
        "hyperparameters": {
            "start": ("start", "", "iterative"),
            "batch_size": ("batch size", "MVMs", 1024.0),
            "iterations": ("iterations", "iterations", 40.0),
            "learning_rate": ("learning rate", "1", 0.0006),
            "noise_threshold": ("noise threshold", "standard deviations", 2.0),
            "floor": ("floor", "scatters of the device", 2.0),
            "least": ("least", "root mean squares of the targets", 0.2),
            "floor_schedule": ("floor schedule", "", "stopping"),
            "estimator": ("estimator", "", "running"),
            "opposite": ("opposite polarity", "", "true"),
            "prior": ("prior", "scatters of the device", 6.0),
            "target_error": ("target error", "percent", 0.0),
            "inputs": ("inputs", "", "uniform"),
            "affine": ("digital affine", "", "none"),
        },
    },
}
"""Methods of the example; of each hyperparameter label, unit and the value where none is swept."""
ERRORS = (
    "mvm_error", "held_error", "weight_error", "error_per_iteration", "error_over_time",
    "held_over_time", "programming_error_spread",
)  # fmt: skip
TIMES = (200.0, 86400.0, 31536000.0)
SETS = ("gaussian", "uniform", "ternary", "digits")


def make(
    weight_sets: int = 4,
    cores: int = 5,
    thresholds: tuple[float, ...] = (1.0, 2.0, 3.0, 5.0),
    floors: tuple[float, ...] = (1.0, 2.0, 4.0),
    rates: tuple[float, ...] = (0.0006,),
    network: bool = True,
    iterations: int = 30,
    budget: int = 40,
    seed: int = 7,
    bootstrap: int = 500,
    times: tuple[float, ...] = TIMES,
    programming_error: bool = True,
    margins: tuple[float, ...] = (5.0,),
    passes: tuple[float, ...] = (),
) -> xr.Dataset:
    """A summary in the format of ``results/<study>/summary.nc``.

    The last weight set is a network with three tiles if ``network``. GDP's error has a valley
    over (threshold, floor) whose place hardly depends on the weight set; low thresholds diverge.
    ``margins`` are those of iterative programming, best at 4. With ``passes`` there is a third
    method, Hadamard, the better the more there are. Without ``times`` or ``programming_error`` the
    summary lacks their variables.
    """
    rng = np.random.default_rng(seed)
    names = [SETS[k] if k < len(SETS) - 1 else f"set-{k:02d}" for k in range(weight_sets)]
    if network:
        names[-1] = "digits"
    tiles = np.ones(weight_sets, int)
    if network:
        tiles[-1] = 3
    grid = list(itertools.product(thresholds, floors, rates))
    methods, steps = 2, max(iterations, budget)
    points = len(grid)
    shape = (weight_sets, int(tiles.max()), cores, methods, points)
    exists = (np.arange(shape[1]) < tiles[:, None])[:, :, None, None, None]
    exists = np.broadcast_to(exists, shape)

    rows = np.where(np.arange(shape[1]) < tiles[:, None], 256, 0)
    columns = rows.copy()
    if network:
        rows[-1, :3], columns[-1, :3] = (64, 128, 64), (128, 64, 10)
    cells = rows * columns
    there = np.broadcast_to(np.where(cells > 0, 1, np.nan)[..., None], shape[:3])

    base = 15.5 + 1.5 * rng.random((weight_sets, shape[1], 1))
    chip = 1 + 0.015 * rng.standard_normal((1, 1, cores))
    iterative = base * chip * (1 + 0.005 * rng.standard_normal((*base.shape[:2], cores)))
    threshold, floor, rate = (np.array(values, float) for values in zip(*grid, strict=True))
    valley = 0.5 + 0.05 * rng.random((weight_sets, 1))
    centre = np.log(2.2 + 1.2 * rng.random((weight_sets, 1)))
    valley = valley + 0.2 * (np.log(threshold) - centre) ** 2 + 0.1 * np.log(floor / 2) ** 2
    valley = valley + 0.01 * np.log(rate / 0.0006) ** 2
    valley = valley + 0.7 * ((threshold < 1.5) & (floor < 1.5))
    gdp = iterative[..., None] * valley[:, None, None, :]
    gdp = gdp * (1 + 0.01 * rng.standard_normal(gdp.shape))

    error = np.stack([np.broadcast_to(iterative[..., None], gdp.shape), gdp], axis=3)
    status = np.zeros(shape, np.int8)
    status[:, :, :, 0] = 4
    status[:, :, :, 1] = np.where(gdp > iterative[..., None], 3, np.where(floor > 3, 1, 2))
    status = np.where(exists, status, -1).astype(np.int8)

    def masked(values):
        return np.where(exists, values, np.nan)

    cell_count = cells[:, :, None, None, None]
    pulses = np.empty(shape)
    pulses[:, :, :, 0] = (9.5 * cell_count * (1 + 0.01 * rng.standard_normal((*shape[:3], 1, 1))))[
        :, :, :, 0
    ]
    pulses[:, :, :, 1] = pulses[:, :, :, 0] + cell_count[:, :, :, 0] * 3 / threshold
    reads = np.broadcast_to(12.0 * cell_count, shape).copy()
    mvms = np.zeros(shape)
    mvms[:, :, :, 1] = 1024 * budget
    saturation = np.zeros(shape)
    saturation[:, :, :, 1] = 0.0003

    at = np.arange(1, steps + 1)
    curve = np.full((*shape, steps), np.nan)
    final = error[..., None]
    curve[:, :, :, 0] = final[:, :, :, 0] * 0.9 + 85 * np.exp(-(at - 1) / 4)
    curve[:, :, :, 0, :, iterations:] = np.nan
    start = final[:, :, :, 0] * 1.05
    curve[:, :, :, 1] = final[:, :, :, 1] * 1.05 + (start - final[:, :, :, 1]) * np.exp(-at / 9)
    stopped = (status[:, :, :, 1, :, None] == 1) & (at > 25)
    curve[:, :, :, 1] = np.where(stopped, np.nan, curve[:, :, :, 1])
    curve = np.where(exists[..., None], curve, np.nan)
    curve[..., budget:] = np.where(
        (np.arange(methods) == 1)[:, None, None], np.nan, curve[..., budget:]
    )

    config = {
        "study": "example",
        "seed": 1,
        "cores": cores,
        "evaluation": {"inputs": 2048},
        "periphery": {"adc_bits": 8},
        "report": {"confidence": 0.95, "bootstrap": bootstrap},
    }
    dims = ("weight_set", "tile", "core", "run")
    percent = {"units": "percent"}

    summary = xr.Dataset(
        {
            "mvm_error": (dims, _runs(masked(error)), percent),
            "held_error": (
                dims,
                _runs(masked(error * np.array([0.85, 0.6])[:, None])),
                percent,
            ),
            "weight_error": (dims, _runs(masked(error * 1.02)), percent),
            "status": (
                dims,
                _runs(status),
                {
                    "flag_values": np.array([0, 1, 2, 3, 4, -1], np.int8),
                    "flag_meanings": "reached noise_floor improving diverged converged absent",
                },
            ),
            "cell_reads": (dims, _runs(np.where(exists, reads, 0)), {"units": "1"}),
            "mvms": (dims, _runs(np.where(exists, mvms, 0)), {"units": "1"}),
            "pulses": (dims, _runs(np.where(exists, pulses, 0).round()), {"units": "1"}),
            "saturation": (dims, _runs(masked(saturation)), {"units": "1"}),
            "error_per_iteration": ((*dims, "iteration"), _runs(curve), percent),
            "cells": (("weight_set", "tile"), cells, {"units": "1"}),
            "rows": (("weight_set", "tile"), rows, {"units": "1"}),
            "columns": (("weight_set", "tile"), columns, {"units": "1"}),
            "scale": (dims[:3], 0.1 * there, {"units": "1"}),
            "target_rms": (dims[:3], 0.3 * there, {"units": "g_max"}),
            "strongest_column": (dims[:3], 0.35 * there, {"units": "g_max"}),
            "zero_columns": (dims[:3], 0 * there, {"units": "cells"}),
        },
        coords={
            "weight_set": names,
            "tile": np.arange(shape[1]),
            "core": np.arange(cores),
            "iteration": at,
        },
        attrs={
            "study": "example",
            "title": "Programming analog cores: iterative against gradient descent",
            "seed": 1,
            "config": json.dumps(config),
            "sample": "Intervals are over chips and of these matrices.",
            "effects": json.dumps(
                [
                    ["read noise", "on", "4 % of the conductance"],
                    ["ADC quantisation", "on", "8 bits"],
                    ["column gain spread", "on", "within +/-7.09 %"],
                    ["drift", "off", "not modelled yet"],
                ]
            ),
            "versions": json.dumps({"aimcsim": "0.1.0", "numpy": "2.0", "python": "3.11"}),
            "source_revision": "cb3ff6a",
            "command": "snakemake --cores all --configfile config/example.yaml",
            "baseline": "iterative",
            "subject": "gdp",
        },
    )
    if times:
        summary = summary.merge(_over_time(summary, times, points))
    if programming_error:
        summary = summary.merge(_programming_error(summary, valley))
    swept = {"iterative": {"margin": margins}, "hadamard": {"passes": passes}}
    settings = [(name, {key: value}) for name, lists in swept.items() for key, values in
                lists.items() for value in values]  # fmt: skip
    names = ("noise_threshold", "floor", "learning_rate")
    settings += [("gdp", dict(zip(names, point, strict=True))) for point in grid]
    fixed = {"gdp": {"iterations": float(budget)}, "iterative": {"iterations": float(iterations)}}
    settings = [(name, fixed.get(name, {}) | setting) for name, setting in settings]
    return _named(_more_runs(summary, margins, passes), settings)


def with_cost(
    summary: xr.Dataset, factors: dict[str, float | tuple[float, ...]] | None = None, seed: int = 2
) -> xr.Dataset:
    """``summary`` with what programming took: 50 ms and 200 uJ a tile, times ``factors``.

    A factor belongs to a method, or one to each of its runs in order; 1 where there is none.
    """
    generator = np.random.default_rng(seed)
    error, factor = summary["mvm_error"], np.ones(summary.sizes["run"])
    for name, values in (factors or {}).items():
        factor[summary["method"].values == name] = values
    added = {}
    for quantity, unit, symbol in (("time", 0.05, "s"), ("energy", 2e-4, "J")):
        noise = 1 + 0.001 * generator.standard_normal((*error.shape, 3))
        noise = np.where(error.notnull().values[..., None], noise, np.nan)
        values = noise * factor[:, None] * [0.1, 0.2, 0.7] * unit
        added[f"programming_{quantity}"] = ((*error.dims, "phase"), values, {"units": symbol})
    return summary.assign(added).assign_coords(phase=["reads", "mvms", "pulses"])


def _runs(values: np.ndarray) -> np.ndarray:
    """(weight_set, tile, core, method, point, ...) over runs: one of iterative, then GDP's."""
    return np.concatenate([values[:, :, :, 0, :1], values[:, :, :, 1]], axis=3)


def _more_runs(summary: xr.Dataset, margins: tuple, passes: tuple) -> xr.Dataset:
    """The iterative run once per margin, Hadamard once per number of passes, then GDP's runs."""
    rng = np.random.default_rng(13)

    def like_iterative(factor: float) -> xr.Dataset:
        run = summary.isel(run=[0])
        noise = 1 + 0.005 * rng.standard_normal(run["mvm_error"].shape)
        spread = xr.DataArray(factor * noise, dims=run["mvm_error"].dims)
        changed = {name: run[name] * spread for name in ERRORS if name in run}
        changed = {name: values.transpose(*run[name].dims) for name, values in changed.items()}
        return run.assign(changed)

    first = [
        summary.isel(run=[0]) if margin == 5 else like_iterative(0.98 + 0.02 * (margin - 4) ** 2)
        for margin in margins
    ]
    first += [like_iterative(0.9 - 0.1 * np.log2(number) / 4) for number in passes]
    if len(first) == 1:
        return summary
    parts = [*first, summary.isel(run=slice(1, None))]
    return xr.concat(parts, "run", data_vars="minimal", combine_attrs="override")


def _named(summary: xr.Dataset, settings: list[tuple[str, dict]]) -> xr.Dataset:
    """``summary`` with what each of its runs is: a method with its hyperparameters."""
    there = [name for name in METHODS if name in {method for method, _ in settings}]
    methods = [method for method, _ in settings]
    coordinates = {
        "run": [f"{method}-{index:08x}" for index, method in enumerate(methods)],
        "method": ("run", methods),
        "algorithm": ("run", [METHODS[method]["algorithm"] for method in methods]),
    }
    keys = {key: about for name in there for key, about in METHODS[name]["hyperparameters"].items()}
    for key, (label, unit, usual) in keys.items():
        values = []
        for method, setting in settings:
            own = METHODS[method]["hyperparameters"]
            absent = "" if isinstance(usual, str) else np.nan
            values.append(setting.get(key, own[key][2]) if key in own else absent)
        attributes = {"long_name": label} | ({"units": unit} if unit else {})
        coordinates[key] = ("run", values, attributes)
    about = [
        {"name": name, **METHODS[name], "hyperparameters": {
            key: {"label": label, "unit": unit}
            for key, (label, unit, _) in METHODS[name]["hyperparameters"].items()
        }}
        for name in there
    ]  # fmt: skip
    return summary.assign_coords(coordinates).assign_attrs(methods=json.dumps(about))


def _over_time(summary: xr.Dataset, times: tuple[float, ...], points: int) -> xr.Dataset:
    """Errors that grow with the logarithm of time, less with better compensation."""
    rng = np.random.default_rng(11)
    growth = 1 + 0.12 * np.log10(np.array(times) / 20)[:, None] * np.array([3.0, 1.0, 0.9])
    error = summary["mvm_error"].values
    noise = rng.standard_normal((*error.shape[:3], 2, points, *growth.shape))
    error = error[..., None, None] * growth
    error = error * (1 + 0.01 * _runs(noise))
    drawn = error[:, :, :, 0] * 1.04
    run, aged = summary["mvm_error"].dims, ("time", "compensation")
    percent = {"units": "percent"}
    return xr.Dataset(
        {
            "error_over_time": ((*run, *aged), error, percent),
            "held_over_time": ((*run, *aged), 0.9 * error, percent),
            "open_loop_error": ((*run[:3], *aged), drawn, percent),
        },
        coords={
            "time": ("time", list(times), {"units": "s", "long_name": "time after programming"}),
            "compensation": ["none", "global", "column"],
        },
    )


def _programming_error(summary: xr.Dataset, valley: np.ndarray) -> xr.Dataset:
    """A spread that grows with the target; the first weight set has no cells near g_max."""
    rng = np.random.default_rng(12)
    shares = (np.arange(20) + 0.5) / 20
    published = 0.15 + 1.2 * shares - 0.4 * shares**2
    run, error = summary["mvm_error"].dims, summary["mvm_error"].values
    drawn = (*error.shape[:3], 2, valley.shape[1], len(shares))
    shape = (*error.shape, len(shares))
    noise = _runs(rng.standard_normal(drawn))
    spread = np.broadcast_to(0.2 + 1.1 * shares, shape) * (1 + 0.05 * noise)
    mean = -0.1 * np.broadcast_to(shares, shape) + 0.02 * _runs(rng.standard_normal(drawn))
    spread[:, :, :, 1:] *= valley[:, None, None, :, None]
    there = np.broadcast_to(summary["status"].values[..., None] >= 0, shape).copy()
    there[0, ..., shares > 0.9] = False
    units = {"units": "uS"}
    name = {"long_name": "published programming error, example_chip", **units}
    return xr.Dataset(
        {
            "programming_error_spread": (
                (*run, "conductance"),
                np.where(there, spread, np.nan),
                units,
            ),
            "programming_error_mean": (
                (*run, "conductance"),
                np.where(there, mean, np.nan),
                units,
            ),
        },
        coords={
            "conductance": ("conductance", shares, {"units": "g_max"}),
            "published_spread": ("conductance", published, name),
        },
    )
