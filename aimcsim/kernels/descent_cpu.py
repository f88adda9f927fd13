"""What gradient-descent programming computes per cell, compiled for the CPU by numba.

One pass over each array. As in ``cpu.py``, compiled functions take tuples that are defined here.
"""

import math
from typing import NamedTuple

import numba
import numpy as np

from aimcsim.kernels.interface import CHANGE, Estimates, Gradients, PulseRule, TunedCells

_f = np.float32
_TINY = np.finfo(np.float32).tiny
_CELLS = 2048
_BLOCK = 16  # inputs whose squares are added up before they join the sum


class _Gradients(NamedTuple):
    """:class:`aimcsim.kernels.interface.Gradients`; ``predicted`` is empty where it is None."""

    gradient: np.ndarray
    predicted: np.ndarray
    energy: np.ndarray
    power: np.ndarray
    batch: np.float32


class _Estimates(NamedTuple):
    """:class:`aimcsim.kernels.interface.Estimates`; cells may be flat, (N, cells)."""

    error: np.ndarray
    variance: np.ndarray


class _Tuned(NamedTuple):
    """:class:`aimcsim.kernels.interface.TunedCells`, cells flat, and the runs that take part."""

    current: np.ndarray
    rested: np.ndarray
    sign: np.ndarray
    tunable: np.ndarray
    magnitude: np.ndarray
    unit: np.ndarray
    runs: np.ndarray


class _Rule(NamedTuple):
    """:class:`aimcsim.kernels.interface.PulseRule`, and what stands for a change of polarity."""

    prior: np.ndarray
    noise_threshold: np.ndarray
    floor: np.ndarray
    slope: np.ndarray
    rate: np.ndarray
    changes: np.ndarray
    lowest: np.float32
    highest: np.float32
    mark: np.float32


class _Step(NamedTuple):
    """The same of one run; ``limit`` is infinite where no cell changes polarity."""

    rate: np.float32
    lowest: np.float32
    highest: np.float32
    limit: np.float32
    mark: np.float32


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
    gradients_ = _Gradients(gradient, predicted, energy, power, _f(batch))
    _fold(_Estimates(*estimates), runs, gradients_, running)


def decide(
    estimates: Estimates, cells: TunedCells, runs: np.ndarray, rule: PulseRule
) -> np.ndarray:
    shape = estimates.error.shape[1:]
    fire = np.empty((len(runs), *shape), np.float32)

    def flat(array: np.ndarray) -> np.ndarray:
        return array.reshape(len(array), shape[0] * shape[1])

    estimates_ = _Estimates(flat(estimates.error), flat(estimates.variance))
    tuned = _Tuned(
        flat(cells.current), flat(cells.rested), flat(cells.sign), flat(cells.tunable),
        flat(cells.magnitude), cells.unit, runs,
    )  # fmt: skip
    rule_ = _Rule(*rule[:6], _f(rule.lowest), _f(rule.highest), CHANGE)
    _decide(estimates_, tuned, rule_, flat(fire))
    return fire


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
    estimate, variance = estimates.error, estimates.variance
    gradient, predicted, power = gradients.gradient, gradients.predicted, gradients.power
    _, rows, columns = estimate.shape
    noise = np.empty(columns, np.float32)
    orthogonal = len(predicted) == 0
    for i in range(len(runs)):
        run = runs[i]
        inverse = _f(1) / power[i]
        for c in range(columns):
            noise[c] = gradients.energy[i, c]
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
            noise[c] = max(noise[c], _TINY) / gradients.batch * inverse
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
    """Some cells at a time, so that the later loops find them in the first cache."""
    count = fire.shape[1]
    for i in range(len(cells.runs)):
        run = cells.runs[i]
        # No current is as high as infinity: none changes.
        limit = rule.highest if rule.changes[i] else _f(np.inf)
        step = _Step(rule.rate[i], rule.lowest, rule.highest, limit, rule.mark)
        for start in range(0, count, _CELLS):
            part = slice(start, min(start + _CELLS, count))
            some, current = fire[i, part], cells.current[run, part]
            error, variance = estimates.error[run, part], estimates.variance[run, part]
            _choose(some, estimates, cells, rule, i, part)
            _forget(some, error, variance, current, rule.prior[i], limit)
            if len(cells.rested):
                _repeat_or_move(some, current, cells.rested[run, part], step)
            else:
                _move(some, current, step)


# No branch in these loops, and few arrays written in each: a compiler vectorises them.


@numba.njit(cache=True, nogil=True)
def _choose(fire, estimates, cells, rule, i, part):
    """The error of chosen cells of run i, else 0."""
    run = cells.runs[i]
    estimate, variance = estimates.error[run, part], estimates.variance[run, part]
    sign, tunable = cells.sign[run, part], cells.tunable[run, part]
    magnitude = cells.magnitude[cells.unit[run], part]
    noise_threshold, floor, slope = rule.noise_threshold[i], rule.floor[i], rule.slope[i]
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
def _move(fire, current, step):
    rate, lowest, highest, limit, mark = step
    for j in range(len(fire)):
        deviation, before = fire[j], current[j]
        change = (deviation > _f(0)) & (before >= limit)
        moved = min(max(before + rate * deviation, lowest), highest)
        pulsed = (deviation != _f(0)) & ~change
        current[j] = moved if pulsed else before
        fire[j] = mark if change else (moved if pulsed else _f(0))


@numba.njit(cache=True, nogil=True)
def _repeat_or_move(fire, current, rested, step):
    rate, lowest, highest, limit, mark = step
    for j in range(len(fire)):
        deviation, before = fire[j], current[j]
        change = (deviation > _f(0)) & (before >= limit)
        by = _f(0) if rested[j] else rate * deviation
        moved = min(max(before + by, lowest), highest)
        pulsed = (deviation != _f(0)) & ~change
        rested[j] = rested[j] & (deviation == _f(0))
        current[j] = moved if pulsed else before
        fire[j] = mark if change else (moved if pulsed else _f(0))
