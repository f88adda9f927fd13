"""SET accumulation against values by hand, closed forms and an independent plain loop.

Statistical bounds are 4 standard errors; seeds are fixed.
"""

import math
import random as standard_random

import numpy as np
import pytest
from scipy import stats

from aimcsim.chip.devices.set_accumulation import (
    SetAccumulation,
    draw_g_max,
    drifted,
    read_noise,
    reset,
    set_pulse,
    step_mean,
    step_std,
)
from aimcsim.common import random
from aimcsim.common.random import Quantity
from tests.samples import mean_and_error, spread_and_error

DEVICE = SetAccumulation()
COUNT = 40_000
PULSES = 20
UNBOUNDED = 1e3  # uS


def normals(access, count=COUNT):
    return random.normals(3, 0, 0, Quantity.PULSE_QUENCH, access, count).astype(np.float64)


def g_max_of(count=COUNT):
    uniforms = random.uniforms(3, 0, 0, Quantity.G_SET, 0, count).astype(np.float64)
    return draw_g_max(DEVICE, uniforms)


def staircase(g, memory, g_max):
    """Conductances (PULSES, devices) after 1 to 20 pulses."""
    after = []
    for pulse in range(PULSES):
        g, memory = set_pulse(DEVICE, g, memory, g_max, normals(1 + pulse, len(g)))
        after.append(g)
    return np.array(after)


def plain_loop(devices, seed):
    """The published model device by device, with another generator; (PULSES, devices)."""
    generator = standard_random.Random(seed)
    result = np.empty((PULSES, devices))
    for device in range(devices):
        top = generator.uniform(12, 20)
        g, p = generator.gauss(0.1, 0.01), 1.0
        for pulse in range(PULSES):
            g += generator.gauss(-0.084 * g + 0.88 + 1.4 * p, 0.091 * g + 0.26 + 2.15 * p)
            g = 0.1 if g < 0.1 else min(g, top)
            p *= math.exp(-1 / 2.6)
            result[pulse, device] = g
    return result


def test_one_to_twenty_pulses_after_reset_as_in_a_plain_loop():
    """Mean and spread over devices after each pulse."""
    ours = staircase(*reset(DEVICE, normals(0)), g_max_of())
    theirs = plain_loop(10_000, seed=5)
    for pulse in range(PULSES):
        for moment in (mean_and_error, spread_and_error):
            value, error = moment(ours[pulse])
            reference, reference_error = moment(theirs[pulse])
            combined = math.hypot(error, reference_error)
            assert combined < 0.02 * reference
            assert abs(value - reference) < 4 * combined


def test_first_pulse_after_reset_in_closed_form():
    """Normal(2.2716, 2.4191) about 0.1 uS, cut at 0.1 uS: one device in six does not move."""
    g, _ = set_pulse(DEVICE, np.full(COUNT, 0.1), np.ones(COUNT), UNBOUNDED, normals(1))
    mean, sigma = -0.0084 + 0.88 + 1.4, 0.0091 + 0.26 + 2.15
    z = mean / sigma
    first = mean * stats.norm.cdf(z) + sigma * stats.norm.pdf(z)
    second = (mean**2 + sigma**2) * stats.norm.cdf(z) + mean * sigma * stats.norm.pdf(z)
    observed, error = mean_and_error(g - 0.1)
    assert abs(observed - first) < 4 * error
    observed, error = spread_and_error(g)
    assert abs(observed - math.sqrt(second - first**2)) < 4 * error
    stuck = stats.norm.cdf(-z)
    assert 1 / 6.2 < stuck < 1 / 5.5
    assert abs((g == 0.1).mean() - stuck) < 4 * math.sqrt(stuck / COUNT)


def test_recursion_of_the_moments_where_nothing_is_clipped():
    """Steps linear in G: mean and variance after each pulse follow from those before.

    mean' = 0.916 mean + c, c = 0.88 + 1.4 P; variance' = 0.916^2 variance + E[(0.091 G + s)^2],
    s = 0.26 + 2.15 P. From 6 uS with little memory the clip at 0.1 uS is out of reach.
    """
    start, memory = 6.0, 0.2
    seen = staircase(np.full(COUNT, start), np.full(COUNT, memory), UNBOUNDED)
    assert (seen == 0.1).mean() < 1e-3
    mean, variance = start, 0.0
    for pulse in range(PULSES):
        p = memory * math.exp(-pulse / 2.6)
        s = 0.26 + 2.15 * p
        variance = (
            0.916**2 * variance + 0.091**2 * (variance + mean**2) + 2 * 0.091 * s * mean + s**2
        )
        mean = 0.916 * mean + 0.88 + 1.4 * p
        observed, error = mean_and_error(seen[pulse])
        assert abs(observed - mean) < 4 * error
        observed, error = spread_and_error(seen[pulse])
        assert abs(observed - math.sqrt(variance)) < 4 * error


def test_noise_free_recursion_of_the_mean_in_closed_form():
    """Without noise, f = exp(-1 / 2.6) being the memory's factor, k pulses after RESET lead to

    0.916^k 0.1 + 0.88 (1 - 0.916^k) / 0.084 + 1.4 (f^k - 0.916^k) / (f - 0.916).
    """
    g, memory = reset(DEVICE, np.zeros(1))
    fade = math.exp(-1 / 2.6)
    for k in range(1, PULSES + 1):
        g, memory = set_pulse(DEVICE, g, memory, UNBOUNDED, np.zeros(1))
        expected = 0.916**k * 0.1 + 0.88 * (1 - 0.916**k) / 0.084
        expected += 1.4 * (fade**k - 0.916**k) / (fade - 0.916)
        assert g == pytest.approx(expected, rel=1e-12)
        assert memory == pytest.approx(fade**k, rel=1e-12)


def test_a_pulse_by_hand():
    g, memory = np.array([5.0]), np.array([0.5])
    assert step_mean(DEVICE, g, memory) == pytest.approx(1.16)  # -0.42 + 0.88 + 0.70
    assert step_std(DEVICE, g, memory) == pytest.approx(1.79)  # 0.455 + 0.26 + 1.075
    after, left = set_pulse(DEVICE, g, memory, np.array([12.0]), np.array([2.0]))
    assert after == pytest.approx(9.74)
    assert left == pytest.approx(0.5 * 0.680712, rel=1e-5)


def test_conductances_are_clipped_per_device():
    g, memory = np.full(4, 11.0), np.ones(4)
    top = np.array([12.0, 14.0, 12.0, 14.0])
    after, _ = set_pulse(DEVICE, g, memory, top, np.array([9.0, 9.0, -9.0, -9.0]))
    assert after.tolist() == [12, 14, 0.1, 0.1]


def test_reset_returns_to_the_start():
    g, memory = reset(DEVICE, normals(0))
    observed, error = mean_and_error(g)
    assert abs(observed - 0.1) < 4 * error
    observed, error = spread_and_error(g)
    assert abs(observed - 0.01) < 4 * error
    assert np.all(memory == 1)
    assert reset(DEVICE, np.array([-11.0, 2.0]))[0] == pytest.approx([0, 0.12])


def test_maximum_conductances_fill_the_published_range():
    drawn = g_max_of()
    assert stats.kstest(drawn, stats.uniform(12, 8).cdf).pvalue > 1e-3
    assert drawn.min() >= 12
    assert drawn.max() <= 20
    seen = staircase(*reset(DEVICE, normals(0)), drawn)
    assert np.all(seen <= drawn)
    assert (seen[-1] == drawn).any()


def test_single_precision_stays_single():
    g, memory = reset(DEVICE, np.zeros(3, np.float32))
    after = set_pulse(DEVICE, g, memory, np.full(3, 12, np.float32), np.ones(3, np.float32))
    assert [array.dtype for array in (g, memory, *after)] == [np.float32] * 4


def test_read_noise_by_hand():
    assert read_noise(DEVICE, np.array([0.0, 10.0])) == pytest.approx([0.13, 0.43])


def test_drift_by_hand():
    """A decade after 38.6 s: 10 x 10^-0.04 = 9.1201 uS."""
    times = np.array([[38.6], [386.0], [3860.0]])
    seen = drifted(np.array([10.0, 1.0]), times)
    np.testing.assert_allclose(seen[:, 0], [10, 9.1201084, 8.3176377], rtol=1e-7)
    np.testing.assert_allclose(seen[:, 1], seen[:, 0] / 10)


@pytest.mark.parametrize("t", [0.0, -3.0, np.array([1.0, 0.0])])
def test_drift_refuses_times_before_the_pulse(t):
    with pytest.raises(ValueError, match="give times above 0 s"):
        drifted(np.ones(2), t)
