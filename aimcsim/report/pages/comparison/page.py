"""The page of the comparisons: what changes with the chip and with how it is programmed."""

from typing import Any

import numpy as np
import xarray as xr

from aimcsim.report.elements import Cell, Material, Page, Table
from aimcsim.report.estimates import (
    estimate_at,
    estimate_text,
    number,
    time_text,
)
from aimcsim.report.marks import NAMES
from aimcsim.report.pages.comparison import figures as comparison_figures
from aimcsim.report.pages.comparison.tables import BASELINE, DESCENT, Compared, change, compared
from aimcsim.report.pages.programming.figures import interval_name
from aimcsim.report.study import (
    Study,
)
from aimcsim.study.intervals import Estimate
from aimcsim.study.programming_error import distance


def page(material: Material) -> Page | None:
    """Draw every comparison; None where the study has none."""
    if "comparison" not in material.further:
        return None
    study = material.study
    all_of_it = compared(material.further["comparison"], study.result.options)
    plots, datasets, tables = {}, {}, {}
    for one in all_of_it:
        plots[f"compare_{one.name}"] = comparison_figures.errors(one)
        datasets[f"compare_{one.name}"] = one.errors
        tables[f"compare_{one.name}"] = _errors_table(one)
        if one.over_time is not None:
            datasets[f"compare_{one.name}.time"] = one.over_time
            tables[f"compare_{one.name}.time"] = _time_table(one)
        if one.residue is not None and not one.numeric:
            plots[f"compare_{one.name}.residue"] = comparison_figures.residue(one)
            datasets[f"compare_{one.name}.residue"] = one.residue
    sections = [
        {
            "name": one.name,
            "title": _capital(one.title),
            "summary": _headline(one),
            "says": [*told(one, study), *lost_runs(one)],
            "over_time": f"compare_{one.name}.time" in tables,
            "residue": plots.get(f"compare_{one.name}.residue") is not None,
        }
        for one in all_of_it
    ]
    context = {
        "figures": material.draw(plots),
        "tables": tables,
        "data": material.write(datasets),
        "sections": sections,
        "answer": _answer(all_of_it),
        "sample": interval_name(study),
        "core_count": study.cores,
    }
    return Page("Comparisons", context)


def _answer(found: list[Compared]) -> str:
    """The page in one sentence: the ratio's range over all comparisons, and where it is largest."""
    largest = max(found, key=lambda one: float(one.errors["ratio"].max()))
    low = min(float(one.errors["ratio"].min()) for one in found)
    worst = largest.errors.isel(largest.errors["ratio"].argmax(["weight_set", "name"]))
    value, case = estimate_at(worst, "ratio"), largest.label(worst["name"].item())
    several = f"{len(found)} comparisons" if len(found) > 1 else "one comparison"
    most = worst["weight_set"].item()
    return (
        f"Over {several}, GDP’s MVM error is {number(low, 2)} to {number(value.value, 2)} times "
        f"that of iterative programming; the most, {estimate_text(value)}, is on ‘{most}’ at "
        f"{case} of ‘{largest.title}’."
    )


def _headline(one: Compared) -> str:
    """The comparison in a few words: the ratio's range over cases and weight sets."""
    ratio = one.errors["ratio"]
    low, high = float(ratio.min()), float(ratio.max())
    worst = one.errors.isel(ratio.argmax(["weight_set", "name"]))
    where = f"‘{worst['weight_set'].item()}’ at {one.label(worst['name'].item())}"
    return (
        f"GDP / iterative {number(low, 2)} to {number(high, 2)} over {len(one.cases)} cases, most "
        f"on {where}"
    )


def told(one: Compared, study: Study) -> list[str]:
    """What the figure shows, in sentences: errors by case, or how they move with what is varied."""
    first, last = one.cases[0], one.cases[-1]
    mean = one.errors["error"].mean("weight_set")
    over = f", mean over {len(one.weight_sets)} weight sets," if len(one.weight_sets) > 1 else ""
    if not one.numeric:
        return [*_order(one, over.rstrip(",")), *_distances(one, study)]
    moved = change(one, study.result.options)
    texts = []
    for method in (BASELINE, DESCENT):
        start, end = (float(mean.sel({"name": n, "method": method})) for n in (first, last))
        texts.append(
            f"that of {NAMES[method] if method == DESCENT else 'iterative programming'} from "
            f"{number(start)} to {number(end)} %"
        )
    slower = moved["slower"]
    ends = f"From {one.label(first)} to {one.label(last)}"
    sentence = f"{ends} the MVM error{over} goes: {', '.join(texts)}."
    grown = moved[BASELINE].value > 0
    if not grown:
        return [sentence]
    points = estimate_text(slower, "points")
    if slower.low > 0:
        return [sentence, f"GDP’s error grows more slowly, by {points} less."]
    if slower.high < 0:
        points = estimate_text(Estimate(-slower.value, -slower.high, -slower.low), "points")
        return [sentence, f"From its lower start GDP’s error grows faster, by {points} more."]
    if np.isnan(slower.low):
        return [sentence, f"GDP’s error grows by {points} less; one core gives no interval."]
    return [
        sentence,
        f"GDP’s error does not grow more slowly than iterative programming’s beyond the "
        f"uncertainty: difference {points}.",
    ]


def _order(one: Compared, over: str) -> list[str]:
    """The cases by the baseline's error: right after programming, at the first and last time."""
    found = [("right after programming", one.errors["error"])]
    if one.over_time is not None:
        error, times = one.over_time["error"], one.over_time["time"]
        ends = times.notnull().sum("step") - 1  # of each case; -1 where it has no times
        for step in (xr.zeros_like(ends), ends.clip(0)):
            at = np.unique(times.isel(step=step).dropna("name").values)
            when = " or ".join(time_text(float(time)) for time in at)
            found.append((f"after {when}, with one factor per core", error.isel(step=step)))
    sentences = []
    for when, errors in found:
        mean = errors.sel({"method": BASELINE}).mean("weight_set")
        values = {name: float(mean.sel({"name": name})) for name in one.cases}
        known = {name: value for name, value in values.items() if np.isfinite(value)}
        listed = ", ".join(
            f"{name} {number(known[name])} %" for name in sorted(known, key=known.get)
        )
        sentences.append(
            f"Iterative programming’s MVM error {when}{over}, smallest first: {listed}."
        )
    return sentences


def _distances(one: Compared, study: Study) -> list[str]:
    """How far the baseline's residue lies from the published one of each case."""
    if one.residue is None:
        return []
    listed = []
    for name in one.cases:
        part = one.residue.sel({"name": name, "method": BASELINE})
        found = distance(
            part["conductance"].values,
            part["spread_cores"].transpose("core", "conductance").dropna("core", how="all").values,
            part["published"].values,
            study.result.options,
        )
        if np.isfinite(found.value):
            listed.append(f"{name} {estimate_text(found, '%')}")
    if not listed:
        return []
    return [
        "Root-mean-square distance of its residue from the published curve over 0.1 to 1 of g_max: "
        f"{', '.join(listed)}."
    ]


def lost_runs(one: Compared) -> list[str]:
    """A sentence that counts the runs that diverged, by case; none where there are none."""
    lost = one.errors["diverged"].sum("weight_set")
    found = [
        f"{int(lost.sel({'name': name, 'method': method}))} of {NAMES[method]} at {one.label(name)}"
        for name in one.cases
        for method in one.methods
        if float(lost.sel({"name": name, "method": method})) > 0
    ]
    if not found:
        return []
    return [f"Runs whose error ended higher than it began, all included: {', '.join(found)}."]


def _errors_table(one: Compared) -> Table:
    rows = []
    for weight_set in one.weight_sets:
        for name in one.cases:
            where = {"weight_set": weight_set, "name": name}
            cells = [
                Cell.of(estimate_at(one.errors, "error", **where, method=m)) for m in one.methods
            ]
            rows.append(
                [weight_set, name, *cells, Cell.of(estimate_at(one.errors, "ratio", **where))]
            )
    columns = [
        "Weight set",
        one.title,
        *(NAMES[method] for method in one.methods),
        "ratio, GDP / iterative",
    ]
    return Table(
        "MVM error in percent right after programming", columns, rows, f"compare_{one.name}"
    )


def _time_table(one: Compared) -> Table:
    """First and last time: with one factor per core, and the ratio without any."""
    data, rows = one.over_time, []
    for weight_set in one.weight_sets:
        for name in one.cases:
            times = data["time"].sel({"name": name})
            steps = np.flatnonzero(np.isfinite(times.values))
            for step in dict.fromkeys((steps[0], steps[-1])) if steps.size else ():
                where: dict[str, Any] = {"weight_set": weight_set, "name": name, "step": int(step)}
                cells = [Cell.of(estimate_at(data, "published", **where))]
                cells += [
                    Cell.of(estimate_at(data, "error", **where, method=m)) for m in one.methods
                ]
                cells.append(Cell.of(estimate_at(data, "ratio", **where)))
                cells.append(Cell.of(estimate_at(data, "ratio_uncompensated", **where)))
                rows.append([weight_set, one.label(name), time_text(float(times[step])), *cells])
    columns = [
        "Weight set",
        one.title,
        "time",
        "published residue",
        *(NAMES[method] for method in one.methods),
        "ratio, GDP / iterative",
        "ratio without compensation",
    ]
    return Table(
        "MVM error in percent over time with one compensation factor per core",
        columns,
        rows,
        f"compare_{one.name}.time",
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
