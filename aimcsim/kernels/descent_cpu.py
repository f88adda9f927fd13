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
    _decide(
        estimate, variance, current, rested, runs, sign, tunable, magnitude, prior,
        noise_threshold, floor, slope, rate, changes, _f(lowest), _f(highest), CHANGE, fire,
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
    _, rows, columns = estimate.shape
    again = len(rested) > 0
    for i in range(len(runs)):
        run = runs[i]
        for r in range(rows):
            for c in range(columns):
                deviation = estimate[run, r, c] * sign[run, r, c]
                threshold = max(
                    noise_threshold[i] * math.sqrt(variance[run, r, c]),
                    floor[i] + slope[i] * magnitude[run, r, c],
                )
                chosen = tunable[run, r, c] and abs(deviation) > threshold
                before = current[run, r, c]
                step = rate[i] * deviation
                if again and rested[run, r, c]:
                    step = _f(0)
                    rested[run, r, c] = not chosen
                change = chosen and changes[i] and deviation > _f(0) and before >= highest
                pulsed = chosen and not change
                moved = min(max(before + step, lowest), highest)
                current[run, r, c] = moved if pulsed else before
                estimate[run, r, c] = _f(0) if pulsed else estimate[run, r, c]
                variance[run, r, c] = prior[i] if pulsed else variance[run, r, c]
                fire[i, r, c] = mark if change else (moved if pulsed else _f(0))
