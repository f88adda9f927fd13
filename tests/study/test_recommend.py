"""The recommended method and setting, and the file that another study reads it from."""

import json

import numpy as np
import pytest
import xarray as xr
import yaml

from aimcsim.common.errors import UserError
from aimcsim.config.compare import merged
from aimcsim.config.load import from_mapping
from aimcsim.shards.runs import coordinates_of
from aimcsim.study.recommend import NAME, recommend

CONFIG = {
    "study": "planted",
    "weights": {"a": {"kind": "gaussian"}, "b": {"kind": "uniform"}, "c": {"kind": "laplace"}},
    "methods": {
        "iterative": {"algorithm": "iterative"},
        "gdp": {
            "algorithm": "gdp",
            "start": "baseline",
            "iterations": [10, 40],
            "noise_threshold": [0.5, 1.0, 2.0, 4.0],
        },
    },
}


def planted(**changes) -> xr.Dataset:
    """Three weight sets on six chips: the best is 40 iterations at a threshold of 1, on all."""
    config = from_mapping(CONFIG | changes, "planted")
    runs = config.runs()
    draw = np.random.default_rng(3)
    error, time = np.empty((len(runs),)), np.empty((len(runs),))
    for place, run in enumerate(runs):
        if run.method == "iterative":
            error[place], time[place] = 15.0, 0.05
            continue
        off = np.log(run.settings.noise_threshold) ** 2
        error[place] = (6 if run.settings.iterations == 40 else 9) * (1 + 0.3 * off)
        time[place] = 0.05 + 0.001 * run.settings.iterations
    shape = (3, 1, 6, len(runs))
    dims = ("weight_set", "tile", "core", "run")
    levels = np.array([1.0, 0.8, 1.3])[:, None, None, None]
    errors = error * levels * np.exp(0.01 * draw.standard_normal(shape))
    counts = np.ones(shape)
    hyper = {key: {"label": key, "unit": ""} for key in ("iterations", "noise_threshold")}
    methods = [
        {"name": "iterative", "label": "iterative programming", "algorithm": "iterative",
         "sees": "", "hyperparameters": {"iterations": hyper["iterations"]}},
        {"name": "gdp", "label": "GDP", "algorithm": "gdp", "sees": "", "hyperparameters": hyper},
    ]  # fmt: skip
    phases = ("phase", *dims)
    return xr.Dataset(
        {
            "mvm_error": (dims, errors),
            "status": (dims, np.ones(shape, int)),
            "cells": (dims[:3], np.full(shape[:3], 64.0)),
            "columns": (dims[:3], np.full(shape[:3], 8)),
            "zero_columns": (dims[:3], np.zeros(shape[:3], int)),
            **dict.fromkeys(("cell_reads", "mvms", "pulses"), (dims, counts)),
            "programming_time": (phases, np.broadcast_to(time, (1, *shape))),
            "programming_energy": (phases, np.broadcast_to(time / 100, (1, *shape))),
        },
        {**coordinates_of(runs), "weight_set": ["a", "b", "c"]},
        {
            "study": "planted", "seed": 1, "baseline": "iterative", "subject": "gdp",
            "methods": json.dumps(methods), "config": json.dumps(config.model_dump(mode="json")),
        },
    )  # fmt: skip


def test_the_best_for_all_weight_sets_is_found():
    found = recommend(planted())
    assert (found.method, found.run.settings.iterations) == ("gdp", 40)
    assert found.run.settings.noise_threshold == 1.0
    assert found.candidates == (9, 9)
    for name, level in (("a", 1.0), ("b", 0.8), ("c", 1.3)):
        assert found.errors[name].low < 6 * level < found.errors[name].high
    assert found.cost == pytest.approx({"time": 0.09, "energy": 0.0009})


def test_limits_leave_what_costs_too_much():
    assert recommend(planted(), {"time": 0.07}).run.settings.iterations == 10
    assert recommend(planted(), {"energy": 0.00055}).method == "iterative"
    with pytest.raises(UserError, match="the cheapest take time 50 ms"):
        recommend(planted(), {"time": 0.01})


def test_a_choice_among_equals_costs_little_where_it_was_not_made():
    unseen = recommend(planted()).unseen
    assert unseen.low <= 0.5
    assert -0.5 < unseen.value < 0.5  # percent: the planted best is the same on all


def test_tolerance_brackets_the_planted_valley():
    low, high = recommend(planted()).tolerance["noise_threshold"]
    exact = np.exp(np.sqrt(0.05 / 0.3))  # at which 5 % are lost
    assert low <= 1.0 <= high
    assert low >= 0.5
    assert high <= 2.0
    assert low == pytest.approx(1 / exact, abs=0.25)
    assert high == pytest.approx(exact, abs=0.35)


def test_the_baseline_itself_and_a_single_chip_are_said():
    cheapest = recommend(planted(), {"energy": 0.00055})
    assert any("the baseline itself" in line for line in cheapest.told())
    assert not any("the baseline itself" in line for line in recommend(planted()).told())
    assert "within the limits" in cheapest.told()[0]
    assert "within the limits" not in recommend(planted()).told()[0]
    (first,) = [line for line in recommend(planted().isel(core=[0])).told() if "One chip" in line]
    assert first.startswith("One chip gives no interval")


def test_errors_before_the_time_that_targets_are_for_are_said():
    aimed = recommend(planted(core={"target_time": 86400.0}))
    assert any("for 86400 s after programming" in line for line in aimed.told())
    assert not any("core.target_time" in line for line in recommend(planted()).told())


def test_the_file_is_read_beside_methods_that_are_spread():
    """As `--configfile mine.yaml recommended.yaml` merges them."""
    written = yaml.safe_load(recommend(planted()).yaml())
    spread = {"algorithm": "iterative", "samples": 2, "gain": [0.05, 0.1]}
    mine = {"weights": {"z": {"kind": "ternary"}}, "methods": {"iterative": spread}}
    config = from_mapping(merged(mine, written), "both")
    assert [run.method for run in config.runs()].count("iterative") == 1


def test_another_study_reads_the_file():
    text = recommend(planted()).yaml()
    written = yaml.safe_load(text)
    config = from_mapping({"weights": {"z": {"kind": "ternary"}}, **written}, "recommended")
    run = next(run for run in config.runs() if run.method == NAME)
    wanted = recommend(planted()).run
    assert run.settings.model_dump(exclude={"start"}) == wanted.settings.model_dump(
        exclude={"start"}
    )
    assert run.start.settings == wanted.start.settings
    assert text.startswith("# Use 'gdp' (GDP) with")
