"""Section "Over time": errors after drift, with and without compensation."""

import numpy as np
import xarray as xr
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from aimcsim.report.charts import at_times, time_axis, timeline
from aimcsim.report.drawing import DASHES, LISTED, Plot, facets, legend, styled
from aimcsim.report.elements import Cell, Table
from aimcsim.report.estimates import (
    estimate_at,
    estimated,
    mean_over_cores,
    span,
    time_text,
)
from aimcsim.report.marks import PUBLISHED, Mark, Marks, programmed_by
from aimcsim.report.pages.programming.errors import mean_text, ratio_text
from aimcsim.report.study import COMPENSATION, Study
from aimcsim.study.measures import per_core
from aimcsim.study.over_time import ratios as ratios_of

_COMPENSATIONS = {
    "none": "none",
    "global": "one factor per core",
    "column": "one factor per column",
}
_AT = "at a time after programming"


def over_time(study: Study) -> xr.Dataset | None:
    """Errors at times after programming, with and without compensation; None without times.

    ``published`` is the error of targets that carry the published programming error; there where
    the summary has it and no method of the study is just that.
    """
    summary = study.summary
    if "error_over_time" not in summary:
        return None
    parts = [
        mean_over_cores(
            study.chosen(per_core(summary, variable)).transpose(
                "weight_set", "programmed_by", "time", "compensation", "core"
            ),
            name, text, "percent", study.level,
        )
        for name, variable, text in (
            ("error", "error_over_time", f"MVM error {_AT}"),
            ("held_error", "held_over_time", f"held error {_AT}"),
        )
    ]  # fmt: skip
    if "open_loop_error" in summary and study.programming == study.methods:
        drawn = per_core(summary, "open_loop_error")
        drawn = drawn.transpose("weight_set", "time", "compensation", "core")
        text = f"MVM error {_AT}, of targets with the published programming error"
        parts.append(mean_over_cores(drawn, "published", text, "percent", study.level))
    return _timed(xr.merge(parts), study)


def mean(study: Study, over_time: xr.Dataset, marks: Marks) -> xr.Dataset:
    """Mean over weight sets of :func:`over_time`, and the ratio of the methods' means."""
    text = f"MVM error {_AT}, mean over weight sets"
    parts = [
        mean_over_cores(
            over_time[f"{name}_cores"].mean("weight_set", skipna=False), name,
            f"{text}{more}", "percent", study.level,
        )
        for name, more in (("error", ""), ("published", ", of the published programming error"))
        if name in over_time
    ]  # fmt: skip
    _, together = ratios_of(study.summary, "error_over_time", study.result)
    text = "mean MVM error after {} over that after {}".format(*_pair(study, marks))
    ratio = estimated(("time", "compensation"), together, "ratio", text)
    return _timed(xr.merge(parts).assign(ratio), study)


def ratios(study: Study, marks: Marks) -> xr.Dataset:
    """Error of the subject over that of the baseline at times after programming."""
    each, _ = ratios_of(study.summary, "error_over_time", study.result)
    dims = ("weight_set", "time", "compensation")
    text = "MVM error after {} over that after {}, {}".format(*_pair(study, marks), _AT)
    coords = {
        "weight_set": np.array(study.result.weight_sets, object),
        "time": study.summary["time"].values,
        "compensation": study.summary["compensation"].values,
    }
    return _timed(xr.Dataset(estimated(dims, each, "ratio", text), coords), study)


def _pair(study: Study, marks: Marks) -> tuple[str, str]:
    return marks[study.subject].in_text, marks[study.baseline].in_text


def _timed(dataset: xr.Dataset, study: Study) -> xr.Dataset:
    dataset["time"].attrs = {"units": "s", **study.summary["time"].attrs}
    return dataset


def all_higher(errors: xr.Dataset, over_time: xr.Dataset) -> bool:
    """Whether every error after a time is above the same one right after programming."""
    later = over_time["error"].sel(compensation=COMPENSATION)
    return bool((later > errors["mvm_error"]).all())


def _lines(data: xr.Dataset, marks: Marks) -> list[tuple[Mark, xr.Dataset, str]]:
    """Every line of the figure: its mark, its part of ``data`` and the name of its variable."""
    lines = [(marks[m], data.sel(programmed_by=m), "error") for m in programmed_by(data)]
    if "published" in data:
        drawn = data[["published", "published_low", "published_high"]]
        lines.append((PUBLISHED, drawn, "published"))
    return lines


@styled
def figure(data: xr.Dataset, marks: Marks) -> Plot:
    """MVM error over time with the global compensation, one facet per weight set."""
    shown = data.sel(compensation=COMPENSATION).sortby("time")
    sets = [str(name) for name in data["weight_set"].values]
    times, lines = shown["time"].values, _lines(shown, marks)
    figure, axes = facets(len(sets), 1.85, 0.75, {1: 0.52, 2: 0.72})
    for ax, weight_set in zip(axes, sets, strict=True):
        for index, (mark, part, name) in enumerate(lines):
            shift = index - (len(lines) - 1) / 2
            timeline(ax, times, part.sel(weight_set=weight_set), name, mark, shift)
        ax.set_title(weight_set)
        time_axis(ax, times)
    axes[0].set_ylim(bottom=0)
    axes[0].yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    figure.supxlabel("time after programming", fontsize=9)
    figure.supylabel("MVM error (%)", fontsize=9)
    entries = [
        Line2D(
            [], [], color=mark.colour, marker=mark.marker, markersize=4.5, label=mark.label,
            linestyle=DASHES if mark is PUBLISHED else "-",
        )
        for mark, _, _ in lines
    ]  # fmt: skip
    legend(figure, entries)
    if len(sets) <= LISTED:
        parts = [
            f"{weight_set}: "
            + "; ".join(
                at_times(part.sel(weight_set=weight_set), name, mark, "%")
                for mark, part, name in lines
            )
            for weight_set in sets
        ]
        numbers = ". ".join(parts)
    else:
        ranges = [
            f"{mark.label} {span(part[name].isel(time=-1).values)} %" for mark, part, name in lines
        ]
        numbers = f"At {time_text(times[-1])}, over {len(sets)} weight sets: {'; '.join(ranges)}"
    return Plot(figure, f"MVM error over time after programming. {numbers}.", data)


def table(study: Study, data: xr.Dataset, ratios: xr.Dataset, marks: Marks) -> Table:
    """Every weight set at every time, with one factor per core."""
    rows = []
    for name in study.result.weight_sets:
        for time in data["time"].values:
            at = {"compensation": COMPENSATION, "weight_set": name, "time": time}
            cells = _cells(data, at)
            rows.append(
                [name, time_text(time), *cells, Cell.of(estimate_at(ratios, "ratio", **at))]
            )
    return Table(
        f"MVM error in percent over time with one compensation factor per core; {mean_text(study)}",
        ["Weight set", "time", *_headings(data, marks), f"ratio, {ratio_text(study, marks)}"],
        rows,
        "over_time_ratio",
    )


def compensation_table(study: Study, means: xr.Dataset, marks: Marks) -> Table:
    """Every time and compensation, mean over weight sets."""
    sets = len(study.result.weight_sets)
    rows = []
    for time in means["time"].values:
        for kind in map(str, means["compensation"].values):
            at = {"time": time, "compensation": kind}
            row = [time_text(time), _COMPENSATIONS.get(kind, kind), *_cells(means, at)]
            rows.append([*row, Cell.of(estimate_at(means, "ratio", **at))])
    over = f"mean over {sets} weight sets, " if sets > 1 else ""
    ratio = "ratio of means" if sets > 1 else "ratio"
    return Table(
        f"MVM error in percent by drift compensation; {over}{mean_text(study)}",
        [
            "Time",
            "compensation",
            *_headings(means, marks),
            f"{ratio}, {ratio_text(study, marks)}",
        ],
        rows,
        "over_time_mean",
    )


def _cells(data: xr.Dataset, at: dict) -> list[Cell]:
    cells = [
        Cell.of(estimate_at(data, "error", programmed_by=m, **at)) for m in programmed_by(data)
    ]
    if "published" in data:
        cells.append(Cell.of(estimate_at(data, "published", **at)))
    return cells


def _headings(data: xr.Dataset, marks: Marks) -> list[str]:
    labels = [marks[method].label for method in programmed_by(data)]
    return labels + [PUBLISHED.label] * ("published" in data)
