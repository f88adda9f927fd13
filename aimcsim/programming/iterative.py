"""Conventional program-and-verify: every unit cell on its own, until it reads within a margin.

Scheme: the next pulse's current moves in proportion to the read conductance error (Papandreou et
al., ISCAS 2011), for every cell that reads outside the margin (Le Gallo et al., 2023: at most 30
iterations, margin 5 counts). Whether cells accepted before are read again is not published:
``reverify`` chooses. Devices that accumulate SET pulses have no current to move: see
:mod:`aimcsim.programming.accumulation`. Which device of a cell is tuned is the business of
:mod:`aimcsim.programming.cells`.
"""

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np

from aimcsim.chip.core import COUNTERS, Cores
from aimcsim.chip.settings import Core
from aimcsim.common.arrays import either, to_host
from aimcsim.common.section import NATEL, OURS, key
from aimcsim.programming.accumulation import count_after, verify_pulse
from aimcsim.programming.cells import Tuning, prepare
from aimcsim.programming.method import METHODS, Method, Programmed, Start
from aimcsim.programming.outcome import Outcome, Status, relative_percent


@METHODS.register("iterative")
class Iterative(Method):
    """Conventional program-and-verify, unit cell by unit cell."""

    label: ClassVar = "iterative programming"
    sees: ClassVar = "relative error of the unit-cell reads"
    role: ClassVar = "baseline"

    iterations: int = key(
        30,
        "Reads and pulses at most per unit cell.",
        unit="iterations",
        ge=1,
        le=10000,
        source=NATEL,
    )
    margin: float = key(
        5.0,
        "A cell is accepted once it reads within this distance of its target.",
        unit="counts",
        ge=0,
        le=1000,
        source=NATEL,
    )
    gain: float = key(
        0.001,
        "Move of the pulse current per count of read error.",
        unit="RESET currents per count",
        gt=0,
        le=1,
        source=f"{OURS}; the scheme is Papandreou et al., ISCAS 2011",
    )
    reverify: bool = key(
        True,
        "true: every iteration reads all cells and corrects each that reads outside the "
        "margin, also one accepted before. false: a cell accepted once is never read again.",
        source=f"{OURS}: on uniform weights, true lands where the chip's published residual "
        "statistics are, false well below",
    )
    accept: float = key(
        0.99, "Share of accepted cells at which a core's status is 'reached'.", unit="1",
        gt=0, le=1, source=OURS,
    )  # fmt: skip

    def longest(self, core: Core) -> int:
        # Max fill tunes two devices per cell, one after the other.
        return (2 if core.unit_cell == "max_fill" else 1) * self.iterations

    @classmethod
    def program(cls, points: Sequence[Self], start: Start, targets: np.ndarray) -> Programmed:
        (settings,) = points
        cores = start.cores.branch(1)
        outcome = program(cores, targets, settings, start.tunings)
        cells = (np.abs(targets) > cores.units.count / 2) & outcome.tunable
        tuning = Tuning(outcome.device, cells, outcome.tunable, outcome.current, targets)

        def again(cores: Cores, loss: np.ndarray) -> Outcome:
            """The devices and currents of then; how much was lost they find out by reading."""
            return program(cores, targets, settings, [tuning], again=True)

        return Programmed(cores, outcome, again)


def program(
    cores: Cores,
    targets: np.ndarray,
    settings: Iterative,
    tunings: Sequence[Tuning] = (),
    again: bool = False,
) -> Outcome:
    """Tune every run of ``cores`` to its ``targets`` (N, R, C), uS.

    ``tunings`` is what :func:`~aimcsim.programming.cells.prepare` gave for these cores; empty: they
    are RESET, and are prepared here. The recorded error is that of the unit-cell reads,
    ||read - target|| / ||target||, each cell with its latest read; devices read alone are added up
    with the sign of the target.

    ``again``: the cells were tuned before and have drifted since. They are read first, and one
    outside the margin is pulsed with its ``current`` of then, which brought it near its target;
    from its second pulse on the current moves.
    """
    count = cores.units.count
    tunings = tunings or prepare(cores, targets, count / 2)
    margin = np.float32(settings.margin * count)
    sign = either(targets < 0, -1, 1, np.float32)
    pending = np.zeros_like(targets, bool)
    held = np.zeros_like(targets)  # what earlier devices of the cell were last read to add
    errors, spent, current, device = [], [], tunings[0].current, tunings[0].device
    served = np.zeros_like(targets, bool)
    for tuning in tunings:
        seen, history, used, last, left = _tune(
            cores, targets, held, sign, margin, settings, tuning, again
        )
        errors.append(history)
        spent.append(used)
        pending |= left
        if tuning.alone:
            held = held + np.where(tuning.cells, seen, 0) * sign
        current = np.where(tuning.cells, last, current)
        device = np.where(tuning.cells, tuning.device, device)
        served |= tuning.cells
    history = np.concatenate(errors, axis=1)
    # A cell that no device can bring to its target is not accepted either.
    unmet = pending | ((np.abs(targets) > count / 2) & ~served)
    status = _judge(cores, history, unmet, margin, settings)
    until = np.concatenate(spent, axis=1)
    return Outcome(history, status, current, device, tunings[-1].tunable, until)


def _tune(cores, targets, held, sign, margin, settings, tuning: Tuning, again: bool):
    """One device per cell.

    Returns latest reads, errors (N, iterations), what was spent by then, currents, cells left.
    """
    every = np.arange(len(cores))
    current = tuning.current.copy()
    rested = np.full_like(targets, again, bool)  # not pulsed since they drifted
    if not again:
        cores.pulse(np.where(tuning.cells, current, 0), tuning.device, every)
    seen = np.zeros_like(targets)
    wanted = np.ones_like(targets, bool)  # cells not tuned are read at least once, for the record
    errors = np.full((len(cores), settings.iterations), np.nan, np.float32)
    spent = np.full((*errors.shape, len(COUNTERS)), np.nan)
    pending = np.zeros_like(targets, bool)
    runs = every  # those with cells outside the margin: what a run does depends on no other
    for iteration in range(settings.iterations):
        device = tuning.device[runs] if tuning.alone else None
        read = cores.read_cells(runs, wanted[runs], device)
        seen[runs] = np.where(wanted[runs], read, seen[runs])
        net = held[runs] + seen[runs] * sign[runs] if tuning.alone else seen[runs]
        errors[runs, iteration] = relative_percent(net - targets[runs], targets[runs])
        spent[runs, iteration] = cores.ledger.counts(runs)
        # Error in the direction of more conductance of the tuned device.
        error = seen[runs] - tuning.goal[runs]
        error = error if tuning.alone else error * sign[runs]
        pending[runs] = tuning.cells[runs] & (np.abs(error) > margin)
        unfinished = to_host(pending[runs].any(axis=(1, 2)))
        runs, error = runs[unfinished], error[unfinished]
        if iteration == settings.iterations - 1 or not len(runs):
            break
        wanted[runs] = True if settings.reverify else pending[runs]
        fired, current[runs] = _next_pulse(
            cores, settings, current[runs], np.where(pending[runs], error, 0), rested[runs],
            np.abs(tuning.goal[runs]), iteration,
        )  # fmt: skip
        rested[runs] &= ~pending[runs]
        cores.pulse(np.where(pending[runs], fired, 0), tuning.device[runs], runs)
    return seen, errors, spent, current, pending


def _next_pulse(cores, settings, current, error, rested, magnitude, iteration):
    """Pulses for read errors (n, R, C), 0 where accepted; and what to remember of each device."""
    model = cores.units.model
    if model.accumulates:
        rounds, margin = settings.iterations - 2 - iteration, settings.margin * cores.units.count
        fired = verify_pulse(model, error, magnitude, np.float32(margin), rounds)
        return fired, count_after(current, fired)
    step = np.where(rested, 0, np.float32(settings.gain / cores.units.count) * error)
    moved = np.clip(current + step, model.lowest, model.highest)
    moved = np.where(error != 0, moved, current)
    return moved, moved


def _judge(cores, errors, pending, margin, settings) -> np.ndarray:
    """Status per run. Read noise is what two further reads of a core differ by."""
    runs = np.arange(len(cores))
    accepted = 1 - to_host(pending.mean(axis=(1, 2)))
    difference = cores.read_cells(runs) - cores.read_cells(runs)
    noise = to_host(difference.std(axis=(1, 2))) / np.sqrt(2)
    last = np.array([row[np.isfinite(row)][-1] for row in errors])
    status = np.full(len(runs), Status.BUDGET, np.int8)
    status[noise > margin] = Status.NOISE_FLOOR
    status[last > errors[:, 0]] = Status.DIVERGED
    status[accepted >= settings.accept] = Status.REACHED
    return status
