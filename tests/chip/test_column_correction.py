"""The digital scale and offset per column: what it recovers, and where it is applied."""

import numpy as np
import pytest

from aimcsim.chip.column_correction import IDENTITY, Adaptive, apply, calibrate
from aimcsim.chip.core import Cores
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.inputs import inputs
from aimcsim.chip.periphery import Periphery
from aimcsim.common.random import Phase
from aimcsim.shards.groups import tile_groups
from tests.descending import descend, hyperparameters
from tests.evaluation.test_judge import description, errors_of, single, states_of
from tests.samples import IDEAL_CONVERTERS, NOISE_FREE, changed, make_cores, split, uniform_targets

BATCH = 1024
SPREAD = 0.21
UNEVEN = changed(IDEAL_CONVERTERS, column_gain=SPREAD, column_offset=0.01)
NOISY = changed(NOISE_FREE, read_noise=0.04)


def batch_of(cores: Cores, targets, number: int):
    """Measured and ideal outputs of one batch of programming inputs."""
    x = inputs(cores.units, "uniform", BATCH, number, Phase.PROGRAMMING)
    ideal = cores.units.kernels.ideal_products(x, np.arange(len(x)), targets)
    return cores.mvm(x, np.arange(len(cores))), ideal


@pytest.fixture
def perfect():
    """Four cores whose conductances are their targets; uneven columns, read noise of 4 %."""
    targets = uniform_targets(4, 64, 48)
    return make_cores(targets, NOISY, UNEVEN, conductances=split(targets)), targets


def test_one_batch_recovers_gains_and_offsets_within_their_standard_errors(perfect):
    """Residual over 192 columns: gains and offsets off by as much as a regression's errors say.

    The noise of a column is known exactly: 4 % of its conductances, times its gain. Its mean
    square over a batch, like the spread of the ideal outputs, varies by a few percent.
    """
    cores, targets = perfect
    every = np.arange(len(cores))
    y, ideal = batch_of(cores, targets, 0)
    correction = Adaptive(np.ones(len(cores), bool), 48, SPREAD)
    correction.correct(y, ideal, every, every)
    gain = 1 / correction.values[:, 0]
    shift = -correction.values[:, 1] * gain
    columns = cores.units.converters
    offset = columns.offset * cores.units.full_scale[:, None]
    noise = columns.gain * 0.04 * np.sqrt(np.square(targets).sum(axis=1) / 3)
    for found, truth, scatter in (
        (gain, columns.gain, noise / ideal.std(axis=1) / np.sqrt(BATCH)),
        (shift, offset, noise / np.sqrt(BATCH)),
    ):
        square = np.square((found - truth) / scatter).mean()
        assert square == pytest.approx(1, abs=5 * np.sqrt(2 / found.size) + 0.05)


def test_what_is_corrected_is_the_batch_that_was_learnt_from(perfect):
    cores, targets = perfect
    every = np.arange(len(cores))
    y, ideal = batch_of(cores, targets, 0)
    raw = y.copy()
    correction = Adaptive(np.array([True, False, True, True]), 48, SPREAD)
    correction.correct(y, ideal, every, every)
    np.testing.assert_array_equal(y[1], raw[1])
    np.testing.assert_array_equal(
        correction.values[1], np.broadcast_to(IDENTITY, correction.values[1].shape)
    )
    np.testing.assert_array_equal(y[2], apply(correction.values[2:3], raw[2:3].copy())[0])
    error = [np.linalg.norm(part - ideal) / np.linalg.norm(ideal) for part in (raw, y)]
    assert error[0] > 0.08  # gains of 12 % rms, in three cores and one left alone: 6 %
    assert np.linalg.norm(y[[0, 2, 3]] - ideal[[0, 2, 3]]) / np.linalg.norm(ideal) < 0.05


def test_more_batches_sharpen_it_as_far_as_its_memory_reaches(perfect):
    """Earlier batches count 1/2, 1/4, ...: the variance falls to 1/3 of one batch's."""
    cores, targets = perfect
    every = np.arange(len(cores))
    correction = Adaptive(np.ones(len(cores), bool), 48, SPREAD)
    squares = []
    for number in range(12):
        y, ideal = batch_of(cores, targets, number)
        correction.correct(y, ideal, every, every)
        squares.append(np.square(1 / correction.values[:, 0] - cores.units.converters.gain).mean())
    settled = np.mean(squares[6:])
    one = np.mean(
        [np.square(_first_gain(cores, targets, n) - cores.units.converters.gain).mean()
         for n in range(12, 18)]
    )  # fmt: skip
    # 192 columns in 6 batches, which share noise where batches overlap: 5 x sqrt(2 / 384).
    assert settled / one == pytest.approx(1 / 3, rel=5 * np.sqrt(2 / 384))


def _first_gain(cores, targets, number):
    every = np.arange(len(cores))
    correction = Adaptive(np.ones(len(cores), bool), 48, SPREAD)
    y, ideal = batch_of(cores, targets, number)
    correction.correct(y, ideal, every, every)
    return 1 / correction.values[:, 0]


def test_the_scale_never_stands_in_for_conductances_that_are_not_there():
    """RESET cores have outputs of almost nothing: the gain stays within the data sheet's."""
    targets = uniform_targets(2, 32, 24)
    cores = make_cores(targets, NOISY, UNEVEN)
    y, ideal = batch_of(cores, targets, 0)
    correction = Adaptive(np.ones(2, bool), 24, SPREAD)
    correction.correct(y, ideal, np.arange(2), np.arange(2))
    np.testing.assert_allclose(1 / correction.values[:, 0], 1 - SPREAD, rtol=1e-6)


def test_an_empty_column_and_a_chip_without_spread_keep_their_scale():
    targets = uniform_targets(1, 32, 24)
    targets[:, :, 5] = 0
    cores = make_cores(targets, NOISY, UNEVEN)
    y, ideal = batch_of(cores, targets, 0)
    one = np.arange(1)
    empty, even = (Adaptive(np.ones(1, bool), 24, spread) for spread in (SPREAD, 0.0))
    empty.correct(y.copy(), ideal, one, one)
    even.correct(y.copy(), ideal, one, one)
    assert empty.values[0, 0, 5] == 1
    np.testing.assert_array_equal(even.values[0, 0], 1)
    np.testing.assert_allclose(even.values[0, 1], ideal[0].mean(0) - y[0].mean(0), atol=1e-4)


def test_calibration_is_least_squares(perfect):
    cores, targets = perfect
    y, ideal = batch_of(cores, targets, 0)
    found = calibrate(y, ideal, np.arange(len(cores)))
    for run, column in ((0, 0), (3, 47), (2, 11)):
        one = np.stack([y[run, :, column], np.ones(BATCH)], axis=1)
        expected = np.linalg.lstsq(one, ideal[run, :, column], rcond=None)[0]
        np.testing.assert_allclose(found[run, :, column], expected, rtol=1e-3, atol=1e-4)
    silent = calibrate(np.zeros_like(y), ideal, np.arange(len(cores)))
    np.testing.assert_array_equal(silent[:, 0], 0)


# While programming


def programmed(affine, gain=0.0, offset=0.0, start=None):
    """GDP on 128 x 48 cells of the default device; each of ``affine`` on the same four cores."""
    from aimcsim.programming.cells import first_current

    targets = uniform_targets(4, 128, 48)
    converters = Periphery(column_gain=gain, column_offset=offset)
    unit = np.repeat(np.arange(4), len(affine))
    cores = make_cores(targets, MeltQuench(), converters)
    cores = Cores(cores.units, unit, start)
    settings = hyperparameters(len(unit), affine=np.tile(affine, 4))
    outcome = descend(
        cores, targets, first_current(cores, targets[unit]), settings,
        untuned=targets[unit] if start is None else None,
    )  # fmt: skip
    return cores, targets[unit], outcome


def fresh_error(cores, targets, outcome):
    """MVM error of each run, with the correction it ended with, percent."""
    x = inputs(cores.units, "uniform", 2048, 0, Phase.EVALUATION)
    ideal = (x @ targets[:: len(targets) // 4])[cores.unit]
    y = Cores(cores.units, cores.unit, cores.true_conductances(), Phase.EVALUATION).mvm(
        x, np.arange(len(cores))
    )
    if outcome.affine is not None:
        apply(outcome.affine, y)
    return 100 * np.linalg.norm(y - ideal, axis=(1, 2)) / np.linalg.norm(ideal, axis=(1, 2))


def test_offsets_that_no_conductance_makes_up_for_are_taken_out():
    """Offsets of 2 % of full scale: the error that they are, and what is left without them."""
    cores, targets, outcome = programmed(np.array([False, True]), offset=0.02)
    without, with_it = fresh_error(cores, targets, outcome).reshape(4, 2).T
    offset = cores.units.converters.offset * cores.units.full_scale[:, None]
    ideal = np.square(targets[::2]).sum(axis=(1, 2)) / 3  # per MVM
    expected = 100 * np.sqrt(np.square(offset).sum(axis=1) / ideal)
    assert (expected > 6).all()
    np.testing.assert_allclose(np.sqrt(without**2 - with_it**2), expected, rtol=0.15)
    assert (outcome.error[::2, -1] > outcome.error[1::2, -1]).all()


def test_gains_go_to_the_scale_and_conductances_keep_their_targets():
    """+-21 % is 12 % rms. Without a correction conductances make up for the gains, and are off by
    that; with it by much less. The outputs are as good either way: what a gain costs, GDP makes up
    for in the conductances, within the scatter of cores this small (5 standard errors).

    What the conductances make up for is the part of 1 / gain that a column's conductances are
    above their targets by: most of it without a correction, less than half with it."""
    cores, targets, outcome = programmed(np.array([False, True]), gain=SPREAD)
    without, with_it = _held(cores, targets).reshape(4, 2).T
    assert (with_it < without).all()
    without, with_it = _made_up_for(cores, targets).reshape(4, 2).T
    assert (np.abs(without - 1) < 0.15).all()
    assert (with_it < 0.5).all()
    errors = np.log(fresh_error(cores, targets, outcome)).reshape(4, 2)
    gained = errors[:, 0] - errors[:, 1]
    assert abs(gained.mean()) < 5 * 0.03 / 2  # single cores differ by 3 %
    assert np.corrcoef(1 / outcome.affine[1, 0], cores.units.converters.gain[0])[0, 1] > 0.8


def _held(cores, targets):
    g = cores.true_conductances()
    error = np.linalg.norm(g[:, 0] - g[:, 1] - targets, axis=(1, 2))
    return 100 * error / np.linalg.norm(targets, axis=(1, 2))


def _made_up_for(cores, targets):
    """Slope of each run's column scales over 1 / gain: 1 where conductances make up for it all."""
    g = cores.true_conductances()
    scale = ((g[:, 0] - g[:, 1]) * targets).sum(axis=1) / np.square(targets).sum(axis=1)
    wanted = 1 / cores.units.converters.gain[cores.unit]
    wanted = wanted - wanted.mean(axis=1, keepdims=True)
    return (scale * wanted).sum(axis=1) / np.square(wanted).sum(axis=1)


def test_a_run_does_not_feel_the_corrections_of_its_neighbours():
    """A batch of both kinds gives each what a batch of its own kind gives."""
    mixed, _, both = programmed(np.array([False, True]), gain=0.1, offset=0.005)
    for index, kind in enumerate((False, True)):
        alone, _, outcome = programmed(np.array([kind]), gain=0.1, offset=0.005)
        np.testing.assert_array_equal(
            mixed.true_conductances()[index::2], alone.true_conductances()
        )
        np.testing.assert_array_equal(both.error[index::2], outcome.error)


# Where it is applied


def corrected(states, affine):
    """``states`` with a correction (core, 2, C) of each tile."""
    for name in list(states.data_vars):
        number = name.removeprefix("conductance_")
        dims = ("core", "run", "correction", f"column_{number}")
        states[f"affine_{number}"] = (dims, affine[int(number)][:, None])
    return states


def exact(spec, weights):
    """The correction that undoes gain and offset of every column, by tile."""
    found = {}
    for group in tile_groups(spec, weights, spec.periphery):
        columns, scale = group.units.converters, group.units.full_scale[:, None]
        values = np.stack([1 / columns.gain, -columns.offset * scale / columns.gain], axis=1)
        for position, tile in enumerate(group.tiles):
            cores = len(spec.cores)
            found[tile.index] = values[position * cores : (position + 1) * cores]
    return found


def test_judging_applies_it_right_after_programming_and_later():
    """Perfect conductances behind uneven columns: all error is that of the columns."""
    weights = single(np.random.default_rng(12).normal(0, 0.2, (50, 30)))
    shard = description(2, (32, 16), converters=changed(UNEVEN, adc_range_sigmas=8))
    affine = exact(shard, weights)
    bare = errors_of(states_of(shard, weights), weights, 256, [200.0])
    judged = errors_of(corrected(states_of(shard, weights), affine), weights, 256, [200.0])
    assert (bare["mvm_error"] > 5).all()
    assert (judged["mvm_error"] < 0.1).all()
    np.testing.assert_array_equal(judged["held_error"], bare["held_error"])
    later = {"time": 200.0, "compensation": "global"}
    gone = bare["error_over_time"].sel(later) ** 2 - judged["error_over_time"].sel(later) ** 2
    np.testing.assert_allclose(gone, bare["mvm_error"] ** 2, rtol=0.2)


def test_calibrating_after_programming_does_the_same_for_any_method():
    """1024 MVMs find gain and offset to 16-bit converters' accuracy."""
    weights = single(np.random.default_rng(12).normal(0, 0.2, (50, 30)))
    shard = description(2, (32, 16), converters=changed(UNEVEN, adc_range_sigmas=8))
    states = states_of(shard, weights)
    judged = errors_of(states, weights, 256, calibration=1024)
    assert (judged["mvm_error"] > 5).all()
    assert (judged["calibrated_error"] < 0.1).all()
    bare = errors_of(states, weights, 256)
    assert "calibrated_error" not in bare
    np.testing.assert_array_equal(bare["mvm_error"], judged["mvm_error"])
