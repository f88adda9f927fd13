"""C1: the subject leaves a smaller MVM error than the baseline on every weight set."""

from aimcsim.study.claims import (
    CLAIMS,
    HOLDS,
    NOT_MEASURED,
    Evidence,
    Finding,
    Hypothesis,
    sentence,
    verdict,
)
from aimcsim.study.measures import positions

LIMIT = 1.0  # of the ratio of MVM errors


@CLAIMS.register("C1")
class SmallerMvmError(Hypothesis):
    """Largest ratio of the two methods' MVM errors over the weight sets."""

    title = "A smaller MVM error"

    def statement(self, evidence: Evidence) -> str:
        return (
            f"{sentence(evidence.subject)} leaves a smaller MVM error than {evidence.baseline} on "
            "every weight set: largest ratio of the two"
        )

    def criterion(self, evidence: Evidence) -> str:
        return f"upper end of the {evidence.level} interval below {LIMIT:g} on each"

    def test(self, evidence: Evidence) -> Finding:
        ratio, names = evidence.study.ratio, evidence.study.weight_sets
        index, worst = ratio.worst()
        found = verdict(worst, LIMIT, inclusive=False)
        where = f"on '{names[index]}'{_chosen(evidence)}"
        if found == NOT_MEASURED:
            reason = f"One core gives no interval; the ratio is the largest, {where}."
        elif found == HOLDS:
            every = "the one weight set" if len(names) == 1 else f"all {len(names)} weight sets"
            reason = (
                f"The interval's upper end is below {LIMIT:g} on {every}; the ratio is the "
                f"largest, {where}."
            )
        else:
            above = int((~(ratio.high < LIMIT)).sum())
            reason = (
                f"The interval's upper end is not below {LIMIT:g} on {above} of {len(names)} "
                f"weight sets; the ratio is the largest, {where}."
            )
        return Finding(found, reason, worst)


def _chosen(evidence: Evidence) -> str:
    """How the settings of the two methods were chosen."""
    study = evidence.study
    pair = {study.subject: evidence.subject, study.baseline: evidence.baseline}
    swept = [label for name, label in pair.items() if len(positions(evidence.summary, name)) > 1]
    if not swept:
        return ", with one setting of each method"
    which = ", with the setting of " + " and that of ".join(swept)
    if len(study.weight_sets) > 1:
        return f"{which} chosen on the other weight sets"
    return (
        f"{which} chosen and judged on the same weights and cores (one weight set), which is "
        f"slightly in favour of {' and '.join(swept)}"
    )
