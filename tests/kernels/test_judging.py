"""Sums for errors: the compiled ones against NumPy's."""

import numpy as np
import pytest

from aimcsim.kernels import backend


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (64, 33), (500, 256)], ids=str)
def test_sums_of_outputs_are_those_of_numpy_to_the_bit(shape):
    generator = np.random.default_rng(1)
    y, ideal = (generator.normal(size=(n, *shape)).astype(np.float32) for n in (5, 2))
    unit = np.array([0, 1, 0, 1, 1])
    expected = backend("reference").output_sums(y, ideal, unit)
    np.testing.assert_allclose(expected[1], (y * ideal[unit]).sum(axis=1), rtol=1e-3, atol=1e-4)
    for found, known in zip(backend("cpu").output_sums(y, ideal, unit), expected, strict=True):
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, known)


def test_errors_by_target():
    rng = np.random.default_rng(3)
    targets = (10 * rng.normal(size=(2, 30, 20))).astype(np.float32)
    targets[0, :3] = 0
    net = (targets[[1, 0, 1]] + rng.normal(0.3, 0.1, (3, 30, 20))).astype(np.float32)
    plain, found = (
        backend(name).target_bins(net, targets, np.array([1, 0, 1]), 10.0, 20)
        for name in ("reference", "cpu")
    )
    np.testing.assert_array_equal(found[..., 0], plain[..., 0])
    assert found[1, :, 0].sum() == 27 * 20
    np.testing.assert_allclose(found, plain, rtol=1e-12, atol=1e-12)
