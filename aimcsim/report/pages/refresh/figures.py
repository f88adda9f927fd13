"""The figure of the page of programming again."""

import xarray as xr
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from aimcsim.report.charts import time_axis
from aimcsim.report.drawing import DASHES, LISTED, Plot, facets, further, legend, styled
from aimcsim.report.estimates import estimate_at, estimate_text, time_text
from aimcsim.report.marks import Marks, handles, programmed_by


@styled
def refresh(data: xr.Dataset, marks: Marks) -> Plot:
    """MVM error before and after programming again, over the time since the first programming."""
    sets = [str(name) for name in data["weight_set"].values]
    times = data["refresh_time"].values
    figure, axes = facets(len(sets), 1.9, 0.8, {1: 0.55, 2: 0.8})
    parts = []
    for ax, weight_set in zip(axes, sets, strict=True):
        texts = []
        for method in programmed_by(data):
            mark = marks[method]
            part = data.sel(weight_set=weight_set, programmed_by=method)
            for name, line in (("before", DASHES), ("after", "-")):
                ax.plot(
                    times, part[name].values, color=mark.colour, linestyle=line,
                    marker=mark.marker, markersize=4.5,
                    markerfacecolor="white" if name == "before" else mark.colour,
                )  # fmt: skip
                low, high = part[f"{name}_low"].values, part[f"{name}_high"].values
                ax.fill_between(times, low, high, color=mark.colour, alpha=0.2, linewidth=0)
            last = part.isel(refresh_time=-1)
            texts.append(
                f"{mark.label} from {estimate_text(estimate_at(last, 'before'), '%')} to "
                f"{estimate_text(estimate_at(last, 'after'), '%')}"
            )
        ax.set_title(weight_set)
        ax.set_ylim(bottom=0)
        ax.yaxis.set_major_locator(MaxNLocator(5))
        time_axis(ax, times)
        parts.append(f"{weight_set}: {', '.join(texts)}")
    figure.supxlabel("time of programming again", fontsize=9)
    figure.supylabel("MVM error (%)", fontsize=9)
    before = Line2D([], [], color="#6b727b", linestyle=DASHES, label="before")
    shown = handles((marks[name] for name in programmed_by(data)), "-", 4.5)
    legend(figure, [*shown, before])
    return Plot(
        figure,
        f"MVM error before and after programming again. After {time_text(float(times[-1]))}: "
        f"{'; '.join(parts[:LISTED])}{further(len(parts))}.",
        data,
    )
