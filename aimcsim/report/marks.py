"""Label, colour and marker of every method, the same in all figures and pages of a report.

A study names its methods as it likes: they get their looks by their place in it. The baseline and
the subject have fixed ones, all others those of a palette for the colour-blind, in order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import cycle
from typing import Literal

import xarray as xr
from matplotlib.lines import Line2D

from aimcsim.report.study import Study

Line = Literal["", "-"]


@dataclass(frozen=True)
class Mark:
    """How a method looks and what it is called."""

    label: str  # as it stands alone: with a capital
    colour: str
    marker: str

    @property
    def in_text(self) -> str:
        """The label inside a sentence."""
        return in_text(self.label)

    def handle(self, line: Line = "", size: float = 6) -> Line2D:
        """Entry of a legend: the marker (``size`` in points) on a piece of its line."""
        return Line2D(
            [], [], color=self.colour, marker=self.marker, markersize=size, linestyle=line,
            label=self.label,
        )  # fmt: skip


Marks = Mapping[str, Mark]
"""Marks of a study's methods by name, in the order of the study."""

SOFTWARE = Mark("Software", "#3a3f47", "D")
PUBLISHED = Mark("Published error", "#22262b", "^")  # targets with the published programming error
_BASELINE, _SUBJECT = ("#c2571a", "s"), ("#1f5fa8", "o")
_COLOURS = ("#2b7a4b", "#a8508f", "#b98a00", "#4a9fcf", "#6b3f2a", "#7f8428")
_MARKERS = ("v", "P", "X", "<", ">", "p", "*")
_NAMED_AFTER = ("Hadamard", "Newton", "Gauss", "Kalman")  # people keep their capital


def marks_of(study: Study) -> Marks:
    """The marks of the methods of ``study``."""
    further = zip(cycle(_COLOURS), cycle(_MARKERS), strict=False)
    fixed = {study.baseline: _BASELINE, study.subject: _SUBJECT}
    return {
        name: Mark(label[:1].upper() + label[1:], *(fixed.get(name) or next(further)))
        for name, label in study.labels.items()
    }


def in_text(label: str) -> str:
    """``label`` inside a sentence: in lower case, unless it begins with an acronym or a person."""
    first = label.split(" ", 1)[0]
    named = any(first.startswith(person) for person in _NAMED_AFTER)
    if named or any(letter.isupper() or letter.isdigit() for letter in first[1:]):
        return label
    return label[:1].lower() + label[1:]


def programmed_by(data: xr.Dataset) -> list[str]:
    """Names of the methods in a dataset of the report, in its order."""
    return [str(name) for name in data["programmed_by"].values]


def handles(marks: Iterable[Mark], line: Line = "", size: float = 6) -> list[Line2D]:
    """Entries of a legend, see :meth:`Mark.handle`."""
    return [mark.handle(line, size) for mark in marks]
