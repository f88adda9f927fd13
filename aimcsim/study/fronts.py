"""Methods at equal cost: what each leaves of the MVM error for a given programming time or energy.

Cost of a run. Time (s) or energy (J) to program a weight set on one chip, preparation and the run
that it starts from included: the sum over phases and over the tiles of the weight set, mean over
chips. Methods that use no port of the core, such as drawn targets, cost nothing and take no part.

Error at a budget. The smallest mean error among the settings whose mean cost is at most the budget.
Between settings nothing is interpolated, and a run is not cut short: its thresholds were planned
for its end, so that what was measured is the run that has ended. The error at a budget is therefore
a step function, and where no setting is cheap enough it is unknown. Settings far apart favour the
method that they are compared with, as one between them might do better.

Equal cost. The budget of a weight set is what the subject spends on it at the setting that the
study chose for it on the other weight sets (:mod:`aimcsim.study.regret`). What the subject is
compared with may be tuned on the weight set itself.

Noise of the choice. The lowest of several noisy means lies below the lowest true one. So the best
setting is chosen again within each resample of the chips, as is the subject's: its error at the
budget comes out too low rather than too high, and the ratio of the subject's error to it too high.
That is cautious for the claim that the subject wins: this choice gives the value and the upper end
of the interval. Of many settings that are equally good it would call the luckiest better than it
is. The lower end is therefore at most that of a ratio in which each choice is made on some chips
and judged on the others (from four chips on; at most five folds, as for the regret), which is free
of that luck and noisier. So "lower" and "higher" are both said with confidence, and what lies
between is a tie. Costs scatter little over chips: the means over all chips decide in every resample
what is within a budget, so that no setting at its edge comes and goes.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr

from aimcsim.study.intervals import (
    bootstrap_interval,
    core_shares,
    resampled_means,
    whole_sample,
)
from aimcsim.study.measures import (
    about_methods,
    methods,
    per_core,
    positions,
    programming,
    totals,
)
from aimcsim.study.regret import (
    FOLDS,
    MINIMUM_CORES_TO_SPLIT,
    Agnosticism,
    SetEstimates,
    choose,
    in_blocks,
    log_ratio,
    picked,
)

Quantity = Literal["time", "energy"]
Comparison = Literal["lower", "tie", "higher", "unknown"]
QUANTITIES: tuple[Quantity, ...] = ("time", "energy")
TUNED = 2  # settings, at least, from which a best one can be said to be tuned
_ROUNDING = 1e-9  # of a budget
_MOST = np.finfo(float).max  # stands for a diverged run, which is a run too


@dataclass(frozen=True)
class AtBudget:
    """The best of some runs within the budget of each weight set.

    runs
        Index along the summary's ``run``, int (weight sets,); -1 where no setting is cheap enough.
    error
        Its MVM error, percent; NaN where there is none, infinite where every run diverged.
    ratio
        MVM error of the subject over it; NaN likewise.
    """

    runs: np.ndarray
    error: SetEstimates
    ratio: SetEstimates

    @property
    def known(self) -> np.ndarray:
        """Where some setting is cheap enough, bool (weight sets,)."""
        return self.runs >= 0

    def compared(self) -> list[Comparison]:
        """How the subject's error compares, by weight set: a tie if the interval reaches 1."""
        found: list[Comparison] = []
        for low, high in zip(self.ratio.low, self.ratio.high, strict=True):
            if np.isnan(low) or np.isnan(high):
                found.append("unknown")
            else:
                found.append("lower" if high < 1 else "higher" if low > 1 else "tie")
        return found


@dataclass(frozen=True)
class EqualCost:
    """Methods at the cost of the subject.

    budget
        What the subject spends on each weight set, s or J, (weight sets,).
    methods
        By name, of every method that programs; the subject at the setting chosen for it.
    tuned
        The best of all methods of other algorithms than the subject's; None where they have fewer
        than ``TUNED`` settings together.
    settings
        Their settings, together.
    """

    quantity: Quantity
    budget: np.ndarray
    methods: dict[str, AtBudget]
    tuned: AtBudget | None
    settings: int


def has_cost(summary: xr.Dataset) -> bool:
    """True where the summary says what programming costs."""
    return _variable("time") in summary


def costs(summary: xr.Dataset, quantity: Quantity) -> xr.DataArray:
    """Time (s) or energy (J) of every run on a whole weight set, (weight_set, core, run)."""
    return totals(summary, _variable(quantity)).sum("phase")


def _variable(quantity: Quantity) -> str:
    return f"programming_{quantity}"


def of_other_algorithms(summary: xr.Dataset, subject: str) -> list[str]:
    """Methods that program by another algorithm than ``subject``, in the order of the study."""
    algorithm = {name: about["algorithm"] for name, about in about_methods(summary).items()}
    return [name for name in programming(summary) if algorithm[name] != algorithm[subject]]


def front(cost: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Settings that no other beats at no higher cost, cheapest first: indices into (settings,).

    Of settings of one cost and one error the first.
    """
    order = np.lexsort((np.arange(len(cost)), error, cost))
    best, kept = np.inf, []
    for index in order:
        if error[index] < best:
            best = error[index]
            kept.append(index)
    return np.array(kept, int)


def equal_cost(summary: xr.Dataset, study: Agnosticism, quantity: Quantity) -> EqualCost | None:
    """Every method at the cost of the subject; None where the summary has no cost.

    Intervals are paired bootstraps over chips, see the module.
    """
    if not has_cost(summary):
        return None
    errors = per_core(summary, "mvm_error").transpose("core", "weight_set", "run").values
    cost = costs(summary, quantity).mean("core").transpose("weight_set", "run").values
    own, chosen = positions(summary, study.subject), study.runs[study.subject]
    budget = cost[np.arange(len(cost)), chosen]
    names = [name for name in programming(summary) if name != study.subject]
    others = of_other_algorithms(summary, study.subject)
    groups = [positions(summary, name) for name in names]
    groups.append(np.flatnonzero(np.isin(summary["method"].values, others)))
    subject, *found = _judged(errors, cost, own, groups, study)
    by_name = dict(zip(names, found[:-1], strict=True)) | {study.subject: subject}
    ordered = {name: by_name[name] for name in methods(summary) if name in by_name}
    settings = len(groups[-1])
    return EqualCost(quantity, budget, ordered, found[-1] if settings >= TUNED else None, settings)


def within(cost: Any, budget: Any) -> Any:
    """Whether ``cost`` is at most ``budget``; numbers or arrays."""
    return cost <= budget * (1 + _ROUNDING)


def _where(there: np.ndarray, estimates: SetEstimates) -> SetEstimates:
    return SetEstimates(*(np.where(there, end, np.nan) for end in vars(estimates).values()))


def _judged(
    errors: np.ndarray,
    cost: np.ndarray,
    own: np.ndarray,
    groups: list[np.ndarray],
    study: Agnosticism,
) -> list[AtBudget]:
    """The subject at its choice, then the best of each group.

    ``errors`` (cores, weight sets, runs), ``cost`` (weight sets, runs); ``own`` and ``groups`` are
    indices along runs.
    """
    sets = np.arange(len(cost))

    def chosen(means: np.ndarray) -> list[np.ndarray]:
        """Run of the subject, then the best of each group, -1: none, (resamples, weight sets)."""
        subject = own[choose(means[..., own]).left_out]
        budget, found = cost[sets, subject][..., None], [subject]
        for group in groups:
            inside = within(cost[:, group], budget)
            known = np.where(inside, np.minimum(means[..., group], _MOST), np.inf)
            best = group[known.argmin(axis=-1)] if len(group) else subject
            found.append(np.where(inside.any(axis=-1), best, -1))
        return found

    def at(means: np.ndarray, runs: list[np.ndarray]) -> np.ndarray:
        """(resamples, subject and groups, weight sets); infinite where there is no run."""
        found = [np.where(run < 0, np.inf, picked(means, run)) for run in runs]
        return np.stack(found, axis=1)

    def statistics(shares: np.ndarray) -> np.ndarray:
        """Logarithms (resamples, kind, subject and groups, weight sets): error, ratio, and the
        ratio of choices made on other chips."""
        means = resampled_means(shares, errors)
        error = at(means, chosen(means))
        apart, folds = np.zeros_like(error), np.arange(len(errors)) % FOLDS
        usable = np.zeros(len(shares), bool)
        for fold in range(folds.max() + 1 if len(errors) >= MINIMUM_CORES_TO_SPLIT else 0):
            inside = folds == fold
            rest = shares * ~inside
            total = rest.sum(axis=1, keepdims=True)
            known = total[:, 0] > 0  # else no other chip is there to choose on
            runs = chosen(resampled_means(rest / np.where(total > 0, total, 1), errors))
            judged = at(resampled_means(shares * inside, errors), runs)
            apart += np.where(known[:, None, None], judged, 0)
            usable |= known & (shares[:, inside].sum(axis=1) > 0)
        apart = np.where(usable[:, None, None], apart, error)
        ratios = [log_ratio(part[:, :1] * np.ones_like(part), part) for part in (error, apart)]
        return np.stack([log_ratio(error, np.ones_like(error)), *ratios], axis=1)

    cores, how = study.cores, study.options
    whole = resampled = statistics(whole_sample(cores))
    if cores > 1:
        shares = core_shares(cores, how.resamples, how.seed)
        resampled = np.concatenate(
            [statistics(block) for block in in_blocks(shares, errors[0].size)]
        )
    low, high = bootstrap_interval(whole[0], resampled, cores, how.level)
    (error, ratio, _), low, high = (np.exp(part) for part in (whole[0], low, high))
    least = np.fmin(low[1], low[2])
    runs = chosen(resampled_means(whole_sample(cores), errors))
    return [
        AtBudget(
            run[0],
            _where(run[0] >= 0, SetEstimates(error[index], low[0, index], high[0, index])),
            _where(run[0] >= 0, SetEstimates(ratio[index], least[index], high[1, index])),
        )
        for index, run in enumerate(runs)
    ]
