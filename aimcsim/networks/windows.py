"""Where the windows of convolutions and pools lie on an image."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Windows:
    """Windows over an image of two axes; all numbers are pixels."""

    kernel: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Top, left, bottom, right."""
    dilations: tuple[int, int] = (1, 1)

    def positions(self, extents: Sequence[int]) -> tuple[int, int]:
        """Windows along each axis of an image of ``extents``, all within its padding."""
        rows, columns = (
            (extents[axis] + self.pads[axis] + self.pads[axis + 2] - self.span(axis))
            // self.strides[axis]
            + 1
            for axis in (0, 1)
        )
        return rows, columns

    def span(self, axis: int) -> int:
        """Extent of one window."""
        return (self.kernel[axis] - 1) * self.dilations[axis] + 1


def patches(values: np.ndarray, windows: Windows) -> np.ndarray:
    """What each window sees of zero-padded images.

    Parameters
    ----------
    values : (images, height, width, channels)

    Returns
    -------
    A view of the padded images, (images, height', width', channels, kernel rows, kernel columns)
    """
    top, left, bottom, right = windows.pads
    padded = values
    if any(windows.pads):
        padded = np.pad(values, ((0, 0), (top, bottom), (left, right), (0, 0)))
    spans = (windows.span(0), windows.span(1))
    every = np.lib.stride_tricks.sliding_window_view(padded, spans, axis=(1, 2))
    down, across = windows.strides
    return every[:, ::down, ::across, :, :: windows.dilations[0], :: windows.dilations[1]]
