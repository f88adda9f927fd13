"""GDP over iterative programming in errors other than the one the setting was chosen by."""

import numpy as np
import xarray as xr

from aimcsim.study.intervals import bootstrap_interval, core_shares, resampled_means
from aimcsim.study.measures import of_method, per_core
from aimcsim.study.regret import Agnosticism, SetEstimates, choices, log_ratio


def ratios(
    summary: xr.Dataset, variable: str, study: Agnosticism
) -> tuple[SetEstimates, SetEstimates]:
    """Ratio of GDP's to iterative programming's mean of ``variable``, paired over cores.

    The setting is the one chosen by the MVM error right after programming, as everywhere; the
    choice is repeated in each bootstrap resample. For ``mvm_error`` itself the first result is
    :attr:`Agnosticism.ratio`.

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
    gdp = of_method(values, "gdp").values
    iterative = of_method(values, "iterative").isel(point=0).values
    how, cores = study.options, study.cores

    def statistics(shares: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        upper = np.empty((len(shares), gdp.shape[1], *gdp.shape[3:]))
        for index in range(gdp.shape[1]):
            for point in np.unique(chosen[:, index]):
                rows = chosen[:, index] == point
                upper[rows, index] = resampled_means(shares[rows], gdp[:, index, point])
        lower = resampled_means(shares, iterative)
        return log_ratio(upper, lower), log_ratio(upper.mean(axis=1), lower.mean(axis=1))

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
