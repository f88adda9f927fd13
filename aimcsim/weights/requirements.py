"""What matrices have to be: of two axes or more, finite; and some weight other than zero."""

from collections.abc import Sequence

import numpy as np

from aimcsim.common.errors import UserError


def require_extent(shape: tuple[int, ...], origin: str, remedy: str) -> None:
    """Raise :class:`UserError` unless ``shape`` has two axes or more and holds a value."""
    if len(shape) < 2:
        raise UserError(
            f"{origin}: shape {shape} is not a matrix's, which has two or more axes. {remedy}"
        )
    if min(shape) < 1:
        raise UserError(f"{origin}: shape {shape} holds no value. {remedy}")


def require_finite(array: np.ndarray, origin: str, remedy: str) -> None:
    """Raise :class:`UserError` if an entry of ``array`` (any shape) is NaN or infinite.

    The message gives the number of such entries, and the index and value of the first.
    """
    bad = ~np.isfinite(array)
    count = np.count_nonzero(bad)
    if count:
        first = np.unravel_index(int(np.argmax(bad)), array.shape)
        index = ", ".join(str(int(axis)) for axis in first)
        raise UserError(
            f"{origin}: {count} of {array.size} entries are not finite, the first at "
            f"[{index}] is {array[first]}. {remedy}"
        )


def require_nonzero(arrays: Sequence[tuple[str, np.ndarray]], origin: str, remedy: str) -> None:
    """Raise :class:`UserError` if all entries of all ``arrays`` (name, any shape) are zero.

    One of several may be zero: a branch that starts at zero, a pruned layer. ``origin`` ends with
    what the arrays are, such as "matrix"; their names follow it.
    """
    if arrays and not any(array.any() for _, array in arrays):
        names = ", ".join(f"'{name}'" for name, _ in arrays[:5])
        more = ", ..." if len(arrays) > 5 else ""
        count = sum(array.size for _, array in arrays)
        raise UserError(
            f"{origin} {names}{more}: all {count} entries are zero as 32-bit floats, so there is "
            f"nothing to program. {remedy}"
        )
