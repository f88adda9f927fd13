"""The claims of the paper as this study can judge them (Buechel et al., IEEE JETCAS 13(4), 2023,
doi 10.1109/JETCAS.2023.3329449), each computed from the summary, with its criterion stated.

A claim holds only if its interval lies wholly on the good side of the criterion; an interval that
reaches across fails it. A claim without an interval, or that the study did not test, is not
measured.
"""

import math
from typing import Any

import xarray as xr

from aimcsim.study.accuracy import gain
from aimcsim.study.intervals import Estimate
from aimcsim.study.measures import check
from aimcsim.study.regret import Agnosticism, agnosticism
from aimcsim.study.resolution import COARSE, CONVERTERS, FINE, coarse_against_fine
from aimcsim.sweep.moments import PROGRAMMED

PUBLISHED_GAIN = 1.26  # points, of ResNet-9 on two cores of the chip; source: as above
HOLDS, FAILS, NOT_MEASURED = "holds", "fails", "not measured"
RATIO_LIMIT = 1.0
REGRET_LIMIT = 5.0  # percent; ours: a difference no larger than the spread between chips

_NOT_YET = {
    "C5": (
        "GDP scales to many cores without further tuning.",
        "mvm_error",
        "1",
        "The shared setting applied unchanged to fresh cores and to weights that took no part in "
        "its choice would measure it.",
    ),
}


def _number(value: float | None) -> float | None:
    """A float that JSON can hold, or None."""
    return float(value) if value is not None and math.isfinite(value) else None


def _claim(
    summary: xr.Dataset,
    name: str,
    statement: str,
    estimate: Estimate | None,
    unit: str,
    verdict: str,
    variable: str,
    reason: str,
) -> dict[str, Any]:
    return {
        "id": name,
        "statement": statement,
        "value": _number(estimate.value if estimate else None),
        "low": _number(estimate.low if estimate else None),
        "high": _number(estimate.high if estimate else None),
        "unit": unit,
        "verdict": verdict,
        "file": f"results/{summary.attrs.get('study', 'study')}/summary.nc",
        "variable": variable,
        "reason": reason,
    }


def _verdict(estimate: Estimate, limit: float, inclusive: bool) -> str:
    """NaN ends mean that no interval exists; infinite ends fail."""
    if math.isnan(estimate.high):
        return NOT_MEASURED
    good = estimate.high <= limit if inclusive else estimate.high < limit
    return HOLDS if good else FAILS


def _sets(count: int) -> str:
    return "the one weight set" if count == 1 else f"all {count} weight sets"


_RULES = {
    "left_out": "at the setting chosen on the other weight sets",
    "only": "at the study's only hyperparameter point",
    "own": "at its own best setting (one weight set: chosen and judged on the same weights and "
    "cores, so slightly flattering)",
}


def _first(summary: xr.Dataset, study: Agnosticism, level: str) -> dict[str, Any]:
    index, worst = study.ratio.worst()
    verdict = _verdict(worst, RATIO_LIMIT, inclusive=False)
    name = study.weight_sets[index]
    where = f"'{name}', {_RULES[study.rule]}"
    if verdict == NOT_MEASURED:
        reason = f"One core gives no interval; the ratio is that of {where}."
    elif verdict == HOLDS:
        reason = (
            f"The interval's upper end is below {RATIO_LIMIT:g} on "
            f"{_sets(len(study.weight_sets))}; the ratio is the largest, {where}."
        )
    else:
        above = int((~(study.ratio.high < RATIO_LIMIT)).sum())
        reason = (
            f"The interval's upper end is not below {RATIO_LIMIT:g} on {above} of "
            f"{len(study.weight_sets)} weight sets; the ratio is the largest, {where}."
        )
    statement = (
        "GDP leaves a smaller MVM error than iterative programming on every weight set: largest "
        f"ratio of the two (criterion: upper end of the {level} interval below {RATIO_LIMIT:g} on "
        "each)."
    )
    return _claim(summary, "C1", statement, worst, "1", verdict, "mvm_error", reason)


def _second(summary: xr.Dataset, study: Agnosticism, level: str) -> dict[str, Any]:
    statement = (
        "The best hyperparameters are agnostic to the weights: largest excess of MVM error on a "
        "weight set when the setting is chosen on the others, over that set's own best setting "
        f"among the study's points (criterion: upper end of the {level} interval at most "
        f"{REGRET_LIMIT:g} % on each)."
    )
    if study.regret is None:
        what = (
            "one hyperparameter point, so there is no setting to choose"
            if study.rule == "only"
            else "one weight set, so there is no other set to choose a setting on"
        )
        return _claim(
            summary, "C2", statement, None, "%", NOT_MEASURED, "mvm_error",
            f"The study has {what}.",
        )  # fmt: skip
    index, worst = study.regret.worst()
    verdict = _verdict(worst, REGRET_LIMIT, inclusive=True)
    name, points = study.weight_sets[index], summary.sizes["point"]
    among = f"among {points} points; the regret is the largest, on '{name}'"
    if verdict == NOT_MEASURED:
        reason = f"One core gives no interval; chosen {among}."
    elif verdict == HOLDS:
        reason = f"The upper end is at most {REGRET_LIMIT:g} % on every weight set, {among}."
    else:
        above = int((~(study.regret.high <= REGRET_LIMIT)).sum())
        reason = (
            f"The upper end exceeds {REGRET_LIMIT:g} % on {above} of {len(study.weight_sets)} "
            f"weight sets, {among}."
        )
    return _claim(summary, "C2", statement, worst, "%", verdict, "mvm_error", reason)


def _third(summary: xr.Dataset, comparison: xr.Dataset | None, level: str) -> dict[str, Any]:
    statement = (
        f"No high-resolution ADC is needed while programming: MVM error of GDP through converters "
        f"of {COARSE} bits over that of iterative programming through {FINE} bits, judged at one "
        f"resolution, largest over the weight sets (criterion: upper end of the {level} interval "
        f"at most {RATIO_LIMIT:g} on each)."
    )
    found = coarse_against_fine(comparison) if comparison is not None else None
    if found is None:
        return _claim(
            summary, "C3", statement, None, "1", NOT_MEASURED, "mvm_error",
            f"The study has no comparison of {' = '.join(CONVERTERS)} with {COARSE} and {FINE} "
            "bits, judged at one resolution (evaluation.adc_bits).",
        )  # fmt: skip
    verdict = _verdict(found.ratio, RATIO_LIMIT, inclusive=True)
    reason = (
        f"Largest of {found.weight_sets} weight sets, on '{found.weight_set}'; unit-cell reads and "
        f"MVMs while programming at the same resolution, judged at {found.judged_at} bits."
    )
    if verdict == NOT_MEASURED:
        reason = f"One core gives no interval. {reason}"
    claim = _claim(summary, "C3", statement, found.ratio, "1", verdict, "mvm_error", reason)
    return claim | {"file": claim["file"].replace("summary.nc", "comparison.nc")}


def _fourth(summary: xr.Dataset, accuracy: xr.Dataset | None, level: str) -> dict[str, Any]:
    statement = (
        "GDP raises the inference accuracy of ResNet-9 over iterative programming (the paper's "
        f"chip: by {PUBLISHED_GAIN:g} points): smallest gain right after programming over the "
        f"study and its cases (criterion: lower end of the {level} interval, paired over chips, "
        "above 0 for each)."
    )
    name = "" if accuracy is None else _shipped(accuracy)
    if not name:
        return _claim(
            summary, "C4", statement, None, "points", NOT_MEASURED, "accuracy",
            "The study does not program the ResNet-9 that comes with aimcsim: config/resnet9.yaml.",
        )  # fmt: skip
    gains = {}
    for case in map(str, accuracy["case"].values):
        kind = str(accuracy["compensation"].values[0])
        at = {"case": case, "network": name, "moment": PROGRAMMED, "compensation": kind}
        found = gain(accuracy, **at)
        if math.isfinite(found.value):
            gains[case] = found
    if not gains:
        reason = f"No chip has an accuracy of '{name}' by both methods."
        return _claim(summary, "C4", statement, None, "points", NOT_MEASURED, "accuracy", reason)
    worst = min(gains, key=lambda case: gains[case].value)
    lows = [found.low for found in gains.values()]
    if any(math.isnan(low) for low in lows):
        verdict = NOT_MEASURED
    else:
        verdict = HOLDS if min(lows) > 0 else FAILS
    texts = [f"{case} {found.value:.2f}" for case, found in gains.items()]
    inferred = accuracy["accuracy"].sel({"case": worst, "network": name, "moment": PROGRAMMED})
    chips = int(inferred.isel(compensation=0).notnull().all("method").sum("core"))
    reason = (
        f"Smallest of {', '.join(texts)} points, over {chips} chips; the setting of GDP is not "
        "chosen by accuracy."
    )
    if verdict == NOT_MEASURED:
        reason = f"One chip gives no interval. {reason}"
    claim = _claim(summary, "C4", statement, gains[worst], "points", verdict, "accuracy", reason)
    return claim | {"file": claim["file"].replace("summary.nc", "accuracy.nc")}


def _shipped(accuracy: xr.Dataset) -> str:
    """Name of the network that is the ResNet-9 of the project; empty where there is none."""
    for name, model in zip(accuracy["network"].values, accuracy["model"].values, strict=True):
        if str(model) == "resnet9":
            return str(name)
    return ""


def claims(
    summary: xr.Dataset,
    study: Agnosticism | None = None,
    comparison: xr.Dataset | None = None,
    accuracy: xr.Dataset | None = None,
) -> list[dict[str, Any]]:
    """Judge C1 to C5 from a summary.

    Parameters
    ----------
    summary
        The study's ``summary.nc``.
    study
        Its :func:`~aimcsim.study.regret.agnosticism`, if at hand; computed otherwise.
    comparison
        The study's ``comparison.nc``, if it has one: C3 is judged there.
    accuracy
        The study's ``accuracy.nc``, if it has one: C4 is judged there.

    Returns
    -------
    claims
        For each claim: ``id``, ``statement`` (with criterion), ``value``, ``low``, ``high``
        (interval at the configured level, 95 % by default; None where there is none), ``unit``,
        ``verdict``, ``file``, ``variable``, ``reason``. Safe for JSON: no NaN, no infinity.

    Raises
    ------
    UserError
        The summary lacks variables or runs.
    """
    check(summary)
    study = study or agnosticism(summary)
    level = f"{100 * study.options.level:g} %"
    found = [_first(summary, study, level), _second(summary, study, level)]
    found.append(_third(summary, comparison, level))
    found.append(_fourth(summary, accuracy, level))
    for name, (statement, variable, unit, reason) in _NOT_YET.items():
        found.append(_claim(summary, name, statement, None, unit, NOT_MEASURED, variable, reason))
    return found
