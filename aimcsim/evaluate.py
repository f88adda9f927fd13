"""How good is a programmed core? The errors of physics, on inputs that programming never saw.

Definitions. MVM error: sqrt(sum ||a y - y_ideal||^2 / sum ||y_ideal||^2) in percent, over fresh
inputs uniform on [-1, 1] at the DAC's resolution, after one global scale a = <y, y_ideal> / <y, y>
(drift compensation). Held error: the same with the exact conductances and no read-out, which
separates programming from reading. Weight error: ||G - G_target|| / ||G_target||, G the net
unit-cell conductance.
"""

import dataclasses

import numpy as np
import xarray as xr

from aimcsim.core import POLARITY, Cores, UnitCores, inputs
from aimcsim.errors import UserError
from aimcsim.inference import accuracy, is_network
from aimcsim.programming.outcome import relative_percent
from aimcsim.random import Phase
from aimcsim.sweep.shard import ShardSpec, TileGroup, parse_spec, tile_groups


def evaluate(
    states: xr.Dataset, weights: xr.Dataset, fresh_inputs: int, adc_bits: int | None = None
) -> xr.Dataset:
    """Judge every programmed state of a shard.

    Parameters
    ----------
    states : conductances as :func:`aimcsim.sweep.shard.run` gives them
    weights : the weight set that was programmed
    fresh_inputs : MVMs per state
    adc_bits : resolution while judging; None: as while programming

    Returns
    -------
    Dataset over (tile, core, state): ``mvm_error``, ``held_error``, ``weight_error`` (percent),
    ``saturation`` (share of conversions); over (core, state) ``accuracy`` (percent; NaN where the
    weight set is no network); over tile its geometry.
    """
    spec = parse_spec(states.attrs["shard"])
    converters = spec.periphery
    if adc_bits is not None:
        converters = converters.model_copy(update={"adc_bits": adc_bits})
    groups = tile_groups(spec, weights, converters)
    tiles = sum(len(group.tiles) for group in groups)
    shape = (tiles, len(spec.cores), len(spec.states))
    measured = {
        name: np.full(shape, np.nan, np.float32)
        for name in ("mvm_error", "held_error", "weight_error", "saturation")
    }
    geometry = {name: np.zeros(tiles, np.int64) for name in ("rows", "columns", "matrix")}
    geometry["scale"] = np.zeros(tiles, np.float32)
    programmed = {}
    for group in groups:
        for tile in group.tiles:
            geometry["rows"][tile.index], geometry["columns"][tile.index] = tile.rows, tile.columns
            geometry["matrix"][tile.index], geometry["scale"][tile.index] = tile.matrix, tile.scale
        conductances = _conductances(states, group)
        where = np.array([tile.index for tile in group.tiles])
        own = (len(group.tiles), len(spec.cores), len(spec.states))
        for name, values in _judge(group, conductances, fresh_inputs).items():
            measured[name][where] = values.reshape(own)
        for position, tile in enumerate(group.tiles):
            programmed[tile.index] = (
                _slice(group, position, len(spec.cores)),
                conductances[position],
            )
    scores = np.full(shape[1:], np.nan, np.float32)
    if is_network(weights):
        scores = accuracy(weights, spec, programmed)
    return _dataset(spec, measured, geometry, scores)


def _conductances(states: xr.Dataset, group: TileGroup) -> np.ndarray:
    """float32 (tile, core, state, 2, R, C)."""
    try:
        return np.stack([states[f"conductance_{tile.index:04d}"].values for tile in group.tiles])
    except KeyError as error:
        raise UserError(
            f"the programmed states lack {error}: they were made from other weights. Delete the "
            "shard's .state.nc file and run again."
        ) from None


def _judge(group: TileGroup, conductances: np.ndarray, fresh_inputs: int) -> dict[str, np.ndarray]:
    """Errors of all states of a group of tiles, (U x states,) each, core-major as the states."""
    units, per_unit = group.units, conductances.shape[2]
    unit = np.repeat(np.arange(len(units.chip)), per_unit)
    flat = conductances.reshape(len(unit), *conductances.shape[3:])
    cores = Cores(units, unit, flat, Phase.EVALUATION)
    x = inputs(units, "uniform", fresh_inputs, 0, Phase.EVALUATION)
    ideal = units.kernels.ideal_products(x, np.arange(len(x)), group.targets)
    y = cores.mvm(x, np.arange(len(unit)))
    net = np.einsum("d,ndrc->nrc", POLARITY, flat)
    held = units.kernels.ideal_products(x, unit, net)
    return {
        "mvm_error": _scaled_error(y, ideal, unit),
        "held_error": _scaled_error(held, ideal, unit),
        "weight_error": relative_percent(net - group.targets[unit], group.targets[unit]),
        "saturation": cores.ledger.saturated / (fresh_inputs * units.columns),
    }


def _scaled_error(y: np.ndarray, ideal: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Relative error of each run after its best global scale, percent, float64 (n,).

    With a = <y, z> / <y, y>: ||a y - z||^2 = ||z||^2 - <y, z>^2 / <y, y>.
    """
    yy = np.einsum("nbc,nbc->n", y, y, dtype=np.float64)
    zz = np.einsum("ubc,ubc->u", ideal, ideal, dtype=np.float64)[unit]
    yz = np.array(
        [np.einsum("bc,bc->", y[i], ideal[u], dtype=np.float64) for i, u in enumerate(unit)]
    )
    explained = np.divide(yz**2, yy, out=np.zeros_like(yy), where=yy > 0)
    share = np.divide(zz - explained, zz, out=np.zeros_like(zz), where=zz > 0)
    return 100 * np.sqrt(np.maximum(share, 0))


def _slice(group: TileGroup, position: int, cores: int) -> UnitCores:
    """Unit cores of one tile of a group."""
    units, part = group.units, slice(position * cores, (position + 1) * cores)
    law = dataclasses.replace(
        units.law, **{name: values[part] for name, values in vars(units.law).items()}
    )
    converters = dataclasses.replace(
        units.converters,
        gain=units.converters.gain[part],
        offset=units.converters.offset[part],
    )
    return dataclasses.replace(
        units,
        chip=units.chip[part],
        tile=units.tile[part],
        law=law,
        converters=converters,
        full_scale=units.full_scale[part],
    )


def _dataset(spec: ShardSpec, measured, geometry, scores) -> xr.Dataset:
    runs = ("tile", "core", "state")
    units = dict.fromkeys(measured, "percent") | {"saturation": "1"}
    variables = {name: (runs, values, {"units": units[name]}) for name, values in measured.items()}
    variables["accuracy"] = (("core", "state"), scores, {"units": "percent"})
    geometry_units = {"rows": "cells", "columns": "cells", "matrix": "1", "scale": "1"}
    for name, values in geometry.items():
        variables[name] = (("tile",), values, {"units": geometry_units[name]})
    coordinates = {
        "tile": np.arange(len(geometry["rows"])),
        "core": spec.cores,
        "state": spec.states,
    }
    return xr.Dataset(variables, coordinates, {"weight_set": spec.weight_set, "shard": spec.text})
