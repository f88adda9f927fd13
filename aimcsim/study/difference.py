"""Two studies beside each other: what changed in configuration, sources and results.

Methods are matched by name, weight sets by name, settings by their hyperparameters. Where both
studies program the same chips (same seed, sizes and device), errors are paired over chips;
otherwise the chips of each are drawn by themselves, and the interval is wider.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from aimcsim.study.intervals import (
    Estimate,
    bootstrap_interval,
    core_shares,
    resampled_means,
)
from aimcsim.study.measures import (
    attribute_json,
    methods,
    of_method,
    options,
    per_core,
    positions,
)
from aimcsim.study.regret import agnosticism

CHIPS = ("seed", "core", "device", "periphery", "wires", "defects")
"""Sections of the configuration that say what the chips are."""


@dataclass(frozen=True)
class Change:
    """A key with its value in the first and in the second study; None: absent there."""

    key: str
    first: Any
    second: Any


@dataclass(frozen=True)
class Result:
    """MVM error of a method on a weight set, percent, each study at its chosen setting."""

    weight_set: str
    method: str
    first: float
    second: float
    ratio: Estimate
    """Second over first."""
    paired: bool

    @property
    def said(self) -> str:
        """Whether the interval of the ratio says a difference."""
        if np.isnan(self.ratio.low):
            return "no interval"
        if self.ratio.low == self.ratio.high == 1:
            return "the same"
        return "lower" if self.ratio.high < 1 else "higher" if self.ratio.low > 1 else "tie"


def changes(first: xr.Dataset, second: xr.Dataset) -> list[Change]:
    """Keys of the configurations, sources and versions that differ, in order."""
    found = [_flat(study) for study in (first, second)]
    keys = dict.fromkeys(key for one in found for key in one)
    return [
        Change(key, *(one.get(key) for one in found))
        for key in keys
        if found[0].get(key) != found[1].get(key)
    ]


def _flat(study: xr.Dataset) -> dict[str, Any]:
    config = attribute_json(study, "config", {})
    versions = attribute_json(study, "versions", {})
    about = {"seed": study.attrs.get("seed"), "source": study.attrs.get("source_digest")}
    return dict(_leaves({**about, **config, "version": versions}, ""))


def _leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict) or not value:
        yield key, value
        return
    for name, inner in value.items():
        yield from _leaves(inner, f"{key}.{name}" if key else str(name))


def same_chips(first: xr.Dataset, second: xr.Dataset) -> bool:
    """Whether chip k of one study is chip k of the other."""
    configs = [attribute_json(study, "config", {}) for study in (first, second)]
    seeds = [study.attrs.get("seed") for study in (first, second)]
    parts = [{key: config.get(key) for key in CHIPS if key != "seed"} for config in configs]
    return (
        seeds[0] == seeds[1]
        and parts[0] == parts[1]
        and first.sizes["core"] == second.sizes["core"]
    )


def results(first: xr.Dataset, second: xr.Dataset) -> list[Result]:
    """Every method on every weight set that both studies have."""
    paired = same_chips(first, second)
    how, found = options(first), []
    errors = [
        (study, per_core(study, "mvm_error"), agnosticism(study)) for study in (first, second)
    ]
    names = [name for name in methods(first) if name in methods(second)]
    sets = [str(name) for name in first["weight_set"].values if name in second["weight_set"].values]
    for weight_set in sets:
        for name in names:
            one, other = (
                _at(study, values, chosen.runs[name], weight_set, name)
                for study, values, chosen in errors
            )
            ratio = _ratio(one, other, paired, how.resamples, how.seed, how.level)
            means = float(one.mean()), float(other.mean())
            found.append(Result(weight_set, name, *means, ratio, paired))
    return found


def table(rows: list[Result]) -> list[list[str]]:
    """As texts, a heading first."""
    heading = [
        "weight set", "method", "first (%)", "second (%)", "second / first", "lower end",
        "upper end", "said",
    ]  # fmt: skip
    return [heading] + [
        [
            row.weight_set, row.method, f"{row.first:.4g}", f"{row.second:.4g}",
            *(f"{end:.4g}" for end in vars(row.ratio).values()), row.said,
        ]
        for row in rows
    ]  # fmt: skip


def _at(
    study: xr.Dataset, values: xr.DataArray, runs: np.ndarray, weight_set: str, name: str
) -> np.ndarray:
    row = int(np.flatnonzero(study["weight_set"].values == weight_set)[0])
    own = int(np.flatnonzero(positions(study, name) == runs[row])[0])
    return of_method(values, name).isel(weight_set=row, run=own).values


def _ratio(
    first: np.ndarray, second: np.ndarray, paired: bool, resamples: int, seed: int, level: float
) -> Estimate:
    shares = core_shares(len(first), resamples, seed)
    # Another stream where the chips are others.
    others = shares if paired else core_shares(len(second), resamples, seed + 1)
    draws = np.log(resampled_means(others, second)) - np.log(resampled_means(shares, first))
    value = np.log(second.mean()) - np.log(first.mean())
    low, high = bootstrap_interval(value, draws, min(len(first), len(second)), level)
    return Estimate(*(float(np.exp(end)) for end in (value, low, high)))
