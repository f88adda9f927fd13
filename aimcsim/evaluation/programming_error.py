"""Programming error: what programming leaves of each cell, over the target conductance.

The published counterpart is ``sigma_prog`` of :mod:`aimcsim.physics.state_statistics`.
"""

import numpy as np

BINS = 20
SHARES = (np.arange(BINS) + 0.5) / BINS  # centres of the bins, |target| / g_max


def programming_error(net: np.ndarray, targets: np.ndarray, g_max: float) -> dict[str, np.ndarray]:
    """Mean and standard deviation of the error of a cell's magnitude, by target conductance.

    The error is sign(target) x net - |target|; zero targets are left out.

    Parameters
    ----------
    net, targets : float32 (n, R, C), uS

    Returns
    -------
    ``programming_error_mean`` and ``programming_error_spread``, float32 (n, BINS), uS; NaN in bins
    of fewer than two cells
    """
    runs = len(net)
    magnitude = np.abs(targets).reshape(runs, -1)
    error = (np.sign(targets) * net).reshape(runs, -1).astype(np.float64) - magnitude
    bins = np.minimum((magnitude / g_max * BINS).astype(np.int64), BINS - 1)
    flat = (bins + BINS * np.arange(runs)[:, None]).ravel()
    used = (magnitude > 0).ravel().astype(np.float64)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(flat, values, runs * BINS).reshape(runs, BINS)

    count = total(used)
    enough = count >= 2
    count = np.where(enough, count, np.nan)
    mean = total(used * error.ravel()) / count
    variance = total(used * (error.ravel() - mean.ravel()[flat]) ** 2) / (count - 1)
    return {
        "programming_error_mean": mean.astype(np.float32),
        "programming_error_spread": np.sqrt(variance).astype(np.float32),
    }
