"""Targets drawn with a published error: its size, its scale, and that nothing was used."""

import dataclasses

import numpy as np
import pytest

from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.drift import open_loop as drawn_at_t0
from aimcsim.physics.state_statistics import BY_NAME
from aimcsim.programming import open_loop
from aimcsim.programming.open_loop import OpenLoop
from tests.samples import changed, make_units, spread_and_error, uniform_targets

G_MAX = MeltQuench().g_max


def level(share: float) -> np.ndarray:
    """Every cell at the same share of g_max, uS."""
    return np.full((2, 64, 64), share * G_MAX, np.float32)


@pytest.mark.parametrize("statistics", ["hermes_odp", "pcm_90nm"])
@pytest.mark.parametrize("share", [0.3, 0.6, -0.9])
def test_the_error_has_the_published_size_at_the_same_share(statistics, share):
    """Shares far enough from 0 that the clip there does nothing; 5 standard errors of 8192."""
    targets = level(share)
    cores, _ = open_loop.program(make_units(targets), targets, OpenLoop(statistics=statistics))
    g = cores.true_conductances()
    residue = (g[:, 0 if share > 0 else 1] - np.abs(targets)).astype(float)
    laws = BY_NAME[statistics]
    expected = laws.sigma_prog(np.array(abs(share))) * G_MAX / laws.g_max
    spread, error = spread_and_error(residue)
    assert abs(spread - expected) < 5 * error
    assert abs(residue.mean()) < 5 * expected / np.sqrt(residue.size)


def test_devices_that_carry_no_target_are_reset_and_nothing_was_used():
    targets = uniform_targets(2, 40, 30)
    units = make_units(targets)
    cores, outcome = open_loop.program(units, targets, OpenLoop())
    g = cores.true_conductances()
    np.testing.assert_array_equal(g[:, 1][targets >= 0], np.float32(units.device.g_reset))
    np.testing.assert_array_equal(g[:, 0][targets <= 0], np.float32(units.device.g_reset))
    used = dataclasses.asdict(cores.ledger)
    assert all((counts == 0).all() for counts in used.values())
    assert np.isnan(outcome.error).all()


def test_on_the_chips_own_range_it_is_the_state_that_errors_over_time_start_from():
    targets = uniform_targets(2, 40, 30)
    units = make_units(targets)
    cores, _ = open_loop.program(units, targets, OpenLoop())
    published = drawn_at_t0(units, targets, BY_NAME["hermes_odp"])[:, 0]
    np.testing.assert_array_equal(cores.true_conductances(), published)


def test_two_devices_per_polarity_have_twice_the_range():
    targets = 2 * uniform_targets(2, 40, 30)
    units = make_units(targets, unit_cell="tdp")
    cores, _ = open_loop.program(units, targets, OpenLoop(statistics="hermes_tdp"))
    g = cores.true_conductances()
    residue = np.abs(g[:, 0] - targets)[targets > 0]
    assert residue.max() < 6  # uS; the published spread is at most 1 uS
    np.testing.assert_array_equal(g[:, [1, 3]], np.float32(units.device.g_reset))


def test_stuck_devices_stay_where_they_are():
    targets = uniform_targets(2, 40, 30)
    units = make_units(targets)
    stuck = np.full((2, 2, 40, 30), np.nan, np.float32)
    stuck[:, 0, ::4] = 7.0
    units = dataclasses.replace(units, stuck=stuck)
    cores, _ = open_loop.program(units, targets, changed(OpenLoop()))
    g = cores.true_conductances()
    np.testing.assert_array_equal(g[:, 0, ::4], 7.0)
    assert (g[:, 0, 1::4] != 7.0).all()
