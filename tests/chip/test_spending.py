"""Time and energy of whole runs, from the record of a shard."""

import numpy as np
import pytest

from aimcsim.chip.core import COUNTERS
from aimcsim.chip.cost import SPENDING, Cost, spending
from tests.shards.test_hypothesis import OF, STUDY, whole
from tests.shards_of import runs_of

RUNS = [one.id for one in runs_of(STUDY, "iterative", "hadamard", "gdp", "from_reset", "corrected")]
"""All but those that no loop programmed."""


@pytest.fixture(scope="module")
def part() -> dict[str, np.ndarray]:
    """The record of two tiles, three cores and :data:`RUNS`."""
    record = whole().sel(run=RUNS)
    found = {name: record[name].values for name in (*COUNTERS, "spent_per_iteration")}
    return found | {"rows": np.array([16, 4]), "columns": np.array([12, 12])}


def test_spending_only_grows_and_ends_below_the_total(part):
    found = spending(part, Cost())
    assert set(found) == set(SPENDING)
    for total, steps in (
        ("programming_time", "time_per_iteration"),
        ("programming_energy", "energy_per_iteration"),
    ):
        series, ends = found[steps], found[total].sum(axis=-1)
        assert (np.diff(series)[~np.isnan(np.diff(series))] > 0).all()
        last = np.nanmax(series, axis=-1)
        assert (last <= ends * (1 + 1e-6)).all()
        # After its last error the iterative run only reads twice more; the others do nothing.
        np.testing.assert_allclose(last[..., 1:], ends[..., 1:], rtol=1e-6)


def test_gdp_from_a_verified_start_costs_more_than_the_start(part):
    found = spending(part, Cost())["programming_time"]
    iterative, from_iterative = (
        found[:, :, RUNS.index(OF[name].id)] for name in ("iterative", "gdp")
    )
    assert (from_iterative[..., 0] == iterative[..., 0]).all()  # reads: those of the start
    assert (from_iterative[..., 1] > iterative[..., 1]).all()  # MVMs, beside those for offsets
    assert (from_iterative[..., 2] > iterative[..., 2]).all()  # pulses
