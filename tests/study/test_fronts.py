"""Methods at equal cost, against numbers worked out by hand and against planted truths."""

import json

import numpy as np
import pytest
import xarray as xr

from aimcsim.study.fronts import costs, equal_cost, front, of_other_algorithms
from aimcsim.study.regret import agnosticism
from tests.study import example

CORES = 6


def study_of(methods, bootstrap=300, seed=1):
    """What is read of a summary; ``methods``: name to (errors (cores, sets, settings), costs).

    The first method is the subject, the second the baseline; ``gdp_plain`` is of the algorithm of
    ``gdp``. Costs (settings,) are in ms and in uJ alike, and a tenth of them goes into reads.
    """
    errors = np.concatenate([part for part, _ in methods.values()], axis=-1)
    cost = np.concatenate([np.asarray(part, float) for _, part in methods.values()])
    names = [name for name, (part, _) in methods.items() for _ in range(part.shape[-1])]
    dims = ("core", "weight_set", "run")
    error = xr.DataArray(errors, dims=dims).expand_dims("tile")
    phases = xr.DataArray([0.1, 0.2, 0.7], dims="phase")
    spent = xr.zeros_like(error) + xr.DataArray(cost, dims="run")
    subject, baseline, *_ = methods
    about = [
        {
            "name": name,
            "label": name.upper(),
            "algorithm": name.partition("_")[0],
            "hyperparameters": {},
        }
        for name in methods
    ]
    return xr.Dataset(
        {
            "mvm_error": error,
            "status": xr.zeros_like(error, np.int8),
            "cells": (("weight_set", "tile"), np.ones((error.sizes["weight_set"], 1))),
            "columns": (("weight_set", "tile"), np.ones((error.sizes["weight_set"], 1))),
            "zero_columns": xr.zeros_like(error.isel(run=0)),
            "programming_time": 1e-3 * spent * phases,
            "programming_energy": 1e-6 * spent * phases,
            **dict.fromkeys(("cell_reads", "mvms", "pulses"), spent),
        },
        {"weight_set": list("abcd")[: error.sizes["weight_set"]], "method": ("run", names)},
        {
            "subject": subject,
            "baseline": baseline,
            "methods": json.dumps(about),
            "config": json.dumps({"report": {"bootstrap": bootstrap}}),
            "seed": seed,
        },
    )


def same(*rows):
    """Errors (cores, sets, settings) that all cores share; a row per weight set."""
    return np.repeat(np.array(rows, float)[None], CORES, axis=0)


def judged(methods, quantity="time", **options):
    summary = study_of(methods, **options)
    return equal_cost(summary, agnosticism(summary), quantity)


def noisy(generator, true, settings, cores=4, sets=2, scatter=0.02):
    return true * (1 + scatter * generator.standard_normal((cores, sets, settings)))


def test_a_front_by_hand():
    cost = np.array([3.0, 1.0, 2.0, 2.0, 4.0, 5.0, 5.0])
    error = np.array([6.0, 9.0, 9.0, 7.0, 6.0, 4.0, 4.0])
    # 2 costs more than 1 for the same error, 4 more than 0; 5 and 6 are the same.
    assert front(cost, error).tolist() == [1, 3, 0, 5]
    assert front(np.array([1.0, 2.0]), np.array([np.inf, np.inf])).tolist() == []


def test_costs_are_sums_over_phases_and_tiles():
    summary = example.with_cost(example.make(cores=2), {"gdp": 3.0})
    found = costs(summary, "energy")
    for name, tiles in (("gaussian", 1), ("digits", 3)):
        row = found.sel(weight_set=name)
        np.testing.assert_allclose(row.isel(run=0), tiles * 2e-4, rtol=0.01)
        np.testing.assert_allclose(row.isel(run=1), tiles * 6e-4, rtol=0.01)
        by_hand = summary["programming_energy"].sel(weight_set=name).values
        by_hand = np.nansum(by_hand, axis=(0, -1))
        np.testing.assert_allclose(row.transpose("core", "run"), by_hand)


def test_the_best_within_the_budget_by_hand_and_nothing_in_between():
    """Budget 10. Of the cheap ones, set a: 8 at a cost of 10, b: 9 at 4; 5 at 10.1 is too dear."""
    found = judged(
        {
            "gdp": (same([4], [6]), [10]),
            "iterative": (same([12, 8, 5], [9, 11, 5]), [4, 10, 10.1]),
        }
    )
    np.testing.assert_allclose(found.budget, 10e-3)
    assert found.tuned.runs.tolist() == [2, 1]
    np.testing.assert_allclose(found.tuned.error.value, [8, 9])
    np.testing.assert_allclose(found.tuned.ratio.value, [4 / 8, 6 / 9])
    assert found.tuned.compared() == ["lower", "lower"]
    np.testing.assert_allclose(found.methods["gdp"].error.value, [4, 6])
    np.testing.assert_allclose(found.methods["gdp"].ratio.value, 1)
    assert found.settings == 3


def test_time_and_energy_are_budgets_of_their_own():
    summary = study_of({"gdp": (same([5]), [10]), "iterative": (same([6, 4]), [9, 20])})
    summary["programming_energy"].loc[{"run": 2}] /= 4  # dear in time, cheap in energy
    study = agnosticism(summary)
    assert equal_cost(summary, study, "time").tuned.compared() == ["lower"]
    assert equal_cost(summary, study, "energy").tuned.compared() == ["higher"]


def test_where_nothing_is_cheap_enough_nothing_is_known():
    """On set a every other setting takes more than the subject."""
    summary = study_of(
        {"gdp": (same([5], [5]), [10]), "iterative": (same([4, 6], [4, 6]), [20, 9])}
    )
    spent = summary["programming_time"]
    spent.loc[{"weight_set": "a", "run": 2}] *= 2
    found = equal_cost(summary, agnosticism(summary), "time")
    assert found.tuned.runs.tolist() == [-1, 2]
    assert np.isnan(found.tuned.error.value).tolist() == [True, False]
    assert np.isnan(found.tuned.ratio.high).tolist() == [True, False]
    assert found.tuned.compared() == ["unknown", "lower"]


def test_other_settings_of_the_subjects_algorithm_and_what_costs_nothing_are_no_rivals():
    summary = study_of(
        {
            "gdp": (same([5]), [10]),
            "iterative": (same([7, 6]), [9, 10]),
            "gdp_plain": (same([3]), [5]),
            "drawn": (same([1]), [0]),
        }
    )
    assert of_other_algorithms(summary, "gdp") == ["iterative"]
    found = equal_cost(summary, agnosticism(summary), "time")
    assert list(found.methods) == ["gdp", "iterative", "gdp_plain"]
    np.testing.assert_allclose(found.tuned.error.value, 6)
    np.testing.assert_allclose(found.methods["gdp_plain"].ratio.value, 5 / 3)


def test_one_setting_of_another_algorithm_is_not_tuned():
    found = judged({"gdp": (same([5]), [10]), "iterative": (same([7]), [9])})
    assert found.tuned is None
    assert found.settings == 1
    np.testing.assert_allclose(found.methods["iterative"].error.value, 7)


def test_without_a_cost_there_is_nothing_to_compare():
    summary = example.make(cores=2)
    assert equal_cost(summary, agnosticism(summary), "time") is None


def test_equal_errors_are_a_tie_and_both_choices_are_repeated_in_every_resample():
    """Two methods of the same settings, errors and costs choose the same one each time: 1."""
    generator = np.random.default_rng(3)
    errors = noisy(generator, 10.0, 5, cores=6, sets=1, scatter=0.1)
    found = judged({"gdp": (errors, [9] * 5), "iterative": (errors, [9] * 5)})
    for end in vars(found.tuned.ratio).values():
        np.testing.assert_allclose(end, 1)
    assert found.tuned.compared() == ["tie"]


def test_a_diverged_chip_counts_and_a_diverged_method_is_beaten():
    errors = same([8.0, 9.0])
    errors[2, 0, 0] = np.inf
    found = judged({"gdp": (same([5.0]), [10]), "iterative": (errors, [9, 9])})
    assert found.tuned.runs.tolist() == [2]
    lost = judged({"gdp": (same([5.0]), [10]), "iterative": (np.inf * errors, [9, 9])})
    assert lost.tuned.runs.tolist() == [1]
    assert np.isinf(lost.tuned.error.value).all()


def test_one_core_gives_no_interval():
    found = judged({"gdp": (same([5])[:1], [10]), "iterative": (same([7, 6])[:1], [9, 10])})
    np.testing.assert_allclose(found.tuned.ratio.value, 5 / 6)
    assert found.tuned.compared() == ["unknown"]


@pytest.mark.parametrize("settings", [2, 12])
def test_planted_ties_are_called_ties_however_many_settings_there_are(settings):
    """Four chips, 200 weight sets of 100 studies, and settings that share no noise.

    At 95 % at most 1 in 40 may be called lower, or higher. Were the rate 2.5 %, more than 13 of 200
    would occur once in 1,000 times.
    """
    generator = np.random.default_rng(5)
    called = []
    for seed in range(100):
        found = judged(
            {
                "gdp": (noisy(generator, 8.0, 1), [10]),
                "iterative": (noisy(generator, 8.0, settings), [9] * settings),
            },
            bootstrap=200,
            seed=seed,
        )
        called += found.tuned.compared()
    assert len(called) == 200
    assert called.count("lower") <= 13
    assert called.count("higher") <= 13


@pytest.mark.parametrize(("true", "called"), [(6.4, "lower"), (9.6, "higher")])
def test_a_true_difference_is_found(true, called):
    """One of 20 %, ten times the scatter between chips, on every weight set."""
    generator = np.random.default_rng(6)
    found = judged(
        {
            "gdp": (noisy(generator, true, 1), [10]),
            "iterative": (noisy(generator, 8.0, 12), [9] * 12),
        }
    )
    assert found.tuned.compared() == [called, called]
    assert found.tuned.ratio.value == pytest.approx(true / 8, rel=0.05)
