"""The kernels compiled for the CPU by numba; :mod:`aimcsim.kernels.reference` documents them.

One run at a time goes through a kernel, so that its intermediate results stay in the cache. The
matrix products are BLAS calls on one run's matrices: their shapes, and so their bits, do not
depend on how many runs are in the batch.

Random numbers: Philox 4x32-10 and Box-Muller, branch-free so that the compiler vectorises them.
The same draws as :mod:`aimcsim.common.random`: the integers to the bit, the normals to
single-precision rounding. Logarithm, sine and cosine are the polynomials of the Cephes library (S.
L. Moshier), because library calls would keep the loop scalar.

One file, because numba keys its cache on a function's own file: machine code inlined from another
one would live on after an edit there.
"""

import math

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from aimcsim.common.random import Address
from aimcsim.kernels.descent_cpu import decide, fold, residual, to_grid
from aimcsim.kernels.judging_cpu import output_sums
from aimcsim.kernels.layers_cpu import add_products
from aimcsim.kernels.patterns import SignPatterns

__all__ = [
    "add_products", "correlate", "decide", "fold", "ideal_products", "mvm", "normals",
    "output_sums", "pulse", "read_cells", "residual", "to_grid", "uniforms",
]  # fmt: skip

xp = np
_f = np.float32
CHUNK = 64
CELLS_AT_ONCE = 4 << 16  # measured best on 256 x 256: their state stays in the last cache
_u = np.uint32
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
_HIGH = np.uint64(32)
_SQRT_HALF_BITS = np.uint32(0x3F3504F3)
_LN2 = np.float32(math.log(2))
_HALF_PI = np.float32(math.pi / 2)
_LOG2_E = np.float32(1 / math.log(2))


def padded(count: int) -> int:
    """``count`` rounded up to whole chunks."""
    return -(-count // CHUNK) * CHUNK


def normals(address: Address, count: int) -> np.ndarray:
    out = np.empty((len(address.chip), padded(count)), np.float32)
    _normal_rows(*address, out)
    return out[:, :count]


def uniforms(address: Address, count: int) -> np.ndarray:
    out = np.empty((len(address.chip), padded(count)), np.float32)
    _uniform_rows(*address, out)
    return out[:, :count]


def read_cells(
    g, runs, unit, polarity, read_noise, gain, offset, full_scale, adc_noise, bits, address,
    device=None, read_floor=0.0,
):  # fmt: skip
    _, _, rows, columns = g.shape
    if device is None:
        device = np.empty((0, rows, columns), np.int8)
    out = np.empty((len(runs), rows, columns), np.float32)
    noise = np.empty(padded(rows * columns), np.float32)
    _read_cells(
        g, runs, unit, polarity, _f(read_noise), gain, offset, _f(full_scale),
        _f(adc_noise * full_scale), 2 ** (bits - 1), *address, device, noise, out, _f(read_floor),
    )  # fmt: skip
    return out


def mvm(
    x, x_of, g, runs, unit, polarity, read_noise, gain, offset, full_scale, adc_noise, bits,
    address, read_floor=0.0,
):  # fmt: skip
    _, _, rows, columns = g.shape
    patterns = isinstance(x, SignPatterns)
    batch = x.batch if patterns else x.shape[1]
    y = np.empty((len(runs), batch, columns), np.float32)
    saturated = np.zeros(len(runs), np.int64)
    noise = np.empty(padded(batch * columns), np.float32)
    device = g, runs, unit, polarity, _f(read_noise), _f(read_floor)
    converter = gain, offset, full_scale, _f(adc_noise), 2 ** (bits - 1)
    if patterns:
        order = x.of_pattern.shape[2]
        scratch = np.empty((rows, columns), np.float32), np.empty((order, columns), np.float32)
        _mvm_patterns(*x, x_of, *device, *converter, *address, *scratch, noise, y, saturated)
        return y, saturated
    scratch = (
        np.empty((batch, rows), np.float32),
        np.empty((rows, columns), np.float32),
        np.empty((rows, columns), np.float32),
        np.empty((batch, columns), np.float32),
    )
    _mvm(x, x_of, *device, *converter, *address, *scratch, noise, y, saturated)
    return y, saturated


def pulse(
    g, runs, unit, current, device, law, i_melt, current_jitter, quench_noise,
    jitter_address, quench_address,
):  # fmt: skip
    cells = current.shape[1] * current.shape[2]
    fired = np.zeros((len(runs), 2), np.int64)
    total = np.zeros(len(runs))
    work = np.empty((_PULSE_WORK, padded(cells)), np.float32)
    where = np.empty((2, padded(cells) + 1), np.int32)
    _pulse(
        g.reshape(len(g), -1), runs, unit,
        current.reshape(len(runs), cells), device.reshape(len(runs), cells),
        *(parameter.reshape(len(parameter), -1) for parameter in law),
        _f(i_melt), _f(current_jitter), _f(quench_noise),
        *jitter_address, quench_address.quantity, work, where, fired, total,
    )  # fmt: skip
    return fired, total


def ideal_products(x, x_of, weights, of=None):
    of, columns = np.arange(len(weights)) if of is None else of, weights.shape[2]
    if isinstance(x, SignPatterns):
        order = x.of_pattern.shape[2]
        out = np.empty((len(of), x.batch, columns), np.float32)
        work = np.empty((order, columns), np.float32)
        _pattern_products(*x, x_of, weights, of, work, out)
        return out
    out = np.empty((len(of), x.shape[1], columns), np.float32)
    _products(x, x_of, weights, of, out)
    return out


def correlate(x, x_of, error):
    if isinstance(x, SignPatterns):
        order, rows = x.of_pattern.shape[2], x.of_row.shape[2]
        out = np.empty((len(error), rows, error.shape[2]), np.float32)
        work = np.empty((order, error.shape[2]), np.float32)
        _correlate_patterns(*x, x_of, error, work, out)
        return out
    out = np.empty((len(error), x.shape[2], error.shape[2]), np.float32)
    _correlate(x, x_of, error, out)
    return out


@intrinsic
def _bits_of(context, value):
    """The 32 bits of a float32."""
    return types.uint32(types.float32), lambda _c, build, _s, args: build.bitcast(
        args[0], ir.IntType(32)
    )


@intrinsic
def float_of(context, value):
    """The float32 whose bits these are."""
    return types.float32(types.uint32), lambda _c, build, _s, args: build.bitcast(
        args[0], ir.FloatType()
    )


@numba.njit(inline="always")
def philox(c0, c1, c2, c3, k0, k1):
    """One block: four words in, four words out."""
    for _ in range(10):
        p0 = np.uint64(c0) * _M0
        p1 = np.uint64(c2) * _M1
        c0 = _u(_u(p1 >> _HIGH) ^ c1 ^ k0)
        c1 = _u(p1)
        c2 = _u(_u(p0 >> _HIGH) ^ c3 ^ k1)
        c3 = _u(p0)
        k0 = _u(k0 + _W0)
        k1 = _u(k1 + _W1)
    return c0, c1, c2, c3


@numba.njit(inline="always")
def _radius(word):
    """sqrt(-2 ln u) for u = (word + 1/2) / 2**32."""
    x = _f(word) + _f(0.5)
    bits = _bits_of(x)
    exponent = np.int32(_u(bits - _SQRT_HALF_BITS)) >> np.int32(23)
    mantissa = float_of(_u(bits - _u(_u(exponent) << _u(23))))  # in [sqrt(1/2), sqrt(2))
    # Near u = 1, where the float32 of the word has lost what ln u is made of, from the
    # complement: u - 1 = -(~word + 1/2) / 2**32 without cancellation.
    near_one = exponent == np.int32(32)
    z = -(_f(~word) + _f(0.5)) * _f(2.0**-32) if near_one else mantissa - _f(1)
    p = _f(7.0376836292e-2)
    p = p * z - _f(1.1514610310e-1)
    p = p * z + _f(1.1676998740e-1)
    p = p * z - _f(1.2420140846e-1)
    p = p * z + _f(1.4249322787e-1)
    p = p * z - _f(1.6668057665e-1)
    p = p * z + _f(2.0000714765e-1)
    p = p * z - _f(2.4999993993e-1)
    p = p * z + _f(3.3333331174e-1)
    logarithm = _f(exponent - np.int32(32)) * _LN2 + (p * z * z * z - _f(0.5) * z * z + z)
    return math.sqrt(max(_f(-2) * logarithm, _f(0)))


@numba.njit(inline="always")
def _cos_sin(word):
    """Cosine and sine of the angle (quarter + fraction - 1/2) pi / 2, see common.random."""
    quarter = word >> _u(30)
    t = (_f(np.int32(word & _u(0x3FFFFFFF))) * _f(2.0**-30) - _f(0.5)) * _HALF_PI
    t2 = t * t
    s = ((_f(-1.9515295891e-4) * t2 + _f(8.3321608736e-3)) * t2 - _f(1.6666654611e-1)) * t2 * t + t
    c = (_f(2.443315711809948e-5) * t2 - _f(1.388731625493765e-3)) * t2
    c = (c + _f(4.166664568298827e-2)) * t2 * t2 - _f(0.5) * t2 + _f(1)
    odd = (quarter & _u(1)) != _u(0)
    cosine = s if odd else c
    sine = c if odd else s
    cosine = -cosine if ((quarter + _u(1)) & _u(2)) != _u(0) else cosine
    sine = -sine if (quarter & _u(2)) != _u(0) else sine
    return cosine, sine


@numba.njit(cache=True, nogil=True)
def fill_normals(seed, chip, tile, quantity, access, out):
    """Standard normals into ``out``, float32, whose length is a multiple of 64."""
    k0, k1, c1, c2, c3 = _u(seed), _u(chip), _u(access), _u(quantity), _u(tile)
    for chunk in range(out.size // CHUNK):
        base = chunk * CHUNK
        for lane in range(16):
            w0, w1, w2, w3 = philox(_u(chunk * 16 + lane), c1, c2, c3, k0, k1)
            radius = _radius(w0)
            cosine, sine = _cos_sin(w1)
            out[base + lane] = radius * cosine
            out[base + 16 + lane] = radius * sine
            radius = _radius(w2)
            cosine, sine = _cos_sin(w3)
            out[base + 32 + lane] = radius * cosine
            out[base + 48 + lane] = radius * sine


@numba.njit(cache=True, nogil=True)
def fill_uniforms(seed, chip, tile, quantity, access, out):
    """Uniforms on (0, 1) into ``out``, float32, whose length is a multiple of 64."""
    k0, k1, c1, c2, c3 = _u(seed), _u(chip), _u(access), _u(quantity), _u(tile)
    for chunk in range(out.size // CHUNK):
        base = chunk * CHUNK
        for lane in range(16):
            w0, w1, w2, w3 = philox(_u(chunk * 16 + lane), c1, c2, c3, k0, k1)
            out[base + lane] = (_f(w0 >> _u(9)) + _f(0.5)) * _f(2.0**-23)
            out[base + 16 + lane] = (_f(w1 >> _u(9)) + _f(0.5)) * _f(2.0**-23)
            out[base + 32 + lane] = (_f(w2 >> _u(9)) + _f(0.5)) * _f(2.0**-23)
            out[base + 48 + lane] = (_f(w3 >> _u(9)) + _f(0.5)) * _f(2.0**-23)


@numba.njit(cache=True, nogil=True)
def _normal_rows(seed, chip, tile, quantity, access, out):
    for i in range(len(chip)):
        fill_normals(seed, chip[i], tile[i], quantity, access[i], out[i])


@numba.njit(cache=True, nogil=True)
def _uniform_rows(seed, chip, tile, quantity, access, out):
    for i in range(len(chip)):
        fill_uniforms(seed, chip[i], tile[i], quantity, access[i], out[i])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _read_cells(
    g, runs, unit, polarity, read_noise, gain, offset, full_scale, adc_noise, half,
    seed, chip, tile, quantity, access, device, noise, out, read_floor,
):  # fmt: skip
    _, devices, rows, columns = g.shape
    single = len(device) > 0
    step = full_scale / _f(half)
    low, high = _f(-half), _f(half - 1)
    cross = _f(2) * read_noise * read_floor
    floor = _f(1 if single else devices) * read_floor * read_floor
    for i in range(len(runs)):
        run = runs[i]
        own = unit[run]
        fill_normals(seed, chip[i], tile[i], quantity, access[i], noise)
        for r in range(rows):
            for c in range(columns):
                net = _f(0)
                square = _f(0)
                total = _f(0)
                if single:
                    net = g[run, device[i, r, c], r, c]
                    square = net * net
                    total = net
                else:
                    for d in range(devices):
                        value = g[run, d, r, c]
                        net += polarity[d] * value
                        square += value * value
                        total += value
                a = gain[own, c]
                variance = read_noise * read_noise * square + (cross * total + floor)
                deviation = math.sqrt(variance * a * a + adc_noise * adc_noise)
                value = net * a + offset[own, c] * full_scale + deviation * noise[r * columns + c]
                out[i, r, c] = min(max(np.rint(value / step), low), high) * step


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _mvm(
    x, x_of, g, runs, unit, polarity, read_noise, read_floor, gain, offset, full_scale, adc_noise,
    half, seed, chip, tile, quantity, access, x_square, net, variance_of, variance, noise, y,
    saturated,
):  # fmt: skip
    batch, columns = y.shape[1:]
    rows = net.shape[0]
    squared = -1  # batch whose squared inputs are in x_square
    for i in range(len(runs)):
        run = runs[i]
        own = unit[run]
        k = x_of[i]
        if squared != k:
            for b in range(batch):
                for r in range(rows):
                    x_square[b, r] = x[k, b, r] * x[k, b, r]
            squared = k
        for r in range(rows):
            _net_of_row(g[run], r, polarity, read_noise, read_floor, net[r], variance_of[r])
        np.dot(x[k], net, y[i])
        if read_noise > _f(0) or read_floor > _f(0):
            np.dot(x_square, variance_of, variance)
        else:
            variance[:] = _f(0)
        fill_normals(seed, chip[i], tile[i], quantity, access[i], noise)
        scale = full_scale[own]
        floor = adc_noise * scale * adc_noise * scale
        for b in range(batch):
            deviation = variance[b]
            for c in range(columns):
                deviation[c] = math.sqrt(variance[b, c] * gain[own, c] * gain[own, c] + floor)
            saturated[i] += _convert_row(
                y[i, b], y[i, b], _f(1), gain[own], offset[own], deviation,
                noise[b * columns : (b + 1) * columns], scale, _f(half),
            )  # fmt: skip


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _mvm_patterns(
    level, of_row, of_pattern, x_of, g, runs, unit, polarity, read_noise, read_floor, gain, offset,
    full_scale, adc_noise, half, seed, chip, tile, quantity, access, net, work, noise, y, saturated,
):  # fmt: skip
    """As ``_mvm``. All inputs have one magnitude: a column's variance is that of every MVM."""
    rows, columns = net.shape
    passes, order = of_pattern.shape[1:]
    variance_of = np.empty(columns, np.float32)
    variance = np.empty(columns, np.float32)
    for i in range(len(runs)):
        run = runs[i]
        own = unit[run]
        k = x_of[i]
        variance[:] = _f(0)
        for r in range(rows):
            _net_of_row(g[run], r, polarity, read_noise, read_floor, net[r], variance_of)
            for c in range(columns):
                variance[c] += variance_of[c]
        fill_normals(seed, chip[i], tile[i], quantity, access[i], noise)
        scale = full_scale[own]
        floor = adc_noise * scale * adc_noise * scale
        for c in range(columns):
            a = gain[own, c]
            variance[c] = math.sqrt(level * level * variance[c] * a * a + floor)
        for p in range(passes):
            for r in range(rows):
                sign = level * of_row[k, p, r]
                for c in range(columns):
                    work[r, c] = sign * net[r, c]
            work[rows:] = _f(0)
            _walsh_hadamard(work.reshape(-1), order, columns)
            for j in range(order):
                b = p * order + j
                saturated[i] += _convert_row(
                    y[i, b], work[j], of_pattern[k, p, j], gain[own], offset[own], variance,
                    noise[b * columns : (b + 1) * columns], scale, _f(half),
                )  # fmt: skip


@numba.njit(inline="always")
def _net_of_row(g, r, polarity, read_noise, read_floor, net, variance):
    """Net conductances of a row's cells and the variance of their reads, (C,) each."""
    net[:] = _f(0)
    variance[:] = _f(0)
    for d in range(len(g)):
        row, sign = g[d, r], polarity[d]
        for c in range(len(net)):
            deviation = read_noise * row[c] + read_floor
            net[c] += sign * row[c]
            variance[c] += deviation * deviation


@numba.njit(inline="always")
def _convert_row(y, current, sign, gain, offset, deviation, noise, scale, half):
    """Codes of one MVM's columns as outputs ``y`` (C,); returns how many are at an end."""
    step, low, high = scale / half, -half, half - _f(1)
    clipped = np.int32(0)
    for c in range(len(y)):
        value = sign * current[c] * gain[c] + offset[c] * scale + deviation[c] * noise[c]
        code = min(max(np.rint(value / step), low), high)
        clipped += np.int32(code == low) + np.int32(code == high)
        y[c] = code * step
    return clipped


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _walsh_hadamard(values, order, width):
    """Sylvester's matrix times ``values``, (order x width,) row by row, in place.

    Four rows at a time: half the passes over memory of two. Slices, so that the compiler sees
    that they do not overlap and vectorises.
    """
    size = order * width
    half = width
    if order & 0x55555555 == 0:  # an odd power of two
        for start in range(0, size, 2 * half):
            a, b = values[start : start + half], values[start + half : start + 2 * half]
            for j in range(half):
                first, second = a[j], b[j]
                a[j] = first + second
                b[j] = first - second
        half *= 2
    while half < size:
        for start in range(0, size, 4 * half):
            a = values[start : start + half]
            b = values[start + half : start + 2 * half]
            c = values[start + 2 * half : start + 3 * half]
            d = values[start + 3 * half : start + 4 * half]
            for j in range(half):
                upper, upper_difference = a[j] + b[j], a[j] - b[j]
                lower, lower_difference = c[j] + d[j], c[j] - d[j]
                a[j] = upper + lower
                b[j] = upper_difference + lower_difference
                c[j] = upper - lower
                d[j] = upper_difference - lower_difference
        half *= 4


@numba.njit(cache=True, nogil=True)
def _pattern_products(level, of_row, of_pattern, x_of, weights, of, work, out):
    _, rows, columns = weights.shape
    passes, order = of_pattern.shape[1:]
    for i in range(len(of)):
        k = x_of[i]
        for p in range(passes):
            for r in range(rows):
                sign = level * of_row[k, p, r]
                for c in range(columns):
                    work[r, c] = sign * weights[of[i], r, c]
            work[rows:] = _f(0)
            _walsh_hadamard(work.reshape(-1), order, columns)
            for j in range(order):
                sign = of_pattern[k, p, j]
                for c in range(columns):
                    out[i, p * order + j, c] = sign * work[j, c]


@numba.njit(cache=True, nogil=True)
def _correlate_patterns(level, of_row, of_pattern, x_of, error, work, out):
    _, rows, columns = out.shape
    passes, order = of_pattern.shape[1:]
    for i in range(len(error)):
        k = x_of[i]
        out[i] = _f(0)
        for p in range(passes):
            for j in range(order):
                sign = level * of_pattern[k, p, j]
                for c in range(columns):
                    work[j, c] = sign * error[i, p * order + j, c]
            _walsh_hadamard(work.reshape(-1), order, columns)
            for r in range(rows):
                sign = of_row[k, p, r]
                for c in range(columns):
                    out[i, r, c] += sign * work[r, c]


@numba.njit(inline="always")
def _exp(x):
    """For -87 < x < 87; beyond, the value at the end."""
    x = min(max(x, _f(-87)), _f(87))
    n = np.rint(x * _LOG2_E)
    r = x - n * _f(0.693359375) + n * _f(2.12194440e-4)
    p = _f(1.9875691500e-4)
    p = p * r + _f(1.3981999507e-3)
    p = p * r + _f(8.3334519073e-3)
    p = p * r + _f(4.1665795894e-2)
    p = p * r + _f(1.6666665459e-1)
    p = p * r + _f(5.0000001201e-1)
    return (p * r * r + r + _f(1)) * float_of(_u(np.int32(n) + np.int32(127)) << _u(23))


@numba.njit(cache=True, nogil=True)
def _normals_at(seed, chip, tile, quantity, access, elements, out):
    """The normals of ``fill_normals`` at some elements alone, for few of them."""
    k0, k1, c1, c2, c3 = _u(seed), _u(chip), _u(access), _u(quantity), _u(tile)
    for k in range(len(elements)):
        element = _u(elements[k])
        within = element & _u(CHUNK - 1)
        block = _u(((element >> _u(6)) << _u(4)) | (within & _u(15)))
        w0, w1, w2, w3 = philox(block, c1, c2, c3, k0, k1)
        second = (within & _u(32)) != _u(0)
        radius = _radius(_u(w2 if second else w0))
        cosine, sine = _cos_sin(_u(w3 if second else w1))
        out[k] = radius * (sine if (within & _u(16)) != _u(0) else cosine)


@numba.njit(cache=True, nogil=True)
def _draw_some(seed, chip, tile, quantity, access, elements, full, out):
    """Normals at ``elements``; ``full`` is work space for all of them."""
    if len(elements) < len(full) // 3:  # drawing all costs about as much as a third one by one
        _normals_at(seed, chip, tile, quantity, access, elements, out)
    else:
        fill_normals(seed, chip, tile, quantity, access, full)
        for k in range(len(elements)):
            out[k] = full[elements[k]]


_PULSE_WORK = 8  # rows of work space


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _pulse(
    g, runs, unit, current, device, g_set, g_reset, i_half, i_width, i_melt, current_jitter,
    quench_noise, seed, chip, tile, jitter_quantity, access, quench_quantity, work, where, fired,
    total,
):  # fmt: skip
    """``g`` and the law's parameters are (N or U, D x cells). Short loops over the pulsed cells
    alone, one array gathered in each, so that the arithmetic between them is vectorised."""
    cells = current.shape[1]
    for i in range(len(runs)):
        run = runs[i]
        own = unit[run]
        count = 0
        for j in range(cells):  # no branch: which few cells are pulsed cannot be predicted
            where[0, count] = j
            count += current[i, j] != _f(0)
        cell, at = where[0, :count], where[1, :count]
        jitter, quench, full = work[0, :count], work[1, :count], work[2]
        _draw_some(seed, chip[i], tile[i], jitter_quantity, access[i], cell, full, jitter)
        _draw_some(seed, chip[i], tile[i], quench_quantity, access[i], cell, full, quench)
        asked, high, low = work[2, :count], work[3, :count], work[4, :count]
        half, width, after = work[5, :count], work[6, :count], work[7, :count]
        for k in range(count):
            at[k] = device[i, cell[k]] * cells + cell[k]
            asked[k] = current[i, cell[k]]
        for k in range(count):
            high[k], low[k] = g_set[own, at[k]], g_reset[own, at[k]]
            half[k], width[k] = i_half[own, at[k]], i_width[own, at[k]]
            after[k] = g[run, at[k]]
        sets = 0
        for k in range(count):
            total[i] += max(asked[k], _f(0))
        for k in range(count):
            is_set = asked[k] < _f(0)
            sets += is_set
            effective = asked[k] + current_jitter * jitter[k]
            plug = _f(1) / (_f(1) + _exp((effective - half[k]) / width[k]))
            level = high[k] if is_set else low[k] + (high[k] - low[k]) * plug
            level = max(level * (_f(1) + quench_noise * quench[k]), _f(0))
            after[k] = level if is_set | (effective > i_melt) else after[k]
        for k in range(count):
            g[run, at[k]] = after[k]
        fired[i, 0], fired[i, 1] = count - sets, sets


@numba.njit(cache=True, nogil=True)
def _products(x, x_of, weights, of, out):
    for i in range(len(of)):
        np.dot(x[x_of[i]], weights[of[i]], out[i])


@numba.njit(cache=True, nogil=True)
def _correlate(x, x_of, error, out):
    for i in range(len(error)):
        np.dot(x[x_of[i]].T, error[i], out[i])
