"""Two studies beside each other."""

import json

import numpy as np
import pytest

from aimcsim.study.difference import changes, results, same_chips
from tests.study.example import make

SMALL = {"weight_sets": 3, "cores": 6, "network": False, "floors": (1.0, 2.0)}


def scaled(summary, factor, method="gdp"):
    runs = np.flatnonzero(summary["method"].values == method)
    order = ("run", "weight_set", "tile", "core")
    values = summary["mvm_error"].transpose(*order).values.copy()
    values[runs] = values[runs] * factor
    return summary.assign(mvm_error=(order, values))


def with_config(summary, **changes):
    config = json.loads(summary.attrs["config"]) | changes
    return summary.assign_attrs(config=json.dumps(config))


def test_a_study_and_itself_are_the_same():
    study = make(**SMALL)
    assert changes(study, study) == []
    assert same_chips(study, study)
    assert {row.said for row in results(study, study)} == {"the same"}


def test_a_planted_ratio_is_found_with_its_interval():
    study = make(**SMALL)
    factor = 0.9 + 0.01 * np.random.default_rng(5).standard_normal(6)
    rows = results(study, scaled(study, factor))
    assert {(row.weight_set, row.method) for row in rows if row.method == "gdp"} == {
        (str(name), "gdp") for name in study["weight_set"].values
    }
    for row in rows:
        if row.method == "gdp":
            assert row.ratio.low < row.ratio.value < row.ratio.high
            assert row.ratio.value == pytest.approx(0.9, abs=0.02)
            assert row.said == "lower"
        else:
            assert row.said == "the same"


def test_other_chips_are_not_paired_and_have_wider_intervals():
    study = make(**SMALL)
    other = scaled(study, 0.99)
    paired = [row.ratio for row in results(study, other) if row.method == "gdp"]
    apart = results(study, other.assign_attrs(seed=99))
    assert not any(row.paired for row in apart)
    for one, two in zip(paired, [r.ratio for r in apart if r.method == "gdp"], strict=True):
        assert two.high - two.low > one.high - one.low


def test_keys_that_differ_are_named_with_both_values():
    first = with_config(make(**SMALL), device={"model": "melt_quench", "g_max": 10.35})
    second = with_config(make(**SMALL), device={"model": "melt_quench", "g_max": 20.0}, extra=1)
    found = {change.key: (change.first, change.second) for change in changes(first, second)}
    assert found == {"device.g_max": (10.35, 20.0), "extra": (None, 1)}
    assert not same_chips(first, second)
