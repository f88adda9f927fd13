"""The study's own page: its answer, claims, errors, settings, cost and provenance."""

from typing import Any

import numpy as np
import xarray as xr
import yaml

from aimcsim.report import marks
from aimcsim.report.elements import Cell, Material, Page, Table
from aimcsim.report.estimates import (
    estimate_at,
    estimate_parts,
    estimate_text,
    number,
    time_text,
)
from aimcsim.report.pages.accuracy.page import headlines
from aimcsim.report.pages.programming import figures, tables
from aimcsim.report.study import (
    COMPENSATION,
    OPEN_LOOP,
    Study,
    others,
)
from aimcsim.study.intervals import Estimate
from aimcsim.study.measures import LABELS, STATUSES, attribute_json, varying

_STATUS_NAMES = {
    "reached": "reached",
    "noise_floor": "read-noise floor",
    "budget": "budget spent",
    "diverged": "diverged",
}


def _percent(level: float) -> str:
    return f"{100 * level:g} %"


def _range(values: np.ndarray, unit: str = "") -> str:
    low, high = number(float(values.min())), number(float(values.max()))
    return (low if low == high else f"{low} to {high}") + (f" {unit}" if unit else "")


def _parts(estimate: Estimate, level: str, most: int = 3) -> tuple[str, str]:
    value, interval = estimate_parts(estimate, most)
    return value, f" ({level} interval {interval})" if interval else ""


def answer(study: Study) -> list[str]:
    """The study's result in one or two sentences, with its numbers and intervals."""
    result, level = study.result, _percent(study.level)
    count = len(result.weight_sets)
    index, _ = result.ratio.worst()
    worst = result.ratio.of(index)
    name = result.weight_sets[index]
    value, interval = _parts(worst, level)
    chips = "one core" if study.cores == 1 else f"{study.cores} cores"
    if count == 1:
        first = (
            f"After gradient-descent programming (GDP) the MVM error of ‘{name}’ is "
            f"{value} times that after iterative programming{interval}, on {chips}."
        )
    else:
        first = (
            "After gradient-descent programming (GDP) the MVM error is "
            f"{_range(result.ratio.value)} times that after iterative programming on "
            f"{count} weight sets, {chips} each; the largest ratio, on ‘{name}’, is "
            f"{value}{interval}."
        )
    sentences = [first]
    if study.cores == 1:
        sentences.append("One core allows no interval: this is one chip's result.")
    if result.regret is not None:
        _, largest = result.regret.worst()
        value, interval = _parts(largest, level, most=2)
        sentences.append(
            "A hyperparameter setting chosen on the other weight sets costs at most "
            f"{value} % of MVM error{interval} over a weight set’s own best."
        )
    return sentences


def _claim_rows(claims: list[dict[str, Any]]) -> list[dict[str, str]]:
    rows = []
    for claim in claims:
        value, low, high = (
            float("nan") if claim[key] is None else float(claim[key])
            for key in ("value", "low", "high")
        )
        unit = "" if claim["unit"] == "1" else claim["unit"]
        result = "–"
        if claim["value"] is not None:
            result = estimate_text(Estimate(value, low, high), unit)
        rows.append(
            {
                "id": claim["id"],
                "statement": claim["statement"],
                "result": result,
                "verdict": claim["verdict"],
                "reason": claim["reason"],
                "source": f"{claim.get('variable', '')} in {claim.get('file', '')}",
            }
        )
    return rows


def _error_table(study: Study, errors: xr.Dataset, ratios: xr.Dataset) -> Table:
    interval = "" if study.cores == 1 else f" ({_percent(study.level)} interval)"
    calibrated = {"calibrated_error": "MVM error behind a digital scale and offset"}
    calibrated = {name: text for name, text in calibrated.items() if name in errors}
    # Two methods and their ratio fit one table; more have one for the ratios.
    alone = not others(study.summary)
    rows = []
    for index, name in enumerate(study.result.weight_sets):
        row = [name]
        for variable in ("mvm_error", "held_error", *calibrated):
            for method in _methods(errors):
                cell = estimate_at(errors, variable, weight_set=name, method=method)
                row.append(Cell.of(cell))
        if alone:
            row.append(Cell.of(study.result.ratio.of(index)))
        row.append(str(ratios["setting"].values[index]))
        rows.append(row)
    return Table(
        f"Errors in percent{' and their ratio' if alone else ''}, {_mean(study)}{interval}",
        [
            "Weight set",
            *(f"MVM error, {marks.IN_TEXT[method]}" for method in _methods(errors)),
            *(f"held error, {marks.IN_TEXT[method]}" for method in _methods(errors)),
            *(
                f"{text}, {marks.IN_TEXT[method]}"
                for text in calibrated.values()
                for method in _methods(errors)
            ),
            *(["ratio of MVM errors, GDP / iterative"] if alone else []),
            "setting of GDP",
        ],
        rows,
        "ratio" if alone else "mvm_error",
    )


def _ratio_table(study: Study, ratios: xr.Dataset) -> Table:
    """Ratios of MVM errors where there are methods beside iterative programming and GDP."""
    others = [name for name in ratios.data_vars if "_over_" in name and f"{name}_low" in ratios]
    rows = [
        [
            name,
            Cell.of(study.result.ratio.of(index)),
            *(Cell.of(estimate_at(ratios, other, weight_set=name)) for other in others),
        ]
        for index, name in enumerate(study.result.weight_sets)
    ]
    headings = [_over(name) for name in ("gdp_over_iterative", *others)]
    return Table("Ratios of MVM errors", ["Weight set", *headings], rows, "ratio")


def _cores(study: Study) -> str:
    return "one core" if study.cores == 1 else f"{study.cores} cores"


def _mean(study: Study) -> str:
    return "one core" if study.cores == 1 else f"means over {study.cores} cores"


def _networks(material: Material) -> list[str]:
    """What the page of networks says first."""
    inferred = material.further.get("accuracy")
    return headlines(inferred) if inferred is not None else []


def _accuracy_table(accuracy: xr.Dataset) -> Table:
    rows = []
    for name in accuracy["weight_set"].values:
        part = accuracy.sel({"weight_set": name})
        images = part.get("test_images", np.nan)
        row = [str(name), number(float(images), 0), number(float(part["software_accuracy"]))]
        for method in _methods(accuracy):
            row.append(Cell.of(estimate_at(part, "accuracy", method=method)))
        rows.append(row)
    return Table(
        "Accuracy in percent",
        ["Network", "test images", "software", *_names(accuracy)],
        rows,
    )


def _residue_table(residue: xr.Dataset) -> Table:
    """Bins nearest to a few round targets, of those that have a value for all methods."""
    seen = residue["spread"].notnull().all("method").values
    shares = residue["conductance"].values[seen]
    near = {int(np.abs(shares - target).argmin()) for target in (0.1, 0.3, 0.5, 0.7, 0.9, 1)}
    rows = []
    for index in sorted(near) if shares.size else []:
        row = residue.sel({"conductance": shares[index]})
        cells = [f"{shares[index]:.3f}"]
        if "published" in residue:
            cells.append(number(float(row["published"])))
        for name in ("spread", "mean"):
            cells += [Cell.of(estimate_at(row, name, method=m)) for m in _methods(residue)]
        rows.append([*cells, f"{int(row['weight_sets'])}"])
    columns = ["Target (share of g_max)"]
    if "published" in residue:
        columns.append("spread, published")
    columns += [f"{moment}, {name}" for moment in ("spread", "mean") for name in _names(residue)]
    columns.append("weight sets")
    return Table("Conductance error in uS at some of the bins", columns, rows)


def _methods(dataset: xr.Dataset) -> list[str]:
    return [str(name) for name in dataset["method"].values]


def _names(dataset: xr.Dataset) -> list[str]:
    """What its methods are called inside a heading."""
    return [marks.IN_TEXT[method] for method in _methods(dataset)]


def _over(name: str) -> str:
    """Heading of the column of a ratio ``<method>_over_<method>``."""
    upper, lower = (marks.IN_TEXT[method] for method in name.split("_over_"))
    return f"{upper} / {lower}"


def _time_table(study: Study, errors: xr.Dataset, ratios: xr.Dataset) -> Table:
    where = {"compensation": COMPENSATION}
    rows = []
    for name in study.result.weight_sets:
        for time in errors["time"].values:
            at = where | {"weight_set": name, "time": time}
            row = [name, time_text(time)]
            row += [Cell.of(estimate_at(errors, "error", method=m, **at)) for m in _methods(errors)]
            rows.append([*row, Cell.of(estimate_at(ratios, "ratio", **at))])
    return Table(
        f"MVM error in percent over time with one compensation factor per core; {_mean(study)}",
        [
            "Weight set",
            "time",
            *(marks.NAMES[method] for method in _methods(errors)),
            "ratio, GDP / iterative",
        ],
        rows,
        "over_time_ratio",
    )


def _compensation_table(study: Study, means: xr.Dataset) -> Table:
    sets = len(study.result.weight_sets)
    over = f"mean over {sets} weight sets, " if sets > 1 else ""
    names = {"none": "none", "global": "one factor per core", "column": "one factor per column"}
    rows = []
    for time in means["time"].values:
        for compensation in means["compensation"].values:
            at = {"time": time, "compensation": compensation}
            row = [time_text(time), names.get(str(compensation), str(compensation))]
            row += [Cell.of(estimate_at(means, "error", method=m, **at)) for m in _methods(means)]
            rows.append([*row, Cell.of(estimate_at(means, "ratio", **at))])
    return Table(
        f"MVM error in percent by drift compensation; {over}{_mean(study)}",
        [
            "Time",
            "compensation",
            *(marks.NAMES[method] for method in _methods(means)),
            "ratio of means, GDP / iterative" if sets > 1 else "ratio, GDP / iterative",
        ],
        rows,
        "over_time_mean",
    )


def _accuracy_time_table(accuracy: xr.Dataset) -> Table:
    rows = []
    for name in accuracy["weight_set"].values:
        for time in accuracy["time"].values:
            part = accuracy.sel({"weight_set": name, "time": time})
            row = [str(name), time_text(time), number(float(part["software_accuracy"]))]
            row += [Cell.of(estimate_at(part, "accuracy", method=m)) for m in _methods(accuracy)]
            rows.append([*row, Cell.of(estimate_at(part, "difference"))])
    return Table(
        "Accuracy in percent over time",
        ["Network", "time", "software", *_names(accuracy), "GDP − iterative (points)"],
        rows,
    )


def _distance_text(distance: xr.Dataset | None) -> dict[str, Any] | None:
    """Iterative programming's distance from the published curve; None where there is none."""
    if distance is None:
        return None
    row = distance.sel({"method": "iterative"})
    if not int(row["bins"]):
        return None
    return {"value": estimate_text(estimate_at(row, "distance"), "%"), "bins": int(row["bins"])}


def _all_higher(errors: xr.Dataset, over_time: xr.Dataset) -> bool:
    """Whether every error after a time is above the same one right after programming."""
    later = over_time["error"].sel({"compensation": COMPENSATION, "method": _methods(errors)})
    return bool((later > errors["mvm_error"]).all())


def _regret_table(study: Study, ratios: xr.Dataset) -> Table:
    result = study.result
    columns = [
        "Weight set left out",
        "setting chosen on the others",
        "its own best setting",
        "regret (%)",
    ]
    if result.split_regret is not None:
        columns.append("regret, chosen on other cores (%)")
    rows = []
    for index, name in enumerate(result.weight_sets):
        row = [
            name,
            str(ratios["setting"].values[index]),
            study.setting_text(int(result.best[index])),
            Cell.of(result.regret.of(index), most=2),
        ]
        if result.split_regret is not None:
            row.append(Cell.of(result.split_regret.of(index), most=2))
        rows.append(row)
    return Table("Regret of one shared setting", columns, rows)


def _cost_table(cost: xr.Dataset) -> Table:
    rows = []
    for name in cost["weight_set"].values:
        for method in _methods(cost):
            row = [str(name), marks.NAMES[method]]
            for variable in ("mvms", "cell_reads", "pulses", "saturation"):
                row.append(
                    Cell.counted(estimate_at(cost, variable, weight_set=name, method=method))
                )
            rows.append(row)
    return Table(
        "Cost of programming",
        [
            "Weight set",
            "method",
            "MVMs per tile",
            "reads per unit cell",
            "pulses per unit cell",
            "saturated ADC conversions (%)",
        ],
        rows,
    )


def _outcome_table(study: Study, outcomes: xr.Dataset) -> Table:
    names = marks.NAMES | {"gdp": "GDP, all points", "gdp_chosen": "GDP, chosen setting"}
    names = {str(group): names[group] for group in outcomes["runs_of"].values.tolist()}
    rows = []
    for weight_set in study.result.weight_sets:
        for group, text in names.items():
            counts = outcomes["runs"].sel({"weight_set": weight_set, "runs_of": group}).values
            rows.append([weight_set, text, *(f"{int(n):,}" for n in (counts.sum(), *counts))])
    if len(study.result.weight_sets) > 1:
        for group, text in names.items():
            counts = outcomes["runs"].sel({"runs_of": group}).sum("weight_set").values
            rows.append(["all", text, *(f"{int(n):,}" for n in (counts.sum(), *counts))])
    return Table(
        "How runs ended: one run is one tile on one core at one point",
        ["Weight set", "method", "runs", *(_STATUS_NAMES[name] for name in STATUSES.values())],
        rows,
        "outcomes",
    )


def _weights_table(weights: xr.Dataset) -> Table:
    rows = [
        [str(name), f"{int(tiles):,}", f"{int(cells):,}"]
        for name, tiles, cells in zip(
            weights["weight_set"].values, weights["tiles"].values, weights["cells"].values,
            strict=True,
        )
    ]  # fmt: skip
    return Table("Weight sets", ["Weight set", "tiles", "used unit cells"], rows, "weight_sets")


def page(material: Material) -> Page:
    """Draw the figures and write the data; return what the page shows."""
    study = material.study
    summary = study.summary
    datasets = {
        "mvm_error": tables.errors(study),
        "ratio": tables.ratios(study),
        "convergence": tables.convergence(study),
        "perceptron": tables.accuracy(study),
        "settings": tables.settings(study),
        "regret": tables.regret(study),
        "cost": tables.cost(study),
        "pulses": tables.pulses(study),
        "outcomes": tables.outcomes(study),
        "weight_sets": tables.weight_sets(study),
        "residue": tables.residue(study),
        "over_time": tables.over_time(study),
        "accuracy_over_time": tables.accuracy_over_time(study),
    }
    residue, later = datasets["residue"], datasets["over_time"]
    distance = None
    if residue is not None:
        distance = datasets["residue_distance"] = tables.residue_distance(study, residue)
    if later is not None:
        datasets["over_time_ratio"] = tables.over_time_ratios(study)
        datasets["over_time_mean"] = tables.over_time_mean(study, later)
    source = (tables.published_name(summary) or "").rpartition(", ")[2]
    swept = varying(summary)
    plots = {
        "mvm_error": figures.errors(datasets["mvm_error"]),
        "convergence": figures.convergence(datasets["convergence"]),
        "settings": figures.settings(datasets["settings"], swept),
        "cost": figures.cost(datasets["cost"]),
        "pulses": figures.pulses(datasets["pulses"]),
    }
    if datasets["perceptron"] is not None:
        plots["perceptron"] = figures.accuracy(datasets["perceptron"])
    if datasets["regret"] is not None:
        plots["regret"] = figures.regret(datasets["regret"])
    if residue is not None:
        plots["residue"] = figures.residue(residue, source)
    if later is not None:
        plots["over_time"] = figures.over_time(later)
    if datasets["accuracy_over_time"] is not None:
        plots["accuracy_over_time"] = figures.accuracy_over_time(datasets["accuracy_over_time"])
    shown = material.draw(plots)
    written = material.write({k: v for k, v in datasets.items() if k != "settings" or swept})

    result = study.result
    config = attribute_json(summary, "config", {})
    made = {
        "errors": _error_table(study, datasets["mvm_error"], datasets["ratio"]),
        "cost": _cost_table(datasets["cost"]),
        "outcomes": _outcome_table(study, datasets["outcomes"]),
        "weights": _weights_table(datasets["weight_sets"]),
    }
    if others(summary):
        made["ratios"] = _ratio_table(study, datasets["ratio"])
    if datasets["perceptron"] is not None:
        made["perceptron"] = _accuracy_table(datasets["perceptron"])
    if result.regret is not None:
        made["regret"] = _regret_table(study, datasets["ratio"])
    if residue is not None:
        made["residue"] = _residue_table(residue)
    if later is not None:
        made["over_time"] = _time_table(study, later, datasets["over_time_ratio"])
        made["compensation"] = _compensation_table(study, datasets["over_time_mean"])
    if datasets["accuracy_over_time"] is not None:
        made["accuracy_over_time"] = _accuracy_time_table(datasets["accuracy_over_time"])
    effects = attribute_json(summary, "effects", [])
    context = {
        "study": summary.attrs.get("study", ""),
        "answer": [*answer(study), *_networks(material)],
        "claims": _claim_rows(material.claims),
        "figures": shown,
        "tables": made,
        "sample": figures.interval_name(study),
        "cores": _cores(study),
        "core_count": study.cores,
        "sets": len(result.weight_sets),
        "points": summary.sizes["point"],
        "level": _percent(study.level),
        "resamples": f"{result.options.resamples:,}",
        "rule": result.rule,
        "swept": [LABELS[name] for name in swept],
        "shared": study.setting_text(result.shared),
        "mean_regret": estimate_text(result.mean_regret, "%") if result.mean_regret else None,
        "rank": estimate_text(result.rank_agreement) if result.rank_agreement else None,
        "distance": _distance_text(distance),
        "published": source,
        "others": others(summary),
        "open_loop": later is not None and OPEN_LOOP in _methods(later),
        "higher": later is not None and _all_higher(datasets["mvm_error"], later),
        "inputs": config.get("evaluation", {}).get("inputs"),
        "cap": figures.EXCESS_CAP if figures.is_capped(datasets["settings"]) else None,
        "effects": [[str(cell) for cell in row] for row in effects],
        "provenance": {
            "Command": summary.attrs.get("command", "not recorded"),
            "Source revision": summary.attrs.get("source_revision", "not recorded"),
            "Programmed by": summary.attrs.get("backend", "not recorded"),
            "Judged by": summary.attrs.get("judged_by", "not recorded"),
            "Seed": str(summary.attrs.get("seed", "not recorded")),
        },
        "versions": attribute_json(summary, "versions", {}),
        "config": yaml.safe_dump(config, sort_keys=False, allow_unicode=True),
        "data": written,
    }
    return Page("Programming", context)
