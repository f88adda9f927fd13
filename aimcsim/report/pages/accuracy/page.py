"""The page of networks: accuracy on programmed cores, and what it follows from."""

import json
from typing import Any

import numpy as np
import xarray as xr

from aimcsim.networks.evaluation_time import PROGRAMMED
from aimcsim.report.drawing import Plot
from aimcsim.report.elements import Cell, Material, Page, Table, enumerated
from aimcsim.report.estimates import estimate_at, estimate_text, number
from aimcsim.report.marks import Marks, programmed_by
from aimcsim.report.pages import PAGES
from aimcsim.report.pages.accuracy import figures, tables
from aimcsim.report.pages.accuracy.packing import packing
from aimcsim.report.study import Study
from aimcsim.study.claims.c4_accuracy import PUBLISHED_GAIN


@PAGES.register("accuracy")
class Accuracy(Page):
    """Every network of the study that images were given to."""

    file = "accuracy.html"
    label = "Networks"
    order = 10
    needs = "accuracy"

    @classmethod
    def context(cls, material: Material) -> dict[str, Any]:
        """Draw every network."""
        accuracy, marks = material.further["accuracy"], material.marks
        level = float(accuracy.attrs["level"])
        shown: dict[str, Any] = {}
        drawn: dict[str, Any] = {}
        data, written = {}, {}
        for name in map(str, accuracy["network"].values):
            one, mean = _of(accuracy, name, material.study, marks)
            plots, parts = _plots(accuracy, one, mean, level, name, marks)
            drawn |= plots
            data[f"network_accuracy_{name}"] = mean
            data |= parts
            written[f"accuracy_table_{name}"] = _table(mean, name, material.study, marks)
            shown[name] = _about(one, mean, name, material.study, marks)
        return {
            "figures": material.draw(drawn),
            "tables": written,
            "data": material.write(data),
            "networks": shown,
            "answer": [entry["answer"] for entry in shown.values()],
            "published": PUBLISHED_GAIN,
        }


def headlines(accuracy: xr.Dataset, study: Study, marks: Marks) -> list[str]:
    """A sentence for each network: what the subject gains right after programming."""
    sentences = []
    for name in map(str, accuracy["network"].values):
        _, mean = _of(accuracy, name, study, marks)
        gains = []
        for case in _told(mean):
            at = _at(case, tables.aged(mean)[0], mean)
            text = estimate_text(estimate_at(mean, "gain", **at), "points")
            gains.append(f"{text} {tables.case_phrase(case)}")
        sentences.append(
            f"Accuracy of ‘{name}’ on programmed cores, right after programming: "
            f"{marks[study.subject].in_text} gains {', '.join(gains)}."
        )
    return sentences


def _of(
    accuracy: xr.Dataset, name: str, study: Study, marks: Marks
) -> tuple[xr.Dataset, xr.Dataset]:
    """What was inferred of a network, and its means over chips."""
    one = tables.of_network(accuracy, name, study.methods)
    level = float(accuracy.attrs["level"])
    return one, tables.accuracies(one, level, study, marks)


def _at(case: str, when: str, mean: xr.Dataset) -> dict[str, str]:
    """Where a value lies, with the first compensation of the study."""
    first = str(mean["compensation"].values[0])
    return {"case": case, "evaluation_time": when, "compensation": first}


def _plots(
    accuracy: xr.Dataset, one: xr.Dataset, mean: xr.Dataset, level: float, name: str, marks: Marks
) -> tuple[dict, dict]:
    """Figures of a network by name, and the data of those that have their own."""
    errors, relation = tables.layer_errors(one, level), tables.relation(one)
    change = tables.confused(one)
    classes = [text for text in str(one["classes"].values).split(",") if text]
    tiles, layers = tables.tiles_of(one)
    packed = packing(tiles, layers, accuracy.attrs["rows"], accuracy.attrs["columns"])
    plots: dict[str, Plot | None] = {
        "over_time": figures.over_time(mean, marks),
        "adc": figures.resolutions(mean, marks),
        "layers": figures.layers(errors, marks),
        "relation": figures.related(relation, marks),
        "confusion": figures.confusions(change, classes, marks),
        "packing": packed,
    }
    trained = None
    if one.sizes.get("epoch", 0):
        plots["training"] = trained = figures.training(one)
    data = {
        "layers": errors,
        "relation": relation,
        "confusion": change,
        "packing": packed.data,
    }
    if trained is not None:
        kept = [v for v in one.data_vars if one[v].dims == ("epoch",)]
        data["training"] = trained.data[kept].drop_vars(
            [c for c in one.coords if c != "epoch"], errors="ignore"
        )
    return (
        {f"network_{key}_{name}": plot for key, plot in plots.items()},
        {f"network_{key}_{name}": part for key, part in data.items()},
    )


def _about(
    one: xr.Dataset, mean: xr.Dataset, name: str, study: Study, marks: Marks
) -> dict[str, Any]:
    """What the page says of a network in words."""
    tiles, layers = tables.tiles_of(one)
    record = json.loads(str(one["record"].values)) if "record" in one else {}
    cells = sum(piece.rows * piece.columns for tile in tiles for piece in tile.pieces)
    return {
        "answer": _answer(mean, name, study, marks),
        "software": number(float(one["software_accuracy"]), 2),
        "converters": number(float(one["converter_accuracy"]), 2),
        "change": _change(float(one["converter_accuracy"] - one["software_accuracy"])),
        "bits": f"{float(one['converter_bits']):.3g}",
        "model": str(one["model"].values),
        "images": str(one["images"].values),
        "image_count": int(one["software_confusion"].sum()),
        "layers": len(layers),
        "weights": f"{int((one['layer_rows'] * one['layer_columns']).sum()):,}",
        "cores": len(tiles),
        "used": number(100 * cells / (len(tiles) * tiles[0].rows * tiles[0].columns), 1),
        "record": record,
        "rank": number(tables.rank_correlation(tables.relation(one)), 2),
        "noisy": _noisy(one),
        "has": {"training": bool(one.sizes.get("epoch", 0)), "adc": _resolved(mean)},
    }


def _change(points: float) -> str:
    """'0.17 points more', '0.32 points less'."""
    return f"{number(abs(points), 2)} points {'less' if points < 0 else 'more'}"


def _resolved(mean: xr.Dataset) -> bool:
    return any(str(name).startswith("adc") for name in mean["evaluation_time"].values)


def _noisy(one: xr.Dataset) -> str:
    """Accuracy with the training's own weight noise, over its draws; empty where unknown."""
    if "training_noisy_accuracy" not in one:
        return ""
    values = one["training_noisy_accuracy"].values
    values = values[np.isfinite(values)]
    if not values.size:
        return ""
    return f"{number(float(values.min()), 1)} to {number(float(values.max()), 1)}"


def _answer(mean: xr.Dataset, name: str, study: Study, marks: Marks) -> str:
    """The gain right after programming and at last, case by case."""
    sentences = []
    for case in _told(mean):
        times = tables.aged(mean, case)
        at = _at(case, times[0], mean)
        shares = enumerated(
            [
                f"{number(estimate_at(mean, 'accuracy', programmed_by=m, **at).value, 2)} % "
                f"({marks[m].in_text})"
                for m in programmed_by(mean)
            ]
        )
        gained = estimate_text(estimate_at(mean, "gain", **at), "points")
        last = estimate_at(mean, "gain", **_at(case, times[-1], mean))
        later = ""
        if len(times) > 1:
            when = tables.when_text(mean.sel({"case": [case]}), times[-1])
            later = f"; after {when} {estimate_text(last, 'points')}"
        sentences.append(
            f"Right after programming, ‘{name}’ {tables.case_phrase(case)} classifies "
            f"{shares} of its test images right: {marks[study.subject].in_text} gains "
            f"{gained}{later}."
        )
    software = number(float(mean["software_accuracy"]), 2)
    most = _most(mean, study, marks)
    return " ".join([*sentences, *most, *_kept(mean, study, marks), f"In software: {software} %."])


_MOST_TOLD = 3  # cases: more would be no answer to read


def _told(mean: xr.Dataset) -> list[str]:
    """Cases that are told one by one: all, or of many the first."""
    cases = [str(case) for case in mean["case"].values]
    return cases if len(cases) <= _MOST_TOLD else cases[:1]


def _accuracy(mean: xr.Dataset, study: Study, case: str, moment: int) -> float:
    """Of the subject in a case at its first moment, 0, or its last, -1; percent."""
    at = _at(case, tables.aged(mean, case)[moment], mean)
    return estimate_at(mean, "accuracy", programmed_by=study.subject, **at).value


def _age(mean: xr.Dataset, case: str, moment: int) -> float:
    """Seconds after programming at the first moment of a case, 0, or its last, -1."""
    when = tables.aged(mean, case)[moment]
    return 0 if when == PROGRAMMED else float(mean["time"].sel(case=case, evaluation_time=when))


def _best(mean: xr.Dataset, study: Study, moment: int) -> str:
    """The case in which the subject is most accurate at a moment; at last of those that are then
    the oldest, as accuracy falls with time."""
    cases = [str(case) for case in mean["case"].values]
    ages = [_age(mean, case, moment) for case in cases]
    cases = [case for case, age in zip(cases, ages, strict=True) if age == max(ages)]
    return max(cases, key=lambda case: _accuracy(mean, study, case, moment))


def _most(mean: xr.Dataset, study: Study, marks: Marks) -> list[str]:
    """Of many cases: where the subject is most accurate at first, and where at last."""
    cases = mean.sizes["case"]
    if cases <= _MOST_TOLD:
        return []
    parts = []
    for moment in (0, -1):
        case = _best(mean, study, moment)
        when = tables.when_text(mean.sel({"case": [case]}), tables.aged(mean, case)[moment])
        after = "" if when.startswith("right") else "after "
        shared = number(_accuracy(mean, study, case, moment), 2)
        parts.append(f"{after}{when} {tables.case_phrase(case)} ({shared} %)")
    told = " and ".join(dict.fromkeys(parts))
    return [f"Of {cases} cases {marks[study.subject].in_text} is most accurate {told}."]


_COMPENSATED = {
    "statistics": "with adapted statistics",
    "column": "with a factor for each column",
    "tile": "with a factor for each piece of a layer",
    "none": "without compensation",
}


def _kept(mean: xr.Dataset, study: Study, marks: Marks) -> list[str]:
    """What each compensation leaves of the subject's accuracy at last, case by case."""
    sentences = []
    cases = _told(mean)
    if mean.sizes["case"] > len(cases):
        cases = list(dict.fromkeys([*cases, _best(mean, study, -1)]))
    for case in cases:
        last = tables.aged(mean, case)[-1]
        kept = mean["accuracy"].sel(case=case, evaluation_time=last, programmed_by=study.subject)
        kept = kept.dropna("compensation")
        order = np.argsort(-kept.values, kind="stable")
        if len(order) < 2:
            continue
        shares = [
            f"{number(float(kept[i]), 1)} % {_COMPENSATED[str(kept['compensation'].values[i])]}"
            for i in order
        ]
        when = tables.when_text(mean.sel({"case": [case]}), last)
        when = "Right after programming" if last == PROGRAMMED else f"After {when}"
        sentences.append(
            f"{when} {marks[study.subject].in_text} {tables.case_phrase(case)} keeps "
            f"{enumerated(shares)}."
        )
    return sentences


def _table(mean: xr.Dataset, name: str, study: Study, marks: Marks) -> Table:
    """Every case and evaluation time: each method, and the gain of the subject."""
    names = programmed_by(mean)
    rows = []
    for case in map(str, mean["case"].values):
        for time in map(str, mean["evaluation_time"].values):
            for kind in map(str, mean["compensation"].values):
                at = {"case": case, "evaluation_time": time, "compensation": kind}
                if np.isnan(mean["accuracy"].sel(at).values).all():
                    continue
                when = tables.when_text(mean.sel({"case": [case]}), time)
                row: list[Any] = [tables.case_text(case), when, kind]
                row += [
                    Cell.of(estimate_at(mean, "accuracy", programmed_by=m, **at), 2) for m in names
                ]
                rows.append([*row, Cell.of(estimate_at(mean, "gain", **at), 2)])
    subject, baseline = marks[study.subject], marks[study.baseline]
    return Table(
        f"Test images that {name} classifies right, percent, and what {subject.in_text} gains, "
        "points",
        [
            "Cells",
            "when",
            "compensation",
            *(marks[m].label for m in names),
            f"{subject.label} − {baseline.in_text}",
        ],
        rows,
        f"network_accuracy_{name}",
    )
