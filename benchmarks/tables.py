"""Tables that are printed, written to JSON, and put in the record, all from the same numbers."""

from dataclasses import dataclass, field


@dataclass
class Table:
    """Rows of figures; ``columns`` are headings with units."""

    title: str
    note: str
    columns: list[str]
    rows: list[list] = field(default_factory=list)

    def text(self) -> str:
        """Aligned columns for a terminal."""
        cells = self._cells()
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(_aligned(cell, width) for cell, width in zip(row, widths, strict=True))
            for row in cells
        ]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([self.title, "", *lines, "", self.note])

    def markdown(self) -> str:
        """A section of a markdown page."""
        head, *rows = (f"| {' | '.join(row)} |" for row in self._cells())
        rule = "|" + "---|" * len(self.columns)
        return "\n".join([f"## {self.title}", "", self.note, "", head, rule, *rows])

    def column(self, name: str) -> list:
        """All values under the heading ``name``."""
        index = self.columns.index(name)
        return [row[index] for row in self.rows]

    def find(self, wanted: dict) -> dict:
        """The first row with these values under their headings, by heading."""
        rows = (dict(zip(self.columns, row, strict=True)) for row in self.rows)
        return next(row for row in rows if wanted.items() <= row.items())

    def _cells(self) -> list[list[str]]:
        return [self.columns, *([_shown(value) for value in row] for row in self.rows)]


def _aligned(cell: str, width: int) -> str:
    return cell.rjust(width) if cell[:1].isdigit() or cell[:1] in "-" else cell.ljust(width)


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
