"""The page of the map: where each method wins, at equal time and at equal energy."""

from typing import Any

import numpy as np

from aimcsim.report.elements import Cell, Material, Page, Table, capital, enumerated
from aimcsim.report.estimates import estimate_at, number
from aimcsim.report.marks import Marks
from aimcsim.report.pages import PAGES
from aimcsim.report.pages.map.figures import ratios
from aimcsim.report.pages.map.tables import Grid, grids


@PAGES.register("map")
class Map(Page):
    """Every comparison over a grid."""

    file = "map.html"
    label = "Where each method wins"
    order = 35
    needs = "comparison"

    @classmethod
    def context(cls, material: Material) -> dict[str, Any] | None:
        """Draw every grid that has methods to compare at equal cost."""
        marks = material.marks
        found = [grid for grid in grids(material.further["comparison"]) if grid.quantities]
        if not found:
            return None
        names = {grid.name: f"map_{grid.name}" for grid in found}
        return {
            "figures": material.draw({names[grid.name]: ratios(grid, marks) for grid in found}),
            "tables": {names[grid.name]: _table(grid, names[grid.name]) for grid in found},
            "data": material.write({names[grid.name]: grid.data for grid in found}),
            "sections": [
                {"name": grid.name, "title": capital(grid.title), "says": told(grid, marks)}
                for grid in found
            ],
            "answer": answer(found[0], marks),
        }


def counts(grid: Grid, quantity: str) -> tuple[int, int, int, int]:
    """Places where the subject wins, ties and loses, and where no other method is as cheap."""
    low, high = (grid.data[f"equal_{quantity}_ratio{end}"].values for end in ("_low", "_high"))
    unknown = np.isnan(low) | np.isnan(high)
    wins, loses = int((high < 1).sum()), int((low > 1).sum())
    return wins, low.size - wins - loses - int(unknown.sum()), loses, int(unknown.sum())


def answer(grid: Grid, marks: Marks) -> str:
    """At how many places the subject wins, at equal time and at equal energy."""
    parts = []
    for quantity in grid.quantities:
        wins, ties, loses, unknown = counts(grid, quantity)
        others = f"larger on {loses}, no different on {ties}"
        others += f", and nothing else is as cheap on {unknown}" if unknown else ""
        parts.append(f"on {wins} at equal {quantity} ({others})")
    places = sum(counts(grid, grid.quantities[0]))
    return (
        f"Of {places} places of the map of {grid.title}, {marks[grid.subject].in_text} leaves a "
        f"smaller MVM error than the best other method {enumerated(parts)}."
    )


def told(grid: Grid, marks: Marks) -> list[str]:
    """What a figure shows, in sentences: one per weight set."""
    texts = []
    for weight_set in grid.weight_sets:
        part = grid.data.sel(weight_set=weight_set)
        ends = []
        for quantity in grid.quantities:
            own = part[f"equal_{quantity}_ratio"].values
            if np.isfinite(own).any():
                low, high = (number(float(f(own)), 2) for f in (np.nanmin, np.nanmax))
                ends.append(f"{low} to {high} times at equal {quantity}")
        expected = np.sqrt(part["expected_ratio"].values)
        texts.append(
            f"On ‘{weight_set}’ {marks[grid.subject].in_text} leaves {enumerated(ends)} the error "
            "of the best other method; a conductance read through MVMs is expected to scatter "
            f"{number(float(expected.min()), 2)} to {number(float(expected.max()), 2)} times as "
            "much as one read alone."
        )
    return texts


def _table(grid: Grid, data: str) -> Table:
    rows: list[list[Any]] = []
    for weight_set in grid.weight_sets:
        for second in grid.data["second"].values:
            for first in grid.data["first"].values:
                at = {"weight_set": weight_set, "first": first, "second": second}
                cells = [
                    Cell.of(estimate_at(grid.data, f"equal_{name}_ratio", **at), 2)
                    if np.isfinite(grid.data[f"equal_{name}_ratio"].sel(at))
                    else "none as cheap"
                    for name in grid.quantities
                ]
                expected = number(float(np.sqrt(grid.data["expected_ratio"].sel(at))), 2)
                rows.append([weight_set, f"{first:g}", f"{second:g}", *cells, expected])
    columns = [f"ratio at equal {name}" for name in grid.quantities]
    return Table(
        "MVM error over that of the best other method, and expected ratio of the scatter of "
        "conductances read through MVMs to that of reads",
        ["Weight set", grid.first, grid.second, *columns, "expected scatter"],
        rows,
        data,
    )
