"""What pages are made of: their material, tables, cells and figures, and a page itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import xarray as xr

from aimcsim.report.drawing import Plot, save
from aimcsim.report.estimates import (
    estimate_parts,
    number,
    write,
)
from aimcsim.report.study import (
    Study,
)
from aimcsim.study.intervals import Estimate


@dataclass(frozen=True)
class Material:
    """What a site is made from; every page is given the same."""

    study: Study
    claims: list[dict[str, Any]]
    further: Mapping[str, xr.Dataset]
    """The study's other datasets, by the names of their files without ending."""
    folder: Path
    """The site under construction: pages add to its ``figures`` and ``data``."""

    @property
    def title(self) -> str:
        attributes = self.study.summary.attrs
        return attributes.get("title") or f"Study {attributes.get('study', '')}".strip()

    def draw(self, plots: Mapping[str, Plot | None]) -> "dict[str, Shown]":
        """Write ``figures/<name>.svg``; a figure that is None is left out."""
        shown = {}
        for name, plot in plots.items():
            if plot is not None:
                save(plot.figure, new(self.folder / "figures" / f"{name}.svg"))
                shown[name] = Shown(name, plot.alt, *plot.pixels)
        return shown

    def write(self, datasets: Mapping[str, xr.Dataset | None]) -> list[str]:
        """Write ``data/<name>.nc`` and ``.csv`` of those that are not None; return their names."""
        written = []
        for name, dataset in datasets.items():
            if dataset is not None:
                new(self.folder / "data" / f"{name}.nc")
                write(dataset, self.folder / "data", name)
                written.append(name)
        return written


def new(path: Path) -> Path:
    """``path``, which nothing may have written before: pages share ``figures`` and ``data``."""
    if path.exists():
        raise ValueError(f"two write {path.parent.name}/{path.name}; rename one of them")
    return path


@dataclass(frozen=True)
class Page:
    """A page: its name in the navigation, and what its template shows."""

    label: str
    context: dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table of the page; ``data`` names its files under ``data/``, if it has any."""

    caption: str
    columns: list[str]
    rows: list[list[Any]]
    data: str | None = None

    @property
    def groups(self) -> list[list[list[Any]]]:
        """Rows that share their first cell, together."""
        return [list(rows) for _, rows in groupby(self.rows, key=lambda row: row[0])]


@dataclass(frozen=True)
class Cell:
    """A value and, under it, its interval."""

    value: str
    interval: str

    @classmethod
    def of(cls, estimate: Estimate, most: int = 3) -> "Cell":
        return cls(*estimate_parts(estimate, most))

    @classmethod
    def counted(cls, estimate: Estimate) -> "Cell":
        """The same for counts: where all cores agree the interval says nothing."""
        if 0 < estimate.value < 0.0005:
            return cls("< 0.001", "")
        same = estimate.low == estimate.value == estimate.high
        cell = cls.of(estimate)
        return cls(number(estimate.value), "") if same else cell


@dataclass(frozen=True)
class Shown:
    """A figure of the page."""

    name: str
    alt: str
    width: int
    height: int
