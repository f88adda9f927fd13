"""Cores of a chip from the states of a shard: as evaluate.py judges them."""

import json

import numpy as np
import pytest
import xarray as xr

from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.periphery import Periphery
from aimcsim.chip.settings import Wires
from aimcsim.common.errors import UserError
from aimcsim.evaluation.judge import judges_of
from aimcsim.mapping.dataset import matrix_variables
from aimcsim.networks.programmed import Age, programmed_cores
from aimcsim.physics.crossbar import seen_from_outside
from aimcsim.physics.state_statistics import BY_NAME
from aimcsim.programming.settings import Iterative
from aimcsim.shards.groups import tile_groups, tiles_of
from aimcsim.shards.spec import parse_spec

LAWS = "hermes_odp"


def description(**changes) -> str:
    return json.dumps(
        {
            "weight_set": "w",
            "seed": 3,
            "cores": [4, 9, 2],
            "points": [],
            "core": {"rows": 12, "columns": 10},
            "device": MeltQuench().model_dump(),
            "periphery": Periphery().model_dump(),
            "iterative": Iterative(iterations=2).model_dump(),
            "backend": "cpu",
            "methods": ["hadamard"],
        }
        | changes
    )


@pytest.fixture(scope="module")
def weights():
    """Two matrices on shared cores, a scale per column."""
    draw = np.random.default_rng(12)
    blocks = [draw.normal(0, 0.2, (20, 7)), draw.normal(0, 0.2, (5, 12))]
    dataset = xr.Dataset(
        matrix_variables((str(i), block) for i, block in enumerate(blocks)),
        attrs={"packing": "shared", "scale": "column"},
    )
    return dataset


def programmed(weights, shard) -> xr.Dataset:
    """Perfect conductances with errors of their own in each core; two states."""
    spec = parse_spec(shard)
    draw = np.random.default_rng(0)
    variables = {}
    for tile in tiles_of(spec, weights)[1]:
        shape = (len(spec.cores), len(spec.states), 2, tile.rows, tile.columns)
        values = draw.uniform(0, 15, shape).astype(np.float32)
        dims = ("core", "state", "device", f"row_{tile.index}", f"column_{tile.index}")
        variables[f"conductance_{tile.index:04d}"] = (dims, values)
    return xr.Dataset(variables, attrs={"shard": shard})


@pytest.mark.parametrize("age", [None, Age(3600.0, 2, LAWS)], ids=["programmed", "an hour later"])
@pytest.mark.parametrize("wires", [Wires(), Wires(row=2, column=1)], ids=["no wires", "wires"])
def test_cores_are_those_that_mvm_errors_are_judged_of(weights, age, wires):
    shard = description(wires=wires.model_dump())
    spec, states = parse_spec(shard), programmed(weights, shard)
    judges = list(judges_of(spec, states, weights, 4, laws=BY_NAME[LAWS]))
    for position, chip in enumerate(spec.cores):
        found = programmed_cores(spec, weights, states, position, age)
        assert len(found) == len(spec.states) == 2
        for cores in found:
            assert [core.tile.index for core in cores] == list(range(len(cores)))
        for judge in judges:
            if age is not None:
                judge.at(age.time, age.index)
            units, read = judge.read_units, judge.read_states()
            for place, tile in enumerate(judge.group.tiles):
                unit = place * len(spec.cores) + position
                for state, cores in enumerate(found):
                    core, g = cores[tile.index], read[unit, state]
                    if wires.on:
                        g = seen_from_outside(g, wires.row, wires.column)
                    assert (core.chip, core.seed, core.g_max) == (chip, spec.seed, units.g_max)
                    np.testing.assert_allclose(core.net, g[0] - g[1], rtol=1e-6, atol=1e-6)
                    np.testing.assert_array_equal(core.gain, units.converters.gain[unit])
                    np.testing.assert_array_equal(core.offset, units.converters.offset[unit])
                    if age is None:
                        expected = np.square(spec.device.read_noise * g).sum(axis=0)
                        np.testing.assert_allclose(core.variance, expected, rtol=1e-5)
                    else:
                        assert core.variance is None


def test_a_read_floor_is_part_of_the_variance(weights):
    device = {"model": "set_accumulation"}
    shard = description(device=device)
    spec, states = parse_spec(shard), programmed(weights, shard)
    cores, _ = programmed_cores(spec, weights, states, 0)
    floor = spec.device.read_floor
    assert floor > 0
    g = states["conductance_0000"].values[0, 0]
    expected = np.square(spec.device.read_noise * g + floor).sum(axis=0)
    np.testing.assert_allclose(cores[0].variance, expected, rtol=1e-5)


def test_corrections_are_in_full_scales(weights):
    shard = description()
    spec, states = parse_spec(shard), programmed(weights, shard)
    for tile in tiles_of(spec, weights)[1]:
        values = np.empty((3, 2, 2, tile.columns), np.float32)
        values[:, :, 0], values[:, :, 1] = 1.1, 0.5
        values[1] += 1
        states[f"affine_{tile.index:04d}"] = (("core", "state", "part", "c"), values)
    (group,) = tile_groups(spec, weights, spec.periphery)
    cores, _ = programmed_cores(spec, weights, states, 1)
    for place, core in enumerate(cores):
        full_scale = group.units.full_scale[3 * place + 1]
        np.testing.assert_allclose(core.correction[0], 2.1, rtol=1e-6)
        np.testing.assert_allclose(core.correction[1], 1.5 / full_scale, rtol=1e-6)


def test_states_of_other_weights_are_refused(weights):
    shard = description()
    states = programmed(weights, shard).drop_vars("conductance_0000")
    with pytest.raises(UserError, match="the programmed states lack tiles of the weights"):
        programmed_cores(parse_spec(shard), weights, states, 0)
