"""How good is a programmed core? The errors of physics, on inputs that programming never saw.

Definitions. MVM error: sqrt(sum ||a y - y_ideal||^2 / sum ||y_ideal||^2) in percent, over fresh
inputs uniform on [-1, 1] at the DAC's resolution, after one global scale a = <y, y_ideal> / <y, y>
(drift compensation). y_ideal is that of the inputs asked for: what the DAC's range clips is error;
and of the weights: where these are clipped (core.clip_sigmas), or targets are for a time to come
(core.target_time), that targets are not in proportion to them is error too. Held error: the same
with the exact conductances and no read-out, which separates programming from reading. Weight error:
||G - G_target|| / ||G_target||, G the net unit-cell conductance.

A tile whose targets are all zero has no relative error: all of these are NaN there.

Both of the latter are of the conductances as they lie in the cells, without wires: where
programming moved them to make up for the wires, that counts as an error of what is held, and the
MVM error can be the smaller of the two.
"""

import dataclasses
from functools import cached_property

import numpy as np

from aimcsim.chip import column_correction as affine
from aimcsim.chip.core import Cores, UnitCores, blocks
from aimcsim.chip.drift import Aged, Ageing, age, open_loop
from aimcsim.chip.inputs import driven, requested_inputs
from aimcsim.common.arrays import to_host
from aimcsim.common.random import Phase
from aimcsim.evaluation.mvm_error import COMPENSATIONS, energy, errors_of_sums, mvm_errors
from aimcsim.evaluation.programming_error import programming_error
from aimcsim.kernels.patterns import SignPatterns
from aimcsim.physics.state_statistics import StateStatistics
from aimcsim.programming.outcome import relative_percent
from aimcsim.shards.groups import TileGroup

GLOBAL = COMPENSATIONS.index("global")
# Of the states that are judged at once on a device, at the peak, with room for its allocator:
# measured 82 with two devices per polarity.
BYTES_PER_CELL = 110
CALIBRATION = 1  # number of the batch of inputs; that of judging is 0


class Judge:
    """Judges all states of one group of tiles.

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
        self.fresh_inputs = fresh_inputs
        count = len(self.units.chip)
        self.start = conductances.reshape(count, *conductances.shape[2:])
        self.affine = corrections
        if corrections is not None:
            self.affine = corrections.reshape(count, *corrections.shape[2:])
        kernels, cells = self.units.kernels, self.units.rows * self.units.columns
        at_once = kernels.CELLS_AT_ONCE
        if kernels.device is not None:
            at_once = min(at_once, kernels.device.free_bytes() // BYTES_PER_CELL)
        some = max(1, at_once // (cells * self.start.shape[1]))
        self._parts = [slice(first, first + some) for first in range(0, count, some)]
        self._judges = [
            _Judge(
                _slice(self.units, part), group.targets[part], group.wanted[part],
                self.start[part],
                None if self.affine is None else self.affine[part],
                fresh_inputs, laws, calibration,
            )
            for part in self._parts
        ]  # fmt: skip

    @cached_property
    def programmed(self) -> dict[str, np.ndarray]:
        """Errors right after programming, per unit core and state, (U, S, ...)."""
        return _joined([judge.programmed() for judge in self._judges])

    def at(self, time: float, index: int) -> dict[str, np.ndarray]:
        """Errors at ``time``, (U, S, compensation), and of the published error (U, comp.)."""
        return _joined([judge.at(time, index) for judge in self._judges])

    def of_targets(self) -> "Judge":
        """The same, whose ideal outputs are those of the targets, for whatever time these are."""
        group = self.group
        if group.targets is group.wanted:
            return self
        states = self.start.reshape(len(group.tiles), -1, *self.start.shape[1:])
        group = dataclasses.replace(group, wanted=group.targets)
        return Judge(group, states, self.fresh_inputs, self.laws)

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


class _Judge:
    """Judges S states of each of U unit cores; parameters and attributes as of :class:`Judge`."""

    def __init__(
        self,
        units: UnitCores,
        targets: np.ndarray,
        wanted: np.ndarray,
        start: np.ndarray,
        corrections: np.ndarray | None,
        fresh_inputs: int,
        laws: StateStatistics,
        calibration: int,
    ):
        self.units, self.targets, self.wanted = units, targets, wanted
        self.start, self.affine = start, corrections
        self.fresh_inputs, self.laws, self.calibration = fresh_inputs, laws, calibration
        kernels, every = units.kernels, np.arange(len(units.chip))
        self.x = requested_inputs(units, "uniform", fresh_inputs, 0, Phase.EVALUATION)
        self.ideal = kernels.ideal_products(self.x, every, wanted)
        self.energy = energy(self.ideal, kernels)
        # x = Q F with orthonormal Q: products with F, at most one row per row of the core, have the
        # sums of squares and products of those with x.
        factor = np.linalg.qr(to_host(self.x).astype(float), mode="r")
        self.factor = kernels.xp.asarray(np.asarray(factor, np.float32))
        self.exact = kernels.ideal_products(self.factor, every, wanted)

    def programmed(self) -> dict[str, np.ndarray]:
        cores = self._cores(self.units, self.start)
        found = self._judged(cores, self.affine, self._calibrated)
        unit, net = self._net(self.start)
        targets = self.targets[unit]
        found |= {"mvm_error": found.pop("errors")[:, GLOBAL]}
        weight_error = relative_percent(net - targets, targets)
        weight_error[~to_host(targets.any(axis=(1, 2)))] = np.nan
        return self._per_state(
            **found,
            held_error=self._exact(net, unit)[:, GLOBAL],
            weight_error=weight_error,
            saturation=cores.ledger.saturated / (self.fresh_inputs * self.units.columns),
            **programming_error(net, self.targets, unit, self.units.g_max, self.units.kernels),
        )

    def at(self, time: float, index: int) -> dict[str, np.ndarray]:
        units, aged = _silent(self.units), self._aged(time, index)
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

    def _aged(self, time: float, index: int) -> Aged:
        if self.units.kernels.device is None:
            return self._ageing.at(time, index)
        # Made anew each time: exponents of all states, kept, would fill the device.
        start = self.units.kernels.xp.asarray(self.start)
        return age(self.units, start, self.laws, time, index)

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
    def _calibration_batch(self) -> tuple[np.ndarray | SignPatterns, np.ndarray]:
        """Further inputs, and their exact outputs."""
        x = requested_inputs(self.units, "uniform", self.calibration, CALIBRATION, Phase.EVALUATION)
        every = np.arange(len(self.units.chip))
        return x, self.units.kernels.ideal_products(x, every, self.wanted)

    @staticmethod
    def _cores(units: UnitCores, states: np.ndarray) -> Cores:
        """A run for each of the states (U, S, ...)."""
        unit = np.repeat(np.arange(len(states)), states.shape[1])
        flat = states.reshape(len(unit), *states.shape[2:])
        return Cores(units, unit, flat, Phase.EVALUATION)

    def _net(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Unit core of each run, and net conductances (n, R, C), uS."""
        unit = np.repeat(np.arange(len(states)), states.shape[1])
        xp = self.units.kernels.xp
        flat = xp.asarray(states.reshape(len(unit), *states.shape[2:]))
        # How einsum lays out its result is the array module's choice; products go by rows.
        net = np.einsum("d,ndrc->nrc", self.units.polarity, flat)
        return unit, xp.ascontiguousarray(net)

    def _per_state(self, **values: np.ndarray) -> dict[str, np.ndarray]:
        grid = self.start.shape[:2]
        return {name: array.reshape(*grid, *array.shape[1:]) for name, array in values.items()}


def _joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """What was found for some unit cores after the other, for all of them."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _silent(units: UnitCores) -> UnitCores:
    """Without read noise per MVM: the published noise over time is all of a device's noise."""
    return dataclasses.replace(units, device=units.model.read_silently())


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
        cell_range=units.cell_range[part],
    )
