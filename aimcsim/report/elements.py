"""What pages are made of: their material, tables, cells and figures, and a page itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

import xarray as xr

from aimcsim.report.drawing import Plot, Saving
from aimcsim.report.estimates import estimate_parts, number, write
from aimcsim.report.marks import Marks, marks_of
from aimcsim.report.study import Study
from aimcsim.study.intervals import Estimate
from aimcsim.study.measures import positions


class Page:
    """Base of every page.

    A page states where it is and what it needs, and makes what its template shows. The template is
    called ``<file>.j2`` and extends ``base.html.j2``.
    """

    file: ClassVar[str]
    """Its name in the site, as ``cost.html``."""
    label: ClassVar[str]
    """Its name in the navigation."""
    order: ClassVar[int]
    """Its place in the navigation, smallest first."""
    needs: ClassVar[str | None] = None
    """The dataset that it is made from beside the summary: the name of its file without ending. A
    study without it does not have the page."""

    @classmethod
    def context(cls, material: "Material") -> dict[str, Any] | None:
        """What the template shows, by name; None where the study does not have the page.

        :attr:`Material.shared` is there for every template. Figures and data that the page writes
        go through :meth:`Material.draw` and :meth:`Material.write`.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Material:
    """What a site is made from; every page is given the same."""

    study: Study
    claims: list[dict[str, Any]]
    further: Mapping[str, xr.Dataset]
    """The study's other datasets, by the names of their files without ending."""
    folder: Path
    """The site under construction: pages add to its ``figures`` and ``data``."""
    saving: Saving = field(default_factory=Saving)
    """Saves the figures; a file can come later than its page."""

    @cached_property
    def marks(self) -> Marks:
        """Label, colour and marker of every method."""
        return marks_of(self.study)

    @property
    def title(self) -> str:
        """Title of the site."""
        attributes = self.study.summary.attrs
        return attributes.get("title") or f"Study {attributes.get('study', '')}".strip()

    @property
    def shared(self) -> dict[str, Any]:
        """What the templates of all pages can show."""
        study, marks = self.study, self.marks
        return {
            "site_title": self.title,
            "subject": marks[study.subject].in_text,
            "baseline": marks[study.baseline].in_text,
            "sample": sample(study),
            "setting_of": setting_of(study, marks),
            "rule": study.result.rule,
            "core_count": study.cores,
            "cores": cores(study),
            "sets": len(study.result.weight_sets),
            "level": percent(study.level),
            "covers": study.summary.attrs["sample"],
        }

    def draw(self, plots: Mapping[str, Plot | None]) -> "dict[str, Shown]":
        """Write ``figures/<name>.svg``; a figure that is None is left out."""
        shown = {}
        for name, plot in plots.items():
            if plot is not None:
                path = new(self.folder / "figures" / f"{name}.svg")
                path.parent.mkdir(exist_ok=True)
                path.touch()  # for the next of that name
                self.saving.save(plot.figure, path)
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


def percent(level: float) -> str:
    """A share as '95 %'."""
    return f"{100 * level:g} %"


def cores(study: Study) -> str:
    """'one core', '5 cores'."""
    return "one core" if study.cores == 1 else f"{study.cores} cores"


def sample(study: Study) -> str:
    """The sample and its interval, as a sentence of a caption."""
    if study.cores == 1:
        return "One core, so no interval is possible."
    return f"{study.cores} cores; bars are {percent(study.level)} intervals of the mean over cores."


def setting_of(study: Study, marks: Marks) -> str:
    """At which of its settings each method is shown, as a sentence."""
    runs = {name: len(positions(study.summary, name)) for name in study.methods}
    several = [marks[name].in_text for name, count in runs.items() if count > 1]
    if not several:
        return "Every method has one setting in this study."
    listed = capital(enumerated(several))
    one = len(several) == 1
    if len(study.result.weight_sets) > 1:
        return (
            f"{listed} {'runs' if one else 'run'} at the setting chosen on the other weight sets."
        )
    return (
        f"{listed} {'runs' if one else 'run'} at this weight set’s own best setting, chosen on the "
        "same cores, which flatters it slightly."
    )


def enumerated(words: list[str], last: str = "and") -> str:
    """'a', 'a and b', 'a, b and c'."""
    return f" {last} ".join([part for part in (", ".join(words[:-1]), words[-1]) if part])


def capital(text: str) -> str:
    """``text`` with a capital first letter, to begin a sentence with."""
    return text[:1].upper() + text[1:]


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
        """``most`` decimals at most."""
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
