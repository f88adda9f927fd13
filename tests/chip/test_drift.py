"""Drift and slow noise of programmed cores follow the published laws, device by device."""

import numpy as np
import pytest
from scipy.stats import foldnorm

from aimcsim.chip.drift import age, open_loop
from aimcsim.physics.state_statistics import HERMES_ODP, PCM_90NM
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
