"""Every core in one chart: what each method leaves of the baseline's error."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from aimcsim.report.charts import core_dots, finite
from aimcsim.report.drawing import (
    DASHES,
    INK,
    LISTED,
    WIDTH,
    Plot,
    further,
    legend,
    name_rows,
    plain_numbers,
    styled,
)
from aimcsim.report.estimates import number
from aimcsim.report.marks import Marks, handles
from aimcsim.report.pages.cores.tables import improved
from aimcsim.report.study import Study


@styled
def ratios(study: Study, data: xr.Dataset, marks: Marks) -> Plot:
    """MVM error of each method over the baseline's on the same core; the worst core marked.

    ``data``: :func:`~aimcsim.report.pages.cores.tables.every_core`, with the baseline.
    """
    sets = list(study.result.weight_sets)
    listed = [str(name) for name in data if str(name).startswith("error_")]
    names = [name.removeprefix("error_") for name in listed]
    names = [name for name in study.methods if name in names and name != study.baseline]
    figure = Figure(figsize=(WIDTH, 0.95 + (0.16 + 0.14 * len(names)) * len(sets)))
    figure.set_layout_engine("constrained")
    axes = figure.subplots()
    axes.axvline(1, color=INK, linewidth=0.9, linestyle=DASHES, zorder=1)
    step, worst = 0.84 / len(names), {}
    for row, weight_set in enumerate(sets):
        own = data.isel(row=data["weight_set"].values == weight_set)
        for index, name in enumerate(names):
            mark, position = marks[name], row - 0.42 + (index + 0.5) * step
            values = finite(_over(own, name, study.baseline))
            core_dots(axes, position, values, mark.colour)
            worst[weight_set, name] = float(np.nanmax(values, initial=-np.inf))
            axes.plot(
                worst[weight_set, name], position, mark.marker, color=mark.colour, markersize=5,
                clip_on=False, zorder=4,
            )  # fmt: skip
    name_rows(axes, sets)
    axes.set_xlim(0, max(1.1, 1.05 * max(worst.values())))
    axes.set_xlabel(f"MVM error over that of {marks[study.baseline].in_text}, same core")
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(plain_numbers())
    legend(figure, handles(marks[name] for name in names))
    better, of = improved(data)
    parts = [
        f"{weight_set}: "
        + ", ".join(f"{marks[name].label} {number(worst[weight_set, name])}" for name in names)
        for weight_set in sets[:LISTED]
    ]
    alt = (
        f"{marks[study.subject].label} leaves a smaller error than "
        f"{marks[study.baseline].in_text} on {better} of {of} cores. Largest ratio of a core: "
        f"{'; '.join(parts)}{further(len(sets))}."
    )
    return Plot(figure, alt, data)


def _over(data: xr.Dataset, name: str, baseline: str) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return data[f"error_{name}"].values / data[f"error_{baseline}"].values
