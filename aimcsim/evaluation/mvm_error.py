"""Relative error of matrix-vector products, with the digital corrections a chip can apply."""

import numpy as np

from aimcsim.kernels import reference
from aimcsim.kernels.interface import Kernels

COMPENSATIONS = ("none", "global", "column")


def mvm_errors(
    y: np.ndarray, ideal: np.ndarray, unit: np.ndarray, kernels: Kernels = reference
) -> np.ndarray:
    """sqrt(sum ||a y - z||^2 / sum ||z||^2) of each run in percent, float64 (n, 3).

    The factor a, by column of the result: ``none``, a = 1; ``global``, the one factor per core
    that fits best (a = <y, z> / <y, y>, for which ||a y - z||^2 = ||z||^2 - <y, z>^2 / <y, y>);
    ``column``, one such factor per column. All are fitted to the very outputs that are judged: they
    bound what a chip could do with factors it finds by other MVMs
    (:mod:`aimcsim.chip.column_correction`). NaN where the ideal outputs are all zero: there is
    nothing that an error could be relative to.

    Parameters
    ----------
    y : float32 (n, B, C), outputs
    ideal : float32 (U, B, C), exact outputs per unit core
    unit : int (n,), unit core of each run
    """
    return errors_of_sums(*kernels.output_sums(y, ideal, unit), energy(ideal, kernels)[unit])


def energy(ideal: np.ndarray, kernels: Kernels = reference) -> np.ndarray:
    """Sum of the squares of outputs (U, B, C) over the batch, float64 (U, C)."""
    return kernels.output_sums(ideal, ideal, np.arange(len(ideal)))[0]


def errors_of_sums(yy: np.ndarray, yz: np.ndarray, zz: np.ndarray) -> np.ndarray:
    """:func:`mvm_errors` from the sums of y^2, y z and z^2 over the batch, float64 (n, C) each."""
    residual = {
        "none": (yy - 2 * yz + zz).sum(axis=1),
        "global": zz.sum(axis=1) - _explained(yz.sum(axis=1), yy.sum(axis=1)),
        "column": (zz - _explained(yz, yy)).sum(axis=1),
    }
    total = zz.sum(axis=1)
    share = [
        np.divide(residual[name], total, out=np.full_like(total, np.nan), where=total > 0)
        for name in COMPENSATIONS
    ]
    return 100 * np.sqrt(np.maximum(np.stack(share, axis=1), 0))


def _explained(yz: np.ndarray, yy: np.ndarray) -> np.ndarray:
    return np.divide(yz**2, yy, out=np.zeros_like(yy), where=yy > 0)
