"""The few operations that cost time, each stated once in NumPy and made fast beside it.

Every back end is a module with the same functions; :mod:`aimcsim.kernels.reference` documents
them. The random numbers are the same integers in all of them, and the arithmetic agrees to
single-precision rounding.
"""

import importlib
from types import ModuleType

BACKENDS = {"auto": "cpu", "cpu": "cpu", "reference": "reference"}


def backend(name: str) -> ModuleType:
    """The kernels called ``name`` (``auto``, ``cpu`` or ``reference``)."""
    return importlib.import_module(f"aimcsim.kernels.{BACKENDS[name]}")
