"""The page of programming again after drift."""

from typing import Any

import xarray as xr

from aimcsim.report.elements import Cell, Material, Page, Table, enumerated
from aimcsim.report.estimates import estimate_at, span, time_text, with_unit
from aimcsim.report.marks import Marks, programmed_by
from aimcsim.report.pages import PAGES
from aimcsim.report.pages.refresh.figures import refresh
from aimcsim.report.pages.refresh.tables import EFFORT, refreshed


@PAGES.register("refresh")
class Refresh(Page):
    """Of a study that programs its cores again."""

    file = "refresh.html"
    label = "Programming again"
    order = 50

    @classmethod
    def context(cls, material: Material) -> dict[str, Any] | None:
        """Errors before and after, with their cost."""
        data, marks = refreshed(material.study), material.marks
        if data is None:
            return None
        return {
            "figures": material.draw({"refresh": refresh(data, marks)}),
            "tables": {"refresh": _errors(data, marks), "refresh_cost": _cost(data, marks)},
            "data": material.write({"refresh": data}),
            "answer": answer(data, marks),
        }


def answer(data: xr.Dataset, marks: Marks) -> str:
    """By how much programming again misses the first error, at the last time."""
    last = data.isel(refresh_time=-1)
    parts = [
        f"{span(last['ratio'].sel(programmed_by=name).values, 2)} times with {marks[name].in_text}"
        for name in programmed_by(data)
    ]
    return (
        f"Cores programmed again after {time_text(float(last['refresh_time']))} have their first "
        f"MVM error {enumerated(parts)}."
    )


def _rows(
    data: xr.Dataset, names: tuple[str, ...], marks: Marks, counted: bool = False
) -> list[list[Any]]:
    of = Cell.counted if counted else Cell.of
    rows = []
    for weight_set in map(str, data["weight_set"].values):
        for time in data["refresh_time"].values:
            for method in programmed_by(data):
                at = {"weight_set": weight_set, "programmed_by": method, "refresh_time": time}
                row: list[Any] = [weight_set, time_text(float(time)), marks[method].label]
                for name in names:
                    where = {k: v for k, v in at.items() if k in data[name].dims}
                    row.append(of(estimate_at(data, name, **where)))
                rows.append(row)
    return rows


def _errors(data: xr.Dataset, marks: Marks) -> Table:
    return Table(
        "MVM error in percent, with one compensation factor per core",
        ["Weight set", "time", "method", "at first", "before", "after", "after / at first"],
        _rows(data, ("fresh", "before", "after", "ratio"), marks),
        "refresh",
    )


def _cost(data: xr.Dataset, marks: Marks) -> Table:
    shown = tuple(name for name in EFFORT if name in data)
    units = {"time": "ms", "energy": "uJ"}
    labels = [with_unit(data[name].attrs["long_name"], units.get(name, "")) for name in shown]
    return Table(
        "What programming again took, per core",
        ["Weight set", "time", "method", *labels],
        _rows(data, shown, marks, counted=True),
    )
