"""The page of programming again after drift."""

from typing import Any

import xarray as xr

from aimcsim.report.elements import Cell, Material, Page, Table
from aimcsim.report.estimates import (
    estimate_at,
    number,
    time_text,
)
from aimcsim.report.marks import NAMES
from aimcsim.report.pages.cost import figures as spending_figures
from aimcsim.report.pages.cost.tables import refreshed
from aimcsim.report.pages.programming.figures import interval_name
from aimcsim.report.study import (
    methods,
)


def page(material: Material) -> Page | None:
    """Errors before and after, with their cost; None where the study does not program again."""
    data = refreshed(material.study)
    if data is None:
        return None
    context = {
        "figures": material.draw({"refresh": spending_figures.refresh(data)}),
        "tables": {"refresh": _errors(data), "refresh_cost": _cost(data)},
        "data": material.write({"refresh": data}),
        "answer": _answer(data),
        "sample": interval_name(material.study),
        "core_count": material.study.cores,
    }
    return Page("Programming again", context)


def _answer(data: xr.Dataset) -> str:
    last = data.isel(refresh_time=-1)
    parts = []
    for method in methods(data):
        of = last.sel({"method": method})
        low, high = (number(float(f), 2) for f in (of["ratio"].min(), of["ratio"].max()))
        parts.append(f"{NAMES[method]} {low if low == high else f'{low} to {high}'}")
    time = time_text(float(last["refresh_time"]))
    return (
        f"MVM error of cores programmed again after {time}, over what it was at first: "
        f"{', '.join(parts)}."
    )


def _rows(data: xr.Dataset, names: tuple[str, ...], counted: bool = False) -> list[list[Any]]:
    rows = []
    for weight_set in data["weight_set"].values:
        for time in data["refresh_time"].values:
            for method in methods(data):
                at = {"weight_set": weight_set, "method": method, "refresh_time": time}
                row: list[Any] = [str(weight_set), time_text(float(time)), NAMES[method]]
                for name in names:
                    where = {k: v for k, v in at.items() if k in data[name].dims}
                    of = Cell.counted if counted else Cell.of
                    row.append(of(estimate_at(data, name, **where)))
                rows.append(row)
    return rows


def _errors(data: xr.Dataset) -> Table:
    return Table(
        "MVM error in percent, with one compensation factor per core",
        ["Weight set", "time", "method", "at first", "before", "after", "after / at first"],
        _rows(data, ("fresh", "before", "after", "ratio")),
        "refresh",
    )


def _cost(data: xr.Dataset) -> Table:
    columns = {
        "mvms": "MVMs per tile",
        "reads": "reads per unit cell",
        "pulses": "pulses per unit cell",
        "time": "time, ms",
        "energy": "energy, uJ",
    }
    shown = tuple(name for name in columns if name in data)
    return Table(
        "What programming again took, per core",
        ["Weight set", "time", "method", *(columns[name] for name in shown)],
        _rows(data, shown, counted=True),
    )
