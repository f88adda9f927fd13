"""Drift and slow noise of programmed cores follow the published laws, polarity by polarity."""

import numpy as np
import pytest
from scipy.stats import foldnorm

from aimcsim.chip.core import Cores
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.drift import age, open_loop
from aimcsim.chip.inputs import inputs
from aimcsim.chip.periphery import Periphery
from aimcsim.common.random import Phase
from aimcsim.evaluation.mvm_error import COMPENSATIONS, mvm_errors
from aimcsim.physics.state_statistics import HERMES_ODP, HERMES_TDP, PCM_90NM
from tests.samples import make_units, mean_and_error, spread_and_error

YEAR = 365 * 86400.0
SIDE = 128


@pytest.fixture(scope="module")
def units():
    return make_units(np.ones((2, SIDE, SIDE), np.float32))


def states(*conductances):
    """States (U, S, 2, R, C) in which every device has one conductance, uS."""
    levels = np.array(conductances, np.float32)[None, :, None, None, None]
    return np.broadcast_to(levels, (2, len(conductances), 2, SIDE, SIDE)).copy()


@pytest.mark.parametrize("laws", [HERMES_ODP, PCM_90NM], ids=lambda laws: laws.name)
@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 0.9])
def test_fitted_exponents_have_the_published_mean_and_spread(units, laws, share):
    """Per device: slope of ln g over ln t from t0 to one year. Within 3 standard errors."""
    start = states(share * laws.g_max)
    times = np.geomspace(laws.t0, YEAR, 4)
    logs = [np.log(age(units, start, laws, t, 0).drifted.astype(float)) for t in times]
    centred = np.log(times) - np.log(times).mean()
    fitted = -np.tensordot(centred, np.stack(logs), 1).ravel() / np.square(centred).sum()
    normal = laws.drift_mean(share), laws.drift_spread(share)
    published = foldnorm(normal[0] / normal[1], scale=normal[1])  # nu = |Normal(mean, spread)|
    mean, error = mean_and_error(fitted)
    assert abs(mean - published.mean()) < 3 * error
    spread, error = spread_and_error(fitted)
    assert abs(spread - published.std()) < 3 * error


def test_nothing_has_drifted_at_t0(units):
    start = states(1.0, 8.0)
    np.testing.assert_allclose(age(units, start, HERMES_ODP, 200.0, 0).drifted, start, rtol=1e-6)


@pytest.mark.parametrize("time", [200.0, 86400.0, YEAR])
def test_slow_noise_has_the_published_size(units, time):
    share = 0.5
    aged = age(units, states(share * HERMES_ODP.g_max), HERMES_ODP, time, 0)
    relative = (aged.read / aged.drifted - 1).astype(float)
    published = HERMES_ODP.read_noise_scale(share) * np.sqrt(
        np.log((time + HERMES_ODP.t_read) / (2 * HERMES_ODP.t_read))
    )
    mean, error = mean_and_error(relative)
    assert abs(mean) < 3 * error
    spread, error = spread_and_error(relative)
    assert abs(spread - published) < 3 * error


def test_a_device_keeps_its_exponent_and_changes_its_noise(units):
    start = states(5.0)
    ages = [age(units, start, HERMES_ODP, time, index) for index, time in ((0, 1e3), (1, 1e6))]
    logs = [np.log(aged.drifted.astype(float) / start) for aged in ages]
    np.testing.assert_allclose(logs[0] / np.log(1e3 / 200), logs[1] / np.log(1e6 / 200), rtol=2e-3)
    noise = [(aged.read / aged.drifted - 1).ravel() for aged in ages]
    assert abs(np.corrcoef(*noise)[0, 1]) < 5 / np.sqrt(noise[0].size)


def test_states_of_a_core_share_their_fate_and_cores_do_not(units):
    aged = age(units, states(5.0, 5.0), HERMES_ODP, YEAR, 2)
    np.testing.assert_array_equal(aged.read[:, 0], aged.read[:, 1])
    one, other = aged.drifted[:, 0].reshape(2, -1)
    assert abs(np.corrcoef(one, other)[0, 1]) < 5 / np.sqrt(one.size)


TIMES = (300.0, 86400.0, YEAR)


def pairs(targets, first, at_least=0.0):
    """States (U, 1, 4, R, C): ``first``, a share, of each target (U, R, C) on the first device.

    Devices that carry nothing are at ``at_least``, uS.
    """
    states = np.zeros((len(targets), 1, 4, *targets.shape[1:]), np.float32)
    for device, sign in ((0, 1), (2, -1)):
        size = np.maximum(sign * targets, 0)
        states[:, 0, device], states[:, 0, device + 1] = first * size, size - first * size
    return np.maximum(states, np.float32(at_least))


def gaussian_targets(units=1, side=256):
    """Targets (U, R, C), uS: Gaussian, the largest on the pair's g_max."""
    weights = np.random.default_rng(4).normal(size=(side, side))
    one = HERMES_TDP.g_max * weights / np.abs(weights).max()
    return np.repeat(one.astype(np.float32)[None], units, axis=0)


@pytest.mark.parametrize("split", ["half", "a third", "at random"])
def test_a_pair_ages_as_its_sum_on_one_device(split):
    """To rounding of single precision, at every time, drifted and with slow noise."""
    targets = gaussian_targets(2, 64)
    units = make_units(targets, unit_cell="tdp")
    at_random = np.random.default_rng(5).uniform(0, 1, targets.shape).astype(np.float32)
    first = {"half": 0.5, "a third": np.float32(1 / 3), "at random": at_random}[split]
    for index, time in enumerate(TIMES):
        one = age(units, pairs(targets, 1.0), HERMES_TDP, time, index)
        two = age(units, pairs(targets, first), HERMES_TDP, time, index)
        for name in ("drifted", "read"):
            sums = [getattr(aged, name).reshape(2, 2, 2, 64, 64).sum(axis=2) for aged in (one, two)]
            np.testing.assert_allclose(sums[1], sums[0], rtol=1e-5, atol=1e-6)


def test_devices_of_a_pair_share_what_it_loses_in_proportion():
    targets = gaussian_targets(1, 64)
    units = make_units(targets, unit_cell="tdp")
    start = pairs(targets, np.float32(0.3))
    aged = age(units, start, HERMES_TDP, YEAR, 2)
    for name in ("drifted", "read"):
        left = np.where(start > 0, getattr(aged, name), 1) / np.where(start > 0, start, 1)
        np.testing.assert_allclose(left[:, 0, [0, 2]], left[:, 0, [1, 3]], rtol=1e-5)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5, 0.9])
def test_exponents_of_pairs_are_those_published_of_the_pair(share):
    """Looked up at the pair's total, 20.7 uS the whole; 3 standard errors of 32,768 pairs."""
    targets = np.full((2, SIDE, SIDE), share * HERMES_TDP.g_max, np.float32)
    targets[:, :, ::2] *= -1
    units = make_units(targets, unit_cell="tdp")
    start = pairs(targets, 0.5)
    aged, first = age(units, start, HERMES_TDP, YEAR, 0).drifted[:, 0, ::2], start[:, 0, ::2]
    ratio = aged[first > 0].astype(float) / first[first > 0]
    exponents = -np.log(ratio) / np.log(YEAR / HERMES_TDP.t0)
    normal = HERMES_TDP.drift_mean(share), HERMES_TDP.drift_spread(share)
    published = foldnorm(normal[0] / normal[1], scale=normal[1])
    mean, error = mean_and_error(exponents)
    assert abs(mean - published.mean()) < 3 * error
    spread, error = spread_and_error(exponents)
    assert abs(spread - published.std()) < 3 * error


@pytest.mark.parametrize("first", [1.0, 0.5])
def test_pairs_show_the_errors_of_one_device(first):
    """Gaussian targets held exactly, behind quiet columns: 8.7, 12.6 and 19.3 % at 300 s, a day
    and a year, however they are split; to 6 %, which is more than other draws of the matrix
    and of two cores move it. Ageing each device of a pair by itself gave 7.2, 10.7 and 16.5 %."""
    targets, device = gaussian_targets(2), MeltQuench(read_noise=0)
    units = make_units(targets, device, Periphery(adc_noise=0.0774), unit_cell="tdp")
    x = inputs(units, "uniform", 1024, 0, Phase.EVALUATION)
    ideal = units.kernels.ideal_products(x, np.arange(2), targets)
    found = []
    for index, time in enumerate(TIMES):
        start = pairs(targets, np.float32(first), device.g_reset)
        aged = age(units, start, HERMES_TDP, time, index).read[:, 0]
        y = Cores(units, np.arange(2), aged, Phase.EVALUATION).mvm(x, np.arange(2))
        errors = mvm_errors(y, ideal, np.arange(2))[:, COMPENSATIONS.index("global")]
        found.append(errors.mean())
    np.testing.assert_allclose(found, [8.7, 12.6, 19.3], rtol=0.06)


def test_open_loop_leaves_the_published_residue(units):
    share = np.linspace(0.3, 1, SIDE, dtype=np.float32)[:, None] * np.ones(SIDE, np.float32)
    targets = share * HERMES_ODP.g_max
    signs = np.where(np.arange(SIDE) % 2, -1, 1).astype(np.float32)
    drawn = open_loop(units, np.repeat((targets * signs)[None], 2, axis=0), HERMES_ODP)[:, 0]
    reset = np.float32(units.device.g_reset)
    error = np.where(signs > 0, drawn[:, 0], drawn[:, 1]) - targets
    other = np.where(signs > 0, drawn[:, 1], drawn[:, 0])
    np.testing.assert_array_equal(other, reset)
    normalised = (error / HERMES_ODP.sigma_prog(share)).ravel().astype(float)
    mean, standard_error = mean_and_error(normalised)
    assert abs(mean) < 3 * standard_error
    spread, standard_error = spread_and_error(normalised)
    assert abs(spread - 1) < 3 * standard_error


def test_times_before_t0_are_refused_by_the_configuration():
    from aimcsim.common.errors import UserError
    from aimcsim.config.load import from_mapping

    weights = {"g": {"kind": "gaussian"}}
    for times in ([100.0], [86400.0, 200.0], [200.0, 200.0]):
        with pytest.raises(UserError, match=r"evaluation.*times must rise.*200 s"):
            from_mapping({"weights": weights, "evaluation": {"times": times}})
    early = {"times": [20.0], "statistics": "pcm_90nm"}
    assert from_mapping({"weights": weights, "evaluation": early}).evaluation.times == (20.0,)
    assert from_mapping({"weights": weights, "evaluation": {"times": []}}).evaluation.times == ()
