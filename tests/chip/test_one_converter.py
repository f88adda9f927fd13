"""One converter a column: unit-cell reads and MVMs meet the same step, noise, gain and offset.

Statistical bounds are 5 standard errors of the sample moment; seeds are fixed.
"""

import numpy as np
import pytest

from aimcsim.chip.core import Cores
from aimcsim.chip.periphery import Periphery
from tests.samples import (
    NOISE_FREE,
    changed,
    make_cores,
    make_units,
    mean_and_error,
    split,
    spread_and_error,
)

ONE = np.array([0])
NOISY_READ = changed(NOISE_FREE, read_noise=0.04)
NOISE = 0.0774  # of a conversion, uS x input: so little that its step of 0.129 counts as well
ROWS, COLUMNS, REPEATS = 8, 64, 500
READ, OFFSET = Periphery(), Periphery().column_offset


def targets_of(range_by: str) -> np.ndarray:
    """Weak ones leave the range as it is; strong ones widen it, for all conversions."""
    return np.full((1, ROWS, COLUMNS), 2 if range_by == "inputs" else 20, np.float32)


def repeated(cores: Cores) -> tuple[np.ndarray, np.ndarray]:
    """Reads of all cells, and MVMs with one input on, (REPEATS, R, C) each."""
    reads = np.stack([cores.read_cells(ONE)[0] for _ in range(REPEATS)])
    one_hot = np.tile(np.eye(ROWS, dtype=np.float32), (REPEATS, 1))[None]
    return reads, cores.mvm(one_hot, ONE)[0].reshape(REPEATS, ROWS, COLUMNS)


@pytest.mark.parametrize("range_by", ["inputs", "gain"])
def test_a_read_is_an_mvm_with_one_input_on(range_by):
    """Means and variances of every cell, both kinds against what is stated and each other."""
    settings = Periphery(range_by=range_by, adc_noise=NOISE, column_offset=0.01)
    g = np.random.default_rng(1).uniform(0.1, 12, (1, 2, ROWS, COLUMNS)).astype(np.float32)
    cores = make_cores(targets_of(range_by), NOISY_READ, settings, conductances=g)
    units = cores.units
    end = float(units.cell_range[0])
    assert end == units.full_scale[0]
    assert (end == pytest.approx(27.09)) == (range_by == "inputs")
    step, noise = end / 210, NOISE / 27.09 * end
    gain, offset = units.converters.gain[0], units.converters.offset[0] * end
    mean = (g[0, 0] - g[0, 1]) * gain + offset
    variance = 0.04**2 * np.square(g[0]).sum(axis=0) * gain**2 + noise**2 + step**2 / 12
    samples = repeated(cores)
    means, variances = [], []
    for sample in samples:
        np.testing.assert_allclose(sample / step, np.rint(sample / step), atol=1e-3)
        means.append(sample.mean(axis=0, dtype=np.float64))
        variances.append(sample.var(axis=0, ddof=1, dtype=np.float64))
        off = (means[-1] - mean) / np.sqrt(variance / REPEATS)
        assert abs(np.square(off).mean() - 1) < 5 * np.sqrt(2 / off.size)
        scatter = np.sqrt(2 / (REPEATS * off.size))
        assert abs((variances[-1] / variance).mean() - 1) < 5 * scatter
    between = (means[0] - means[1]) / np.sqrt(2 * variance / REPEATS)
    assert abs(np.square(between).mean() - 1) < 5 * np.sqrt(2 / between.size)


def test_shorter_inputs_leave_reads_as_they_are():
    """A strong core: its MVMs, in units of the inputs asked for, have a wider range and step."""
    cores = make_cores(np.full((1, 64, 4), 9, np.float32), NOISE_FREE, Periphery())
    wide = 4 * np.sqrt(64 / 3) * 9
    np.testing.assert_allclose(cores.units.full_scale, wide, rtol=1e-6)
    np.testing.assert_allclose(cores.units.cell_range, 27.09, rtol=1e-6)
    x = np.random.default_rng(2).uniform(-1, 1, (1, 200, 64)).astype(np.float32)
    y = cores.mvm(x, ONE) * (210 / wide)
    np.testing.assert_allclose(y, np.rint(y), atol=1e-3)
    read = cores.read_cells(ONE) / 0.129
    np.testing.assert_allclose(read, np.rint(read), atol=1e-3)


@pytest.mark.parametrize("conversions", [2, 9, 25])
def test_the_mean_of_k_conversions_is_less_noisy_by_the_root_of_k(conversions):
    state = np.full((1, 2, 128, 128), [[[[6]], [[0]]]], np.float32)
    settings = Periphery(adc_noise=NOISE, column_gain=0, column_offset=0)
    several, single = (
        make_cores(state[:, 0], NOISY_READ, settings, conductances=state) for _ in range(2)
    )
    read = several.read_cells(ONE, conversions=conversions).astype(np.float64)
    noise = np.sqrt(0.24**2 + NOISE**2 + 0.129**2 / 12)
    spread, error = spread_and_error(read.ravel())
    assert abs(spread - noise / np.sqrt(conversions)) < 5 * error
    mean, error = mean_and_error(read.ravel())
    assert abs(mean - 6) < 5 * error
    # They are the same draws as of reads one by one, and as dear.
    parts = [single.read_cells(ONE) for _ in range(conversions)]
    np.testing.assert_allclose(read, np.mean(parts, axis=0, dtype=np.float64), rtol=1e-5)
    for name, count in vars(single.ledger).items():
        np.testing.assert_array_equal(count, getattr(several.ledger, name), name)
    assert several.ledger.cell_reads == conversions * 128 * 128


def test_each_conversion_of_a_wanted_cell_is_paid():
    cores = make_cores(np.ones((2, 8, 6), np.float32), NOISY_READ, Periphery())
    wanted = np.zeros((1, 8, 6), bool)
    wanted[0, :3, 2] = True
    cores.read_cells(np.array([1]), wanted, conversions=7)
    assert cores.ledger.cell_reads.tolist() == [0, 3 * 7]


@pytest.mark.parametrize("strength", [2, 20])
def test_offsets_are_measured_without_bias(strength):
    """Errors of 16 chips x 256 columns have mean 0 and the variance of k conversions, whether or
    not inputs are shortened; devices, without input, add nothing."""
    conversions, chips = 100, 16
    targets = np.full((chips, 16, 256), strength, np.float32)
    settings = Periphery(adc_noise=NOISE)
    cores = make_cores(targets, NOISY_READ, settings, conductances=split(targets))
    before = cores.ledger.mvms.copy()
    runs = np.arange(chips)
    error = cores.offsets(runs, conversions).astype(np.float64) - cores.units.converters.offset
    expected = np.sqrt((NOISE**2 + 0.129**2 / 12) / conversions) / 27.09
    mean, standard_error = mean_and_error(error.ravel())
    assert abs(mean) < 5 * standard_error
    spread, standard_error = spread_and_error(error.ravel())
    assert abs(spread - expected) < 5 * standard_error
    assert spread < 0.2 * OFFSET  # so that it is worth while
    np.testing.assert_array_equal(cores.ledger.mvms - before, conversions)


def test_saturated_reads_are_counted_of_wanted_cells_alone():
    g = np.full((1, 8, 6), 5, np.float32)
    g[0, 2] = 40
    g[0, 5, :3] = -40
    cores = make_cores(np.abs(g), NOISE_FREE, READ, conductances=split(g))
    wanted = np.zeros((1, 8, 6), bool)
    wanted[0, :3, 4:] = True  # two of those at 40 uS, four others
    wanted[0, 5, 2:4] = True  # one at -40 uS, one other
    cores.read_cells(ONE, wanted, conversions=5)
    assert cores.ledger.saturated_reads == 5 * (2 + 1)
    cores.read_cells(ONE)
    assert cores.ledger.saturated_reads == 5 * (2 + 1) + 9
    assert cores.ledger.saturated == 0


def test_a_read_saturates_at_the_codes_at_which_an_mvm_does():
    """The last code at either end: -210 and 209."""
    codes = np.array([-211, -210, -209, -208, 207, 208, 209, 210], np.float32)
    g = (codes * 27.09 / 210).reshape(8, 1, 1)
    cores = make_cores(
        np.ones((8, 1, 1), np.float32),
        NOISE_FREE,
        Periphery(column_gain=0, column_offset=0, adc_noise=0),
        conductances=split(g),
    )
    runs = np.arange(8)
    cores.read_cells(runs)
    cores.mvm(np.ones((8, 1, 1), np.float32), runs)
    assert cores.ledger.saturated_reads.tolist() == [1, 1, 0, 0, 0, 0, 1, 1]
    np.testing.assert_array_equal(cores.ledger.saturated, cores.ledger.saturated_reads)


def test_a_branch_keeps_the_ranges_of_its_unit_cores():
    targets = np.array([2, 20], np.float32)[:, None, None] * np.ones((2, 4, 3), np.float32)
    units = make_units(targets, NOISE_FREE, Periphery(range_by="gain", adc_noise=0))
    cores = Cores(units, np.array([1, 0, 1]), split(targets)[[1, 0, 1]])
    step = units.step[[1, 0, 1]][:, None, None]
    assert step[0] > step[1]
    for some in (cores, cores.branch(1)):
        read = some.read_cells(np.arange(3)) / step
        np.testing.assert_allclose(read, np.rint(read), atol=1e-3)
