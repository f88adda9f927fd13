"""Orthogonal inputs: no cross-talk between rows, no offset, the mean square of uniform ones."""

import numpy as np
import pytest

from aimcsim.chip.inputs import inputs, patterns_per_pass
from aimcsim.common.random import Phase
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


@pytest.mark.parametrize("batch", [8, 11, 24])
def test_batches_that_cut_passes_take_up_where_the_one_before_ended(batch):
    units = make_units(uniform_targets(2, 16, 4))
    one_by_one = [inputs(units, "orthogonal", batch, i, Phase.PROGRAMMING) for i in range(6)]
    passes = [
        inputs(units, "orthogonal", 16, i, Phase.PROGRAMMING).dense()
        for i in range(6 * batch // 16)
    ]
    count = 16 * len(passes)
    np.testing.assert_array_equal(
        np.concatenate(one_by_one, axis=1)[:, :count], np.concatenate(passes, axis=1)
    )
