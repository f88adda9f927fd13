"""Section "Programming error": conductances less their targets, over the target."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from aimcsim.report.charts import finite
from aimcsim.report.drawing import DASHES, WIDTH, Plot, legend, styled
from aimcsim.report.elements import Cell, Table
from aimcsim.report.estimates import (
    estimate_at,
    estimate_text,
    mean_over_cores,
    number,
    with_ends,
)
from aimcsim.report.marks import PUBLISHED, Marks, handles, programmed_by
from aimcsim.report.study import Study
from aimcsim.study import programming_error as pooling
from aimcsim.study.measures import present

_MOMENTS = {"spread": "standard deviation", "mean": "mean"}
_SHOWN = (0.1, 0.3, 0.5, 0.7, 0.9, 1)  # targets of the table, share of g_max


def programming_error(study: Study) -> xr.Dataset | None:
    """Spread and mean over the target conductance, pooled. None where the summary lacks them."""
    summary = study.summary
    if any(f"programming_error_{name}" not in summary for name in _MOMENTS):
        return None
    runs, cells = study.chosen(present(summary)), summary["cells"]
    values = {
        name: study.chosen(summary[f"programming_error_{name}"]).where(runs) for name in _MOMENTS
    }
    dataset = xr.merge(
        [
            mean_over_cores(
                pooling.pooled(values[name], cells), name,
                f"conductance error of programmed cells, {text}", "uS", study.level,
            )
            for name, text in _MOMENTS.items()
        ]
    )  # fmt: skip
    dataset["weight_sets"] = (
        "conductance",
        pooling.contributing(values["spread"], cells).values,
        {"long_name": "weight sets with enough cells in the bin", "units": "1"},
    )
    if not dataset["weight_sets"].any():
        return None
    if "published_spread" in summary.coords:
        attributes = {"long_name": published_name(summary), "units": "uS"}
        dataset["published"] = ("conductance", summary["published_spread"].values, attributes)
    dataset["conductance"].attrs = dict(summary["conductance"].attrs)
    return dataset


def distance(study: Study, data: xr.Dataset) -> xr.Dataset | None:
    """Relative distance of the spread from the published one. None without a published one."""
    if "published" not in data:
        return None
    shares, published = data["conductance"].values, data["published"].values
    spreads = [
        data["spread_cores"].sel(programmed_by=name).transpose("core", ...).values
        for name in programmed_by(data)
    ]
    found = [pooling.distance(shares, s, published, study.result.options) for s in spreads]
    bins = [int(pooling.judged(shares, s, published).sum()) for s in spreads]
    text = (
        "root-mean-square relative distance of the spread from the published one over "
        f"{pooling.LOWEST_SHARE:g} to 1 of g_max"
    )
    variables = with_ends(
        ("programmed_by",),
        [one.value for one in found], [one.low for one in found], [one.high for one in found],
        name="distance", long_name=text, units="percent",
    )  # fmt: skip
    variables["bins"] = ("programmed_by", bins, {"long_name": "bins of that range", "units": "1"})
    return xr.Dataset(variables, {"programmed_by": programmed_by(data)})


def distance_text(distances: xr.Dataset | None, method: str) -> dict[str, Any] | None:
    """Distance of ``method`` from the published curve, for the page; None where there is none."""
    if distances is None:
        return None
    row = distances.sel(programmed_by=method)
    if not int(row["bins"]):
        return None
    return {"value": estimate_text(estimate_at(row, "distance"), "%"), "bins": int(row["bins"])}


def published_name(summary: xr.Dataset) -> str:
    """What the published spread is, in the words of the summary; empty where it has none."""
    if "published_spread" not in summary.coords:
        return ""
    return summary["published_spread"].attrs.get("long_name", "published programming error")


@styled
def figure(data: xr.Dataset, source: str, marks: Marks) -> Plot:
    """Spread and mean over the target conductance; ``source`` names the published curve."""
    figure = Figure(figsize=(WIDTH, 3.3), layout="constrained")
    axes = figure.subplots(1, 2)
    shares, names = data["conductance"].values, programmed_by(data)
    for ax, moment in zip(axes, _MOMENTS, strict=True):
        for name in names:
            part, mark = data.sel(programmed_by=name), marks[name]
            line, low, high = (finite(part[f"{moment}{e}"].values) for e in ("", "_low", "_high"))
            ax.plot(shares, line, color=mark.colour, marker=mark.marker, markersize=3.5, zorder=3)
            ax.fill_between(shares, low, high, color=mark.colour, alpha=0.2, linewidth=0)
        ax.set_xlim(0, 1)
        ax.set_xlabel("target conductance (share of g_max)")
        ax.set_title(f"{_MOMENTS[moment].capitalize()} of the programming error")
        ax.set_ylabel(f"{_MOMENTS[moment]} (uS)")
    shown = handles((marks[name] for name in names), "-", 4.5)
    if "published" in data:
        (line,) = axes[0].plot(
            shares, data["published"].values, color=PUBLISHED.colour, linestyle=DASHES, zorder=4,
            label=f"{PUBLISHED.label} ({source})",
        )  # fmt: skip
        shown.append(line)
    # An interval of few cells may reach far beyond every line.
    top = max(
        np.nanmax(finite(data[name].values), initial=0.0)
        for name in ("spread", "published")
        if name in data
    )
    axes[0].set_ylim(0, 1.25 * top if top > 0 else 1)
    axes[1].axhline(0, color="#8a9099", linewidth=1, zorder=1)
    legend(figure, shown)
    parts = []
    known = data["spread"].notnull().all("programmed_by").values
    for index in np.flatnonzero(known)[:: max(1, int(known.sum()) // 6)]:
        row = data.isel(conductance=int(index))
        texts = [
            f"{marks[m].label} {estimate_text(estimate_at(row, 'spread', programmed_by=m), 'uS')}"
            for m in names
        ]
        if "published" in data:
            texts.append(f"published {number(float(row['published']))} uS")
        parts.append(f"at {shares[index]:g} of g_max {', '.join(texts)}")
    alt = (
        "Standard deviation, and beside it the mean, of the conductance error over the target "
        f"conductance. Standard deviation {'; '.join(parts) or 'in 0 bins'}."
    )
    return Plot(figure, alt, data)


def table(data: xr.Dataset, marks: Marks) -> Table:
    """Bins nearest to a few round targets, of those that have a value for all methods."""
    names = programmed_by(data)
    seen = data["spread"].notnull().all("programmed_by").values
    shares = data["conductance"].values[seen]
    near = {int(np.abs(shares - target).argmin()) for target in _SHOWN} if shares.size else ()
    rows = []
    for index in sorted(near):
        row = data.sel(conductance=shares[index])
        cells: list[str | Cell] = [f"{shares[index]:.3f}"]
        if "published" in data:
            cells.append(number(float(row["published"])))
        for moment in _MOMENTS:
            cells += [Cell.of(estimate_at(row, moment, programmed_by=m)) for m in names]
        rows.append([*cells, f"{int(row['weight_sets'])}"])
    columns = ["Target (share of g_max)"]
    if "published" in data:
        columns.append("spread, published")
    columns += [f"{moment}, {marks[name].in_text}" for moment in _MOMENTS for name in names]
    columns.append("weight sets")
    return Table("Programming error in uS at some of the bins", columns, rows)
