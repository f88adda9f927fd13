"""The few operations that cost time, each stated once in NumPy and made fast beside it.

Every back end is a module with the same functions; :mod:`aimcsim.kernels.reference` documents
them. The random numbers are the same integers in all of them, and the arithmetic agrees to
single-precision rounding.
"""

from types import ModuleType


def backend(name: str) -> ModuleType:
    """The kernels called ``name``: ``auto`` or ``cpu`` (compiled), ``reference`` (NumPy)."""
    if name == "reference":
        from aimcsim.kernels import reference

        return reference
    from aimcsim.kernels import cpu

    return cpu
