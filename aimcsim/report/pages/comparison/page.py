"""The page of the comparisons: what changes with the chip and with how it is programmed."""

from typing import Any

import numpy as np
import xarray as xr

from aimcsim.report.drawing import Plot
from aimcsim.report.elements import Cell, Material, Page, Table, capital
from aimcsim.report.estimates import estimate_at, estimate_text, number, span, time_text
from aimcsim.report.marks import PUBLISHED, Marks
from aimcsim.report.pages import PAGES
from aimcsim.report.pages.comparison import figures
from aimcsim.report.pages.comparison.tables import Compared, change, compared
from aimcsim.report.study import Study
from aimcsim.study.intervals import Estimate
from aimcsim.study.programming_error import distance


@PAGES.register("comparison")
class Comparison(Page):
    """Every comparison of the study."""

    file = "comparison.html"
    label = "Comparisons"
    order = 30
    needs = "comparison"

    @classmethod
    def context(cls, material: Material) -> dict[str, Any] | None:
        """Draw every comparison."""
        study, marks = material.study, material.marks
        all_of_it = compared(material.further["comparison"], study.result.options)
        if not all_of_it:
            return None
        plots: dict[str, Plot | None] = {}
        datasets, tables = {}, {}
        for one in all_of_it:
            name = f"compare_{one.name}"
            plots[name] = figures.errors(one, marks)
            datasets[name] = one.errors
            tables[name] = _errors_table(one, marks)
            if one.over_time is not None:
                datasets[f"{name}.time"] = one.over_time
                tables[f"{name}.time"] = _time_table(one, marks)
            if one.programming_error is not None and not one.numeric:
                plots[f"{name}.programming_error"] = figures.programming_error(one, marks)
                datasets[f"{name}.programming_error"] = one.programming_error
        sections = [
            {
                "name": one.name,
                "title": capital(one.title),
                "summary": _headline(one, marks),
                "says": [*told(one, study, marks), *lost_runs(one, marks)],
                "over_time": f"compare_{one.name}.time" in tables,
                "programming_error": plots.get(f"compare_{one.name}.programming_error") is not None,
            }
            for one in all_of_it
        ]
        return {
            "figures": material.draw(plots),
            "tables": tables,
            "data": material.write(datasets),
            "sections": sections,
            "answer": _answer(all_of_it, marks),
        }


def _answer(found: list[Compared], marks: Marks) -> str:
    """The page in one sentence: the ratio's range over all comparisons, and where it is largest."""
    largest = max(found, key=lambda one: float(one.errors["ratio"].max()))
    low = min(float(one.errors["ratio"].min()) for one in found)
    worst = largest.errors.isel(largest.errors["ratio"].argmax(["weight_set", "name"]))
    value, case = estimate_at(worst, "ratio"), largest.label(worst["name"].item())
    several = f"{len(found)} comparisons" if len(found) > 1 else "one comparison"
    most = worst["weight_set"].item()
    subject, baseline = (marks[name].in_text for name in (largest.subject, largest.baseline))
    return (
        f"Over {several}, the MVM error after {subject} is {number(low, 2)} to "
        f"{number(value.value, 2)} times that after {baseline}; the largest ratio, "
        f"{estimate_text(value)}, is on ‘{most}’ at {case} of ‘{largest.title}’."
    )


def _headline(one: Compared, marks: Marks) -> str:
    """The comparison in a few words: the ratio's range over cases and weight sets."""
    ratio = one.errors["ratio"]
    worst = one.errors.isel(ratio.argmax(["weight_set", "name"]))
    where = f"‘{worst['weight_set'].item()}’ at {one.label(worst['name'].item())}"
    return f"{_over(one, marks)} {span(ratio.values)} over {len(one.cases)} cases, most on {where}"


def _over(one: Compared, marks: Marks) -> str:
    """'GDP / iterative programming'."""
    return f"{marks[one.subject].in_text} / {marks[one.baseline].in_text}"


def told(one: Compared, study: Study, marks: Marks) -> list[str]:
    """What the figure shows, in sentences: errors by case, or how they move with what is varied."""
    first, last = one.cases[0], one.cases[-1]
    mean = one.errors["error"].mean("weight_set")
    over = f", mean over {len(one.weight_sets)} weight sets," if len(one.weight_sets) > 1 else ""
    if not one.numeric:
        return [*_order(one, over.rstrip(","), marks), *_distances(one, study, marks)]
    moved = change(one, study.result.options)
    subject, texts = marks[one.subject].in_text, []
    for method in (one.baseline, one.subject):
        start, end = (float(mean.sel(name=n, programmed_by=method)) for n in (first, last))
        texts.append(f"{number(start)} to {number(end)} % after {marks[method].in_text}")
    ends = f"From {one.label(first)} to {one.label(last)}"
    sentence = f"{ends} the MVM error{over} goes from {' and from '.join(texts)}."
    if moved[one.baseline].value <= 0:
        return [sentence]
    slower = moved[""]
    points = estimate_text(slower, "points")
    if slower.low > 0:
        return [sentence, f"After {subject} it grows more slowly, by {points}."]
    if slower.high < 0:
        points = estimate_text(Estimate(-slower.value, -slower.high, -slower.low), "points")
        return [sentence, f"After {subject} it starts lower and grows faster, by {points}."]
    if np.isnan(slower.low):
        return [sentence, f"After {subject} it grows by {points} less; one core gives no interval."]
    text = f"After {subject} it grows by {points} less, which is within the uncertainty."
    return [sentence, text]


def _order(one: Compared, over: str, marks: Marks) -> list[str]:
    """The cases by the baseline's error: right after programming, at the first and last time."""
    found = [("right after programming", one.errors["error"])]
    if one.over_time is not None:
        error, times = one.over_time["error"], one.over_time["time"]
        ends = times.notnull().sum("step") - 1  # of each case; -1 where it has no times
        for step in (xr.zeros_like(ends), ends.clip(0)):
            at = np.unique(times.isel(step=step).dropna("name").values)
            when = " or ".join(time_text(float(time)) for time in at)
            found.append((f"after {when}, with one factor per core", error.isel(step=step)))
    parts = []
    for when, errors in found:
        mean = errors.sel(programmed_by=one.baseline).mean("weight_set")
        values = {name: float(mean.sel(name=name)) for name in one.cases}
        known = {name: value for name, value in values.items() if np.isfinite(value)}
        listed = ", ".join(
            f"{name} {number(known[name])} %"
            for name in sorted(known, key=lambda name: known[name])
        )
        parts.append(f"{when} {listed}")
    return [
        f"MVM error of {marks[one.baseline].in_text}{over}, smallest first: {'; '.join(parts)}."
    ]


def _distances(one: Compared, study: Study, marks: Marks) -> list[str]:
    """How far the baseline's programming error lies from the published one of each case."""
    if one.programming_error is None:
        return []
    listed = []
    for name in one.cases:
        part = one.programming_error.sel(name=name, programmed_by=one.baseline)
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
        f"Root-mean-square distance of its programming error from the published curve, over 0.1 to "
        f"1 of g_max: {', '.join(listed)}."
    ]


def lost_runs(one: Compared, marks: Marks) -> list[str]:
    """A sentence that counts the runs that diverged, by case; none where there are none."""
    lost = one.errors["diverged"].sum("weight_set")
    found = [
        f"{int(lost.sel(name=name, programmed_by=method))} of {marks[method].in_text} at "
        f"{one.label(name)}"
        for name in one.cases
        for method in one.methods
        if float(lost.sel(name=name, programmed_by=method)) > 0
    ]
    if not found:
        return []
    return [f"Runs whose error ended higher than it began, all included: {', '.join(found)}."]


def _errors_table(one: Compared, marks: Marks) -> Table:
    rows = []
    for weight_set in one.weight_sets:
        for name in one.cases:
            at = {"weight_set": weight_set, "name": name}
            rows.append(
                [
                    weight_set,
                    name,
                    *_cells(one, one.errors, at),
                    Cell.of(estimate_at(one.errors, "ratio", **at)),
                ]
            )
    columns = [
        "Weight set",
        one.title,
        *(marks[method].label for method in one.methods),
        f"ratio, {_over(one, marks)}",
    ]
    return Table(
        "MVM error in percent right after programming", columns, rows, f"compare_{one.name}"
    )


def _cells(one: Compared, data: xr.Dataset, at: dict[str, Any]) -> list[Cell]:
    return [Cell.of(estimate_at(data, "error", programmed_by=m, **at)) for m in one.methods]


def _time_table(one: Compared, marks: Marks) -> Table:
    """First and last time: with one factor per core, and the ratio without any."""
    data, rows = one.over_time, []
    assert data is not None
    for weight_set in one.weight_sets:
        for name in one.cases:
            times = data["time"].sel(name=name)
            steps = np.flatnonzero(np.isfinite(times.values))
            for step in dict.fromkeys((steps[0], steps[-1])) if steps.size else ():
                at: dict[str, Any] = {"weight_set": weight_set, "name": name, "step": int(step)}
                rows.append(
                    [
                        weight_set,
                        one.label(name),
                        time_text(float(times[step])),
                        Cell.of(estimate_at(data, "published", **at)),
                        *_cells(one, data, at),
                        Cell.of(estimate_at(data, "ratio", **at)),
                        Cell.of(estimate_at(data, "ratio_uncompensated", **at)),
                    ]
                )
    columns = [
        "Weight set",
        one.title,
        "time",
        PUBLISHED.in_text,
        *(marks[method].label for method in one.methods),
        f"ratio, {_over(one, marks)}",
        "ratio without compensation",
    ]
    return Table(
        "MVM error in percent over time with one compensation factor per core",
        columns,
        rows,
        f"compare_{one.name}.time",
    )
