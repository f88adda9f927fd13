"""One method over another, by default GDP over iterative programming, in any error."""

import numpy as np
import xarray as xr

from aimcsim.study.intervals import bootstrap_interval, core_shares, resampled_means
from aimcsim.study.measures import of_method, per_core
from aimcsim.study.regret import Agnosticism, SetEstimates, choices, log_ratio


def ratios(
    summary: xr.Dataset,
    variable: str,
    study: Agnosticism,
    upper: str = "gdp",
    lower: str = "iterative",
) -> tuple[SetEstimates, SetEstimates]:
    """Ratio of two methods' means of ``variable``, ``upper`` over ``lower``, paired over cores.

    ``lower`` is any method but GDP. GDP's setting is the one chosen by the MVM error right after
    programming, as everywhere; the choice is repeated in each bootstrap resample. For ``mvm_error``
    itself the first result, of the default methods, is :attr:`Agnosticism.ratio`.

    Parameters
    ----------
    variable
        Over (weight_set, tile, core, method, point, ...), positive.

    Returns
    -------
    each, together
        Per weight set, (weight_set, ...), and of the means over weight sets, (...). NaN ends
        where one core allows no interval.
    """
    errors = per_core(summary, "mvm_error").transpose("core", "weight_set", "method", "point")
    values = per_core(summary, variable).transpose("core", "weight_set", "method", "point", ...)
    judged = of_method(errors, "gdp").values
    above = of_method(values, upper).values  # methods but GDP are the same at every point
    below = of_method(values, lower).isel(point=0).values
    how, cores = study.options, study.cores

    def statistics(shares: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        top = np.empty((len(shares), above.shape[1], *above.shape[3:]))
        for index in range(above.shape[1]):
            for point in np.unique(chosen[:, index]):
                rows = chosen[:, index] == point
                top[rows, index] = resampled_means(shares[rows], above[:, index, point])
        bottom = resampled_means(shares, below)
        return log_ratio(top, bottom), log_ratio(top.mean(axis=1), bottom.mean(axis=1))

    whole = statistics(np.full((1, cores), 1 / cores), study.chosen[None])
    resampled = whole
    if cores > 1:
        shares = core_shares(cores, how.resamples, how.seed)
        resampled = statistics(shares, choices(judged, shares))
    found = []
    for value, draws in zip(whole, resampled, strict=True):
        ends = bootstrap_interval(value[0], draws, cores, how.level)
        found.append(SetEstimates(*(np.exp(part) for part in (value[0], *ends))))
    return found[0], found[1]
