"""How a programming run ended, and what it recorded on the way."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from aimcsim.common.arrays import to_host


class Status(IntEnum):
    """Why a run ended. Stored in results: never renumber."""

    REACHED = 0  # the stated goal was met
    NOISE_FLOOR = 1  # nothing left to correct stands out of the read noise
    BUDGET = 2  # iterations used up while devices were still being corrected
    DIVERGED = 3  # the measured error ended higher than it began


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


def relative_percent(error: np.ndarray, ideal: np.ndarray) -> np.ndarray:
    """100 ||error|| / ||ideal|| per run, over all but the first axis; 0/0 counts as 0."""
    axes = tuple(range(1, error.ndim))
    top, bottom = (
        np.sqrt(to_host(np.square(part).sum(axis=axes, dtype=np.float64)))
        for part in (error, ideal)
    )
    return 100 * top / np.where(bottom > 0, bottom, 1)
