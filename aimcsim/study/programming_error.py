"""Programming error over the target conductance, pooled, and its distance from a published one.

The spread of the programming error is its standard deviation over unit cells of like target.
"""

import numpy as np
import xarray as xr

from aimcsim.study.intervals import Estimate, bootstrap_interval, core_shares, resampled_means
from aimcsim.study.measures import Options

LOWEST_SHARE = 0.1  # of g_max; the distance is judged from here to g_max


def pooled(values: xr.DataArray, cells: xr.DataArray) -> xr.DataArray:
    """Mean over tiles, weighted by their used cells, then plain mean over weight sets.

    A tile with too few cells in a bin does not count there. A weight set that lacks a bin on some
    core or by some method does not count there at all, so that all cores and methods are averaged
    over the same weights. The summary keeps no counts per bin, so moments cannot be pooled exactly.

    Parameters
    ----------
    values
        (weight_set, tile, core, programmed_by, conductance); NaN where a bin has too few cells.
    cells
        (weight_set, tile), used unit cells.

    Returns
    -------
    values
        (programmed_by, conductance, core); NaN in bins without any weight set.
    """
    mean = _of_sets(values, cells).mean("weight_set")
    return mean.transpose("programmed_by", "conductance", "core")


def contributing(values: xr.DataArray, cells: xr.DataArray) -> xr.DataArray:
    """Number of weight sets in each bin of :func:`pooled`, (conductance,)."""
    return _of_sets(values, cells).notnull().all(["core", "programmed_by"]).sum("weight_set")


def _of_sets(values: xr.DataArray, cells: xr.DataArray) -> xr.DataArray:
    seen = values.notnull()
    weights = cells.fillna(0).where(seen & (cells > 0))
    total = (values.astype(float) * weights).sum("tile", min_count=1)
    mean = total / weights.sum("tile", min_count=1)
    return mean.where(mean.notnull().all(["core", "programmed_by"]))


def judged(shares: np.ndarray, spread: np.ndarray, published: np.ndarray) -> np.ndarray:
    """The bins over which :func:`distance` is taken: bool (bins,)."""
    inside = (shares >= LOWEST_SHARE) & (shares <= 1) & (published > 0)
    return inside & ~np.isnan(spread).any(axis=0)


def distance(
    shares: np.ndarray, spread: np.ndarray, published: np.ndarray, how: Options
) -> Estimate:
    """Root-mean-square relative distance of the mean spread from the published one, in percent.

    sqrt(mean over bins of (spread / published - 1)^2) over the bins of :func:`judged`, with a
    bootstrap interval over cores; NaN without such a bin. The noise of few cells raises it.

    Parameters
    ----------
    shares, published
        (bins,) share of g_max, and uS.
    spread
        (cores, bins), uS; NaN where there is none.
    """
    inside = judged(shares, spread, published)
    if not inside.any():
        return Estimate(np.nan, np.nan, np.nan)
    cores = len(spread)

    def of(means: np.ndarray) -> np.ndarray:
        relative = means / published[inside] - 1
        return 100 * np.sqrt((relative**2).mean(axis=-1))

    value = of(spread[:, inside].mean(axis=0))
    draws = value[None]
    if cores > 1:
        draws = of(resampled_means(core_shares(cores, how.resamples, how.seed), spread[:, inside]))
    low, high = bootstrap_interval(value, draws, cores, how.level)
    return Estimate(float(value), float(np.maximum(low, 0)), float(high))
