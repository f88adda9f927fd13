"""Stuck devices: their share, their level, and that no pulse changes them."""

import numpy as np
import pytest

from aimcsim import kernels
from aimcsim.chip.core import Cores, manufacture
from aimcsim.chip.devices.defects import Defects
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.periphery import Periphery
from aimcsim.common.errors import UserError
from aimcsim.config.load import from_mapping
from aimcsim.programming import iterative
from aimcsim.programming.iterative import Iterative

SIDE = 256


def cores(defects, seed=1, side=SIDE):
    targets = np.full((2, side, side), 5.0, np.float32)
    chips = np.arange(2)
    units = manufacture(
        seed, chips, np.zeros(2), targets, MeltQuench(), Periphery(), kernels.backend("cpu"),
        stuck=defects,
    )  # fmt: skip
    return Cores(units, chips), targets


def test_shares_are_those_asked_for():
    """Within 5 standard errors of a binomial, for each kind."""
    some, _ = cores(Defects(stuck_reset=0.01, stuck_set=0.02, stuck_anywhere=0.05))
    stuck, law = some.units.stuck, some.units.law
    share = {
        0.01: stuck == law.g_reset,
        0.02: stuck == law.g_set,
        0.05: ~np.isnan(stuck) & (stuck != law.g_reset) & (stuck != law.g_set),
    }
    for wanted, found in share.items():
        assert abs(found.mean() - wanted) < 5 * np.sqrt(wanted * (1 - wanted) / found.size)
    between = share[0.05]
    level = (stuck - law.g_reset)[between] / (law.g_set - law.g_reset)[between]
    assert abs(level.mean() - 0.5) < 5 / np.sqrt(12 * level.size)
    assert abs(level.std() - 1 / np.sqrt(12)) < 0.01


def test_no_pulse_changes_a_stuck_device_and_the_others_are_as_without():
    some, targets = cores(Defects(stuck_anywhere=0.1), side=64)
    healthy, _ = cores(Defects(), side=64)
    stuck = ~np.isnan(some.units.stuck)
    for state in (some, healthy):
        runs = np.arange(2)
        for device, current in ((0, 0.4), (1, 0.6), (0, -1.0)):
            pulse = np.full(targets.shape, current, np.float32)
            state.pulse(pulse, np.full(targets.shape, device, np.int8), runs)
    after = some.true_conductances()
    np.testing.assert_array_equal(after[stuck], some.units.stuck[stuck])
    np.testing.assert_array_equal(after[~stuck], healthy.true_conductances()[~stuck])
    assert healthy.units.stuck is None


def test_stuck_devices_belong_to_the_chip():
    one, _ = cores(Defects(stuck_set=0.05))
    again, _ = cores(Defects(stuck_set=0.05))
    np.testing.assert_array_equal(one.units.stuck, again.units.stuck)
    assert (np.isnan(one.units.stuck[0]) != np.isnan(one.units.stuck[1])).any()


def test_error_grows_with_the_share():
    errors = []
    for share in (0.0, 0.01, 0.05):
        some, targets = cores(Defects(stuck_anywhere=share), side=128)
        iterative.program(some, targets, Iterative())
        g = some.true_conductances()
        errors.append(np.square(g[:, 0] - g[:, 1] - targets).mean(axis=(1, 2)))
    healthy, some, many = errors
    assert (some > healthy).all()
    # Added error in proportion to the share, within a fifth.
    np.testing.assert_allclose((many - healthy) / (some - healthy), 5, rtol=0.2)


def test_shares_beyond_all_devices_are_refused():
    weights = {"g": {"kind": "gaussian"}}
    with pytest.raises(UserError, match=r"defects.*add up to 1.2"):
        from_mapping({"weights": weights, "defects": {"stuck_set": 0.6, "stuck_reset": 0.6}})
