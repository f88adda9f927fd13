"""How good is a programmed core? The errors of physics, on inputs that programming never saw.

Definitions. MVM error: sqrt(sum ||a y - y_ideal||^2 / sum ||y_ideal||^2) in percent, over fresh
inputs uniform on [-1, 1] at the DAC's resolution, after one global scale a = <y, y_ideal> / <y, y>
(drift compensation). y_ideal is that of the inputs asked for: what the DAC's range clips is error.
Held error: the same with the exact conductances and no read-out, which separates programming from
reading. Weight error: ||G - G_target|| / ||G_target||, G the net unit-cell conductance.

Both of the latter are of the conductances as they lie in the cells, without wires: where
programming moved them to make up for the wires, that counts as an error of what is held, and the
MVM error can be the smaller of the two.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import xarray as xr

from aimcsim import kernels
from aimcsim.chip import column_correction as affine
from aimcsim.chip.core import Cores, UnitCores, blocks
from aimcsim.chip.drift import Ageing, open_loop
from aimcsim.chip.inputs import driven, requested_inputs
from aimcsim.common.arrays import to_host
from aimcsim.common.errors import UserError
from aimcsim.common.random import Phase
from aimcsim.evaluation.mvm_error import COMPENSATIONS, energy, errors_of_sums, mvm_errors
from aimcsim.evaluation.programming_error import SHARES, residue
from aimcsim.kernels.cuda.device import available
from aimcsim.networks.perceptron import accuracy, is_network
from aimcsim.physics.state_statistics import BY_NAME, StateStatistics
from aimcsim.programming.outcome import relative_percent
from aimcsim.shards.groups import TileGroup, tile_groups
from aimcsim.shards.spec import ShardSpec, parse_spec

GLOBAL = COMPENSATIONS.index("global")
CALIBRATION = 1  # number of the batch of inputs; that of judging is 0


def evaluate(
    states: xr.Dataset,
    weights: xr.Dataset,
    fresh_inputs: int,
    adc_bits: int | None = None,
    times: Sequence[float] = (),
    statistics: str = "hermes_odp",
    calibration: int = 0,
) -> xr.Dataset:
    """Judge every programmed state of a shard.

    Parameters
    ----------
    states : conductances as :func:`aimcsim.sweep.shard.run` gives them
    weights : the weight set that was programmed
    fresh_inputs : MVMs per state
    adc_bits : resolution while judging; None: as while programming
    times : s after programming, at which to judge again with drift and slow read noise
    statistics : name of their published statistics
    calibration : MVMs, other than those judged by, that set a digital scale and offset per column
        after programming, see :func:`aimcsim.chip.column_correction.calibrate`; 0: none is set

    Returns
    -------
    Dataset over (tile, core, state): ``mvm_error``, ``held_error``, ``weight_error`` (percent),
    ``saturation`` (share of conversions), with ``calibration`` the MVM error behind it,
    ``calibrated_error`` (percent), and over shares of g_max the ``residue`` of programming;
    with time and compensation ``error_over_time`` and ``held_over_time`` (percent); the same for
    the published residue, ``open_loop_error``, over (tile, core). Over (core, state) ``accuracy``
    (percent; NaN where the weight set is no network), and with time ``accuracy_over_time``.
    """
    spec = parse_spec(states.attrs["shard"])
    laws = BY_NAME[statistics]
    judges = list(judges_of(spec, states, weights, fresh_inputs, adc_bits, calibration, laws))
    return judged_by(judges, spec, weights, times)


def judged_by(
    judges: Sequence["Judge"], spec: ShardSpec, weights: xr.Dataset, times: Sequence[float]
) -> xr.Dataset:
    """:func:`evaluate` by the judges of a shard."""
    grid = (len(spec.cores), len(spec.states))
    tiles = sum(len(judge.group.tiles) for judge in judges)
    result = _Result(tiles, grid)
    for judge in judges:
        result.put(judge, judge.programmed)
    if is_network(weights):
        result.add("accuracy", accuracy(weights, spec, _by_tile(judges, grid)))
    for index, time in enumerate(times):
        for judge in judges:
            result.put(judge, judge.at(time, index))
        if is_network(weights):
            result.add("accuracy_over_time", accuracy(weights, spec, _by_tile(judges, grid)))
    return result.dataset(spec, judges, times)


class Judge:
    """Judges all states of one group of tiles; remembers the cores as they were judged last.

    A few unit cores at a time: their arrays stay in reach of the processor, and small.

    Attributes
    ----------
    start : float32 (U, S, D, R, C), the programmed states, uS
    affine : float32 (U, S, 2, C), their digital scales and offsets, or None
    """

    def __init__(
        self,
        group: TileGroup,
        conductances: np.ndarray,
        fresh_inputs: int,
        laws: StateStatistics,
        corrections: np.ndarray | None = None,
        calibration: int = 0,
    ):
        """``conductances`` and ``corrections`` (tile, core, state, ...)."""
        self.group, self.units, self.laws = group, group.units, laws
        count = len(self.units.chip)
        self.start = conductances.reshape(count, *conductances.shape[2:])
        self.affine = corrections
        if corrections is not None:
            self.affine = corrections.reshape(count, *corrections.shape[2:])
        self.read_units = self.units
        cells = self.units.rows * self.units.columns * self.start.shape[1]
        some = max(1, self.units.kernels.CELLS_AT_ONCE // cells)
        self._parts = [slice(first, first + some) for first in range(0, count, some)]
        self._judges = [
            _Judge(
                _slice(self.units, part), group.targets[part], self.start[part],
                None if corrections is None else self.affine[part],
                fresh_inputs, laws, calibration,
            )
            for part in self._parts
        ]  # fmt: skip

    @cached_property
    def programmed(self) -> dict[str, np.ndarray]:
        """Errors right after programming, per unit core and state, (U, S, ...)."""
        return _joined([judge.programmed() for judge in self._judges])

    def at(self, time: float, index: int) -> dict[str, np.ndarray]:
        """Errors at ``time``, (U, S, compensation), and of the published residue (U, comp.)."""
        self.read_units = _silent(self.units)
        return _joined([judge.at(time, index) for judge in self._judges])

    def errors(
        self, units: UnitCores, states: np.ndarray, corrections: np.ndarray | None = None
    ) -> np.ndarray:
        """MVM errors of states (U, S, ...) on ``units``, after the global scale: (U, S)."""
        found = []
        for judge, part in zip(self._judges, self._parts, strict=True):
            own = None if corrections is None else corrections[part]
            found.append(judge.errors(_slice(units, part), states[part], own)[..., GLOBAL])
        return np.concatenate(found)

    def exact_errors(self, states: np.ndarray) -> np.ndarray:
        """The same by exact products, without wires and read-out: (U, S)."""
        pairs = zip(self._judges, self._parts, strict=True)
        found = [judge.exact_errors(states[part])[..., GLOBAL] for judge, part in pairs]
        return np.concatenate(found)

    def read_states(self) -> np.ndarray:
        """The states as they were judged last, float32 (U, S, D, R, C), uS."""
        return np.concatenate([judge.read_states for judge in self._judges])


class _Judge:
    """Judges S states of each of U unit cores; parameters and attributes as of :class:`Judge`."""

    def __init__(
        self,
        units: UnitCores,
        targets: np.ndarray,
        start: np.ndarray,
        corrections: np.ndarray | None,
        fresh_inputs: int,
        laws: StateStatistics,
        calibration: int,
    ):
        self.units, self.targets, self.start, self.affine = units, targets, start, corrections
        self.fresh_inputs, self.laws, self.calibration = fresh_inputs, laws, calibration
        kernels, every = units.kernels, np.arange(len(units.chip))
        self.x = requested_inputs(units, "uniform", fresh_inputs, 0, Phase.EVALUATION)
        self.ideal = kernels.ideal_products(self.x, every, targets)
        self.energy = energy(self.ideal, kernels)
        # x = Q F with orthonormal Q: products with F, at most one row per row of the core, have the
        # sums of squares and products of those with x.
        factor = np.linalg.qr(to_host(self.x).astype(float), mode="r")
        self.factor = kernels.xp.asarray(factor.astype(np.float32))
        self.exact = kernels.ideal_products(self.factor, every, targets)
        self.read_states = start

    def programmed(self) -> dict[str, np.ndarray]:
        cores = self._cores(self.units, self.start)
        found = self._judged(cores, self.affine, self._calibrated)
        unit, net = self._net(self.start)
        targets = self.targets[unit]
        found |= {"mvm_error": found.pop("errors")[:, GLOBAL]}
        return self._per_state(
            **found,
            held_error=self._exact(net, unit)[:, GLOBAL],
            weight_error=relative_percent(net - targets, targets),
            saturation=cores.ledger.saturated / (self.fresh_inputs * self.units.columns),
            **residue(to_host(net), to_host(targets), self.units.g_max),
        )

    def at(self, time: float, index: int) -> dict[str, np.ndarray]:
        units, aged = _silent(self.units), self._ageing.at(time, index)
        self.read_states = aged.read
        unit, net = self._net(aged.drifted)
        published = self._published.at(time, index).read
        return self._per_state(
            error_over_time=self._errors(units, aged.read, self.affine),
            held_over_time=self._exact(net, unit),
        ) | {"open_loop_error": self._errors(units, published)}

    def errors(
        self, units: UnitCores, states: np.ndarray, corrections: np.ndarray | None = None
    ) -> np.ndarray:
        """MVM errors of states (U, S, ...) on ``units``: (U, S, compensation)."""
        return self._errors(units, states, corrections).reshape(*states.shape[:2], -1)

    def exact_errors(self, states: np.ndarray) -> np.ndarray:
        unit, net = self._net(states)
        return self._exact(net, unit).reshape(*states.shape[:2], -1)

    @cached_property
    def _ageing(self) -> Ageing:
        return Ageing(self.units, self.start, self.laws)

    @cached_property
    def _published(self) -> Ageing:
        drawn = open_loop(self.units, to_host(self.targets), self.laws)
        return Ageing(self.units, drawn, self.laws)

    def _errors(
        self, units: UnitCores, states: np.ndarray, corrections: np.ndarray | None = None
    ) -> np.ndarray:
        """MVM errors of states (U, S, ...), (n, compensation)."""
        return self._judged(self._cores(units, states), corrections)["errors"]

    def _exact(self, net: np.ndarray, unit: np.ndarray) -> np.ndarray:
        """The same by exact products with ``net`` (n, R, C)."""
        kernels = self.units.kernels
        held = kernels.ideal_products(self.factor, unit, net)
        return mvm_errors(held, self.exact, unit, kernels)

    def _judged(self, cores: Cores, corrections: np.ndarray | None, further=None) -> dict:
        """``errors`` (n, compensation) of all runs, and what ``further`` finds for their outputs.

        Some runs at a time, as their outputs together would take most of the memory.
        """
        x = driven(cores.units.periphery, self.x)
        if corrections is not None:
            corrections = corrections.reshape(len(cores), *corrections.shape[2:])
        found: dict[str, list[np.ndarray]] = {}
        for runs in blocks(cores):
            y, unit = cores.mvm(x, runs), cores.unit[runs]
            own = None
            if corrections is not None:
                own = self.units.kernels.xp.asarray(corrections[runs])
                affine.apply(own, y)
            sums = cores.units.kernels.output_sums(y, self.ideal, unit)
            values = {"errors": errors_of_sums(*sums, self.energy[unit])}
            values |= further(cores, runs, y, own) if further else {}
            for name, array in values.items():
                found.setdefault(name, []).append(array)
        return {name: np.concatenate(arrays) for name, arrays in found.items()}

    def _calibrated(
        self, cores: Cores, runs: np.ndarray, y: np.ndarray, corrections: np.ndarray | None
    ) -> dict[str, np.ndarray]:
        """Error of the outputs ``y`` of ``runs`` behind a scale and offset set by further MVMs."""
        if not self.calibration:
            return {}
        unit = cores.unit[runs]
        x, ideal = self._calibration_batch
        seen = cores.mvm(driven(cores.units.periphery, x), runs)
        if corrections is not None:
            affine.apply(corrections, seen)
        found = self.units.kernels.xp.asarray(affine.calibrate(seen, ideal, unit))
        fitted = affine.apply(found, y)
        errors = mvm_errors(fitted, self.ideal, unit, cores.units.kernels)
        return {"calibrated_error": errors[:, GLOBAL]}

    @cached_property
    def _calibration_batch(self) -> tuple[np.ndarray, np.ndarray]:
        """Further inputs, and their exact outputs."""
        x = requested_inputs(self.units, "uniform", self.calibration, CALIBRATION, Phase.EVALUATION)
        every = np.arange(len(self.units.chip))
        return x, self.units.kernels.ideal_products(x, every, self.targets)

    @staticmethod
    def _cores(units: UnitCores, states: np.ndarray) -> Cores:
        """A run for each of the states (U, S, ...)."""
        unit = np.repeat(np.arange(len(states)), states.shape[1])
        flat = states.reshape(len(unit), *states.shape[2:])
        return Cores(units, unit, flat, Phase.EVALUATION)

    def _net(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Unit core of each run, and net conductances (n, R, C), uS."""
        unit = np.repeat(np.arange(len(states)), states.shape[1])
        flat = self.units.kernels.xp.asarray(states.reshape(len(unit), *states.shape[2:]))
        return unit, np.einsum("d,ndrc->nrc", self.units.polarity, flat)

    def _per_state(self, **values: np.ndarray) -> dict[str, np.ndarray]:
        grid = self.start.shape[:2]
        return {name: array.reshape(*grid, *array.shape[1:]) for name, array in values.items()}


def _joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """What was found for some unit cores after the other, for all of them."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _silent(units: UnitCores) -> UnitCores:
    """Without read noise per MVM: the published noise over time is all of a device's noise."""
    return dataclasses.replace(units, device=units.model.read_silently())


def judges_of(
    spec: ShardSpec,
    states: xr.Dataset,
    weights: xr.Dataset,
    fresh_inputs: int,
    adc_bits: int | None = None,
    calibration: int = 0,
    laws: StateStatistics = BY_NAME["hermes_odp"],
) -> Iterator[Judge]:
    """A judge for each group of tiles of a shard; parameters as of :func:`evaluate`."""
    converters = spec.periphery
    if adc_bits is not None:
        converters = converters.model_copy(update={"adc_bits": adc_bits})
    back_end = kernels.backend(judging(spec, weights))
    for group in tile_groups(spec, weights, converters, back_end):
        conductances, corrections = _conductances(states, group), _corrections(states, group)
        yield Judge(group, conductances, fresh_inputs, laws, corrections, calibration)


def judging(spec: ShardSpec, weights: xr.Dataset) -> str:
    """The back end that judges: that which programmed, or the CPU where a GPU cannot.

    That is where the device is missing, and for networks, whose digital part is the host's. Both
    judge the same cores, which either draws alike, by sums that agree to rounding.
    """
    gpu = spec.backend == "gpu"
    return "cpu" if gpu and (is_network(weights) or not available()) else spec.backend


def _by_tile(judges: list[Judge], grid: tuple[int, int]) -> dict[int, tuple]:
    """Per tile its unit cores, states as judged last, and corrections, (core, state, ...)."""
    found = {}
    for judge in judges:
        states = judge.read_states()
        for position, tile in enumerate(judge.group.tiles):
            part = slice(position * grid[0], (position + 1) * grid[0])
            corrections = None if judge.affine is None else judge.affine[part]
            units = _slice(judge.read_units, part)
            found[tile.index] = (units, states[part], corrections)
    return found


def _conductances(states: xr.Dataset, group: TileGroup) -> np.ndarray:
    """float32 (tile, core, state, D, R, C)."""
    try:
        return np.stack([states[f"conductance_{tile.index:04d}"].values for tile in group.tiles])
    except KeyError as error:
        raise UserError(
            f"the programmed states lack {error}: they were made from other weights. Delete the "
            "shard's file in results/<study>/states and run again."
        ) from None


def _corrections(states: xr.Dataset, group: TileGroup) -> np.ndarray | None:
    """Digital scale and offset, float32 (tile, core, state, 2, C); None where no state has one."""
    names = [f"affine_{tile.index:04d}" for tile in group.tiles]
    return np.stack([states[n].values for n in names]) if names[0] in states else None


def _slice(units: UnitCores, part: slice) -> UnitCores:
    """Some of the unit cores."""
    law = {name: values[part] for name, values in vars(units.law).items()}
    columns = {name: values[part] for name, values in vars(units.converters).items()}
    return dataclasses.replace(
        units,
        chip=units.chip[part],
        tile=units.tile[part],
        law=dataclasses.replace(units.law, **law),
        stuck=None if units.stuck is None else units.stuck[part],
        converters=dataclasses.replace(units.converters, **columns),
        full_scale=units.full_scale[part],
    )


class _Result:
    """Collects what the judges find, tile by tile, in the order of the times."""

    def __init__(self, tiles: int, grid: tuple[int, int]):
        self.tiles, self.grid = tiles, grid
        self.found: dict[str, list[np.ndarray]] = {}
        self._open: dict[str, int] = {}

    def put(self, judge: Judge, values: dict[str, np.ndarray]) -> None:
        """File (U, ...) values under the tiles of a group; each name has one array per time."""
        where = [tile.index for tile in judge.group.tiles]
        for name, array in values.items():
            shape = (len(where), self.grid[0], *array.shape[1:])
            lists = self.found.setdefault(name, [])
            filled = self._open.get(name, 0)
            if filled % self.tiles == 0:
                lists.append(np.full((self.tiles, *shape[1:]), np.nan, np.float32))
            lists[-1][where] = array.reshape(shape)
            self._open[name] = filled + len(where)

    def add(self, name: str, array: np.ndarray) -> None:
        self.found.setdefault(name, []).append(array)

    def dataset(self, spec: ShardSpec, judges: list[Judge], times: Sequence[float]) -> xr.Dataset:
        runs = ("tile", "core", "state")
        missing = np.full(self.grid, np.nan, np.float32)
        self.found.setdefault("accuracy", [missing])
        variables = {}
        for name in ("mvm_error", "held_error", "weight_error"):
            variables[name] = (runs, self.found[name][0], {"units": "percent"})
        if "calibrated_error" in self.found:
            values = self.found["calibrated_error"][0]
            variables["calibrated_error"] = (runs, values, {"units": "percent"})
        variables["saturation"] = (runs, self.found["saturation"][0], {"units": "1"})
        for name, units in (("residue_mean", "uS"), ("residue_spread", "uS")):
            values = self.found[name][0]
            variables[name] = ((*runs, "conductance"), values, {"units": units})
        variables["accuracy"] = (runs[1:], self.found["accuracy"][0], {"units": "percent"})
        coordinates = {
            "tile": np.arange(self.tiles),
            "core": spec.cores,
            "state": spec.states,
            "conductance": ("conductance", SHARES, {"units": "g_max"}),
        }
        if len(times):
            coordinates |= {"time": ("time", list(times), {"units": "s"})}
            coordinates |= {"compensation": list(COMPENSATIONS)}
            aged = ("time", "compensation")
            for name, dims in (
                ("error_over_time", (*runs, *aged)),
                ("held_over_time", (*runs, *aged)),
                ("open_loop_error", (*runs[:2], *aged)),
            ):
                values = np.stack(self.found[name], axis=-2)
                variables[name] = (dims, values, {"units": "percent"})
            values = self.found.get("accuracy_over_time", [missing] * len(times))
            variables["accuracy_over_time"] = (
                (*runs[1:], "time"), np.stack(values, axis=-1), {"units": "percent"},
            )  # fmt: skip
        variables |= _geometry(judges)
        ran = judges[0].units.kernels.description
        attributes = {"weight_set": spec.weight_set, "shard": spec.text, "judged_by": ran}
        return xr.Dataset(variables, coordinates, attributes)


def _geometry(judges: list[Judge]) -> dict[str, tuple]:
    tiles = sorted((t for judge in judges for t in judge.group.tiles), key=lambda t: t.index)
    held = [{piece.matrix for piece in tile.pieces} for tile in tiles]
    largest = [max(float(piece.scale.max()) for piece in tile.pieces) for tile in tiles]
    variables = {
        "rows": ([tile.rows for tile in tiles], "cells", "rows in use"),
        "columns": ([tile.columns for tile in tiles], "cells", "columns in use"),
        "matrix": ([min(of) if len(of) == 1 else -1 for of in held], "1", "-1: several"),
        "scale": (largest, "1", "largest weight that a normalised weight of 1 stands for"),
    }
    return {
        name: (("tile",), np.array(values), {"units": units, "long_name": text})
        for name, (values, units, text) in variables.items()
    }
