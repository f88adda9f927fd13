"""C3: no high-resolution ADC is needed while programming.

Judged by a comparison over ``periphery.adc_bits``, the one converter of each column, through which
cells are read and MVMs are made while programming; all cases are judged at one resolution
(``evaluation.adc_bits``), so that only programming sees the coarse converter. Every method is
taken at the setting that each case chooses for it.

Loss. A method's MVM error at some bits over its own at the finest resolution of the comparison,
paired over chips. What follows from the claim, and can fail:

(a) At no more than the chip's resolution less ``FEWER`` bits the loss of the subject is shown to be
    at most ``WITHIN``: it needs fewer bits than the chip has.
(b) Its loss there is not shown to be larger than the baseline's. A tie does not count against it:
    neither needs the bits. The baseline is here the method of another algorithm with the
    smallest error at the finest resolution on the weight set: of two methods, the less precise one
    loses less just because other errors hide the converter.

A loss can be small only as other noise hides the converter; so the reason names for every method
the smallest number of bits from which on its loss is at most ``WITHIN``. A verify whose margin is
below half a step of the coarse converter is crippled by that alone: sweep margins.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from aimcsim.chip.periphery import Periphery
from aimcsim.study.claims import (
    CLAIMS,
    FAILS,
    HOLDS,
    NOT_MEASURED,
    Evidence,
    Finding,
    Hypothesis,
    Verdict,
)
from aimcsim.study.intervals import (
    Estimate,
    bootstrap_interval,
    core_shares,
    ratio_interval,
    resampled_means,
)
from aimcsim.study.measures import about_methods, attribute_json, labels, options, subject

CONVERTER = "periphery.adc_bits"
CHIP = Periphery().adc_bits  # bits
FEWER = 2.0  # bits less than the chip has, at least. Ours
FINEST = 12.0  # bits of the finest resolution, at least: its step hides nothing
WITHIN = 1.05  # of the error at the finest resolution. Ours: as the regret of C2


@CLAIMS.register("C3")
class CoarseConverters(Hypothesis):
    """Largest loss of the subject through a coarse converter, over the weight sets."""

    title = "No high-resolution ADC while programming"

    needs = "comparison"

    def statement(self, evidence: Evidence) -> str:
        return (
            f"No high-resolution ADC is needed while programming: MVM error of {evidence.subject} "
            f"through converters with at least {FEWER:g} bits fewer than the chip's {CHIP:.3g} "
            f"over its own through the finest of the study ({FINEST:g} bits or more), judged at "
            "one resolution, largest over the weight sets"
        )

    def criterion(self, evidence: Evidence) -> str:
        return (
            f"upper end of the {evidence.level} interval at most {WITHIN:g} on each, and nowhere "
            "shown to be larger than the same ratio of the best other method"
        )

    def test(self, evidence: Evidence) -> Finding:
        found = None if evidence.comparison is None else _resolutions(evidence.comparison)
        if found is None:
            return Finding(
                NOT_MEASURED,
                f"The study has no comparison of {CONVERTER} alone with a resolution of at most "
                f"{CHIP - FEWER:.3g} and one of at least {FINEST:g} bits, judged at one resolution "
                "(evaluation.adc_bits).",
            )
        return _judged(found)


def _judged(found: "_Resolutions") -> Finding:
    losses = [found.loss(name, found.coarse) for name in found.weight_sets]
    ends = [one.value if np.isnan(one.high) else one.high for one in losses]
    index = int(np.argmax(ends))
    worst, where = losses[index], found.weight_sets[index]
    about = (
        f"Through {found.coarse:g} over {found.finest:g} bits, largest of "
        f"{len(found.weight_sets)} weight sets, on '{where}'; judged at {found.judged_at:g} bits."
    )
    known = labels(found.cases)
    needed = ", ".join(f"{known[name]} {found.least_bits(name):g}" for name in found.methods)
    about += (
        f" Bits from which on no weight set loses more than {100 * (WITHIN - 1):.0f} %: {needed}."
    )
    if np.isnan(worst.high):
        return Finding(NOT_MEASURED, f"One core gives no interval. {about}", worst)
    decided: Verdict = HOLDS if max(ends) <= WITHIN else FAILS
    larger = []
    for name in found.weight_sets:
        rival = found.rival(name)
        if rival is None:
            continue
        ratio = found.of_losses(name, rival)
        if ratio.low > 1:
            larger.append(f"{known[rival]} on '{name}' ({ratio.value:.3f} times)")
    if larger:
        return Finding(
            FAILS, f"The loss is larger than that of {', '.join(larger)}. {about}", worst
        )
    return Finding(decided, about, worst)


@dataclass(frozen=True)
class _Resolutions:
    """Cases of a comparison that differ in the resolution of their converters."""

    cases: xr.Dataset
    judged_at: float  # bits

    @property
    def bits(self) -> np.ndarray:
        return self.cases["value"].values

    @property
    def finest(self) -> float:
        return float(self.bits.max())

    @property
    def coarse(self) -> float:
        """The finest resolution that has ``FEWER`` bits less than the chip."""
        return float(self.bits[self.bits <= CHIP - FEWER].max())

    @property
    def weight_sets(self) -> list[str]:
        return [
            str(name)
            for name in self.cases["weight_set"].values
            if self._errors(str(name), subject(self.cases), [self.finest]).size
        ]

    @property
    def methods(self) -> list[str]:
        """Those that use the core, and that every weight set has, at all resolutions."""
        used = self.cases["cell_reads"] + self.cases["mvms"] + self.cases["pulses"]
        return [
            name
            for name in about_methods(self.cases)
            if float(used.sel(programmed_by=name).sum()) > 0
            and all(self._errors(one, name, self.bits).size for one in self.weight_sets)
        ]

    def rival(self, weight_set: str) -> str | None:
        """Method of another algorithm than the subject's with the smallest error at the finest."""
        algorithm = {name: one["algorithm"] for name, one in about_methods(self.cases).items()}
        errors = {
            name: self._errors(weight_set, name, [self.finest]).mean()
            for name in self.methods
            if algorithm[name] != algorithm[subject(self.cases)]
        }
        return min(errors, key=lambda name: errors[name], default=None)

    def loss(self, weight_set: str, bits: float, method: str | None = None) -> Estimate:
        """Error at ``bits`` over that at the finest resolution; of the subject by default."""
        method = method or subject(self.cases)
        coarse, fine = self._errors(weight_set, method, [bits, self.finest])
        how = options(self.cases)
        shares = core_shares(len(fine), how.resamples, how.seed)
        return ratio_interval(coarse, fine, shares, how.level)

    def of_losses(self, weight_set: str, rival: str) -> Estimate:
        """Loss of the subject over that of ``rival``, at the coarse resolution."""
        errors = np.concatenate(
            [
                self._errors(weight_set, name, [self.coarse, self.finest])
                for name in (subject(self.cases), rival)
            ]
        )
        how, cores = options(self.cases), errors.shape[1]
        draws = resampled_means(core_shares(cores, how.resamples, how.seed), errors.T)

        def of(means: np.ndarray) -> np.ndarray:
            logs = np.log(means)
            return (logs[..., 0] - logs[..., 1]) - (logs[..., 2] - logs[..., 3])

        value = of(errors.mean(axis=1))
        low, high = bootstrap_interval(value, of(draws), cores, how.level)
        return Estimate(*(float(np.exp(end)) for end in (value, low, high)))

    def least_bits(self, method: str) -> float:
        """Smallest number of bits from which on the loss is at most ``WITHIN`` on all sets."""
        least = self.finest
        for bits in sorted(self.bits, reverse=True):
            losses = [self.loss(name, bits, method).value for name in self.weight_sets]
            if max(losses) > WITHIN:
                break
            least = float(bits)
        return least

    def _errors(self, weight_set: str, method: str, bits: Iterable[float]) -> np.ndarray:
        """MVM errors (bits, cores), percent, of the cores that all of them have."""
        at = self.cases["mvm_error"].sel(weight_set=weight_set, programmed_by=method)
        index = [int(np.flatnonzero(self.bits == one)[0]) for one in bits]
        values = at.isel(case=index).transpose("case", "core").values
        return values[:, ~np.isnan(values).any(axis=0)]


def _resolutions(comparison: xr.Dataset) -> _Resolutions | None:
    """None where the study has no such comparison."""
    about = json.loads(comparison.attrs["comparisons"])
    study = attribute_json(comparison, "config", {})
    for name, settings in about.items():
        evaluation = study.get("evaluation", {}) | settings["always"].get("evaluation", {})
        judged = evaluation.get("adc_bits")
        if settings["keys"] != [CONVERTER] or not judged:
            continue
        found = _Resolutions(comparison.where(comparison["comparison"] == name, drop=True), judged)
        if found.bits.min() <= CHIP - FEWER and found.finest >= FINEST:
            return found
    return None
