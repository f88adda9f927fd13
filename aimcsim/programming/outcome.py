"""How a programming run ended, and what it recorded on the way."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from aimcsim.common.arrays import to_host


class Status(IntEnum):
    """Why a run ended. Stored in results: never renumber."""

    REACHED = 0  # the stated goal was met
    NOISE_FLOOR = 1  # nothing left to correct stands out of the read noise
    IMPROVING = 2  # iterations used up while the measured error was still falling
    DIVERGED = 3  # the measured error ended higher than it began
    CONVERGED = 4  # iterations used up, and the measured error no longer fell


@dataclass(frozen=True)
class Outcome:
    """Result of programming N runs.

    Attributes
    ----------
    error : float32 (N, iterations), percent, measured through the ports at the start of each
        iteration; NaN once a run has stopped
    status : int8 (N,)
    current : float32 (N, R, C), last pulse current of the device in use of each cell; of an
        accumulating device the SET pulses since its last RESET
    device : int8 (N, R, C), that device's index in its cell
    tunable : bool (N, R, C), cells whose device may be tuned further
    spent : float64 (N, iterations, 5), what the run had used, preparation included, once
        ``error`` was measured, in the order of ``aimcsim.chip.core.COUNTERS``; NaN as ``error``;
        None: nothing
    affine : float32 (N, 2, C), digital scale and offset (uS x input) of every column's output, to
        be applied wherever the core is used; None: no correction
    """

    error: np.ndarray
    status: np.ndarray
    current: np.ndarray
    device: np.ndarray
    tunable: np.ndarray
    spent: np.ndarray | None = None
    affine: np.ndarray | None = None


SETTLED = 3  # iterations averaged, at least, to tell where the error ended
SHARE = 0.1  # of a run's iterations that are averaged for it
FALLS = 0.01  # an error that falls by less than this share of itself has converged
SIGMAS = 2.0  # standard errors by which a change has to stand out


def ended(error: np.ndarray, status: np.ndarray) -> np.ndarray:
    """Status of runs that neither met a goal nor fell silent, from the course of their errors.

    ``diverged``: the mean of the last measured errors is above the first. ``improving``: it lies
    below the mean of as many before them, by more than 1 % of it and by more than two standard
    errors of the difference. ``converged``: neither. As many: 3, or a tenth of the iterations.

    Parameters
    ----------
    error : float32 (N, iterations), percent, as of :class:`Outcome`
    status : int8 (N,); those that are IMPROVING are judged here, NOISE_FLOOR can have diverged

    Returns
    -------
    int8 (N,)
    """
    measured = np.isfinite(error)
    number = measured.cumsum(axis=1)
    count = number[:, -1:]
    window = np.maximum(SETTLED, (SHARE * count).astype(int))
    values = np.where(measured, error, 0).astype(float)

    def moments(chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        many = np.maximum(chosen.sum(axis=1), 1)
        mean = np.where(chosen, values, 0).sum(axis=1) / many
        square = np.where(chosen, np.square(values - mean[:, None]), 0).sum(axis=1)
        return mean, square / np.maximum(many - 1, 1) / many

    last, last_variance = moments(measured & (number > count - window))
    before, before_variance = moments(
        measured & (number > count - 2 * window) & (number <= count - window)
    )
    known = (count > window)[:, 0]
    fall = before - last
    falls = fall > np.maximum(FALLS * before, SIGMAS * np.sqrt(last_variance + before_variance))
    found = status.copy()
    open_ended = status == Status.IMPROVING
    found[open_ended & known & ~falls] = Status.CONVERGED
    found[(status != Status.REACHED) & known & (last > values[:, 0])] = Status.DIVERGED
    return found


def relative_percent(error: np.ndarray, ideal: np.ndarray) -> np.ndarray:
    """100 ||error|| / ||ideal|| per run, over all but the first axis.

    Where ``ideal`` is zero throughout, 100 ||error||: a course that a method can compare with
    itself, but no percentage. Results leave it out.
    """
    axes = tuple(range(1, error.ndim))
    top, bottom = (
        np.sqrt(to_host(np.square(part).sum(axis=axes, dtype=np.float64)))
        for part in (error, ideal)
    )
    return 100 * top / np.where(bottom > 0, bottom, 1)
