"""Arrays on a device and on the host.

Large arrays, of cells, inputs and outputs, belong to the array module of the kernels (``xp``):
NumPy, or CuPy for a GPU. What has one entry per run stays NumPy's: ledgers, errors, indices of
runs. NumPy's functions work on both kinds of arrays and give arrays of the same kind; only what
makes an array from nothing takes ``xp``, and only :func:`to_host` brings one back.
"""

from typing import Any

import numpy as np


def to_host(array: Any) -> np.ndarray:
    """A NumPy array of ``array``: itself, or a copy from the device."""
    return array if isinstance(array, np.ndarray) else array.get()


def either(condition: Any, yes: float, no: float, kind: type) -> Any:
    """``yes`` where ``condition`` holds, else ``no``, in the number type ``kind``.

    What type two bare numbers have depends on the array module and its version.
    """
    return np.where(condition, kind(yes), kind(no)).astype(kind, copy=False)
