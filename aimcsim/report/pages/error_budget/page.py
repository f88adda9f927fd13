"""The page of the error split: what each effect alone would leave, beside all together."""

import numpy as np
import xarray as xr

from aimcsim.report.elements import Cell, Material, Page, Table
from aimcsim.report.estimates import (
    estimate_at,
    estimate_parts,
    estimate_text,
    time_text,
)
from aimcsim.report.marks import IN_TEXT, NAMES
from aimcsim.report.pages.error_budget import figures as split_figure
from aimcsim.report.pages.error_budget import tables as split_tables
from aimcsim.report.pages.programming.figures import interval_name
from aimcsim.report.study import (
    Study,
    methods,
)
from aimcsim.study.error_budget import ADDING, is_split
from aimcsim.study.measures import attribute_json

_ADDING = {
    "seen": "what programming leaves",
    "read_noise": "the devices’ read noise",
    "converters": "the converters",
}
_EFFECTS = {
    "residue": "the programming residue",
    "columns": "the columns’ gains and offsets",
    "wires": "the wires",
    "read_noise": "read noise",
    "converters": "the converters",
}
_NAMED = IN_TEXT | {"iterative": "iterative programming"}
_TABLE = {
    "residue": "Programming residue (held error)",
    "stuck": "of it, in cells with a stuck device",
    "columns": "Columns: gain and offset",
    "wires": "Wires",
    "seen": "Residue behind the core’s columns",
    "read_noise": "Read noise",
    "converters": "Converters",
    "squares": "Root of the sum of squares of all effects alone",
    "sum": "Root of the sum of squares of the parts that are independent",
    "together": "All together: the MVM error",
}


def page(material: Material) -> Page | None:
    """Draw the split; None where the study did not split its errors."""
    study = material.study
    if not is_split(study.summary):
        return None
    data, mean = split_tables.parts(study), split_tables.parts_mean(study)
    later, later_mean = split_tables.later(study), split_tables.later_mean(study)
    figures = material.draw({"split": split_figure.split(data, later)})
    material.write(
        {
            "split": data,
            "split_mean": mean,
            "split_over_time": later,
            "split_over_time_mean": later_mean,
        }
    )
    tables = {"parts": _parts_table(study, mean)}
    if later_mean is not None:
        tables["later"] = _later_table(study, later_mean)
    rows = split_tables.shown(mean)
    context = {
        "answer": answer(mean, later_mean),
        "figures": figures,
        "tables": tables,
        "sample": interval_name(study),
        "core_count": study.cores,
        "rule": study.result.rule,
        "wires": "wires" in rows,
        "columns": float(mean["error"].sel(row="columns").max()) > 0,
        "stuck": "stuck" in rows,
        "later": None if later is None else time_text(float(later["time"][-1])),
        "effects": attribute_json(study.summary, "effects", []),
    }
    return Page("Error split", context)


def answer(mean: xr.Dataset, later: xr.Dataset | None) -> list[str]:
    """Which part is the largest for each method, with its numbers."""
    shares = mean.sel(row=list(ADDING))
    sentences = []
    if np.isfinite(shares["share"].values).all():
        found = []
        for method in methods(mean):
            own = shares.sel({"method": method})
            largest = str(own["row"].values[int(own["share"].values.argmax())])
            estimate = estimate_at(shares.sel(row=largest), "share", method=method)
            found.append((largest, f"{estimate_text(estimate, '%')} after {_NAMED[method]}"))
        parts = [
            f"{_ADDING[part]}: {', '.join(text for other, text in found if other == part)}"
            for part in dict.fromkeys(part for part, _ in found)
        ]
        sentences.append(f"The largest share of the squared MVM error is {'; '.join(parts)}.")
    else:
        sentences.append(
            "The squared MVM error has no shares: some run has diverged, or has no error."
        )
    alone = [
        name for name in ("residue", "columns", "wires", "read_noise", "converters")
        if float(mean["error"].sel(row=name).max()) > 0
    ]  # fmt: skip
    for method in methods(mean):
        own = mean.sel({"method": method})
        ranked = sorted(alone, key=lambda name, own=own: -float(own["error"].sel(row=name)))
        if not ranked:
            continue
        parts = [
            f"{_EFFECTS[name]} ({estimate_parts(estimate_at(own, 'error', row=name), 2)[0]} %)"
            for name in ranked[:2]
        ]
        whole = estimate_text(estimate_at(own, "error", row="together"), "%")
        sentences.append(
            f"After {_NAMED[method]} all together leave {whole}; alone, {' and '.join(parts)} "
            "leave most."
        )
    if later is not None:
        last = later.isel(time=-1)
        own = last.isel(method=0)
        drift, slow = (
            estimate_text(estimate_at(own, "error", row=name), "%")
            for name in ("drift", "slow_read_noise")
        )
        sentences.append(
            f"After {time_text(float(last['time']))}, drift alone leaves {drift} and slow read "
            f"noise alone {slow}."
        )
    return sentences


def _mean(study: Study) -> str:
    cores = "one core" if study.cores == 1 else f"{study.cores} cores"
    sets = len(study.result.weight_sets)
    return f"mean over {sets} weight sets, {cores}" if sets > 1 else f"one weight set, {cores}"


def _interval(study: Study) -> str:
    return f" ({100 * study.level:g} % interval)" if study.cores > 1 else ""


def _parts_table(study: Study, mean: xr.Dataset) -> Table:
    rows, names = [], split_tables.shown(mean)
    for name in names:
        own = mean.sel(row=name)
        through = " and wires" if name == "seen" and "wires" in names else ""
        row = [_TABLE[name] + through]
        row += [Cell.of(estimate_at(own, "error", method=m), most=2) for m in methods(mean)]
        for method in methods(mean):
            share = estimate_at(own, "share", method=method)
            row.append(Cell.of(share, most=1) if name in ADDING else "")
        rows.append(row)
    return Table(
        f"MVM error in percent right after programming, {_mean(study)}{_interval(study)}",
        [
            "Part",
            *(NAMES[m] for m in methods(mean)),
            *(f"share of the square, {IN_TEXT[m]}" for m in methods(mean)),
        ],
        rows,
        "split_mean",
    )


def _later_table(study: Study, later: xr.Dataset) -> Table:
    rows = []
    for time in later["time"].values:
        own = later.sel(time=time)
        row = [time_text(float(time))]
        for name in ("drift", "slow_read_noise"):
            cell = estimate_at(own.sel(row=name), "error", method="iterative")
            row.append(Cell.of(cell, most=2))
        for method in methods(later):
            row.append(
                Cell.of(estimate_at(own.sel(row="together"), "error", method=method), most=2)
            )
        rows.append(row)
    return Table(
        f"MVM error in percent at times after programming, {_mean(study)}{_interval(study)}",
        [
            "Time",
            "drift alone",
            "slow read noise alone",
            *(f"all together, {IN_TEXT[m]}" for m in methods(later)),
        ],
        rows,
        "split_over_time_mean",
    )
