"""C4: the subject raises the inference accuracy of ResNet-9 over the baseline."""

import math
from collections.abc import Iterator

import xarray as xr

from aimcsim.networks.evaluation_time import PROGRAMMED
from aimcsim.study.accuracy import gain
from aimcsim.study.claims import (
    CLAIMS,
    FAILS,
    HOLDS,
    NOT_MEASURED,
    Evidence,
    Finding,
    Hypothesis,
    Verdict,
    sentence,
)
from aimcsim.study.intervals import Estimate

PUBLISHED_GAIN = 1.26  # points, of ResNet-9 on two cores of the chip; source: the paper
SHIPPED = "resnet9"  # model of the network that comes with aimcsim


@CLAIMS.register("C4")
class HigherAccuracy(Hypothesis):
    """Smallest gain of accuracy over the study and its cases."""

    needs = "accuracy"
    variable = "accuracy"
    unit = "points"

    def statement(self, evidence: Evidence) -> str:
        return (
            f"{sentence(evidence.subject)} raises the inference accuracy of ResNet-9 over "
            f"{evidence.baseline} (published, of GDP on the paper's chip: by {PUBLISHED_GAIN:g} "
            "points): smallest gain right after programming over the study and its cases"
        )

    def criterion(self, evidence: Evidence) -> str:
        return f"lower end of the {evidence.level} interval, paired over chips, above 0 for each"

    def test(self, evidence: Evidence) -> Finding:
        accuracy, study = evidence.accuracy, evidence.study
        name = "" if accuracy is None else _shipped(accuracy)
        if accuracy is None or not name:
            return Finding(
                NOT_MEASURED,
                "The study does not program the ResNet-9 that comes with aimcsim: "
                "config/resnet9.yaml.",
            )
        pair = {"baseline": study.baseline, "subject": study.subject}
        gains = {case: gain(accuracy, **pair, **at) for case, at in _places(accuracy, name)}
        gains = {case: found for case, found in gains.items() if math.isfinite(found.value)}
        if not gains:
            return Finding(NOT_MEASURED, f"No chip has an accuracy of '{name}' by both methods.")
        worst = min(gains, key=lambda case: gains[case].value)
        texts = ", ".join(f"{case} {found.value:.2f}" for case, found in gains.items())
        at = dict(_places(accuracy, name))[worst]
        both = accuracy["accuracy"].sel(at).sel(programmed_by=list(pair.values())).notnull()
        reason = (
            f"Smallest of {texts} points, over {int(both.all('programmed_by').sum('core'))} chips; "
            f"the setting of {evidence.subject} is not chosen by accuracy."
        )
        decided = _verdict(gains)
        if decided == NOT_MEASURED:
            reason = f"One chip gives no interval. {reason}"
        return Finding(decided, reason, gains[worst])


def _verdict(gains: dict[str, Estimate]) -> Verdict:
    lows = [found.low for found in gains.values()]
    if any(math.isnan(low) for low in lows):
        return NOT_MEASURED
    return HOLDS if min(lows) > 0 else FAILS


def _places(accuracy: xr.Dataset, network: str) -> Iterator[tuple[str, dict[str, str]]]:
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


def _shipped(accuracy: xr.Dataset) -> str:
    """Name of the network that is the ResNet-9 of the project; empty where there is none."""
    for name, model in zip(accuracy["network"].values, accuracy["model"].values, strict=True):
        if str(model) == SHIPPED:
            return str(name)
    return ""
