"""Orthogonal inputs: no cross-talk between rows, no offset, the mean square of uniform ones."""

import numpy as np
import pytest

from aimcsim.inputs import inputs, patterns_per_pass
from aimcsim.random import Phase
from tests.samples import make_units, uniform_targets


@pytest.mark.parametrize("rows", [16, 13, 1])
def test_whole_passes_are_orthogonal_and_batches_are_different(rows):
    units = make_units(uniform_targets(2, rows, 4))
    batch = 2 * patterns_per_pass(rows)
    x = inputs(units, "orthogonal", batch, 3, Phase.PROGRAMMING).dense().astype(float)
    assert x.shape == (len(units.chip), batch, rows)
    gram = np.swapaxes(x, 1, 2) @ x
    level = np.square(x[0, 0, 0])
    np.testing.assert_allclose(gram, batch * level * np.broadcast_to(np.eye(rows), gram.shape))
    assert level == pytest.approx(1 / 3, rel=0.01)  # the DAC's grid
    np.testing.assert_array_equal(x.sum(axis=1), 0)  # two passes of a pair: offsets cancel
    if rows > 1:
        other = inputs(units, "orthogonal", batch, 4, Phase.PROGRAMMING).dense()
        assert 0.2 < (other != x).mean() < 0.8


def test_a_cut_batch_is_the_first_part_of_a_whole_one():
    units = make_units(uniform_targets(2, 16, 4))
    whole = inputs(units, "orthogonal", 16, 0, Phase.PROGRAMMING).dense()
    np.testing.assert_array_equal(
        inputs(units, "orthogonal", 11, 0, Phase.PROGRAMMING), whole[:, :11]
    )
