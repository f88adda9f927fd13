"""From estimated errors of cells to pulses, round by round: the rule that several methods share.

A method of this kind estimates in each iteration how far every cell is from its target, in its own
way (:meth:`RuledRun.observe`), and knows how sure it is. The rest is here.

One device per cell is tuned: of several in use the one that the unit-cell scheme left for tuning,
neither fully SET nor RESET. It is pulsed only if its estimated error exceeds both
``noise_threshold`` standard deviations of that estimate and a floor; its current then moves by
``learning_rate`` per estimated error of g_max. Devices that accumulate SET pulses have no current:
:mod:`aimcsim.programming.accumulation` decides for them, and takes its dead band from the data
sheet in place of ``floor``, ``floor_slope`` and ``learning_rate``.

Opposite polarity. With ``opposite``, a cell too high at full RESET goes on with a device of the
other polarity, see :mod:`aimcsim.programming.polarity`.

Floor schedules. ``constant`` keeps the floor. ``stopping`` tightens it by the rounds left, see
:mod:`aimcsim.programming.stopping`, the width of a draw being ``floor`` + ``floor_slope`` x target.
Rounds are those in which the estimate has settled, two iterations each.

Plans. Rounds left are counted to the next stop of the run's plan. ``fixed`` has one stop, at
``iterations``: cheap where the price is known. ``rising`` has stops after 10, 20, 40, ...
iterations, each plan going on from the one before, so that the run can end at any of them. With a
``target_error``, the first stop is at 10 as well, and what was measured there sets the next one:
errors fall about as one over the square root of the iterations planned for (our measurement), so a
run at n iterations with the error e expects the target t at n (e / t)^2. A run that has met its
target at a stop ends there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np

from aimcsim.chip.core import COUNTERS, Cores, blocks
from aimcsim.chip.devices.interface import DeviceModel
from aimcsim.chip.settings import Core
from aimcsim.common.section import key
from aimcsim.kernels.interface import CHANGE, Estimates, PulseRule, TunedCells
from aimcsim.programming.accumulation import count_after, gdp_step
from aimcsim.programming.cells import first_device
from aimcsim.programming.method import BASELINE, Method, Programmed, Start, values_of
from aimcsim.programming.outcome import Outcome, Status, ended
from aimcsim.programming.polarity import Tuned, other_device
from aimcsim.programming.stopping import QUIET_ITERATIONS, STOPPING_RATE

ITERATIONS_PER_DRAW = 2
FIRST_STOP = 10  # iterations
GROWTH = 1.2, 4.0  # of the iterations from one stop to the next, at least and at most, to a target


class RuledMethod(Method):
    """Settings of the rule from estimated errors to pulses, whatever the errors come from."""

    start: str = key(
        BASELINE,
        "State to start from. baseline: where the study's baseline ended, or, by its name, another "
        "method with a single setting. reset: as the unit-cell scheme prepares cells, nothing "
        "tuned (odp: all RESET).",
    )
    iterations: int = key(
        160,
        "Iterations at most; each is one batch of MVMs and one round of pulses.",
        unit="iterations",
        ge=1,
        le=10000,
    )
    learning_rate: float = key(
        0.048,
        "Move of the pulse current per estimated conductance error of g_max.",
        unit="RESET currents per g_max",
        gt=0,
        le=100,
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
        0.025,
        "The threshold of noise_threshold never falls below this error, for a target of zero "
        "conductance.",
        unit="g_max of one device",
        ge=0,
        le=10,
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
    opposite: bool = key(
        True,
        "true: a cell that conducts too much with its device at full RESET goes on with "
        "the device of the other polarity, which subtracts.",
    )
    prior: float = key(
        0.075,
        "Error of a device that is assumed after a pulse, where the estimator is running.",
        unit="g_max of one device",
        gt=0,
        le=10,
    )
    plan: Literal["fixed", "rising"] = key(
        "fixed",
        "fixed: thresholds are planned for the end at 'iterations'. rising: for stops after 10, "
        "20, 40, ... iterations, each plan going on from the one before.",
    )
    target_error: float = key(
        0.0,
        "Measured error that is wanted: the run is planned for it, from what it measures in its "
        "first 10 iterations, and ends where it is met. 0: the run uses its iterations.",
        unit="percent",
        ge=0,
        le=100,
    )

    def longest(self, core: Core) -> int:
        return self.iterations

    @classmethod
    def unused_on(cls, device: DeviceModel) -> tuple[str, ...]:
        return ("learning_rate", "floor", "floor_slope") if device.accumulates else ()

    @classmethod
    def runner(cls, points: Sequence[Self], units: int) -> Callable[..., "RuledRun"]:
        """What makes the units x points runs of a batch, from the arguments of
        :class:`RuledRun`."""
        raise NotImplementedError

    @classmethod
    def program(cls, points: Sequence[Self], start: Start, targets: np.ndarray) -> Programmed:
        here, rule = start.repeated(len(points)), Rule.of(points, len(targets))
        run = cls.runner(points, len(targets))
        outcome = run(
            here.cores, targets, here.current, rule, here.device, here.tunable, here.untuned
        ).execute()

        def again(cores: Cores, loss: np.ndarray) -> Outcome:
            """Each cell is off by the expected loss at first."""
            return run(
                cores, targets, outcome.current, rule, outcome.device, outcome.tunable, loss,
                again=True,
            ).execute()  # fmt: skip

        return Programmed(here.cores, outcome, again)


@dataclass(frozen=True)
class Rule:
    """Settings of the rule for N runs; arrays are (N,), units as in :class:`RuledMethod`."""

    iterations: np.ndarray
    learning_rate: np.ndarray
    noise_threshold: np.ndarray
    floor: np.ndarray
    floor_slope: np.ndarray
    stopping: np.ndarray  # bool: floor schedule
    rising: np.ndarray  # bool: plan
    opposite: np.ndarray  # bool: may use the other polarity
    prior: np.ndarray
    target_error: np.ndarray

    @classmethod
    def of(cls, points: Sequence[RuledMethod], units: int) -> "Rule":
        """Of the units x points runs of a batch, in the order unit core, point."""

        def values(name: str) -> np.ndarray:
            return values_of(points, name, units)

        return cls(
            iterations=values("iterations"),
            learning_rate=values("learning_rate"),
            noise_threshold=values("noise_threshold"),
            floor=values("floor"),
            floor_slope=values("floor_slope"),
            stopping=values("floor_schedule") == "stopping",
            rising=values("plan") == "rising",
            opposite=values("opposite"),
            prior=values("prior"),
            target_error=values("target_error"),
        )


class RuledRun:
    """N runs of a method of this kind, with its steps: observe, correct.

    Parameters
    ----------
    targets : float32 (U, R, C), uS, per unit core
    current : float32 (N, R, C), current last used on (or known to suit) each device
    rule : of the N runs
    device : int8 (N, R, C), device of each cell to tune; None: the first of the target's polarity
    tunable : bool (N, R, C), cells whose device may be tuned; None: all
    untuned : float32 (N, R, C), uS, how far each cell is known to be from its target because its
        device was never tuned, or has drifted; None: nowhere
    again : the cells were tuned before and have drifted since; the first pulse of each repeats
        ``current``, which brought it near its target then

    The last iteration only measures, so that the error of the final state is on record.
    """

    def __init__(
        self, cores: Cores, targets, current, rule: Rule, device=None, tunable=None,
        untuned=None, again=False,
    ):  # fmt: skip
        self.cores, self.rule = cores, rule
        self.g_max = np.float32(cores.units.device.g_max)
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
        self.prior = np.asarray(rule.prior * self.g_max, np.float32) ** 2  # (N,)
        # A device never tuned is off by its whole part: else its estimate would start too sure.
        distance = 0 if untuned is None else np.square(untuned)
        prior = xp.asarray(self._column(self.prior))
        self.variance = np.broadcast_to(prior + distance, own.shape).astype(np.float32)
        self.quiet = np.zeros(len(cores), np.int64)
        self.status = np.full(len(cores), Status.IMPROVING, np.int8)
        self.error = np.full((len(cores), int(rule.iterations.max())), np.nan, np.float32)
        self.spent = np.full((*self.error.shape, len(COUNTERS)), np.nan)
        # Iterations after which the plan of each run ends, (N,).
        several = rule.rising | (rule.target_error > 0)
        self.stop = np.where(several, np.minimum(FIRST_STOP, rule.iterations), rule.iterations)

    def execute(self) -> Outcome:
        for runs in blocks(self.cores):
            self._descend(runs)
        self.status = ended(self.error, self.status)
        return Outcome(
            self.error, self.status, self.current, self.tuned.device, self.tunable, self.spent
        )

    def _descend(self, active: np.ndarray) -> None:
        """All iterations of the runs ``active``; what a run does depends on no other."""
        for iteration in range(self.error.shape[1]):
            active = active[iteration < self.rule.iterations[active]]
            if not len(active):
                break
            self.observe(active, iteration)
            self.spent[active, iteration] = self.cores.ledger.counts(active)
            active = self._stop_satisfied(active, iteration)
            self._plan_on(active, iteration)
            pulsing = active[iteration < self.rule.iterations[active] - 1]
            if not len(pulsing):
                break
            fired = self.correct(pulsing, iteration)
            self.quiet[pulsing] = np.where(fired > 0, 0, self.quiet[pulsing] + 1)
            last = self.stop[pulsing] == self.rule.iterations[pulsing]
            silent = pulsing[last & (self.quiet[pulsing] >= QUIET_ITERATIONS)]
            self.status[silent] = Status.NOISE_FLOOR
            active = np.setdiff1d(active, silent, assume_unique=True)

    def correct(self, runs: np.ndarray, iteration: int) -> np.ndarray:
        """Pulse the devices of ``runs`` whose error stands out; returns pulses fired, (n,)."""
        if self.cores.units.model.accumulates:
            return self._accumulate(runs, iteration)
        rule, tuned, kernels = self.rule, self.tuned, self.cores.units.kernels
        floor, slope = self.floor(runs, iteration)
        changes = rule.opposite[runs]
        model = self.cores.units.model
        cells = TunedCells(
            self.current, self.rested, tuned.sign, self.tunable, self.magnitude, self.cores.unit
        )
        pulse_rule = PulseRule(
            self.prior[runs], rule.noise_threshold[runs].astype(np.float32), floor, slope,
            rule.learning_rate[runs].astype(np.float32) / self.g_max, changes, model.lowest,
            model.highest,
        )  # fmt: skip
        fire = kernels.decide(Estimates(self.estimate, self.variance), cells, runs, pulse_rule)
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
        rule, shape = self.rule, self.estimate[runs].shape
        deviation = self.estimate[runs] * self.tuned.sign[runs]
        noise = self._column(rule.noise_threshold)[runs] * np.sqrt(self.variance[runs])
        # Only cells whose error stands out of the noise can be pulsed: all else is left out.
        seen = np.nonzero(self.tunable[runs] & (np.abs(deviation) > noise))
        run = runs[seen[0]]
        cells = (run, *seen[1:])
        magnitude = self.magnitude[(self.cores.unit[run], *seen[1:])]
        rounds = np.maximum(self.stop[run] - 2 - iteration, 0)
        step = gdp_step(
            self.cores.units.model, magnitude, deviation[seen], self.variance[cells],
            self.prior[run], self.current[cells], self.other_count[cells],
            rounds.astype(np.float32), rule.stopping[run], rule.opposite[run],
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
        rule = self.rule
        rounds = np.maximum(self.stop[runs] - 2 - iteration, 0) / ITERATIONS_PER_DRAW
        tighten = np.where(rule.stopping[runs], 1 + STOPPING_RATE * rounds, 1)
        floor, slope = rule.floor[runs] * self.g_max, rule.floor_slope[runs]
        return (floor / tighten).astype(np.float32), (slope / tighten).astype(np.float32)

    def _stop_satisfied(self, runs: np.ndarray, iteration: int) -> np.ndarray:
        """Mark runs that measured an error at their target; returns the others."""
        met = self.error[runs, iteration] <= self.rule.target_error[runs]
        self.status[runs[met]] = Status.REACHED
        return runs[~met]

    def _plan_on(self, runs: np.ndarray, iteration: int) -> None:
        """Give those of ``runs`` whose plan ends here, short of their iterations, the next one."""
        ending = runs[
            (self.stop[runs] == iteration + 1) & (self.rule.iterations[runs] > iteration + 1)
        ]
        if not len(ending):
            return
        wanted = self.rule.target_error[ending]
        factor = np.full(len(ending), 2.0)
        factor[wanted > 0] = (self.error[ending, iteration] / wanted)[wanted > 0] ** 2
        factor = np.where(self.rule.rising[ending], 2.0, np.clip(factor, *GROWTH))
        following = np.ceil(self.stop[ending] * factor).astype(int)
        self.stop[ending] = np.minimum(following, self.rule.iterations[ending])
        self.quiet[ending] = 0

    def observe(self, runs: np.ndarray, iteration: int) -> None:
        """Record the error of ``runs`` as measured, and update the estimates of their cells."""
        raise NotImplementedError

    @staticmethod
    def _column(values: np.ndarray) -> np.ndarray:
        """(N,) to float32 (N, 1, 1)."""
        return np.asarray(values, np.float32)[:, None, None]
