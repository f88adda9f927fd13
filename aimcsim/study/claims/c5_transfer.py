"""C5: the subject scales to many cores without further tuning; not measured yet."""

from aimcsim.study.claims import CLAIMS, NOT_MEASURED, Evidence, Finding, Hypothesis, sentence


@CLAIMS.register("C5")
class Transfer(Hypothesis):
    """Nothing in a study decides it yet."""

    title = "Many cores without further tuning"

    def statement(self, evidence: Evidence) -> str:
        return f"{sentence(evidence.subject)} scales to many cores without further tuning"

    def criterion(self, evidence: Evidence) -> str:
        return ""

    def test(self, evidence: Evidence) -> Finding:
        return Finding(
            NOT_MEASURED,
            "The shared setting applied unchanged to fresh cores and to weights that took no part "
            "in its choice would measure it.",
        )
