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
from aimcsim.chip.devices.interface import Device
from aimcsim.chip.periphery import Periphery
from aimcsim.chip.settings import Core
from aimcsim.common.arrays import either, to_host
from aimcsim.common.section import NATEL, OURS, key
from aimcsim.programming.accumulation import count_after, verify_pulse
from aimcsim.programming.cells import Tuning, prepare, smallest_target
from aimcsim.programming.method import METHODS, Method, Programmed, Start
from aimcsim.programming.outcome import Outcome, Status, ended, relative_percent


@METHODS.register("iterative")
class Iterative(Method):
    """Conventional program-and-verify, unit cell by unit cell."""

    label: ClassVar = "iterative programming"
    sees: ClassVar = "relative error of the unit-cell reads"
    role: ClassVar = "baseline"
    default_study: ClassVar = {
        "iterative": {},
        "verify": {
            "label": "Tuned verify", "reads": [4, 16], "margin": [0.0125, 0.025, 0.05],
            "reverify": False,
        },
    }  # fmt: skip

    iterations: int = key(
        30,
        "Reads and pulses at most per unit cell.",
        unit="iterations",
        ge=1,
        le=10000,
        source=NATEL,
    )
    margin: float = key(
        0.0625,
        "A cell is accepted once it reads within this distance of its target, or within half a "
        "step of its reads where that is more.",
        unit="g_max of one device",
        ge=0,
        le=10,
        source=f"{NATEL}: 5 counts of 80",
    )
    reads: int = key(
        1,
        "Conversions of a cell that a verify averages; each costs time and energy.",
        unit="conversions",
        ge=1,
        le=1024,
        source=NATEL,
    )
    gain: float = key(
        0.08,
        "Move of the pulse current per read error of g_max.",
        unit="RESET currents per g_max",
        gt=0,
        le=100,
        source=f"{OURS}; the scheme is Papandreou et al., ISCAS 2011",
    )
    integral: float = key(
        0.0,
        "Further move per sum of all read errors of the cell so far: a proportional-integral "
        "loop. 0: the move follows the last error alone.",
        unit="RESET currents per g_max",
        ge=0,
        le=100,
        source="the idea: arXiv 2511.03747",
    )
    offset_conversions: int = key(
        64,
        "Conversions without input, at the start, by which the offset of each column's converter "
        "is measured; it is subtracted from all reads. 0: not measured.",
        unit="conversions",
        ge=0,
        le=65536,
        source=OURS,
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

    @property
    def accepted_within(self) -> float:
        return self.margin

    def never_fires(self, core: Core, device: Device, periphery: Periphery) -> str:
        if self.iterations == 1:
            return "iterations 1: it ends with its first read. Give 2 or more"
        if self.margin >= 1:
            return (
                f"margin {self.margin:g}: a RESET cell is within it of every target, so that none "
                "is corrected. Give less than 1"
            )
        return ""

    def longest(self, core: Core) -> int:
        # Max fill tunes two devices per cell, one after the other.
        return (2 if core.unit_cell == "max_fill" else 1) * self.iterations

    @classmethod
    def program(cls, points: Sequence[Self], start: Start, targets: np.ndarray) -> Programmed:
        (settings,) = points
        cores = start.cores.branch(1)
        outcome = program(cores, targets, settings, start.tunings)
        cells = (np.abs(targets) > smallest_target(cores.units)) & outcome.tunable
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
    units = cores.units
    tunings = tunings or prepare(cores, targets)
    margin = margins(cores, settings.margin)
    offset = measured_offsets(cores, settings.offset_conversions)
    sign = either(targets < 0, -1, 1, np.float32)
    pending = np.zeros_like(targets, bool)
    held = np.zeros_like(targets)  # what earlier devices of the cell were last read to add
    errors, spent, current, device = [], [], tunings[0].current, tunings[0].device
    served = np.zeros_like(targets, bool)
    for tuning in tunings:
        seen, history, used, last, left = _tune(
            cores, targets, held, sign, margin, offset, settings, tuning, again
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
    unmet = pending | ((np.abs(targets) > smallest_target(units)) & ~served)
    status = _judge(cores, history, unmet, margin, settings)
    until = np.concatenate(spent, axis=1)
    return Outcome(history, status, current, device, tunings[-1].tunable, until)


def margins(cores: Cores, share: float) -> np.ndarray:
    """Margin of each run, float32 (N, 1, 1), uS: ``share`` of g_max, at least half a step."""
    least = cores.units.step[cores.unit] / 2
    margin = np.float32(share * cores.units.device.g_max)
    return np.maximum(margin, least)[:, None, None]


def measured_offsets(cores: Cores, conversions: int) -> np.ndarray:
    """What column offsets add to reads of all runs, as measured, float32 (N, 1, C), uS."""
    runs = np.arange(len(cores))
    if not conversions:
        return cores.units.kernels.xp.zeros((len(runs), 1, cores.shape[1]), np.float32)
    shares = cores.offsets(runs, conversions)
    return (shares * cores.units.cell_range[cores.unit][:, None])[:, None]


def _tune(cores, targets, held, sign, margin, offset, settings, tuning: Tuning, again: bool):
    """One device per cell.

    Returns latest reads, errors (N, iterations), what was spent by then, currents, cells left.
    """
    every = np.arange(len(cores))
    current = tuning.current.copy()
    rested = np.full_like(targets, again, bool)  # not pulsed since they drifted
    added = np.zeros_like(targets)  # errors so far of each cell, for the integral term
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
        read = cores.read_cells(runs, wanted[runs], device, settings.reads) - offset[runs]
        seen[runs] = np.where(wanted[runs], read, seen[runs])
        net = held[runs] + seen[runs] * sign[runs] if tuning.alone else seen[runs]
        errors[runs, iteration] = relative_percent(net - targets[runs], targets[runs])
        spent[runs, iteration] = cores.ledger.counts(runs)
        # Error in the direction of more conductance of the tuned device.
        error = seen[runs] - tuning.goal[runs]
        error = error if tuning.alone else error * sign[runs]
        pending[runs] = tuning.cells[runs] & (np.abs(error) > margin[runs])
        unfinished = to_host(pending[runs].any(axis=(1, 2)))
        runs, error = runs[unfinished], error[unfinished]
        if iteration == settings.iterations - 1 or not len(runs):
            break
        wanted[runs] = True if settings.reverify else pending[runs]
        error = np.where(pending[runs], error, 0)
        if settings.integral:
            added[runs] += error
        fired, current[runs] = _next_pulse(
            cores, settings, current[runs], error, added[runs], rested[runs],
            np.abs(tuning.goal[runs]), margin[runs], iteration,
        )  # fmt: skip
        rested[runs] &= ~pending[runs]
        cores.pulse(np.where(pending[runs], fired, 0), tuning.device[runs], runs)
    return seen, errors, spent, current, pending


def _next_pulse(cores, settings, current, error, added, rested, magnitude, margin, iteration):
    """Pulses for read errors (n, R, C), 0 where accepted; and what to remember of each device."""
    model, g_max = cores.units.model, cores.units.device.g_max
    if model.accumulates:
        fired = verify_pulse(model, error, magnitude, margin, settings.iterations - 2 - iteration)
        return fired, count_after(current, fired)
    step = np.float32(settings.gain / g_max) * error
    if settings.integral:
        step += np.float32(settings.integral / g_max) * added
    step = np.where(rested, 0, step)
    moved = np.clip(current + step, model.lowest, model.highest)
    moved = np.where(error != 0, moved, current)
    return moved, moved


def _judge(cores, errors, pending, margin, settings) -> np.ndarray:
    """Status per run. Read noise is what two further reads of a core differ by."""
    runs = np.arange(len(cores))
    accepted = 1 - to_host(pending.mean(axis=(1, 2)))
    difference = cores.read_cells(runs) - cores.read_cells(runs)
    noise = to_host(difference.std(axis=(1, 2))) / np.sqrt(2)
    margin = to_host(margin[:, 0, 0])
    status = np.full(len(runs), Status.IMPROVING, np.int8)
    status[noise > margin] = Status.NOISE_FLOOR
    status = ended(errors, status)
    status[accepted >= settings.accept] = Status.REACHED
    return status
