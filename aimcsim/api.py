"""Programmed cores from Python: no workflow, no files, NumPy and xarray in and out.

    cores = aimcsim.program(weights, chips=4, seed=1)
    y = x @ cores                    # MVMs on every chip
    cores.error()                    # percent, by chip
    cores.at(86400.0).error()        # a day later

The stages of the workflow call the same functions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from pydantic import ValidationError

from aimcsim.chip import column_correction
from aimcsim.chip.core import Cores
from aimcsim.chip.devices.defects import Defects
from aimcsim.chip.devices.registry import DEFAULT, DEVICES
from aimcsim.chip.drift import Ageing
from aimcsim.chip.periphery import Periphery, to_dac_grid
from aimcsim.chip.settings import Core, Wires
from aimcsim.common.errors import UserError
from aimcsim.common.random import Phase
from aimcsim.common.threads import single_threaded
from aimcsim.config.methods import of_role
from aimcsim.evaluation.settings import Evaluation
from aimcsim.evaluation.shard import evaluate
from aimcsim.mapping.dataset import matrices, matrix_variables
from aimcsim.physics.state_statistics import BY_NAME
from aimcsim.programming.method import BASELINE, METHODS, RESET, Method
from aimcsim.shards.groups import TileGroup, tile_groups
from aimcsim.shards.runs import Run
from aimcsim.shards.spec import ShardSpec
from aimcsim.sweep.shard import run as run_shard

__all__ = ["ProgrammedCores", "program"]

_STATISTICS = {"odp": "hermes_odp", "tdp": "hermes_tdp", "max_fill": "hermes_tdp"}
_COMPENSATION = "global"


def program(
    weights: ArrayLike | Mapping[str, ArrayLike] | xr.Dataset,
    method: str | Method = "",
    chips: int | Sequence[int] = 1,
    seed: int = 1,
    *,
    start: str | Method = BASELINE,
    core: Mapping[str, Any] | None = None,
    device: Mapping[str, Any] | None = None,
    defects: Mapping[str, Any] | None = None,
    wires: Mapping[str, Any] | None = None,
    periphery: Mapping[str, Any] | None = None,
    backend: str = "cpu",
    **settings: Any,
) -> "ProgrammedCores":
    """Program matrices into the cores of simulated chips.

    Parameters
    ----------
    weights : a matrix (inputs, outputs), or several by name, or a weight set as the workflow keeps
        it; any real type, no unit. A matrix larger than a core is cut into tiles.
    method : name of an algorithm (``aimcsim.programming``: gdp, iterative, ...), ``mine.py:Mine``,
        or a :class:`Method`; empty: that of the default study
    chips : how many chip instances, or their numbers; each has devices and converters of its own
    seed : of every random draw; the same arguments give the same bits
    start : of a method that goes on from another: that method; ``baseline``: that of the default
        study; or ``reset``: prepared cells
    core, device, defects, wires, periphery : keys of these sections of the configuration that
        differ from its defaults, see config/default.yaml
    backend : ``cpu``, ``gpu`` or ``reference``
    settings : hyperparameters of the method that differ from its defaults

    Raises
    ------
    UserError
        A key or value is wrong; the message names it and the remedy.
    """
    dataset = _dataset(weights)
    chosen = _section(Core, core, "core")
    known_device = {"model": DEFAULT, **(device or {})}
    try:
        device_kind = DEVICES[known_device["model"]]
    except KeyError:
        raise UserError(
            f"device.model: got '{known_device['model']}'; choose from {', '.join(DEVICES)}."
        ) from None
    spec = ShardSpec(
        "weights",
        {},
        seed,
        chosen,
        _section(device_kind, known_device, "device").resolved(),
        _section(Defects, defects, "defects"),
        _section(Wires, wires, "wires"),
        _section(Periphery, periphery, "periphery"),
        backend,
        cores=np.arange(chips) if isinstance(chips, int) else np.array(chips, int),
        runs=(_run(method or of_role("subject"), settings, start),),
    )
    _check(spec)
    with single_threaded():
        record, states = run_shard(spec, dataset)
    return ProgrammedCores(spec, dataset, record, states)


@dataclass(frozen=True)
class ProgrammedCores:
    """Cores that hold weights, on one or more chips. ``x @ cores`` multiplies on all of them."""

    spec: ShardSpec
    """The chips and how they were programmed."""
    weights: xr.Dataset
    """The matrices they hold."""
    record: xr.Dataset
    """How programming went: status, error per iteration, reads, MVMs and pulses used."""
    states: xr.Dataset
    """Programmed conductances, uS."""
    time: float | None = None
    """s after programming; None: right after it."""
    statistics: str = ""
    """Published statistics of drift and slow read noise that ``time`` goes by."""

    __array_ufunc__ = None  # NumPy leaves x @ cores to __rmatmul__

    def mvm(self, x: ArrayLike, matrix: int = 0) -> np.ndarray:
        """Multiply inputs by a matrix on every chip, through its converters and with read noise.

        Parameters
        ----------
        x : (inputs,) or (batch, inputs), full-scale inputs: what lies outside [-1, 1] is clipped
        matrix : its number among the matrices programmed

        Returns
        -------
        float32 (chips, outputs) or (chips, batch, outputs), in units of the weights. Each call
        draws new noise.
        """
        known = matrices(self.weights)
        if not 0 <= matrix < len(known):
            raise UserError(f"matrix {matrix}: there are {len(known)}, numbered from 0.")
        inputs, outputs = known[matrix][1].shape
        values = np.asarray(x, np.float32)
        batch = np.atleast_2d(values)
        if values.ndim > 2 or batch.shape[1] != inputs:
            raise UserError(
                f"x has the shape {values.shape}; matrix {matrix} takes ({inputs},) or (batch, "
                f"{inputs})."
            )
        converters = self.spec.periphery
        driven = to_dac_grid(batch, converters.dac_bits, converters.dac_range)
        total = np.zeros((len(self.spec.cores), len(batch), outputs), np.float32)
        with single_threaded():
            for group, cores, corrections in self._cores:
                self._add_products(total, driven, matrix, group, cores, corrections)
        return total if values.ndim == 2 else total[:, 0]

    def __rmatmul__(self, x: ArrayLike) -> np.ndarray:
        """``x @ cores``: :meth:`mvm` with the first matrix."""
        return self.mvm(x)

    def at(self, time: float, statistics: str = "") -> "ProgrammedCores":
        """The same cores ``time`` seconds after programming: drifted, with slow read noise.

        ``statistics`` names published statistics; empty: those of the unit cell in use.
        """
        name = statistics or _STATISTICS[self.spec.core.unit_cell]
        if name not in BY_NAME:
            raise UserError(f"statistics: got '{name}'; choose from {', '.join(BY_NAME)}.")
        if time < BY_NAME[name].t0:
            raise UserError(
                f"time: got {time:g} s; statistics {name} begin at {BY_NAME[name].t0:g} s."
            )
        return replace(self, time=float(time), statistics=name)

    def error(self, inputs: int = 2048) -> xr.DataArray:
        """MVM error of every chip, percent, (core,): see :mod:`aimcsim.evaluation.judge`.

        Over ``inputs`` fresh random inputs, after one global scale per core; of several tiles the
        mean, weighted by their cells.
        """
        found = self._evaluated(inputs)
        if self.time is None:
            errors = found["mvm_error"]
        else:
            errors = found["error_over_time"].sel(compensation=_COMPENSATION).isel(time=0)
        cells = found["rows"] * found["columns"]
        mean = (errors.isel(run=0) * cells).sum("tile") / cells.sum("tile")
        return mean.reset_coords(drop=True).assign_attrs(units="percent", long_name="MVM error")

    def to_dataset(self, inputs: int = 2048) -> xr.Dataset:
        """All that is known of these cores: how they were programmed, conductances and errors."""
        with_time = {} if self.time is None else {"time": self.time}
        found = [self.record, self.states, self._evaluated(inputs)]
        joined = xr.merge(found, compat="override", combine_attrs="drop_conflicts")
        return joined.assign_attrs({"shard": self.spec.text, **with_time})

    def _evaluated(self, inputs: int) -> xr.Dataset:
        times = () if self.time is None else (self.time,)
        statistics = self.statistics or _STATISTICS[self.spec.core.unit_cell]
        settings = Evaluation(inputs=inputs, times=times, statistics=statistics)
        with single_threaded():
            return evaluate(self.states, self.weights, settings).errors

    @cached_property
    def _cores(self) -> list[tuple[TileGroup, Cores, np.ndarray | None]]:
        """Tiles of one shape with their cores, tile by tile and chip by chip, as MVMs meet them."""
        found = []
        for group in tile_groups(self.spec, self.weights, self.spec.periphery):
            names = [f"{tile.index:04d}" for tile in group.tiles]
            states = self._of(names, "conductance")
            assert states is not None
            units = group.units
            if self.time is not None:
                ageing = Ageing(units, states[:, None], BY_NAME[self.statistics])
                states = ageing.at(self.time, 0).read[:, 0]
                units = replace(units, device=units.model.read_silently())
            cores = Cores(units, np.arange(len(units.chip)), states, Phase.INFERENCE)
            found.append((group, cores, self._of(names, "affine")))
        return found

    def _of(self, names: list[str], variable: str) -> np.ndarray | None:
        """A variable of the states for some tiles, (tile x chip, ...); None where it is missing."""
        if f"{variable}_{names[0]}" not in self.states:
            return None
        values = [self.states[f"{variable}_{name}"].isel(run=0).values for name in names]
        return np.concatenate(values)

    def _add_products(
        self,
        total: np.ndarray,
        driven: np.ndarray,
        matrix: int,
        group: TileGroup,
        cores: Cores,
        corrections: np.ndarray | None,
    ) -> None:
        """Add what the pieces of a matrix in a group of tiles give, (chips, batch, outputs)."""
        chips = len(self.spec.cores)
        for position, tile in enumerate(group.tiles):
            runs = np.arange(position * chips, (position + 1) * chips)
            for piece in tile.pieces:
                if piece.matrix != matrix:
                    continue
                (rows, columns), (at_rows, at_columns) = piece.source, piece.place
                x = np.zeros((1, len(driven), tile.rows), np.float32)
                x[0, :, at_rows] = driven[:, rows]
                y = cores.mvm(x, runs, np.zeros(chips, np.intp))
                if corrections is not None:
                    column_correction.apply(corrections[runs], y)
                per_weight = piece.scale / np.float32(cores.units.g_max)
                total[:, :, columns] += y[:, :, at_columns] * per_weight


def _dataset(weights: ArrayLike | Mapping[str, ArrayLike] | xr.Dataset) -> xr.Dataset:
    """Matrices as a weight set."""
    if isinstance(weights, xr.Dataset):
        return weights
    named = weights if isinstance(weights, Mapping) else {"weights": weights}
    arrays = {str(name): np.asarray(matrix) for name, matrix in named.items()}
    for name, matrix in arrays.items():
        if matrix.ndim != 2 or not matrix.size or matrix.dtype.kind not in "fiu":
            raise UserError(
                f"{name}: a matrix (inputs, outputs) of real numbers is needed; this has the shape "
                f"{matrix.shape} and the type {matrix.dtype}."
            )
        if not np.isfinite(matrix).all():
            raise UserError(f"{name}: holds values that are not finite. Replace them.")
        if not matrix.any():
            raise UserError(f"{name}: all weights are zero. There is nothing to program.")
    return xr.Dataset(matrix_variables(arrays.items()))


def _section(model: type, keys: Mapping[str, Any] | None, name: str) -> Any:
    try:
        return model(**(keys or {}))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join([name, *map(str, first["loc"])])
        message = first["msg"].removeprefix("Value error, ")
        raise UserError(f"{where}: got {first['input']!r}; {message}.") from None


def _method(method: str | Method, settings: Mapping[str, Any]) -> tuple[str, Method]:
    """Name of an algorithm, and its settings."""
    if isinstance(method, Method):
        if settings:
            raise UserError(f"{next(iter(settings))}: the method given has settings of its own.")
        return next(name for name, kind in METHODS.items() if kind is type(method)), method
    try:
        kind = METHODS[method]
    except KeyError:
        raise UserError(f"method: got '{method}'; choose from {', '.join(METHODS)}.") from None
    return method, _section(kind, settings, method)


def _run(method: str | Method, settings: Mapping[str, Any], start: str | Method) -> Run:
    name, chosen = _method(method, settings)
    if chosen.begins_at == RESET:
        return Run(name, name, chosen)
    if isinstance(start, str) and start == RESET:
        return Run(name, name, chosen.model_copy(update={"start": RESET}))
    other = of_role(BASELINE) if isinstance(start, str) and start == BASELINE else start
    return Run(name, name, chosen, _run(other, {}, BASELINE))


def _check(spec: ShardSpec) -> None:
    """Whether the methods fit the chip."""
    law = spec.device.law()
    for run in spec.runs:
        refused = run.settings.refuses(law)
        if refused:
            raise UserError(f"{run.algorithm}: {refused}.")
        try:
            run.settings.check(spec.core, spec.periphery)
        except ValueError as error:
            raise UserError(f"{run.algorithm}.{error}.") from None
