"""Sums of squares and products of outputs, which errors are made of, in plain NumPy."""

import numpy as np


def output_sums(
    y: np.ndarray, ideal: np.ndarray, unit: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of y^2 and of y x ideal over the batch, per run and column, float64 (n, C) each.

    ``y`` is float32 (n, B, C), ``ideal`` (U, B, C), ``unit`` (n,) the unit core of each run.
    """
    squares = np.einsum("nbc,nbc->nc", y, y, dtype=np.float64)
    products = [np.einsum("bc,bc->c", y[i], ideal[u], dtype=np.float64) for i, u in enumerate(unit)]
    return squares, np.reshape(products, squares.shape)
