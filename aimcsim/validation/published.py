"""The published laws once more, written out from their sources, and the moments they predict.

Nothing here uses :mod:`aimcsim.chip.devices`: a coefficient mistyped there, or a law applied
wrongly, shows as a difference. Conductances in uS, times in s, x = g / g_max.

Sources: ``hermes_odp`` and ``hermes_tdp`` are aihwkit's ``HermesNoiseModel`` with one and two
devices, fitted on the chip of Le Gallo et al., Nat. Electron. 6, 2023; ``pcm_90nm`` is Joshi et
al., Nat. Commun. 11, 2473, 2020 (aihwkit's ``PCMLikeNoiseModel``). SET accumulation: see
:mod:`aimcsim.validation.accumulation`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

Curve = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class PublishedStates:
    """What is published of one population of devices; the curves take x > 0."""

    g_max: float
    """uS"""
    t0: float
    """s"""
    t_read: float
    """s"""
    sigma: Curve
    """Standard deviation of the conductance around its target, uS."""
    drift_mean: Curve
    """Mean of the drift exponent before folding, 1."""
    drift_spread: Curve
    """Standard deviation of the drift exponent before folding, 1."""
    noise_scale: Curve
    """Q_s of the 1/f read noise, 1."""


def _split(at: float, logarithm: tuple[float, ...], polynomial: tuple[float, ...]) -> Curve:
    """clip(a ln x + b, low, high) below ``at``; from there a polynomial, highest power first."""
    a, b, low, high = logarithm
    return lambda x: np.where(
        x < at, np.clip(a * np.log(x) + b, low, high), np.polyval(polynomial, x)
    )


_hermes_drift_mean = _split(0.0945, (-0.0387, -0.0182, 0.072, 0.13), (-0.0436, -0.0126, 0.0736))

STATES = {
    "hermes_odp": PublishedStates(
        g_max=10.35,
        t0=200,
        t_read=512e-9,
        sigma=lambda x: 0.15781817 + 2.32443916 * x - 2.16310839 * x**2 + 0.68841818 * x**3,
        drift_mean=_hermes_drift_mean,
        drift_spread=_split(0.3039, (-0.0120, -0.0023, 0.0124, 0.04), (-0.0165, 0.0116, 0.0104)),
        noise_scale=_split(
            0.1591, (-0.0078, 0.0038, 0.0179, 0.04), (0.0664, -0.1352, 0.0768, 0.0088)
        ),
    ),
    "hermes_tdp": PublishedStates(
        g_max=20.7,
        t0=300,
        t_read=512e-9,
        sigma=lambda x: 0.16603222 + 4.71806468 * x - 8.48101252 * x**2 + 4.68961419 * x**3,
        drift_mean=_hermes_drift_mean,
        drift_spread=_split(0.3055, (-0.0117, -0.0057, 0.0091, 0.04), (-0.0118, 0.0093, 0.0073)),
        noise_scale=_split(
            0.16, (-0.0117, -0.0069, 0.015, 0.04), (0.0069, -0.0280, 0.0211, 0.0123)
        ),
    ),
    "pcm_90nm": PublishedStates(
        g_max=25,
        t0=20,
        t_read=250e-9,
        sigma=lambda x: np.maximum(0.26348 + 1.9650 * x - 1.1731 * x**2, 0),
        drift_mean=lambda x: np.clip(-0.0155 * np.log(x) + 0.0244, 0.049, 0.1),
        drift_spread=lambda x: np.clip(-0.0125 * np.log(x) - 0.0059, 0.008, 0.045),
        noise_scale=lambda x: np.minimum(0.0088 / x**0.65, 0.2),
    ),
}


def _density(x: np.ndarray) -> np.ndarray:
    """Of the standard normal distribution."""
    return np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def clipped_normal(mean: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of max(Normal(mean, spread), 0)."""
    ratio = mean / spread
    first = spread * (ratio * ndtr(ratio) + _density(ratio))
    second = spread**2 * ((1 + ratio**2) * ndtr(ratio) + ratio * _density(ratio))
    return first, np.sqrt(second - first**2)


def folded_normal(mean: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of |Normal(mean, spread)|."""
    ratio = mean / spread
    first = 2 * spread * _density(ratio) + mean * (1 - 2 * ndtr(-ratio))
    return first, np.sqrt(mean**2 + spread**2 - first**2)


def noise_variance(published: PublishedStates, x: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Variance of a read's 1/f noise over the square of the conductance, 1."""
    growth = np.log((t + published.t_read) / (2 * published.t_read))
    return published.noise_scale(x) ** 2 * growth
