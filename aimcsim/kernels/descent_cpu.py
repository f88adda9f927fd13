"""The kernels of ``descent_reference``, compiled for the CPU by numba: one pass over each array."""

import math

import numba
import numpy as np

from aimcsim.kernels.descent_reference import CHANGE

_f = np.float32
_TINY = np.finfo(np.float32).tiny
_CELLS = 2048
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
    if predicted is None:
        predicted = np.empty((0, 0, 0), np.float32)
    noise = np.empty(energy.shape[1], np.float32)
    _fold(estimate, variance, runs, gradient, predicted, energy, power, _f(batch), running, noise)


def decide(
    estimate, variance, current, rested, runs, sign, tunable, magnitude, unit, prior,
    noise_threshold, floor, slope, rate, changes, lowest, highest,
):  # fmt: skip
    cells = estimate.shape[1] * estimate.shape[2]
    fire = np.empty((len(runs), *estimate.shape[1:]), np.float32)

    def flat(array):
        return array.reshape(len(array), cells)

    _decide(
        flat(estimate), flat(variance), flat(current), flat(rested), runs, flat(sign),
        flat(tunable), flat(magnitude), unit, prior, noise_threshold, floor, slope, rate, changes,
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
    orthogonal = len(predicted) == 0
    for i in range(len(runs)):
        run = runs[i]
        inverse = _f(1) / power[i]
        for c in range(columns):
            noise[c] = energy[i, c]
        if running[i] and orthogonal:
            for r in range(rows):
                for c in range(columns):
                    known = estimate[run, r, c]
                    noise[c] += known * (power[i] * known - _f(2) * gradient[i, r, c])
        elif running[i]:
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
                    known = power[i] * estimate[run, r, c] if orthogonal else predicted[i, r, c]
                    before = variance[run, r, c]
                    gain = before / (before + noise[c])
                    estimate[run, r, c] += gain * ((gradient[i, r, c] - known) * inverse)
                    variance[run, r, c] = (_f(1) - gain) * before
        else:
            for r in range(rows):
                for c in range(columns):
                    estimate[run, r, c] = gradient[i, r, c] * inverse
                    variance[run, r, c] = noise[c]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _decide(
    estimate, variance, current, rested, runs, sign, tunable, magnitude, unit, prior,
    noise_threshold, floor, slope, rate, changes, lowest, highest, mark, fire,
):  # fmt: skip
    """Arrays of cells are (N, n or U, cells). Some cells at a time, so that the later loops find
    them in the first cache."""
    cells = estimate.shape[1]
    for i in range(len(runs)):
        run, own = runs[i], unit[i]
        limit = highest if changes[i] else _f(np.inf)  # no current is as high: none changes
        for start in range(0, cells, _CELLS):
            part = slice(start, min(start + _CELLS, cells))
            _choose(
                fire[i, part], estimate[run, part], variance[run, part], sign[run, part],
                tunable[run, part], magnitude[own, part], noise_threshold[i], floor[i], slope[i],
            )  # fmt: skip
            _forget(
                fire[i, part], estimate[run, part], variance[run, part], current[run, part],
                prior[i], limit,
            )  # fmt: skip
            if len(rested):
                _repeat_or_move(
                    fire[i, part], current[run, part], rested[run, part], rate[i], lowest, highest,
                    limit, mark,
                )  # fmt: skip
            else:
                _move(fire[i, part], current[run, part], rate[i], lowest, highest, limit, mark)


# No branch in these loops, and few arrays written in each: a compiler vectorises them.


@numba.njit(cache=True, nogil=True)
def _choose(fire, estimate, variance, sign, tunable, magnitude, noise_threshold, floor, slope):
    """The error of chosen cells, else 0."""
    for j in range(len(fire)):
        deviation = estimate[j] * _f(sign[j])
        threshold = max(noise_threshold * math.sqrt(variance[j]), floor + slope * magnitude[j])
        fire[j] = deviation if (abs(deviation) > threshold) & tunable[j] else _f(0)


@numba.njit(cache=True, nogil=True)
def _forget(fire, estimate, variance, current, prior, limit):
    for j in range(len(fire)):
        keep = (fire[j] == _f(0)) | ((fire[j] > _f(0)) & (current[j] >= limit))
        estimate[j] = estimate[j] if keep else _f(0)
        variance[j] = variance[j] if keep else prior


@numba.njit(cache=True, nogil=True)
def _move(fire, current, rate, lowest, highest, limit, mark):
    for j in range(len(fire)):
        deviation, before = fire[j], current[j]
        change = (deviation > _f(0)) & (before >= limit)
        moved = min(max(before + rate * deviation, lowest), highest)
        pulsed = (deviation != _f(0)) & ~change
        current[j] = moved if pulsed else before
        fire[j] = mark if change else (moved if pulsed else _f(0))


@numba.njit(cache=True, nogil=True)
def _repeat_or_move(fire, current, rested, rate, lowest, highest, limit, mark):
    for j in range(len(fire)):
        deviation, before = fire[j], current[j]
        change = (deviation > _f(0)) & (before >= limit)
        step = _f(0) if rested[j] else rate * deviation
        moved = min(max(before + step, lowest), highest)
        pulsed = (deviation != _f(0)) & ~change
        rested[j] = rested[j] & (deviation == _f(0))
        current[j] = moved if pulsed else before
        fire[j] = mark if change else (moved if pulsed else _f(0))
