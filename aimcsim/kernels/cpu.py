"""The kernels compiled for the CPU by numba; :mod:`aimcsim.kernels.reference` documents them.

One run at a time goes through a kernel, so that its intermediate results stay in the cache. The
matrix products are BLAS calls on one run's matrices: their shapes, and so their bits, do not
depend on how many runs are in the batch.
"""

import math

import numba
import numpy as np

from aimcsim.kernels.address import Address
from aimcsim.kernels.cpu_random import fill_normals, fill_uniforms, padded

_f = np.float32


def normals(address: Address, count: int) -> np.ndarray:
    out = np.empty((len(address.chip), padded(count)), np.float32)
    _normal_rows(*address, out)
    return out[:, :count]


def uniforms(address: Address, count: int) -> np.ndarray:
    out = np.empty((len(address.chip), padded(count)), np.float32)
    _uniform_rows(*address, out)
    return out[:, :count]


def read_cells(
    g, runs, unit, polarity, read_noise, gain, offset, full_scale, adc_noise, bits, address
):
    _, _, rows, columns = g.shape
    out = np.empty((len(runs), rows, columns), np.float32)
    noise = np.empty(padded(rows * columns), np.float32)
    _read_cells(
        g, runs, unit, polarity, _f(read_noise), gain, offset, _f(full_scale),
        _f(adc_noise * full_scale), 2 ** (bits - 1), *address, noise, out,
    )  # fmt: skip
    return out


def mvm(
    x, x_of, g, runs, unit, polarity, read_noise, gain, offset, full_scale, adc_noise, bits, address
):
    _, _, rows, columns = g.shape
    batch = x.shape[1]
    y = np.empty((len(runs), batch, columns), np.float32)
    saturated = np.zeros(len(runs), np.int64)
    scratch = (
        np.empty((batch, rows), np.float32),
        np.empty((rows, columns), np.float32),
        np.empty((rows, columns), np.float32),
        np.empty((batch, columns), np.float32),
        np.empty(padded(batch * columns), np.float32),
    )
    _mvm(
        x, x_of, g, runs, unit, polarity, _f(read_noise), gain, offset, full_scale, _f(adc_noise),
        2 ** (bits - 1), *address, *scratch, y, saturated,
    )  # fmt: skip
    return y, saturated


def pulse(
    g, runs, unit, current, device, law, i_melt, current_jitter, quench_noise,
    jitter_address, quench_address,
):  # fmt: skip
    cells = current.shape[1] * current.shape[2]
    fired = np.zeros(len(runs), np.int64)
    jitter = np.empty(padded(cells), np.float32)
    quench = np.empty(padded(cells), np.float32)
    _pulse(
        g.reshape(*g.shape[:2], -1), runs, unit,
        current.reshape(len(runs), cells), device.reshape(len(runs), cells),
        *(parameter.reshape(*parameter.shape[:2], -1) for parameter in law),
        _f(i_melt), _f(current_jitter), _f(quench_noise),
        *jitter_address, quench_address.quantity, jitter, quench, fired,
    )  # fmt: skip
    return fired


def ideal_products(x, x_of, weights):
    out = np.empty((len(weights), x.shape[1], weights.shape[2]), np.float32)
    _products(x, x_of, weights, out)
    return out


def correlate(x, x_of, error):
    out = np.empty((len(error), x.shape[2], error.shape[2]), np.float32)
    _correlate(x, x_of, error, out)
    return out


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
    seed, chip, tile, quantity, access, noise, out,
):  # fmt: skip
    _, devices, rows, columns = g.shape
    step = full_scale / _f(half)
    low, high = _f(-half), _f(half - 1)
    for i in range(len(runs)):
        run = runs[i]
        own = unit[run]
        fill_normals(seed, chip[i], tile[i], quantity, access[i], noise)
        for r in range(rows):
            for c in range(columns):
                net = _f(0)
                square = _f(0)
                for d in range(devices):
                    value = g[run, d, r, c]
                    net += polarity[d] * value
                    square += value * value
                a = gain[own, c]
                deviation = math.sqrt(
                    read_noise * read_noise * square * a * a + adc_noise * adc_noise
                )
                value = net * a + offset[own, c] * full_scale + deviation * noise[r * columns + c]
                out[i, r, c] = min(max(np.rint(value / step), low), high) * step


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _mvm(
    x, x_of, g, runs, unit, polarity, read_noise, gain, offset, full_scale, adc_noise, half,
    seed, chip, tile, quantity, access, x_square, net, variance_of, variance, noise, y, saturated,
):  # fmt: skip
    _, devices, rows, columns = g.shape
    batch = x.shape[1]
    low, high = _f(-half), _f(half - 1)
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
            for c in range(columns):
                total = _f(0)
                square = _f(0)
                for d in range(devices):
                    value = g[run, d, r, c]
                    total += polarity[d] * value
                    square += value * value
                net[r, c] = total
                variance_of[r, c] = read_noise * read_noise * square
        np.dot(x[k], net, y[i])
        np.dot(x_square, variance_of, variance)
        fill_normals(seed, chip[i], tile[i], quantity, access[i], noise)
        scale = full_scale[own]
        step = scale / _f(half)
        floor = adc_noise * scale * adc_noise * scale
        clipped = 0
        for b in range(batch):
            for c in range(columns):
                a = gain[own, c]
                deviation = math.sqrt(variance[b, c] * a * a + floor)
                value = y[i, b, c] * a + offset[own, c] * scale
                value += deviation * noise[b * columns + c]
                code = min(max(np.rint(value / step), low), high)
                clipped += (code == low) | (code == high)
                y[i, b, c] = code * step
        saturated[i] = clipped


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _pulse(
    g, runs, unit, current, device, g_set, g_reset, i_half, i_width, i_melt, current_jitter,
    quench_noise, seed, chip, tile, jitter_quantity, access, quench_quantity, jitter, quench, fired,
):  # fmt: skip
    cells = current.shape[1]
    for i in range(len(runs)):
        run = runs[i]
        own = unit[run]
        fill_normals(seed, chip[i], tile[i], jitter_quantity, access[i], jitter)
        fill_normals(seed, chip[i], tile[i], quench_quantity, access[i], quench)
        count = 0
        for j in range(cells):
            if current[i, j] > _f(0):
                count += 1
                d = device[i, j]
                effective = current[i, j] + current_jitter * jitter[j]
                if effective > i_melt:
                    plug = _f(1) / (
                        _f(1) + _f(math.exp((effective - i_half[own, d, j]) / i_width[own, d, j]))
                    )
                    low = g_reset[own, d, j]
                    after = low + (g_set[own, d, j] - low) * plug
                    g[run, d, j] = max(after * (_f(1) + quench_noise * quench[j]), _f(0))
        fired[i] = count


@numba.njit(cache=True, nogil=True)
def _products(x, x_of, weights, out):
    for i in range(len(weights)):
        np.dot(x[x_of[i]], weights[i], out[i])


@numba.njit(cache=True, nogil=True)
def _correlate(x, x_of, error, out):
    for i in range(len(error)):
        np.dot(x[x_of[i]].T, error[i], out[i])
