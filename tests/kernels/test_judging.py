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
