"""Runs that a method takes through all their iterations before it turns to the next ones."""

import numpy as np

from aimcsim.core import Cores


def blocks(cores: Cores) -> list[np.ndarray]:
    """All runs, neighbours together, as many at a time as the back end works on best.

    What a run does depends on no other, so this changes no result.
    """
    rows, columns = cores.shape
    at_once = max(1, cores.units.kernels.CELLS_AT_ONCE // (rows * columns))
    runs = np.arange(len(cores))
    return np.split(runs, runs[at_once::at_once])
