"""The data behind the page of programming again: means over cores with intervals."""

import xarray as xr

from aimcsim.report.estimates import mean_over_cores
from aimcsim.report.pages.cost.tables import chosen
from aimcsim.report.study import Study
from aimcsim.study.measures import present

_SHOWN = {  # variable: (of the summary, factor, units, text)
    "before": ("drifted_error", 1, "percent", "MVM error after drift"),
    "after": ("refreshed_error", 1, "percent", "MVM error after programming again"),
    "mvms": ("refresh_mvms", 1, "MVMs", "MVMs per tile"),
    "time": ("refresh_duration", 1e3, "ms", "time"),
    "energy": ("refresh_energy", 1e6, "uJ", "energy"),
}
_PER_CELL = {"reads": "refresh_cell_reads", "pulses": "refresh_pulses"}
EFFORT = ("mvms", "reads", "pulses", "time", "energy")


def refreshed(study: Study) -> xr.Dataset | None:
    """Errors before and after programming again, with one factor per core, and what it took.

    Over (weight_set, programmed_by, refresh_time); None where the study does not.
    """
    summary = study.summary
    if "refreshed_error" not in summary:
        return None
    parts = []
    for name, (variable, factor, units, text) in _SHOWN.items():
        if variable in summary:
            values = factor * chosen(study, variable, "refresh_time")
            parts.append(mean_over_cores(values, name, text, units, study.level))
    runs, cells = present(summary), summary["cells"].fillna(0).sum("tile")
    for name, variable in _PER_CELL.items():
        values = study.chosen(summary[variable].where(runs).sum("tile") / cells)
        values = values.transpose("weight_set", "programmed_by", "refresh_time", "core")
        values = values.sel(programmed_by=study.programming)
        parts.append(mean_over_cores(values, name, f"{name} per unit cell", "1", study.level))
    fresh, after = chosen(study, "mvm_error"), chosen(study, "refreshed_error", "refresh_time")
    for name, values, units, text in (
        ("fresh", fresh, "percent", "MVM error as first programmed"),
        ("ratio", after / fresh, "1", "MVM error after programming again over that at first"),
    ):
        parts.append(mean_over_cores(values, name, text, units, study.level))
    data = xr.merge(parts)
    data["refresh_time"].attrs = {"long_name": "time of programming again", "units": "s"}
    return data
