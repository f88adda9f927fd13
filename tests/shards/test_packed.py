"""Matrices that share cores, from programming to judging."""

import functools

import numpy as np
import pytest
import xarray as xr

from aimcsim.config.load import from_mapping
from aimcsim.evaluation.settings import Evaluation
from aimcsim.evaluation.shard import evaluate
from aimcsim.mapping.dataset import matrix_name, matrix_variables
from aimcsim.mapping.packing import pack
from aimcsim.mapping.tiles import join, normalised
from aimcsim.shards.groups import count_runs, tiles_of
from aimcsim.sweep.shard import run
from tests.shards_of import shard_of

STUDY = from_mapping(
    {
        "seed": 2,
        "cores": 2,
        "core": {"rows": 32, "columns": 24},
        "weights": {"net": {"kind": "gaussian", "rows": 4, "columns": 4}},
        "methods": {"iterative": {}, "gdp": {"batch_size": 64, "iterations": 40}},
    }
)
SHAPES, AREAS = [(36, 16), (54, 10), (10, 20)], [9, 9, 1]
"""1,316 weights on the 1,536 cells of two cores; the first two are cut between channels."""


@functools.cache
def weights(scale: str) -> xr.Dataset:
    generator = np.random.default_rng(21)
    drawn = [generator.normal(0, 0.3, shape) for shape in SHAPES]
    dataset = xr.Dataset(matrix_variables(zip("abc", drawn, strict=True)))
    for index, area in enumerate(AREAS):
        dataset[matrix_name(index)].attrs["kernel_area"] = area
    return dataset.assign_attrs(packing="shared", scale=scale)


SPEC = shard_of(STUDY)


def test_shared_cores_are_packed_between_channels():
    blocks, tiles = tiles_of(SPEC, weights("column"))
    assert tiles == pack(blocks, 32, 24, AREAS)
    assert tiles != pack(blocks, 32, 24)
    assert len(tiles) == 2
    assert count_runs(SPEC, weights("column")) == 2 * 2 * 2  # cores, chips, methods


def test_matrices_have_cores_of_their_own_unless_told():
    apart = weights("column").copy()
    apart.attrs = {}
    _, tiles = tiles_of(SPEC, apart.assign_attrs(scale="column"))
    assert [tile.pieces[0].matrix for tile in tiles] == [0, 0, 1, 1, 2]
    assert len(set(tiles[0].pieces[0].scale.tolist())) == 16
    _, tiles = tiles_of(SPEC, apart)
    assert len(set(tiles[0].pieces[0].scale.tolist())) == 1


@pytest.mark.parametrize("scale", ["tile", "column"])
def test_packed_matrices_are_programmed_and_judged(scale):
    network = weights(scale)
    blocks, tiles = tiles_of(SPEC, network)
    record, states = run(SPEC, network)
    found = evaluate(states, network, Evaluation(inputs=64, times=()))
    judged = found.errors
    assert dict(record["status"].sizes) == {"tile": 2, "core": 2, "run": 2}
    g_max = SPEC.device.g_max
    for one in range(2):
        left = []
        for tile in tiles:
            g = states[f"conductance_{tile.index:04d}"].values[0, one].astype(float)
            assert g.shape == (2, 32, 24)
            left.append((g[0] - g[1]) / g_max)
            target = normalised(tile, blocks)
            direct = 100 * np.linalg.norm(left[-1] - target) / np.linalg.norm(target)
            own = judged.isel(tile=tile.index, core=0, run=one)
            assert own["weight_error"].item() == pytest.approx(direct, rel=1e-4)
            assert own["matrix"].item() == -1
            assert own["scale"].item() == max(piece.scale.max() for piece in tile.pieces)
        # Every matrix has its own weights, and not those of a neighbour.
        for before, after in zip(blocks, join(tiles, left, SHAPES), strict=True):
            assert np.linalg.norm(after - before) < 0.25 * np.linalg.norm(before)
    iterative, gdp = judged["mvm_error"].values.transpose(2, 0, 1)
    assert (iterative < 25).all()
    assert (gdp < 0.7 * iterative).all()
    together = found.budget["error_budget_of_state"].sel(part="together", drop=True)
    np.testing.assert_allclose(together, judged["mvm_error"], rtol=1e-6)
