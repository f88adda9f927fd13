"""Digital operators on images as single passes, compiled by numba.

Values are float32, channels last and C-contiguous, so that the innermost loop runs over channels.
Nothing is summed across images: results do not depend on how many are in a batch.
"""

import numba
import numpy as np


# In place: with a second array, which might overlap the first, the loops would stay scalar.
@numba.njit(cache=True)
def affine(values, scale, offset, low, high):
    """Change ``values`` (rows, n) to ``values * scale + offset``, (n,) each, within [low, high]."""
    for row in range(values.shape[0]):
        for i in range(values.shape[1]):
            value = values[row, i] * scale[i] + offset[i]
            values[row, i] = min(max(value, low), high)


@numba.njit(cache=True)
def affine_sum(values, scale, offset, other, low, high):
    """As :func:`affine`, with ``other`` (rows, n), another array, added before the limits."""
    for row in range(values.shape[0]):
        for i in range(values.shape[1]):
            value = values[row, i] * scale[i] + offset[i] + other[row, i]
            values[row, i] = min(max(value, low), high)


@numba.njit(cache=True)
def max_pool(values, kernel, strides, starts, dilations, out):
    """Largest value in each window; ``starts`` is the padding at the top and the left, pixels.

    ``values`` (images, height, width, channels), ``out`` (images, height', width', channels).
    Pixels outside the image do not count.
    """
    _, height, width, channels = values.shape
    for image in range(out.shape[0]):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                for c in range(channels):
                    out[image, y, x, c] = -np.inf
                for i in range(kernel[0]):
                    row = y * strides[0] - starts[0] + i * dilations[0]
                    if row < 0 or row >= height:
                        continue
                    for j in range(kernel[1]):
                        column = x * strides[1] - starts[1] + j * dilations[1]
                        if column < 0 or column >= width:
                            continue
                        for c in range(channels):
                            value = values[image, row, column, c]
                            out[image, y, x, c] = max(out[image, y, x, c], value)


@numba.njit(cache=True)
def average_pool(values, kernel, strides, pads, dilations, count_padding, out):
    """Mean over each window; shapes as in :func:`max_pool`.

    ``pads``: top, left, bottom, right, pixels. ``count_padding``: the divisor counts the padding
    too, but nothing beyond it.
    """
    _, height, width, channels = values.shape
    for image in range(out.shape[0]):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                for c in range(channels):
                    out[image, y, x, c] = 0
                count = 0
                for i in range(kernel[0]):
                    row = y * strides[0] - pads[0] + i * dilations[0]
                    for j in range(kernel[1]):
                        column = x * strides[1] - pads[1] + j * dilations[1]
                        if 0 <= row < height and 0 <= column < width:
                            count += 1
                            for c in range(channels):
                                out[image, y, x, c] += values[image, row, column, c]
                        elif count_padding and row < height + pads[2] and column < width + pads[3]:
                            count += 1
                share = np.float32(1) / np.float32(max(count, 1))
                for c in range(channels):
                    out[image, y, x, c] *= share


@numba.njit(cache=True)
def depthwise(values, weights, strides, starts, dilations, out):
    """Convolution of every channel by itself.

    ``weights`` (kernel rows, kernel columns, outputs); ``values`` has a channel per output, or
    one for several: output o sees channel o // (outputs / channels).
    """
    _, height, width, channels = values.shape
    outputs = out.shape[3]
    per_channel = outputs // channels
    for image in range(out.shape[0]):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                for o in range(outputs):
                    out[image, y, x, o] = 0
                for i in range(weights.shape[0]):
                    row = y * strides[0] - starts[0] + i * dilations[0]
                    if row < 0 or row >= height:
                        continue
                    for j in range(weights.shape[1]):
                        column = x * strides[1] - starts[1] + j * dilations[1]
                        if column < 0 or column >= width:
                            continue
                        if per_channel == 1:
                            for c in range(channels):
                                product = values[image, row, column, c] * weights[i, j, c]
                                out[image, y, x, c] += product
                        else:
                            for o in range(outputs):
                                value = values[image, row, column, o // per_channel]
                                out[image, y, x, o] += value * weights[i, j, o]
