"""How the error of one method depends on its hyperparameters, and whether on the weights as well.

Of every method that a study sweeps, the baselines too. Errors are means over the tiles of a weight
set. What is said of settings is said of the space that the study swept: a wider one has worse
settings in it, so that each figure stands beside the ratio of the worst setting to the best.

Variance. y(chip, weight set, setting) is the logarithm of the error, at most ``USELESS`` times that
of the set's best setting: how much worse a useless one is says nothing. The mean over chips is
split into the grand mean, the main effects of weight set and setting, and their interaction; a
method that is agnostic to the weights has no interaction. Chips are few, so that their noise adds
to each part: the expected addition, found from the same contrasts chip by chip, is taken off (an
analysis of variance with random chips; parts below 0 count as 0). What varies between chips is the
fourth part. Intervals are Student's t over the jackknife of chips.

Rank agreement. Kendall's W = (1 + (m - 1) r) / m of the orderings of the settings by the m weight
sets, r being the mean Spearman correlation of all pairs (Kendall and Babington Smith, Ann. Math.
Stat. 10(3), 1939, doi 10.1214/aoms/1177732186); 1: all order the settings alike. Settings that are
equally good are ordered by chance, which lowers it, so that a method with a wide optimum and few
chips has less.

Importance. A Gaussian process (scikit-learn's) through the settings' mean logarithmic error, every
hyperparameter scaled to 0 to 1, and from it the total-order Sobol index of each: the share of the
variance over the swept space that would go if it were known (Saltelli et al., Comput. Phys. Commun.
181(2), 2010, doi 10.1016/j.cpc.2009.09.018; scipy's). How well the process predicts settings that
it was not shown stands beside it (``predicted``, R^2 of five folds).

Region. Settings within ``WITHIN`` of the own best of every weight set. The safest is the one
farthest from any setting outside, and its tolerances are how far each hyperparameter can go alone
before a Gaussian process through the worst excess over the weight sets leaves the region.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import stdtrit

from aimcsim.study.intervals import Estimate, resampled_means, whole_sample
from aimcsim.study.measures import (
    hyperparameters,
    methods,
    options,
    per_core,
    positions,
    setting,
    varying,
)
from aimcsim.study.regret import Choice, SharedSetting, by_core, choose, excess, shared_setting

USELESS = 10.0  # times the best error: errors count as at most that. Ours
WITHIN = 5.0  # percent over the own best: equally good, as for claim C2
AT_EDGE = 0.05  # of the range of a hyperparameter: a best value nearer to its end is flagged
FEWEST = 8  # settings, at least, that a Gaussian process is drawn through
MOST = 512  # settings, at most: more are thinned out, as its cost grows with their cube
FOLDS = 5
BASE = 512  # points of the Sobol indices' base sample
STEPS = 41  # values of a hyperparameter that tolerances are looked for at
AGNOSTIC, NOT_AGNOSTIC, NOT_MEASURED = "agnostic", "not agnostic", "not measured"
PARTS = ("weights", "hyperparameters", "interaction", "chips")


@dataclass(frozen=True)
class Region:
    """Settings that are nearly the best for every weight set.

    inside
        bool (settings,).
    centre
        Median of each swept hyperparameter inside; of a text, the most frequent.
    safest
        Index of the setting farthest from any outside; None where none is inside.
    tolerance
        Lowest and highest value of each numeric hyperparameter that keeps the safest setting
        inside, the others as they are; None where there are too few settings to say.
    """

    inside: np.ndarray
    centre: dict[str, Any]
    safest: int | None
    tolerance: dict[str, tuple[float, float]] | None

    @property
    def share(self) -> float:
        """Of the settings of the study, 0 to 1."""
        return float(self.inside.mean())


@dataclass(frozen=True)
class Importance:
    """Total-order Sobol index of each hyperparameter, and how well the process behind predicts."""

    total: dict[str, Estimate]
    predicted: float


@dataclass(frozen=True)
class Landscape:
    """All that is said of one method; arrays over settings are over its own runs.

    means
        MVM error, percent, mean over chips (weight sets, settings).
    values
        Values of every swept hyperparameter, by name, those tried, sorted.
    variance
        Share of each of ``PARTS``, 0 to 1.
    agreement
        Kendall's W; None below two weight sets or three settings.
    tau
        Kendall's tau-b of the orderings of each pair of weight sets, (weight sets, weight sets).
    transfer
        Excess in percent on the second weight set of the setting that is the first one's best.
    spread
        Error of the worst setting over that of the best, (weight sets,).
    edges
        Hyperparameters whose value in the shared setting lies at an end of those tried: "low" or
        "high"; an end of 0 is a limit and no edge.
    """

    name: str
    weight_sets: tuple[str, ...]
    means: np.ndarray
    points: list[dict[str, Any]]
    values: dict[str, list]
    choice: Choice
    shared: SharedSetting
    variance: dict[str, Estimate]
    agreement: Estimate | None
    tau: np.ndarray
    transfer: np.ndarray
    spread: np.ndarray
    edges: dict[str, str]
    region: Region
    importance: Importance | None

    @property
    def interaction(self) -> Estimate:
        """Share of the interaction in all variance."""
        return self.variance["interaction"]


def landscapes(summary: xr.Dataset) -> dict[str, Landscape]:
    """Of every method with several settings, by name; none where there is one weight set."""
    if summary.sizes["weight_set"] < 2:
        return {}
    several = [name for name in methods(summary) if len(positions(summary, name)) > 1]
    return {name: landscape(summary, name) for name in several}


def landscape(summary: xr.Dataset, name: str) -> Landscape:
    """Of method ``name``, which has several settings; the summary has several weight sets."""
    errors = by_core(per_core(summary, "mvm_error"), name)
    runs, how = positions(summary, name), options(summary)
    means = resampled_means(whole_sample(len(errors)), errors)[0]
    choice, values = choose(means), varying(summary, name)
    points = [setting(summary, run) for run in runs]
    shared = shared_setting(errors, how)
    rank = shared.rank_agreement
    sets = len(means)
    return Landscape(
        name=name,
        weight_sets=tuple(map(str, summary["weight_set"].values)),
        means=means,
        points=points,
        values=values,
        choice=choice,
        shared=shared,
        variance=variance_parts(errors, how.level),
        agreement=rank
        and Estimate(*((1 + (sets - 1) * end) / sets for end in vars(rank).values())),
        tau=_taus(means),
        transfer=100 * np.expm1(excess(means)[:, choice.best].T),
        spread=np.exp(_logs(means).max(axis=1) - _logs(means).min(axis=1)),
        edges=_edges(points[int(choice.shared)], values),
        region=_region(means, points, values),
        importance=_importance(errors, points, values, how.level),
    )


def labels_of(summary: xr.Dataset, name: str) -> dict[str, tuple[str, str]]:
    """Label and unit of every hyperparameter that method ``name`` sweeps."""
    known = hyperparameters(summary, name)
    return {key: known[key] for key in varying(summary, name)}


def variance_parts(errors: np.ndarray, level: float) -> dict[str, Estimate]:
    """Shares of the variance of the logarithm of errors (chips, weight sets, settings).

    Intervals are NaN below three chips.
    """
    logs = _logs(errors)
    value = _shares(logs)
    low, high = jackknife(_shares, logs, value, level)
    return {
        part: Estimate(*(float(end) for end in (one, max(below, 0.0), min(above, 1.0))))
        for part, one, below, above in zip(PARTS, value, low, high, strict=True)
    }


def jackknife(
    statistic: Callable[[np.ndarray], np.ndarray],
    sample: np.ndarray,
    value: np.ndarray,
    level: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Student's t interval of ``statistic`` over the first axis of ``sample``; NaN below three.

    Source: Efron and Stein, Ann. Stat. 9(3), 1981, doi 10.1214/aos/1176345462.
    """
    units = len(sample)
    if units < 3:
        missing = np.full(np.shape(value), np.nan)
        return missing, missing.copy()
    without = np.array([statistic(np.delete(sample, unit, axis=0)) for unit in range(units)])
    error = np.sqrt((units - 1) * without.var(axis=0))
    half = error * stdtrit(units - 1, (1 + level) / 2)
    return value - half, value + half


def _logs(errors: np.ndarray) -> np.ndarray:
    """Logarithms, at most that of ``USELESS`` times the set's best over chips."""
    lowest = errors.mean(axis=0) if errors.ndim == 3 else errors
    best = np.maximum(lowest.min(axis=-1, keepdims=True), 1e-12)
    best = np.where(np.isfinite(best), best, 1.0)
    return np.log(np.clip(errors, 1e-12, USELESS * best))


def _shares(logs: np.ndarray) -> np.ndarray:
    """Shares in the order of ``PARTS``; of chips NaN below two of them."""
    chips = len(logs)
    mean = logs.mean(axis=0)
    apart = logs - mean
    found = []
    for contrast in (_main(1), _main(0), _interaction):
        noise = (contrast(apart) ** 2).mean(axis=(-2, -1)).sum() / max(chips - 1, 1) / chips
        found.append(max(float((contrast(mean) ** 2).mean()) - noise, 0.0))
    found.append(float((apart**2).mean(axis=(-2, -1)).sum() / max(chips - 1, 1)))
    total = sum(found)
    return np.array(found) / total if total > 0 else np.zeros(len(found))


def _main(axis: int) -> Callable[[np.ndarray], np.ndarray]:
    """Main effect of what is left when the mean over ``axis`` of (sets, settings) is taken."""

    def contrast(values: np.ndarray) -> np.ndarray:
        over = values.mean(axis=axis - 2, keepdims=True)
        return over - values.mean(axis=(-2, -1), keepdims=True)

    return contrast


def _interaction(values: np.ndarray) -> np.ndarray:
    rows, columns = values.mean(axis=-1, keepdims=True), values.mean(axis=-2, keepdims=True)
    return values - rows - columns + values.mean(axis=(-2, -1), keepdims=True)


def _taus(means: np.ndarray) -> np.ndarray:
    from scipy.stats import kendalltau  # half a second, which most stages need not pay

    found = np.eye(len(means))
    for first, second in itertools.combinations(range(len(means)), 2):
        found[first, second] = kendalltau(means[first], means[second]).statistic
        found[second, first] = found[first, second]
    return found


def _edges(point: Mapping[str, Any], values: Mapping[str, list]) -> dict[str, str]:
    found = {}
    for key, tried in values.items():
        value = point[key]
        if not _is_numeric(tried):
            continue
        at = float(_scaled(tried, [value])[0])
        if at <= AT_EDGE and value != 0:
            found[key] = "low"
        elif at >= 1 - AT_EDGE:
            found[key] = "high"
    return found


def _is_numeric(values: list) -> bool:
    return all(isinstance(value, (int, float)) for value in values)


def is_logarithmic(tried: list) -> bool:
    """Whether sorted numbers lie more evenly in their logarithm than as they are."""
    at = np.array(tried, float)
    if at[0] <= 0 or len(at) < 3:
        return False
    gaps, ratios = np.diff(at), np.diff(np.log(at))
    return bool(ratios.std() / ratios.mean() < gaps.std() / gaps.mean())


def _scaled(tried: list, values: list) -> np.ndarray:
    """``values`` on 0 to 1 between the ends of ``tried``, on the scale that these are even on.

    Texts and null stand at their place in ``tried``.
    """
    if not _is_numeric(tried):
        return np.array([tried.index(value) for value in values]) / max(len(tried) - 1, 1)
    at, (low, high) = np.array(values, float), (tried[0], tried[-1])
    if is_logarithmic(tried):
        return np.log(at / low) / np.log(high / low)
    return (at - low) / (high - low)


def _unscaled(tried: list, share: np.ndarray) -> np.ndarray:
    low, high = tried[0], tried[-1]
    if is_logarithmic(tried):
        return low * (high / low) ** share
    return low + (high - low) * share


def _cube(points: list[dict[str, Any]], values: Mapping[str, list]) -> np.ndarray:
    """Settings in the unit cube, (settings, swept hyperparameters)."""
    columns = [_scaled(tried, [point[key] for point in points]) for key, tried in values.items()]
    return np.stack(columns, axis=1)


class _Surface:
    """A Gaussian process through values at settings in the unit cube."""

    def __init__(self, at: np.ndarray, values: np.ndarray):
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

        self.kept = np.linspace(0, len(at) - 1, min(len(at), MOST)).round().astype(int)
        widths = np.full(at.shape[1], 0.5)
        kernel = ConstantKernel(1.0) * Matern(widths, (0.05, 20.0), nu=2.5) + WhiteKernel(
            1e-3, (1e-8, 1.0)
        )
        self.at = at[self.kept]
        self.process = self._fitted(
            GaussianProcessRegressor(kernel, normalize_y=True), values[self.kept]
        )
        self.regressor = GaussianProcessRegressor(
            self.process.kernel_, optimizer=None, normalize_y=True
        )
        self.values = values[self.kept]

    def _fitted(self, regressor: Any, values: np.ndarray) -> Any:
        import warnings

        from sklearn.exceptions import ConvergenceWarning

        with warnings.catch_warnings():  # a width at its bound: a hyperparameter without effect
            warnings.simplefilter("ignore", ConvergenceWarning)
            return regressor.fit(self.at, values)

    def __call__(self, at: np.ndarray) -> np.ndarray:
        return self.process.predict(at)

    def through(self, values: np.ndarray) -> Any:
        """A process of the same kernel through other values at the same settings."""
        from sklearn.base import clone

        return self._fitted(clone(self.regressor), values[self.kept])

    def predicted(self) -> float:
        """R^2 at settings that were not shown, over ``FOLDS`` folds."""
        from sklearn.base import clone

        folds = np.arange(len(self.at)) % FOLDS
        guess = np.empty(len(self.at))
        for fold in range(FOLDS):
            inside = folds == fold
            fitted = clone(self.regressor).fit(self.at[~inside], self.values[~inside])
            guess[inside] = fitted.predict(self.at[inside])
        left = ((self.values - guess) ** 2).sum()
        return float(1 - left / max(((self.values - self.values.mean()) ** 2).sum(), 1e-300))


def _importance(
    errors: np.ndarray, points: list[dict[str, Any]], values: Mapping[str, list], level: float
) -> Importance | None:
    if len(points) < FEWEST:
        return None
    logs = _logs(errors).mean(axis=1)  # (chips, settings)
    if np.ptp(logs.mean(axis=0)) == 0:
        return None
    surface = _Surface(_cube(points, values), logs.mean(axis=0))

    def total(sample: np.ndarray) -> np.ndarray:
        return total_indices(surface.through(sample.mean(axis=0)).predict, len(values))

    value = total(logs)
    low, high = jackknife(total, logs, value, level)
    indices = {
        key: Estimate(float(one), float(max(below, 0.0)), float(above))
        for key, one, below, above in zip(values, value, low, high, strict=True)
    }
    return Importance(indices, surface.predicted())


def total_indices(function: Callable[[np.ndarray], np.ndarray], axes: int) -> np.ndarray:
    """Total-order Sobol indices of ``function`` of (points, axes) over the unit cube, (axes,)."""
    from scipy.stats import qmc, sobol_indices

    both = qmc.Sobol(2 * axes, scramble=False).random_base2(int(np.log2(BASE)))
    first, second = both[:, :axes], both[:, axes:]
    mixed = np.repeat(first[None], axes, axis=0)
    for axis in range(axes):
        mixed[axis, :, axis] = second[:, axis]
    found = function(np.concatenate([first, second, *mixed]))
    at = found.reshape(axes + 2, 1, BASE)
    if np.ptp(at) == 0 or axes == 1:  # all of the variance there is is the one axis'
        return np.full(axes, float(np.ptp(at) > 0))
    indices = sobol_indices(func={"f_A": at[0], "f_B": at[1], "f_AB": at[2:]}, n=BASE)
    return np.asarray(indices.total_order).reshape(axes)


def _region(means: np.ndarray, points: list[dict[str, Any]], values: Mapping[str, list]) -> Region:
    over = excess(means).max(axis=0)
    inside = over <= np.log1p(WITHIN / 100)
    if not inside.any():
        return Region(inside, {}, None, None)
    cube = _cube(points, values)
    safest = _farthest(cube, inside, over)
    centre = {}
    for key, tried in values.items():
        within = [point[key] for point, kept in zip(points, inside, strict=True) if kept]
        numeric = _is_numeric(tried)
        centre[key] = float(np.median(within)) if numeric else max(within, key=within.count)
    return Region(inside, centre, safest, tolerances(over, points, values, safest))


def tolerances(
    over: np.ndarray, points: list[dict[str, Any]], values: Mapping[str, list], index: int
) -> dict[str, tuple[float, float]] | None:
    """How far each numeric hyperparameter can go from the setting at ``index``, the others kept.

    Parameters
    ----------
    over
        (settings,) logarithm of what each setting costs over what is good, at its worst weight set.
    points, values
        As of :class:`Landscape`.

    Returns
    -------
    tolerances
        Lowest and highest value at which no more than ``WITHIN`` is lost, as far as was tried;
        None where there are too few settings, or none that loses more.
    """
    if len(points) < FEWEST or (over <= np.log1p(WITHIN / 100)).all():
        return None
    cube = _cube(points, values)
    return _tolerances(_Surface(cube, np.minimum(over, np.log(USELESS))), cube[index], values)


def _farthest(cube: np.ndarray, inside: np.ndarray, over: np.ndarray) -> int:
    """The setting inside that is farthest from all outside; of several, the best."""
    kept, left = np.flatnonzero(inside), np.flatnonzero(~inside)
    if not len(left):
        return int(kept[over[kept].argmin()])
    from scipy.spatial import cKDTree

    distance = cKDTree(cube[left]).query(cube[kept])[0]
    return int(kept[np.lexsort((over[kept], -distance.round(9)))[0]])


def _tolerances(
    surface: _Surface, at: np.ndarray, values: Mapping[str, list]
) -> dict[str, tuple[float, float]]:
    shares = np.linspace(0, 1, STEPS)
    found = {}
    for axis, (key, tried) in enumerate(values.items()):
        if not _is_numeric(tried):
            continue
        line = np.repeat(at[None], STEPS, axis=0)
        line[:, axis] = shares
        good = surface(line) <= np.log1p(WITHIN / 100)
        here = int(np.abs(shares - at[axis]).argmin())
        low = high = here
        while low > 0 and good[low - 1]:
            low -= 1
        while high < STEPS - 1 and good[high + 1]:
            high += 1
        ends = _unscaled(tried, np.array([min(shares[low], at[axis]), max(shares[high], at[axis])]))
        found[key] = (float(ends[0]), float(ends[1]))
    return found


def verdict(found: Landscape) -> str:
    """'agnostic' or 'not agnostic' to the weights, or 'not measured' where there is no interval.

    Agnostic: one setting costs at most ``WITHIN`` percent on every weight set, and the interaction
    of weight set and setting is at most ``WITHIN`` percent of all variance, both with confidence.
    """
    assert found.shared.regret is not None
    regret = found.shared.regret.worst()[1].high
    share = 100 * found.interaction.high
    if np.isnan(regret) or np.isnan(share):
        return NOT_MEASURED
    return AGNOSTIC if regret <= WITHIN and share <= WITHIN else NOT_AGNOSTIC
