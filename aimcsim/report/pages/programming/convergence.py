"""Section "Convergence": the error that each method saw while it ran."""

import numpy as np
import xarray as xr
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from aimcsim.report.charts import plain_log
from aimcsim.report.drawing import LISTED, Plot, facets, further, legend, styled
from aimcsim.report.estimates import carried, mean_over_cores, number
from aimcsim.report.marks import Marks
from aimcsim.report.study import Study
from aimcsim.study.measures import about_methods, present


def seen(study: Study) -> dict[str, str]:
    """What the error per iteration of each method that programs is the error of, by name."""
    about = about_methods(study.summary)
    return {name: about[name]["sees"] for name in study.programming}


def convergence(study: Study, marks: Marks) -> xr.Dataset:
    """Error per iteration as the algorithm saw it; a stopped run keeps its last value."""
    summary = study.summary
    runs = study.chosen(present(summary))
    curve = study.chosen(summary["error_per_iteration"]).where(runs).transpose(..., "iteration")
    # The axis ends where the last run of the method ended.
    rest = [dim for dim in curve.dims if dim not in ("programmed_by", "iteration")]
    alive = curve.notnull().any(rest)
    last = alive.cumsum("iteration").argmax("iteration")
    inside = xr.DataArray(np.arange(curve.sizes["iteration"]), dims="iteration") <= last
    curve = carried(curve).where(inside & alive.any("iteration"))
    weights = summary["cells"].fillna(0).where(runs & curve.notnull())
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (curve * weights).sum("tile", min_count=1) / weights.sum("tile", min_count=1)
    mean = mean.transpose("weight_set", "programmed_by", "iteration", "core")
    each = "; ".join(f"{marks[name].in_text}: {text}" for name, text in seen(study).items())
    text = f"error as the algorithm saw it through the ports ({each})"
    return mean_over_cores(mean, "error", text, "percent", study.level)


@styled
def figure(data: xr.Dataset, sees: dict[str, str], marks: Marks) -> Plot:
    """Error per iteration, one facet per weight set; ``sees`` is of :func:`seen`."""
    sets = [str(name) for name in data["weight_set"].values]
    drawn = [
        name for name in sees
        if bool(data["error"].sel(programmed_by=name).notnull().any())
    ]  # fmt: skip
    figure, axes = facets(len(sets), 1.75, 0.75, {1: 0.52, 2: 0.72})
    iterations = data["iteration"].values
    finite = data["error"].values[np.isfinite(data["error"].values)]
    positive = finite[finite > 0]
    logarithmic = len(positive) > 0 and positive.max() > 10 * positive.min()
    for ax, weight_set in zip(axes, sets, strict=True):
        for method in drawn:
            mark = marks[method]
            part = data.sel(weight_set=weight_set, programmed_by=method)
            shown = np.isfinite(part["error"].values)
            if not shown.any():
                continue
            x, y = iterations[shown], part["error"].values[shown]
            ax.plot(x, y, color=mark.colour, marker="" if len(x) > 1 else ".")
            ax.plot(x[-1], y[-1], marker=mark.marker, color=mark.colour, markersize=4.5)
            low, high = part["error_low"].values[shown], part["error_high"].values[shown]
            if np.isfinite(low).all():
                floor = positive.min() * 0.5 if logarithmic else 0
                ax.fill_between(
                    x, np.maximum(low, floor), high, color=mark.colour, alpha=0.2, linewidth=0
                )
        ax.set_title(weight_set)
        if logarithmic:
            plain_log(ax)
        else:
            ax.set_ylim(bottom=0)
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    figure.supxlabel("iteration of the method", fontsize=9)
    figure.supylabel("error seen (%)", fontsize=9)
    texts = {name: f"{marks[name].label}: {sees[name]}" for name in drawn}
    entries = [
        Line2D([], [], color=marks[m].colour, marker=marks[m].marker, label=text, markersize=4.5)
        for m, text in texts.items()
    ]
    legend(figure, entries)
    parts = []
    for weight_set in sets[:LISTED]:
        for method in drawn:
            at = {"weight_set": weight_set, "programmed_by": method}
            line = data["error"].sel(at).dropna("iteration")
            if line.size:
                parts.append(
                    f"{weight_set}, {marks[method].label}: {number(float(line[0]))} % at iteration "
                    f"{int(line['iteration'][0])}, {number(float(line[-1]))} % at iteration "
                    f"{int(line['iteration'][-1])}"
                )
    alt = (
        f"Error that each algorithm saw per iteration. {'. '.join(texts.values())}. "
        f"{'; '.join(parts)}{further(len(sets))}."
    )
    return Plot(figure, alt, data)
