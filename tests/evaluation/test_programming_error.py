"""Moments of conductance errors by target conductance."""

import numpy as np

from aimcsim.evaluation.programming_error import BINS, SHARES, programming_error

G_MAX = 10.0


def test_bins_have_the_moments_that_went_in():
    """Error of mean 0.2 uS and spread 0.05 + 0.1 x uS: within 5 standard errors in every bin."""
    rng = np.random.default_rng(1)
    targets = rng.uniform(-G_MAX, G_MAX, (2, 300, 300)).astype(np.float32)
    share = np.abs(targets) / G_MAX
    error = 0.2 + (0.05 + 0.1 * share) * rng.normal(size=targets.shape)
    found = programming_error(
        (targets + np.sign(targets) * error).astype(np.float32), targets, np.arange(2), G_MAX
    )
    spread = 0.05 + 0.1 * SHARES
    count = targets[0].size / BINS
    assert np.abs(found["programming_error_mean"] - 0.2).max() < (5 * spread / np.sqrt(count)).max()
    # The spread varies by 0.005 within a bin; that adds less than 1e-4 to its root mean square.
    tolerance = 5 * spread / np.sqrt(2 * count) + 1e-4
    assert (np.abs(found["programming_error_spread"] - spread) < tolerance).all()


def test_zero_targets_are_left_out_and_thin_bins_are_missing():
    targets = np.zeros((1, 2, 3), np.float32)
    targets[0, 0] = [9.9, -9.9, 5.1]
    net = np.full_like(targets, 7.0)
    net[0, 0] = [10.0, -9.6, 5.0]
    found = programming_error(net, targets, np.arange(len(net)), G_MAX)
    mean, spread = found["programming_error_mean"][0], found["programming_error_spread"][0]
    np.testing.assert_allclose(mean[-1], (0.1 - 0.3) / 2, atol=1e-5)
    np.testing.assert_allclose(spread[-1], np.std([0.1, -0.3], ddof=1), rtol=1e-5)
    assert np.isnan(mean[:-1]).all()
    assert np.isnan(spread[:-1]).all()


def test_the_largest_target_is_in_the_last_bin():
    targets = np.full((1, 1, 2), G_MAX, np.float32)
    found = programming_error(targets, targets, np.arange(1), G_MAX)
    assert np.isfinite(found["programming_error_mean"][0, -1])
