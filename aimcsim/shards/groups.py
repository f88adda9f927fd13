"""Tiles of one shape on the cores of a shard: what is manufactured and programmed together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from aimcsim import kernels
from aimcsim.chip.core import UnitCores, manufacture
from aimcsim.chip.periphery import Periphery
from aimcsim.mapping.dataset import matrices, matrix_name
from aimcsim.mapping.packing import pack
from aimcsim.mapping.tiles import Tile, normalised, split
from aimcsim.shards.batches import Batch, by_shape
from aimcsim.shards.spec import ShardSpec


@dataclass(frozen=True)
class TileGroup:
    """Tiles of one shape on some of the shard's cores: U = tiles x cores unit cores, tile-major."""

    tiles: list[Tile]
    cores: list[int]  # positions among the shard's cores
    targets: np.ndarray  # float32 (U, R, C), uS, in the array module of the kernels
    units: UnitCores


def tile_groups(
    spec: ShardSpec, weights: xr.Dataset, periphery: Periphery, back_end=None
) -> list[TileGroup]:
    """All unit cores of a shard, on the kernels ``back_end``; None: those that programmed it."""
    back_end = back_end or kernels.backend(spec.backend)
    blocks, tiles = tiles_of(spec, weights)
    return [group_of(spec, blocks, batch, periphery, back_end) for batch in by_shape(spec, tiles)]


def tiles_of(spec: ShardSpec, weights: xr.Dataset) -> tuple[list[np.ndarray], list[Tile]]:
    """Matrices of a weight set, and the tiles they are cut into.

    Attributes of the dataset say how: ``packing``, "shared" where matrices share cores, see
    :func:`aimcsim.mapping.packing.pack`, else each has cores of its own; ``scale``, "tile" (if not
    given) or "column". A shared matrix is cut between the channels of its ``kernel_area`` pixels,
    an attribute of its variable; 1 if not given.
    """
    blocks = [matrix for _, matrix in matrices(weights)]
    rows, columns = spec.core.rows, spec.core.columns
    scale = weights.attrs.get("scale", "tile")
    if weights.attrs.get("packing") != "shared":
        return blocks, split(blocks, rows, columns, scale)
    names = (matrix_name(index) for index in range(len(blocks)))
    areas = [int(weights[name].attrs.get("kernel_area", 1)) for name in names]
    return blocks, pack(blocks, rows, columns, areas, scale)


def group_of(
    spec: ShardSpec, blocks: Sequence[np.ndarray], batch: Batch, periphery: Periphery, back_end
) -> TileGroup:
    """Manufacture the unit cores of ``batch``, whose tiles are cut from ``blocks``."""
    tiles, chips = batch.tiles, spec.cores[batch.cores]
    normal = np.stack([normalised(tile, blocks) for tile in tiles])
    g_max = spec.device.g_max * spec.core.devices_per_polarity
    targets = np.repeat(normal * np.float32(g_max), len(chips), axis=0)
    units = manufacture(
        spec.seed,
        np.tile(chips, len(tiles)),
        np.repeat([tile.index for tile in tiles], len(chips)),
        targets,
        spec.device,
        periphery,
        back_end,
        spec.core.unit_cell,
        spec.defects,
        spec.wires,
        spec.cost,
    )
    return TileGroup(tiles, batch.cores, back_end.xp.asarray(targets), units)


def count_runs(spec: ShardSpec, weights: xr.Dataset) -> int:
    """Programming runs of a shard: tiles x chips x settings of methods."""
    return len(tiles_of(spec, weights)[1]) * len(spec.cores) * len(spec.runs)
