"""Figures of the page of cost: the error against what was spent for it."""

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import LogLocator, NullFormatter

from aimcsim.report.drawing import LISTED, Plot, facets, further, legend, plain_numbers, styled
from aimcsim.report.estimates import number
from aimcsim.report.marks import Marks, handles, programmed_by
from aimcsim.report.pages.cost.tables import TOTAL


def _is_long(axis: Axis) -> bool:
    """Whether labels at 1, 2 and 5 of every decade would meet."""
    low, high = axis.get_data_interval()
    return high > 30 * low


def log_axes(ax: Axes) -> None:
    """Both axes logarithmic, without powers of ten; call it when everything is drawn."""
    ax.set_yscale("log")
    ax.set_xscale("log")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 3) if _is_long(axis) else (1, 2, 5)))
        axis.set_major_formatter(plain_numbers())
        axis.set_minor_formatter(NullFormatter())


@styled
def trajectory(steps: xr.Dataset, ends: xr.Dataset, quantity: str, marks: Marks) -> Plot:
    """Error against time or energy spent: what each algorithm saw, and where it ended.

    ``quantity`` is ``time`` or ``energy``.
    """
    sets = [str(name) for name in steps["weight_set"].values]
    figure, axes = facets(len(sets), 1.9, 0.8, {1: 0.55, 2: 0.8})
    units = steps[quantity].attrs["units"]
    parts = []
    for ax, weight_set in zip(axes, sets, strict=True):
        texts = []
        for method in programmed_by(steps):
            mark, at = marks[method], {"weight_set": weight_set, "programmed_by": method}
            line, end = steps.sel(at), ends.sel(at | {"phase": TOTAL})
            ax.plot(line[quantity].values, line["error"].values, color=mark.colour, alpha=0.75)
            ax.plot(
                float(end[quantity]), float(end["error"]), marker=mark.marker, linestyle="",
                color=mark.colour, markersize=6, zorder=4, clip_on=False,
            )  # fmt: skip
            texts.append(
                f"{mark.label} {number(float(end['error']))} % after "
                f"{number(float(end[quantity]))} {units}"
            )
        ax.set_title(weight_set)
        log_axes(ax)
        parts.append(f"{weight_set}: {', '.join(texts)}")
    figure.supxlabel(f"{quantity} per core ({units})", fontsize=9)
    figure.supylabel("error (%)", fontsize=9)
    legend(figure, handles((marks[name] for name in programmed_by(steps)), "-", 4.5))
    return Plot(
        figure,
        f"Error against {quantity} spent per core. At the end, by weight set: "
        f"{'; '.join(parts[:LISTED])}{further(len(parts))}.",
        steps,
    )
