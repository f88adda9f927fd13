"""C1 at equal cost: the subject against the best tuned of the other algorithms."""

from typing import ClassVar

import numpy as np

from aimcsim.study.claims import (
    FAILS,
    HOLDS,
    NOT_MEASURED,
    Evidence,
    Finding,
    Hypothesis,
    sentence,
)
from aimcsim.study.fronts import TUNED, AtBudget, EqualCost, Quantity, equal_cost
from aimcsim.study.measures import labels
from aimcsim.study.regret import SetEstimates

LIMIT = 1.0  # of the ratio of MVM errors
_VERDICTS = {"higher": "higher on", "tie": "a tie, within the uncertainty, on"}


class SmallerErrorAtEqualCost(Hypothesis):
    """Largest ratio of MVM errors over the weight sets, at what the subject spends on each.

    The other algorithms' best setting is chosen on the weight set itself, the subject's on the
    others: see :mod:`aimcsim.study.fronts`. A weight set on which no other setting is cheap enough
    leaves the claim not measured, unless another one fails it.
    """

    quantity: ClassVar[Quantity]

    def statement(self, evidence: Evidence) -> str:
        return (
            f"{sentence(evidence.subject)} leaves a smaller MVM error than the best tuned setting "
            f"of the other algorithms at no more programming {self.quantity} on every weight set: "
            "largest ratio of the two"
        )

    def criterion(self, evidence: Evidence) -> str:
        return f"upper end of the {evidence.level} interval below {LIMIT:g} on each"

    def test(self, evidence: Evidence) -> Finding:
        found = equal_cost(evidence.summary, evidence.study, self.quantity)
        if found is None:
            return Finding(NOT_MEASURED, "The summary has no cost of programming.")
        if found.tuned is None:
            return Finding(
                NOT_MEASURED,
                f"The study has {found.settings or 'no'} setting of other algorithms than that of "
                f"{evidence.subject}; a best one takes {TUNED} at least.",
            )
        return _judged(evidence, found, found.tuned)


def _judged(evidence: Evidence, found: EqualCost, tuned: AtBudget) -> Finding:
    names = np.array(evidence.study.weight_sets)
    lacking = names[~tuned.known]
    dear = ""
    if len(lacking):
        dear = (
            f" No setting of another algorithm takes as little {found.quantity} on "
            f"{quoted(lacking)}."
        )
    if not tuned.known.any():
        return Finding(NOT_MEASURED, dear.strip())
    ratio = SetEstimates(*(end[tuned.known] for end in vars(tuned.ratio).values()))
    index, worst = ratio.worst()
    run = int(tuned.runs[tuned.known][index])
    method = labels(evidence.summary)[str(evidence.summary["method"].values[run])]
    where = (
        f"the ratio is the largest, on '{names[tuned.known][index]}' against {method}, among "
        f"{found.settings} settings"
    )
    if np.isnan(worst.high):
        return Finding(NOT_MEASURED, f"One core gives no interval; {where}.{dear}", worst)
    outcomes = np.array(tuned.compared())
    lost = [
        f"{text} {quoted(names[outcomes == outcome])}"
        for outcome, text in _VERDICTS.items()
        if (outcomes == outcome).any()
    ]
    if lost:
        return Finding(FAILS, f"The error is {', and '.join(lost)}; {where}.{dear}", worst)
    if len(lacking):
        return Finding(NOT_MEASURED, f"Elsewhere {where}.{dear}", worst)
    every = "the one weight set" if len(names) == 1 else f"all {len(names)} weight sets"
    reason = f"The interval's upper end is below {LIMIT:g} on {every}; {where}."
    return Finding(HOLDS, reason, worst)


def quoted(names: np.ndarray) -> str:
    """Names in quotes, with commas."""
    return ", ".join(f"'{name}'" for name in names)
