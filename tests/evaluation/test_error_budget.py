"""The MVM error by effect: each against the whole error where it is the only one, and their sum.

With one effect on in the whole simulation, the MVM error of perfectly programmed cores is that
effect's part, and the other parts are zero.
"""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from aimcsim.chip.devices.defects import Defects
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.drift import age
from aimcsim.chip.periphery import Periphery
from aimcsim.chip.settings import Core, Wires
from aimcsim.chip.targets import targets_for
from aimcsim.config.models import Config
from aimcsim.evaluation.error_budget import on_targets
from aimcsim.evaluation.settings import Evaluation
from aimcsim.evaluation.shard import Evaluated, evaluate
from aimcsim.evaluation.variables import AGEING, ALONE, OF_STATE
from aimcsim.mapping.dataset import matrices, matrix_variables
from aimcsim.mapping.tiles import normalised
from aimcsim.mapping.tiles import split as cut
from aimcsim.physics.state_statistics import HERMES_ODP
from aimcsim.shards.groups import tile_groups
from aimcsim.shards.spec import ShardSpec
from aimcsim.sweep.shard import run
from tests.samples import IDEAL_CONVERTERS, NOISE_FREE, changed
from tests.samples import split as polarities
from tests.shards_of import runs_of, shard_of

FRESH = 512
SIDE = 64
QUIET = changed(IDEAL_CONVERTERS, adc_range_sigmas=8)
YEAR = 31536000.0
NOTHING = 0.02  # percent: steps of the 16-bit converters
STUDY = Config(
    seed=3,
    cores=2,
    weights={"w": {"kind": "gaussian"}},
    methods={
        "iterative": {},
        "gdp": {"floor": [2.0, 4.0], "batch_size": 512, "iterations": 20},
    },
)


def description(
    device=NOISE_FREE, converters=QUIET, side=SIDE, methods=("iterative",), **further
) -> ShardSpec:
    """A shard of ``side`` x ``side`` cells."""
    return shard_of(
        STUDY, runs=runs_of(STUDY, *methods), core=Core(rows=side, columns=side), device=device,
        periphery=converters, **further,
    )  # fmt: skip


def judged(states, weights, inputs=FRESH, times=(), **settings) -> Evaluated:
    return evaluate(states, weights, Evaluation(inputs=inputs, times=times, **settings))


@pytest.fixture(scope="module")
def weights():
    matrix = np.random.default_rng(12).uniform(-1, 1, (SIDE, SIDE))
    return xr.Dataset(matrix_variables([("layer", matrix)]))


def perfect(spec: ShardSpec, weights: xr.Dataset) -> xr.Dataset:
    """Programmed states with exactly the targets."""
    blocks = [matrix for _, matrix in matrices(weights)]
    variables = {}
    for tile in cut(blocks, spec.core.rows, spec.core.columns):
        g_max = spec.device.g_max
        net = targets_for(spec.core, normalised(tile, blocks) * np.float32(g_max), g_max)
        dims = ("core", "run", "device", f"row_{tile.index:04d}", f"column_{tile.index:04d}")
        values = np.repeat(polarities(net[None])[:, None], len(spec.cores), axis=0)
        variables[f"conductance_{tile.index:04d}"] = (dims, values)
    return xr.Dataset(variables, {"core": spec.cores, "run": spec.run_ids}, {"shard": spec.text})


ONLY = {
    "read_noise": {"device": changed(NOISE_FREE, read_noise=0.1)},
    "converters": {"converters": changed(QUIET, adc_bits=6, adc_noise=3)},
    "columns": {"converters": changed(QUIET, column_gain=0.1, column_offset=0.01)},
    "wires": {"wires": Wires(row=10.0, column=10.0)},
}


@pytest.mark.parametrize("effect", ALONE)
def test_an_effect_that_is_the_only_one_is_the_whole_error(weights, effect):
    states = perfect(description(**ONLY[effect]), weights)
    found = judged(states, weights)
    whole, parts = found.errors["mvm_error"].values.squeeze(), found.budget
    alone = parts["error_budget_alone"].sel(effect=effect).values.squeeze()
    assert (whole > 1).all()
    np.testing.assert_allclose(alone, whole, rtol=2e-3)
    together = parts["error_budget_of_state"].sel(part="together").values.squeeze()
    np.testing.assert_array_equal(together, whole)
    others = parts["error_budget_alone"].drop_sel(effect=effect)
    assert (others < NOTHING).all()
    held = parts["error_budget_of_state"].sel(part=["programming", "stuck"])
    assert (held < NOTHING).all()


def test_clipped_inputs_are_the_converters_part(weights):
    shard = description(converters=changed(QUIET, dac_range=0.6))
    states = perfect(shard, weights)
    found = judged(states, weights)
    whole, parts = found.errors["mvm_error"].values.squeeze(), found.budget
    assert (whole > 5).all()
    alone = parts["error_budget_alone"].sel(effect="converters").values.squeeze()
    np.testing.assert_allclose(alone, whole, rtol=1e-5)
    assert (parts["error_budget_alone"].drop_sel(effect="converters") < NOTHING).all()


def test_stuck_devices_that_are_all_that_is_wrong_are_the_whole_programming_error(weights):
    """Perfect cores but for the stuck devices, which have their own conductance."""
    shard = description(defects=Defects(stuck_anywhere=0.05))
    states = perfect(shard, weights)
    (group,) = tile_groups(shard, weights, QUIET)
    pinned = group.units.stuck
    name = "conductance_0000"
    own = np.where(np.isnan(pinned), states[name].values[:, 0], pinned)[:, None]
    states[name] = (states[name].dims, own)
    parts = judged(states, weights).budget["error_budget_of_state"].squeeze()
    assert (parts.sel(part="programming") > 5).all()
    np.testing.assert_array_equal(parts.sel(part="stuck"), parts.sel(part="programming"))
    # Healthy cells that are off do not count as stuck.
    healthy = np.isnan(pinned).all(axis=1)[:, None, None]
    states[name] = (states[name].dims, np.where(healthy, own * np.float32(1.3), own))
    other = judged(states, weights).budget["error_budget_of_state"].squeeze()
    np.testing.assert_array_equal(other.sel(part="stuck"), parts.sel(part="stuck"))
    assert (other.sel(part="programming") != parts.sel(part="programming")).all()


def test_drift_and_slow_noise_of_perfect_cores(weights):
    """At t0 nothing has drifted: the slow noise is all. Later, both in squares are the whole."""
    states = perfect(description(), weights)
    times = (200.0, 1e6)
    found = judged(states, weights, times=times)
    errors = found.errors["error_over_time"].sel(compensation="global")
    whole = errors.values.squeeze()  # (core, time)
    parts = found.budget["error_budget_ageing"].squeeze()
    assert (parts.sel(time=200, ageing="drift") < NOTHING).all()
    slow = parts.sel(ageing="slow_read_noise")
    assert (slow > 2).all()
    np.testing.assert_allclose(slow.sel(time=200), whole[:, 0], rtol=1e-3)
    drift = parts.sel(ageing="drift", time=1e6)
    assert (drift > 2).all()
    # Noise is relative to what has drifted, and clipped at 0: sums of squares to 5 %.
    np.testing.assert_allclose(np.hypot(drift, slow.sel(time=1e6)), whole[:, 1], rtol=0.05)


def aimed_at(time: float, spec: ShardSpec) -> ShardSpec:
    """``spec`` with targets for a time to come."""
    how = {"target_time": time, "target_statistics": "hermes_odp"}
    return replace(spec, core=spec.core.model_copy(update=how))


def test_drift_begins_at_the_targets(weights):
    """Those for a time to come: out of proportion at first, nearer to it then."""
    specs = aimed_at(1e6, description()), description()
    drift, before = (
        judged(perfect(spec, weights), weights, times=(200.0, 1e6))
        .budget["error_budget_ageing"].sel(ageing="drift")
        for spec in specs
    )  # fmt: skip
    assert (drift.sel(time=200) > 1).all()
    assert (drift.sel(time=1e6) < 0.8 * before.sel(time=1e6)).all()


def test_effects_alone_are_of_the_outputs_that_a_core_has(weights):
    """Targets for a time to come are larger: noise, steps and stuck devices weigh less on them.

    The same as on cores whose weights are these targets; of what is held and of drift, whose
    measure are the weights, it is not.
    """
    effects = {"device": ONLY["read_noise"]["device"], "wires": ONLY["wires"]["wires"]}
    effects |= {"converters": changed(ONLY["converters"]["converters"], column_gain=0.1)}
    spec = description(**effects, defects=Defects(stuck_anywhere=0.05))
    aimed = aimed_at(YEAR, spec)
    states = perfect(aimed, weights)
    (group,) = tile_groups(aimed, weights, QUIET)
    same = xr.Dataset(matrix_variables([("layer", group.targets[0] / group.targets[0].max())]))
    own = judged(states, weights, times=(YEAR,)).budget
    other = judged(states.assign_attrs(shard=spec.text), same, times=(YEAR,)).budget
    alone = [budget["error_budget_alone"].values for budget in (own, other)]
    np.testing.assert_allclose(*alone, rtol=0.01)
    slow = [b["error_budget_ageing"].sel(ageing="slow_read_noise") for b in (own, other)]
    np.testing.assert_allclose(*slow, rtol=0.01)
    stuck, held = (
        [b["error_budget_of_state"].sel(part=part) for b in (own, other)]
        for part in ("stuck", "programming")
    )
    np.testing.assert_allclose(*stuck, atol=NOTHING)
    assert (held[0] > 5).all()
    assert (held[1] < NOTHING).all()


def test_read_noise_without_drift_is_of_the_conductances_as_programmed(weights):
    shard = description()
    (group,) = tile_groups(shard, weights, QUIET)
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
    shard = description(
        MeltQuench(), Periphery(), side, ("iterative", "gdp"),
        defects=Defects(stuck_anywhere=0.002),
    )  # fmt: skip
    return run(shard, weights)[1], weights


def test_programming_and_together_are_the_errors_of_evaluation(programmed):
    states, weights = programmed
    times = (200.0, 86400.0)
    found = judged(states, weights, times=times, adc_bits=7)
    errors, parts = found.errors, found.budget
    assert parts["error_budget_of_state"].dims == ("tile", "core", "run", "part")
    assert list(parts["part"].values) == list(OF_STATE)
    assert list(parts["ageing"].values) == list(AGEING)
    assert list(parts["run"].values) == list(errors["run"].values)
    for part, error in (("programming", "held_error"), ("together", "mvm_error")):
        np.testing.assert_array_equal(parts["error_budget_of_state"].sel(part=part), errors[error])
    stuck = parts["error_budget_of_state"].sel(part="stuck")
    assert (stuck > 0.5).all()
    assert (stuck < parts["error_budget_of_state"].sel(part="programming")).all()


def test_independent_parts_add_up_in_squares(programmed):
    """What the core shows of its conductances, read noise and converters: together, to 3 %.

    Programming error and columns are not independent, as programming makes up for the columns:
    their squares promise more than what is left, for both methods.
    """
    states, weights = programmed
    parts = judged(states, weights, 2048).budget
    alone, own = parts["error_budget_alone"], parts["error_budget_of_state"]

    def squares(*parts):
        return np.sqrt(sum(np.square(part) for part in parts)).transpose("tile", "core", "run")

    noise = [alone.sel(effect=name, drop=True) for name in ("read_noise", "converters")]
    sums = squares(own.sel(part="seen", drop=True), *noise)
    together = own.sel(part="together", drop=True)
    np.testing.assert_allclose(sums, together, rtol=0.03)
    naive = squares(
        own.sel(part="programming", drop=True), alone.sel(effect="columns", drop=True), *noise
    )
    assert (naive > 1.03 * together).all()


def test_parts_depend_on_no_neighbour_in_the_batch(programmed):
    """A shard of one core alone gives the bits of the shard of two."""
    states, weights = programmed
    shard = replace(ShardSpec.parse(states.attrs["shard"]), cores=np.array([1]))
    alone = states.isel(core=[1]).assign_attrs(shard=shard.text)
    times = (200.0,)
    both = judged(states, weights, times=times).budget.isel(core=[1])
    for name, values in judged(alone, weights, times=times).budget.data_vars.items():
        np.testing.assert_array_equal(values, both[name])
