"""C5: cores at settings that were chosen without them."""

import numpy as np
import pytest

from aimcsim.study.claims import FAILS, HOLDS, NOT_MEASURED, claims
from aimcsim.study.claims.c5_transfer import FEWEST, fresh
from tests.study.example import make

MANY = {"weight_sets": 4, "cores": 16, "thresholds": (1.0, 2.0, 3.0), "floors": (1.0, 2.0)}


def judged(summary):
    return next(claim for claim in claims(summary) if claim["id"] == "C5")


def with_errors(summary, method, change):
    """``summary`` with ``change`` made to the MVM errors (run, set, tile, core) of ``method``."""
    runs = np.flatnonzero(summary["method"].values == method)
    order = ("run", "weight_set", "tile", "core")
    values = summary["mvm_error"].transpose(*order).values.copy()
    values[runs] = change(values[runs])
    return summary.assign(mvm_error=(order, values))


def test_every_core_of_the_example_gains():
    claim = judged(make(**MANY))
    cores = 3 * 16 + 3 * 16  # three sets of one tile, and a network of three
    assert claim["verdict"] == HOLDS
    assert claim["value"] == 1.0
    assert claim["low"] == pytest.approx(0.025 ** (1 / cores))  # exact where all gain
    assert f"{cores} of {cores} cores" in claim["reason"]


def test_few_cores_are_not_enough():
    claim = judged(make(weight_sets=3, cores=5, network=False))
    assert claim["verdict"] == NOT_MEASURED
    assert f"Fewer than {FEWEST}" in claim["reason"]


def test_one_chip_is_in_every_choice():
    assert judged(make(weight_sets=4, cores=1))["verdict"] == NOT_MEASURED


def test_cores_that_lose_fail_it_and_the_worst_is_named():
    def spoil(values):
        values[:, 1, :, 5:] *= 20  # eleven chips of the second set
        values[:, 1, :, 7] *= 3
        return values

    claim = judged(with_errors(make(**MANY), "gdp", spoil))
    assert claim["verdict"] == FAILS
    assert "85 of 96 cores" in claim["reason"]
    assert "of 'uniform' on chip 7" in claim["reason"]


def test_a_diverged_core_has_not_improved_even_where_the_baseline_diverged_too():
    def diverge(values):
        values[:, 0, 0, 2] = np.inf
        return values

    summary = with_errors(make(**MANY), "gdp", diverge)
    for one in (summary, with_errors(summary, "iterative", diverge)):
        found = fresh(one, "gdp", "iterative")
        assert (found.known.size, found.improved) == (96, 95)


def test_the_core_takes_no_part_in_the_choice():
    """A setting that is best on one core by luck alone is not the one that core is given."""
    summary = make(**MANY)
    before = fresh(summary, "gdp", "iterative").ratio

    def lucky(values):
        values[0, 2, :, 4] = 1e-6  # a poor setting, on the third set and the fifth chip
        return values

    after = fresh(with_errors(summary, "gdp", lucky), "gdp", "iterative").ratio
    at = {"weight_set": 2, "core": 4}
    assert np.array_equal(before.isel(at), after.isel(at), equal_nan=True)


def test_one_setting_is_fresh_everywhere():
    summary = make(**(MANY | {"thresholds": (2.0,), "floors": (2.0,)}))
    claim = judged(summary)
    assert claim["verdict"] == HOLDS
    assert "its only setting" in claim["reason"]
