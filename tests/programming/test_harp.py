"""HARP: what comparisons say of cells, and what programming by them attains."""

import numpy as np
import pytest

from aimcsim.chip.core import Cores
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.periphery import Periphery
from aimcsim.programming import harp
from aimcsim.programming.harp import Harp
from aimcsim.programming.iterative import Iterative
from aimcsim.programming.method import Start
from aimcsim.programming.outcome import Status, relative_percent
from tests.samples import (
    IDEAL_CONVERTERS,
    NOISE_FREE,
    Ports,
    changed,
    make_cores,
    net,
    split,
    uniform_targets,
)

SHAPE = (2, 64, 48)


def programmed(settings, targets, device=None, converters=None):
    """Cores after a method that starts from RESET, and what it reports."""
    cores = make_cores(targets, device or MeltQuench(), converters or Periphery())
    start = Start.fresh(cores, targets)
    return type(settings).program([settings], start, targets)


def held(cores, targets):
    """Relative error of the conductances behind the columns' gains, percent (n,)."""
    seen = net(cores) * cores.units.converters.gain[:, None]
    return relative_percent(seen - targets, targets)


def corrected(offset, *args, **options):
    """Cells off by ``offset``: currents before and after one round of pulses, and their signs."""
    targets = uniform_targets(*SHAPE)
    cores = make_cores(targets, *args, conductances=split(targets + offset))
    device = np.where(targets < 0, 1, 0).astype(np.int8)
    current = np.full_like(targets, 0.5)
    start = Start(cores, device, np.ones(targets.shape, bool), current, np.zeros_like(targets))
    outcome = Harp.program([Harp(iterations=2, **options)], start, targets).outcome
    return outcome.current - current, np.where(targets < 0, -1, 1), outcome


def test_steps_go_towards_the_target():
    """Single cells far off, on exact devices: more current takes away, and no other cell moves."""
    offset = np.zeros(SHAPE, np.float32)
    offset[:, 5, 7], offset[:, 40, 30] = 3, -3
    moves, sign, _ = corrected(offset, NOISE_FREE, IDEAL_CONVERTERS)
    for cell in ((5, 7), (40, 30)):
        at = (slice(None), *cell)
        assert (np.sign(moves[at]) == np.sign(offset[at]) * sign[at]).all()
        assert (np.sign(moves[at]) != 0).all()
    alone = np.ones(SHAPE, bool)
    alone[:, :, [7, 30]] = False
    assert not moves[alone].any()  # columns without error


def test_a_decision_is_wrong_as_rarely_as_its_threshold_says():
    """Columns of random errors: cells without one are pulsed as a normal beyond 2.5 would be."""
    rng = np.random.default_rng(3)
    offset = rng.normal(0, 1.0, SHAPE).astype(np.float32)
    offset[:, ::4] = 0
    moves, _, _ = corrected(offset, NOISE_FREE, IDEAL_CONVERTERS, decision=2.5)
    quiet = moves[:, ::4] != 0
    assert quiet.mean() == pytest.approx(0.0124, abs=5 * np.sqrt(0.0124 / quiet.size))
    far = np.abs(offset) > 2
    assert (moves[far] != 0).mean() > 0.5


def test_the_error_on_record_is_that_of_the_cells():
    """To a tenth: deviations of outputs are normal; the share that fails gives their spread."""
    rng = np.random.default_rng(4)
    targets = uniform_targets(*SHAPE)
    for spread in (0.3, 1.0):
        offset = rng.normal(0, spread, SHAPE).astype(np.float32)
        outcome = corrected(offset, NOISE_FREE, IDEAL_CONVERTERS)[2]
        expected = relative_percent(offset, targets)
        np.testing.assert_allclose(outcome.error[:, 0], expected, rtol=0.1)


def test_exact_cells_are_within_and_left_alone():
    moves, _, outcome = corrected(np.zeros(SHAPE), NOISE_FREE, IDEAL_CONVERTERS)
    assert not moves.any()
    assert (outcome.status == Status.REACHED).all()


def test_it_beats_its_start_and_single_reads():
    targets = uniform_targets(*SHAPE)
    run, reads = programmed(Harp(), targets), programmed(Iterative(), targets)
    first = held(programmed(Harp(iterations=1), targets).cores, targets)
    last = held(run.cores, targets)
    assert (last < 0.3 * first).all()
    assert (last < 0.9 * held(reads.cores, targets)).all()
    assert (run.outcome.error[:, -1] < 0.3 * run.outcome.error[:, 0]).all()


def test_it_works_at_3_bits_where_reads_of_cells_do_not():
    targets = uniform_targets(*SHAPE)
    coarse = Periphery(adc_bits=3)
    last = held(programmed(Harp(), targets, converters=coarse).cores, targets)
    reads = held(programmed(Iterative(), targets, converters=coarse).cores, targets)
    assert (last < 22).all()
    assert (last < 0.7 * reads).all()


def test_cost_is_counted_and_nothing_but_ports_is_used():
    """A pass is an MVM for each of 64 patterns; no cell is read, no conversion is free."""
    targets = uniform_targets(*SHAPE)
    cores = make_cores(targets, MeltQuench(), Periphery())
    start = Start.fresh(cores, targets)
    state = start.current, start.device, start.tunable
    outcome = harp.program(Ports(cores), targets, *state, Harp(iterations=3, passes=2), start.first)
    np.testing.assert_array_equal(cores.ledger.mvms, 3 * 2 * 64)
    np.testing.assert_array_equal(cores.ledger.cell_reads, 0)
    np.testing.assert_array_equal(outcome.spent[:, 2, 1], 3 * 2 * 64)
    assert (np.diff(outcome.spent[:, :, 2], axis=1) > 0).all()


def test_settings_mean_the_same_on_a_device_of_another_size():
    """All conductances and the converter's charge tenfold: the same pulses, but for rounding."""
    targets, tenfold = uniform_targets(*SHAPE), {}
    small = MeltQuench()
    for name in ("g_max", "g_reset", "g_set_mean", "g_set_spread", "g_set_min", "g_set_max"):
        tenfold[name] = 10 * getattr(small, name)
    wide = Periphery(adc_range=270.9, adc_noise=10 * Periphery().adc_noise)
    settings = Harp(iterations=6)
    one = programmed(settings, targets)
    ten = programmed(settings, 10 * targets, changed(small, **tenfold), wide)
    difference = np.abs(one.outcome.current - ten.outcome.current)
    assert np.mean(difference > 1e-4) < 0.01
    np.testing.assert_allclose(held(ten.cores, 10 * targets), held(one.cores, targets), rtol=0.02)


def test_programs_again_after_drift():
    targets = uniform_targets(*SHAPE)
    run = programmed(Harp(), targets)
    lost = Cores(run.cores.units, run.cores.unit, 0.8 * run.cores.true_conductances())
    before = held(lost, targets)
    run.again(lost, 0.2 * np.abs(targets))
    assert (held(lost, targets) < 0.7 * before).all()
