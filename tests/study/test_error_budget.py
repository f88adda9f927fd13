"""Parts of the MVM error per core: sums of squares, shares, and means over tiles."""

import numpy as np
import pytest

from aimcsim.study import error_budget
from aimcsim.study.measures import per_core
from tests.study.error_budget_example import (
    COLUMNS,
    CONVERTERS,
    READ_NOISE,
    SEEN,
    with_error_budget,
)
from tests.study.example import make


def test_a_study_without_an_error_budget_says_so():
    assert not error_budget.has_error_budget(make())
    assert error_budget.has_error_budget(with_error_budget())
    assert error_budget.later(with_error_budget(times=())) is None


def test_parts_are_those_of_the_summary_and_their_sums_of_squares():
    """Weight sets of one tile: no mean stands between the parts and their sums."""
    summary = with_error_budget(wires=1.5)
    found = error_budget.parts(summary)
    assert found.dims == ("weight_set", "core", "run", "row")
    assert found["row"].values.tolist() == list(error_budget.ROWS)
    one = found.isel(weight_set=0)
    held = summary["held_error"].isel(weight_set=0, tile=0)
    np.testing.assert_allclose(one.sel(row="programming"), held)
    assert (one.sel(row="columns") == COLUMNS).all()
    assert (one.sel(row="wires") == 1.5).all()
    expected = np.sqrt(held**2 + COLUMNS**2 + 1.5**2 + READ_NOISE**2 + CONVERTERS**2)
    np.testing.assert_allclose(one.sel(row="squares"), expected)
    expected = np.sqrt((SEEN * held) ** 2 + READ_NOISE**2 + CONVERTERS**2)
    np.testing.assert_allclose(one.sel(row="sum"), expected)


def test_tiles_count_by_their_cells():
    summary = with_error_budget()
    found = error_budget.parts(summary).sel(row="programming").sel(weight_set="digits")
    tiles, cells = summary["held_error"].sel(weight_set="digits"), summary["cells"].values[-1]
    expected = np.average(tiles.values, axis=0, weights=cells)
    np.testing.assert_allclose(found.values, expected)
    later = error_budget.later(summary).sel(row="together")
    whole = per_core(summary, "error_over_time").sel(compensation="global")
    np.testing.assert_allclose(later.values, whole.values)


def test_shares_add_up_and_are_those_of_the_squares():
    found = error_budget.parts(with_error_budget())
    shares = error_budget.shares(found)
    np.testing.assert_allclose(shares.sum("row"), 100)
    noise = shares.sel(row="read_noise") / shares.sel(row="converters")
    np.testing.assert_allclose(noise, (READ_NOISE / CONVERTERS) ** 2)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_diverged_run_has_no_shares(value):
    summary = with_error_budget()
    summary["error_budget_of_state"][0, 0, 1, 1, 2:] = value
    found = error_budget.parts(summary)
    assert np.isinf(found[0, 1, 1].sel(row="together"))
    shares = error_budget.shares(found)
    assert np.isnan(shares[0, 1, 1]).all()
    assert int(np.isnan(shares).any("row").sum()) == 1
