"""Cores of a chip from the states of a shard: as those that MVM errors are judged of."""

import numpy as np
import pytest
import xarray as xr

from aimcsim.chip.devices.set_accumulation import SetAccumulation
from aimcsim.chip.drift import Ageing
from aimcsim.chip.settings import Core, Wires
from aimcsim.common.errors import UserError
from aimcsim.mapping.dataset import matrix_variables
from aimcsim.networks.evaluation_time import EvaluationTime
from aimcsim.networks.programmed import programmed_cores
from aimcsim.physics.crossbar import seen_from_outside
from aimcsim.physics.state_statistics import BY_NAME
from aimcsim.shards.groups import tile_groups, tiles_of
from aimcsim.shards.spec import ShardSpec
from tests.networks import small

LAWS = "hermes_odp"
NOW = EvaluationTime.programmed()


def shard(**changes) -> ShardSpec:
    """Three chips with two runs each."""
    cores = np.array([4, 9, 2])
    return small.shard(**({"core": Core(rows=12, columns=10), "cores": cores} | changes))


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


def programmed(weights, spec) -> xr.Dataset:
    """Made-up conductances, others in each core and run."""
    draw = np.random.default_rng(0)
    variables = {}
    for tile in tiles_of(spec, weights)[1]:
        shape = (len(spec.cores), len(spec.runs), 2, tile.rows, tile.columns)
        values = draw.uniform(0, 15, shape).astype(np.float32)
        dims = ("core", "run", "device", f"row_{tile.index}", f"column_{tile.index}")
        variables[f"conductance_{tile.index:04d}"] = (dims, values)
    return xr.Dataset(variables, attrs={"shard": spec.text})


def held(states, group) -> np.ndarray:
    """Conductances of all unit cores of a group, (tile x chip, run, D, R, C), uS."""
    values = [states[f"conductance_{tile.index:04d}"].values for tile in group.tiles]
    return np.concatenate(values)


@pytest.mark.parametrize(
    "at",
    [EvaluationTime.programmed(), EvaluationTime.after(3600.0, 2)],
    ids=["programmed", "an hour later"],
)
@pytest.mark.parametrize("wires", [Wires(), Wires(row=2, column=1)], ids=["no wires", "wires"])
def test_cores_of_a_chip_are_those_of_the_shard(weights, at, wires):
    spec = shard(wires=wires)
    states = programmed(weights, spec)
    groups = tile_groups(spec, weights, spec.periphery)
    for position, chip in enumerate(spec.cores):
        found = programmed_cores(spec, weights, states, position, at, LAWS)
        assert len(found) == len(spec.runs) == 2
        for cores in found:
            assert [core.tile.index for core in cores] == list(range(len(cores)))
        for group in groups:
            units, read = group.units, held(states, group)
            if at.time is not None:
                read = Ageing(units, read, BY_NAME[LAWS]).at(at.time, at.index).read
            for place, tile in enumerate(group.tiles):
                unit = place * len(spec.cores) + position
                for run, cores in enumerate(found):
                    core, g = cores[tile.index], read[unit, run]
                    if wires.on:
                        g = seen_from_outside(g, wires.row, wires.column)
                    assert (core.chip, core.seed) == (chip, spec.seed)
                    assert core.per_weight.tolist() == [units.g_max] * len(tile.pieces)
                    np.testing.assert_allclose(core.net, g[0] - g[1], rtol=1e-6, atol=1e-6)
                    np.testing.assert_array_equal(core.gain, units.converters.gain[unit])
                    np.testing.assert_array_equal(core.offset, units.converters.offset[unit])
                    if at.time is None:
                        expected = np.square(spec.device.read_noise * g).sum(axis=0)
                        np.testing.assert_allclose(core.variance, expected, rtol=1e-5)
                    else:
                        assert core.variance is None


def test_a_read_floor_is_part_of_the_variance(weights):
    spec = shard(device=SetAccumulation())
    states = programmed(weights, spec)
    cores, _ = programmed_cores(spec, weights, states, 0, NOW, LAWS)
    floor = spec.device.read_floor
    assert floor > 0
    g = states["conductance_0000"].values[0, 0]
    expected = np.square(spec.device.read_noise * g + floor).sum(axis=0)
    np.testing.assert_allclose(cores[0].variance, expected, rtol=1e-5)


def test_corrections_are_in_full_scales(weights):
    spec = shard()
    states = programmed(weights, spec)
    for tile in tiles_of(spec, weights)[1]:
        values = np.empty((3, 2, 2, tile.columns), np.float32)
        values[:, :, 0], values[:, :, 1] = 1.1, 0.5
        values[1] += 1
        states[f"affine_{tile.index:04d}"] = (("core", "run", "part", "c"), values)
    (group,) = tile_groups(spec, weights, spec.periphery)
    cores, _ = programmed_cores(spec, weights, states, 1, NOW, LAWS)
    for place, core in enumerate(cores):
        full_scale = group.units.full_scale[3 * place + 1]
        np.testing.assert_allclose(core.correction[0], 2.1, rtol=1e-6)
        np.testing.assert_allclose(core.correction[1], 1.5 / full_scale, rtol=1e-6)


def test_states_of_other_weights_are_refused(weights):
    spec = shard()
    states = programmed(weights, spec).drop_vars("conductance_0000")
    with pytest.raises(UserError, match="the programmed states lack tiles of the weights"):
        programmed_cores(spec, weights, states, 0, NOW, LAWS)
