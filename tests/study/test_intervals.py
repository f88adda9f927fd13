"""Intervals over cores: known values, limits, and coverage by simulation."""

import numpy as np
import pytest

from aimcsim.study.intervals import (
    bootstrap_interval,
    core_shares,
    mean_interval,
    ratio_interval,
    resampled_means,
)


def test_mean_interval_of_known_numbers():
    # Mean 2, standard error 1 / sqrt(3), t(0.975, 2) = 4.302653.
    mean, low, high = mean_interval(np.array([1.0, 2.0, 3.0]))
    assert mean == 2
    assert high - 2 == pytest.approx(4.302653 / np.sqrt(3), rel=1e-6)
    assert 2 - low == pytest.approx(high - 2)


def test_one_core_has_a_mean_and_no_interval():
    mean, low, high = mean_interval(np.array([[1.0], [2.0]]))
    assert mean.tolist() == [1, 2]
    assert np.isnan(low).all()
    assert np.isnan(high).all()
    estimate = ratio_interval(np.array([2.0]), np.array([4.0]), core_shares(1, 100, 0))
    assert estimate.value == 0.5
    assert np.isnan([estimate.low, estimate.high]).all()


def test_shares_sum_to_one_and_depend_on_the_seed_alone():
    shares = core_shares(6, 50, 3)
    assert shares.shape == (50, 6)
    assert np.allclose(shares.sum(axis=1), 1)
    assert np.array_equal(shares, core_shares(6, 50, 3))
    assert not np.array_equal(shares, core_shares(6, 50, 4))


def test_resampled_means_are_means_and_leave_out_cores_that_were_not_drawn():
    values = np.array([[1.0, 2.0], [3.0, np.inf]])
    shares = np.array([[1.0, 0.0], [0.5, 0.5]])
    assert resampled_means(shares, values).tolist() == [[1.0, 2.0], [2.0, np.inf]]


def test_pairing_over_cores_cancels_the_spread_that_both_methods_share():
    chip = np.array([0.5, 0.8, 1.0, 1.3, 2.0])
    estimate = ratio_interval(0.5 * chip, chip, core_shares(5, 500, 1))
    assert estimate.value == pytest.approx(0.5)
    assert estimate.high - estimate.low < 1e-12


def test_the_interval_contains_the_estimate_even_if_the_bootstrap_is_biased():
    resampled = np.linspace(1, 2, 101)
    low, high = bootstrap_interval(np.array(0.5), resampled, 5)
    assert low == 0.5
    assert high > 2


@pytest.mark.parametrize("cores", [3, 5, 20])
def test_coverage_of_the_mean(cores):
    # Exact for normal data: 95 % of 4,000 intervals, standard error 0.34 points; 4 of those.
    values = np.random.default_rng(1).normal(10, 2, size=(4000, cores))
    _, low, high = mean_interval(values)
    assert np.mean((low < 10) & (high > 10)) == pytest.approx(0.95, abs=0.014)


@pytest.mark.parametrize("cores", [4, 6, 20])
def test_coverage_of_the_ratio(cores):
    # Ratio of means 0.5; chips spread by 5 % together and each method by 5 % on its own.
    # Approximate for few cores: within 3 points of 95 % in 1,000 trials (standard error 0.7).
    rng = np.random.default_rng(2)
    shares = core_shares(cores, 400, 0)
    hits = 0
    for _ in range(1000):
        chip = 1 + 0.05 * rng.standard_normal(cores)
        iterative = 16 * chip * (1 + 0.05 * rng.standard_normal(cores))
        gdp = 8 * chip * (1 + 0.05 * rng.standard_normal(cores))
        estimate = ratio_interval(gdp, iterative, shares)
        hits += estimate.low < 0.5 < estimate.high
    assert hits / 1000 == pytest.approx(0.95, abs=0.03)
