"""A synthetic summary that looks like a real study's, for tests of statistics and report."""

import itertools
import json

import numpy as np
import xarray as xr

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
    residue: bool = True,
) -> xr.Dataset:
    """A summary in the format of ``results/<study>/summary.nc``.

    The last weight set is a network with three tiles if ``network``. GDP's error has a valley
    over (threshold, floor) whose place hardly depends on the weight set; low thresholds diverge.
    Without ``times`` or ``residue`` it lacks their variables, as older summaries do.
    """
    rng = np.random.default_rng(seed)
    names = [SETS[k] if k < len(SETS) - 1 else f"set-{k:02d}" for k in range(weight_sets)]
    if network:
        names[-1] = "digits"
    tiles = np.ones(weight_sets, int)
    if network:
        tiles[-1] = 3
    grid = list(itertools.product(thresholds, floors, rates))
    points, methods, steps = len(grid), 2, max(iterations, budget)
    shape = (weight_sets, int(tiles.max()), cores, methods, points)
    exists = (np.arange(shape[1]) < tiles[:, None])[:, :, None, None, None]
    exists = np.broadcast_to(exists, shape)

    rows = np.where(np.arange(shape[1]) < tiles[:, None], 256, 0)
    columns = rows.copy()
    if network:
        rows[-1, :3], columns[-1, :3] = (64, 128, 64), (128, 64, 10)
    cells = rows * columns

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
    status[:, :, :, 0] = 2
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

    accuracy = np.full((weight_sets, cores, methods, points), np.nan)
    software, images = np.full(weight_sets, np.nan), np.full(weight_sets, np.nan)
    if network:
        software[-1], images[-1] = 97.2, 360
        lost = np.stack([np.full((cores, points), 1.6), 0.5 * valley[-1] + 0 * gdp[-1, 0]], axis=1)
        accuracy[-1] = 97.2 - lost * (1 + 0.3 * rng.standard_normal((cores, methods, 1)))

    config = {
        "study": "example",
        "seed": 1,
        "cores": cores,
        "evaluation": {"inputs": 2048},
        "periphery": {"adc_bits": 8},
        "report": {"confidence": 0.95, "bootstrap": bootstrap},
    }
    dims = ("weight_set", "tile", "core", "method", "point")
    percent = {"units": "percent"}
    pulse_count = np.where(exists, pulses, 0).round()

    def same(value):
        return ("point", np.array([value] * points))

    summary = xr.Dataset(
        {
            "mvm_error": (dims, masked(error), percent),
            "held_error": (dims, masked(error * np.array([0.85, 0.6])[:, None]), percent),
            "weight_error": (dims, masked(error * 1.02), percent),
            "status": (
                dims,
                status,
                {
                    "flag_values": np.array([0, 1, 2, 3, -1], np.int8),
                    "flag_meanings": "reached noise_floor budget diverged no_such_tile",
                },
            ),
            "cell_reads": (dims, np.where(exists, reads, 0), {"units": "1"}),
            "mvms": (dims, np.where(exists, mvms, 0), {"units": "1"}),
            "pulses": (dims, pulse_count, {"units": "1"}),
            "saturation": (dims, masked(saturation), {"units": "1"}),
            "error_per_iteration": ((*dims, "iteration"), curve, percent),
            "cells": (("weight_set", "tile"), cells, {"units": "1"}),
            "rows": (("weight_set", "tile"), rows, {"units": "1"}),
            "columns": (("weight_set", "tile"), columns, {"units": "1"}),
            "scale": (("weight_set", "tile"), np.where(cells > 0, 0.1, np.nan), {"units": "1"}),
            "accuracy": (("weight_set", "core", "method", "point"), accuracy, percent),
            "software_accuracy": ("weight_set", software, percent),
            "test_images": ("weight_set", images, {"units": "1"}),
        },
        coords={
            "weight_set": names,
            "tile": np.arange(shape[1]),
            "core": np.arange(cores),
            "method": ["iterative", "gdp"],
            "point": np.arange(points),
            "iteration": at,
            "point_id": ("point", np.array([f"{k:08x}" for k in range(points)])),
            "start": same("iterative"),
            "batch_size": same(1024),
            "iterations_budget": same(budget),
            "learning_rate": ("point", rate),
            "noise_threshold": ("point", threshold),
            "floor": ("point", floor),
            "floor_slope": same(0.2),
            "floor_schedule": same("stopping"),
            "estimator": same("running"),
            "opposite": same(True),
            "affine": same("none"),
            "prior": same(6.0),
            "target_error": same(0.0),
            "inputs": same("uniform"),
        },
        attrs={
            "study": "example",
            "title": "Programming analog cores: iterative against gradient descent",
            "seed": 1,
            "config": json.dumps(config),
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
        },
    )
    if times:
        summary = summary.merge(_over_time(summary, times))
    return summary.merge(_residue(summary, valley)) if residue else summary


def _over_time(summary: xr.Dataset, times: tuple[float, ...]) -> xr.Dataset:
    """Errors that grow with the logarithm of time, less with better compensation."""
    rng = np.random.default_rng(11)
    growth = 1 + 0.12 * np.log10(np.array(times) / 20)[:, None] * np.array([3.0, 1.0, 0.9])
    error = summary["mvm_error"].values[..., None, None] * growth
    error = error * (1 + 0.01 * rng.standard_normal(error.shape))
    error[:, :, :, 0] = error[:, :, :, 0, :1]  # knows no point
    drawn = error[:, :, :, 0, 0] * 1.04
    accuracy = summary["accuracy"].values[..., None] - 0.4 * np.log10(times)
    run, aged = summary["mvm_error"].dims, ("time", "compensation")
    percent = {"units": "percent"}
    return xr.Dataset(
        {
            "error_over_time": ((*run, *aged), error, percent),
            "held_over_time": ((*run, *aged), 0.9 * error, percent),
            "open_loop_error": ((*run[:3], *aged), drawn, percent),
            "accuracy_over_time": ((*summary["accuracy"].dims, "time"), accuracy, percent),
        },
        coords={
            "time": ("time", list(times), {"units": "s", "long_name": "time after programming"}),
            "compensation": ["none", "global", "column"],
        },
    )


def _residue(summary: xr.Dataset, valley: np.ndarray) -> xr.Dataset:
    """A spread that grows with the target; the first weight set has no cells near g_max."""
    rng = np.random.default_rng(12)
    shares = (np.arange(20) + 0.5) / 20
    published = 0.15 + 1.2 * shares - 0.4 * shares**2
    run = summary["mvm_error"].dims
    shape = (*summary["mvm_error"].shape, len(shares))
    spread = np.broadcast_to(0.2 + 1.1 * shares, shape) * (1 + 0.05 * rng.standard_normal(shape))
    mean = -0.1 * np.broadcast_to(shares, shape) + 0.02 * rng.standard_normal(shape)
    for values in (spread, mean):
        values[:, :, :, 0] = values[:, :, :, 0, :1]  # knows no point
    spread[:, :, :, 1] *= valley[:, None, None, :, None]
    there = np.broadcast_to(summary["status"].values[..., None] >= 0, shape).copy()
    there[0, ..., shares > 0.9] = False
    units = {"units": "uS"}
    name = {"long_name": "published residue of programming, example_chip", **units}
    return xr.Dataset(
        {
            "residue_spread": ((*run, "conductance"), np.where(there, spread, np.nan), units),
            "residue_mean": ((*run, "conductance"), np.where(there, mean, np.nan), units),
        },
        coords={
            "conductance": ("conductance", shares, {"units": "g_max"}),
            "published_spread": ("conductance", published, name),
        },
    )
