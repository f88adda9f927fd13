"""C2: the best hyperparameters of the subject are agnostic to the weights."""

from aimcsim.study.claims import (
    CLAIMS,
    HOLDS,
    NOT_MEASURED,
    Evidence,
    Finding,
    Hypothesis,
    verdict,
)
from aimcsim.study.measures import positions

REGRET_LIMIT = 5.0  # percent; ours: a difference no larger than the spread between chips


@CLAIMS.register("C2")
class Agnostic(Hypothesis):
    """Largest regret of a setting that was chosen on the other weight sets."""

    title = "One setting for all weights"

    unit = "%"

    def statement(self, evidence: Evidence) -> str:
        return (
            f"The best hyperparameters of {evidence.subject} are agnostic to the weights: largest "
            "excess of MVM error on a weight set when the setting is chosen on the others, over "
            "that set's own best setting in the study"
        )

    def criterion(self, evidence: Evidence) -> str:
        return f"upper end of the {evidence.level} interval at most {REGRET_LIMIT:g} % on each"

    def test(self, evidence: Evidence) -> Finding:
        study = evidence.study
        if study.regret is None:
            what = (
                f"one setting of {evidence.subject}, so there is nothing to choose"
                if study.rule == "only"
                else "one weight set, so there is no other set to choose a setting on"
            )
            return Finding(NOT_MEASURED, f"The study has {what}.")
        index, worst = study.regret.worst()
        found = verdict(worst, REGRET_LIMIT, inclusive=True)
        settings = len(positions(evidence.summary, study.subject))
        among = (
            f"among {settings} settings; the excess is the largest, on '{study.weight_sets[index]}'"
        )
        if found == NOT_MEASURED:
            reason = f"One or two chips give no interval for a choice, made {among}. Take three."
        elif found == HOLDS:
            reason = f"The upper end is at most {REGRET_LIMIT:g} % on every weight set, {among}."
        else:
            above = int((~(study.regret.high <= REGRET_LIMIT)).sum())
            reason = (
                f"The upper end exceeds {REGRET_LIMIT:g} % on {above} of "
                f"{len(study.weight_sets)} weight sets, {among}."
            )
        return Finding(found, reason, worst)
