"""Runs that a method takes through all their iterations before it turns to the next ones."""

import numpy as np

from aimcsim.core import Cores

MOST_RUNS = 1 << 14  # a grid of CUDA has 65,535 rows


def blocks(cores: Cores) -> list[np.ndarray]:
    """All runs, neighbours together, as many at a time as the back end works on best.

    What a run does depends on no other, so this changes no result.
    """
    rows, columns = cores.shape
    at_once = cores.units.kernels.CELLS_AT_ONCE // (rows * columns)
    at_once = max(1, min(at_once, MOST_RUNS))
    runs = np.arange(len(cores))
    return np.split(runs, runs[at_once::at_once])
