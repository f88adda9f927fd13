"""Orthogonal inputs by their factors: what a kernel needs to multiply by them without a product."""

from typing import NamedTuple

import numpy as np


class SignPatterns(NamedTuple):
    """K batches of inputs ``level diag(t) H diag(s)``, whole passes one after the other.

    H is Sylvester's Hadamard matrix of n patterns, a power of two, cut to the R rows of a core.
    Sums over a pass of the product of two rows' inputs are 0, and ``n level**2`` for one row. All
    inputs have one magnitude, so that read noise has the same variance in every MVM.
    """

    level: np.float32  # magnitude of all inputs
    of_row: np.ndarray  # s, +1 or -1, float32 (K, passes, R)
    of_pattern: np.ndarray  # t, +1 or -1, float32 (K, passes, n)

    @property
    def batch(self) -> int:
        """Inputs in each batch, B = passes x n."""
        return self.of_pattern.shape[1] * self.of_pattern.shape[2]

    def dense(self) -> np.ndarray:
        """The inputs themselves, float32 (K, B, R)."""
        matrix = sylvester(self.of_pattern.shape[2])[:, : self.of_row.shape[2]]
        signs = self.of_pattern[..., None] * (matrix * self.of_row[:, :, None])
        return self.level * signs.reshape(len(signs), self.batch, -1)


def sylvester(order: int) -> np.ndarray:
    """Hadamard matrix by Sylvester's doubling, float32 (order, order); a power of two."""
    matrix = np.ones((1, 1), np.float32)
    while len(matrix) < order:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix


def dense(x: np.ndarray | SignPatterns) -> np.ndarray:
    """Inputs (K, B, R) of either kind as one array."""
    return x.dense() if isinstance(x, SignPatterns) else x
