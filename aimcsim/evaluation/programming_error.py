"""Programming error: what programming leaves of each cell, over the target conductance.

The published counterpart is ``sigma_prog`` of :mod:`aimcsim.physics.state_statistics`.
"""

import numpy as np

from aimcsim.kernels import reference
from aimcsim.kernels.interface import Kernels

BINS = 20
SHARES = (np.arange(BINS) + 0.5) / BINS  # centres of the bins, |target| / g_max


def programming_error(
    net: np.ndarray,
    targets: np.ndarray,
    unit: np.ndarray,
    g_max: float,
    kernels: Kernels = reference,
) -> dict[str, np.ndarray]:
    """Mean and standard deviation of the error of a cell's magnitude, by target conductance.

    The error is sign(target) x net - |target|; zero targets are left out.

    Parameters
    ----------
    net : float32 (n, R, C), uS
    targets : float32 (U, R, C), uS
    unit : int (n,), unit core of each run

    Returns
    -------
    ``programming_error_mean`` and ``programming_error_spread``, float32 (n, BINS), uS; NaN in bins
    of fewer than two cells
    """
    count, total, squares = np.moveaxis(kernels.target_bins(net, targets, unit, g_max, BINS), 2, 0)
    count = np.where(count >= 2, count, np.nan)
    mean = total / count
    # In double precision nothing is lost: errors are no more than some means.
    variance = np.maximum(squares - count * mean**2, 0) / (count - 1)
    return {
        "programming_error_mean": mean.astype(np.float32),
        "programming_error_spread": np.sqrt(variance).astype(np.float32),
    }
