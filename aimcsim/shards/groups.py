"""Tiles of one shape on the cores of a shard: what is manufactured and programmed together.

Of a weight set with several draws of its matrices, chip k holds draw k, counted round: all draws
are cut into tiles alike, and only what the tiles hold and their digital scales differ from chip to
chip.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr

from aimcsim import kernels
from aimcsim.chip.core import UnitCores, manufacture
from aimcsim.chip.periphery import Periphery
from aimcsim.chip.targets import targets_for, uncorrected
from aimcsim.mapping.dataset import draws_of, matrices, matrix_name
from aimcsim.mapping.packing import pack
from aimcsim.mapping.tiles import Tile, normalised, split
from aimcsim.shards.batches import Batch, by_shape
from aimcsim.shards.spec import ShardSpec


class Held(NamedTuple):
    """What a chip holds."""

    blocks: list[np.ndarray]
    """The matrices, float32 (inputs, outputs)."""
    tiles: list[Tile]
    """All tiles that they are cut into; place and shape are the same on every chip."""


@dataclass(frozen=True)
class TileGroup:
    """Tiles of one shape on some of the shard's cores: U = tiles x cores unit cores, tile-major."""

    tiles: list[Tile]  # with the scales of the first core
    cores: list[int]  # positions among the shard's cores
    held: list[Held]  # by each of these
    targets: np.ndarray
    """What methods program, float32 (U, R, C), uS, in the array module of the kernels."""
    wanted: np.ndarray
    """What products are to be those of, in proportion to the weights: the same array unless
    weights are clipped or targets chosen for a time to come, else as near to these as one factor
    per core brings it.
    """
    per_weight: list[np.ndarray]
    """Of each of ``tiles`` the conductance that outputs of its pieces count as a normalised weight
    of 1, float64 (cores, pieces), uS."""
    units: UnitCores


def tile_groups(
    spec: ShardSpec, weights: xr.Dataset, periphery: Periphery, back_end=None
) -> list[TileGroup]:
    """All unit cores of a shard, on the kernels ``back_end``; None: those that programmed it."""
    back_end = back_end or kernels.backend(spec.backend)
    held = held_by(spec, weights)
    batches = by_shape(spec, held[0].tiles)
    return [group_of(spec, held, batch, periphery, back_end) for batch in batches]


def held_by(spec: ShardSpec, weights: xr.Dataset) -> list[Held]:
    """What each of the shard's cores holds."""
    draws = (spec.cores % draws_of(weights)).tolist()
    held = {draw: tiles_of(spec, weights, draw) for draw in sorted(set(draws))}
    return [held[draw] for draw in draws]


def tiles_of(spec: ShardSpec, weights: xr.Dataset, draw: int = 0) -> Held:
    """Matrices of a weight set, one draw of them, and the tiles they are cut into."""
    core = spec.core
    return cut_into(weights, core.rows, core.columns, draw, core.clip_sigmas)


def cut_into(
    weights: xr.Dataset,
    rows: int,
    columns: int,
    draw: int = 0,
    clip_sigmas: float | None = None,
) -> Held:
    """Matrices of a weight set, one draw of them, cut into tiles of (rows, columns) at most.

    Attributes of the dataset say how: ``packing``, "shared" where matrices share cores, see
    :func:`aimcsim.mapping.packing.pack`, else each has cores of its own; ``scale``, "tile" (if not
    given) or "column". A shared matrix is cut between the channels of its ``kernel_area`` pixels,
    an attribute of its variable; 1 if not given. ``clip_sigmas``: see
    :func:`aimcsim.mapping.tiles.scale_of`.
    """
    blocks = [matrix for _, matrix in matrices(weights, draw)]
    scale = weights.attrs.get("scale", "tile")
    if weights.attrs.get("packing") != "shared":
        return Held(blocks, split(blocks, rows, columns, scale, clip_sigmas))
    names = (matrix_name(index) for index in range(len(blocks)))
    areas = [int(weights[name].attrs.get("kernel_area", 1)) for name in names]
    return Held(blocks, pack(blocks, rows, columns, areas, scale, clip_sigmas))


def group_of(
    spec: ShardSpec, held: Sequence[Held], batch: Batch, periphery: Periphery, back_end
) -> TileGroup:
    """Manufacture the unit cores of ``batch`` of a shard whose cores hold ``held``."""
    tiles, chips = batch.tiles, spec.cores[batch.cores]
    own = [held[position] for position in batch.cores]
    normal = {  # once for all chips with the same weights
        id(one): np.stack([normalised(one.tiles[tile.index], one.blocks) for tile in tiles])
        for one in own
    }
    g_max = spec.device.g_max * spec.core.devices_per_polarity
    wanted = np.stack([normal[id(one)] for one in own], axis=1) * np.float32(g_max)
    wanted = wanted.reshape(-1, *wanted.shape[2:])
    targets = targets_for(spec.core, wanted, g_max)
    count = len(chips)
    per_weight = [np.full((count, len(tile.pieces)), g_max, float) for tile in tiles]
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
    tiles = [own[0].tiles[tile.index] for tile in tiles]
    programmed = back_end.xp.asarray(targets)
    if targets is wanted:
        return TileGroup(tiles, batch.cores, own, programmed, programmed, per_weight, units)
    for position, tile in enumerate(tiles):
        of_tile = slice(position * count, (position + 1) * count)
        for number, piece in enumerate(tile.pieces):
            held_by_piece = (every[of_tile][:, *piece.place] for every in (wanted, targets))
            per_weight[position][:, number] /= uncorrected(*held_by_piece)
    wanted /= uncorrected(wanted, targets)[:, None, None].astype(np.float32)
    return TileGroup(
        tiles, batch.cores, own, programmed, back_end.xp.asarray(wanted), per_weight, units
    )


def count_runs(spec: ShardSpec, weights: xr.Dataset) -> int:
    """Programming runs of a shard: tiles x chips x settings of methods."""
    return len(tiles_of(spec, weights).tiles) * len(spec.cores) * len(spec.runs)
