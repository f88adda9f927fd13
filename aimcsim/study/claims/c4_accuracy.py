"""C4: the subject raises the inference accuracy of ResNet-9 over the baseline."""

import math

from aimcsim.study.accuracy import gain
from aimcsim.study.claims import CLAIMS, NOT_MEASURED, Evidence, Finding, Hypothesis, sentence
from aimcsim.study.claims.accuracy_gain import WITHOUT, places, shipped, verdict_of

PUBLISHED_GAIN = 1.26  # points, of ResNet-9 on two cores of the chip; source: the paper


@CLAIMS.register("C4")
class HigherAccuracy(Hypothesis):
    """Smallest gain of accuracy over the study and its cases."""

    title = "A higher inference accuracy"

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
        name = "" if accuracy is None else shipped(accuracy)
        if accuracy is None or not name:
            return Finding(NOT_MEASURED, WITHOUT)
        pair = {"baseline": study.baseline, "subject": study.subject}
        gains = {case: gain(accuracy, **pair, **at) for case, at in places(accuracy, name)}
        gains = {case: found for case, found in gains.items() if math.isfinite(found.value)}
        if not gains:
            return Finding(NOT_MEASURED, f"No chip has an accuracy of '{name}' by both methods.")
        worst = min(gains, key=lambda case: gains[case].value)
        texts = ", ".join(f"{case} {found.value:.2f}" for case, found in gains.items())
        at = dict(places(accuracy, name))[worst]
        both = accuracy["accuracy"].sel(at).sel(programmed_by=list(pair.values())).notnull()
        reason = (
            f"Smallest of {texts} points, over {int(both.all('programmed_by').sum('core'))} chips; "
            f"the setting of {evidence.subject} is not chosen by accuracy."
        )
        decided = verdict_of(gains.values())
        if decided == NOT_MEASURED:
            reason = f"One chip gives no interval. {reason}"
        return Finding(decided, reason, gains[worst])
