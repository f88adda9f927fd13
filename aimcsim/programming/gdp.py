"""Gradient-descent programming (GDP): minimise the MVM error by SGD on random inputs.

Method: Buechel et al., IEEE JETCAS 13(4), 2023, doi 10.1109/JETCAS.2023.3329449. Each iteration
runs a batch of random inputs through the core, compares with the exact products, and correlates
error and input: that is the gradient of the squared error, and divided by the mean square of the
inputs an unbiased estimate of every cell's conductance error. Not published, so ours and swept:
the input distribution, the batch, the rule from gradient to pulse, the threshold, the start.

From gradient to pulse. One device per cell is tuned: of several in use the one that the unit-cell
scheme left for tuning, neither fully SET nor RESET. It is pulsed only if its estimated error
exceeds both ``noise_threshold`` standard deviations of that estimate and a floor; its current
then moves by ``learning_rate`` per count of estimated error. Devices that accumulate SET pulses
have no current: :mod:`aimcsim.programming.accumulation` decides for them, and takes its dead band
from the data sheet in place of ``floor``, ``floor_slope`` and ``learning_rate``.

Opposite polarity. With ``opposite``, a cell too high at full RESET goes on with a device of the
other polarity, see :mod:`aimcsim.programming.polarity`.

Estimators. ``batch`` takes each iteration's gradient alone; its noise is that of the whole
column's error. ``running`` keeps an estimate of every cell's error with its variance and folds
each new gradient in with the Kalman gain: what is already known of the other cells of a column is
subtracted before correlating, so their errors no longer disturb the estimate, and what remains is
read noise, averaged over all iterations since a device was last pulsed. Our design.

Correction. With ``affine``, the error is that of outputs corrected by a digital scale and offset
per column, adapted from the same MVMs (:mod:`aimcsim.chip.column_correction`).

Floor schedules. ``constant`` keeps the floor. ``stopping`` tightens it by the rounds left, see
:mod:`aimcsim.programming.stopping`, the width of a draw being ``floor`` + ``floor_slope`` x target.
Rounds are those in which the estimate has settled, two iterations each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np

from aimcsim.chip.column_correction import Adaptive
from aimcsim.chip.core import COUNTERS, Cores, blocks
from aimcsim.chip.devices.interface import DeviceModel
from aimcsim.chip.inputs import inputs
from aimcsim.chip.settings import Core
from aimcsim.common.arrays import to_host
from aimcsim.common.section import key
from aimcsim.kernels.gpu import GROUP
from aimcsim.kernels.interface import CHANGE, Estimates, Gradients, PulseRule, TunedCells
from aimcsim.kernels.patterns import SignPatterns
from aimcsim.programming.accumulation import count_after, gdp_step
from aimcsim.programming.cells import first_device
from aimcsim.programming.method import (
    BASELINE,
    METHODS,
    Footprint,
    Method,
    Programmed,
    Start,
    values_of,
)
from aimcsim.programming.outcome import Outcome, Status
from aimcsim.programming.polarity import Tuned, other_device
from aimcsim.programming.stopping import QUIET_ITERATIONS, SETTLED, STOPPING_RATE

InputDistribution = Literal["uniform", "gaussian", "binary", "orthogonal"]
ITERATIONS_PER_DRAW = 2


@METHODS.register("gdp")
class Gdp(Method):
    """Gradient-descent programming."""

    label: ClassVar = "GDP"
    sees: ClassVar = "relative error of the iteration's own MVMs"
    role: ClassVar = "subject"
    alike: ClassVar = ("start", "batch_size", "inputs")

    start: str = key(
        BASELINE,
        "State to start from. baseline: where the study's baseline ended, or, by its name, another "
        "method with a single setting. reset: as the unit-cell scheme prepares cells, nothing "
        "tuned (odp: all RESET).",
    )
    batch_size: int = key(
        256,
        "Random inputs per iteration; of orthogonal ones best as many as the core has rows, "
        "rounded up to a power of two, or a multiple.",
        unit="MVMs",
        ge=1,
        le=65536,
    )
    iterations: int = key(
        160,
        "Iterations at most; each is one batch of MVMs and one round of pulses.",
        unit="iterations",
        ge=1,
        le=10000,
    )
    learning_rate: float = key(
        0.0006,
        "Move of the pulse current per count of estimated conductance error.",
        unit="RESET currents per count",
        gt=0,
        le=1,
    )
    noise_threshold: float = key(
        2.0,
        "A device is pulsed only if its estimated error exceeds this many standard "
        "deviations of the estimate.",
        unit="standard deviations",
        ge=0,
        le=100,
    )
    floor: float = key(
        2.0,
        "The threshold of noise_threshold never falls below this error, for a target of zero "
        "conductance.",
        unit="counts",
        ge=0,
        le=1000,
    )
    floor_slope: float = key(
        0.2,
        "Growth of the floor with the target: pulses scatter more at high conductance.",
        unit="1",
        ge=0,
        le=10,
    )
    floor_schedule: Literal["constant", "stopping"] = key(
        "stopping",
        "constant: the floor stays. stopping: the floor is the scatter of a pulse, "
        "tightened by the rounds still to come (optimal stopping).",
    )
    estimator: Literal["batch", "running"] = key(
        "running",
        "batch: each iteration trusts its own gradient alone. running: gradients "
        "of all iterations are combined, weighted by their noise.",
    )
    opposite: bool = key(
        True,
        "true: a cell that conducts too much with its device at full RESET goes on with "
        "the device of the other polarity, which subtracts.",
    )
    prior: float = key(
        6.0,
        "Error of a device that is assumed after a pulse, where the estimator is running.",
        unit="counts",
        gt=0,
        le=1000,
    )
    target_error: float = key(
        0.0,
        "Stop a run once its measured MVM error is at most this; 0: use the budget.",
        unit="percent",
        ge=0,
        le=100,
    )
    inputs: InputDistribution = key(
        "orthogonal",
        "Distribution of the random programming inputs on [-1, 1]. orthogonal: Hadamard patterns "
        "with random signs, one pass is a pattern per row (rows rounded up to a power of two); "
        "batches of whole passes have no cross-talk between rows, and are simulated some six times "
        "faster.",
    )
    affine: Literal["none", "column"] = key(
        "none",
        "column: a digital scale and offset per column are adapted in each iteration together "
        "with the conductances, and stay with the core.",
        source="US 12,417,124, claim 3; how they are adapted is our design",
    )

    @property
    def corrects(self) -> bool:
        return self.affine != "none"

    def longest(self, core: Core) -> int:
        return self.iterations

    def footprint(self, rows: int, columns: int) -> Footprint:
        ideal = 4 * self.batch_size * columns
        if self.inputs == "orthogonal":  # multiplied by transforms, which need room to work
            return Footprint(ideal, 8 * self.batch_size * columns)
        # Inputs, their squares and their Gram matrix; products of some runs at a time.
        inputs = 4 * rows * (2 * self.batch_size + rows)
        scratch = 4 * GROUP * (self.batch_size * columns + 2 * rows * columns)
        return Footprint(ideal + inputs, 4 * self.batch_size * columns, scratch)

    @classmethod
    def unused_on(cls, device: DeviceModel) -> tuple[str, ...]:
        return ("learning_rate", "floor", "floor_slope") if device.accumulates else ()

    @classmethod
    def program(cls, points: Sequence[Self], start: Start, targets: np.ndarray) -> Programmed:
        settings = hyperparameters(points, len(targets))
        here = start.repeated(len(points))
        outcome = program(
            here.cores, targets, here.current, settings, here.device, here.tunable, here.untuned
        )

        def again(cores: Cores, loss: np.ndarray) -> Outcome:
            """Each cell is off by the expected loss at first."""
            return program(
                cores, targets, outcome.current, settings, outcome.device, outcome.tunable, loss,
                again=True,
            )  # fmt: skip

        return Programmed(here.cores, outcome, again)


@dataclass(frozen=True)
class Hyperparameters:
    """Settings of N runs that share a start, batch size and input distribution.

    Arrays are (N,). Units as in :class:`Gdp`.
    """

    batch_size: int
    inputs: str
    iterations: np.ndarray
    learning_rate: np.ndarray
    noise_threshold: np.ndarray
    floor: np.ndarray
    floor_slope: np.ndarray
    stopping: np.ndarray  # bool: floor schedule
    running: np.ndarray  # bool: estimator
    prior: np.ndarray  # counts
    target_error: np.ndarray  # percent
    opposite: np.ndarray | None = None  # bool: may use the other polarity; None: never
    affine: np.ndarray | None = None  # bool: adapts a scale and offset per column; None: never


def hyperparameters(points: Sequence[Gdp], units: int) -> Hyperparameters:
    """Settings of the units x points runs of a batch, in the order unit core, point."""

    def values(name: str) -> np.ndarray:
        return values_of(points, name, units)

    return Hyperparameters(
        batch_size=points[0].batch_size,
        inputs=points[0].inputs,
        iterations=values("iterations"),
        learning_rate=values("learning_rate"),
        noise_threshold=values("noise_threshold"),
        floor=values("floor"),
        floor_slope=values("floor_slope"),
        stopping=values("floor_schedule") == "stopping",
        running=values("estimator") == "running",
        prior=values("prior"),
        target_error=values("target_error"),
        opposite=values("opposite"),
        affine=values("affine") == "column",
    )


def program(
    cores: Cores,
    targets: np.ndarray,
    current: np.ndarray,
    settings: Hyperparameters,
    device: np.ndarray | None = None,
    tunable: np.ndarray | None = None,
    untuned: np.ndarray | None = None,
    again: bool = False,
) -> Outcome:
    """Program every run of ``cores`` by GDP from its present state.

    Parameters
    ----------
    targets : float32 (U, R, C), uS, per unit core
    current : float32 (N, R, C), current last used on (or known to suit) each device
    device : int8 (N, R, C), device of each cell to tune; None: the first of the target's polarity
    tunable : bool (N, R, C), cells whose device may be tuned; None: all
    untuned : float32 (N, R, C), uS, how far each cell is known to be from its target because its
        device was never tuned, or has drifted; None: nowhere
    again : the cells were tuned before and have drifted since; the first pulse of each repeats
        ``current``, which brought it near its target then

    The recorded error is the relative error of the iteration's own MVMs. The last iteration only
    measures, so that the error of the final state is on record.
    """
    return Run(cores, targets, current, settings, device, tunable, untuned, again).execute()


class Run:
    """The state of one call of :func:`program`, with its steps: observe, correct."""

    def __init__(
        self, cores, targets, current, settings, device=None, tunable=None, untuned=None,
        again=False,
    ):  # fmt: skip
        self.cores, self.settings, self.count = cores, settings, np.float32(cores.units.count)
        self.targets = targets  # (U, R, C)
        own = targets[cores.unit]
        device = first_device(cores, own) if device is None else device
        self.xp = xp = cores.units.kernels.xp
        self.tuned = Tuned(cores.units, device)
        # Cells not pulsed since they drifted; no run has any if they were not programmed before.
        self.rested = xp.full(own.shape if again else (0, *own.shape[1:]), True)
        self.tunable = np.ones_like(own, bool) if tunable is None else tunable
        self.magnitude = np.abs(targets)  # (U, R, C)
        self.current = current.astype(np.float32, copy=True)
        self.other_count = np.zeros_like(own)  # the same of the other polarity, if they accumulate
        # Running estimate of G - G_target and its variance, uS and uS**2.
        self.estimate = np.zeros_like(own)
        self.prior = np.asarray(settings.prior * self.count, np.float32) ** 2  # (N,)
        # A device never tuned is off by its whole part: else its estimate would start too sure.
        distance = 0 if untuned is None else np.square(untuned)
        prior = xp.asarray(self._column(self.prior))
        self.variance = np.broadcast_to(prior + distance, own.shape).astype(np.float32)
        self.quiet = np.zeros(len(cores), np.int64)
        self.status = np.full(len(cores), Status.BUDGET, np.int8)
        self.error = np.full((len(cores), int(settings.iterations.max())), np.nan, np.float32)
        self.spent = np.full((*self.error.shape, len(COUNTERS)), np.nan)
        self.affine = None
        if settings.affine is not None and settings.affine.any():
            spread = cores.units.periphery.gain_spread
            self.affine = Adaptive(settings.affine, own.shape[2], spread, xp)

    def execute(self) -> Outcome:
        for runs in blocks(self.cores):
            self._descend(runs)
        self._mark_diverged()
        affine = None if self.affine is None else self.affine.values
        device = self.tuned.device
        return Outcome(
            self.error, self.status, self.current, device, self.tunable, self.spent, affine
        )

    def _descend(self, active: np.ndarray) -> None:
        """All iterations of the runs ``active``; what a run does depends on no other."""
        for iteration in range(self.error.shape[1]):
            active = active[iteration < self.settings.iterations[active]]
            if not len(active):
                break
            self.observe(active, iteration)
            self.spent[active, iteration] = self.cores.ledger.counts(active)
            active = self._stop_satisfied(active, iteration)
            pulsing = active[iteration < self.settings.iterations[active] - 1]
            if not len(pulsing):
                break
            fired = self.correct(pulsing, iteration)
            self.quiet[pulsing] = np.where(fired > 0, 0, self.quiet[pulsing] + 1)
            silent = pulsing[self.quiet[pulsing] >= QUIET_ITERATIONS]
            self.status[silent] = Status.NOISE_FLOOR
            active = np.setdiff1d(active, silent, assume_unique=True)

    def observe(self, runs: np.ndarray, iteration: int) -> None:
        """One batch of MVMs: record the error and update the estimates of ``runs``."""
        cores, kernels, batch = self.cores, self.cores.units.kernels, self.settings.batch_size
        units, own = np.unique(cores.unit[runs], return_inverse=True)
        x = inputs(cores.units, self.settings.inputs, batch, iteration, cores.phase, units)
        ideal = kernels.ideal_products(x, np.arange(len(units)), self.targets, units)
        error = cores.mvm(x, runs, own)
        if self.affine is not None:
            self.affine.correct(error, ideal, own, runs)
        energy, ideal_energy = kernels.residual(error, ideal, own)
        # Added up on the host, in the same order whatever the batch.
        total, ideal_energy = to_host(energy).sum(axis=1, dtype=np.float64), ideal_energy[own]
        safe = np.where(ideal_energy > 0, ideal_energy, 1)
        self.error[runs, iteration] = 100 * np.sqrt(total / safe)
        power, predicted = self._explained(x, runs, own)
        gradients = Gradients(kernels.correlate(x, own, error), predicted, energy, power, batch)
        estimates = Estimates(self.estimate, self.variance)
        kernels.fold(estimates, runs, gradients, self.settings.running[runs])

    def _explained(
        self, x: np.ndarray | SignPatterns, runs: np.ndarray, own: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Sum of the squares of one row's inputs (n,), and what of the gradient is explained.

        That is x.T @ x @ estimate, (n, R, C). Through the Gram matrix x.T @ x, which is a quarter
        of the work of another pass over the batch; None: this is a multiple of the identity.
        """
        if isinstance(x, SignPatterns):
            return np.full(len(runs), x.batch * np.square(x.level), np.float32), None
        kernels = self.cores.units.kernels
        gram = kernels.correlate(x, np.arange(len(x)), x)
        power = np.trace(gram, axis1=1, axis2=2) / np.float32(x.shape[2])
        return power[own], kernels.ideal_products(gram, own, self.estimate, runs)

    def correct(self, runs: np.ndarray, iteration: int) -> np.ndarray:
        """Pulse the devices of ``runs`` whose error stands out; returns pulses fired, (n,)."""
        if self.cores.units.model.accumulates:
            return self._accumulate(runs, iteration)
        settings, tuned, kernels = self.settings, self.tuned, self.cores.units.kernels
        floor, slope = self.floor(runs, iteration)
        changes = np.zeros(len(runs), bool)
        if settings.opposite is not None:
            changes = settings.opposite[runs]
        model = self.cores.units.model
        cells = TunedCells(
            self.current, self.rested, tuned.sign, self.tunable, self.magnitude, self.cores.unit
        )
        rule = PulseRule(
            self.prior[runs], settings.noise_threshold[runs].astype(np.float32), floor, slope,
            settings.learning_rate[runs].astype(np.float32) / self.count, changes, model.lowest,
            model.highest,
        )  # fmt: skip
        fire = kernels.decide(Estimates(self.estimate, self.variance), cells, runs, rule)
        if changes.any():
            self._change_polarity(runs, fire)
        return self.cores.pulse(fire, tuned.device[runs], runs)

    def _change_polarity(self, runs: np.ndarray, fire: np.ndarray) -> None:
        """Give the few cells of ``fire`` (n, R, C) that change polarity their pulses."""
        flat = np.flatnonzero(fire == CHANGE)
        if not len(flat):
            return
        change = np.unravel_index(flat, fire.shape)
        cells = (self.xp.asarray(runs)[change[0]], *change[1:])
        fire[change] = self.tuned.change_polarity(cells, self.estimate[cells])
        self.current[cells] = fire[change]
        self.estimate[cells] = 0
        self.variance[cells] = self.xp.asarray(self.prior)[cells[0]]

    def _accumulate(self, runs: np.ndarray, iteration: int) -> np.ndarray:
        """The same for accumulating devices; ``current`` counts SET pulses since RESET."""
        settings, shape = self.settings, self.estimate[runs].shape
        deviation = self.estimate[runs] * self.tuned.sign[runs]
        noise = self._column(settings.noise_threshold)[runs] * np.sqrt(self.variance[runs])
        # Only cells whose error stands out of the noise can be pulsed: all else is left out.
        seen = np.nonzero(self.tunable[runs] & (np.abs(deviation) > noise))
        run = runs[seen[0]]
        cells = (run, *seen[1:])
        magnitude = self.magnitude[(self.cores.unit[run], *seen[1:])]
        rounds = np.maximum(settings.iterations[run] - 2 - iteration, 0)
        opposite = np.zeros(len(run), bool) if settings.opposite is None else settings.opposite[run]
        step = gdp_step(
            self.cores.units.model, magnitude, deviation[seen], self.variance[cells],
            self.prior[run], self.current[cells], self.other_count[cells],
            rounds.astype(np.float32), settings.stopping[run], opposite,
        )  # fmt: skip
        at_other = np.where(step.by_other, step.pulse, 0)
        self.current[cells] = count_after(self.current[cells], step.pulse - at_other)
        self.other_count[cells] = count_after(self.other_count[cells], at_other)
        self.estimate[cells] = step.deviation * self.tuned.sign[cells]
        self.variance[cells] = step.variance
        device, fired = self.tuned.device[runs], np.zeros(shape, np.float32)
        other = other_device(self.cores.units, device[seen])
        device[seen] = np.where(step.by_other, other, device[seen])
        fired[seen] = step.pulse
        return self.cores.pulse(fired, device, runs)

    def floor(self, runs: np.ndarray, iteration: int) -> tuple[np.ndarray, np.ndarray]:
        """Error below which no device is pulsed: for a target of zero, uS, and its growth with the
        target, 1; float32 (n,) each."""
        settings = self.settings
        rounds = np.maximum(settings.iterations[runs] - 2 - iteration, 0) / ITERATIONS_PER_DRAW
        tighten = np.where(settings.stopping[runs], 1 + STOPPING_RATE * rounds, 1)
        floor, slope = settings.floor[runs] * self.count, settings.floor_slope[runs]
        return (floor / tighten).astype(np.float32), (slope / tighten).astype(np.float32)

    def _stop_satisfied(self, runs: np.ndarray, iteration: int) -> np.ndarray:
        """Mark runs that measured an error at their target; returns the others."""
        met = self.error[runs, iteration] <= self.settings.target_error[runs]
        self.status[runs[met]] = Status.REACHED
        return runs[~met]

    def _mark_diverged(self) -> None:
        measured = np.isfinite(self.error)
        last = measured.cumsum(axis=1)
        ending = measured & (last > last[:, -1:] - SETTLED)
        ended = np.where(ending, self.error, 0).sum(axis=1) / np.maximum(ending.sum(axis=1), 1)
        grown = (ended > self.error[:, 0]) & (self.status != Status.REACHED)
        self.status[grown & (last[:, -1] > SETTLED)] = Status.DIVERGED

    @staticmethod
    def _column(values: np.ndarray) -> np.ndarray:
        """(N,) to float32 (N, 1, 1)."""
        return np.asarray(values, np.float32)[:, None, None]
