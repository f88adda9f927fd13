"""The melt-quench device: its population, its law, and the noise of a pulse.

Statistical bounds are 5 standard errors of the sample moment; seeds are fixed.
"""

import numpy as np
import pytest
from scipy import stats

from aimcsim.chip.core import Cores
from aimcsim.chip.devices.melt_quench import RESET_CURRENT, MeltQuench, nominal_current
from tests.samples import (
    NOISE_FREE,
    changed,
    make_cores,
    make_units,
    mean_and_error,
    spread_and_error,
)

WIDE = MeltQuench(g_set_spread=15, g_reset_spread=0.8, i_half_spread=0.1, i_width_spread=0.06)
"""Spreads at which the clips of SET and RESET conductance and of the width bite."""


def clipped_moments(mean, deviation, low, high):
    """Mean and standard deviation of a normal clipped to [low, high], by quadrature."""
    probability = (np.arange(2_000_000) + 0.5) / 2_000_000
    values = np.clip(stats.norm.ppf(probability) * deviation + mean, low, high)
    return values.mean(), values.std()


@pytest.mark.parametrize("settings", [MeltQuench(), WIDE], ids=["default", "wide"])
@pytest.mark.parametrize("name", ["g_set", "g_reset", "i_half", "i_width"])
def test_population(settings, name):
    law = make_units(np.zeros((4, 256, 128)), settings).law
    mean, deviation, low, high = {
        "g_set": (
            settings.g_set_mean, settings.g_set_spread, settings.g_set_min, settings.g_set_max,
        ),
        "g_reset": (
            settings.g_reset, settings.g_reset * settings.g_reset_spread, 0, np.inf,
        ),
        "i_half": (settings.i_half_mean, settings.i_half_spread, -np.inf, np.inf),
        "i_width": (
            settings.i_width_mean, settings.i_width_spread, settings.i_width_mean / 4, np.inf,
        ),
    }[name]  # fmt: skip
    drawn = getattr(law, name).astype(np.float64)
    assert drawn.shape == (4, 2, 256, 128)
    assert low * (1 - 1e-6) <= drawn.min()
    assert drawn.max() <= high
    expected_mean, expected_spread = clipped_moments(mean, deviation, low, high)
    observed, error = mean_and_error(drawn.ravel())
    assert abs(observed - expected_mean) < 5 * error
    observed, error = spread_and_error(drawn)
    assert abs(observed - expected_spread) < 5 * error


def test_parameters_of_a_device_are_independent():
    """Also between the two devices of a cell, and between neighbouring chips."""
    law = make_units(np.zeros((2, 256, 256)), MeltQuench()).law
    samples = [values[0, d].ravel() for values in law.arrays() for d in (0, 1)]
    samples += [law.g_set[1, 0].ravel(), law.i_half[1, 0].ravel()]
    correlations = np.corrcoef(np.array(samples, np.float64))
    off_diagonal = correlations[~np.eye(len(samples), dtype=bool)]
    assert np.abs(off_diagonal).max() < 5 / 256


def fire(cores: Cores, current, device=0) -> np.ndarray:
    """Fire ``current`` at device ``device`` of every cell; its conductances, (N, R, C)."""
    shape = (len(cores), *cores.shape)
    cores.pulse(
        np.broadcast_to(current, shape).astype(np.float32),
        np.full(shape, device, np.int8),
        np.arange(len(cores)),
    )
    return cores.true_conductances()[:, device].copy()


def curve(law, current, device=0):
    """The documented law in 64 bits."""
    g_set, g_reset, i_half, i_width = (values[:, device].astype(float) for values in law.arrays())
    return g_reset + (g_set - g_reset) / (1 + np.exp((current - i_half) / i_width))


@pytest.mark.parametrize("device", [0, 1])
def test_a_noise_free_pulse_follows_the_documented_law(device):
    cores = make_cores(np.zeros((2, 16, 16)))
    for current in (0.26, 0.4, 0.5, 0.6, 0.8, 1.0):
        after = fire(cores, current, device)
        # 2e-6: the single-precision current moves the exponent by 1e-7 / i_width.
        np.testing.assert_allclose(
            after, curve(cores.units.law, np.float32(current), device), rtol=2e-5
        )


def test_conductance_falls_with_the_current():
    cores = make_cores(np.zeros((2, 16, 16)))
    states = np.array([fire(cores, current) for current in np.linspace(0.26, 1, 60)])
    assert (np.diff(states, axis=0) <= 0).all()
    assert (states[0] > 20 * states[-1]).all()


def test_a_melted_device_forgets_its_state_before():
    """From RESET, from the highest SET conductance, and from where another pulse left it."""
    targets = np.zeros((3, 16, 16))
    before = np.zeros((3, 2, 16, 16), np.float32)
    before[1] = 41.28
    before[2] = np.random.default_rng(0).uniform(0, 40, (2, 16, 16))
    units = make_units(targets[:1])
    cores = Cores(units, np.zeros(3, int), before)
    after = fire(cores, 0.5)
    np.testing.assert_array_equal(after[0], after[1])
    np.testing.assert_array_equal(after[0], after[2])


def test_nothing_happens_below_the_melting_current():
    state = np.random.default_rng(0).uniform(0, 40, (1, 2, 16, 16)).astype(np.float32)
    cores = make_cores(np.zeros((1, 16, 16)), conductances=state.copy())
    for current in (1e-6, 0.1, 0.2499):
        np.testing.assert_array_equal(fire(cores, current), state[:, 0])
    assert cores.ledger.pulses == 3 * 256  # fired all the same
    assert (fire(cores, NOISE_FREE.i_melt) != state[:, 0]).all()


def test_the_other_device_and_cells_without_a_pulse_stay():
    state = np.random.default_rng(0).uniform(0, 40, (1, 2, 8, 8)).astype(np.float32)
    cores = make_cores(np.zeros((1, 8, 8)), MeltQuench(), conductances=state.copy())
    current = np.zeros((1, 8, 8), np.float32)
    current[0, 2, 3] = 0.6
    device = np.ones((1, 8, 8), np.int8)
    assert cores.pulse(current, device, np.array([0])) == 1
    changed_places = np.argwhere(cores.true_conductances() != state)
    np.testing.assert_array_equal(changed_places, [[0, 1, 2, 3]])


def pulse_sample(settings: MeltQuench, current: float) -> tuple[np.ndarray, MeltQuench]:
    """65536 pulses on identical devices, from RESET."""
    identical = changed(
        settings, g_set_spread=0, g_reset_spread=0, i_half_spread=0, i_width_spread=0
    )
    cores = make_cores(np.zeros((1, 256, 256)), identical)
    return fire(cores, current).ravel().astype(np.float64), identical


def nominal_curve(settings, current):
    return settings.g_reset + (settings.g_set_mean - settings.g_reset) / (
        1 + np.exp((current - settings.i_half_mean) / settings.i_width_mean)
    )


def jitter_at(settings, current):
    return settings.current_jitter + settings.current_jitter_slope * (current - settings.i_melt)


@pytest.mark.parametrize("current", [0.35, 0.45, 0.5, 0.6, 0.7])
def test_small_noise_of_a_pulse_is_slope_times_jitter_plus_relative_noise(current):
    """Jitter up to 0.13 % of the RESET current: the law is linear over it to 1e-4 of the spread."""
    settings = MeltQuench(current_jitter=0.0004, current_jitter_slope=0.002, quench_noise=0.004)
    sample, identical = pulse_sample(settings, current)
    g = nominal_curve(identical, current)
    span = identical.g_set_mean - identical.g_reset
    plug = (g - identical.g_reset) / span
    slope = span * plug * (1 - plug) / identical.i_width_mean
    expected = np.hypot(slope * jitter_at(settings, current), g * settings.quench_noise)
    observed, error = spread_and_error(sample)
    assert abs(observed - expected) < 5 * error
    observed, error = mean_and_error(sample)
    assert abs(observed - g) < 5 * error + 1e-4 * g


@pytest.mark.parametrize("conductance", [2.0, 5.0, 10.0])
def test_the_data_sheet_knows_the_scatter_of_a_pulse(conductance):
    """To 4 %: it takes the curve's slope over a chord, the sample's error is 0.3 %."""
    settings = MeltQuench(current_jitter=0.001, current_jitter_slope=0.01, quench_noise=0.004)
    model = settings.law()
    (current,) = model.nominal_current(np.array([conductance]))
    sample, _ = pulse_sample(settings, current)
    assert model.scatter(np.array([conductance])) == pytest.approx(sample.std(), rel=0.04)


@pytest.mark.parametrize("current", [0.3, 0.4, 0.5, 0.6, 0.8, 1.0])
def test_noise_of_a_pulse_at_the_default_settings(current):
    """Mean and spread of the law over normal jitter, by quadrature; no melting, no change."""
    sample, settings = pulse_sample(MeltQuench(), current)
    probability = (np.arange(1_000_000) + 0.5) / 1_000_000
    effective = current + jitter_at(settings, current) * stats.norm.ppf(probability)
    before = nominal_curve(settings, RESET_CURRENT)  # about: RESET's own jitter is below 1 nS
    melts = effective > settings.i_melt
    after = np.where(melts, nominal_curve(settings, effective), before)
    square = after**2 * np.where(melts, 1 + settings.quench_noise**2, 1)
    expected_mean = after.mean()
    expected_spread = np.sqrt(square.mean() - expected_mean**2)
    observed, error = mean_and_error(sample)
    assert abs(observed - expected_mean) < 5 * error
    observed, error = spread_and_error(sample)
    assert abs(observed - expected_spread) < 5 * error


def test_pulses_repeat_no_noise():
    """Two pulses at one current on identical devices: uncorrelated over the devices."""
    identical = MeltQuench(g_set_spread=0, g_reset_spread=0, i_half_spread=0, i_width_spread=0)
    cores = make_cores(np.zeros((1, 256, 256)), identical)
    first, second = (fire(cores, 0.5).ravel() for _ in range(2))
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / 256


def test_nominal_current_inverts_the_average_curve():
    settings = NOISE_FREE
    conductance = np.linspace(0.2, 18.5, 200)
    current = nominal_current(settings, conductance)
    assert (current > settings.i_melt).all()
    assert (current < RESET_CURRENT).all()
    np.testing.assert_allclose(
        nominal_curve(settings, current.astype(float)), conductance, rtol=1e-5
    )


def test_nominal_current_outside_the_curve():
    settings = MeltQuench()
    above = nominal_current(settings, np.array([settings.g_set_mean, 40.0]))
    np.testing.assert_array_equal(above, np.float32(settings.i_melt))
    below = nominal_current(settings, np.array([0.0, settings.g_reset]))
    np.testing.assert_array_equal(below, np.float32(RESET_CURRENT))


def test_nominal_current_of_a_reset_target_is_the_full_reset_current_on_a_steep_curve():
    """As its docstring says, for every width of the curve."""
    steep = MeltQuench(i_width_mean=0.02, i_width_spread=0)
    assert nominal_current(steep, np.array([0.0])) == np.float32(RESET_CURRENT)
    assert nominal_current(steep, np.array([40.0])) == np.float32(steep.i_melt)


def test_cores_begin_reset():
    cores = make_cores(np.zeros((1, 64, 64)))
    np.testing.assert_allclose(
        cores.true_conductances()[0], curve_of_both(cores.units.law, RESET_CURRENT)[0], rtol=2e-5
    )
    assert cores.ledger.pulses == 2 * 64 * 64


def curve_of_both(law, current):
    return np.stack([curve(law, current, device) for device in (0, 1)], axis=1)
