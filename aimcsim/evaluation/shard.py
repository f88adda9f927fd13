"""Judge the programmed cores of a shard by :mod:`aimcsim.evaluation.judge`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from aimcsim import kernels
from aimcsim.chip.statistics import laws_on
from aimcsim.common.arrays import to_host
from aimcsim.common.errors import UserError
from aimcsim.evaluation.error_budget import budget_coordinates, budget_of
from aimcsim.evaluation.judge import Judge
from aimcsim.evaluation.mvm_error import COMPENSATIONS
from aimcsim.evaluation.programming_error import SHARES
from aimcsim.evaluation.settings import Evaluation
from aimcsim.shards.groups import TileGroup, tile_groups
from aimcsim.shards.judging import judging
from aimcsim.shards.runs import coordinates_of
from aimcsim.shards.spec import ShardSpec

RUNS = ("tile", "core", "run")
_AGED = ("time", "compensation")
_LATER = "at a time after programming"
_TIME = {"units": "s", "long_name": "time after programming"}
_SHARE = {"units": "g_max", "long_name": "target conductance, bin centre"}


def _percent(text: str) -> dict[str, str]:
    return {"units": "percent", "long_name": text}


_PROGRAMMED: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "mvm_error": (RUNS, _percent("MVM error on fresh inputs")),
    "held_error": (RUNS, _percent("held error: no read-out")),
    "weight_error": (RUNS, _percent("conductance error")),
    "saturation": (RUNS, {"units": "1", "long_name": "share of saturated conversions"}),
    "programming_error_mean": (
        (*RUNS, "conductance"),
        {"units": "uS", "long_name": "programming error of a cell, mean"},
    ),
    "programming_error_spread": (
        (*RUNS, "conductance"),
        {"units": "uS", "long_name": "programming error of a cell, standard deviation"},
    ),
    "calibrated_error": (
        RUNS, _percent("MVM error behind a digital scale and offset set after programming"),
    ),
}  # fmt: skip
_OVER_TIME: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "error_over_time": ((*RUNS, *_AGED), _percent(f"MVM error {_LATER}")),
    "held_over_time": (
        (*RUNS, *_AGED), _percent(f"MVM error {_LATER}, without read-out and read noise"),
    ),
    "open_loop_error": (
        ("tile", "core", *_AGED), _percent("MVM error of targets with the published error"),
    ),
}  # fmt: skip
_BUDGET: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "error_budget_alone": (
        ("tile", "core", "effect"), _percent("MVM error of exact targets with one effect"),
    ),
    "error_budget_ageing": (
        ("tile", "core", "time", "ageing"),
        _percent("MVM error of exact targets with one effect that grows over time"),
    ),
    "error_budget_of_state": (
        (*RUNS, "part"), _percent("MVM error of programmed cores, by part"),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Evaluated:
    """What is known of the programmed cores of a shard; datasets over (tile, core, run)."""

    errors: xr.Dataset
    """``mvm_error``, ``held_error``, ``weight_error`` (percent), ``saturation`` (share of
    conversions), ``programming_error_mean`` and ``_spread`` (uS) over shares of g_max; with
    ``calibration`` the MVM error behind it, ``calibrated_error``; over time and compensation
    ``error_over_time``, ``held_over_time``, and over (tile, core) ``open_loop_error`` (percent)."""
    budget: xr.Dataset
    """Percent, see :mod:`aimcsim.evaluation.error_budget`: ``error_budget_alone`` (tile, core,
    effect), ``error_budget_of_state`` (tile, core, run, part), and with times
    ``error_budget_ageing`` (tile, core, time, ageing). An effect that is off has 0."""


def evaluate(states: xr.Dataset, weights: xr.Dataset, settings: Evaluation) -> Evaluated:
    """Judge every programmed state of a shard.

    Parameters
    ----------
    states : conductances as :func:`aimcsim.sweep.shard.run` gives them
    weights : the weight set that was programmed
    settings : how: inputs, converters, times
    """
    spec = ShardSpec.parse(states.attrs["shard"])
    back_end = kernels.backend(judging(spec))
    converters = spec.periphery
    if settings.adc_bits is not None:
        converters = converters.model_copy(update={"adc_bits": settings.adc_bits})
    laws = laws_on(settings.statistics, spec.device, spec.core.unit_cell)
    judges = [
        Judge(
            group,
            _conductances(states, group),
            settings.inputs,
            laws,
            _corrections(states, group),
            settings.calibration,
        )
        for group in tile_groups(spec, weights, converters, back_end)
    ]
    attributes = {
        "weight_set": spec.weight_set,
        "shard": spec.text,
        "judged_by": back_end.description,
    }
    runs = {"core": ("core", spec.cores), **coordinates_of(spec.runs)}
    times = {"time": ("time", list(settings.times), _TIME)} if settings.times else {}
    result = _Result(len(spec.cores), judges)
    for judge in judges:
        result.put(judge, judge.programmed)
    for index, time in enumerate(settings.times):
        for judge in judges:
            result.put(judge, judge.at(time, index), at=len(settings.times), index=index)
    known = _PROGRAMMED | (_OVER_TIME if settings.times else {})
    shares = ("conductance", SHARES, _SHARE)
    errors = xr.Dataset(
        {
            name: (dims, result.found[name], about)
            for name, (dims, about) in known.items()
            if name in result.found
        }
        | _geometry(judges),
        {
            **runs,
            "tile": np.arange(result.tiles),
            "conductance": shares,
            **times,
            **({"compensation": list(COMPENSATIONS)} if times else {}),
        },
        attributes,
    )
    parts = _Result(len(spec.cores), judges)
    for judge in judges:
        parts.put(judge, budget_of(judge, settings.times))
    budget = xr.Dataset(
        {
            name: (dims, parts.found[name], about)
            for name, (dims, about) in _BUDGET.items()
            if name in parts.found
        },
        {**runs, "tile": np.arange(parts.tiles), **budget_coordinates(settings.times), **times},
        attributes,
    )
    return Evaluated(errors, budget)


class _Result:
    """Collects what judges find, tile by tile."""

    def __init__(self, cores: int, judges: Sequence[Judge]):
        self.cores = cores
        self.tiles = sum(len(judge.group.tiles) for judge in judges)
        self.found: dict[str, np.ndarray] = {}

    def put(
        self, judge: Judge, values: dict[str, np.ndarray], at: int | None = None, index: int = 0
    ) -> None:
        """File (U, ...) values under the tiles of a group.

        ``at``: of so many times this is the one with number ``index``; their axis is the last but
        one.
        """
        where = [tile.index for tile in judge.group.tiles]
        for name, array in values.items():
            own = array.reshape(len(where), self.cores, *array.shape[1:]).astype(np.float32)
            shape = (self.tiles, *own.shape[1:])
            if at is not None:
                shape = (*shape[:-1], at, shape[-1])
            filled = self.found.setdefault(name, np.full(shape, np.nan, np.float32))
            (filled if at is None else filled[..., index, :])[where] = own


def _conductances(states: xr.Dataset, group: TileGroup) -> np.ndarray:
    """float32 (tile, core, run, D, R, C)."""
    try:
        return np.stack([states[f"conductance_{tile.index:04d}"].values for tile in group.tiles])
    except KeyError as error:
        raise UserError(
            f"the programmed states lack {error}: they were made from other weights. Delete the "
            "shard's file in results/<study>/states and run again."
        ) from None


def _corrections(states: xr.Dataset, group: TileGroup) -> np.ndarray | None:
    """Digital scale and offset, float32 (tile, core, run, 2, C); None where no state has one."""
    names = [f"affine_{tile.index:04d}" for tile in group.tiles]
    return np.stack([states[n].values for n in names]) if names[0] in states else None


def _squares(judges: Sequence[Judge], strongest: bool) -> list[np.ndarray]:
    """Root mean square target, or that of the strongest column, over g_max, (tile, core)."""
    found: dict[int, np.ndarray] = {}
    for judge in judges:
        group = judge.group
        square = to_host(np.square(group.targets).mean(axis=1, dtype=np.float64))
        of_unit = np.sqrt(square.max(axis=1) if strongest else square.mean(axis=1))
        of_core = of_unit.reshape(len(group.tiles), -1) / group.units.g_max
        found |= dict(zip((tile.index for tile in group.tiles), of_core, strict=True))
    return [found[index] for index in sorted(found)]


def _zero_columns(judges: Sequence[Judge]) -> list[np.ndarray]:
    """Columns whose targets are all zero, int (tile, core)."""
    found: dict[int, np.ndarray] = {}
    for judge in judges:
        group = judge.group
        empty = to_host(~group.targets.any(axis=1)).sum(axis=1)
        of_core = empty.reshape(len(group.tiles), -1)
        found |= dict(zip((tile.index for tile in group.tiles), of_core, strict=True))
    return [found[index] for index in sorted(found)]


def _geometry(judges: Sequence[Judge]) -> dict[str, Any]:
    tiles = sorted((t for judge in judges for t in judge.group.tiles), key=lambda t: t.index)
    held = [{piece.matrix for piece in tile.pieces} for tile in tiles]
    chips = judges[0].group.held
    largest = [
        [max(float(piece.scale.max()) for piece in chip.tiles[tile.index].pieces) for chip in chips]
        for tile in tiles
    ]
    variables: dict[str, tuple[list, str, str]] = {
        "rows": ([tile.rows for tile in tiles], "cells", "rows in use"),
        "columns": ([tile.columns for tile in tiles], "cells", "columns in use"),
        "matrix": ([min(of) if len(of) == 1 else -1 for of in held], "1", "-1: several"),
        "scale": (largest, "1", "largest weight that a normalised weight of 1 stands for"),
        "target_rms": (_squares(judges, strongest=False), "g_max", "root mean square target"),
        "strongest_column": (
            _squares(judges, strongest=True),
            "g_max",
            "root mean square target of the strongest column",
        ),
        "zero_columns": (_zero_columns(judges), "cells", "columns whose targets are all zero"),
    }
    return {
        name: (RUNS[: np.ndim(values)], np.array(values), {"units": units, "long_name": text})
        for name, (values, units, text) in variables.items()
    }
