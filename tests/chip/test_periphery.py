"""Converters: grids, ranges and spreads, the latter within 5 standard errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from aimcsim.chip import periphery
from aimcsim.chip.core import Cores
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.inputs import inputs, requested_inputs
from aimcsim.chip.periphery import Periphery
from aimcsim.common.random import Phase
from tests.samples import (
    IDEAL_CONVERTERS,
    NOISE_FREE,
    changed,
    make_units,
    mean_and_error,
    split,
    spread_and_error,
)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_dac_levels(bits):
    """2**bits - 1 levels, equally spaced over [-1, 1], 0 among them."""
    levels = np.unique(periphery.to_dac_grid(np.linspace(-1, 1, 100_001), bits))
    assert len(levels) == 2**bits - 1
    np.testing.assert_allclose(levels, np.linspace(-1, 1, 2**bits - 1), atol=1e-7)
    np.testing.assert_array_equal(levels, -levels[::-1])


UNIT = st.floats(-1, 1, width=32)


@given(st.lists(UNIT, min_size=1, max_size=50), st.integers(2, 16))
def test_dac_rounds_to_the_nearest_level_and_is_odd_and_idempotent(values, bits):
    x = np.array(values, np.float32)
    on_grid = periphery.to_dac_grid(x, bits)
    assert on_grid.dtype == np.float32
    half_step = 0.5 / (2 ** (bits - 1) - 1)
    assert np.abs(on_grid - x).max() <= half_step + 2e-7
    np.testing.assert_array_equal(periphery.to_dac_grid(on_grid, bits), on_grid)
    np.testing.assert_array_equal(periphery.to_dac_grid(-x, bits), -on_grid)


def test_dac_clips():
    np.testing.assert_array_equal(periphery.to_dac_grid(np.array([-3.0, 1.7]), 8), [-1, 1])


@pytest.mark.parametrize("longest", [0.25, 0.7, 3.0])
def test_the_dac_clips_at_its_range_and_resolves_it_with_all_its_levels(longest):
    x = np.linspace(-2, 2, 40_001, dtype=np.float32)
    driven = periphery.to_dac_grid(x, 4, longest)
    assert driven.dtype == np.float32
    reached = min(longest, 2)
    inside = np.abs(x) <= reached
    half_step = longest / 7 / 2
    assert np.abs(driven - x)[inside].max() <= half_step * (1 + 1e-5)
    assert np.abs(driven[~inside]).min(initial=longest) == pytest.approx(longest)
    levels = np.unique(driven)
    np.testing.assert_allclose(np.diff(levels), longest / 7, rtol=1e-4)
    assert len(levels) == 15 if longest < 2 else 11


def test_programming_drives_what_the_dac_can():
    """Clipped uniform inputs: a share of 1 - range at the ends; inside, the levels of the range."""
    units = make_units(np.zeros((1, 100, 1)), converters=Periphery(dac_range=0.6, dac_bits=6))
    x = inputs(units, "uniform", 1000, 0, Phase.PROGRAMMING).ravel()
    asked = requested_inputs(units, "uniform", 1000, 0, Phase.PROGRAMMING).ravel()
    np.testing.assert_array_equal(x, periphery.to_dac_grid(asked, 6, 0.6))
    assert np.abs(x).max() == np.float32(0.6)
    share, error = mean_and_error(np.abs(asked) > 0.6)
    # Within half a step of the asked grid, 1/62.
    assert abs(share - 0.4) < 5 * error + 1 / 62


def test_adc_range_is_that_of_the_strongest_column():
    """By the sample deviation of the outputs, from 40000 uniform inputs."""
    generator = np.random.default_rng(0)
    targets = generator.normal(0, 3, (2, 50, 6)).astype(np.float32)
    targets[1, :, 2] *= 4
    settings = Periphery(adc_range_sigmas=4, adc_range=10)
    full_scale = periphery.adc_ranges(settings, targets, 10.35).mvm
    x = generator.uniform(-1, 1, (40_000, 50))
    for own, ranged in zip(targets, full_scale, strict=True):
        y = x @ own
        strongest = y[:, np.square(own).sum(axis=0).argmax()]
        deviation, error = spread_and_error(strongest)
        assert abs(ranged / 4 - deviation) < 5 * error
        assert y.std(axis=0).max() < ranged / 4 + 5 * error


def test_what_needs_no_more_than_the_converters_range_is_left_at_full_length():
    """Ranges of a core without weights, of a weak one and of a strong one."""
    targets = np.array([0, 5, 500], np.float32)[:, None, None] * np.ones((3, 4, 2), np.float32)
    for range_by, mvm, cell in (
        ("inputs", [27.09, 27.09, 4000 / np.sqrt(3)], [27.09] * 3),
        ("gain", [12.5, 40 / np.sqrt(3), 4000 / np.sqrt(3)], None),
    ):
        ranges = periphery.adc_ranges(Periphery(range_by=range_by), targets, 10.0)
        np.testing.assert_allclose(ranges.mvm, mvm, rtol=1e-6)
        np.testing.assert_allclose(ranges.cell, mvm if cell is None else cell, rtol=1e-6)


def test_the_noise_of_a_conversion_is_the_same_whatever_the_resolution():
    for bits in (4, 8.714, 12):
        adc = periphery.adc(Periphery(adc_noise=0.6, adc_range=20, adc_bits=bits))
        assert adc.noise == pytest.approx(0.03)


@pytest.mark.parametrize(("bits", "half"), [(2, 2), (8, 128), (8.714, 210), (9, 256)])
def test_bits_may_be_a_fraction(bits, half):
    assert periphery.adc(Periphery(adc_bits=bits)).half == half


MANY_COLUMNS = np.zeros((200, 1, 256))


def test_column_gains_are_uniform_within_their_half_width():
    half = 0.0709
    gain = make_units(MANY_COLUMNS, converters=Periphery(column_gain=half)).converters.gain
    assert gain.shape == (200, 256)
    deviation = gain.ravel().astype(np.float64) - 1
    assert np.abs(deviation).max() <= half * (1 + 1e-6)
    mean, error = mean_and_error(deviation)
    assert abs(mean) < 5 * error
    spread, error = spread_and_error(deviation)
    assert abs(spread - half / np.sqrt(3)) < 5 * error
    assert stats.kstest(deviation, stats.uniform(-half, 2 * half).cdf).pvalue > 6e-7


def test_calibration_narrows_the_same_columns_gains():
    after, before = (
        make_units(MANY_COLUMNS, converters=Periphery(calibrated=state)).converters.gain - 1.0
        for state in (True, False)
    )
    assert 0.2095 < np.abs(before).max() <= 0.21 * (1 + 1e-6)
    np.testing.assert_allclose(before / 0.21, after / 0.0709, atol=1e-5)


def test_column_offsets_are_normal_with_their_deviation():
    settings = Periphery(column_offset=0.002)
    offset = make_units(MANY_COLUMNS, converters=settings).converters.offset.ravel()
    offset = offset.astype(np.float64)
    mean, error = mean_and_error(offset)
    assert abs(mean) < 5 * error
    spread, error = spread_and_error(offset)
    assert abs(spread - 0.002) < 5 * error
    assert stats.kstest(offset / 0.002, "norm").pvalue > 6e-7


def test_gains_and_offsets_are_independent():
    converters = make_units(MANY_COLUMNS, converters=Periphery()).converters
    samples = np.array([converters.gain.ravel(), converters.offset.ravel()], np.float64)
    assert abs(np.corrcoef(samples)[0, 1]) < 5 / np.sqrt(samples.shape[1])


def test_gain_and_offset_act_on_reads_and_mvms_as_stated():
    """value = gain x ideal + offset x full scale, without noise, at 16 bits."""
    generator = np.random.default_rng(3)
    targets = generator.uniform(-9, 9, (2, 20, 30)).astype(np.float32)
    settings = changed(IDEAL_CONVERTERS, column_gain=0.2, column_offset=0.02)
    units = make_units(targets, NOISE_FREE, settings)
    cores = Cores(units, np.arange(2), split(targets))
    gain, offset = units.converters.gain[:, None], units.converters.offset[:, None]
    read = cores.read_cells(np.arange(2))
    step = settings.adc_range / 2**15
    expected = targets * gain + offset * settings.adc_range
    np.testing.assert_allclose(read, expected, rtol=0, atol=step)
    x = inputs(units, "uniform", 15, 0, Phase.PROGRAMMING)
    y = cores.mvm(x, np.arange(2))
    scale = units.full_scale[:, None, None]
    expected = np.clip((x @ targets) * gain + offset * scale, -scale, scale * (1 - 2.0**-15))
    np.testing.assert_allclose(y / scale, expected / scale, rtol=0, atol=2.0**-15)


@pytest.mark.parametrize(
    ("distribution", "mean_square"), [("uniform", 1 / 3), ("gaussian", None), ("binary", 1)]
)
def test_random_inputs(distribution, mean_square):
    units = make_units(np.zeros((2, 100, 1)), MeltQuench(), Periphery(dac_bits=8))
    x = inputs(units, distribution, 2000, 5, Phase.PROGRAMMING)
    assert x.shape == (2, 2000, 100)
    np.testing.assert_array_equal(periphery.to_dac_grid(x, 8), x)
    if mean_square is None:  # normal of deviation 1/3, clipped at 3 sigma
        clipped = np.clip(stats.norm.ppf((np.arange(10**6) + 0.5) / 10**6), -3, 3) / 3
        mean_square = np.square(clipped).mean()
    flat = x.ravel().astype(np.float64)
    mean, error = mean_and_error(flat)
    assert abs(mean) < 5 * error
    square, error = mean_and_error(flat**2)
    grid_variance = (1 / 127) ** 2 / 12  # rounding to the grid adds at most this
    assert abs(square - mean_square) < 5 * error + grid_variance
    if distribution == "binary":
        assert set(np.unique(flat)) == {-1, 1}


def test_the_first_inputs_are_the_same_for_every_batch_size():
    units = make_units(np.zeros((2, 13, 1)))
    many = inputs(units, "uniform", 50, 5, Phase.PROGRAMMING)
    few = inputs(units, "uniform", 7, 5, Phase.PROGRAMMING)
    np.testing.assert_array_equal(few, many[:, :7])


def test_inputs_of_other_units_accesses_and_phases_are_independent():
    units = make_units(np.zeros((2, 100, 1)))
    drawn = [
        inputs(units, "uniform", 1000, access, phase)
        for access, phase in ((0, Phase.PROGRAMMING), (1, Phase.PROGRAMMING), (0, Phase.EVALUATION))
    ]
    samples = np.array([drawn[0][0], drawn[0][1], drawn[1][0], drawn[2][0]]).reshape(4, -1)
    correlations = np.corrcoef(samples.astype(np.float64))
    assert np.abs(correlations[~np.eye(4, dtype=bool)]).max() < 5 / np.sqrt(samples.shape[1])
