"""Relative error of matrix-vector products, with the digital corrections a chip can apply."""

import numpy as np

COMPENSATIONS = ("none", "global", "column")


def mvm_errors(y: np.ndarray, ideal: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """sqrt(sum ||a y - z||^2 / sum ||z||^2) of each run in percent, float64 (n, 3).

    The factor a, by column of the result: ``none``, a = 1; ``global``, the one factor per core
    that fits best (a = <y, z> / <y, y>, for which ||a y - z||^2 = ||z||^2 - <y, z>^2 / <y, y>);
    ``column``, one such factor per column. All are fitted to the very outputs that are judged: they
    bound what a chip could do with factors it finds by other MVMs (:mod:`aimcsim.affine`). Runs
    whose ideal outputs are all zero get 0.

    Parameters
    ----------
    y : float32 (n, B, C), outputs
    ideal : float32 (U, B, C), exact outputs per unit core
    unit : int (n,), unit core of each run
    """
    yy = np.einsum("nbc,nbc->nc", y, y, dtype=np.float64)
    zz = np.einsum("ubc,ubc->uc", ideal, ideal, dtype=np.float64)[unit]
    yz = np.stack(
        [np.einsum("bc,bc->c", y[i], ideal[u], dtype=np.float64) for i, u in enumerate(unit)]
    )
    residual = {
        "none": (yy - 2 * yz + zz).sum(axis=1),
        "global": zz.sum(axis=1) - _explained(yz.sum(axis=1), yy.sum(axis=1)),
        "column": (zz - _explained(yz, yy)).sum(axis=1),
    }
    total = zz.sum(axis=1)
    share = [
        np.divide(residual[name], total, out=np.zeros_like(total), where=total > 0)
        for name in COMPENSATIONS
    ]
    return 100 * np.sqrt(np.maximum(np.stack(share, axis=1), 0))


def _explained(yz: np.ndarray, yy: np.ndarray) -> np.ndarray:
    return np.divide(yz**2, yy, out=np.zeros_like(yy), where=yy > 0)
