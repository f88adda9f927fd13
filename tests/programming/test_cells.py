"""Unit-cell schemes: which device carries what, checked on true conductances without noise."""

import numpy as np
import pytest

from aimcsim.chip.core import Cores
from aimcsim.programming import iterative
from aimcsim.programming.cells import first_current, first_device, prepare
from aimcsim.programming.iterative import Iterative
from aimcsim.programming.outcome import Status
from tests.descending import descend, hyperparameters
from tests.samples import IDEAL_CONVERTERS, NOISE_FREE, changed, make_units

G_MAX = 10.35  # uS
SMALLEST = G_MAX / 160
FINE = Iterative(iterations=60, margin=0.00625, gain=0.04, accept=1.0)
SIDE = 48


def cores(targets, unit_cell, device=NOISE_FREE):
    units = make_units(targets, device, IDEAL_CONVERTERS, unit_cell=unit_cell)
    return Cores(units, np.arange(len(targets)))


def uniform(g_max, seed=3):
    rng = np.random.default_rng(seed)
    weights = rng.uniform(-1, 1, (2, SIDE, SIDE))
    weights[rng.random(weights.shape) < 0.3] = 0
    return (g_max * weights).astype(np.float32)


def net(some):
    return np.einsum("d,ndrc->nrc", some.units.polarity, some.true_conductances())


def of_polarity(some, targets, array):
    """The two devices of each target's polarity, (2, N, R, C)."""
    return np.where(targets < 0, array[:, 2:].swapaxes(0, 1), array[:, :2].swapaxes(0, 1))


@pytest.mark.parametrize(("unit_cell", "devices"), [("odp", 2), ("tdp", 4), ("max_fill", 4)])
def test_a_cell_has_the_devices_of_its_scheme(unit_cell, devices):
    some = cores(uniform(10), unit_cell)
    assert some.true_conductances().shape == (2, devices, SIDE, SIDE)
    np.testing.assert_array_equal(some.units.polarity, np.sort(some.units.polarity)[::-1])
    assert some.units.polarity.sum() == 0
    assert some.units.g_max == pytest.approx(10.35 * devices / 2)


def test_a_set_pulse_brings_a_device_to_its_own_set_conductance():
    some = cores(uniform(10), "tdp")
    runs = np.arange(2)
    device = np.full((2, SIDE, SIDE), 2, np.int8)
    current = np.full(device.shape, -1, np.float32)
    current[:, 0] = 0
    before = some.true_conductances().copy()
    pulses = some.ledger.pulses.copy()
    some.pulse(current, device, runs)
    after = some.true_conductances()
    np.testing.assert_allclose(after[:, 2, 1:], some.units.law.g_set[:, 2, 1:])
    np.testing.assert_array_equal(after[:, 2, 0], before[:, 2, 0])
    np.testing.assert_array_equal(after[:, [0, 1, 3]], before[:, [0, 1, 3]])
    np.testing.assert_array_equal(some.ledger.set_pulses, SIDE * (SIDE - 1))
    np.testing.assert_array_equal(some.ledger.pulses - pulses, some.ledger.set_pulses)


def test_one_device_of_a_cell_can_be_read_alone():
    some = cores(uniform(10), "tdp")
    runs = np.arange(2)
    for index in range(4):
        device = np.full((2, SIDE, SIDE), index, np.int8)
        some.pulse(np.full(device.shape, 0.55 + 0.05 * index, np.float32), device, runs)
        read = some.read_cells(runs, None, device)
        step = some.units.step.max()
        np.testing.assert_allclose(read, some.true_conductances()[:, index], atol=step)


def test_max_set_fill_follows_its_three_cases():
    """Weak devices (SET 5 to 12 uS), so that every case occurs often."""
    weak = changed(NOISE_FREE, g_set_mean=8.0, g_set_spread=2.0, g_set_min=5.0, g_set_max=12.0)
    targets = uniform(20.7)
    some = cores(targets, "tdp", weak)
    (tuning,) = prepare(some, targets)
    wanted = np.abs(targets) > SMALLEST
    magnitude = np.abs(targets)
    in_set = of_polarity(some, targets, some.units.law.g_set)
    state = of_polarity(some, targets, some.true_conductances())
    large, small = in_set.max(axis=0), in_set.min(axis=0)
    larger = in_set.argmax(axis=0)
    tuned = tuning.device - first_device(some, targets)
    unreachable = wanted & (large + small < magnitude)
    rest = wanted & ~unreachable & (large < magnitude)
    single = wanted & (large >= magnitude)
    assert min(unreachable.sum(), rest.sum(), single.sum()) > 100
    np.testing.assert_array_equal(tuning.cells, wanted & ~unreachable)
    np.testing.assert_allclose(state[:, unreachable], in_set[:, unreachable])
    # The larger stays SET and the smaller is tuned to the rest.
    np.testing.assert_array_equal(tuned[rest], 1 - larger[rest])
    np.testing.assert_allclose(state.max(axis=0)[rest], large[rest])
    # The smaller is RESET and the larger tuned to the target.
    np.testing.assert_array_equal(tuned[single], larger[single])
    kept = np.take_along_axis(state, 1 - larger[None], axis=0)[0]
    assert kept[single].max() < 0.5
    # The other polarity is RESET throughout.
    others = np.where(
        targets < 0,
        some.true_conductances()[:, :2].max(axis=1),
        some.true_conductances()[:, 2:].max(axis=1),
    )
    assert others.max() < 0.5

    outcome = iterative.program(some, targets, FINE, [tuning])
    error = np.abs(net(some) - targets)
    # Tuned cells end within the margin, up to what RESET devices add, where a melt-quench pulse
    # can bring the device to its part: just below SET, none can.
    part = np.where(rest, magnitude - large, magnitude)
    within = tuning.cells & (part < 0.9 * np.where(rest, small, large))
    assert within.sum() > 2000
    assert (error[within] < (FINE.margin + 0.025) * G_MAX).mean() > 0.99
    shortfall = magnitude - large - small
    np.testing.assert_allclose(error[unreachable], shortfall[unreachable], atol=0.05 * G_MAX)
    assert (outcome.status != Status.REACHED).all()  # unreachable cells are not accepted


def test_max_fill_leaves_the_gap_of_a_weak_first_device():
    """Some first devices cannot reach the fixed 10.35 uS that they are filled to."""
    spread = changed(NOISE_FREE, g_set_mean=11.0, g_set_spread=3.0, g_set_min=5.0, g_set_max=16.0)
    targets = np.full((1, SIDE, SIDE), 12.0, np.float32)
    filled, tdp = cores(targets, "max_fill", spread), cores(targets, "tdp", spread)
    iterative.program(filled, targets, FINE)
    iterative.program(tdp, targets, FINE)
    g_set = filled.units.law.g_set[:, 0]
    weak = g_set < 9.0
    assert weak.sum() > 100
    gap = (targets - net(filled))[weak]
    # What the first lacks of 10.35 uS, the second does not know of. A melt-quench pulse at
    # the melting current leaves 0.8 to 1 of SET.
    assert (gap > 10.35 - g_set[weak] - 0.3).all()
    assert (gap < 10.35 - 0.8 * g_set[weak] + 0.3).mean() > 0.9
    # Max SET Fill knows, and closes the gap wherever the pair can.
    pair = filled.units.law.g_set[:, :2]
    reachable = weak & (0.9 * pair.min(axis=1) + pair.max(axis=1) > 12.5)
    assert reachable.sum() > 50
    assert (np.abs((targets - net(tdp))[reachable]) < 0.5).mean() > 0.95


@pytest.mark.parametrize("unit_cell", ["tdp", "max_fill"])
def test_gdp_pulses_only_the_device_left_for_tuning(unit_cell):
    targets = uniform(20.7)
    some = cores(targets, unit_cell, changed(NOISE_FREE, current_jitter=0.02))
    tunings = prepare(some, targets)
    outcome = iterative.program(some, targets, Iterative(), tunings)
    before = some.true_conductances().copy()
    settings = hyperparameters(2, batch_size=256, iterations=12)
    error = np.linalg.norm(net(some) - targets)
    descend(some, targets, outcome.current, settings, outcome.device, outcome.tunable)
    changed_devices = some.true_conductances() != before
    index = np.arange(4)[None, :, None, None]
    allowed = (index == outcome.device[:, None]) & outcome.tunable[:, None]
    assert changed_devices.any()
    assert not (changed_devices & ~allowed).any()
    assert np.linalg.norm(net(some) - targets) < error


def test_first_current_is_that_of_the_average_device():
    targets = np.array([[[0.0, 5.0, -5.0]]], np.float32)
    some = cores(targets, "odp")
    current = first_current(some, targets)
    assert current[0, 0, 0] == 1
    assert current[0, 0, 1] == current[0, 0, 2] < 1
