"""The kernels of ``descent_reference``, compiled for the CPU by numba: one pass over each array."""

import math

import numba
import numpy as np

from aimcsim.kernels.descent_reference import CHANGE

_f = np.float32
_TINY = np.finfo(np.float32).tiny
_BLOCK = 16  # inputs whose squares are added up before they join the sum


def to_grid(x, scale, shift, steps):
    out = np.empty(x.shape, np.float32)
    _to_grid(np.ascontiguousarray(x).reshape(-1), _f(scale), _f(shift), _f(steps), out.reshape(-1))
    return out


def residual(y, ideal, unit):
    energy = np.zeros((len(y), y.shape[2]), np.float32)
    ideal_energy = np.zeros(len(ideal))
    _residual(y, ideal, unit, energy)
    _energy(ideal, np.zeros(ideal.shape[2], np.float32), ideal_energy)
    return energy, ideal_energy


def fold(estimate, variance, runs, gradient, predicted, energy, power, batch, running):
    scratch = np.empty(energy.shape[1], np.float32)
    _fold(estimate, variance, runs, gradient, predicted, energy, power, _f(batch), running, scratch)


def decide(
    estimate, variance, current, rested, runs, sign, tunable, magnitude, prior, noise_threshold,
    floor, slope, rate, changes, lowest, highest,
):  # fmt: skip
    fire = np.empty((len(runs), *estimate.shape[1:]), np.float32)

    def flat(array):
        return array.reshape(len(array), -1) if array.size else np.empty((0, 0), array.dtype)

    _decide(
        flat(estimate), flat(variance), flat(current), flat(rested), runs, flat(sign),
        flat(tunable), flat(magnitude), prior, noise_threshold, floor, slope, rate, changes,
        _f(lowest), _f(highest), CHANGE, flat(fire),
    )  # fmt: skip
    return fire


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _to_grid(x, scale, shift, steps, out):
    for i in range(len(x)):
        level = np.rint((scale * x[i] + shift) * steps)
        out[i] = min(max(level, -steps), steps) / steps


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _residual(y, ideal, unit, energy):
    _, batch, columns = y.shape
    part = np.empty(columns, np.float32)
    for i in range(len(y)):
        own = unit[i]
        for start in range(0, batch, _BLOCK):
            part[:] = 0
            for b in range(start, min(start + _BLOCK, batch)):
                for c in range(columns):
                    error = y[i, b, c] - ideal[own, b, c]
                    y[i, b, c] = error
                    part[c] += error * error
            for c in range(columns):
                energy[i, c] += part[c]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _energy(ideal, part, total):
    for u in range(len(ideal)):
        for start in range(0, ideal.shape[1], _BLOCK):
            part[:] = 0
            for b in range(start, min(start + _BLOCK, ideal.shape[1])):
                for c in range(ideal.shape[2]):
                    part[c] += ideal[u, b, c] * ideal[u, b, c]
            for c in range(ideal.shape[2]):
                total[u] += part[c]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _fold(
    estimate, variance, runs, gradient, predicted, energy, power, batch, running, noise
):  # fmt: skip
    _, rows, columns = estimate.shape
    for i in range(len(runs)):
        run = runs[i]
        inverse = _f(1) / power[i]
        for c in range(columns):
            noise[c] = energy[i, c]
        if running[i]:
            for r in range(rows):
                for c in range(columns):
                    noise[c] += estimate[run, r, c] * (
                        predicted[i, r, c] - _f(2) * gradient[i, r, c]
                    )
        for c in range(columns):
            noise[c] = max(noise[c], _TINY) / batch * inverse
        if running[i]:
            for r in range(rows):
                for c in range(columns):
                    before = variance[run, r, c]
                    gain = before / (before + noise[c])
                    fresh = (gradient[i, r, c] - predicted[i, r, c]) * inverse
                    estimate[run, r, c] += gain * fresh
                    variance[run, r, c] = (_f(1) - gain) * before
        else:
            for r in range(rows):
                for c in range(columns):
                    estimate[run, r, c] = gradient[i, r, c] * inverse
                    variance[run, r, c] = noise[c]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _decide(
    estimate, variance, current, rested, runs, sign, tunable, magnitude, prior, noise_threshold,
    floor, slope, rate, changes, lowest, highest, mark, fire,
):  # fmt: skip
    """Arrays of cells are (N or n, cells). Several short loops and no branch in them: a compiler
    vectorises what writes to few arrays."""
    cells = estimate.shape[1]
    for i in range(len(runs)):
        run = runs[i]
        for j in range(cells):  # the error of chosen cells, else 0
            deviation = estimate[run, j] * sign[run, j]
            threshold = max(
                noise_threshold[i] * math.sqrt(variance[run, j]),
                floor[i] + slope[i] * magnitude[run, j],
            )
            chosen = (abs(deviation) > threshold) & tunable[run, j]
            fire[i, j] = deviation if chosen else _f(0)
        limit = highest if changes[i] else _f(np.inf)  # no current is as high: none changes
        for j in range(cells):
            keep = (fire[i, j] == _f(0)) | ((fire[i, j] > _f(0)) & (current[run, j] >= limit))
            estimate[run, j] = estimate[run, j] if keep else _f(0)
            variance[run, j] = variance[run, j] if keep else prior[i]
        if len(rested):
            for j in range(cells):
                if fire[i, j] != _f(0) and rested[run, j]:
                    change = fire[i, j] > _f(0) and current[run, j] >= limit
                    rested[run, j] = False
                    moved = min(max(current[run, j], lowest), highest)
                    current[run, j] = current[run, j] if change else moved
                    fire[i, j] = mark if change else moved
                elif fire[i, j] != _f(0):
                    fire[i, j] = _pulsed(
                        fire[i, j], current, run, j, rate[i], lowest, highest, limit, mark
                    )
        else:
            for j in range(cells):
                deviation, before = fire[i, j], current[run, j]
                change = (deviation > _f(0)) & (before >= limit)
                moved = min(max(before + rate[i] * deviation, lowest), highest)
                pulsed = (deviation != _f(0)) & ~change
                current[run, j] = moved if pulsed else before
                fire[i, j] = mark if change else (moved if pulsed else _f(0))


@numba.njit(inline="always")
def _pulsed(deviation, current, run, j, rate, lowest, highest, limit, mark):
    before = current[run, j]
    if deviation > _f(0) and before >= limit:
        return mark
    current[run, j] = min(max(before + rate * deviation, lowest), highest)
    return current[run, j]
