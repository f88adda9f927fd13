"""Products of one layer on one core, for batches of images, in plain NumPy."""

from typing import NamedTuple

import numpy as np


class Geometry(NamedTuple):
    """Positions of a kernel on images; all in pixels."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]  # top, left, bottom, right
    dilations: tuple[int, int]


class Converters(NamedTuple):
    """A piece of a layer on a core, in steps of its converters: 1 step is 1 code.

    Columns' gain is part of ``weights`` and ``variance``.
    """

    to_code: float  # DAC codes per unit of the values
    top_code: int  # largest DAC code
    weights: np.ndarray  # float32 (inputs, C), ADC steps per DAC step
    variance: np.ndarray  # float32 (inputs, C), of reads, ADC steps**2 per DAC step**2; or (0, C)
    offset: np.ndarray  # float32 (C,), ADC steps
    floor: float  # variance of a conversion's own noise, ADC steps**2
    half: int  # ADC codes from -half to half - 1
    scale: np.ndarray  # float32 (C,), output per ADC step
    shift: np.ndarray  # float32 (C,), output at code 0


def add_products(values, channels, geometry, converters, noise, out, column):
    """Add what a piece of a layer gives for a batch of images to ``out``.

    Parameters
    ----------
    values : float32 (images, height, width, channels)
    channels : slice of those that feed the piece; ``weights`` has their inputs, ordered (kernel
        row, kernel column, channel)
    geometry : :class:`Geometry`
    converters : :class:`Converters`
    noise : float32 (images, at least positions x C), standard normal: position by position; None:
        neither reads nor conversions have any
    out : float32 (images, positions, columns); changed from ``column`` on
    """
    codes = np.rint(values[..., channels] * np.float32(converters.to_code))
    codes = np.clip(codes, -converters.top_code, converters.top_code)
    inputs = _patches(codes, geometry)
    current = inputs @ converters.weights + converters.offset
    if noise is not None:
        variance = np.float32(converters.floor)
        if len(converters.variance):
            variance = np.square(inputs) @ converters.variance + variance
        current += np.sqrt(variance) * noise[:, : current[0].size].reshape(current.shape)
    code = np.clip(np.rint(current), -converters.half, converters.half - 1)
    width = current.shape[2]
    out[:, :, column : column + width] += code * converters.scale + converters.shift


def _patches(values, geometry) -> np.ndarray:
    """(images, positions, inputs)."""
    (tall, wide), (down, across) = geometry.kernel, geometry.strides
    (far_down, far_across), (top, left, bottom, right) = geometry.dilations, geometry.pads
    padded = np.pad(values, ((0, 0), (top, bottom), (left, right), (0, 0)))
    last_row = padded.shape[1] - far_down * (tall - 1)
    last_column = padded.shape[2] - far_across * (wide - 1)
    points = [
        padded[:, r * far_down : r * far_down + last_row : down]
        [:, :, c * far_across : c * far_across + last_column : across]
        for r in range(tall)
        for c in range(wide)
    ]  # fmt: skip
    return np.concatenate(points, axis=-1).reshape(len(values), -1, tall * wide * values.shape[-1])
