"""C3: no high-resolution ADC is needed while programming.

The subject programs through a coarse converter, the baseline through a fine one, and both are
judged through the same converter.
"""

import json
from dataclasses import dataclass

import numpy as np
import xarray as xr

from aimcsim.study.claims import CLAIMS, NOT_MEASURED, Evidence, Finding, Hypothesis, verdict
from aimcsim.study.intervals import Estimate, core_shares, ratio_interval
from aimcsim.study.measures import attribute_json, baseline, options, subject

COARSE, FINE = 5, 10  # bits; the subject at the one against the baseline at the other
CONVERTERS = ("periphery.adc_bits", "periphery.cell_bits")
LIMIT = 1.0  # of the ratio of MVM errors


@CLAIMS.register("C3")
class CoarseConverters(Hypothesis):
    """Largest ratio of MVM errors, coarse over fine, over the weight sets.

    It takes a comparison of exactly ``CONVERTERS`` that has both resolutions and is judged at one.
    """

    needs = "comparison"

    def statement(self, evidence: Evidence) -> str:
        return (
            f"No high-resolution ADC is needed while programming: MVM error of {evidence.subject} "
            f"through converters of {COARSE} bits over that of {evidence.baseline} through {FINE} "
            "bits, judged at one resolution, largest over the weight sets"
        )

    def criterion(self, evidence: Evidence) -> str:
        return f"upper end of the {evidence.level} interval at most {LIMIT:g} on each"

    def test(self, evidence: Evidence) -> Finding:
        comparison = evidence.comparison
        found = None if comparison is None else _coarse_against_fine(comparison)
        if found is None:
            return Finding(
                NOT_MEASURED,
                f"The study has no comparison of {' = '.join(CONVERTERS)} with {COARSE} and {FINE} "
                "bits, judged at one resolution (evaluation.adc_bits).",
            )
        reason = (
            f"Largest of {found.weight_sets} weight sets, on '{found.weight_set}'; unit-cell reads "
            f"and MVMs while programming at the same resolution, judged at {found.judged_at} bits."
        )
        decided = verdict(found.ratio, LIMIT, inclusive=True)
        if decided == NOT_MEASURED:
            reason = f"One core gives no interval. {reason}"
        return Finding(decided, reason, found.ratio)


@dataclass(frozen=True)
class _Worst:
    """Largest ratio of MVM errors over weight sets, and where."""

    ratio: Estimate
    weight_set: str
    weight_sets: int
    judged_at: int  # bits


def _coarse_against_fine(comparison: xr.Dataset) -> _Worst | None:
    """None where the study has no such comparison."""
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
        return _worst(cases, judged)
    return None


def _worst(cases: xr.Dataset, judged: int) -> _Worst:
    def errors(bits: int, method: str) -> xr.DataArray:  # (weight_set, core)
        index = int(np.flatnonzero(cases["value"].values == bits)[0])
        found = cases["mvm_error"].isel(case=index).sel(programmed_by=method)
        return found.transpose("weight_set", "core")

    coarse, fine = errors(COARSE, subject(cases)), errors(FINE, baseline(cases))
    both = coarse.notnull() & fine.notnull()
    sets, cores = both.any("core").values, both.any("weight_set").values
    names = coarse["weight_set"].values[sets]
    how = options(cases)
    shares = core_shares(int(cores.sum()), how.resamples, how.seed)
    ratios = [
        ratio_interval(upper, lower, shares, how.level)
        for upper, lower in zip(
            coarse.values[sets][:, cores], fine.values[sets][:, cores], strict=True
        )
    ]
    ends = [ratio.value if np.isnan(ratio.high) else ratio.high for ratio in ratios]
    index = int(np.argmax(ends))
    return _Worst(ratios[index], str(names[index]), len(names), judged)
