"""The page that filters the runs: parallel axes, error against cost and convergence, linked."""

import json
from typing import Any

import numpy as np
import xarray as xr

from aimcsim.report.elements import Material, Page
from aimcsim.report.estimates import with_unit
from aimcsim.report.marks import Mark
from aimcsim.report.pages import PAGES
from aimcsim.report.pages.explore.packed import column, scaled, text
from aimcsim.report.pages.explore.runs import Runs, curves, table

_CURVE = 254  # codes of an error on a curve, a byte each


@PAGES.register("explore")
class Explore(Page):
    """Every study has it. What it does in the browser is in ``explore.js``."""

    file = "explore.html"
    label = "Explore"
    order = 90

    @classmethod
    def context(cls, material: Material) -> dict[str, Any]:
        """Write the table of the runs, and pack it into the page."""
        study, marks = material.study, material.marks
        runs = Runs.of_study(study)
        data = table(study, marks, runs)
        iterations, errors = curves(runs)
        looks = [marks[name] for name in study.programming]
        return {
            "data": material.write({"runs": data}),
            "packed": packed(data, iterations, errors, looks),
            "rows": len(runs),
            "runs": runs.of,
        }


def packed(data: xr.Dataset, iterations: np.ndarray, errors: np.ndarray, looks: list[Mark]) -> str:
    """What ``explore.js`` reads, as JSON.

    Parameters
    ----------
    data
        Of :func:`~aimcsim.report.pages.explore.runs.table`, with column ``method``.
    iterations, errors
        Of :func:`~aimcsim.report.pages.explore.runs.curves`.
    looks
        Label, colour and marker of every method.
    """
    codes, scale = scaled(errors, _CURVE)
    described = {
        "rows": data.sizes["row"],
        "columns": [column(str(name), values) for name, values in data.items()],
        "methods": {mark.label: {"colour": mark.colour, "marker": mark.marker} for mark in looks},
        "curves": scale
        | {
            "label": with_unit("error seen", "percent"),
            "iterations": iterations.tolist(),
            "codes": text(codes.T.astype(np.uint8)),
        },
    }
    # A "<" could end the element of the page that holds it.
    return json.dumps(described, separators=(",", ":")).replace("<", "\\u003c")
