"""Hadamard-coded verify: what it decodes, how noisily, and what programming by it attains."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from aimcsim.chip.core import Cores
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.inputs import patterns, patterns_per_pass
from aimcsim.chip.periphery import Periphery, to_dac_grid
from aimcsim.common.random import Phase
from aimcsim.programming import hadamard, iterative
from aimcsim.programming.cells import prepare
from aimcsim.programming.hadamard import Hadamard
from aimcsim.programming.iterative import Iterative
from aimcsim.programming.outcome import Status, relative_percent
from tests.samples import (
    IDEAL_CONVERTERS,
    NOISE_FREE,
    Ports,
    changed,
    make_cores,
    make_units,
    net,
    split,
    uniform_targets,
)

G_MAX = 10.35  # uS
AMPLITUDE = 0.577
VERIFY = Iterative()
EVEN_COLUMNS = Periphery(column_gain=0, column_offset=0)
FIXED = Hadamard(schedule="constant", margin_slope=0)


def estimates(cores: Cores, passes: int, amplitude: float = AMPLITUDE) -> np.ndarray:
    """Decoded conductances of each pass, (passes, N, R, C), uS."""
    runs, found = np.arange(len(cores)), []
    for index in range(passes):
        x = patterns(cores.units, amplitude, index, cores.phase)
        found.append(hadamard.decode(cores.units, x, cores.unit, cores.mvm(x, runs)))
    return np.stack(found)


def on_target(targets: np.ndarray, *args, **kwargs) -> Cores:
    return make_cores(targets, *args, conductances=split(targets), **kwargs)


def start(cores: Cores, targets: np.ndarray) -> tuple[np.ndarray, ...]:
    """Currents, devices and tunable cells of cores that nothing has programmed."""
    current = np.full(targets.shape, 0.5, np.float32)
    device = np.where(targets < 0, 1, 0).astype(np.int8)
    return current, device, np.ones(targets.shape, bool)


def predicted_variance(cores: Cores, amplitude: float = AMPLITUDE) -> np.ndarray:
    """Variance of one pass, (N, 1, C), uS**2: read noise of the column, and the converter's.

    The rounding of a code adds step**2 / 12; noise of 0.6 steps makes it even.
    """
    units = cores.units
    order = patterns_per_pass(units.rows)
    level = to_dac_grid(np.float32(amplitude), units.periphery.dac_bits)
    read = np.square(units.device.read_noise * cores.true_conductances()).sum(axis=(1, 2))
    step = units.full_scale / 210
    noise = units.periphery.adc_noise / units.periphery.adc_range * units.full_scale
    converter = np.square(noise) + np.square(step) / 12
    return (read + converter[:, None] / level**2)[:, None] / order


@pytest.mark.parametrize(("rows", "order"), [(1, 1), (2, 2), (3, 4), (20, 32), (64, 64), (65, 128)])
def test_a_pass_has_the_next_power_of_two_of_orthogonal_patterns(rows, order):
    units = make_units(uniform_targets(2, rows, 3))
    x = patterns(units, AMPLITUDE, 0, Phase.PROGRAMMING).dense()
    assert x.shape == (2, order, rows)
    level = to_dac_grid(np.float32(AMPLITUDE), units.periphery.dac_bits)
    np.testing.assert_array_equal(np.abs(x), level)
    gram = np.swapaxes(x, 1, 2).astype(float) @ x
    expected = np.broadcast_to(order * float(level) ** 2 * np.eye(rows), gram.shape)
    np.testing.assert_allclose(gram, expected, atol=1e-6)


def test_signs_differ_between_pairs_of_passes_and_between_cores_and_cancel_within_a_pair():
    units = make_units(uniform_targets(2, 64, 3))
    first, second, third = (
        patterns(units, AMPLITUDE, index, Phase.PROGRAMMING).dense() for index in range(3)
    )
    np.testing.assert_array_equal(second, -first)
    judging = patterns(units, AMPLITUDE, 0, Phase.EVALUATION).dense()
    for other in (third[0], first[1], judging[0]):
        # Half of 4096 signs differ; rows and patterns have 128 independent signs.
        assert 0.2 < (other != first[0]).mean() < 0.8


@pytest.mark.parametrize("rows", [1, 7, 32, 50, 256])
def test_exact_outputs_decode_to_the_conductances(rows):
    """To single precision: some 1e-6 of the largest conductance."""
    targets = uniform_targets(2, rows, 9)
    units = make_units(targets)
    for index in range(3):
        x = patterns(units, AMPLITUDE, index, Phase.PROGRAMMING)
        y = x.dense() @ targets
        found = hadamard.decode(units, x, np.arange(2), y)
        np.testing.assert_allclose(found, targets, atol=5e-6 * MeltQuench().g_max)


def test_the_dac_clips_the_patterns_and_the_decoding_knows():
    converters = changed(IDEAL_CONVERTERS, dac_range=0.3)
    cores = on_target(uniform_targets(1, 30, 20), NOISE_FREE, converters)
    x = patterns(cores.units, AMPLITUDE, 0, cores.phase)
    assert set(np.unique(np.abs(x.dense()))) == {np.float32(0.3)}
    step = cores.units.full_scale[0] / 2**15
    decoded = estimates(cores, 1)[0]
    np.testing.assert_allclose(decoded, net(cores), rtol=0, atol=step / 0.3)


@pytest.mark.parametrize("rows", [32, 50])
def test_an_ideal_core_is_read_to_the_resolution_of_its_converters(rows):
    """Errors of n codes, half a step each at most, average to no more than that."""
    targets = uniform_targets(2, rows, 24)
    cores = on_target(targets)
    step = cores.units.full_scale.max() * 2 / 2**16
    error = estimates(cores, 2) - targets
    assert np.abs(error).max() < step / 2 / AMPLITUDE + 1e-5


@pytest.mark.parametrize("rows", [64, 48])
def test_the_noise_of_a_pass_is_that_of_the_columns_reads_and_of_the_converter(rows):
    """Over 48 passes the variance per cell, relative to the prediction: mean 1 with a standard
    error of sqrt(2 / (47 x cells)), 0.4 %; the bound is 5 of these."""
    targets = uniform_targets(2, rows, 24)
    cores = on_target(targets, MeltQuench(), EVEN_COLUMNS)
    found = estimates(cores, 48).astype(float)
    relative = found.var(axis=0, ddof=1) / predicted_variance(cores)
    error = np.sqrt(2 / (47 * relative.size))
    assert abs(relative.mean() - 1) < 5 * error
    bias = (found.mean(axis=0) - targets) / np.sqrt(predicted_variance(cores) / 48)
    assert abs(np.square(bias).mean() - 1) < 5 * np.sqrt(2 / bias.size)


@pytest.mark.parametrize("passes", [2, 8])
def test_the_noise_of_a_mean_falls_with_the_root_of_the_passes(passes):
    targets = uniform_targets(2, 64, 24)
    cores = on_target(targets, MeltQuench(), EVEN_COLUMNS)
    means = estimates(cores, 16 * passes).reshape(16, passes, *targets.shape).mean(axis=1)
    relative = means.var(axis=0, ddof=1) / predicted_variance(cores) * passes
    assert abs(relative.mean() - 1) < 5 * np.sqrt(2 / (15 * relative.size))


def test_an_offset_spreads_over_all_rows_and_cancels_in_a_pair():
    """In one pass every column's error is o / (a sqrt n) in root mean square over its rows, none of
    them carrying all of it; the mean of two is as exact as without any offset."""
    converters = changed(IDEAL_CONVERTERS, column_offset=0.02)
    targets = uniform_targets(3, 64, 24)
    cores = on_target(targets, NOISE_FREE, converters)
    level = float(to_dac_grid(np.float32(AMPLITUDE), 16))
    offset = np.abs(cores.units.converters.offset) * cores.units.full_scale[:, None] / level
    step = cores.units.full_scale.max() * 2 / 2**16
    first, second = estimates(cores, 2) - targets
    rms = np.sqrt(np.square(first).mean(axis=1))
    np.testing.assert_allclose(rms, offset / 8, atol=step)
    assert (np.abs(first).max(axis=1) < 0.7 * offset + step).all()
    assert np.abs(first + second).max() / 2 < step / 2 / level + 1e-5


@pytest.mark.parametrize("amplitude", [AMPLITUDE, 1.0])
def test_saturation_follows_from_the_amplitude(amplitude):
    """Weights of one magnitude: an output is a sum of 64 random signs, and saturates where that
    leaves the range of four standard deviations of uniform inputs."""
    rng = np.random.default_rng(3)
    one = np.where(rng.random((64, 32)) < 0.5, -5, 5).astype(np.float32)
    cores = on_target(np.repeat(one[None], 6, axis=0), converters=changed(IDEAL_CONVERTERS))
    passes = 30
    estimates(cores, passes, amplitude)
    conversions = 6 * passes * 64 * 32
    limit = 4 / np.sqrt(3) * 8 / float(to_dac_grid(np.float32(amplitude), 16))
    sums = np.arange(-64, 65, 2)
    expected = stats.binom.pmf((sums + 64) // 2, 64, 0.5)[np.abs(sums) > limit].sum()
    found = cores.ledger.saturated.sum() / conversions
    assert found == pytest.approx(expected, abs=5 * np.sqrt(expected / conversions) + 1e-6)
    assert (expected > 0.005) == (amplitude == 1.0)


def test_the_dead_band_knows_the_noise_of_the_estimate():
    """With cells on target and no margin, what is corrected after one verify of four passes are
    the tails of Student's t: three differences in each of 128 rows measure the variance."""
    targets = uniform_targets(3, 128, 48)
    for threshold in (1.0, 2.0, 3.0):
        cores = on_target(targets, MeltQuench(), EVEN_COLUMNS)
        settings = changed(FIXED, margin=0, iterations=2, noise_threshold=threshold)
        hadamard.program(cores, targets, *start(cores, targets), settings)
        share = cores.ledger.pulses.sum() / targets.size
        expected = 2 * stats.t.sf(threshold, 3 * 128)
        assert abs(share - expected) < 5 * np.sqrt(expected / targets.size)


def test_one_pass_alone_corrects_nothing_before_its_noise_is_known():
    targets = uniform_targets(2, 32, 24)
    used = []
    for iterations in (2, 3):
        cores = make_cores(targets, MeltQuench(), Periphery())
        before = cores.ledger.pulses.copy()
        settings = changed(FIXED, passes=1, iterations=iterations)
        hadamard.program(cores, targets, *start(cores, targets), settings)
        used.append(cores.ledger.pulses - before)
    assert (used[0] == 0).all()
    assert (used[1] > 300).all()


def test_cells_within_the_margin_are_left_alone():
    """Half of the cells are 4 % of g_max off: a margin of 5 % takes none, one of 2 % those."""
    targets = uniform_targets(2, 32, 24)
    off = np.random.default_rng(4).random(targets.shape) < 0.5
    for margin, pulsed in ((0.05, 0), (0.02, off.sum(axis=(1, 2)))):
        state = split(targets)
        state[:, 0] += np.float32(0.04 * G_MAX) * off
        cores = make_cores(targets, conductances=state)
        settings = changed(FIXED, margin=margin, iterations=2)
        outcome = hadamard.program(cores, targets, *start(cores, targets), settings)
        np.testing.assert_array_equal(cores.ledger.pulses, pulsed)
        if not np.any(pulsed):
            assert (outcome.status == Status.REACHED).all()


def test_a_current_moves_in_proportion_to_the_error():
    targets = uniform_targets(2, 32, 24)
    deviation = np.where(targets < 0, -1, 1) * np.float32(0.125 * G_MAX)
    cores = make_cores(targets, conductances=split(targets + deviation * (targets != 0)))
    current, device, tunable = start(cores, targets)
    settings = changed(FIXED, iterations=2, gain=0.16)
    outcome = hadamard.program(cores, targets, current, device, tunable, settings)
    moved = outcome.current - current
    np.testing.assert_allclose(moved, np.where(targets != 0, 0.02, 0), atol=1e-5)


def test_cells_that_may_not_be_tuned_are_not_pulsed():
    targets = uniform_targets(2, 32, 24)
    cores = make_cores(targets)
    before = cores.true_conductances().copy()
    current, device, _ = start(cores, targets)
    tunable = np.random.default_rng(5).random(targets.shape) < 0.5
    hadamard.program(cores, targets, current, device, tunable, FIXED)
    changed_cells = (cores.true_conductances() != before).any(axis=1)
    assert not changed_cells[~tunable].any()
    assert changed_cells[tunable & (np.abs(targets) > 0.05 * G_MAX)].all()


# Noisier reads, through a quieter converter, than those of the default.
NOISY = MeltQuench(
    current_jitter=0.03, current_jitter_slope=0.0, quench_noise=0.02, read_noise=0.04,
    i_width_mean=0.08,
)  # fmt: skip


@pytest.fixture(scope="module")
def programmed():
    """Six cores of 64 x 48: as iterative programming left them, and after Hadamard verifies."""
    targets = uniform_targets(6, 64, 48)
    baseline = make_cores(targets, NOISY, changed(EVEN_COLUMNS, adc_noise=0.0774))
    tunings = prepare(baseline, targets)
    erased = baseline.branch(1)
    left = iterative.program(baseline, targets, VERIFY, tunings)
    return targets, baseline, erased, tunings, left


def proceed(programmed, settings: Hadamard, wrap=lambda cores: cores):
    targets, baseline, erased, tunings, left = programmed
    fresh = settings.start == "reset"
    cores = (erased if fresh else baseline).branch(1)
    outcome = hadamard.program(
        wrap(cores), targets, tunings[0].current if fresh else left.current, left.device,
        left.tunable, settings, tunings[0].cells if fresh else None,
    )  # fmt: skip
    return cores, outcome


def weight_error(cores: Cores, targets: np.ndarray) -> np.ndarray:
    return relative_percent(net(cores) - targets, targets)


def test_programming_leaves_well_below_what_one_hot_reads_left(programmed):
    """Each of six cores below 0.6 of its iterative error, from either start."""
    targets, baseline = programmed[:2]
    before = weight_error(baseline, targets)
    assert (before > 12).all()
    for settings in (Hadamard(), Hadamard(start="reset")):
        cores, _ = proceed(programmed, settings)
        assert (weight_error(cores, targets) < 0.6 * before).all()


def test_the_recorded_error_is_the_true_one_and_the_noise_of_its_estimate(programmed):
    """In squares, to 3 % (3072 cells a core: 5 standard errors of a mean over six)."""
    targets, *_ = programmed
    cores, outcome = proceed(programmed, Hadamard(iterations=20))
    norm = np.square(targets).sum(axis=(1, 2))
    noise = 64 * predicted_variance(cores).sum(axis=(1, 2)) / 4
    expected = weight_error(cores, targets) ** 2 + 1e4 * noise / norm
    ratio = outcome.error[:, -1] ** 2 / expected
    assert abs(ratio.mean() - 1) < 0.03


def test_averaging_and_the_schedule_each_help_on_these_cores(programmed):
    """Paired over six cores, by more than five standard errors of the difference."""
    targets, *_ = programmed
    best = weight_error(proceed(programmed, Hadamard())[0], targets)
    for other in (Hadamard(average=False), Hadamard(schedule="constant", margin_slope=0)):
        difference = weight_error(proceed(programmed, other)[0], targets) - best
        assert difference.mean() > 5 * difference.std(ddof=1) / np.sqrt(6)


@pytest.mark.parametrize("opposite", [True, False])
def test_a_device_stuck_too_high_is_met_by_the_other_polarity(opposite):
    """Every tenth device of G+ is stuck at 5 uS, its target 2 uS: the device of G- takes 3 uS away,
    to the margin of its target, or nothing does and the cell stays 3 uS off."""
    targets = np.full((2, 40, 20), 2, np.float32)
    stuck = np.full((2, 2, 40, 20), np.nan, np.float32)
    stuck[:, 0, ::10] = 5
    units = dataclasses.replace(make_units(targets), stuck=stuck)
    cores = Cores(units, np.arange(2))
    settings = changed(FIXED, margin=0.025, opposite=opposite, iterations=80)
    outcome = hadamard.program(cores, targets, *start(cores, targets), settings)
    off = np.abs(net(cores) - targets)
    assert (off[:, np.arange(40) % 10 > 0] < 0.025 * G_MAX + 0.01).all()
    if opposite:
        assert (off[:, ::10] < 0.025 * G_MAX + 0.01).all()
        assert (outcome.device[:, ::10] == 1).all()
    else:
        assert (off[:, ::10] > 2.4).all()  # 3 less what a device at full RESET conducts


def test_it_knows_the_ports_alone(programmed):
    settings = Hadamard(iterations=5)
    open_cores, open_outcome = proceed(programmed, settings)
    cores, outcome = proceed(programmed, settings, Ports)
    np.testing.assert_array_equal(cores.true_conductances(), open_cores.true_conductances())
    np.testing.assert_array_equal(outcome.error, open_outcome.error)


def test_mvms_are_passes_times_patterns_times_verifies(programmed):
    _, baseline, *_ = programmed
    cores, _ = proceed(programmed, Hadamard(passes=3, iterations=7))
    assert (cores.ledger.mvms - baseline.ledger.mvms == 3 * 64 * 7).all()
    np.testing.assert_array_equal(cores.ledger.cell_reads, baseline.ledger.cell_reads)


def test_a_run_is_the_same_alone_and_in_a_batch():
    targets = uniform_targets(3, 20, 16)
    units = make_units(targets, MeltQuench(), Periphery())
    together = Cores(units, np.arange(3))
    settings = Hadamard(iterations=6)
    current, device, tunable = start(together, targets)
    hadamard.program(together, targets, current, device, tunable, settings)
    alone = Cores(units, np.array([2]))
    part = (array[2:] for array in (targets, current, device, tunable))
    hadamard.program(alone, *part, settings)
    np.testing.assert_array_equal(alone.true_conductances()[0], together.true_conductances()[2])


def test_both_back_ends_decode_the_same():
    """Same patterns to the bit; estimates apart by sums in another order, and by codes that such a
    sum tips over an edge, a step over n each."""
    targets = uniform_targets(2, 50, 16)
    found = []
    for backend in ("cpu", "reference"):
        cores = on_target(targets, MeltQuench(), Periphery(), backend=backend)
        found.append((patterns(cores.units, AMPLITUDE, 1, cores.phase).dense(), cores))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    step = found[0][1].units.full_scale.max() / 210
    one, other = (estimates(cores, 2) for _, cores in found)
    assert np.abs(one - other).max() < 4 * step / 64 / AMPLITUDE
    assert np.median(np.abs(one - other)) < 1e-5
