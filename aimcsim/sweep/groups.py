"""Tiles of one shape on the cores of a shard: what is manufactured and programmed together."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from aimcsim import kernels
from aimcsim.config.hardware import Periphery
from aimcsim.core import UnitCores, manufacture
from aimcsim.sweep.spec import ShardSpec
from aimcsim.weights.layout import matrices
from aimcsim.weights.tiles import Tile, normalised, split

RUNS_AT_ONCE = 256  # programmed as one batch, at most, unless one tile has more


@dataclass(frozen=True)
class TileGroup:
    """Tiles of one shape on the shard's cores: U = tiles x cores unit cores, tile-major."""

    tiles: list[Tile]
    targets: np.ndarray  # float32 (U, R, C), uS
    units: UnitCores


def tile_groups(spec: ShardSpec, weights: xr.Dataset, periphery: Periphery) -> list[TileGroup]:
    """Cut a weight set into tiles and manufacture the unit cores that hold them."""
    blocks = [matrix for _, matrix in matrices(weights)]
    by_shape: dict[tuple[int, int], list[Tile]] = {}
    for tile in split(blocks, spec.core.rows, spec.core.columns):
        by_shape.setdefault((tile.rows, tile.columns), []).append(tile)
    # Many tiles are programmed in turns, so that memory does not grow with the matrix.
    most = max(1, RUNS_AT_ONCE // (len(spec.cores) * len(spec.states)))
    turns = [tiles[i : i + most] for tiles in by_shape.values() for i in range(0, len(tiles), most)]
    groups = []
    for tiles in turns:
        normal = np.stack([normalised(tile, blocks) for tile in tiles])
        g_max = spec.device.g_max * spec.core.devices_per_polarity
        targets = np.repeat(normal * np.float32(g_max), len(spec.cores), axis=0)
        units = manufacture(
            spec.seed,
            np.tile(spec.cores, len(tiles)),
            np.repeat([tile.index for tile in tiles], len(spec.cores)),
            targets,
            spec.device,
            periphery,
            kernels.backend(spec.backend),
            spec.core.unit_cell,
            spec.defects,
            spec.wires,
        )
        groups.append(TileGroup(tiles, targets, units))
    return groups


def count_runs(spec: ShardSpec, weights: xr.Dataset) -> int:
    """Programming runs of a shard, the baselines included."""
    blocks = [matrix for _, matrix in matrices(weights)]
    tiles = split(blocks, spec.core.rows, spec.core.columns)
    return len(tiles) * len(spec.cores) * len(spec.states)
