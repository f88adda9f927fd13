"""Conventional program-and-verify: every unit cell on its own, until it reads within a margin.

Scheme: the next pulse's current moves in proportion to the read conductance error (Papandreou et
al., ISCAS 2011), for every cell that reads outside the margin (Le Gallo et al., 2023: at most 30
iterations, margin 5 counts). Whether cells accepted before are read again is not published:
``reverify`` chooses. One device per polarity is in use; the other stays RESET.
"""

import numpy as np

from aimcsim.config.programming import Iterative
from aimcsim.core import Cores
from aimcsim.devices.melt_quench import RESET_CURRENT, nominal_current
from aimcsim.programming.outcome import Outcome, Status, relative_percent


def device_in_use(targets: np.ndarray) -> np.ndarray:
    """Index of the device that carries each target: 0 (G+) or 1 (G-), int8."""
    return (targets < 0).astype(np.int8)


def first_current(cores: Cores, targets: np.ndarray) -> np.ndarray:
    """Current of the average device for each target's magnitude, float32, RESET currents."""
    return nominal_current(cores.units.device, np.abs(targets))


def program(cores: Cores, targets: np.ndarray, settings: Iterative) -> Outcome:
    """Program every run of ``cores`` to its ``targets`` (N, R, C), uS, from RESET.

    The recorded error is that of the unit-cell reads, ||read - target|| / ||target||, each cell
    with its latest read.
    """
    every = np.arange(len(cores))
    sign = np.where(targets < 0, np.float32(-1), np.float32(1))
    device = device_in_use(targets)
    current = first_current(cores, targets)
    margin = np.float32(settings.margin * settings.count)
    # A target that rounds to zero counts is what a RESET cell already is.
    programmed = np.abs(targets) > settings.count / 2
    cores.pulse(np.where(programmed, current, 0), device, every)

    seen = np.zeros_like(targets)
    wanted = np.ones(targets.shape, bool)  # zero targets are read at least once, for the record
    errors = np.full((len(cores), settings.iterations), np.nan, np.float32)
    pending = np.zeros(targets.shape, bool)
    runs = every  # those with cells outside the margin: what a run does depends on no other
    for iteration in range(settings.iterations):
        seen[runs] = np.where(wanted[runs], cores.read_cells(runs, wanted[runs]), seen[runs])
        error = seen[runs] - targets[runs]
        errors[runs, iteration] = relative_percent(error, targets[runs])
        pending[runs] = programmed[runs] & (np.abs(error) > margin)
        unfinished = pending[runs].any(axis=(1, 2))
        runs, error = runs[unfinished], error[unfinished]
        if iteration == settings.iterations - 1 or not len(runs):
            break
        wanted[runs] = True if settings.reverify else pending[runs]
        step = np.float32(settings.gain / settings.count) * error * sign[runs]
        moved = np.clip(current[runs] + step, 0, RESET_CURRENT)
        current[runs] = np.where(pending[runs], moved, current[runs])
        cores.pulse(np.where(pending[runs], current[runs], 0), device[runs], runs)
    return Outcome(errors, _judge(cores, every, errors, pending, margin, settings), current)


def _judge(cores, runs, errors, pending, margin, settings) -> np.ndarray:
    """Status per run. Read noise is what two further reads of a core differ by."""
    accepted = 1 - pending.mean(axis=(1, 2))
    noise = (cores.read_cells(runs) - cores.read_cells(runs)).std(axis=(1, 2)) / np.sqrt(2)
    last = np.array([row[np.isfinite(row)][-1] for row in errors])
    status = np.full(len(runs), Status.BUDGET, np.int8)
    status[noise > margin] = Status.NOISE_FLOOR
    status[last > errors[:, 0]] = Status.DIVERGED
    status[accepted >= settings.accept] = Status.REACHED
    return status
