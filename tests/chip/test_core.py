"""Cores through their ports: noise by its moments, the ledger by exact counts.

Statistical bounds are 5 standard errors of the sample moment; seeds are fixed.
"""

import numpy as np
import pytest

from aimcsim.chip.core import Cores
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.inputs import inputs
from aimcsim.chip.periphery import Periphery
from aimcsim.common.random import Phase
from tests.samples import (
    IDEAL_CONVERTERS,
    NOISE_FREE,
    changed,
    make_cores,
    make_units,
    mean_and_error,
    split,
    spread_and_error,
    uniform_targets,
)

ONE = np.array([0])
NOISY_READ = changed(NOISE_FREE, read_noise=0.04)
QUIET_CONVERTERS = Periphery(column_gain=0, column_offset=0, adc_noise=0)


def flat_core(conductance, device, converters, rows=256, columns=256) -> Cores:
    """A core whose every cell has (G+, G-) = ``conductance``."""
    g = np.empty((1, 2, rows, columns), np.float32)
    g[0, 0], g[0, 1] = conductance
    return make_cores(np.ones((1, rows, columns), np.float32), device, converters, conductances=g)


@pytest.mark.parametrize("conductance", [(0, 0), (0.5, 0.1), (5, 0.1), (0.1, 12), (8, 6)])
@pytest.mark.parametrize("adc_noise", [0, 0.08])
def test_noise_of_a_cell_read(conductance, adc_noise):
    """Variance: both devices' read noise, the converter's, and a step squared over 12."""
    converters = changed(IDEAL_CONVERTERS, adc_noise=adc_noise, adc_bits=13)
    cores = flat_core(conductance, NOISY_READ, converters)
    sample = cores.read_cells(ONE).ravel().astype(np.float64)
    step = converters.adc_range / 2**12
    noise = np.hypot(0.04 * np.hypot(*conductance), adc_noise)
    if noise == 0:
        assert (sample == 0).all()
        return
    mean, error = mean_and_error(sample)
    spread, spread_error = spread_and_error(sample)
    assert noise > step  # so that the rounding error is uniform
    assert abs(mean - (conductance[0] - conductance[1])) < 5 * error
    assert abs(spread - np.sqrt(noise**2 + step**2 / 12)) < 5 * spread_error


def test_averaging_reads_lowers_their_noise_by_the_square_root():
    cores = flat_core((5, 0), NOISY_READ, Periphery(column_gain=0, column_offset=0), 64, 64)
    reads = np.array([cores.read_cells(ONE)[0] for _ in range(64)], np.float64)
    single, single_error = spread_and_error(reads)
    for count in (4, 16, 64):
        averaged = reads.reshape(-1, count, 64, 64).mean(axis=1)
        spread, error = spread_and_error(averaged)
        expected = single / np.sqrt(count)
        assert abs(spread - expected) < 5 * np.hypot(error, single_error / np.sqrt(count))


def test_a_read_of_a_cell_at_the_end_of_the_range_is_clipped():
    for conductance, code in (((40, 0), 209), ((0, 40), -210)):
        cores = flat_core(conductance, NOISE_FREE, QUIET_CONVERTERS)
        np.testing.assert_allclose(cores.read_cells(ONE), code * 0.129, rtol=1e-6)
        assert cores.ledger.saturated_reads == 256 * 256


def test_one_step_of_a_read_is_0_129_us():
    """Of the 420 levels over both signs of 27.09 uS."""
    g = np.arange(200, dtype=np.float32) * np.float32(0.129) + np.float32(0.05)
    cores = make_cores(
        np.ones((1, 1, 200), np.float32),
        NOISE_FREE,
        QUIET_CONVERTERS,
        conductances=np.stack([g, 0 * g])[None, :, None],
    )
    np.testing.assert_allclose(cores.units.step, 0.129, rtol=1e-6)
    np.testing.assert_allclose(
        cores.read_cells(ONE)[0, 0], np.arange(200) * 0.129, rtol=1e-5, atol=1e-6
    )
    assert cores.ledger.saturated_reads == 0


def test_mvm_noise_is_that_of_a_draw_per_device():
    """Mean and variance of every output of a small core against explicit draws, x fixed.

    The explicit side draws every device of every MVM from another generator.
    """
    rows, columns, mvms = 8, 5, 40_000
    generator = np.random.default_rng(4)
    g = generator.uniform(0, 12, (1, 2, rows, columns)).astype(np.float32)
    converters = changed(IDEAL_CONVERTERS, adc_noise=0.4, column_gain=0.0709, column_offset=0.002)
    targets = np.full((1, rows, columns), 20, np.float32)
    cores = make_cores(targets, NOISY_READ, converters, conductances=g)
    units = cores.units
    x = np.round(generator.uniform(-1, 1, rows) * 127) / 127
    batch = np.ascontiguousarray(np.broadcast_to(x, (1, mvms, rows)), np.float32)
    observed = cores.mvm(batch, ONE)[0].astype(np.float64)
    assert cores.ledger.saturated == 0

    explicit = np.empty((mvms, columns))
    for i in range(mvms):
        read = g[0] * (1 + 0.04 * generator.standard_normal(g[0].shape))
        explicit[i] = x @ (read[0] - read[1])
    scale = float(units.full_scale[0])
    explicit = explicit * units.converters.gain + units.converters.offset * scale
    noise = 0.4 / 27.09 * scale
    explicit += noise * generator.standard_normal(explicit.shape)

    variance = np.square(x) @ (0.04**2 * np.square(g[0].astype(float)).sum(axis=0))
    variance = variance * units.converters.gain[0] ** 2 + noise**2
    for column in range(columns):
        means, mean_errors = zip(
            *(mean_and_error(sample[:, column]) for sample in (observed, explicit)), strict=True
        )
        assert abs(means[0] - means[1]) < 5 * np.hypot(*mean_errors)
        spreads, errors = zip(
            *(spread_and_error(sample[:, column]) for sample in (observed, explicit)), strict=True
        )
        assert abs(spreads[0] - spreads[1]) < 5 * np.hypot(*errors)
        assert abs(spreads[0] - np.sqrt(variance[column])) < 5 * errors[0]
    # Outputs of one MVM, and MVMs of one batch, are independent.
    correlations = np.corrcoef(observed.T)[~np.eye(columns, dtype=bool)]
    assert np.abs(correlations).max() < 5 / np.sqrt(mvms)
    following = np.corrcoef(observed[:-1, 0], observed[1:, 0])[0, 1]
    assert abs(following) < 5 / np.sqrt(mvms)


@pytest.mark.parametrize("bits", [6, 8, 10])
def test_quantisation_error_of_an_mvm(bits):
    """Without noise: mean 0, variance step^2 / 12, never more than half a step."""
    targets = np.random.default_rng(5).normal(0, 3, (1, 200, 64)).astype(np.float32)
    converters = changed(IDEAL_CONVERTERS, adc_bits=bits, adc_range_sigmas=8)
    cores = make_cores(targets, NOISE_FREE, converters, conductances=split(targets))
    x = inputs(cores.units, "uniform", 1000, 0, Phase.PROGRAMMING)
    error = (cores.mvm(x, ONE) - x @ targets).astype(np.float64)
    step = float(cores.units.full_scale[0]) / 2 ** (bits - 1)
    assert cores.ledger.saturated == 0
    assert np.abs(error).max() <= step / 2 * (1 + 1e-3)
    mean, mean_error = mean_and_error(error.ravel())
    assert abs(mean) < 5 * mean_error
    spread, spread_error = spread_and_error(error.ravel())
    assert abs(spread - step / np.sqrt(12)) < 5 * spread_error


def test_saturated_conversions_are_counted_and_clipped():
    """One weight of 10 uS per column, range 10 / sqrt(3) uS: full from code 126.5 of 128 on."""
    targets = np.full((1, 1, 3), 10, np.float32)
    converters = changed(IDEAL_CONVERTERS, adc_bits=8, adc_range_sigmas=1, adc_range=5)
    cores = make_cores(targets, NOISE_FREE, converters, conductances=split(targets))
    full_scale = 10 / np.sqrt(3)
    assert cores.units.full_scale[0] == pytest.approx(full_scale)
    x = np.array([0, 0.5, 0.57, 0.5775, 0.9, -0.5, -0.9, 1, -1], np.float32).reshape(1, 9, 1)
    y = cores.mvm(x, ONE)[0]
    assert cores.ledger.saturated == 3 * 5  # codes 128.03, 199.5, -199.5, 221.7, -221.7
    step = full_scale / 128
    np.testing.assert_allclose(y[[3, 4, 7]], 127 * step, rtol=1e-6)
    np.testing.assert_allclose(y[[6, 8]], -128 * step, rtol=1e-6)


def test_the_ledger_counts_exactly():
    targets = uniform_targets(3, 6, 4)
    cores = make_cores(targets, MeltQuench(), Periphery())
    np.testing.assert_array_equal(cores.ledger.pulses, [48, 48, 48])  # RESET, both devices
    some = np.array([2, 0])
    cores.read_cells(some)
    wanted = np.zeros((2, 6, 4), bool)
    wanted[0, :2], wanted[1, 0, 0] = True, True
    cores.read_cells(some, wanted)
    np.testing.assert_array_equal(cores.ledger.cell_reads, [24 + 1, 0, 24 + 8])
    cores.mvm(inputs(cores.units, "uniform", 17, 0, Phase.PROGRAMMING), some)
    cores.mvm(inputs(cores.units, "uniform", 5, 1, Phase.PROGRAMMING), ONE)
    np.testing.assert_array_equal(cores.ledger.mvms, [22, 0, 17])
    current = np.zeros((2, 6, 4), np.float32)
    current[0, 0], current[1, :, 0] = 0.1, 0.9  # 0.1 melts nothing and counts all the same
    fired = cores.pulse(current, np.zeros((2, 6, 4), np.int8), some)
    np.testing.assert_array_equal(fired, [4, 6])
    np.testing.assert_array_equal(cores.ledger.pulses, [48 + 6, 48, 48 + 4])
    expected = [48 + 6 * float(np.float32(0.9)), 48, 48 + 4 * float(np.float32(0.1))]
    np.testing.assert_allclose(cores.ledger.pulse_current, expected, rtol=1e-12)
    counts = {name: values.dtype for name, values in vars(cores.ledger).items()}
    assert counts.pop("pulse_current") == np.float64
    assert all(dtype == np.int64 for dtype in counts.values())


def use(cores: Cores) -> tuple[np.ndarray, ...]:
    """One access of every port; what the cores answer, and their state."""
    runs = np.arange(len(cores))
    shape = (len(cores), *cores.shape)
    cores.pulse(np.full(shape, 0.5, np.float32), np.zeros(shape, np.int8), runs)
    x = inputs(cores.units, "uniform", 9, 0, Phase.PROGRAMMING)
    return cores.read_cells(runs), cores.mvm(x, runs), cores.true_conductances().copy()


def test_branch_copies_the_state_and_goes_on():
    """A branch does what the original would have done, and leaves the original alone."""
    targets = uniform_targets(2, 10, 7)
    cores = make_cores(targets, MeltQuench(), Periphery())
    use(cores)
    before = cores.true_conductances().copy()
    branch = cores.branch(3)
    assert len(branch) == 6
    np.testing.assert_array_equal(branch.unit, [0, 0, 0, 1, 1, 1])
    for name, counts in vars(cores.ledger).items():
        np.testing.assert_array_equal(getattr(branch.ledger, name), np.repeat(counts, 3))
    answers = use(branch)
    np.testing.assert_array_equal(cores.true_conductances(), before)
    np.testing.assert_array_equal(cores.ledger.pulses, [2 * 70 + 70] * 2)
    for own, copies in zip(use(cores), answers, strict=True):
        np.testing.assert_array_equal(np.repeat(own, 3, axis=0), copies)
    np.testing.assert_array_equal(np.repeat(cores.ledger.pulses, 3), branch.ledger.pulses)


def test_a_core_given_conductances_keeps_its_own_copy():
    state = split(uniform_targets(1, 4, 4))
    given = state.copy()
    cores = make_cores(np.ones((1, 4, 4)), conductances=given)
    shape = (1, 4, 4)
    cores.pulse(np.full(shape, 0.5, np.float32), np.zeros(shape, np.int8), ONE)
    np.testing.assert_array_equal(given, state)


def test_a_core_has_the_same_devices_whatever_it_holds_and_whoever_is_manufactured_with_it():
    """Unit (chip 2, tile 0) in three batches, with other targets and converter settings."""
    device = MeltQuench()
    first = make_units(uniform_targets(3, 12, 5), device, Periphery())
    second = make_units(uniform_targets(5, 12, 5, seed=9), device, Periphery(dac_bits=4))
    for a, b in zip(first.law.arrays(), second.law.arrays(), strict=True):
        np.testing.assert_array_equal(a, b[:3])
        assert not np.any(a[0] == a[1])
    np.testing.assert_array_equal(first.converters.gain, second.converters.gain[:3])
    np.testing.assert_array_equal(first.converters.offset, second.converters.offset[:3])
    assert not np.array_equal(first.full_scale, second.full_scale[:3])  # set for its targets
    # Also the noise is the unit core's own, access for access.
    state = split(uniform_targets(1, 12, 5))
    alone = Cores(first, np.array([2]), state).read_cells(ONE)
    among = Cores(second, np.array([4, 2, 0]), np.repeat(state, 3, axis=0))
    np.testing.assert_array_equal(among.read_cells(np.arange(3))[1], alone[0])


def correlation(a, b):
    return abs(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_reads_and_mvms_repeat_no_noise():
    cores = flat_core((5, 5), NOISY_READ, IDEAL_CONVERTERS)
    first, second = (cores.read_cells(ONE) for _ in range(2))
    assert correlation(first, second) < 5 / 256
    x = np.ones((1, 256, 256), np.float32)
    first, second = (cores.mvm(x, ONE) for _ in range(2))
    assert first.std() > 0
    assert correlation(first, second) < 5 / 256


def test_phases_units_and_ports_have_independent_noise():
    """Reads, and MVMs by unit vectors, which would show a shared stream cell by cell."""
    units = make_units(np.ones((2, 256, 256), np.float32), NOISY_READ, IDEAL_CONVERTERS)
    state = np.full((1, 2, 256, 256), 5, np.float32)
    samples = [
        Cores(units, np.array([unit]), state, phase).read_cells(ONE).ravel()
        for phase in Phase
        for unit in (0, 1)
    ]
    one_hot = np.ascontiguousarray(np.broadcast_to(np.eye(256, dtype=np.float32), (2, 256, 256)))
    samples += [
        Cores(units, np.array([0]), state, phase).mvm(one_hot, ONE).ravel() for phase in Phase
    ]
    correlations = np.corrcoef(np.array(samples, np.float64))
    off_diagonal = correlations[~np.eye(len(samples), dtype=bool)]
    assert np.abs(off_diagonal).max() < 5 / 256


def test_one_hot_mvms_read_the_cells():
    """Exact up to one step of each range: 27.09 and some 80 uS over 2**15."""
    targets = uniform_targets(1, 30, 20)
    cores = make_cores(targets, conductances=split(targets))
    y = cores.mvm(np.eye(30, dtype=np.float32)[None], ONE)
    step = cores.units.full_scale[0] / 2**15
    np.testing.assert_allclose(y, targets, rtol=0, atol=step)
    np.testing.assert_allclose(cores.read_cells(ONE), targets, rtol=0, atol=27.09 / 2**15)
