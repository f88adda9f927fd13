"""The distribution of the error over cores."""

import numpy as np
import xarray as xr
from matplotlib.ticker import MaxNLocator, PercentFormatter

from aimcsim.report.charts import finite
from aimcsim.report.drawing import LISTED, Plot, facets, further, legend, plain_numbers, styled
from aimcsim.report.estimates import number
from aimcsim.report.marks import Marks, handles
from aimcsim.report.pages.cores.tables import by_set, improved
from aimcsim.report.study import Study


@styled
def distribution(study: Study, data: xr.Dataset, marks: Marks) -> Plot:
    """Share of the cores with at most an error, a facet per weight set; the worst core marked.

    ``data``: :func:`~aimcsim.report.pages.cores.tables.every_core`.
    """
    sets = list(study.result.weight_sets)
    names = sorted(study.programming, key=lambda name: name == study.subject)
    errors = {name: by_set(data, name) for name in names}
    figure, axes = facets(len(sets), 1.75, 0.75, {1: 0.52, 2: 0.72})
    for ax, weight_set in zip(axes, sets, strict=True):
        for name in names:
            mark, values = marks[name], finite(errors[name][weight_set])
            share = np.arange(1, len(values) + 1) / len(values)
            ax.step(values, share, where="post", color=mark.colour)
            ax.plot(
                values[-1], 1, marker=mark.marker, color=mark.colour, markersize=5, clip_on=False
            )
        ax.set_title(weight_set)
        ax.set_ylim(0, 1.04)
        ax.yaxis.set_major_formatter(PercentFormatter(1, symbol=""))
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.xaxis.set_major_formatter(plain_numbers())
    axes[0].set_xlim(left=0)
    figure.supxlabel("MVM error of a core (%)", fontsize=9)
    figure.supylabel("cores with at most that (%)", fontsize=9)
    legend(figure, handles((marks[name] for name in study.programming), "-", 4.5))
    parts = []
    for weight_set in sets[:LISTED]:
        texts = [
            f"{marks[name].label} {number(float(errors[name][weight_set][-1]))} %" for name in names
        ]
        parts.append(f"{weight_set}: {', '.join(texts)}")
    finding = ""
    if "ratio" in data:
        better, of = improved(data)
        finding = (
            f"{marks[study.subject].label} leaves the smaller error on {better} of {of} cores. "
        )
    alt = (
        f"{finding}Share of the cores with at most an MVM error. Worst core of each weight set: "
        f"{'; '.join(parts)}{further(len(sets))}."
    )
    return Plot(figure, alt, data)
