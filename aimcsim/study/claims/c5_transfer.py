"""C5: the subject scales to many cores without further tuning.

Judged core by core: a tile of a weight set on one chip. The setting that a core is programmed with
is chosen on the other weight sets and on other chips (at most ``FOLDS`` folds of them), so that
neither its weights nor its devices took part; the baseline's likewise. In a study in which the
subject has one setting nothing is chosen, and every core is fresh.

The interval of the share is exact for independent cores (Clopper and Pearson, Biometrika 26(4),
1934, doi 10.1093/biomet/26.4.404).
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from aimcsim.study.claims import (
    CLAIMS,
    FAILS,
    HOLDS,
    NOT_MEASURED,
    Evidence,
    Finding,
    Hypothesis,
    sentence,
)
from aimcsim.study.intervals import Estimate, resampled_means
from aimcsim.study.measures import all_zero, of_method, per_core, present
from aimcsim.study.regret import FOLDS, by_core, choose

FEWEST = 64  # cores, at least
SHARE = 0.9  # of the cores, at least. Ours


@dataclass(frozen=True)
class Fresh:
    """Cores that took no part in the choice of the settings they are programmed with.

    ratio
        MVM error of the subject over that of the baseline, (weight_set, tile, core); NaN where
        there is no such tile or all of it is zero, infinite where the subject diverged.
    """

    ratio: xr.DataArray

    @property
    def known(self) -> np.ndarray:
        """Of all cores that there are."""
        values = self.ratio.values.ravel()
        return values[~np.isnan(values)]

    @property
    def improved(self) -> int:
        """Cores with a smaller error."""
        return int((self.known < 1).sum())

    def share(self, level: float) -> Estimate:
        """Of the cores that have a smaller error, with its exact interval."""
        from scipy.stats import binomtest  # half a second, which most stages need not pay

        found = binomtest(self.improved, self.known.size)
        interval = found.proportion_ci(level, "exact")
        return Estimate(found.statistic, interval.low, interval.high)

    def worst(self) -> tuple[str, int, int, float]:
        """Weight set, tile, chip and ratio of the core that gained least."""
        values = np.where(np.isnan(self.ratio.values), -np.inf, self.ratio.values)
        weight_set, tile, core = np.unravel_index(int(values.argmax()), values.shape)
        found = self.ratio.isel(weight_set=weight_set, tile=tile, core=core)
        return (
            str(found["weight_set"].item()),
            int(tile),
            int(found["core"].item()),
            float(found),
        )


def fresh(summary: xr.Dataset, subject: str, baseline: str) -> Fresh | None:
    """Every core at settings that were chosen without it; None where no choice leaves it out."""
    above, below = _left_out(summary, subject), _left_out(summary, baseline)
    if above is None or below is None:
        return None
    both_diverged = np.isinf(above) & np.isinf(below)
    return Fresh((above / below).where(~both_diverged, np.inf))


def _left_out(summary: xr.Dataset, name: str) -> xr.DataArray | None:
    """MVM error (weight_set, tile, core) of ``name``, each core at a setting chosen without it."""
    values = of_method(summary["mvm_error"].astype(float), name)
    # A tile of zeros has no relative error, so that nothing can be said of its core.
    there = of_method(present(summary), name) & ~(all_zero(summary) & values.isnull())
    values = values.where(np.isfinite(values), np.inf).where(there)
    if values.sizes["run"] == 1:
        return values.isel(run=0, drop=True).transpose("weight_set", "tile", "core")
    means = by_core(per_core(summary, "mvm_error"), name)
    cores, sets, _ = means.shape
    if sets < 2 or cores < 2:
        return None
    folds = np.arange(cores) % min(cores, FOLDS)
    runs = np.empty((sets, cores), int)
    for fold in range(folds.max() + 1):
        inside = folds == fold
        others = (~inside / (~inside).sum())[None]
        runs[:, inside] = choose(resampled_means(others, means)).left_out[0][:, None]
    picked = values.isel(
        run=xr.DataArray(runs, dims=("weight_set", "core")),
        weight_set=xr.DataArray(np.arange(sets), dims="weight_set"),
        core=xr.DataArray(np.arange(cores), dims="core"),
    )
    extra = [name for name in picked.coords if name not in picked.dims]
    return picked.drop_vars(extra).transpose("weight_set", "tile", "core")


@CLAIMS.register("C5")
class Transfer(Hypothesis):
    """Share of fresh cores with a smaller error than after the baseline."""

    title = "Many cores without further tuning"

    def statement(self, evidence: Evidence) -> str:
        return (
            f"{sentence(evidence.subject)} scales to many cores without further tuning: share of "
            f"cores with a smaller MVM error than after {evidence.baseline}, each at a setting "
            "that was chosen on other weights and other chips"
        )

    def criterion(self, evidence: Evidence) -> str:
        return (
            f"lower end of the exact {evidence.level} interval at least {SHARE:g}, over {FEWEST} "
            "cores or more"
        )

    def test(self, evidence: Evidence) -> Finding:
        study = evidence.study
        found = fresh(evidence.summary, study.subject, study.baseline)
        if found is None:
            return Finding(
                NOT_MEASURED,
                "A setting is chosen, and the study has no second weight set or no second chip "
                "to choose it on.",
            )
        count = found.known.size
        weight_set, tile, core, ratio = found.worst()
        named = f"tile {tile} of '{weight_set}' on chip {core}"
        chosen = "its only setting" if study.rule == "only" else "settings chosen without the core"
        reason = (
            f"{found.improved} of {count} cores improved, at {chosen}; the error is "
            f"{np.median(found.known):.2f} times the baseline's in the middle, and at worst "
            f"{ratio:.2f} times, on {named}."
        )
        share = found.share(study.options.level)
        if count < FEWEST:
            return Finding(NOT_MEASURED, f"Fewer than {FEWEST} cores. {reason}")
        return Finding(HOLDS if share.low >= SHARE else FAILS, reason, share)
