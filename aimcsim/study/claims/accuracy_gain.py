"""C4 at equal cost, and what every reading of C4 is judged by."""

import math
from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np
import xarray as xr

from aimcsim.networks.evaluation_time import PROGRAMMED
from aimcsim.study.accuracy import gain
from aimcsim.study.claims import (
    FAILS,
    HOLDS,
    NOT_MEASURED,
    Evidence,
    Finding,
    Hypothesis,
    Verdict,
    sentence,
)
from aimcsim.study.fronts import TUNED, Quantity, within
from aimcsim.study.intervals import Estimate
from aimcsim.study.measures import labels

SHIPPED = "resnet9"  # model of the network that comes with aimcsim
WITHOUT = "The study does not program the ResNet-9 that comes with aimcsim: config/resnet9.yaml."


class GainAtEqualCost(Hypothesis):
    """Smallest gain of accuracy over the study and its cases, at no more than the subject's cost.

    The subject has to beat each method of another algorithm that takes no more: so does it beat
    the most accurate of them, and no choice among noisy accuracies comes in. A method is inferred
    at one setting, the one chosen by MVM errors: settings to compare at lower cost want names of
    their own. A case in which no method is cheap enough leaves the claim not measured, unless
    another one fails it.
    """

    needs = "accuracy"
    variable = "accuracy"
    unit = "points"
    quantity: ClassVar[Quantity]

    def statement(self, evidence: Evidence) -> str:
        return (
            f"{sentence(evidence.subject)} raises the inference accuracy of ResNet-9 over the most "
            f"accurate method of another algorithm that takes no more programming {self.quantity}: "
            "smallest gain right after programming over the study and its cases"
        )

    def criterion(self, evidence: Evidence) -> str:
        return (
            f"lower end of the {evidence.level} interval, paired over chips, above 0 for each "
            "method and case"
        )

    def test(self, evidence: Evidence) -> Finding:
        accuracy, subject = evidence.accuracy, evidence.study.subject
        name = "" if accuracy is None else shipped(accuracy)
        if accuracy is None or not name:
            return Finding(NOT_MEASURED, WITHOUT)
        cost = f"programming_{self.quantity}"
        if cost not in accuracy:
            return Finding(NOT_MEASURED, "The accuracies have no cost of programming.")
        algorithm = accuracy["algorithm"]
        others = (
            accuracy["programmed_by"]
            .values[(algorithm != algorithm.sel(programmed_by=subject)).values]
            .tolist()
        )
        if len(others) < TUNED:
            return Finding(
                NOT_MEASURED,
                f"The study infers {len(others) or 'no'} method of other algorithms than that of "
                f"{evidence.subject}; a most accurate one takes {TUNED} at least.",
            )
        gains: dict[tuple[str, str], Estimate] = {}
        dear = []
        for case, at in places(accuracy, name):
            spent = accuracy[cost].sel(case=case, network=name).mean("core")
            budget = float(spent.sel(programmed_by=subject))
            here = {
                (case, other): gain(accuracy, baseline=other, subject=subject, **at)
                for other in others
                if within(float(spent.sel(programmed_by=other)), budget)
            }
            here = {key: found for key, found in here.items() if math.isfinite(found.value)}
            gains |= here
            if not here:
                dear.append(case)
        return self._judged(evidence, gains, dear)

    def _judged(
        self, evidence: Evidence, gains: dict[tuple[str, str], Estimate], dear: list[str]
    ) -> Finding:
        lacking = ""
        if dear:
            lacking = (
                f" No other method with an accuracy takes as little {self.quantity} in "
                f"{', '.join(dear)}."
            )
        if not gains:
            return Finding(NOT_MEASURED, lacking.strip())
        known = labels(evidence.summary)
        worst = min(gains, key=lambda key: gains[key].value)
        texts = ", ".join(
            f"{case} {found.value:.2f} over {known.get(other, other)}"
            for (case, other), found in gains.items()
        )
        reason = (
            f"Smallest of {texts} points; no setting is chosen by accuracy, nor any for its cost."
            f"{lacking}"
        )
        decided = verdict_of(gains.values())
        if decided == NOT_MEASURED:
            reason = f"One chip gives no interval. {reason}"
        if decided == HOLDS and dear:
            decided = NOT_MEASURED
        return Finding(decided, reason, gains[worst])


def verdict_of(gains: Iterable[Estimate]) -> Verdict:
    """Whether all gains stand out above 0; NaN ends mean that no interval exists."""
    lows = np.array([found.low for found in gains])
    if np.isnan(lows).any():
        return NOT_MEASURED
    return HOLDS if lows.min() > 0 else FAILS


def places(accuracy: xr.Dataset, network: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Where the accuracy of the network stands in every case, right after programming."""
    compensation = str(accuracy["compensation"].values[0])
    for case in map(str, accuracy["case"].values):
        yield (
            case,
            {
                "case": case,
                "network": network,
                "evaluation_time": PROGRAMMED,
                "compensation": compensation,
            },
        )


def shipped(accuracy: xr.Dataset) -> str:
    """Name of the network that is the ResNet-9 of the project; empty where there is none."""
    for name, model in zip(accuracy["network"].values, accuracy["model"].values, strict=True):
        if str(model) == SHIPPED:
            return str(name)
    return ""
