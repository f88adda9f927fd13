"""Intervals over cores: chip instances are the sample, and every comparison is paired on them.

Chips count as independent. Where each holds a draw of the weights of its own, intervals cover draws
as well as devices; where all hold one matrix, they are of this matrix
(:mod:`aimcsim.config.sample`).

Plain means get a Student t interval. Derived statistics (ratios, regrets, rank agreement) get a
bootstrap over cores. Resamples are shares of cores, so that the mean of a resample is a weighted
mean and thousands of resamples are one array operation; one set of shares serves all weight sets
and all methods, which keeps the pairing.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit  # scipy.stats takes half a second to import


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; ``low`` and ``high`` are NaN where one core allows none."""

    value: float
    low: float
    high: float


def mean_interval(
    values: np.ndarray, level: float = 0.95, axis: int = -1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over cores with its Student t interval.

    Parameters
    ----------
    values
        Any shape; ``axis`` runs over cores, in any unit.
    level
        Confidence level, 0 to 1.

    Returns
    -------
    mean, low, high
        ``values`` without ``axis``, same unit. ``low`` and ``high`` are NaN for fewer than two
        cores: no spread was seen, so no interval exists.
    """
    values = np.asarray(values, dtype=float)
    cores = values.shape[axis]
    with np.errstate(invalid="ignore"):
        mean = values.mean(axis=axis)
        if cores < 2:
            missing = np.full(mean.shape, np.nan)
            return mean, missing, missing.copy()
        half = values.std(axis=axis, ddof=1) / np.sqrt(cores)
        half = half * stdtrit(cores - 1, (1 + level) / 2)
        return mean, mean - half, mean + half


def core_shares(cores: int, resamples: int, seed: int) -> np.ndarray:
    """Bootstrap resamples of the cores, as shares.

    Returns
    -------
    shares
        (resamples, cores); a row sums to 1 and holds how often each core was drawn, over
        ``cores``. A pure function of the arguments.
    """
    generator = np.random.Generator(np.random.Philox(seed))
    counts = generator.multinomial(cores, np.full(cores, 1 / cores), size=resamples)
    return counts / cores


def whole_sample(cores: int) -> np.ndarray:
    """The cores themselves in the form of one resample: (1, cores)."""
    return np.full((1, cores), 1 / cores)


def resampled_means(shares: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean over cores of each resample: (resamples, cores) and (cores, ...) -> (resamples, ...).

    A core that was not drawn does not count, even where its value is infinite.
    """
    flat = values.reshape(values.shape[0], -1)
    finite = np.isfinite(flat)
    # einsum and not matmul: BLAS sums in an order that depends on its thread count.
    means = np.einsum("rc,cx->rx", shares, np.where(finite, flat, 0.0))
    if not finite.all():
        hit = np.einsum("rc,cx->rx", shares, (~finite).astype(float)) > 0
        means[hit] = np.inf
    return means.reshape(shares.shape[:1] + values.shape[1:])


def bootstrap_interval(
    estimate: np.ndarray, resampled: np.ndarray, cores: int, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Interval of a statistic from its bootstrap distribution over few cores.

    The percentile interval of a bootstrap over n units is too narrow for small n: it misses the
    factor sqrt(n / (n - 1)) of the standard deviation and Student's t in place of the normal
    (Hesterberg, The American Statistician 69(4), 2015, doi 10.1080/00031305.2015.1089789).
    Both are put back by widening the distance of each end from the estimate. The interval always
    contains the estimate. For few cores the coverage is approximate (tests/study measure it).

    Parameters
    ----------
    estimate
        (...,) the statistic on all cores; give ratios as logarithms.
    resampled
        (resamples, ...) the statistic on each resample.
    cores
        Number of cores that were resampled.

    Returns
    -------
    low, high
        (...,); NaN for fewer than two cores.
    """
    estimate = np.asarray(estimate, dtype=float)
    if cores < 2:
        missing = np.full(estimate.shape, np.nan)
        return missing, missing.copy()
    tail = (1 - level) / 2
    factor = stdtrit(cores - 1, 1 - tail) / ndtri(1 - tail)
    factor *= np.sqrt(cores / (cores - 1))
    # A resample that is not finite stands for an unlimited value; "nearest" never averages it in.
    bounds = np.quantile(resampled, [tail, 1 - tail], axis=0, method="nearest")
    with np.errstate(invalid="ignore"):
        low = np.fmin(estimate, estimate - factor * (estimate - bounds[0]))
        high = np.fmax(estimate, estimate + factor * (bounds[1] - estimate))
    return low, high


def ratio_interval(
    numerator: np.ndarray, denominator: np.ndarray, shares: np.ndarray, level: float = 0.95
) -> Estimate:
    """Ratio of two means over the same cores, with a paired bootstrap interval.

    Parameters
    ----------
    numerator, denominator
        (cores,) positive, same unit, same chip instances in the same order.
    shares
        (resamples, cores) from :func:`core_shares`.
    """
    both = np.stack([numerator, denominator], axis=-1)
    means, draws = both.mean(axis=0), resampled_means(shares, both)
    estimate = np.log(means[0] / means[1])
    low, high = bootstrap_interval(
        estimate, np.log(draws[:, 0] / draws[:, 1]), len(numerator), level
    )
    return Estimate(float(np.exp(estimate)), float(np.exp(low)), float(np.exp(high)))
