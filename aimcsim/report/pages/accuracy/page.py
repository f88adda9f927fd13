"""The page of networks: accuracy on programmed cores, and what it follows from."""

import json
from typing import Any

import numpy as np
import xarray as xr

from aimcsim.report.elements import Cell, Material, Page, Table
from aimcsim.report.estimates import (
    estimate_at,
    estimate_text,
    number,
)
from aimcsim.report.marks import IN_TEXT, NAMES
from aimcsim.report.pages.accuracy import figures, tables
from aimcsim.report.pages.accuracy.packing import packing
from aimcsim.report.pages.programming.figures import interval_name
from aimcsim.report.study import (
    methods,
)
from aimcsim.study.claims import PUBLISHED_GAIN


def page(material: Material) -> Page | None:
    """Every network of the study; None where none was inferred."""
    accuracy = material.further.get("accuracy")
    if accuracy is None:
        return None
    level = float(accuracy.attrs["level"])
    shown: dict[str, Any] = {}
    drawn, data, written = {}, {}, {}
    for name in map(str, accuracy["network"].values):
        one = tables.of_network(accuracy, name)
        mean = tables.accuracies(one, level)
        plots, parts = _plots(accuracy, one, mean, level, name)
        drawn |= plots
        data[f"network_accuracy_{name}"] = mean
        data |= parts
        written[f"accuracy_table_{name}"] = _table(mean, name)
        shown[name] = _about(one, mean, name)
    context = {
        "figures": material.draw(drawn),
        "tables": written,
        "data": material.write(data),
        "networks": shown,
        "answer": [entry["answer"] for entry in shown.values()],
        "published": PUBLISHED_GAIN,
        "sample": interval_name(material.study),
        "core_count": material.study.cores,
    }
    return Page("Networks", context)


def headlines(accuracy: xr.Dataset) -> list[str]:
    """A sentence for each network: what GDP gains right after programming."""
    sentences = []
    for name in map(str, accuracy["network"].values):
        mean = tables.accuracies(tables.of_network(accuracy, name), float(accuracy.attrs["level"]))
        gains = []
        for case in map(str, mean["case"].values):
            at = {"case": case, "moment": tables.aged(mean)[0], "compensation": _first(mean)}
            text = estimate_text(estimate_at(mean, "gain", **at), "points")
            gains.append(f"{text} {tables.case_phrase(case)}")
        sentences.append(
            f"Accuracy of ‘{name}’ on programmed cores, right after programming: GDP gains "
            f"{', '.join(gains)}."
        )
    return sentences


def _plots(
    accuracy: xr.Dataset, one: xr.Dataset, mean: xr.Dataset, level: float, name: str
) -> tuple[dict, dict]:
    """Figures of a network by name, and the data of those that have their own."""
    errors, relation = tables.layer_errors(one, level), tables.relation(one)
    change = tables.confused(one)
    classes = [text for text in str(one["classes"].values).split(",") if text]
    tiles, layers = tables.tiles_of(one)
    plots = {
        "over_time": figures.over_time(mean),
        "adc": figures.resolutions(mean),
        "layers": figures.layers(errors),
        "relation": figures.related(relation),
        "confusion": figures.confusions(change, classes),
        "packing": packing(tiles, layers, accuracy.attrs["rows"], accuracy.attrs["columns"]),
    }
    if one.sizes.get("epoch", 0):
        plots["training"] = figures.training(one)
    data = {
        "layers": errors,
        "relation": relation,
        "confusion": change,
        "packing": plots["packing"].data,
    }
    if "training" in plots:
        kept = [v for v in one.data_vars if one[v].dims == ("epoch",)]
        data["training"] = (
            plots["training"]
            .data[kept]
            .drop_vars([c for c in one.coords if c != "epoch"], errors="ignore")
        )
    return (
        {f"network_{key}_{name}": plot for key, plot in plots.items()},
        {f"network_{key}_{name}": part for key, part in data.items()},
    )


def _about(one: xr.Dataset, mean: xr.Dataset, name: str) -> dict[str, Any]:
    """What the page says of a network in words."""
    tiles, layers = tables.tiles_of(one)
    record = json.loads(str(one["record"].values)) if "record" in one else {}
    cells = sum(piece.rows * piece.columns for tile in tiles for piece in tile.pieces)
    return {
        "answer": _answer(mean, name),
        "software": number(float(one["software_accuracy"]), 2),
        "converters": number(float(one["converter_accuracy"]), 2),
        "change": _change(float(one["converter_accuracy"] - one["software_accuracy"])),
        "bits": int(one["converter_bits"]),
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
    return any(str(moment).startswith("adc") for moment in mean["moment"].values)


def _noisy(one: xr.Dataset) -> str:
    """Accuracy with the training's own weight noise, over its draws; empty where unknown."""
    if "training_noisy_accuracy" not in one:
        return ""
    values = one["training_noisy_accuracy"].values
    values = values[np.isfinite(values)]
    if not values.size:
        return ""
    return f"{number(float(values.min()), 1)} to {number(float(values.max()), 1)}"


def _answer(mean: xr.Dataset, name: str) -> str:
    """The gain right after programming and at last, case by case."""
    sentences = []
    for case in map(str, mean["case"].values):
        moments = tables.aged(mean, case)
        at = {"case": case, "moment": moments[0], "compensation": _first(mean)}
        texts = [
            f"{number(estimate_at(mean, 'accuracy', method=m, **at).value, 2)} % ({IN_TEXT[m]})"
            for m in methods(mean)
        ]
        shares = f"{', '.join(texts[:-1])} and {texts[-1]}"
        gained = estimate_text(estimate_at(mean, "gain", **at), "points")
        last = estimate_at(mean, "gain", **{**at, "moment": moments[-1]})
        later = ""
        if len(moments) > 1:
            when = tables.moment_text(mean.sel({"case": [case]}), moments[-1])
            later = f"; after {when} {estimate_text(last, 'points')}"
        sentences.append(
            f"Right after programming, ‘{name}’ {tables.case_phrase(case)} classifies "
            f"{shares} of its test images right: GDP gains {gained}{later}."
        )
    software = number(float(mean["software_accuracy"]), 2)
    return f"{' '.join(sentences)} In software: {software} %."


def _first(mean: xr.Dataset) -> str:
    return str(mean["compensation"].values[0])


def _table(mean: xr.Dataset, name: str) -> Table:
    """Every case and moment: each method, and GDP's gain."""
    names = methods(mean)
    rows = []
    for case in map(str, mean["case"].values):
        for moment in map(str, mean["moment"].values):
            for kind in map(str, mean["compensation"].values):
                at = {"case": case, "moment": moment, "compensation": kind}
                if np.isnan(float(mean["accuracy"].sel(at).isel(method=0))):
                    continue
                when = tables.moment_text(mean.sel({"case": [case]}), moment)
                row: list[Any] = [tables.case_text(case), when, kind]
                row += [Cell.of(estimate_at(mean, "accuracy", method=m, **at), 2) for m in names]
                rows.append([*row, Cell.of(estimate_at(mean, "gain", **at), 2)])
    return Table(
        f"Test images that {name} classifies right, percent, and what GDP gains, points",
        ["Cells", "when", "compensation", *(NAMES[m] for m in names), "GDP − iterative"],
        rows,
        f"network_accuracy_{name}",
    )
