"""How fine a converter does programming need? GDP through a coarse one against iterative
programming through a fine one, judged through the same converter."""

import json
from dataclasses import dataclass

import numpy as np
import xarray as xr

from aimcsim.study.intervals import Estimate, core_shares, ratio_interval
from aimcsim.study.measures import attribute_json, options

COARSE, FINE = 5, 10  # bits; GDP at the one against iterative at the other
CONVERTERS = ("periphery.adc_bits", "periphery.cell_bits")


@dataclass(frozen=True)
class CoarseAgainstFine:
    """Worst ratio of MVM errors over weight sets, and where."""

    ratio: Estimate
    weight_set: str
    weight_sets: int
    comparison: str
    judged_at: int  # bits


def coarse_against_fine(comparison: xr.Dataset) -> CoarseAgainstFine | None:
    """GDP programmed at ``COARSE`` bits over iterative programming at ``FINE`` bits.

    Needs a comparison of exactly ``CONVERTERS`` that has both resolutions and is judged at one
    resolution; None where the study has none.
    """
    about = json.loads(comparison.attrs["comparisons"])
    study = attribute_json(comparison, "config", {})
    for name, settings in about.items():
        evaluation = study.get("evaluation", {}) | settings["always"].get("evaluation", {})
        judged = evaluation.get("adc_bits")
        if sorted(settings["keys"]) != sorted(CONVERTERS) or not judged:
            continue
        cases = comparison.where(comparison["comparison"] == name, drop=True)
        if not {COARSE, FINE} <= set(cases["value"].values.tolist()):
            continue
        return _worst(cases, name, judged)
    return None


def _worst(cases: xr.Dataset, name: str, judged: int) -> CoarseAgainstFine:
    def errors(bits: int, method: str) -> xr.DataArray:  # (weight_set, core)
        index = int(np.flatnonzero(cases["value"].values == bits)[0])
        found = cases["mvm_error"].isel(case=index).sel({"method": method})
        return found.transpose("weight_set", "core")

    gdp, iterative = errors(COARSE, "gdp"), errors(FINE, "iterative")
    both = gdp.notnull() & iterative.notnull()
    sets, cores = both.any("core").values, both.any("weight_set").values
    names = gdp["weight_set"].values[sets]
    gdp, iterative = gdp.values[sets][:, cores], iterative.values[sets][:, cores]
    how = options(cases)
    shares = core_shares(int(cores.sum()), how.resamples, how.seed)
    ratios = [
        ratio_interval(upper, lower, shares, how.level)
        for upper, lower in zip(gdp, iterative, strict=True)
    ]
    ends = [ratio.value if np.isnan(ratio.high) else ratio.high for ratio in ratios]
    index = int(np.argmax(ends))
    return CoarseAgainstFine(ratios[index], str(names[index]), len(names), name, judged)
