"""Weight-agnosticism: what one shared hyperparameter setting costs against each set's own best.

Error of a weight set at a setting: mean over its tiles, weighted by used unit cells, then over
cores. Non-converged and diverged runs count like any other.

Bias. A weight set's own best setting is chosen on the cores it is judged on. The lowest of several
noisy means lies below the true lowest, so the regret against it is too high rather than too low:
a cautious figure for the claim that one setting serves all. It is never negative. Beside it stands,
from four cores on, a cross-fitted regret: both the own best and the shared setting are chosen on
the other cores and judged on the cores left out of the choice (at most five folds of cores). That
one is free of the bias, noisier, judges a choice made with fewer cores, and can be negative.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from aimcsim.study.intervals import (
    Estimate,
    bootstrap_interval,
    core_shares,
    resampled_means,
    whole_sample,
)
from aimcsim.study.measures import (
    Options,
    baseline,
    methods,
    of_method,
    options,
    per_core,
    positions,
    subject,
)

FOLDS = 5
MINIMUM_CORES_TO_SPLIT = 4
FEWEST_CORES = 3  # of an interval of a choice: of two cores there are but three resamples
CHUNK = 4_000_000  # elements of one block of resamples: 32 MB
_TINY = 1e-12  # percent; an error of exactly zero would have no logarithm


@dataclass(frozen=True)
class Choice:
    """Settings chosen from errors of shape (..., sets, settings)."""

    best: np.ndarray  # (..., sets) each set's own best
    shared: np.ndarray  # (...) best over all sets
    left_out: np.ndarray  # (..., sets) best over the other sets


@dataclass(frozen=True)
class SetEstimates:
    """One value with interval for each weight set; NaN where there is no interval."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def of(self, index: int) -> Estimate:
        """The estimate of the weight set at ``index``."""
        return Estimate(float(self.value[index]), float(self.low[index]), float(self.high[index]))

    def worst(self) -> tuple[int, Estimate]:
        """Index and value of the largest, with the interval of the largest over all sets.

        If every set's true value lies in its own interval, the largest true value lies between
        the largest lower and the largest upper end.
        """
        index = int(np.argmax(self.value))
        return index, Estimate(
            float(self.value[index]), float(self.low.max()), float(self.high.max())
        )


@dataclass(frozen=True)
class Agnosticism:
    """All that is known about a study's choice of hyperparameters.

    subject, baseline
        Names of the methods that are compared.
    rule
        How the setting of the subject behind ``ratio`` was chosen. ``left_out``: for each weight
        set from the other sets. ``only``: the subject has one setting. ``own``: one weight set and
        several settings, so its own best.
    best, shared, chosen
        Indices among the subject's own runs; ``chosen`` is the setting of the rule, per weight set.
    runs
        For every method, by name, the index along the summary's ``run`` of the run chosen for each
        weight set by the same rule, int (weight sets,).
    ratio
        MVM error of the subject over that of the baseline, per weight set, each at its own choice;
        both choices are repeated in every resample.
    regret, split_regret
        Percent over the own best; None where not measurable (one weight set or one setting; fewer
        than four cores for the second).
    mean_regret
        Mean of ``regret`` over weight sets, percent.
    rank_agreement
        Mean Spearman correlation of two sets' orderings of the settings; None below 2 sets or 3
        settings. Noise of few cores lowers it.
    """

    subject: str
    baseline: str
    weight_sets: tuple[str, ...]
    cores: int
    options: Options
    rule: str
    best: np.ndarray
    shared: int
    chosen: np.ndarray
    runs: dict[str, np.ndarray]
    ratio: SetEstimates
    regret: SetEstimates | None
    split_regret: SetEstimates | None
    mean_regret: Estimate | None
    rank_agreement: Estimate | None


def excess(means: np.ndarray) -> np.ndarray:
    """Logarithm of each error over its set's own best: (..., sets, settings), at least 0.

    Where every setting of a set is infinite none is better than another: 0 for all.
    """
    logs = np.log(np.maximum(means, _TINY))
    lowest = logs.min(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(lowest), 0.0, logs - lowest)


def choose(means: np.ndarray) -> Choice:
    """Own best, shared and leave-one-set-out settings of errors (..., sets, settings).

    Shared settings minimise the mean over sets of the error relative to the set's own best, as
    mean logarithm of the ratio. With one set, ``left_out`` is its own best. Ties go to the first.
    """
    over = excess(means)
    sets = over.shape[-2]
    best = means.argmin(axis=-1)
    if sets == 1:
        return Choice(best, best[..., 0], best)
    # Sums over the other sets from both sides: no subtraction, so infinite errors stay harmless.
    before = np.zeros_like(over)
    before[..., 1:, :] = np.cumsum(over, axis=-2)[..., :-1, :]
    after = np.zeros_like(over)
    after[..., :-1, :] = np.cumsum(over[..., ::-1, :], axis=-2)[..., ::-1, :][..., 1:, :]
    return Choice(best, over.sum(axis=-2).argmin(axis=-1), (before + after).argmin(axis=-1))


def picked(values: np.ndarray, settings: np.ndarray) -> np.ndarray:
    return np.take_along_axis(values, settings[..., None], axis=-1)[..., 0]


def log_ratio(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """log(upper / lower), 0 where both are infinite."""
    with np.errstate(invalid="ignore"):
        ratio = np.log(np.maximum(upper, _TINY)) - np.log(np.maximum(lower, _TINY))
    return np.where(np.isinf(upper) & np.isinf(lower), 0.0, ratio)


def rank_agreement(means: np.ndarray) -> np.ndarray:
    """Mean Spearman correlation over all pairs of sets; (..., sets, settings) -> (...).

    NaN where a set orders no settings (all equal).
    """
    from scipy.stats import rankdata  # half a second, which most stages need not pay

    ranks = rankdata(means, axis=-1)
    ranks = ranks - ranks.mean(axis=-1, keepdims=True)
    length = np.sqrt((ranks**2).sum(axis=-1, keepdims=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = ranks / length
    sets = means.shape[-2]
    # |sum of unit vectors|^2 = sets + 2 x the sum over pairs.
    return ((unit.sum(axis=-2) ** 2).sum(axis=-1) - sets) / (sets * (sets - 1))


def in_blocks(shares: np.ndarray, elements: int) -> Iterator[np.ndarray]:
    step = max(1, CHUNK // max(1, elements))
    for start in range(0, len(shares), step):
        yield shares[start : start + step]


def choices(errors: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The ``left_out`` choice of each resample: (cores, sets, settings) -> (resamples, sets)."""
    elements = errors.shape[1] * errors.shape[2]
    return np.concatenate(
        [choose(resampled_means(block, errors)).left_out for block in in_blocks(shares, elements)]
    )


def split_regret(errors: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Cross-fitted log regret of each resample: (cores, sets, settings) -> (resamples, sets)."""
    cores = errors.shape[0]
    folds = np.arange(cores) % min(cores, FOLDS)
    upper = np.zeros((len(shares), errors.shape[1]))
    lower = np.zeros_like(upper)
    for fold in range(folds.max() + 1):
        inside = folds == fold
        rest = shares * ~inside
        total = rest.sum(axis=1, keepdims=True)
        # A resample that drew this fold alone has no other core to choose on: it skips the fold.
        usable = total[:, 0] > 0
        choice = choose(resampled_means(rest / np.where(total > 0, total, 1), errors))
        judged = resampled_means(shares * inside, errors)
        upper += np.where(usable[:, None], picked(judged, choice.left_out), 0)
        lower += np.where(usable[:, None], picked(judged, choice.best), 0)
    return log_ratio(upper, lower)


def _percent(logs: np.ndarray) -> np.ndarray:
    return 100 * np.expm1(logs)


def _rule(sets: int, settings: int) -> str:
    if settings == 1:
        return "only"
    return "left_out" if sets > 1 else "own"


def by_core(values: xr.DataArray, name: str) -> np.ndarray:
    """``values`` of :func:`~aimcsim.study.measures.per_core` of method ``name``.

    Returns (core, weight_set, runs of the method, ...).
    """
    return of_method(values, name).transpose("core", "weight_set", "run", ...).values


def at_chosen(values: xr.DataArray, study: Agnosticism) -> xr.DataArray:
    """``values`` (weight_set, run, ...) of every method at the runs chosen for the weight sets.

    Returns (weight_set, programmed_by, ...): names of methods in the place of runs.
    """
    runs = np.stack(list(study.runs.values()), axis=1)
    picked = values.isel(
        weight_set=xr.DataArray(np.arange(len(runs)), dims="weight_set"),
        run=xr.DataArray(runs, dims=("weight_set", "programmed_by")),
    )
    picked = picked.drop_vars([name for name in picked.coords if name not in values.dims])
    picked = picked.assign_coords(programmed_by=list(study.runs))
    return picked.transpose("weight_set", "programmed_by", ...)


@dataclass(frozen=True)
class SharedSetting:
    """What one setting for all weight sets costs a method.

    Fields as of :class:`Agnosticism`; None where not measurable.
    """

    regret: SetEstimates | None
    split_regret: SetEstimates | None
    mean_regret: Estimate | None
    rank_agreement: Estimate | None


def _resampled(
    statistics: Callable[[np.ndarray], dict[str, np.ndarray]],
    cores: int,
    elements: int,
    how: Options,
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Value and interval of each of ``statistics`` of shares of cores, by name."""
    whole = {name: value[0] for name, value in statistics(whole_sample(cores)).items()}
    if cores > 1:
        shares = core_shares(cores, how.resamples, how.seed)
        parts = [statistics(block) for block in in_blocks(shares, elements)]
        draws = {name: np.concatenate([part[name] for part in parts]) for name in whole}
    else:
        draws = {name: value[None] for name, value in whole.items()}
    return {
        name: (np.asarray(value), *bootstrap_interval(value, draws[name], cores, how.level))
        for name, value in whole.items()
    }


def shared_setting(errors: np.ndarray, how: Options) -> SharedSetting:
    """From the errors (cores, weight sets, settings) of one method, percent.

    The choice is repeated within each bootstrap resample, so an interval carries the uncertainty
    of the choice as well as that of the errors. Below ``FEWEST_CORES`` there is none.
    """
    cores, sets, settings = errors.shape
    if sets < 2 or settings < 2:
        return SharedSetting(None, None, None, None)
    split, ranked = cores >= MINIMUM_CORES_TO_SPLIT, settings >= 3

    def statistics(shares: np.ndarray) -> dict[str, np.ndarray]:
        means = resampled_means(shares, errors)
        chosen = choose(means)
        over = log_ratio(picked(means, chosen.left_out), picked(means, chosen.best))
        found = {"regret": over, "mean": _percent(over).mean(axis=-1)}
        if split:
            found["split"] = split_regret(errors, shares)
        if ranked:
            found["rank"] = rank_agreement(means)
        return found

    found = _resampled(statistics, cores, sets * settings, how)
    if cores < FEWEST_CORES:
        found = {
            name: (value, value * np.nan, value * np.nan) for name, (value, *_) in found.items()
        }
    value, low, high = found["regret"]
    low = np.maximum(low, 0)  # never negative by definition
    regret = SetEstimates(_percent(value), _percent(low), _percent(high))
    value, low, high = found["mean"]
    mean_regret = Estimate(float(value), float(np.maximum(low, 0)), float(high))
    fitted = ranks = None
    if split:
        fitted = SetEstimates(*(_percent(part) for part in found["split"]))
    if ranked and np.isfinite(found["rank"][0]):
        value, low, high = found["rank"]
        ranks = Estimate(float(value), float(np.maximum(low, -1)), float(np.minimum(high, 1)))
    return SharedSetting(regret, fitted, mean_regret, ranks)


def agnosticism(summary: xr.Dataset) -> Agnosticism:
    """Choose settings, judge them and put intervals over cores on every statement.

    The choice is repeated within each bootstrap resample, so an interval carries the uncertainty
    of the choice as well as that of the errors.
    """
    how = options(summary)
    values = per_core(summary, "mvm_error")
    errors = {name: by_core(values, name) for name in methods(summary)}
    choice = {
        name: choose(resampled_means(whole_sample(len(found)), found)[0])
        for name, found in errors.items()
    }
    above, below = errors[subject(summary)], errors[baseline(summary)]
    cores, sets, settings = above.shape

    def ratio(shares: np.ndarray) -> dict[str, np.ndarray]:
        means, reference = resampled_means(shares, above), resampled_means(shares, below)
        found = picked(means, choose(means).left_out)
        return {"ratio": log_ratio(found, picked(reference, choose(reference).left_out))}

    found = _resampled(ratio, cores, sets * max(settings, below.shape[2]), how)["ratio"]
    shared = shared_setting(above, how)
    own = choice[subject(summary)]
    return Agnosticism(
        subject=subject(summary),
        baseline=baseline(summary),
        weight_sets=tuple(str(name) for name in summary["weight_set"].values),
        cores=cores,
        options=how,
        rule=_rule(sets, settings),
        best=own.best,
        shared=int(own.shared),
        chosen=own.left_out,
        runs={name: positions(summary, name)[one.left_out] for name, one in choice.items()},
        ratio=SetEstimates(*(np.exp(part) for part in found)),
        regret=shared.regret,
        split_regret=shared.split_regret,
        mean_regret=shared.mean_regret,
        rank_agreement=shared.rank_agreement,
    )
