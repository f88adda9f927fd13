"""Judging: errors by their formulas on known conductances."""

import numpy as np
import pytest
import xarray as xr

from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.inputs import inputs, requested_inputs
from aimcsim.chip.periphery import Periphery
from aimcsim.chip.settings import Core
from aimcsim.common.errors import UserError
from aimcsim.common.random import Phase
from aimcsim.config.models import Config
from aimcsim.evaluation.settings import Evaluation
from aimcsim.evaluation.shard import evaluate
from aimcsim.kernels import cpu
from aimcsim.mapping.dataset import matrix_variables
from aimcsim.mapping.tiles import normalised
from aimcsim.shards.groups import tile_groups, tiles_of
from aimcsim.shards.spec import ShardSpec
from tests.samples import IDEAL_CONVERTERS, NOISE_FREE, changed
from tests.samples import split as polarities
from tests.shards_of import runs_of, shard_of

FRESH = 512
G_MAX = 10.35
STUDY = Config(seed=3, weights={"w": {"kind": "gaussian"}})


def description(cores, shape, device=NOISE_FREE, converters=IDEAL_CONVERTERS) -> ShardSpec:
    """A shard that holds the iterative state alone."""
    return shard_of(
        STUDY, range(cores), runs_of(STUDY, "iterative"),
        core=Core(rows=shape[0], columns=shape[1]), device=device, periphery=converters,
    )  # fmt: skip


def errors_of(states, weights, inputs=FRESH, times=(), **settings) -> xr.Dataset:
    return evaluate(states, weights, Evaluation(inputs=inputs, times=times, **settings)).errors


def states_of(
    spec: ShardSpec, weights: xr.Dataset, change=lambda net, tile, core: net
) -> xr.Dataset:
    """Programmed states: perfect conductances, changed by ``change``."""
    blocks, tiles = tiles_of(spec, weights)
    variables = {}
    for tile in tiles:
        target = normalised(tile, blocks) * np.float32(G_MAX)
        net = np.stack([change(target, tile, core) for core in spec.cores])
        dims = ("core", "run", "device", f"row_{tile.index:04d}", f"column_{tile.index:04d}")
        variables[f"conductance_{tile.index:04d}"] = (dims, polarities(net)[:, None])
    return xr.Dataset(variables, {"core": spec.cores, "run": spec.run_ids}, {"shard": spec.text})


def single(matrix) -> xr.Dataset:
    return xr.Dataset(matrix_variables([("layer", matrix)]))


def disturb(net, tile, core):
    """Errors of 0.7 uS, of their own in every tile and core."""
    generator = np.random.default_rng((tile.index, core))
    return net + generator.normal(0, 0.7, net.shape)


@pytest.fixture(scope="module")
def weights():
    return single(np.random.default_rng(12).normal(0, 0.2, (50, 30)))


def direct_error(y, ideal):
    """Relative error after the best scale, by least squares, percent."""
    scale = np.linalg.lstsq(y.reshape(-1, 1), ideal.reshape(-1), rcond=None)[0][0]
    return 100 * np.linalg.norm(scale * y - ideal) / np.linalg.norm(ideal)


def test_errors_are_those_of_the_formulas(weights):
    """Tiles of 32 x 16 cells, the last ones smaller; no noise, 16-bit converters."""
    shard = description(2, (32, 16))
    states = states_of(shard, weights, disturb)
    judged = errors_of(states, weights)
    assert dict(judged.sizes) == {"tile": 4, "core": 2, "run": 1, "conductance": 20}
    for group in tile_groups(shard, weights, shard.periphery):
        x = inputs(group.units, "uniform", FRESH, 0, Phase.EVALUATION).astype(float)
        for position, tile in enumerate(group.tiles):
            for core in (0, 1):
                unit = 2 * position + core
                g = states[f"conductance_{tile.index:04d}"].values[core, 0].astype(float)
                net, target = g[0] - g[1], group.targets[unit].astype(float)
                own = judged.sel(tile=tile.index, core=core).squeeze("run")
                expected = direct_error(x[unit] @ net, x[unit] @ target)
                assert expected > 5
                assert own["held_error"].item() == pytest.approx(expected, rel=1e-4)
                assert own["mvm_error"].item() == pytest.approx(expected, rel=1e-3)
                expected = 100 * np.linalg.norm(net - target) / np.linalg.norm(target)
                assert own["weight_error"].item() == pytest.approx(expected, rel=1e-5)
                assert own["saturation"].item() < 1e-3
                assert (own["rows"].item(), own["columns"].item()) == net.shape
                assert own["scale"].item() == tile.pieces[0].scale.max()
                g_max = shard.device.g_max * shard.core.devices_per_polarity
                squares = np.square(target / g_max).mean(axis=0)
                assert own["target_rms"].item() == pytest.approx(np.sqrt(squares.mean()))
                assert own["strongest_column"].item() == pytest.approx(np.sqrt(squares.max()))


def test_errors_of_mvm_and_held_state_ignore_a_global_scale(weights):
    """Conductances that have drifted to 70 %; the weight error does not ignore it."""
    shard = description(1, (64, 32))
    whole, drifted = (
        errors_of(
            states_of(shard, weights, lambda net, *where: factor * disturb(net, *where)),  # noqa: B023
            weights,
            FRESH,
        )
        for factor in (1, 0.7)
    )
    assert drifted["held_error"].item() == pytest.approx(whole["held_error"].item(), rel=1e-4)
    assert drifted["mvm_error"].item() == pytest.approx(whole["mvm_error"].item(), rel=1e-3)
    assert drifted["weight_error"].item() > 1.3 * whole["weight_error"].item()


def test_perfect_conductances_have_no_error(weights):
    shard = description(1, (64, 32), converters=changed(IDEAL_CONVERTERS, adc_range_sigmas=6))
    judged = errors_of(states_of(shard, weights), weights)
    assert judged["held_error"].item() < 1e-3
    assert judged["weight_error"].item() < 1e-4
    assert judged["mvm_error"].item() < 0.01  # 16 bits over 6 sigmas: 6 / 2**15 / sqrt(12)


@pytest.mark.parametrize("bits", [3, 4, 5, 6, 8, 10])
def test_mvm_error_of_perfect_conductances_is_that_of_the_adc(weights, bits):
    """Rounding: noise-to-signal ratio q = (step^2 / 12) / mean(y^2), after the best scale
    sqrt(q / (1 + q)); within 5 %, as at 3 bits a step is no longer small."""
    converters = changed(IDEAL_CONVERTERS, adc_range_sigmas=6)
    shard = description(1, (64, 32), converters=converters)
    judged = errors_of(states_of(shard, weights), weights, adc_bits=bits)
    (group,) = tile_groups(shard, weights, converters)
    x = inputs(group.units, "uniform", FRESH, 0, Phase.EVALUATION)
    step = group.units.full_scale[0] / 2 ** (bits - 1)
    q = step**2 / 12 / np.square(x[0] @ group.targets[0]).mean()
    assert judged["mvm_error"].item() == pytest.approx(100 * np.sqrt(q / (1 + q)), rel=0.05)


def test_more_adc_bits_lower_the_mvm_error_alone(weights):
    """To the held error from above; that itself does not change by a bit."""
    shard = description(2, (64, 32), MeltQuench(read_noise=0), Periphery(adc_noise=0))
    states = states_of(shard, weights, disturb)
    judged = {bits: errors_of(states, weights, adc_bits=bits) for bits in (3, 4, 5, 6, 8, 12)}
    errors = np.array([own["mvm_error"].values.ravel() for own in judged.values()])
    assert (np.diff(errors[:5], axis=0) < 0).all()
    for own in judged.values():
        np.testing.assert_array_equal(own["held_error"], judged[3]["held_error"])
        np.testing.assert_array_equal(own["weight_error"], judged[3]["weight_error"])
    assert (errors[-1] > judged[3]["held_error"].values.ravel()).all()  # gains of the columns


@pytest.mark.parametrize("dac_range", [0.5, 0.9])
def test_clipped_inputs_count_as_error(weights, dac_range):
    """Perfect conductances: the error is that of clipped inputs, with none of it held."""
    converters = changed(IDEAL_CONVERTERS, dac_range=dac_range, adc_range_sigmas=8)
    shard = description(1, (64, 32), converters=converters)
    judged = errors_of(states_of(shard, weights), weights)
    (group,) = tile_groups(shard, weights, converters)
    x = requested_inputs(group.units, "uniform", FRESH, 0, Phase.EVALUATION)[0].astype(float)
    target = group.targets[0].astype(float)
    expected = direct_error(np.clip(x, -dac_range, dac_range) @ target, x @ target)
    assert expected > 1
    assert judged["mvm_error"].item() == pytest.approx(expected, rel=1e-3)
    assert judged["held_error"].item() < 1e-3


def test_adc_bits_default_to_those_of_programming(weights):
    shard = description(1, (64, 32), converters=changed(IDEAL_CONVERTERS, adc_bits=5))
    states = states_of(shard, weights, disturb)
    default, stated = errors_of(states, weights), errors_of(states, weights, adc_bits=5)
    xr.testing.assert_identical(default, stated)
    other = errors_of(states, weights, adc_bits=8)
    assert other["mvm_error"].item() < default["mvm_error"].item()


def test_judging_uses_no_input_of_programming(weights):
    """The same access and unit, other phase: no column of inputs in common."""
    shard = description(1, (64, 32))
    (group,) = tile_groups(shard, weights, shard.periphery)
    programming = inputs(group.units, "uniform", 200, 0, Phase.PROGRAMMING)[0]
    fresh = inputs(group.units, "uniform", 200, 0, Phase.EVALUATION)[0]
    correlations = np.corrcoef(programming.T, fresh.T)[:50, 50:]
    assert np.abs(correlations).max() < 5 / np.sqrt(200)


@pytest.mark.parametrize("calibration", [0, 64])
def test_runs_judged_at_a_time_change_no_bit(weights, monkeypatch, calibration):
    shard = description(5, (64, 32), MeltQuench(), Periphery())
    states = states_of(shard, weights, disturb)
    times = (200.0, 1e6)
    together = errors_of(states, weights, times=times, calibration=calibration)
    monkeypatch.setattr(cpu, "CELLS_AT_ONCE", 2 * 64 * 32)
    some = errors_of(states, weights, times=times, calibration=calibration)
    xr.testing.assert_identical(some, together)


@pytest.mark.parametrize("fresh", [20, FRESH])
def test_the_held_error_is_that_of_the_inputs_fewer_or_more_than_rows(weights, fresh):
    shard = description(1, (64, 32))
    judged = errors_of(states_of(shard, weights, disturb), weights, fresh)
    (group,) = tile_groups(shard, weights, shard.periphery)
    x = inputs(group.units, "uniform", fresh, 0, Phase.EVALUATION)[0].astype(float)
    net = disturb(group.targets[0], group.tiles[0], 0).astype(np.float32).astype(float)
    expected = direct_error(x @ net, x @ group.targets[0].astype(float))
    assert judged["held_error"].item() == pytest.approx(expected, rel=1e-5)


def test_a_tile_of_zeros_has_no_error():
    weights = single(np.zeros((8, 8)))
    judged = errors_of(states_of(description(1, (8, 8)), weights), weights)
    for name in ("mvm_error", "held_error", "weight_error"):
        assert np.isnan(judged[name].item())


def test_states_of_other_weights_are_an_error(weights):
    states = states_of(description(1, (32, 16)), weights)
    with pytest.raises(UserError, match="made from other weights"):
        errors_of(states.drop_vars("conductance_0003"), weights)
