"""Sums of outputs, which errors are made of, compiled for the CPU: one pass over the outputs."""

import numba
import numpy as np


def output_sums(
    y: np.ndarray, ideal: np.ndarray, unit: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    squares, products = np.zeros((2, len(y), y.shape[2]))
    _output_sums(y, ideal, unit, squares, products)
    return squares, products


@numba.njit(cache=True, nogil=True)
def _output_sums(y, ideal, unit, squares, products):
    for i in range(len(y)):
        for b in range(y.shape[1]):
            row, aim = y[i, b], ideal[unit[i], b]
            for c in range(y.shape[2]):
                value = np.float64(row[c])
                squares[i, c] += value * value
                products[i, c] += value * np.float64(aim[c])
