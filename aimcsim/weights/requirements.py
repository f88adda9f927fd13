"""What every matrix has to be: of two axes or more, finite, not all zero."""

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


def require_nonzero(array: np.ndarray, origin: str, remedy: str) -> None:
    """Raise :class:`UserError` if all entries of ``array`` (any shape) are zero."""
    if not array.any():
        raise UserError(
            f"{origin}: all {array.size} entries are zero as 32-bit floats, so there is nothing "
            f"to program. {remedy}"
        )
