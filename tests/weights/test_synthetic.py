"""Distributions of the synthetic matrices, by moments.

All bounds are 5 standard errors of the moment under the stated distribution; a right
implementation misses one by a new seed with a probability of 6e-7.
"""

import math

import numpy as np
import pytest
from scipy import stats

from aimcsim.weights.synthetic import SyntheticWeights, draw

SHAPE = (400, 500)
DEFAULT_ZEROS = {
    "gaussian": 0.0, "uniform": 0.3, "laplace": 0.0, "ternary": 1 / 3, "sparse": 0.9,
    "low_rank": 0.0, "heavy_tails": 0.0,
}  # fmt: skip
# Second, fourth and eighth moment of the entries other than zero (for low_rank see below).
MOMENTS = {
    "gaussian": (1, 3, 105),
    "sparse": (1, 3, 105),
    "uniform": (1 / 3, 1 / 5, 1 / 9),
    "laplace": (1, 6, 2520),
    "ternary": (1, 1, 1),
}


def definition(kind, **options):
    return SyntheticWeights(kind=kind, **({"rows": SHAPE[0], "columns": SHAPE[1]} | options))


@pytest.mark.parametrize("kind", MOMENTS)
def test_moments_of_the_entries(kind):
    matrix = draw(definition(kind), 1, "set")
    assert matrix.shape == SHAPE
    assert matrix.dtype == np.float32
    entries = matrix[matrix != 0].astype(float)
    count = len(entries)
    second, fourth, eighth = MOMENTS[kind]
    assert abs(entries.mean()) < 5 * math.sqrt(second / count)
    # 1e-6: rounding to float32, which alone is left for ternary
    bound = 5 * math.sqrt((fourth - second**2) / count) + 1e-6
    assert abs((entries**2).mean() - second) < bound
    bound = 5 * math.sqrt((eighth - fourth**2) / count) + 1e-6
    assert abs((entries**4).mean() - fourth) < bound


@pytest.mark.parametrize("kind", DEFAULT_ZEROS)
@pytest.mark.parametrize("zeros", [None, 0.0, 0.5])
def test_share_of_exact_zeros(kind, zeros):
    expected = DEFAULT_ZEROS[kind] if zeros is None else zeros
    matrix = draw(definition(kind, zeros=zeros), 2, "set")
    share = np.mean(matrix == 0)
    assert abs(share - expected) <= 5 * math.sqrt(expected * (1 - expected) / matrix.size)


def test_range_and_values():
    uniform = draw(definition("uniform"), 3, "set")
    assert -1 <= uniform.min() < -0.999
    assert 0.999 < uniform.max() <= 1
    assert set(np.unique(draw(definition("ternary"), 3, "set"))) == {-1, 0, 1}


@pytest.mark.parametrize("freedom", [2.5, 3.0, 30.0])
def test_heavy_tails_are_those_of_students_t(freedom):
    """Kolmogorov-Smirnov at 1e-6, and the share beyond ten standard deviations at 5 errors."""
    entries = draw(definition("heavy_tails", freedom=freedom), 5, "set").ravel().astype(float)
    law = stats.t(freedom, scale=math.sqrt(1 - 2 / freedom))
    assert stats.kstest(entries, law.cdf).pvalue > 1e-6
    expected = 2 * law.sf(10)
    error = math.sqrt(expected / len(entries))
    assert abs(np.mean(np.abs(entries) > 10) - expected) < 5 * error + 1 / len(entries)


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3)])
def test_identity_has_ones_on_its_diagonal_alone(shape):
    matrix = draw(definition("identity", rows=shape[0], columns=shape[1]), 1, "set")
    rows, columns = np.nonzero(matrix)
    np.testing.assert_array_equal(rows, np.arange(min(shape)))
    np.testing.assert_array_equal(columns, rows)
    assert (matrix[rows, columns] == 1).all()


def test_low_rank_has_the_rank_and_unit_variance():
    matrix = draw(definition("low_rank", rank=7), 4, "set").astype(float)
    singular = np.linalg.svd(matrix, compute_uv=False)
    assert singular[6] > 0.5 * singular[0]
    assert singular[7] < 1e-5 * singular[0]
    # Entries of one matrix depend on each other, so the error comes from independent matrices.
    squares = np.array(
        [
            np.mean(draw(definition("low_rank", rank=2, rows=9, columns=9), seed, "set") ** 2)
            for seed in range(400)
        ]
    )
    assert abs(squares.mean() - 1) < 5 * squares.std() / math.sqrt(len(squares))


def test_entries_are_independent_across_names_and_seeds():
    shared = definition("gaussian")
    base = draw(shared, 1, "a").ravel()
    for seed, name in [(1, "b"), (2, "a")]:
        other = draw(shared, seed, name).ravel()
        correlation = np.corrcoef(base, other)[0, 1]
        assert abs(correlation) < 5 / math.sqrt(base.size)


def test_zeros_are_independent_of_the_values():
    full = draw(definition("gaussian", zeros=0.0), 1, "a").astype(float)
    mask = draw(definition("gaussian", zeros=0.5), 1, "a") == 0
    for quantity in (full, full**2):
        correlation = np.corrcoef(quantity.ravel(), mask.ravel())[0, 1]
        assert abs(correlation) < 5 / math.sqrt(full.size)


@pytest.mark.parametrize("kind", DEFAULT_ZEROS)
def test_options_that_keep_the_draw(kind):
    base = draw(definition(kind, zeros=0.0), 1, "a")
    assert np.array_equal(draw(definition(kind, zeros=0.0, clip_sigmas=1.0), 1, "a"), base)
    thinned = draw(definition(kind, zeros=0.6), 1, "a")
    kept = thinned != 0
    assert np.array_equal(thinned[kept], base[kept])
    assert np.array_equal(draw(definition(kind, zeros=0.6), 1, "a"), thinned)


def test_the_largest_seed_is_used_in_full():
    tiny = definition("uniform", zeros=0.0)
    low = draw(tiny, 2**31 - 1, "a")
    assert not np.array_equal(draw(tiny, 2**32 - 1, "a"), low)


def test_stream_is_the_one_of_stored_results():
    """A change here renames nothing but changes every stored result: mention it in the release."""
    drawn = draw(definition("uniform", rows=1, columns=3, zeros=0.0), 1, "uniform")
    stored = [[0.205632135, -0.781818867, -0.701464772]]
    np.testing.assert_allclose(drawn, stored, rtol=1e-6)
