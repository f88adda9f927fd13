"""Which method, with which setting, for the weights and the chip of a study and a limit of cost.

Of all settings of all methods that program, those count whose mean time and energy are within the
limits on every weight set. The recommended one has the smallest error relative to each weight
set's own best, on average over them (mean logarithm). How good such a choice is for weights and
chips that it has not seen is measured by making it again without each weight set in turn, on some
of the chips, and judging it on that set and the other chips (at most five folds of chips).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
import yaml

from aimcsim.common.errors import UserError
from aimcsim.config.load import from_mapping
from aimcsim.shards.runs import Run
from aimcsim.study.cautions import before_target_time
from aimcsim.study.fronts import QUANTITIES, Quantity, costs, has_cost, within
from aimcsim.study.intervals import (
    Estimate,
    bootstrap_interval,
    core_shares,
    mean_interval,
    resampled_means,
    whole_sample,
)
from aimcsim.study.landscape import tolerances
from aimcsim.study.measures import (
    about_methods,
    attribute_json,
    baseline,
    hyperparameters,
    options,
    per_core,
    positions,
    programming,
    setting,
    varying,
)
from aimcsim.study.regret import FEWEST_CORES, choose, in_blocks, log_ratio, split_regret

NAME = "recommended"  # of the method in the file that another study includes
UNITS: dict[Quantity, tuple[str, float]] = {"time": ("ms", 1e3), "energy": ("mJ", 1e3)}


class _Plain(yaml.SafeDumper):
    """Without anchors, which a reader would have to follow."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


@dataclass(frozen=True)
class Recommendation:
    """A method with its setting, and what to expect of it.

    errors
        MVM error of every weight set, percent, with its interval over chips.
    cost
        Largest over the weight sets of the mean over chips: time in s, energy in J.
    unseen
        Excess, percent, over a weight set's own best of a choice made without that set and on
        other chips, mean over weight sets; None below two weight sets or chips.
    tolerance
        How far each swept number can go alone before a weight set loses 5 %; None where unknown.
    candidates
        Settings within the limits, of so many.
    limited
        Whether there were limits.
    cautions
        What to know of these errors, in sentences.
    """

    study: str
    method: str
    label: str
    run: Run
    baseline: Run
    swept: tuple[str, ...]
    errors: dict[str, Estimate]
    cost: dict[Quantity, float]
    unseen: Estimate | None
    tolerance: dict[str, tuple[float, float]] | None
    candidates: tuple[int, int]
    limited: bool
    level: float
    cautions: list[str]

    def told(self) -> list[str]:
        """What it is, in sentences."""
        values = self.run.settings.model_dump(mode="json")
        setting_text = ", ".join(f"{key} {_text(values[key])}" for key in self.swept)
        cost = " and ".join(
            f"{self.cost[name] * UNITS[name][1]:.3g} {UNITS[name][0]}" for name in self.cost
        )
        counted, of = self.candidates
        lines = [
            f"Use '{self.method}' ({self.label})"
            + (f" with {setting_text}" if setting_text else "")
            + f": the best for all weight sets of study '{self.study}' among {counted} of {of} "
            f"settings{' within the limits' if self.limited else ''}. It takes {cost} a weight set "
            "and chip, at most."
        ]
        if self.run.id == self.baseline.id:
            lines.append(
                "That is the baseline itself: claims of a study that includes it compare it with "
                "itself."
            )
        if any(np.isnan(error.high) for error in self.errors.values()):
            lines.append("One chip gives no interval. Take more chips before you rely on it.")
        lines += [
            f"MVM error to expect on '{name}': {_estimate(error)} %"
            for name, error in self.errors.items()
        ]
        lines += self.cautions
        if self.unseen is not None:
            lines.append(
                "Chosen without a weight set, on other chips, such a setting costs "
                f"{_estimate(self.unseen)} % more than that set's own best, on average."
            )
        for key, (low, high) in (self.tolerance or {}).items():
            lines.append(f"It tolerates {key} from {low:.3g} to {high:.3g} (5 % more error).")
        return lines

    def yaml(self) -> str:
        """Methods of a configuration: this one and the study's baseline, to compare with."""
        methods: dict[str, Any] = {}
        names: dict[str, str] = {self.baseline.id: self.baseline.method}
        chain: list[Run] = [self.run]
        while (before := chain[-1].start) is not None:
            chain.append(before)
        for one in [self.baseline, *reversed(chain)]:
            default = NAME if one is self.run else f"{NAME}_after_{one.method}"
            name = names.setdefault(one.id, default)
            # `samples` of a configuration that this is read beside would want ranges.
            values = {"samples": 0, **one.settings.model_dump(mode="json")}
            methods[name] = {"algorithm": one.algorithm, **values}
            if one.start is not None:
                methods[name]["start"] = names[one.start.id]
        if self.run.id == self.baseline.id:
            methods[NAME] = methods[self.baseline.method]
        head = "\n".join(f"# {line}" for line in self.told())
        study = {"methods": methods, "baseline": self.baseline.method, "subject": NAME}
        body = yaml.dump(study, Dumper=_Plain, sort_keys=False, width=100)
        return f"{head}\n{body}"


def recommend(summary: xr.Dataset, limits: dict[Quantity, float] | None = None) -> Recommendation:
    """The setting to use, within ``limits`` of time (s) and energy (J) a weight set and chip.

    Raises
    ------
    UserError
        No setting is within the limits, or the summary knows no cost and a limit is given.
    """
    limits = limits or {}
    if limits and not has_cost(summary):
        raise UserError("the summary has no cost of programming, so no limit can be kept.")
    names = programming(summary)
    if not names:
        raise UserError("the study has no method that programs a core.")
    found = per_core(summary, "mvm_error").transpose("core", "weight_set", "run")
    runs = np.flatnonzero(np.isin(summary["method"].values, names))
    spent = {
        name: costs(summary, name).mean("core").max("weight_set").values
        for name in QUANTITIES
        if has_cost(summary)
    }
    inside = np.ones(len(runs), bool)
    for name, limit in limits.items():
        inside &= within(spent[name][runs], limit)
    if not inside.any():
        least = ", ".join(
            f"{name} {spent[name][runs].min() * UNITS[name][1]:.3g} {UNITS[name][0]}"
            for name in limits
        )
        raise UserError(f"no setting of the study is within the limits; the cheapest take {least}.")
    kept = runs[inside]
    errors = found.values[:, :, kept]
    how = options(summary)
    means = resampled_means(whole_sample(len(errors)), errors)[0]
    index = int(kept[choose(means).shared])
    at = found.values[:, :, index]
    method = str(summary["method"].values[index])
    return Recommendation(
        study=str(summary.attrs.get("study", "")),
        method=method,
        label=about_methods(summary)[method]["label"],
        run=_run(summary, index),
        baseline=_run(summary, int(positions(summary, baseline(summary))[0])),
        swept=tuple(varying(summary, method)) or tuple(hyperparameters(summary, method)),
        errors={
            str(name): Estimate(*map(float, mean_interval(at[:, row], how.level)))
            for row, name in enumerate(summary["weight_set"].values)
        },
        cost={name: float(values[index]) for name, values in spent.items()},
        unseen=_unseen(errors, summary),
        tolerance=_tolerance(summary, found.values, method, index),
        candidates=(len(kept), len(runs)),
        limited=bool(limits),
        level=how.level,
        cautions=before_target_time(summary),
    )


def _run(summary: xr.Dataset, index: int) -> Run:
    """The run at ``index``, from the configuration in the summary: no value passed a float."""
    known = from_mapping(attribute_json(summary, "config", {}), "the summary's configuration")
    wanted = str(summary["run"].values[index])
    for run in known.runs():
        if run.id == wanted:
            return run
    raise UserError(
        f"the summary's configuration has no run '{wanted}'. Make the summary again with this "
        "version of aimcsim."
    )


def _unseen(errors: np.ndarray, summary: xr.Dataset) -> Estimate | None:
    cores, sets, _ = errors.shape
    if sets < 2 or cores < 2:
        return None
    how = options(summary)

    def statistic(shares: np.ndarray) -> np.ndarray:
        return 100 * np.expm1(split_regret(errors, shares)).mean(axis=-1)

    value = statistic(whole_sample(cores))[0]
    shares = core_shares(cores, how.resamples, how.seed)
    draws = np.concatenate([statistic(block) for block in in_blocks(shares, errors[0].size)])
    low, high = bootstrap_interval(value, draws, cores, how.level)
    if cores < FEWEST_CORES:
        return Estimate(float(value), np.nan, np.nan)
    return Estimate(float(value), float(low), float(high))


def _tolerance(
    summary: xr.Dataset, errors: np.ndarray, method: str, index: int
) -> dict[str, tuple[float, float]] | None:
    own = positions(summary, method)
    means = resampled_means(whole_sample(len(errors)), errors[:, :, own])[0]
    here = int(np.flatnonzero(own == index)[0])
    over = np.maximum(log_ratio(means, means[:, here : here + 1]), 0).max(axis=0)
    points = [setting(summary, run) for run in own]
    return tolerances(over, points, varying(summary, method), here)


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


def _estimate(found: Estimate) -> str:
    interval = "" if np.isnan(found.low) else f" ({found.low:.3g} to {found.high:.3g})"
    return f"{found.value:.3g}{interval}"
