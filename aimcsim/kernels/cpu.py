"""The kernels compiled for the CPU by numba: see :class:`aimcsim.kernels.interface.Kernels`.

One run at a time goes through a kernel, so that its intermediate results stay in the cache. The
matrix products are BLAS calls on one run's matrices: their shapes, and so their bits, do not
depend on how many runs are in the batch.

Random numbers: Philox 4x32-10 and Box-Muller, branch-free so that the compiler vectorises them.
The same draws as :mod:`aimcsim.common.random`: the integers to the bit, the normals to
single-precision rounding. Logarithm, sine and cosine are the polynomials of the Cephes library (S.
L. Moshier), because library calls would keep the loop scalar.

Layers of a network: one block of positions of one image at a time, so that their patches, products
and codes stay in the cache of the core. The shapes of the products, and so their bits, depend on no
number of images. Inner loops go over one-dimensional slices: so the compiler sees contiguous runs
and vectorises.

One file, because numba keys its cache on a function's own file: machine code inlined from another
one would live on after an edit there. For the same reason groups of arguments come to compiled
functions as plain tuples and get the names of their fields there: the order of the fields is part
of the code, and a cache that knows a named tuple cannot be read once that is gone. Plain ones also
take a third of the time of a call.
"""

import math
from typing import NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from aimcsim.common.memory import keep_freed
from aimcsim.common.random import Address
from aimcsim.kernels.descent_cpu import decide, fold, residual
from aimcsim.kernels.interface import (
    Cells,
    Converter,
    Device,
    Geometry,
    ImageDraws,
    MeltQuenchLaw,
    Outputs,
    Pulses,
    Steps,
)
from aimcsim.kernels.judging_cpu import output_sums, target_bins
from aimcsim.kernels.patterns import SignPatterns

__all__ = [
    "CELLS_AT_ONCE", "add_products", "correlate", "decide", "description", "device", "fold",
    "ideal_products", "mvm", "name", "normals", "output_sums", "pulse", "read_cells", "residual",
    "target_bins", "to_grid", "uniforms", "xp",
]  # fmt: skip

keep_freed()

xp = np
name = description = "cpu"
device: Device | None = None
CELLS_AT_ONCE = 4 << 16  # measured best on 256 x 256: their state stays in the last cache
CHUNK = 64
# Measured with OpenBLAS on ResNet-9. Its kernels for AVX-512 are best with 48 positions, those for
# Haswell with 256; 96 cost either 7 %.
BLOCK = 96  # positions whose products are computed together
# With AVX-512, 124 GMAC/s for 252 x 32 weights, where 252 x 28 get 80.
VECTOR = 16  # products have whole vectors of columns, the last ones zeros
_f = np.float32
_u = np.uint32
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint32(0x9E3779B9), np.uint32(0xBB67AE85)
_HIGH = np.uint64(32)
_SQRT_HALF_BITS = np.uint32(0x3F3504F3)
_LN2 = np.float32(math.log(2))
_HALF_PI = np.float32(math.pi / 2)
_LOG2_E = np.float32(1 / math.log(2))


# Groups inside of compiled functions; numbers are float32 where nothing else is said.


class _Cells(NamedTuple):
    """:class:`aimcsim.kernels.interface.Cells` and the runs that take part."""

    g: np.ndarray
    runs: np.ndarray
    unit: np.ndarray
    polarity: np.ndarray
    read_noise: np.float32
    read_floor: np.float32


class _Adc(NamedTuple):
    """:class:`aimcsim.physics.converters.Adc`."""

    half: np.float32
    noise: np.float32


class _Columns(NamedTuple):
    """The converter of one unit core."""

    gain: np.ndarray  # (C,)
    offset: np.ndarray  # (C,)
    full_scale: np.float32
    adc: _Adc


class _Window(NamedTuple):
    """:class:`aimcsim.kernels.interface.Geometry` on images of one size; integers."""

    frame: tuple[int, int, int]  # height and width with the pads, channels of the piece
    first: int  # channel
    top: int
    left: int
    tall: int
    wide: int
    down: int
    across: int
    far_down: int
    far_across: int
    positions_in_row: int
    plain: bool  # a patch is one pixel, and every pixel has one


class _Steps(NamedTuple):
    """:class:`aimcsim.kernels.interface.Steps`; ``weights`` and ``variance`` in whole vectors."""

    to_code: np.float32
    top_code: np.float32
    weights: np.ndarray
    variance: np.ndarray
    offset: np.ndarray
    adc: tuple
    scale: np.ndarray
    shift: np.ndarray
    floor: np.float32  # variance of a conversion's own noise, steps**2


def padded(count: int) -> int:
    """``count`` rounded up to whole chunks."""
    return -(-count // CHUNK) * CHUNK


def normals(address: Address, count: int) -> np.ndarray:
    out = np.empty((len(address.chip), padded(count)), np.float32)
    _normal_rows(tuple(address), out)
    return out[:, :count]


def uniforms(address: Address, count: int) -> np.ndarray:
    out = np.empty((len(address.chip), padded(count)), np.float32)
    _uniform_rows(tuple(address), out)
    return out[:, :count]


def to_grid(x: np.ndarray, scale: float, shift: float, steps: float) -> np.ndarray:
    out = np.empty(x.shape, np.float32)
    _to_grid(np.ascontiguousarray(x).reshape(-1), _f(scale), _f(shift), _f(steps), out.reshape(-1))
    return out


def read_cells(
    cells: Cells,
    runs: np.ndarray,
    converter: Converter,
    address: Address,
    device: np.ndarray | None = None,
) -> np.ndarray:
    _, _, rows, columns = cells.g.shape
    if device is None:
        device = np.empty((0, rows, columns), np.int8)
    out = np.empty((len(runs), rows, columns), np.float32)
    gain, offset, full_scale, (half, noise) = converter
    converter_ = gain, offset, full_scale, (_f(half), _f(noise))
    _read_cells(_plain(cells, runs), device, converter_, tuple(address), out)
    return out


def mvm(
    x: np.ndarray | SignPatterns,
    x_of: np.ndarray,
    cells: Cells,
    runs: np.ndarray,
    converter: Converter,
    address: Address,
) -> tuple[np.ndarray, np.ndarray]:
    batch = x.batch if isinstance(x, SignPatterns) else x.shape[1]
    y = np.empty((len(runs), batch, cells.g.shape[3]), np.float32)
    saturated = np.zeros(len(runs), np.int64)
    gain, offset, full_scale, (half, noise) = converter
    converter_ = gain, offset, full_scale, (_f(half), _f(noise))
    cells_, draws = _plain(cells, runs), tuple(address)
    if isinstance(x, SignPatterns):
        _mvm_patterns((*x, x_of), cells_, converter_, draws, y, saturated)
    else:
        _mvm((x, x_of), cells_, converter_, draws, y, saturated)
    return y, saturated


def pulse(pulses: Pulses, law: MeltQuenchLaw) -> tuple[np.ndarray, np.ndarray]:
    runs, current = pulses.runs, pulses.current
    cells = current.shape[1] * current.shape[2]
    fired = np.zeros((len(runs), 2), np.int64)
    total = np.zeros(len(runs))
    pulses_ = (
        pulses.g.reshape(len(pulses.g), -1), runs, pulses.unit,
        current.reshape(len(runs), cells), pulses.device.reshape(len(runs), cells),
    )  # fmt: skip
    g_set, g_reset, i_half, i_width = (curve.reshape(len(curve), -1) for curve in law[:4])
    law_ = (
        g_set, g_reset, i_half, i_width, _f(law.i_melt), _f(law.current_jitter),
        _f(law.current_jitter_slope), _f(law.quench_noise),
    )  # fmt: skip
    _pulse(pulses_, law_, tuple(pulses.jitter), tuple(pulses.quench), fired, total)
    return fired, total


def ideal_products(
    x: np.ndarray | SignPatterns,
    x_of: np.ndarray,
    weights: np.ndarray,
    of: np.ndarray | None = None,
) -> np.ndarray:
    of = np.arange(len(weights)) if of is None else of
    batch = x.batch if isinstance(x, SignPatterns) else x.shape[1]
    out = np.empty((len(of), batch, weights.shape[2]), np.float32)
    if isinstance(x, SignPatterns):
        _pattern_products((*x, x_of), weights, of, out)
    else:
        _products((x, x_of), weights, of, out)
    return out


def correlate(x: np.ndarray | SignPatterns, x_of: np.ndarray, error: np.ndarray) -> np.ndarray:
    rows = x.of_row.shape[2] if isinstance(x, SignPatterns) else x.shape[2]
    out = np.empty((len(error), rows, error.shape[2]), np.float32)
    if isinstance(x, SignPatterns):
        _correlate_patterns((*x, x_of), error, out)
    else:
        _correlate((x, x_of), error, out)
    return out


def add_products(
    values: np.ndarray,
    geometry: Geometry,
    steps: Steps,
    noise: ImageDraws | None,
    out: Outputs,
) -> None:
    images, height, width, _ = values.shape
    (tall, wide), (down, across) = geometry.kernel, geometry.strides
    top, left, bottom, right = geometry.pads
    channels, columns = geometry.channels, steps.weights.shape[1]
    frame = height + top + bottom, width + left + right, channels.stop - channels.start
    window = (
        frame, channels.start, top, left, tall, wide, down, across, *geometry.dilations,
        positions_across(frame[1], wide, across, geometry.dilations[1]),
        geometry.kernel == (1, 1) and geometry.strides == (1, 1),
    )  # fmt: skip
    whole, adc = -(-columns // VECTOR) * VECTOR, steps.adc
    steps_ = (
        _f(steps.to_code), _f(steps.top_code), _widened(steps.weights, whole),
        _widened(steps.variance, whole), steps.offset, (_f(adc.half), _f(adc.noise)),
        steps.scale, steps.shift, _f((adc.noise * adc.half) ** 2),
    )  # fmt: skip
    drawn = np.empty((images, 0), _f)
    if noise is not None:
        drawn = normals(noise.address(images), padded(out.values.shape[1] * columns))
    _add_products(np.ascontiguousarray(values), window, steps_, drawn, out.values, out.column)


def positions_across(extent: int, kernel: int, stride: int, dilation: int) -> int:
    """Positions of a kernel along a padded extent."""
    return (extent - dilation * (kernel - 1) - 1) // stride + 1


def _plain(cells: Cells, runs: np.ndarray) -> tuple:
    """The fields of ``_Cells``."""
    g, unit, polarity, read_noise, read_floor = cells
    return g, runs, unit, polarity, _f(read_noise), _f(read_floor)


def _widened(block: np.ndarray, columns: int) -> np.ndarray:
    wide = np.zeros((len(block), columns), _f)
    wide[:, : block.shape[1]] = block
    return wide


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


_padded = numba.njit(inline="always")(padded)


@numba.njit(inline="always")
def _words_of(address, i):
    """Of run i: words 1 to 3 of the counter, both of the key, see common.random."""
    seed, chip, tile, quantity, access = address
    return _u(access[i]), _u(quantity), _u(tile[i]), _u(seed), _u(chip[i])


@numba.njit(cache=True, nogil=True)
def fill_normals(address, i, out):
    """Standard normals of run i into ``out``, float32, whose length is a multiple of 64."""
    c1, c2, c3, k0, k1 = _words_of(address, i)
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
def fill_uniforms(address, i, out):
    """Uniforms on (0, 1) of run i into ``out``, float32, whose length is a multiple of 64."""
    c1, c2, c3, k0, k1 = _words_of(address, i)
    for chunk in range(out.size // CHUNK):
        base = chunk * CHUNK
        for lane in range(16):
            w0, w1, w2, w3 = philox(_u(chunk * 16 + lane), c1, c2, c3, k0, k1)
            out[base + lane] = (_f(w0 >> _u(9)) + _f(0.5)) * _f(2.0**-23)
            out[base + 16 + lane] = (_f(w1 >> _u(9)) + _f(0.5)) * _f(2.0**-23)
            out[base + 32 + lane] = (_f(w2 >> _u(9)) + _f(0.5)) * _f(2.0**-23)
            out[base + 48 + lane] = (_f(w3 >> _u(9)) + _f(0.5)) * _f(2.0**-23)


@numba.njit(cache=True, nogil=True)
def _normal_rows(address, out):
    for i in range(len(out)):
        fill_normals(address, i, out[i])


@numba.njit(cache=True, nogil=True)
def _uniform_rows(address, out):
    for i in range(len(out)):
        fill_uniforms(address, i, out[i])


# Converters: the two functions that know what a code is.


@numba.njit(inline="always")
def _adc_code(steps, adc):
    """The ADC's code of a value in its steps."""
    return min(max(np.rint(steps), -adc.half), adc.half - _f(1))


@numba.njit(inline="always")
def _dac_code(steps, top):
    """The DAC's code of a value in its steps."""
    return min(max(np.rint(steps), -top), top)


@numba.njit(inline="always")
def _read_out(y, current, sign, deviation, noise, columns):
    """Codes of one MVM's columns, or of a row's cells, as outputs ``y`` (C,).

    Returns how many are at an end.
    """
    gain, offset, scale, adc = columns.gain, columns.offset, columns.full_scale, columns.adc
    step, low, high = scale / adc.half, -adc.half, adc.half - _f(1)
    clipped = np.int32(0)
    for c in range(len(y)):
        value = sign * current[c] * gain[c] + offset[c] * scale + deviation[c] * noise[c]
        code = _adc_code(value / step, adc)
        clipped += np.int32(code == low) + np.int32(code == high)
        y[c] = code * step
    return clipped


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _to_grid(x, scale, shift, steps, out):
    for i in range(len(x)):
        out[i] = _dac_code((scale * x[i] + shift) * steps, steps) / steps


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _read_cells(cells, device, converter, address, out):
    g, runs, unit, polarity, read_noise, read_floor = cells
    gains, offsets, full_scale, adc = converter
    adc_ = _Adc(*adc)
    devices, rows, columns = g.shape[1:]
    single = len(device) > 0
    cross = _f(2) * read_noise * read_floor
    floor = _f(1 if single else devices) * read_floor * read_floor
    noise = np.empty(_padded(rows * columns), np.float32)
    net, total = np.empty(columns, np.float32), np.empty(columns, np.float32)
    deviation = np.empty(columns, np.float32)
    for i in range(len(runs)):
        run = runs[i]
        own = unit[run]
        gain, scale = gains[own], full_scale[own]
        columns_ = _Columns(gain, offsets[own], scale, adc_)
        own_noise = adc_.noise * scale * adc_.noise * scale
        fill_normals(address, i, noise)
        for r in range(rows):
            if single:
                for c in range(columns):
                    value = g[run, device[i, r, c], r, c]
                    net[c] = value
                    deviation[c] = value * value
                    total[c] = value
            else:
                net[:] = _f(0)
                deviation[:] = _f(0)
                total[:] = _f(0)
                for d in range(devices):
                    row, sign = g[run, d, r], polarity[d]
                    for c in range(columns):
                        net[c] += sign * row[c]
                        deviation[c] += row[c] * row[c]
                        total[c] += row[c]
            for c in range(columns):
                variance = read_noise * read_noise * deviation[c] + (cross * total[c] + floor)
                deviation[c] = math.sqrt(variance * gain[c] * gain[c] + own_noise)
            _read_out(
                out[i, r], net, _f(1), deviation, noise[r * columns : (r + 1) * columns], columns_
            )


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _mvm(inputs, cells, converter, address, y, saturated):
    x, x_of = inputs
    cells_ = _Cells(*cells)
    gains, offsets, full_scale, adc = converter
    adc_ = _Adc(*adc)
    batch, columns = y.shape[1:]
    rows = cells_.g.shape[2]
    noisy = cells_.read_noise > _f(0) or cells_.read_floor > _f(0)
    x_square = np.empty((batch, rows), np.float32)
    net, variance_of = np.empty((rows, columns), np.float32), np.empty((rows, columns), np.float32)
    variance = np.empty((batch, columns), np.float32)
    noise = np.empty(_padded(batch * columns), np.float32)
    squared = -1  # batch whose squared inputs are in x_square
    for i in range(len(cells_.runs)):
        run = cells_.runs[i]
        own = cells_.unit[run]
        k = x_of[i]
        if squared != k:
            for b in range(batch):
                for r in range(rows):
                    x_square[b, r] = x[k, b, r] * x[k, b, r]
            squared = k
        for r in range(rows):
            _net_of_row(cells_, run, r, net[r], variance_of[r])
        np.dot(x[k], net, y[i])
        if noisy:
            np.dot(x_square, variance_of, variance)
        else:
            variance[:] = _f(0)
        fill_normals(address, i, noise)
        gain, scale = gains[own], full_scale[own]
        columns_ = _Columns(gain, offsets[own], scale, adc_)
        floor = adc_.noise * scale * adc_.noise * scale
        for b in range(batch):
            deviation = variance[b]
            for c in range(columns):
                deviation[c] = math.sqrt(deviation[c] * gain[c] * gain[c] + floor)
            saturated[i] += _read_out(
                y[i, b], y[i, b], _f(1), deviation, noise[b * columns : (b + 1) * columns], columns_
            )


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _mvm_patterns(inputs, cells, converter, address, y, saturated):
    """As ``_mvm``. All inputs have one magnitude: a column's variance is that of every MVM."""
    level, of_row, of_pattern, x_of = inputs
    cells_ = _Cells(*cells)
    gains, offsets, full_scale, adc = converter
    adc_ = _Adc(*adc)
    rows, columns = cells_.g.shape[2:]
    passes, order = of_pattern.shape[1:]
    net, work = np.empty((rows, columns), np.float32), np.empty((order, columns), np.float32)
    variance_of, variance = np.empty(columns, np.float32), np.empty(columns, np.float32)
    noise = np.empty(_padded(passes * order * columns), np.float32)
    for i in range(len(cells_.runs)):
        run = cells_.runs[i]
        own = cells_.unit[run]
        k = x_of[i]
        variance[:] = _f(0)
        for r in range(rows):
            _net_of_row(cells_, run, r, net[r], variance_of)
            for c in range(columns):
                variance[c] += variance_of[c]
        fill_normals(address, i, noise)
        gain, scale = gains[own], full_scale[own]
        columns_ = _Columns(gain, offsets[own], scale, adc_)
        floor = adc_.noise * scale * adc_.noise * scale
        for c in range(columns):
            variance[c] = math.sqrt(level * level * variance[c] * gain[c] * gain[c] + floor)
        for p in range(passes):
            _sign_rows(net, level, of_row[k, p], work)
            _walsh_hadamard(work.reshape(-1), order, columns)
            for j in range(order):
                b = p * order + j
                saturated[i] += _read_out(
                    y[i, b], work[j], of_pattern[k, p, j], variance,
                    noise[b * columns : (b + 1) * columns], columns_,
                )  # fmt: skip


@numba.njit(inline="always")
def _net_of_row(cells, run, row, net, variance):
    """Net conductances of a row's cells and the variance of their reads, (C,) each."""
    read_noise, read_floor = cells.read_noise, cells.read_floor
    net[:] = _f(0)
    variance[:] = _f(0)
    for d in range(cells.g.shape[1]):
        own, sign = cells.g[run, d, row], cells.polarity[d]
        for c in range(len(net)):
            deviation = read_noise * own[c] + read_floor
            net[c] += sign * own[c]
            variance[c] += deviation * deviation


@numba.njit(inline="always")
def _sign_rows(values, level, signs, work):
    """``values`` (R, C) times ``level`` and the sign of each row; zeros below, (order, C)."""
    rows, columns = values.shape
    for r in range(rows):
        sign = level * signs[r]
        for c in range(columns):
            work[r, c] = sign * values[r, c]
    work[rows:] = _f(0)


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
def _pattern_products(inputs, weights, of, out):
    level, of_row, of_pattern, x_of = inputs
    columns = weights.shape[2]
    passes, order = of_pattern.shape[1:]
    work = np.empty((order, columns), np.float32)
    for i in range(len(of)):
        k = x_of[i]
        for p in range(passes):
            _sign_rows(weights[of[i]], level, of_row[k, p], work)
            _walsh_hadamard(work.reshape(-1), order, columns)
            for j in range(order):
                sign = of_pattern[k, p, j]
                for c in range(columns):
                    out[i, p * order + j, c] = sign * work[j, c]


@numba.njit(cache=True, nogil=True)
def _correlate_patterns(inputs, error, out):
    level, of_row, of_pattern, x_of = inputs
    _, rows, columns = out.shape
    passes, order = of_pattern.shape[1:]
    work = np.empty((order, columns), np.float32)
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
def _normals_at(address, i, elements, out):
    """The normals of ``fill_normals`` at some elements alone, for few of them."""
    c1, c2, c3, k0, k1 = _words_of(address, i)
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
def _draw_some(address, i, elements, full, out):
    """Normals of run i at ``elements``; ``full`` is work space for all of them."""
    if len(elements) < len(full) // 3:  # drawing all costs about as much as a third one by one
        _normals_at(address, i, elements, out)
    else:
        fill_normals(address, i, full)
        for k in range(len(elements)):
            out[k] = full[elements[k]]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _pulse(pulses, law, jitter_address, quench_address, fired, total):
    """Arrays of cells are flat, (N or U, D x cells) or (n, cells).

    Short loops over the pulsed cells alone, one array gathered in each, so that the arithmetic
    between them is vectorised.
    """
    g, runs, unit, current, device = pulses
    g_set, g_reset, i_half, i_width, i_melt, current_jitter, jitter_slope, quench_noise = law
    cells = current.shape[1]
    work = np.empty((8, _padded(cells)), np.float32)
    where = np.empty((2, _padded(cells) + 1), np.int32)
    for i in range(len(runs)):
        run = runs[i]
        own = unit[run]
        count = 0
        for j in range(cells):  # no branch: which few cells are pulsed cannot be predicted
            where[0, count] = j
            count += current[i, j] != _f(0)
        cell, at = where[0, :count], where[1, :count]
        jitter, quench, full = work[0, :count], work[1, :count], work[2]
        _draw_some(jitter_address, i, cell, full, jitter)
        _draw_some(quench_address, i, cell, full, quench)
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
            spread = current_jitter + jitter_slope * max(asked[k] - i_melt, _f(0))
            effective = asked[k] + spread * jitter[k]
            plug = _f(1) / (_f(1) + _exp((effective - half[k]) / width[k]))
            level = high[k] if is_set else low[k] + (high[k] - low[k]) * plug
            level = max(level * (_f(1) + quench_noise * quench[k]), _f(0))
            after[k] = level if is_set | (effective >= i_melt) else after[k]
        for k in range(count):
            g[run, at[k]] = after[k]
        fired[i, 0], fired[i, 1] = count - sets, sets


@numba.njit(cache=True, nogil=True)
def _products(inputs, weights, of, out):
    x, x_of = inputs
    for i in range(len(of)):
        np.dot(x[x_of[i]], weights[of[i]], out[i])


@numba.njit(cache=True, nogil=True)
def _correlate(inputs, error, out):
    x, x_of = inputs
    for i in range(len(error)):
        np.dot(x[x_of[i]].T, error[i], out[i])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _add_products(values, window_, steps_, noise, out, column):
    window, steps = _Window(*window_), _Steps(*steps_)
    adc = _Adc(*steps.adc)
    positions, (rows, whole), columns = out.shape[1], steps.weights.shape, len(steps.offset)
    noisy = noise.shape[1] > 0
    reads = noisy and len(steps.variance) > 0
    block = min(positions, BLOCK)
    driven, inputs = np.zeros(window.frame, _f), np.empty((block, rows), _f)
    product, work = np.empty((block, whole), _f), np.empty((2, block * columns + whole), _f)
    flat = driven.reshape(-1)
    offset, scale = _repeated(steps.offset, block), _repeated(steps.scale, block)
    shift = _repeated(steps.shift, block)
    even = np.full(block * columns, math.sqrt(steps.floor), _f)
    for i in range(len(values)):
        _drive(values[i], window, steps, driven)
        for start in range(0, positions, block):
            count = min(block, positions - start)
            if window.plain:
                patches = flat[start * rows : (start + count) * rows].reshape((count, rows))
            else:
                patches = inputs[:count]
                _fill(driven, start, window, patches)
            y, deviation = work[0, : count * columns], even[: count * columns]
            np.dot(patches, steps.weights, product[:count])
            _narrow(product[:count], columns, work[0])
            if reads:
                squares = inputs[:count]
                _square(patches.reshape(-1), squares.reshape(-1))
                np.dot(squares, steps.variance, product[:count])
                _narrow(product[:count], columns, work[1])
                deviation = work[1, : count * columns]
                _deviation(deviation, steps.floor)
            if noisy:
                _add_noise(y, deviation, noise[i, start * columns : (start + count) * columns])
            for j in range(len(y)):
                y[j] = _adc_code(y[j] + offset[j], adc) * scale[j] + shift[j]
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
def _drive(image, window, steps, driven):
    """DAC codes of the channels that feed the piece, inside a frame of zeros."""
    height, width, channels = image.shape
    some, left = driven.shape[2], window.left
    for r in range(height):
        values, codes = image[r].reshape(-1), driven[window.top + r].reshape(-1)
        if some == channels:
            _code(values, steps, codes[left * some : (left + width) * some])
        else:
            for c in range(width):
                begin = c * channels + window.first
                _code(
                    values[begin : begin + some], steps,
                    codes[(left + c) * some : (left + c + 1) * some],
                )  # fmt: skip


@numba.njit(inline="always")
def _code(values, steps, codes):
    for k in range(len(codes)):
        codes[k] = _dac_code(values[k] * steps.to_code, steps.top_code)


@numba.njit(inline="always")
def _fill(driven, start, window, patches):
    """Patches of the positions from ``start`` on."""
    flat, channels = driven.reshape(-1), driven.shape[2]
    line = driven.shape[1] * channels
    run = window.wide * channels
    row, column = start // window.positions_in_row, start % window.positions_in_row
    for p in range(len(patches)):
        patch = patches[p]
        begin = row * window.down * line + column * window.across * channels
        for r in range(window.tall):
            if window.far_across == 1:  # neighbours in a kernel's row lie side by side
                _copy(flat[begin : begin + run], patch[r * run : (r + 1) * run])
            else:
                for c in range(window.wide):
                    point, at = begin + c * window.far_across * channels, r * run + c * channels
                    _copy(flat[point : point + channels], patch[at : at + channels])
            begin += window.far_down * line
        column += 1
        if column == window.positions_in_row:
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
def _add(y, out):
    for j in range(len(y)):
        out[j] += y[j]
