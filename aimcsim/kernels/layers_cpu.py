"""The kernel of ``layers_reference``, compiled for the CPU.

One block of positions of one image at a time: their patches, products and codes stay in the cache
of the core. The shapes of the products, and so their bits, depend on no number of images. Inner
loops go over one-dimensional slices: so the compiler sees contiguous runs and vectorises.
"""

import math

import numba
import numpy as np

_f = np.float32
# Measured with OpenBLAS on ResNet-9. Its kernels for AVX-512 are best with 48 positions, those for
# Haswell with 256; 96 cost either 7 %.
BLOCK = 96  # positions whose products are computed together
# With AVX-512, 124 GMAC/s for 252 x 32 weights, where 252 x 28 get 80.
VECTOR = 16  # products have whole vectors of columns, the last ones zeros


def add_products(values, channels, geometry, converters, noise, out, column):
    images, height, width, _ = values.shape
    (tall, wide), (down, across) = geometry.kernel, geometry.strides
    top, left, bottom, right = geometry.pads
    inputs, columns = converters.weights.shape
    padded = -(-columns // VECTOR) * VECTOR
    block = min(out.shape[1], BLOCK)
    driven = np.zeros(
        (height + top + bottom, width + left + right, channels.stop - channels.start), _f
    )
    plain = geometry.kernel == (1, 1) and geometry.strides == (1, 1)
    noisy = noise is not None
    reads = noisy and len(converters.variance) > 0
    _add_products(
        np.ascontiguousarray(values), channels.start, _f(converters.to_code),
        _f(converters.top_code), driven, top, left, tall, wide, down, across, *geometry.dilations,
        positions_across(width + left + right, wide, across, geometry.dilations[1]), plain,
        np.empty((block, inputs), _f), _widened(converters.weights, padded),
        _widened(converters.variance, padded), np.empty((block, padded), _f),
        np.empty((2, block * columns + padded), _f), noisy, reads,
        noise if noisy else np.empty((images, 0), _f), columns, converters.offset,
        _f(converters.floor), _f(converters.half), converters.scale, converters.shift, out, column,
    )  # fmt: skip


def _widened(block: np.ndarray, columns: int) -> np.ndarray:
    wide = np.zeros((len(block), columns), _f)
    wide[:, : block.shape[1]] = block
    return wide


def positions_across(extent: int, kernel: int, stride: int, dilation: int) -> int:
    """Positions of a kernel along a padded extent."""
    return (extent - dilation * (kernel - 1) - 1) // stride + 1


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _add_products(
    values, first, to_code, top_code, driven, top, left, tall, wide, down, across, far_down,
    far_across, positions_in_row, plain, inputs, weights, variance, product, work, noisy, reads,
    noise, columns, offset, floor, half, scale, shift, out, column,
):  # fmt: skip
    positions, block, rows = out.shape[1], len(inputs), len(weights)
    flat = driven.reshape(-1)
    offset, scale = _repeated(offset, block), _repeated(scale, block)
    shift, even = _repeated(shift, block), np.full(block * columns, math.sqrt(floor), _f)
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
            y, deviation = work[0, : count * columns], even[: count * columns]
            np.dot(patches, weights, product[:count])
            _narrow(product[:count], columns, work[0])
            if reads:
                squares = inputs[:count]
                _square(patches.reshape(-1), squares.reshape(-1))
                np.dot(squares, variance, product[:count])
                _narrow(product[:count], columns, work[1])
                deviation = work[1, : count * columns]
                _deviation(deviation, floor)
            if noisy:
                _add_noise(y, deviation, noise[i, start * columns : (start + count) * columns])
            _convert(y, offset, half, scale, shift)
            if columns == out.shape[2]:
                _add(y, out[i, start : start + count].reshape(-1))
            else:
                for p in range(count):
                    _add(
                        y[p * columns : (p + 1) * columns],
                        out[i, start + p, column : column + columns],
                    )


@numba.njit(inline="always")
def _repeated(values, times):
    """``values`` as often as there are positions in a block: inner loops are over all of them."""
    many = np.empty((times, len(values)), _f)
    for p in range(times):
        _copy(values, many[p])
    return many.reshape(-1)


@numba.njit(inline="always")
def _narrow(product, columns, y):
    """``columns`` of each row, side by side; whole rows, each over the end of the one before."""
    for p in range(len(product)):
        _copy(product[p], y[p * columns : p * columns + product.shape[1]])


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
def _deviation(variance, floor):
    for j in range(len(variance)):
        variance[j] = math.sqrt(variance[j] + floor)


@numba.njit(inline="always")
def _add_noise(y, deviation, noise):
    for j in range(len(y)):
        y[j] += deviation[j] * noise[j]


@numba.njit(inline="always")
def _convert(y, offset, half, scale, shift):
    low, high = -half, half - _f(1)
    for j in range(len(y)):
        code = min(max(np.rint(y[j] + offset[j]), low), high)
        y[j] = code * scale[j] + shift[j]


@numba.njit(inline="always")
def _add(y, out):
    for j in range(len(y)):
        out[j] += y[j]
