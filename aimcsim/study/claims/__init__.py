"""The claims of the paper as a study can judge them, each computed from the study's results.

The paper is Buechel et al., IEEE JETCAS 13(4), 2023, doi 10.1109/JETCAS.2023.3329449. Every claim
is a :class:`Hypothesis` in a file of its own, registered in ``CLAIMS`` under its id.

Claims that compare methods have three readings: C1 and C4 as published, the subject against the
study's baseline; and with a letter behind, at equal time (t) and at equal energy (e) against the
best of all methods of other algorithms.

A claim holds only if its interval lies wholly on the good side of the criterion; an interval that
reaches across fails it. A claim without an interval, or that the study did not test, is not
measured.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from string import ascii_letters
from typing import Any, ClassVar, Literal

import xarray as xr

from aimcsim.common.registry import Registry
from aimcsim.study.intervals import Estimate
from aimcsim.study.measures import check, labels
from aimcsim.study.regret import Agnosticism, agnosticism

Verdict = Literal["holds", "fails", "not measured"]
HOLDS: Verdict = "holds"
FAILS: Verdict = "fails"
NOT_MEASURED: Verdict = "not measured"


@dataclass(frozen=True)
class Evidence:
    """What claims are judged by: the results of one study."""

    summary: xr.Dataset
    study: Agnosticism
    comparison: xr.Dataset | None = None
    accuracy: xr.Dataset | None = None

    @property
    def subject(self) -> str:
        """Label of the method that the claims are about."""
        return labels(self.summary)[self.study.subject]

    @property
    def baseline(self) -> str:
        """Label of the method that it is compared with."""
        return labels(self.summary)[self.study.baseline]

    @property
    def level(self) -> str:
        """Confidence level of the intervals, as "95 %"."""
        return f"{100 * self.study.options.level:g} %"


@dataclass(frozen=True)
class Finding:
    """What a test of a hypothesis found; without an estimate where nothing was measured."""

    verdict: Verdict
    reason: str
    estimate: Estimate | None = None


READINGS = {"": "as published", "t": "at equal time", "e": "at equal energy"}
"""What the letter behind the number of a claim says."""


class Hypothesis(ABC):
    """A claim before it is judged."""

    title: ClassVar[str] = ""
    """What it is called in an overview; its further readings go without."""
    needs: ClassVar[Literal["summary", "comparison", "accuracy"]] = "summary"
    """The dataset that it is judged by."""
    variable: ClassVar[str] = "mvm_error"
    """Variable of that dataset."""
    unit: ClassVar[str] = "1"
    """Unit of the estimate."""

    @abstractmethod
    def statement(self, evidence: Evidence) -> str:
        """What is claimed, and which number says so; without a full stop."""

    @abstractmethod
    def criterion(self, evidence: Evidence) -> str:
        """When it holds; empty where nothing decides it yet."""

    @abstractmethod
    def test(self, evidence: Evidence) -> Finding:
        """Judge it."""


@dataclass(frozen=True)
class Claim:
    """A judged claim, as ``claims.json`` has it: safe for JSON, no NaN and no infinity."""

    id: str
    statement: str
    """With its criterion."""
    value: float | None
    low: float | None
    """Ends of the interval at the configured level; None where there is none."""
    high: float | None
    unit: str
    verdict: Verdict
    file: str
    """Dataset that it was judged by."""
    variable: str
    reason: str


CLAIMS: Registry[type[Hypothesis]] = Registry("claim", "aimcsim.study.claims")


def claims(
    summary: xr.Dataset,
    study: Agnosticism | None = None,
    comparison: xr.Dataset | None = None,
    accuracy: xr.Dataset | None = None,
) -> list[dict[str, Any]]:
    """Judge every registered claim, in the order of their ids.

    Parameters
    ----------
    summary
        The study's ``summary.nc``.
    study
        Its :func:`~aimcsim.study.regret.agnosticism`, if at hand; computed otherwise.
    comparison
        The study's ``comparison.nc``, if it has one.
    accuracy
        The study's ``accuracy.nc``, if it has one.

    Returns
    -------
    claims
        The fields of a :class:`Claim` for each.

    Raises
    ------
    UserError
        The summary lacks variables or runs.
    """
    check(summary)
    evidence = Evidence(summary, study or agnosticism(summary), comparison, accuracy)
    return [asdict(_judged(name, CLAIMS[name](), evidence)) for name in sorted(CLAIMS, key=_place)]


def _place(name: str) -> tuple[int, str]:
    """Where claim ``name`` stands: C10 after C9, C1e and C1t between C1 and C2."""
    digits = name.lstrip(ascii_letters).rstrip(ascii_letters)
    return int(digits), name


def _judged(name: str, hypothesis: Hypothesis, evidence: Evidence) -> Claim:
    statement, criterion = hypothesis.statement(evidence), hypothesis.criterion(evidence)
    finding = hypothesis.test(evidence)
    there = getattr(evidence, hypothesis.needs) is not None
    found = finding.estimate or Estimate(math.nan, math.nan, math.nan)
    return Claim(
        id=name,
        statement=f"{statement} (criterion: {criterion})." if criterion else f"{statement}.",
        value=_number(found.value),
        low=_number(found.low),
        high=_number(found.high),
        unit=hypothesis.unit,
        verdict=finding.verdict,
        file=f"results/{evidence.summary.attrs.get('study', 'study')}/"
        f"{hypothesis.needs if there else 'summary'}.nc",
        variable=hypothesis.variable,
        reason=finding.reason,
    )


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def sentence(text: str) -> str:
    """``text`` with a capital first letter: labels may start with a small one."""
    return text[:1].upper() + text[1:]


def verdict(estimate: Estimate, limit: float, inclusive: bool) -> Verdict:
    """Whether the upper end is below ``limit``, or at most that if ``inclusive``.

    NaN ends mean that no interval exists; infinite ends fail.
    """
    if math.isnan(estimate.high):
        return NOT_MEASURED
    good = estimate.high <= limit if inclusive else estimate.high < limit
    return HOLDS if good else FAILS
