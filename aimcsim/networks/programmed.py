"""The programmed cores of one chip at one evaluation time, from the states of a shard."""

import dataclasses

import numpy as np
import xarray as xr

from aimcsim import kernels
from aimcsim.chip.core import UnitCores
from aimcsim.chip.drift import Ageing
from aimcsim.chip.statistics import laws_on
from aimcsim.common.errors import UserError
from aimcsim.mapping.tiles import Tile
from aimcsim.networks.chip import ProgrammedCore
from aimcsim.networks.evaluation_time import EvaluationTime
from aimcsim.physics.crossbar import seen_from_outside
from aimcsim.shards.groups import tile_groups
from aimcsim.shards.spec import ShardSpec


def programmed_cores(
    spec: ShardSpec,
    weights: xr.Dataset,
    states: xr.Dataset,
    position: int,
    at: EvaluationTime,
    statistics: str,
) -> list[list[ProgrammedCore]]:
    """What each programming run has made of the cores of one chip.

    The same conductances, read noise and converters by which :mod:`aimcsim.evaluation.judge` judges
    MVM errors: at a time after programming the states have drifted and carry the slow read noise of
    then, which is all of their read noise.

    Parameters
    ----------
    states : of the shard ``spec``, as :func:`aimcsim.sweep.shard.run` gives them
    weights : the weight set that was programmed
    position : of the chip among ``spec.cores``
    at : when; the converters are the caller's
    statistics : name of the published statistics of drift and read noise, see
        :data:`aimcsim.physics.state_statistics.BY_NAME`

    Returns
    -------
    For each of ``spec.run_ids`` its cores, in the order of tiles.
    """
    alone = dataclasses.replace(spec, cores=spec.cores[position : position + 1])
    found: list[dict[int, ProgrammedCore]] = [{} for _ in spec.run_ids]
    for group in tile_groups(alone, weights, spec.periphery, kernels.backend("cpu")):
        units = group.units
        now = _of_chip(states, "conductance", group.tiles, position)  # (tile, run, D, R, C)
        corrections = _of_chip(states, "affine", group.tiles, position)
        if now is None:
            raise UserError(
                "the programmed states lack tiles of the weights: they were made from others. "
                "Delete the shard's file in results/<study>/states and run again."
            )
        if at.time is not None and at.index is not None:
            laws = laws_on(statistics, units.device, units.unit_cell)
            now = Ageing(units, now, laws).at(at.time, at.index).read
            units = dataclasses.replace(units, device=units.model.read_silently())
        for unit, tile in enumerate(group.tiles):
            for run, cores in enumerate(found):
                correction = None if corrections is None else corrections[unit, run]
                per_weight = group.per_weight[unit][0]
                cores[tile.index] = core_of(
                    units, unit, tile, now[unit, run], per_weight, correction
                )
    return [[cores[index] for index in sorted(cores)] for cores in found]


def core_of(
    units: UnitCores,
    unit: int,
    tile: Tile,
    conductances: np.ndarray,
    per_weight: np.ndarray,
    correction: np.ndarray | None = None,
) -> ProgrammedCore:
    """Unit core number ``unit``, holding ``tile``.

    Parameters
    ----------
    conductances : float32 (D, R, C), uS
    per_weight : conductance that outputs of each piece count as a normalised weight of 1, float64
        (pieces,), uS
    correction : digital scale and offset (uS x input, at the range of programming) behind each
        column, float32 (2, C); None: none
    """
    if units.wires.on:
        conductances = _seen(units, conductances)
    variance = None
    if units.model.noisy_reads:
        deviation = units.device.read_noise * conductances + np.float32(units.model.read_floor)
        variance = np.square(deviation).sum(axis=0)
    if correction is not None:
        correction = correction / np.array([[1], [units.full_scale[unit]]], np.float32)
    return ProgrammedCore(
        tile, units.seed, int(units.chip[unit]), per_weight,
        np.einsum("d,drc->rc", units.polarity, conductances), variance,
        units.converters.gain[unit], units.converters.offset[unit], correction,
    )  # fmt: skip


def _seen(units: UnitCores, conductances: np.ndarray) -> np.ndarray:
    """Conductances as MVMs meet them behind the wires."""
    wires = units.wires
    try:
        return seen_from_outside(conductances, wires.row, wires.column)
    except ValueError as error:
        raise UserError(
            f"wires.row {wires.row:g} and wires.column {wires.column:g} Ohm are too much for these "
            f"conductances ({error}). Lower them."
        ) from None


def _of_chip(states: xr.Dataset, name: str, tiles: list[Tile], position: int) -> np.ndarray | None:
    """A variable of ``tiles`` for one chip, (tile, run, ...); None where it is missing."""
    names = [f"{name}_{tile.index:04d}" for tile in tiles]
    if not all(name in states for name in names):
        return None
    return np.stack([states[name][position].values for name in names])
