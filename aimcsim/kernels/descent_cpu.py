"""What gradient-descent programming computes per cell, compiled for the CPU by numba.

One pass over each array. Groups of arguments as in ``cpu.py``.
"""

import math

import numba
import numpy as np

from aimcsim.kernels.interface import (
    CHANGE,
    LEARNING,
    SHEET,
    Estimates,
    Gradients,
    PulseRule,
    TunedCells,
)

_f = np.float32
_TINY = np.finfo(np.float32).tiny
_CELLS = 2048
_BLOCK = 16  # inputs whose squares are added up before they join the sum


def residual(y: np.ndarray, ideal: np.ndarray, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    energy = np.zeros((len(y), y.shape[2]), np.float32)
    ideal_energy = np.zeros(len(ideal))
    _residual(y, ideal, unit, energy)
    _energy(ideal, np.zeros(ideal.shape[2], np.float32), ideal_energy)
    return energy, ideal_energy


def fold(estimates: Estimates, runs: np.ndarray, gradients: Gradients, running: np.ndarray) -> None:
    gradient, predicted, energy, power, batch = gradients
    if predicted is None:
        predicted = np.empty((0, 0, 0), np.float32)
    gradients_ = gradient, predicted, energy, power, _f(batch)
    _fold(tuple(estimates), runs, gradients_, running)


def decide(
    estimates: Estimates, cells: TunedCells, runs: np.ndarray, rule: PulseRule
) -> tuple[np.ndarray, np.ndarray]:
    shape = estimates.error.shape[1:]
    fire = np.empty((len(runs), *shape), np.float32)

    def flat(array: np.ndarray) -> np.ndarray:
        return array.reshape(len(array), shape[0] * shape[1])

    estimates_ = flat(estimates.error), flat(estimates.variance)
    tuned = (
        flat(cells.current), flat(cells.fired), flat(cells.surprise), flat(cells.rested),
        flat(cells.sign), flat(cells.tunable), flat(cells.scatter), flat(cells.response),
        flat(cells.bend), cells.unit, runs,
    )  # fmt: skip
    rule_ = (*rule[:7], _f(rule.lowest), _f(rule.highest), CHANGE)
    _decide(estimates_, tuned, rule_, flat(fire))
    return fire, np.flatnonzero(fire == CHANGE) if rule.changes.any() else np.empty(0, np.int64)


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
def _fold(estimates, runs, gradients, running):
    estimate, variance = estimates
    gradient, predicted, energy, power, batch = gradients
    _, rows, columns = estimate.shape
    noise = np.empty(columns, np.float32)
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
def _decide(estimates, cells, rule, fire):
    """Arrays of cells are flat, (N, n or U, cells).

    Some cells at a time, so that the later loops find them in the first cache.
    """
    (error, variance), count = estimates, fire.shape[1]
    current, fired, surprise, rested, sign, tunable, scatter, response, bend, unit, runs = cells
    prior, noise_threshold, floor, least, rate, decay, changes, lowest, highest, mark = rule
    for i in range(len(runs)):
        run, own = runs[i], unit[runs[i]]
        limit = highest if changes[i] else _f(np.inf)  # no current is as high: none changes
        step = rate[i], decay[i], lowest, highest, limit, mark
        for start in range(0, count, _CELLS):
            part = slice(start, min(start + _CELLS, count))
            some, before = fire[i, part], (current[run, part], fired[run, part])
            known = error[run, part], variance[run, part]
            history = scatter[own, part], before[1], surprise[run, part]
            _choose(
                some, known, (sign[run, part], tunable[run, part]),
                history, (response[own, part], bend[own, part]),
                (noise_threshold[i], floor[i], least[i]),
            )  # fmt: skip
            _forget(some, known, before[0], history, (prior[i], limit))
            if len(rested):
                _repeat_or_move(some, before, rested[run, part], step)
            else:
                _move(some, before, step)


# No branch in these loops, and few arrays written in each: a compiler vectorises them.


@numba.njit(inline="always")
def _scatter(sheet, fired, surprise):
    """Of a device, from its data sheet and from what its pulses have left."""
    seen = max(fired - LEARNING, _f(0))
    return math.sqrt((SHEET * sheet * sheet + surprise) / (SHEET + seen))


@numba.njit(cache=True, nogil=True)
def _choose(fire, estimates, cells, history, curve, thresholds):
    """What the current of the average device moves by for the error of chosen cells, else 0."""
    estimate, variance = estimates
    sign, tunable = cells
    scatter, fired, surprise = history
    response, bend = curve
    noise_threshold, floor, least = thresholds
    for j in range(len(fire)):
        deviation = estimate[j] * _f(sign[j])
        own = max(floor * _scatter(scatter[j], fired[j], surprise[j]), least)
        threshold = max(noise_threshold * math.sqrt(variance[j]), own)
        chosen = (abs(deviation) > threshold) & tunable[j]
        move = deviation * response[j] / (_f(1) + bend[j] * max(deviation, _f(0)))
        fire[j] = move if chosen else _f(0)


@numba.njit(cache=True, nogil=True)
def _forget(fire, estimates, current, history, rule):
    estimate, variance = estimates
    prior, limit = rule
    scatter, fired, surprise = history
    for j in range(len(fire)):
        keep = (fire[j] == _f(0)) | ((fire[j] > _f(0)) & (current[j] >= limit))
        counts = ~keep & (fired[j] >= LEARNING)
        surprise[j] += estimate[j] * estimate[j] if counts else _f(0)
        estimate[j] = estimate[j] if keep else _f(0)
        pulses = fired[j] + _f(~keep)
        after = prior * _scatter(scatter[j], pulses, surprise[j])
        variance[j] = variance[j] if keep else after * after


@numba.njit(cache=True, nogil=True)
def _move(fire, state, step):
    rate, decay, lowest, highest, limit, mark = step
    current, fired = state
    for j in range(len(fire)):
        asked, before = fire[j], current[j]
        change = (asked > _f(0)) & (before >= limit)
        by = rate * asked / (_f(1) + decay * fired[j])
        moved = min(max(before + by, lowest), highest)
        pulsed = (asked != _f(0)) & ~change
        current[j] = moved if pulsed else before
        fired[j] += _f(pulsed)
        fire[j] = mark if change else (moved if pulsed else _f(0))


@numba.njit(cache=True, nogil=True)
def _repeat_or_move(fire, state, rested, step):
    rate, decay, lowest, highest, limit, mark = step
    current, fired = state
    for j in range(len(fire)):
        asked, before = fire[j], current[j]
        change = (asked > _f(0)) & (before >= limit)
        by = _f(0) if rested[j] else rate * asked / (_f(1) + decay * fired[j])
        moved = min(max(before + by, lowest), highest)
        pulsed = (asked != _f(0)) & ~change
        rested[j] = rested[j] & (asked == _f(0))
        current[j] = moved if pulsed else before
        fired[j] += _f(pulsed)
        fire[j] = mark if change else (moved if pulsed else _f(0))
