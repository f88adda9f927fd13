"""Warnings of methods that pulsed nothing, and of converters at their ends."""

import json

import numpy as np
import pytest

from aimcsim.study.cautions import cautions
from tests.study.example import make


@pytest.fixture
def summary():
    """A study without reason to warn: 20 pulses in every run, no conversion saturated."""
    made = make(cores=2)
    there = made["mvm_error"].notnull()
    made["tuning_pulses"] = there.where(there) * 20.0
    used = {"mvm_saturation": made["mvms"], "read_saturation": made["cell_reads"]}
    for name, conversions in used.items():
        made[name] = (0.0 * conversions).where(conversions > 0)
    return made


def runs(summary, method):
    return np.flatnonzero(summary["method"].values == method)


def test_nothing_is_said_where_nothing_is_wrong(summary):
    assert cautions(summary) == []
    assert cautions(make(cores=2)) == []  # nor of a summary that does not know


@pytest.mark.parametrize("time", [None, 86400.0])
def test_errors_before_the_time_that_targets_are_for_are_told(summary, time):
    config = json.loads(summary.attrs.get("config", "{}"))
    config["core"] = config.get("core", {}) | {"target_time": time}
    summary.attrs["config"] = json.dumps(config)
    found = cautions(summary)
    assert len(found) == (time is not None)
    assert all("for 86400 s after programming (core.target_time)" in text for text in found)


def test_runs_that_fired_no_pulse_are_counted(summary):
    """Of GDP's 12 settings on 2 chips and 6 tiles, one setting on one chip."""
    summary["tuning_pulses"][:, :, 1, runs(summary, "gdp")[3]] *= 0
    (text,) = cautions(summary)
    assert text == "GDP: no pulse was fired after the first measurement in 6 of 144 runs."


@pytest.mark.parametrize(
    ("variable", "method", "words"),
    [
        ("mvm_saturation", "gdp", "GDP: 1.5 % of the conversions of MVMs while programming lay"),
        ("read_saturation", "iterative", "Iterative programming: 1.5 % of the cell reads while"),
        ("saturation", "iterative", "Iterative programming: 1.5 % of the conversions when judged"),
    ],
)
def test_saturation_is_told_above_one_percent(summary, variable, method, words):
    at = runs(summary, method)
    summary[variable][..., at] = summary[variable][..., at] * 0 + 0.009
    assert cautions(summary) == []
    summary[variable][..., at] = summary[variable][..., at] * 0 + 0.015
    (text,) = cautions(summary)
    assert text.startswith(words)
    assert text.endswith("at an end of the ADC's range.")
