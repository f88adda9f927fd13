"""The MVM error by effect: each against the whole error where it is the only one, and their sum.

With one effect on in the whole simulation, the MVM error of perfectly programmed cores is that
effect's part, and the other parts are zero.
"""

import json

import numpy as np
import pytest
import xarray as xr

from aimcsim.chip.devices.defects import Defects
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.drift import age
from aimcsim.chip.periphery import Periphery
from aimcsim.evaluation.error_budget import on_targets, split
from aimcsim.evaluation.judge import evaluate
from aimcsim.evaluation.variables import AGEING, ALONE, OF_STATE
from aimcsim.mapping.dataset import matrices, matrix_variables
from aimcsim.mapping.tiles import normalised
from aimcsim.mapping.tiles import split as cut
from aimcsim.physics.state_statistics import HERMES_ODP
from aimcsim.programming.settings import Gdp, Iterative
from aimcsim.shards.groups import tile_groups
from aimcsim.shards.points import points
from aimcsim.shards.spec import parse_spec
from aimcsim.sweep.shard import run
from tests.samples import IDEAL_CONVERTERS, NOISE_FREE, changed
from tests.samples import split as polarities

FRESH = 512
SIDE = 64
QUIET = changed(IDEAL_CONVERTERS, adc_range_sigmas=8)
NOTHING = 0.02  # percent: steps of the 16-bit converters


def description(device=NOISE_FREE, converters=QUIET, shape=(SIDE, SIDE), **further) -> str:
    content = {
        "weight_set": "w",
        "seed": 3,
        "cores": [0, 1],
        "points": [],
        "core": {"rows": shape[0], "columns": shape[1]},
        "device": device.model_dump(),
        "periphery": converters.model_dump(),
        "iterative": Iterative().model_dump(),
        "backend": "cpu",
    }
    return json.dumps(content | further)


@pytest.fixture(scope="module")
def weights():
    matrix = np.random.default_rng(12).uniform(-1, 1, (SIDE, SIDE))
    return xr.Dataset(matrix_variables([("layer", matrix)]))


def perfect(shard: str, weights: xr.Dataset) -> xr.Dataset:
    """Programmed states with exactly the targets."""
    spec = parse_spec(shard)
    blocks = [matrix for _, matrix in matrices(weights)]
    variables = {}
    for tile in cut(blocks, spec.core.rows, spec.core.columns):
        net = normalised(tile, blocks) * np.float32(spec.device.g_max)
        dims = ("core", "state", "device", f"row_{tile.index:04d}", f"column_{tile.index:04d}")
        values = np.repeat(polarities(net[None])[:, None], len(spec.cores), axis=0)
        variables[f"conductance_{tile.index:04d}"] = (dims, values)
    return xr.Dataset(variables, {"core": spec.cores, "state": spec.states}, {"shard": shard})


ONLY = {
    "read_noise": {"device": changed(NOISE_FREE, read_noise=0.1)},
    "converters": {"converters": changed(QUIET, adc_bits=6, adc_noise=3)},
    "columns": {"converters": changed(QUIET, column_gain=0.1, column_offset=0.01)},
    "wires": {"wires": {"row": 10.0, "column": 10.0}},
}


@pytest.mark.parametrize("effect", ALONE)
def test_an_effect_that_is_the_only_one_is_the_whole_error(weights, effect):
    states = perfect(description(**ONLY[effect]), weights)
    whole = evaluate(states, weights, FRESH)["mvm_error"].values.squeeze()
    parts = split(states, weights, FRESH)
    alone = parts["split_alone"].sel(effect=effect).values.squeeze()
    assert (whole > 1).all()
    np.testing.assert_allclose(alone, whole, rtol=2e-3)
    together = parts["split_of_state"].sel(part="together").values.squeeze()
    np.testing.assert_array_equal(together, whole)
    others = parts["split_alone"].drop_sel(effect=effect)
    assert (others < NOTHING).all()
    residue = parts["split_of_state"].sel(part=["residue", "stuck"])
    assert (residue < NOTHING).all()


def test_clipped_inputs_are_the_converters_part(weights):
    shard = description(converters=changed(QUIET, dac_range=0.6))
    states = perfect(shard, weights)
    whole = evaluate(states, weights, FRESH)["mvm_error"].values.squeeze()
    parts = split(states, weights, FRESH)
    assert (whole > 5).all()
    alone = parts["split_alone"].sel(effect="converters").values.squeeze()
    np.testing.assert_allclose(alone, whole, rtol=1e-5)
    assert (parts["split_alone"].drop_sel(effect="converters") < NOTHING).all()


def test_stuck_devices_that_are_all_that_is_wrong_are_the_whole_residue(weights):
    """Perfect cores but for the stuck devices, which have their own conductance."""
    shard = description(defects=Defects(stuck_anywhere=0.05).model_dump())
    states = perfect(shard, weights)
    (group,) = tile_groups(parse_spec(shard), weights, QUIET)
    pinned = group.units.stuck
    name = "conductance_0000"
    own = np.where(np.isnan(pinned), states[name].values[:, 0], pinned)[:, None]
    states[name] = (states[name].dims, own)
    parts = split(states, weights, FRESH)["split_of_state"].squeeze()
    assert (parts.sel(part="residue") > 5).all()
    np.testing.assert_array_equal(parts.sel(part="stuck"), parts.sel(part="residue"))
    # Healthy cells that are off do not count as stuck.
    healthy = np.isnan(pinned).all(axis=1)[:, None, None]
    states[name] = (states[name].dims, np.where(healthy, own * np.float32(1.3), own))
    other = split(states, weights, FRESH)["split_of_state"].squeeze()
    np.testing.assert_array_equal(other.sel(part="stuck"), parts.sel(part="stuck"))
    assert (other.sel(part="residue") != parts.sel(part="residue")).all()


def test_drift_and_slow_noise_of_perfect_cores(weights):
    """At t0 nothing has drifted: the slow noise is all. Later, both in squares are the whole."""
    states = perfect(description(), weights)
    times = (200.0, 1e6)
    whole = evaluate(states, weights, FRESH, times=times)
    whole = whole["error_over_time"].sel(compensation="global").values.squeeze()  # (core, time)
    parts = split(states, weights, FRESH, times=times)["split_ageing"].squeeze()
    assert (parts.sel(time=200, ageing="drift") < NOTHING).all()
    slow = parts.sel(ageing="slow_read_noise")
    assert (slow > 2).all()
    np.testing.assert_allclose(slow.sel(time=200), whole[:, 0], rtol=1e-3)
    drift = parts.sel(ageing="drift", time=1e6)
    assert (drift > 2).all()
    # Noise is relative to what has drifted, and clipped at 0: sums of squares to 5 %.
    np.testing.assert_allclose(np.hypot(drift, slow.sel(time=1e6)), whole[:, 1], rtol=0.05)


def test_read_noise_without_drift_is_of_the_conductances_as_programmed(weights):
    shard = description()
    (group,) = tile_groups(parse_spec(shard), weights, QUIET)
    exact = on_targets(group.units, group.targets)
    np.testing.assert_array_equal(exact[:, 0, 0] - exact[:, 0, 1], group.targets)
    still = age(group.units, exact, HERMES_ODP, 1e6, 0, drifts=False)
    np.testing.assert_array_equal(still.drifted, exact)
    moving = age(group.units, exact, HERMES_ODP, 1e6, 0)
    ratio = (moving.drifted / np.where(exact > 0, exact, 1))[exact > 0]
    assert (ratio < 1).mean() > 0.9
    # The same draws: what noise adds is in proportion to the conductance (but where clipped).
    noisy = (exact > 1) & (moving.read > 0) & (still.read > 0)
    added = (moving.read - moving.drifted)[noisy] / moving.drifted[noisy]
    np.testing.assert_allclose(added, ((still.read - exact) / np.where(exact > 0, exact, 1))[noisy],
                               rtol=1e-3, atol=1e-5)  # fmt: skip


@pytest.fixture(scope="module")
def programmed():
    """A shard of default devices and converters, 128 x 128: two GDP settings, two chips."""
    side = 128
    matrix = np.random.default_rng(5).uniform(-1, 1, (side, side))
    weights = xr.Dataset(matrix_variables([("layer", matrix)]))
    settings = points(Gdp(floor=[2.0, 4.0], batch_size=512, iterations=20))
    shard = description(
        MeltQuench(), Periphery(), (side, side), points=settings,
        defects=Defects(stuck_anywhere=0.002).model_dump(),
    )  # fmt: skip
    return run(parse_spec(shard), weights)[1], weights


def test_residue_and_together_are_the_errors_of_evaluation(programmed):
    states, weights = programmed
    times = (200.0, 86400.0)
    judged = evaluate(states, weights, FRESH, 7, times)
    parts = split(states, weights, FRESH, 7, times)
    assert parts["split_of_state"].dims == ("tile", "core", "state", "part")
    assert list(parts["part"].values) == list(OF_STATE)
    assert list(parts["ageing"].values) == list(AGEING)
    assert list(parts["state"].values) == list(judged["state"].values)
    for part, error in (("residue", "held_error"), ("together", "mvm_error")):
        np.testing.assert_array_equal(parts["split_of_state"].sel(part=part), judged[error])
    stuck = parts["split_of_state"].sel(part="stuck")
    assert (stuck > 0.5).all()
    assert (stuck < parts["split_of_state"].sel(part="residue")).all()


def test_independent_parts_add_up_in_squares(programmed):
    """What the core shows of its conductances, read noise and converters: together, to 3 %.

    Residue and columns are not independent, as programming makes up for the columns: their squares
    promise more than what is left, for both methods.
    """
    states, weights = programmed
    parts = split(states, weights, 2048)
    alone, own = parts["split_alone"], parts["split_of_state"]

    def squares(*parts):
        return np.sqrt(sum(np.square(part) for part in parts)).transpose("tile", "core", "state")

    noise = [alone.sel(effect=name, drop=True) for name in ("read_noise", "converters")]
    sums = squares(own.sel(part="seen", drop=True), *noise)
    together = own.sel(part="together", drop=True)
    np.testing.assert_allclose(sums, together, rtol=0.03)
    naive = squares(
        own.sel(part="residue", drop=True), alone.sel(effect="columns", drop=True), *noise
    )
    assert (naive > 1.03 * together).all()


def test_parts_depend_on_no_neighbour_in_the_batch(programmed):
    """A shard of one core alone gives the bits of the shard of two."""
    states, weights = programmed
    content = json.loads(states.attrs["shard"])
    alone = states.isel(core=[1]).assign_attrs(shard=json.dumps(content | {"cores": [1]}))
    times = (200.0,)
    both = split(states, weights, FRESH, times=times).isel(core=[1])
    for name, values in split(alone, weights, FRESH, times=times).data_vars.items():
        np.testing.assert_array_equal(values, both[name])
