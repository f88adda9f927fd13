"""What a reader should know before the numbers.

Targets for a time to come; tiles that hold nothing; methods that pulsed nothing, or whose
converters saturated.

What the settings were warned of beforehand (:mod:`aimcsim.config.checks`) comes first.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr

from aimcsim.study.measures import (
    all_zero,
    attribute_json,
    labels,
    of_method,
    per_core,
    present,
    programming,
    target_time,
    totals,
)

LISTED = 5  # numbers of tiles in a sentence
LARGEST_SHARE = 0.01  # of conversions at an end of the ADC's range. Ours
_SATURATED = {
    "mvm_saturation": "conversions of MVMs while programming",
    "read_saturation": "cell reads while programming",
    "saturation": "conversions when judged on fresh inputs",
}


def cautions(summary: xr.Dataset) -> list[str]:
    """Sentences about settings, about errors before the time that targets are for, about weights
    without a relative error, and about methods whose results are suspicious.

    A weight set is named with its tiles of zeros. A method is named with its runs (tiles x chips x
    settings) that fired no pulse after their first measurement, and where more than
    ``LARGEST_SHARE`` of its conversions were saturated, of all its runs together.
    """
    known = labels(summary)
    return [
        *attribute_json(summary, "warnings", []),
        *before_target_time(summary),
        *_empty(summary),
        *_measured(summary, known),
    ]


def before_target_time(summary: xr.Dataset) -> list[str]:
    """What errors right after programming are, where targets are for a time to come."""
    time = target_time(summary)
    if time is None:
        return []
    return [
        f"Targets are for {time:g} s after programming (core.target_time): errors right after "
        "programming, and what is claimed or chosen by them, count that conductances are not yet "
        "in proportion to the weights. Compare methods by their errors over time, or in a study "
        "without it."
    ]


def _measured(summary: xr.Dataset, known: Mapping[str, str]) -> list[str]:
    return [
        f"{known[name][:1].upper()}{known[name][1:]}: {text}."
        for name in programming(summary)
        for text in (*_idle(summary, name), *_saturated(summary, name))
    ]


def _empty(summary: xr.Dataset) -> Iterator[str]:
    """A sentence for each weight set with tiles of zeros."""
    there = present(summary).any("run")
    empty = (all_zero(summary) & there).transpose("weight_set", "tile", "core")
    for name in summary["weight_set"].values[empty.any(["tile", "core"]).values]:
        own, all_of_them = empty.sel(weight_set=name), there.sel(weight_set=name)
        numbers = np.flatnonzero(own.any("core").values).tolist()
        if bool((own == own.isel(core=0)).all()):
            count, of = len(numbers), int(all_of_them.any("core").sum())
            unit = ""
        else:  # each chip holds a draw of its own
            count, of = int(own.sum()), int(all_of_them.sum())
            unit = " (tile x chip)"
        listed = ", ".join(map(str, numbers[:LISTED]))
        more = f" and {len(numbers) - LISTED} more" if len(numbers) > LISTED else ""
        hold = "holds" if count == 1 else "hold"
        yield (
            f"Weight set '{name}': {count:,} of {of:,} tiles{unit} {hold} nothing but zeros "
            f"(number{'s' * (len(numbers) > 1)} {listed}{more}). They have no relative error and "
            "are left out of its means; what they cost is counted."
        )


def _idle(summary: xr.Dataset, name: str) -> Iterator[str]:
    if "tuning_pulses" not in summary:
        return
    fired = of_method(summary["tuning_pulses"], name)
    wanting = of_method(present(summary) & ~all_zero(summary), name)
    idle = int((wanting & (fired == 0)).sum())
    if idle:
        runs = int(wanting.sum())
        yield f"no pulse was fired after the first measurement in {idle:,} of {runs:,} runs"


def _saturated(summary: xr.Dataset, name: str) -> Iterator[str]:
    for variable, text in _SATURATED.items():
        if variable not in summary:
            continue
        share = _share(summary, variable, name)
        if share > LARGEST_SHARE:
            yield f"{100 * share:.1f} % of the {text} lay at an end of the ADC's range"


def _share(summary: xr.Dataset, variable: str, name: str) -> float:
    """Saturated share of the conversions of all runs of a method; NaN where it made none."""
    if variable == "saturation":
        return float(of_method(per_core(summary, variable), name).mean())
    made = {"mvm_saturation": summary["mvms"] * summary["columns"]}
    conversions = made.get(variable, summary["cell_reads"])
    counted = summary.assign(hit=summary[variable].fillna(0) * conversions, conversions=conversions)
    hit, all_of_them = (
        float(of_method(totals(counted, one), name).sum()) for one in ("hit", "conversions")
    )
    return hit / all_of_them if all_of_them else np.nan
