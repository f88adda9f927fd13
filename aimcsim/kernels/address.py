"""Where the random draws of a batch come from: one address per run."""

from typing import NamedTuple

import numpy as np


class Address(NamedTuple):
    """Addresses of n runs' draws of one quantity (see :mod:`aimcsim.random`)."""

    seed: int
    chip: np.ndarray  # uint32 (n,)
    tile: np.ndarray  # uint32 (n,)
    quantity: int  # Quantity + Phase
    access: np.ndarray  # uint32 (n,)
