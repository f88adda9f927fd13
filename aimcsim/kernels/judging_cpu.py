"""Sums that errors are made of, compiled for the CPU: one pass over outputs, or cells."""

import numba
import numpy as np


def output_sums(
    y: np.ndarray, ideal: np.ndarray, unit: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    squares, products = np.zeros((2, len(y), y.shape[2]))
    _output_sums(y, ideal, unit, squares, products)
    return squares, products


def target_bins(
    net: np.ndarray, targets: np.ndarray, unit: np.ndarray, g_max: float, bins: int
) -> np.ndarray:
    found = np.zeros((len(net), bins, 3))
    _target_bins(net, targets, unit, np.float32(g_max), np.float32(bins), found)
    return found


@numba.njit(cache=True, nogil=True)
def _target_bins(net, targets, unit, g_max, bins, found):
    last = found.shape[1] - 1
    for i in range(len(net)):
        aim, own = targets[unit[i]], found[i]
        for r in range(net.shape[1]):
            for c in range(net.shape[2]):
                magnitude = abs(aim[r, c])
                if magnitude == 0:
                    continue
                held = net[i, r, c] if aim[r, c] > 0 else -net[i, r, c]
                error = np.float64(held) - np.float64(magnitude)
                place = min(int(magnitude / g_max * bins), last)
                own[place, 0] += 1
                own[place, 1] += error
                own[place, 2] += error * error


@numba.njit(cache=True, nogil=True)
def _output_sums(y, ideal, unit, squares, products):
    for i in range(len(y)):
        for b in range(y.shape[1]):
            row, aim = y[i, b], ideal[unit[i], b]
            for c in range(y.shape[2]):
                value = np.float64(row[c])
                squares[i, c] += value * value
                products[i, c] += value * np.float64(aim[c])
