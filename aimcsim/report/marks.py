"""Colour, marker and name of every method, the same in all figures and pages of the report."""

from matplotlib.lines import Line2D

from aimcsim.report.study import (
    OPEN_LOOP,
)

COLOURS = {
    "iterative": "#c2571a",
    "gdp": "#1f5fa8",
    "hadamard": "#2b7a4b",
    "software": "#3a3f47",
    OPEN_LOOP: "#22262b",
}
MARKERS = {"iterative": "s", "gdp": "o", "hadamard": "v", "software": "D", OPEN_LOOP: "^"}
NAMES = {
    "iterative": "Iterative",
    "gdp": "GDP",
    "hadamard": "Hadamard",
    "software": "Software",
    OPEN_LOOP: "Published residue",
}
IN_TEXT = NAMES | {"iterative": "iterative", OPEN_LOOP: "published residue"}  # inside a sentence


def handles(names: list[str], line: str = "", size: float = 6) -> list[Line2D]:
    """Entries of a legend: each method's marker (``size`` in points) on a piece of its line."""
    return [
        Line2D(
            [], [], color=COLOURS[m], marker=MARKERS[m], markersize=size, linestyle=line,
            label=NAMES[m],
        )
        for m in names
    ]  # fmt: skip
