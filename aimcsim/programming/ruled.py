"""From estimated errors of cells to pulses, round by round: the rule that several methods share.

A method of this kind estimates in each iteration how far every cell is from its target, in its own
way (:meth:`RuledRun.observe`), and knows how sure it is. The rest is here.

One device per cell is tuned: of several in use the one that the unit-cell scheme left for tuning,
neither fully SET nor RESET. It is pulsed only if its estimated error exceeds both
``noise_threshold`` standard deviations of that estimate and a floor, the scatter of a pulse on
the device or a share of the core's typical target; its current then moves by
``learning_rate`` times what would take the estimated error back on the average device: a damped
Newton step on the data sheet's curve. Devices that accumulate SET pulses have no current:
:mod:`aimcsim.programming.accumulation` decides for them, and takes its dead band from the data
sheet in place of ``floor``, ``least`` and ``learning_rate``.

Opposite polarity. With ``opposite``, a cell too high at full RESET goes on with a device of the
other polarity, see :mod:`aimcsim.programming.polarity`.

Floor schedules. ``constant`` keeps the floor. ``stopping`` tightens it by the rounds left, see
:mod:`aimcsim.programming.stopping`, the width of a draw being ``floor`` scatters of the
device.
Rounds are those in which the estimate has settled, two iterations each.

Plans. Rounds left are counted to the next stop of the run's plan. ``fixed`` has one stop, at
``iterations``. ``rising`` has stops after 10, 20, 40, ... iterations, each plan going on from the
one before, so that a run can end at any of them. For what follows, floors before a stop at n
iterations are those of sqrt(n) iterations more. Ours: of six laws tried on six kinds of weights the
one with the smallest largest excess over plans for the same ends, 10 % where none leaves 21.
Devices that accumulate SET pulses go without: it helped there on gaussian weights and cost on
uniform ones.

With a ``target_error`` the first stop is at 10 as well, and what is measured there plans the rest.
Of the error e that a plan of n iterations leaves, a part a is that of the measurement itself and
follows from the data sheets of devices and converters; the rest falls as b / sqrt(n), and a plan
that goes on from another is worth 1.3 times its iterations (both are our measurement). So
b^2 = n (e^2 - a^2), and the target t asks for b^2 / (t^2 - a^2) iterations. With limits of time or
energy the plan ends as soon as they will be reached at the price of the last iterations, and is
drawn up anew after each: as the end comes nearer, thresholds loosen, and the run comes to rest
within its limits.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal, NamedTuple, Self

import numpy as np

from aimcsim.chip.core import COUNTERS, Cores, UnitCores, blocks
from aimcsim.chip.cost import joules, seconds
from aimcsim.chip.devices.interface import (
    Device,
    DeviceModel,
    by_current,
    current_sheet,
    pulse_sheet,
    response,
)
from aimcsim.chip.periphery import Periphery
from aimcsim.chip.settings import Core
from aimcsim.common.arrays import to_host
from aimcsim.common.section import key
from aimcsim.kernels.interface import Estimates, PulseRule, TunedCells
from aimcsim.programming.accumulation import count_after, gdp_step
from aimcsim.programming.cells import first_device
from aimcsim.programming.method import RESET, Method, Programmed, Start, values_of
from aimcsim.programming.outcome import Outcome, Status, ended
from aimcsim.programming.polarity import Tuned, other_device
from aimcsim.programming.stopping import QUIET_ITERATIONS, STOPPING_RATE

ITERATIONS_PER_DRAW = 2
CURVE_POINTS = 4096  # of the data sheet's curve that is searched, over all targets
# Of the average device's largest conductance. A device that is tuned to more is stronger than the
# average one, and turns as that does here, where its own curve still falls. Ours
REACH = 0.85
FAR = 0.3  # of g_max, over which it bends. Ours
STEEPEST = 100.0  # times that a curve may bend away from a straight line
CURVE_STEP = 0.05  # of g_max, over which the response of the current is taken. Ours
LEAST_SCATTER = 0.002  # of g_max: below it no device counts as better. Ours
LONGEST_CLIMB = 30  # SET pulses from RESET to a target, at most, for its scatter
FIRST_STOP = 10  # iterations
GOING_ON = 1.3  # what an iteration of a plan that goes on is worth. Our measurement
SHORTEST = 5  # iterations of a plan that goes on to a target, at least
RECENT = 5  # iterations whose price is that of the next ones
LARGEST_TARGET = 4.0  # root mean squares of the targets of a matrix. Ours
ENOUGH_ERROR = 50.0  # percent, which no method leaves cells at. Ours
LEFT = 0.02  # of the square of a target that is taken for reachable beside the measurement's part


class RuledMethod(Method):
    """Settings of the rule from estimated errors to pulses, whatever the errors come from."""

    start: str = key(
        RESET,
        "State to start from. reset: prepared cells, each pulsed once as the data sheet of the "
        "average device says. baseline: where the study's baseline ended, or, by its name, another "
        "method with a single setting.",
    )
    iterations: int = key(
        100,
        "Iterations at most; each is one batch of MVMs and one round of pulses.",
        unit="iterations",
        ge=1,
        le=10000,
    )
    learning_rate: float = key(
        0.5,
        "Move of the pulse current, as a share of what would take the error back on the average "
        "device of the data sheet, at the cell's target.",
        unit="1",
        gt=0,
        le=10,
    )
    decay: float = key(
        0.3,
        "How the learning rate falls: it is divided by 1 + this x pulses that the device has had. "
        "The first correct where the device differs from the average one, the last what is left "
        "to chance.",
        unit="1",
        ge=0,
        le=100,
    )
    noise_threshold: float = key(
        1.0,
        "A device is pulsed only if its estimated error exceeds this many standard "
        "deviations of the estimate.",
        unit="standard deviations",
        ge=0,
        le=100,
    )
    floor: float = key(
        1.0,
        "The threshold of noise_threshold never falls below this many standard deviations of the "
        "device's own scatter from pulse to pulse, at the cell's target.",
        unit="scatters of the device",
        ge=0,
        le=1000,
    )
    least: float = key(
        0.2,
        "A device is pulsed only if its estimated error exceeds this share of the root mean square "
        "of the core's targets: smaller errors are not worth a pulse.",
        unit="root mean squares of the targets",
        ge=0,
        le=10,
    )
    floor_schedule: Literal["constant", "stopping"] = key(
        "stopping",
        "constant: floor and least stay. stopping: they are tightened by the rounds still to "
        "come, as a device that can be redrawn often should be (optimal stopping).",
    )
    opposite: bool = key(
        True,
        "true: a cell that conducts too much with its device at full RESET goes on with "
        "the device of the other polarity, which subtracts.",
    )
    prior: float = key(
        4.0,
        "Error of a device that is assumed after a pulse, where estimates are averaged.",
        unit="scatters of the device",
        gt=0,
        le=1000,
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

    most_time: float = key(
        0.0,
        "Programming time of a core that the run keeps below, by the section cost, what it starts "
        "from included: its plan ends there. 0: no limit.",
        unit="ms",
        ge=0,
        le=1e9,
    )
    most_energy: float = key(
        0.0,
        "Programming energy of a core that the run keeps below, by the section cost, what it "
        "starts from included: its plan ends there. 0: no limit.",
        unit="mJ",
        ge=0,
        le=1e9,
    )

    @property
    def limited(self) -> bool:
        return self.most_time > 0 or self.most_energy > 0

    def longest(self, core: Core) -> int:
        return self.iterations

    def least_noise(self, periphery: Periphery) -> float:
        """Standard deviation of a cell's estimate after all iterations, at least, uS."""
        return 0.0

    def never_fires(self, core: Core, device: Device, periphery: Periphery) -> str:
        if self.iterations == 1:
            return "iterations 1: the last one only measures. Give 2 or more"
        rounds = (self.iterations - 2) / ITERATIONS_PER_DRAW
        tighten = 1 + STOPPING_RATE * rounds if self.floor_schedule == "stopping" else 1
        largest = device.g_max * core.devices_per_polarity
        if not device.law().accumulates:
            scatter = least_scatter(device)
            if self.floor * scatter / tighten >= largest:
                return (
                    f"floor {self.floor:g}: that many scatters of a device, {scatter:.2g} uS each, "
                    f"are more than the largest target, {largest:.3g} uS. Give less"
                )
            if self.least / tighten >= LARGEST_TARGET:
                return (
                    f"least {self.least:g}: no error is as large; targets hardly exceed "
                    f"{LARGEST_TARGET:g} of their root mean squares. Give less"
                )
        noise = self.least_noise(periphery)
        if self.noise_threshold * noise >= largest:
            return (
                f"noise_threshold {self.noise_threshold:g}: the converters alone leave estimates "
                f"a noise of {noise:.2g} uS, and that many of it are more than the largest target, "
                f"{largest:.3g} uS. Give less, or less periphery.adc_noise"
            )
        if self.target_error >= ENOUGH_ERROR:
            return (
                f"target_error {self.target_error:g}: cells meet it as they are prepared. Give "
                "less, or 0 for none"
            )
        return ""

    @classmethod
    def unused_on(cls, device: DeviceModel) -> tuple[str, ...]:
        return ("learning_rate", "decay", "floor", "least") if device.accumulates else ()

    @classmethod
    def runner(cls, points: Sequence[Self], units: int) -> Callable[..., "RuledRun"]:
        """What makes the units x points runs of a batch, from the arguments of
        :class:`RuledRun`."""
        raise NotImplementedError

    @classmethod
    def program(cls, points: Sequence[Self], start: Start, targets: np.ndarray) -> Programmed:
        here, rule = start.repeated(len(points)), Rule.of(points, len(targets))
        run = partial(cls.runner(points, len(targets)), carried=carried(start, targets))
        untuned = here.untuned
        if here.first is not None and by_current(here.cores.units.model):
            # What the data sheet says of the average device, before anything is measured.
            current = np.where(here.first, here.current, 0)
            here.cores.pulse(current, here.device, np.arange(len(here.cores)))
            untuned = np.where(here.first, 0, untuned)
        outcome = run(
            here.cores, targets, here.current, rule, here.device, here.tunable, untuned
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
    decay: np.ndarray
    noise_threshold: np.ndarray
    floor: np.ndarray
    least: np.ndarray
    stopping: np.ndarray  # bool: floor schedule
    rising: np.ndarray  # bool: plan
    opposite: np.ndarray  # bool: may use the other polarity
    prior: np.ndarray
    target_error: np.ndarray
    limits: np.ndarray  # (N, 2), s and J, inf: none

    @classmethod
    def of(cls, points: Sequence[RuledMethod], units: int) -> "Rule":
        """Of the units x points runs of a batch, in the order unit core, point."""

        def values(name: str) -> np.ndarray:
            return values_of(points, name, units)

        return cls(
            iterations=values("iterations"),
            learning_rate=values("learning_rate"),
            decay=values("decay"),
            noise_threshold=values("noise_threshold"),
            floor=values("floor"),
            least=values("least"),
            stopping=values("floor_schedule") == "stopping",
            rising=values("plan") == "rising",
            opposite=values("opposite"),
            prior=values("prior"),
            target_error=values("target_error"),
            limits=np.stack([_limit(values("most_time")), _limit(values("most_energy"))], axis=1),
        )


def _limit(values: np.ndarray) -> np.ndarray:
    """From thousandths, 0 for none."""
    return np.where(values > 0, 1e-3 * values, np.inf)


class Sheet(NamedTuple):
    """What data sheets say of the average device at its part of the targets of U unit cores.

    Arrays are (U, R, C).
    """

    scatter: np.ndarray
    """Standard deviation from pulse to pulse, uS."""
    response: np.ndarray | None
    """Fall of the current per conductance, RESET currents per uS; None: there is no current."""
    bend: np.ndarray | None
    """How much less it falls for conductances above the target, 1/uS: by 1 + bend x excess."""


def sheet_at(units: UnitCores, magnitude: np.ndarray) -> Sheet:
    """At targets of ``magnitude`` (U, R, C), uS."""
    model, g_max = units.model, units.device.g_max
    least = LEAST_SCATTER * g_max
    if not by_current(model):
        sheet = pulse_sheet(model)
        count = np.minimum(sheet.nominal_count(magnitude), LONGEST_CLIMB)
        return Sheet(np.maximum(sheet.after_set(magnitude, count)[1], least), None, None)
    magnitude = np.minimum(magnitude, np.float32(_largest_response(units)))
    turn, far = response(model, magnitude, CURVE_STEP * g_max), FAR * g_max
    fall = model.nominal_current(magnitude) - model.nominal_current(magnitude + far)
    straight = turn * far
    bend = (straight / np.clip(fall, straight / STEEPEST, straight) - 1) / far
    scatter = np.maximum(model.scatter(magnitude), least)
    return Sheet(scatter.astype(np.float32), turn, bend.astype(np.float32))


@lru_cache(maxsize=64)
def least_scatter(device: Device) -> float:
    """The least scatter that the rule takes a current-controlled device to have, uS."""
    targets = np.linspace(0, device.g_max, 33, dtype=np.float32)
    scatter = current_sheet(device.law()).scatter(targets)
    return float(np.maximum(scatter, LEAST_SCATTER * device.g_max).min())


def _largest_response(units: UnitCores) -> float:
    """Conductance, uS, at which the response of stronger devices is taken; see ``REACH``.

    Infinite where the average device has all targets in reach.
    """
    grid = np.linspace(0, _largest_target(units) / REACH, CURVE_POINTS, dtype=np.float32)
    current = to_host(current_sheet(units.model).nominal_current(grid))
    falling = np.flatnonzero(current > current[-1])
    reached = len(falling) and falling[-1] + 2 < CURVE_POINTS
    return REACH * float(grid[falling[-1] + 1]) if reached else np.inf


def _largest_target(units: UnitCores) -> float:
    return units.devices_per_polarity * units.device.g_max


def carried(start: Start, targets: np.ndarray) -> np.ndarray:
    """Conductance that the device to tune has at its target, (U, R, C), uS.

    All of it where it is alone. Of two devices per polarity the part that the other, left SET, does
    not carry: that of the average device at the current which tuning starts from.
    """
    magnitude, model = np.abs(targets), start.cores.units.model
    if start.cores.units.devices_per_polarity == 1 or not by_current(model):
        return magnitude
    xp = start.cores.units.kernels.xp
    grid = xp.linspace(0, _largest_target(start.cores.units), CURVE_POINTS, dtype=np.float32)
    falling = xp.asarray(model.nominal_current(grid))
    current = xp.asarray(start.current)
    part = xp.interp(current.ravel(), falling[::-1], grid[::-1])  # CuPy's takes one dimension
    return np.minimum(part.reshape(current.shape).astype(np.float32), magnitude)


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
    carried : float32 (U, R, C), uS, conductance that the device to tune has at the target; None:
        all of it

    The last iteration only measures, so that the error of the final state is on record.
    """

    def __init__(
        self, cores: Cores, targets, current, rule: Rule, device=None, tunable=None,
        untuned=None, again=False, carried=None,
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
        squares = to_host(np.square(targets).mean(axis=(1, 2), dtype=np.float64))
        self.typical = np.sqrt(squares)  # (U,), root mean square target, uS
        self.scatter, self.response, self.bend = sheet_at(
            cores.units, self.magnitude if carried is None else carried
        )
        self.current = current.astype(np.float32, copy=True)
        self.fired = np.zeros_like(own)  # pulses of the device so far
        self.surprise = np.zeros_like(own)  # squares of the errors they have left, uS**2
        self.other_count = np.zeros_like(own)  # the same of the other polarity, if they accumulate
        # Running estimate of G - G_target and its variance, uS and uS**2.
        self.estimate = np.zeros_like(own)
        # A device never tuned is off by its whole part: else its estimate would start too sure.
        distance = 0 if untuned is None else np.square(untuned)
        prior = xp.asarray(self._column(rule.prior)) * self.scatter[cores.unit]
        self.variance = (np.square(prior) + distance).astype(np.float32)
        self.quiet = np.zeros(len(cores), np.int64)
        self.status = np.full(len(cores), Status.IMPROVING, np.int8)
        self.error = np.full((len(cores), int(rule.iterations.max())), np.nan, np.float32)
        self.spent = np.full((*self.error.shape, len(COUNTERS)), np.nan)
        # Iterations after which the plan of each run ends, and before it, (N,).
        self.began = np.zeros(len(cores), int)
        self.limited = np.isfinite(rule.limits).any(axis=1)
        several = rule.rising | (rule.target_error > 0)
        self.planned = np.where(several, np.minimum(FIRST_STOP, rule.iterations), rule.iterations)
        self.stop = self.planned.copy()  # the same, or earlier where a limit will be reached

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
            active = self._within_limits(active, iteration)
            pulsing = active[iteration < self.rule.iterations[active] - 1]
            if not len(pulsing):
                break
            fired = self.correct(pulsing, iteration)
            self.quiet[pulsing] = np.where(fired > 0, 0, self.quiet[pulsing] + 1)
            last = self.planned[pulsing] == self.rule.iterations[pulsing]
            silent = pulsing[last & (self.quiet[pulsing] >= QUIET_ITERATIONS)]
            self.status[silent] = Status.NOISE_FLOOR
            active = np.setdiff1d(active, silent, assume_unique=True)

    def correct(self, runs: np.ndarray, iteration: int) -> np.ndarray:
        """Pulse the devices of ``runs`` whose error stands out; returns pulses fired, (n,)."""
        model = self.cores.units.model
        if not by_current(model):
            return self._accumulate(runs, iteration)
        assert self.response is not None
        assert self.bend is not None
        rule, tuned, kernels = self.rule, self.tuned, self.cores.units.kernels
        changes = rule.opposite[runs]
        cells = TunedCells(
            self.current, self.fired, self.surprise, self.rested, tuned.sign, self.tunable,
            self.scatter, self.response, self.bend, self.cores.unit,
        )  # fmt: skip
        pulse_rule = PulseRule(
            rule.prior[runs].astype(np.float32), rule.noise_threshold[runs].astype(np.float32),
            *self.floor(runs, iteration), rule.learning_rate[runs].astype(np.float32),
            rule.decay[runs].astype(np.float32), changes,
            model.lowest, model.highest,
        )  # fmt: skip
        estimates = Estimates(self.estimate, self.variance)
        fire, changing = kernels.decide(estimates, cells, runs, pulse_rule)
        if len(changing):
            self._change_polarity(runs, fire, changing)
        return self.cores.pulse(fire, tuned.device[runs], runs)

    def _change_polarity(self, runs: np.ndarray, fire: np.ndarray, changing: np.ndarray) -> None:
        """Give the few cells ``changing`` of ``fire`` (n, R, C), flattened, their pulses."""
        # Indices into flattened arrays: a device takes as long for each index of three as for one.
        cells, xp = fire[0].size, self.xp
        run, cell = xp.asarray(runs)[changing // cells], changing % cells
        own, target = run * cells + cell, xp.asarray(self.cores.unit)[run] * cells + cell
        current = self.tuned.change_polarity(own, self.estimate.reshape(-1)[own])
        fire.reshape(-1)[changing] = current
        self.current.reshape(-1)[own] = current
        for forgotten in (self.estimate, self.fired, self.surprise):
            forgotten.reshape(-1)[own] = 0
        prior = xp.asarray(self.rule.prior)[run] * self.scatter.reshape(-1)[target]
        self.variance.reshape(-1)[own] = np.square(prior)

    def _accumulate(self, runs: np.ndarray, iteration: int) -> np.ndarray:
        """The same for accumulating devices; ``current`` counts SET pulses since RESET."""
        rule, shape = self.rule, self.estimate[runs].shape
        deviation = self.estimate[runs] * self.tuned.sign[runs]
        noise = self._column(rule.noise_threshold)[runs] * np.sqrt(self.variance[runs])
        # Only cells whose error stands out of the noise can be pulsed: all else is left out.
        seen = np.nonzero(self.tunable[runs] & (np.abs(deviation) > noise))
        run = runs[seen[0]]
        cells = (run, *seen[1:])
        target = (self.cores.unit[run], *seen[1:])
        magnitude, prior = self.magnitude[target], np.square(rule.prior[run] * self.scatter[target])
        rounds = np.maximum(self.stop[run] - 2 - iteration, 0)
        step = gdp_step(
            pulse_sheet(self.cores.units.model), magnitude, deviation[seen], self.variance[cells],
            prior, self.current[cells], self.other_count[cells],
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
        """Errors below which no device is pulsed, in scatters and in uS, float32 (n,) each."""
        stop = self.stop[runs]
        goes_on = self.rule.rising[runs] & (stop == self.planned[runs])  # no limit comes before
        left = np.maximum(stop - 2 - iteration, 0) + np.where(goes_on, np.sqrt(stop), 0)
        rounds = left / ITERATIONS_PER_DRAW
        tighten = np.where(self.rule.stopping[runs], 1 + STOPPING_RATE * rounds, 1)
        floor, least = self.rule.floor[runs], self.rule.least[runs]
        least = least * self.typical[self.cores.unit[runs]]
        return (floor / tighten).astype(np.float32), (least / tighten).astype(np.float32)

    def _stop_satisfied(self, runs: np.ndarray, iteration: int) -> np.ndarray:
        """Mark runs that measured an error at their target; returns the others."""
        met = self.error[runs, iteration] <= self.rule.target_error[runs]
        self.status[runs[met]] = Status.REACHED
        return runs[~met]

    def _plan_on(self, runs: np.ndarray, iteration: int) -> None:
        """Give those of ``runs`` whose plan ends here, short of their iterations, the next one."""
        most = self.rule.iterations
        ending = runs[(self.planned[runs] == iteration + 1) & (most[runs] > iteration + 1)]
        if not len(ending):
            return
        wanted = np.square(self.rule.target_error[ending])
        measurement = np.square(self.irreducible(ending))
        excess = np.maximum(np.square(self.error[ending, iteration]) - measurement, 0)
        room = np.maximum(wanted - measurement, LEFT * wanted)
        length = self.planned[ending] - self.began[ending]
        worth = length * np.where(self.began[ending] > 0, GOING_ON, 1)
        needed = worth * np.divide(excess, room, out=np.ones_like(excess), where=wanted > 0)
        length = np.maximum(np.ceil(needed / GOING_ON), SHORTEST)
        length = np.where(self.rule.rising[ending], iteration + 1, length)
        self.began[ending] = iteration + 1
        self.planned[ending] = np.minimum(iteration + 1 + length, most[ending])
        self.stop[ending] = self.planned[ending]
        self.quiet[ending] = 0

    def _within_limits(self, runs: np.ndarray, iteration: int) -> np.ndarray:
        """End the plans of ``runs`` where limits will be reached; returns those that go on."""
        own = runs[self.limited[runs]]
        if not len(own) or not iteration:
            return runs
        before = max(iteration - RECENT, 0)
        now = self._price(own, iteration)
        price = (now - self._price(own, before)) / (iteration - before)
        left = np.maximum(self.rule.limits[own] - now, 0) / price
        end = iteration + 1 + np.floor(left.min(axis=1))
        self.stop[own] = np.minimum(end, self.planned[own])
        ended = own[self.stop[own] <= iteration + 1]
        return np.setdiff1d(runs, ended, assume_unique=True)

    def _price(self, runs: np.ndarray, iteration: int | np.ndarray) -> np.ndarray:
        """Time and energy of ``runs`` when the error of ``iteration`` was known, s and J (n, 2)."""
        cost, (rows, columns) = self.cores.units.cost, self.cores.shape
        assert cost is not None  # methods with limits ask for it: Method.limited
        used = dict(zip(COUNTERS, self.spent[runs, iteration].T, strict=True))
        shape = np.full(len(runs), rows), np.full(len(runs), columns)
        time, energy = seconds(cost, used, shape[1]), joules(cost, used, *shape)
        return np.stack([time.sum(axis=-1), energy.sum(axis=-1)], axis=1)

    def observe(self, runs: np.ndarray, iteration: int) -> None:
        """Record the error of ``runs`` as measured, and update the estimates of their cells."""
        raise NotImplementedError

    def irreducible(self, runs: np.ndarray) -> np.ndarray:
        """What the error of ``runs`` would be measured to be with exact conductances, percent (n,).

        By the data sheets of devices and converters.
        """
        raise NotImplementedError

    @staticmethod
    def _column(values: np.ndarray) -> np.ndarray:
        """(N,) to float32 (N, 1, 1)."""
        return np.asarray(values, np.float32)[:, None, None]
