"""The error's formula, and what each compensation can and cannot take away."""

import numpy as np

from aimcsim.evaluation.mvm_error import COMPENSATIONS, mvm_errors

RNG = np.random.default_rng(0)
IDEAL = RNG.normal(size=(2, 50, 4)).astype(np.float32)
UNIT = np.array([0, 0, 1])


def outputs(noise=0.1, gain=1.0):
    noisy = IDEAL[UNIT] + noise * RNG.normal(size=(3, 50, 4))
    return (gain * noisy).astype(np.float32)


def direct(y, z, scale):
    return 100 * np.sqrt(np.square(scale * y - z).sum() / np.square(z).sum())


def test_none_and_global_are_the_stated_formula():
    y = outputs(0.3, 0.8)
    errors = mvm_errors(y, IDEAL, UNIT)
    for run, unit in enumerate(UNIT):
        a, z = y[run].astype(float), IDEAL[unit].astype(float)
        best = (a * z).sum() / (a * a).sum()
        np.testing.assert_allclose(errors[run, 0], direct(a, z, 1.0), rtol=1e-6)
        np.testing.assert_allclose(errors[run, 1], direct(a, z, best), rtol=1e-6)
        for other in (0.99 * best, 1.01 * best):
            assert direct(a, z, other) > errors[run, 1]


def test_column_is_the_best_scale_of_each_column():
    y = outputs(0.3)
    errors = mvm_errors(y, IDEAL, UNIT)
    a, z = y[2].astype(float), IDEAL[1].astype(float)
    best = (a * z).sum(axis=0) / (a * a).sum(axis=0)
    np.testing.assert_allclose(errors[2, 2], direct(a, z, best), rtol=1e-6)


def test_each_compensation_removes_what_it_is_for():
    gains = np.array([0.5, 0.9, 1.1, 2.0], np.float32)
    common = mvm_errors(0.5 * IDEAL[UNIT], IDEAL, UNIT)
    per_column = mvm_errors(gains * IDEAL[UNIT], IDEAL, UNIT)
    np.testing.assert_allclose(common, [[50, 0, 0]] * 3, atol=2e-3)
    assert (per_column[:, 0] > 10).all()
    assert (per_column[:, 1] > 10).all()
    np.testing.assert_allclose(per_column[:, 2], 0, atol=2e-3)


def test_more_freedom_never_costs():
    errors = mvm_errors(outputs(1.0, 0.7), IDEAL, UNIT)
    assert COMPENSATIONS == ("none", "global", "column")
    assert (np.diff(errors, axis=1) <= 1e-9).all()


def test_no_signal_has_no_relative_error_and_silence_is_all_error():
    zero = np.zeros_like(IDEAL)
    for outputs_of_nothing in (zero, IDEAL):  # never 0 %, whatever comes out
        assert np.isnan(mvm_errors(outputs_of_nothing[UNIT], zero, UNIT)).all()
    np.testing.assert_allclose(mvm_errors(zero[UNIT], IDEAL, UNIT), 100)
