"""The page of every core, the worst first, and of the runs that failed."""

from typing import Any

import numpy as np
import xarray as xr

from aimcsim.report.elements import Material, Page
from aimcsim.report.estimates import number
from aimcsim.report.marks import Marks
from aimcsim.report.pages import PAGES
from aimcsim.report.pages.cores.figures import ratios
from aimcsim.report.pages.cores.tables import (
    MOST,
    cores_table,
    every_core,
    failed,
    failed_table,
    improved,
)
from aimcsim.report.study import Study
from aimcsim.study.failures import KINDS


@PAGES.register("cores")
class Cores(Page):
    """Every study has it."""

    file = "cores.html"
    label = "Every core"
    order = 45

    @classmethod
    def context(cls, material: Material) -> dict[str, Any]:
        """Draw the distribution, and list cores and failures."""
        study, marks = material.study, material.marks
        data, lost = every_core(study, marks), failed(study)
        tables = {"every_core": cores_table(study, data, marks)}
        plot = ratios(study, data, marks) if "ratio" in data else None
        table = failed_table(lost, marks)
        if table is not None:
            tables["failures"] = table
        return {
            "figures": material.draw({"every_core": plot}),
            "tables": tables,
            "data": material.write({"every_core": data, "failures": lost}),
            "answer": answer(study, data, lost, marks),
            "kinds": list(KINDS.values()),
            "more": data.sizes["row"] > MOST,
        }


def answer(study: Study, data: xr.Dataset, lost: xr.Dataset, marks: Marks) -> list[str]:
    """The worst core, how many are improved, and how many runs failed."""
    subject = marks[study.subject].label
    worst = data.isel(row=0)
    place = f"‘{worst['weight_set'].values!s}’"
    if int(data["tile"].max()) > 0:
        place += f", tile {int(worst['tile'])}"
    sentences = [
        f"The worst core after {marks[study.subject].in_text} is of {place} on chip "
        f"{int(worst['chip'])}, with an MVM error of "
        f"{number(float(worst[f'error_{study.subject}']))} %."
    ]
    if "ratio" in data:
        better, of = improved(data)
        ratio = data["ratio"].values
        largest = float(np.nanmax(np.where(np.isfinite(ratio), ratio, np.nan), initial=0.0))
        sentences.append(
            f"{subject} leaves a smaller error than {marks[study.baseline].in_text} on {better:,} "
            f"of {of:,} cores; the largest ratio of the two is {number(largest)}."
        )
    failing, runs = int(lost["failed_at_all"].sum()), int(lost["runs"].sum())
    own = lost["method"].values == study.subject
    sentences.append(
        f"Over all settings {failing:,} of {runs:,} runs failed, "
        f"{int(lost['failed_at_all'].values[own].sum()):,} of them of "
        f"{marks[study.subject].in_text}."
        if failing
        else f"Over all settings none of {runs:,} runs failed."
    )
    return sentences
