"""Section "Cost of programming": what each method asks of the core, and what it gives for it."""

import numpy as np
import xarray as xr
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from aimcsim.report.charts import by_method, finite, method_rows
from aimcsim.report.drawing import LISTED, Plot, facets, further, legend, styled
from aimcsim.report.elements import Cell, Table
from aimcsim.report.estimates import axis_label, estimate_at, mean_over_cores, number
from aimcsim.report.marks import Marks, handles, programmed_by
from aimcsim.report.study import Study
from aimcsim.study.measures import per_core, positions, present, totals

_COUNTED = ("mvms", "cell_reads", "pulses")


def effort(study: Study) -> xr.Dataset:
    """What programming used, by weight set and method, with the run that a method starts from."""
    summary = study.summary
    cells = summary["cells"].fillna(0).sum("tile")
    tiles = present(summary).any(["core", "run"]).sum("tile")
    wanted = {
        "mvms": (totals(summary, "mvms") / tiles, "MVMs per tile", "1"),
        "cell_reads": (totals(summary, "cell_reads") / cells, "reads per unit cell", "1"),
        "pulses": (totals(summary, "pulses") / cells, "pulses per unit cell", "1"),
        "saturation": (
            100 * per_core(summary, "saturation"), "saturated ADC conversions", "percent",
        ),
    }  # fmt: skip
    return xr.merge(
        [
            mean_over_cores(
                study.chosen(values).transpose("weight_set", "programmed_by", "core"),
                name, text, units, study.level,
            )
            for name, (values, text, units) in wanted.items()
        ]
    )  # fmt: skip


def pulses(study: Study) -> xr.Dataset:
    """MVM error against pulses per unit cell of every run; means over cores."""
    summary = study.summary
    cells = summary["cells"].fillna(0).sum("tile")
    dims, runs = ("weight_set", "run"), np.arange(summary.sizes["run"])
    used = (totals(summary, "pulses") / cells).mean("core").transpose(*dims)
    error = per_core(summary, "mvm_error").mean("core").transpose(*dims)
    chosen = np.stack([np.isin(runs, at) for at in zip(*study.result.runs.values(), strict=True)])
    return xr.Dataset(
        {
            "pulses": (dims, used.values, {"long_name": "pulses per unit cell", "units": "1"}),
            "error": (dims, error.values, {"long_name": "MVM error", "units": "percent"}),
            "chosen": (
                dims,
                chosen.astype(np.int8),
                {"long_name": "1 at the run of its method chosen for the weight set", "units": "1"},
            ),
        },
        coords={
            "weight_set": np.array(study.result.weight_sets, object),
            "run": summary["run"].values.astype(object),
            "method": ("run", summary["method"].values.astype(object)),
        },
    )


@styled
def figure(data: xr.Dataset, marks: Marks) -> Plot:
    """MVMs, cell reads and pulses of all methods."""
    panels = {"mvms": "MVMs", "cell_reads": "Cell reads", "pulses": "Pulses"}
    texts = [
        f"{data[name].attrs['long_name']}: {by_method(data, name, '', marks)}." for name in _COUNTED
    ]
    alt = f"Cost of programming by weight set and method. {' '.join(texts)}"
    return Plot(method_rows(data, panels, marks), alt, data)


@styled
def pulses_figure(study: Study, data: xr.Dataset, marks: Marks) -> Plot:
    """MVM error against pulses, one facet per weight set; a line joins baseline and subject."""
    sets = [str(name) for name in data["weight_set"].values]
    runs = {name: positions(study.summary, name) for name in study.methods}
    figure, axes = facets(len(sets), 1.75, 0.75, {1: 0.52, 2: 0.72})
    # The subject on top, and its line from the baseline beneath all.
    order = sorted(study.methods, key=lambda name: (name == study.subject, name != study.baseline))
    parts = []
    for index, (ax, weight_set) in enumerate(zip(axes, sets, strict=True)):
        used, error = (finite(data[n].values[index]) for n in ("pulses", "error"))
        chosen = {name: int(study.result.runs[name][index]) for name in order}
        ends = [chosen[study.baseline], chosen[study.subject]]
        ax.plot(used[ends], error[ends], color="#b3b8bf", linewidth=1, zorder=1)
        for name in order:
            mark = marks[name]
            if len(runs[name]) > 1:
                ax.plot(
                    used[runs[name]], error[runs[name]], ".", color=mark.colour, alpha=0.4,
                    markeredgewidth=0, zorder=2,
                )  # fmt: skip
            ax.plot(
                used[chosen[name]], error[chosen[name]], marker=mark.marker, linestyle="",
                color=mark.colour, markersize=6, zorder=3, clip_on=False,
            )  # fmt: skip
        ax.set_title(weight_set)
        if index < LISTED:
            texts = [
                f"{marks[name].label} {number(error[chosen[name]])} % after "
                f"{number(used[chosen[name]])}"
                for name in study.methods
            ]
            parts.append(f"{weight_set}: {', '.join(texts)}")
    axes[0].set_ylim(bottom=0)
    for ax in axes:
        ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.yaxis.set_major_locator(MaxNLocator(5))
    figure.supxlabel("pulses per unit cell (with the run that a method starts from)", fontsize=9)
    figure.supylabel(axis_label(data["error"]), fontsize=9)
    shown = handles(marks[name] for name in study.methods)
    for entry, name in list(zip(shown, study.methods, strict=True)):
        if len(runs[name]) > 1:
            mark = marks[name]
            entry.set_label(f"{mark.label}, chosen setting")
            shown.append(
                Line2D([], [], color=mark.colour, alpha=0.5, marker=".", linestyle="",
                       label=f"{mark.label}, every other setting")
            )  # fmt: skip
    legend(figure, shown)
    alt = (
        f"MVM error against pulses per unit cell. {'; '.join(parts)}{further(len(sets))}."
    )  # fmt: skip
    return Plot(figure, alt, data)


def table(data: xr.Dataset, marks: Marks) -> Table:
    """What every method used, by weight set."""
    shown = (*_COUNTED, "saturation")
    rows = []
    for name in map(str, data["weight_set"].values):
        for method in programmed_by(data):
            at = {"weight_set": name, "programmed_by": method}
            cells = [Cell.counted(estimate_at(data, variable, **at)) for variable in shown]
            rows.append([name, marks[method].label, *cells])
    labels = [axis_label(data[variable]) for variable in shown]
    return Table("Cost of programming", ["Weight set", "method", *labels], rows)
