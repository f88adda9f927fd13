"""The page of weight-agnosticism: does the best setting of a method depend on the weights?"""

from typing import Any

from aimcsim.report.elements import Material, Page, percent
from aimcsim.report.estimates import estimate_text, number
from aimcsim.report.marks import Marks
from aimcsim.report.pages import PAGES
from aimcsim.report.pages.agnosticism import figures, tables
from aimcsim.study.intervals import Estimate
from aimcsim.study.landscape import (
    NOT_AGNOSTIC,
    NOT_MEASURED,
    WITHIN,
    Landscape,
    labels_of,
    landscapes,
    verdict,
)


@PAGES.register("agnosticism")
class Agnosticism(Page):
    """Of a study with several weight sets, and several settings of a method."""

    file = "agnosticism.html"
    label = "Weight-agnosticism"
    order = 15

    @classmethod
    def context(cls, material: Material) -> dict[str, Any] | None:
        """The statistics of every method that is swept; the subject's in full."""
        study, marks, summary = material.study, material.marks, material.study.summary
        found = landscapes(summary)
        if not found:
            return None
        order = sorted(found, key=lambda name: name != study.subject)
        found = {name: found[name] for name in order}
        shown = order[:1]  # in full: the subject, or the first method where it is not swept
        data = {"agnosticism": tables.statistics(found), "regrets": tables.regrets(found)}
        plots = {
            "variance": figures.variance(data["agnosticism"], marks),
            "regrets": figures.regret(data["regrets"], marks),
        }
        made = {"agnosticism": tables.overview(found, marks)}
        important = tables.importance(found)
        if important is not None:
            data["importance"] = important
            names = {
                key: text for one in found for key, (text, _) in labels_of(summary, one).items()
            }
            plots["importance"] = figures.importances(important, names, marks)
        sections = []
        for name in shown:
            one, labels = found[name], labels_of(summary, name)
            curves = {key: tables.response(one, key) for key in one.values}
            plots[f"response_{name}"] = figures.responses(one, curves, labels, marks)
            data |= {f"response_{name}_{key}": curve for key, curve in curves.items()}
            data[f"transfer_{name}"] = carried = tables.transfer(one)
            plots[f"transfer_{name}"] = figures.transfers(carried, marks, name)
            inside = tables.region(one, labels, marks[name].in_text)
            if inside is not None:
                made[f"region_{name}"] = inside
            sections.append(
                {
                    "name": name,
                    "label": marks[name].in_text,
                    "title": marks[name].label,
                    "points": len(one.points),
                    "edges": tables.edges(one, summary),
                    "within": number(100 * one.region.share, 0),
                    "keys": list(curves),
                }
            )
        return {
            "answer": answer(found[order[0]], marks),
            "others": [_of_other(found[name], marks) for name in order[1:]],
            "figures": material.draw(plots),
            "tables": made,
            "data": material.write(data),
            "sections": sections,
            "predicted": {
                marks[name].in_text: number(one.importance.predicted, 2)
                for name, one in found.items()
                if one.importance
            },
            "level": percent(study.level),
        }


def answer(found: Landscape, marks: Marks) -> str:
    """Whether one setting serves all weight sets, with the numbers."""
    regret = found.shared.regret
    assert regret is not None
    index, worst = regret.worst()
    label, said = marks[found.name].in_text, verdict(found)
    kendall = f"; Kendall’s W {estimate_text(found.agreement)}" if found.agreement else ""
    if said == NOT_MEASURED:
        judged = f"{label} is not judged (one or two chips give no interval)"
    elif said == NOT_AGNOSTIC and worst.high <= WITHIN:
        judged = (
            f"one setting of {label} serves all weight sets within {WITHIN:g} %; over all settings "
            f"tried {label} is {said} to the weights"
        )
    else:
        judged = f"{label} is {said} to the weights"
    return (
        f"{judged[:1].upper()}{judged[1:]}: one setting of "
        f"{len(found.points)}, chosen on the other weight sets, costs at most "
        f"{estimate_text(worst, '%')} over a set’s own best (on ‘{found.weight_sets[index]}’), "
        f"where the worst setting costs {number(float(found.spread.min()), 1)} to "
        f"{number(float(found.spread.max()), 1)} times the best; the interaction of weights and "
        f"hyperparameters is {estimate_text(_percent(found.interaction), '%')} of the variance"
        f"{kendall}."
    )


def _of_other(found: Landscape, marks: Marks) -> str:
    regret = found.shared.regret
    assert regret is not None
    return (
        f"{marks[found.name].label}: {verdict(found)}; regret at most "
        f"{estimate_text(regret.worst()[1], '%')}, interaction "
        f"{estimate_text(_percent(found.interaction), '%')}."
    )


def _percent(share: Estimate) -> Estimate:
    return Estimate(*(100 * end for end in vars(share).values()))
