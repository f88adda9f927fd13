"""The study's own page: its answer, claims, errors, settings, cost and provenance.

Each section has a module of its own beside this one, with its data, its figure and its table.
"""

from typing import Any

import xarray as xr
import yaml

from aimcsim.report.claims import result_text
from aimcsim.report.drawing import Plot
from aimcsim.report.elements import Material, Page, Table, cores, percent
from aimcsim.report.estimates import estimate_parts, estimate_text, span
from aimcsim.report.marks import Marks
from aimcsim.report.pages import PAGES
from aimcsim.report.pages.accuracy.page import headlines
from aimcsim.report.pages.cost import equal
from aimcsim.report.pages.programming import (
    convergence,
    effort,
    errors,
    outcomes,
    over_time,
    programming_error,
    settings,
)
from aimcsim.report.study import Study
from aimcsim.study.cautions import cautions
from aimcsim.study.intervals import Estimate
from aimcsim.study.measures import attribute_json, hyperparameters, positions, varying


@PAGES.register("programming")
class Programming(Page):
    """The first page of a site; every study has it."""

    file = "index.html"
    label = "Programming"
    order = 0

    @classmethod
    def context(cls, material: Material) -> dict[str, Any]:
        """Draw the figures and write the data; return what the page shows."""
        study, marks = material.study, material.marks
        summary, result = study.summary, study.result
        made = _Made()
        _fill(made, study, marks)
        own = settings.swept(study)
        further = [name for name in own if name != study.subject]
        networks = material.further.get("accuracy")
        runs = positions(summary, study.subject)
        known = hyperparameters(summary, study.subject)
        capped = [f"settings{'' if n == study.subject else f'_{n}'}" for n in own]
        shown = {name: made.datasets[name] for name in capped}
        capped = [name for name, data in shown.items() if data and settings.is_capped(data)]
        return {
            "answer": [
                *answer(study, marks),
                *(headlines(networks, study, marks) if networks is not None else []),
            ],
            "cautions": cautions(summary),
            "claims": _claim_rows(material.claims),
            "figures": material.draw(made.plots),
            "data": material.write(made.datasets),
            "tables": {name: table for name, table in made.tables.items() if table is not None},
            "points": len(runs),
            "resamples": f"{result.options.resamples:,}",
            "sees": {
                marks[name].in_text: text for name, text in convergence.seen(study).items()
            },
            "swept": [known[key][0] for key in varying(summary, study.subject)],
            "further_settings": {name: marks[name].in_text for name in further},
            "shared": study.setting_text(int(runs[result.shared])),
            "mean_regret": estimate_text(result.mean_regret, "%") if result.mean_regret else None,
            "rank": estimate_text(result.rank_agreement) if result.rank_agreement else None,
            "distance": programming_error.distance_text(
                made.datasets.get("programming_error_distance"), study.baseline
            ),
            "published": _source(summary),
            "drawn": "published" in (made.datasets.get("over_time") or ()),
            "higher": made.higher,
            "inputs": attribute_json(summary, "config", {}).get("evaluation", {}).get("inputs"),
            "cap": settings.EXCESS_CAP,
            "capped": capped,
            "effects": [
                [str(cell) for cell in row] for row in attribute_json(summary, "effects", [])
            ],
            **_provenance(summary),
        }  # fmt: skip


class _Made:
    """Figures, tables and data of the page, by name."""

    def __init__(self) -> None:
        self.plots: dict[str, Plot | None] = {}
        self.tables: dict[str, Table | None] = {}
        self.datasets: dict[str, xr.Dataset | None] = {}
        self.higher = False


def _fill(made: _Made, study: Study, marks: Marks) -> None:
    """Every section in the order of the page."""
    plots, tables, datasets = made.plots, made.tables, made.datasets

    datasets["mvm_error"] = found = errors.errors(study)
    datasets["ratio"] = ratio = errors.ratios(study, marks)
    plots["mvm_error"] = errors.figure(found, marks)
    tables["errors"] = errors.table(study, found, ratio, marks)
    tables["ratios"] = errors.ratio_table(study, ratio, marks)

    left = programming_error.programming_error(study)
    if left is not None:
        datasets["programming_error"] = left
        datasets["programming_error_distance"] = programming_error.distance(study, left)
        plots["programming_error"] = programming_error.figure(left, _source(study.summary), marks)
        tables["programming_error"] = programming_error.table(left, marks)

    datasets["convergence"] = curves = convergence.convergence(study, marks)
    plots["convergence"] = convergence.figure(curves, convergence.seen(study), marks)

    later = over_time.over_time(study)
    if later is not None:
        datasets["over_time"] = later
        datasets["over_time_ratio"] = ratio = over_time.ratios(study, marks)
        datasets["over_time_mean"] = means = over_time.mean(study, later, marks)
        plots["over_time"] = over_time.figure(later, marks)
        tables["over_time"] = over_time.table(study, later, ratio, marks)
        tables["compensation"] = over_time.compensation_table(study, means, marks)
        made.higher = over_time.all_higher(found, later)

    for name in settings.swept(study):
        key = "settings" if name == study.subject else f"settings_{name}"
        datasets[key] = points = settings.settings(study, name, marks[name])
        plots[key] = settings.figure(study, name, points, marks[name])
        if name != study.subject:
            tables[key] = settings.table(study, name, points, marks[name])
    datasets["regret"] = regret = settings.regret(study)
    if regret is not None:
        plots["regret"] = settings.regret_figure(regret)
        tables["regret"] = settings.regret_table(study)

    datasets["cost"] = used = effort.effort(study)
    datasets["pulses"] = pulses = effort.pulses(study)
    plots["cost"] = effort.figure(used, marks)
    plots["pulses"] = effort.pulses_figure(study, pulses, marks)
    tables["cost"] = effort.table(used, marks)

    datasets["outcomes"] = ended = outcomes.outcomes(study)
    datasets["weight_sets"] = sets = outcomes.weight_sets(study)
    tables["outcomes"] = outcomes.table(study, ended, marks)
    tables["weights"] = outcomes.weights_table(sets)


def answer(study: Study, marks: Marks) -> list[str]:
    """The study's result in a few sentences: as published, at equal time, at equal energy."""
    result, level = study.result, percent(study.level)
    subject, baseline = (marks[name].in_text for name in (study.subject, study.baseline))
    count = len(result.weight_sets)
    index, largest = result.ratio.worst()
    name = result.weight_sets[index]
    value, interval = _parts(largest, level)
    if count == 1:
        first = (
            f"After {subject} the MVM error of ‘{name}’ is {value} times that after "
            f"{baseline}{interval}, on {cores(study)}."
        )
    else:
        first = (
            f"After {subject} the MVM error is {span(result.ratio.value)} times that after "
            f"{baseline} on {count} weight sets, {cores(study)} each; the largest ratio, on "
            f"‘{name}’, is {value}{interval}."
        )
    sentences = [first, *equal.sentences(study, marks)]
    if study.cores == 1:
        sentences.append("One core allows no interval: this is one chip's result.")
    if result.regret is not None:
        value, interval = _parts(result.regret.worst()[1], level, most=2)
        sentences.append(
            f"A setting of {subject} chosen on the other weight sets costs at most {value} % of "
            f"MVM error{interval} over a weight set’s own best."
        )
    return sentences


def _parts(estimate: Estimate, level: str, most: int = 3) -> tuple[str, str]:
    value, interval = estimate_parts(estimate, most)
    return value, f" ({level} interval {interval})" if interval else ""


def _claim_rows(claims: list[dict[str, Any]]) -> list[dict[str, str]]:
    shown = ("id", "statement", "verdict", "reason")
    return [{key: claim[key] for key in shown} | {"result": result_text(claim)} for claim in claims]


def _source(summary: xr.Dataset) -> str:
    """Where the published programming error is from, in a word."""
    return programming_error.published_name(summary).rpartition(", ")[2]


def _provenance(summary: xr.Dataset) -> dict[str, Any]:
    attributes = {
        "Command": "command",
        "Source revision": "source_revision",
        "Programmed by": "backend",
        "Judged by": "judged_by",
        "Seed": "seed",
    }
    config = attribute_json(summary, "config", {})
    return {
        "provenance": {
            name: str(summary.attrs.get(key, "not recorded")) for name, key in attributes.items()
        },
        "versions": attribute_json(summary, "versions", {}),
        "config": yaml.safe_dump(config, sort_keys=False, allow_unicode=True),
    }
