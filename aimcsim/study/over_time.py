"""One method over another, by default the subject over the baseline, in any error."""

import numpy as np
import xarray as xr

from aimcsim.study.intervals import bootstrap_interval, core_shares, resampled_means, whole_sample
from aimcsim.study.measures import per_core
from aimcsim.study.regret import Agnosticism, SetEstimates, by_core, choices, log_ratio


def ratios(
    summary: xr.Dataset,
    variable: str,
    study: Agnosticism,
    upper: str | None = None,
    lower: str | None = None,
) -> tuple[SetEstimates, SetEstimates]:
    """Ratio of two methods' means of ``variable``, ``upper`` over ``lower``, paired over cores.

    The setting of each method is the one chosen by the MVM error right after programming, as
    everywhere; the choice is repeated in each bootstrap resample. For ``mvm_error`` itself the
    first result, of the default methods, is :attr:`Agnosticism.ratio`.

    Parameters
    ----------
    variable
        Over (weight_set, tile, core, run, ...), positive.
    upper, lower
        Names of methods; the subject and the baseline of the study where not given.

    Returns
    -------
    each, together
        Per weight set, (weight_set, ...), and of the means over weight sets, (...). NaN ends
        where one core allows no interval.
    """
    errors, values = per_core(summary, "mvm_error"), per_core(summary, variable)
    names = (upper or study.subject, lower or study.baseline)
    judged = [by_core(errors, name) for name in names]
    found = [by_core(values, name) for name in names]

    def statistics(shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        above, below = (
            _at_choices(part, choices(error, shares), shares)
            for part, error in zip(found, judged, strict=True)
        )
        return log_ratio(above, below), log_ratio(above.mean(axis=1), below.mean(axis=1))

    cores, how = study.cores, study.options
    resampled = whole = statistics(whole_sample(cores))
    if cores > 1:
        resampled = statistics(core_shares(cores, how.resamples, how.seed))
    estimates = []
    for value, draws in zip(whole, resampled, strict=True):
        ends = bootstrap_interval(value[0], draws, cores, how.level)
        estimates.append(SetEstimates(*(np.exp(part) for part in (value[0], *ends))))
    return estimates[0], estimates[1]


def _at_choices(values: np.ndarray, chosen: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Means of each resample at its own choice.

    (core, weight_set, setting, ...) at settings (resample, weight_set) -> (resample, weight_set,
    ...).
    """
    if values.shape[2] == 1:
        return resampled_means(shares, values[:, :, 0])
    means = np.empty((len(shares), values.shape[1], *values.shape[3:]))
    for index in range(values.shape[1]):
        for setting in np.unique(chosen[:, index]):
            rows = chosen[:, index] == setting
            means[rows, index] = resampled_means(shares[rows], values[:, index, setting])
    return means
