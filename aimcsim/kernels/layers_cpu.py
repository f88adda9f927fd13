"""The kernel of ``layers_reference``, compiled for the CPU.

One block of positions of one image at a time: their patches, products and codes stay in the cache
of the core. The shapes of the products, and so their bits, depend on no number of images. Inner
loops go over one-dimensional slices: so the compiler sees contiguous runs and vectorises.
"""

import math

import numba
import numpy as np

_f = np.float32
BLOCK = 128  # positions: measured best; patches of 252 inputs take 126 KiB of an L2 cache
LANES = 16  # positions whose columns are converted together: whole vectors for any columns


def add_products(values, channels, geometry, converters, noise, out, column):
    images, height, width, _ = values.shape
    (tall, wide), (down, across) = geometry.kernel, geometry.strides
    top, left, bottom, right = geometry.pads
    inputs, columns = converters.weights.shape
    positions = out.shape[1]
    driven = np.zeros(
        (height + top + bottom, width + left + right, channels.stop - channels.start), _f
    )
    block = min(positions, BLOCK)
    plain = geometry.kernel == (1, 1) and geometry.strides == (1, 1)
    noisy = noise is not None
    reads = noisy and len(converters.variance) > 0
    _add_products(
        np.ascontiguousarray(values), channels.start, _f(converters.to_code),
        _f(converters.top_code), driven, top, left,
        tall, wide, down, across, *geometry.dilations,
        positions_across(width + left + right, wide, across, geometry.dilations[1]), plain,
        np.empty((block, inputs), _f), converters.weights, converters.variance,
        np.empty((block, columns), _f), np.empty((block, columns), _f), noisy, reads,
        noise if noisy else np.empty((images, 0), _f),
        np.tile(converters.offset, LANES), _f(converters.floor), _f(converters.half),
        np.tile(converters.scale, LANES), np.tile(converters.shift, LANES), out, column,
    )  # fmt: skip


def positions_across(extent: int, kernel: int, stride: int, dilation: int) -> int:
    """Positions of a kernel along a padded extent."""
    return (extent - dilation * (kernel - 1) - 1) // stride + 1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _add_products(
    values, first, to_code, top_code, driven, top, left, tall, wide, down, across, far_down,
    far_across, positions_in_row, plain, inputs, weights, variance, current, spread, noisy, reads,
    noise, offset, floor, half, scale, shift, out, column,
):  # fmt: skip
    positions, block = out.shape[1], len(inputs)
    rows, columns = weights.shape
    flat = driven.reshape(-1)
    for i in range(len(values)):
        _drive(values[i], first, to_code, top_code, driven, top, left)
        for start in range(0, positions, block):
            count = min(block, positions - start)
            if plain:
                patches = flat[start * rows : (start + count) * rows].reshape((count, rows))
            else:
                patches = inputs[:count]
                _fill(
                    driven, start, tall, wide, down, across, far_down, far_across,
                    positions_in_row, patches,
                )  # fmt: skip
            y = current[:count]
            np.dot(patches, weights, y)
            if reads:
                squares, of_reads = inputs[:count], spread[:count]
                _square(patches.reshape(-1), squares.reshape(-1))
                np.dot(squares, variance, of_reads)
                drawn = noise[i, start * columns : (start + count) * columns]
                _add_read_noise(y.reshape(-1), of_reads.reshape(-1), drawn, floor)
            elif noisy:
                drawn = noise[i, start * columns : (start + count) * columns]
                _add_noise(y.reshape(-1), drawn, floor)
            _convert(y.reshape(-1), offset, half, scale, shift)
            if columns == out.shape[2]:
                _add(out[i, start : start + count].reshape(-1), y.reshape(-1))
            else:
                for p in range(count):
                    for c in range(columns):
                        out[i, start + p, column + c] += y[p, c]


@numba.njit(inline="always")
def _drive(image, first, to_code, top_code, driven, top, left):
    """DAC codes of the channels that feed the piece, inside a frame of zeros."""
    height, width, channels = image.shape
    some = driven.shape[2]
    for r in range(height):
        values, codes = image[r].reshape(-1), driven[top + r].reshape(-1)
        if some == channels:
            _code(values, to_code, top_code, codes[left * some : (left + width) * some])
        else:
            for c in range(width):
                begin = c * channels + first
                _code(
                    values[begin : begin + some], to_code, top_code,
                    codes[(left + c) * some : (left + c + 1) * some],
                )  # fmt: skip


@numba.njit(inline="always")
def _code(values, to_code, top_code, codes):
    for k in range(len(codes)):
        codes[k] = min(max(np.rint(values[k] * to_code), -top_code), top_code)


@numba.njit(inline="always")
def _fill(driven, start, tall, wide, down, across, far_down, far_across, positions_in_row, patches):
    """Patches of the positions from ``start`` on."""
    flat, channels = driven.reshape(-1), driven.shape[2]
    line = driven.shape[1] * channels
    run = wide * channels
    row, column = start // positions_in_row, start % positions_in_row
    for p in range(len(patches)):
        patch = patches[p]
        begin = row * down * line + column * across * channels
        for r in range(tall):
            if far_across == 1:  # neighbours in a kernel's row lie side by side
                _copy(flat[begin : begin + run], patch[r * run : (r + 1) * run])
            else:
                for c in range(wide):
                    point, at = begin + c * far_across * channels, r * run + c * channels
                    _copy(flat[point : point + channels], patch[at : at + channels])
            begin += far_down * line
        column += 1
        if column == positions_in_row:
            row, column = row + 1, 0


@numba.njit(inline="always")
def _copy(source, target):
    """A loop over slices, which the compiler vectorises; assigning slices is slower."""
    for k in range(len(target)):
        target[k] = source[k]


@numba.njit(inline="always")
def _square(values, squares):
    for j in range(len(values)):
        squares[j] = values[j] * values[j]


@numba.njit(inline="always")
def _add_read_noise(y, variance, noise, floor):
    for j in range(len(y)):
        y[j] += math.sqrt(variance[j] + floor) * noise[j]


@numba.njit(inline="always")
def _add_noise(y, noise, floor):
    deviation = math.sqrt(floor)
    for j in range(len(y)):
        y[j] += deviation * noise[j]


@numba.njit(inline="always")
def _convert(y, offset, half, scale, shift):
    """Codes as outputs, in place; the constants are repeated for ``LANES`` positions."""
    low, high, period = -half, half - _f(1), len(offset)
    for start in range(0, len(y), period):
        some = y[start : start + period]
        for j in range(len(some)):
            code = min(max(np.rint(some[j] + offset[j]), low), high)
            some[j] = code * scale[j] + shift[j]


@numba.njit(inline="always")
def _add(out, y):
    for j in range(len(y)):
        out[j] += y[j]
