"""Moments of a simulated sample with their standard errors, and the judgement on them."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from aimcsim.common import random
from aimcsim.common.random import Phase, Quantity

NEAR = 3.0
"""Standard errors within which a value is counted as near; our choice."""
FALSE_ALARM = 1e-3
"""Share of seeds at which a family of true laws is judged to fail; our choice."""


def normals(seed: int, quantity: Quantity, point: int, group: int, access: int, count: int):
    """Standard normal draws (count,) of ``point`` of ``group``; no simulated core shares them."""
    return random.normals(seed, point, group, int(quantity) + int(Phase.LAWS), access, count)


def uniforms(seed: int, quantity: Quantity, point: int, group: int, access: int, count: int):
    """Uniform draws on (0, 1) at the same addresses."""
    return random.uniforms(seed, point, group, int(quantity) + int(Phase.LAWS), access, count)


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of a sample along its last axis, with standard errors."""

    mean: np.ndarray
    mean_error: np.ndarray
    spread: np.ndarray
    spread_error: np.ndarray

    @classmethod
    def of(cls, sample: np.ndarray) -> "Moments":
        """The spread's error is from the sample's own fourth moment: no shape is assumed."""
        count = sample.shape[-1]
        mean = sample.mean(axis=-1)
        centred = sample - mean[..., None]
        variance = np.square(centred).sum(axis=-1) / (count - 1)
        spread = np.sqrt(variance)
        fourth = np.square(np.square(centred)).mean(axis=-1)
        error = np.sqrt((fourth - variance**2) / count) / (2 * spread)
        return cls(mean, spread / np.sqrt(count), spread, error)


def limit(count: int) -> float:
    """Distance in standard errors that the largest of ``count`` true values rarely exceeds.

    Rarely: at one seed in a thousand at most, whatever the values have to do with each other
    (Bonferroni). 3 would be exceeded by one of 30 true values at 8 % of the seeds.
    """
    return float(-ndtri(FALSE_ALARM / (2 * count)))


def distances(value: np.ndarray, error: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """How far each value lies from what is expected, in standard errors, not negative."""
    return np.abs(value - expected) / error
