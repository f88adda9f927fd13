"""The chip: core geometry and wires."""

from typing import Literal

from aimcsim.common.section import JSSC, OURS, Section, key
from aimcsim.physics.state_statistics import StatisticsName


def devices_per_polarity(unit_cell: str) -> int:
    """Devices of each polarity of a cell, see :attr:`Core.unit_cell`."""
    return 1 if unit_cell == "odp" else 2


class Core(Section):
    """Geometry of one AIMC core."""

    rows: int = key(
        256,
        "Input lines of one core (unit cells per column).",
        unit="cells",
        ge=1,
        le=4096,
        source=JSSC,
    )
    columns: int = key(
        256,
        "Output lines of one core, each with its own ADC.",
        unit="cells",
        ge=1,
        le=4096,
        source=JSSC,
    )
    unit_cell: Literal["odp", "tdp", "max_fill"] = key(
        "odp",
        "Devices of a cell in use. odp: one per polarity. tdp: two, by Max SET Fill (what a device "
        "cannot reach in SET, its neighbour adds). max_fill: two, filled one after the other.",
        source="Vasilopoulos et al., IEEE TED 2023, doi 10.1109/TED.2023.3321014",
    )  # fmt: skip
    clip_sigmas: float | None = key(
        None,
        "Larger weights than this many root mean squares, of the weights other than zero that "
        "share their digital scale, are held to it: all others use more of the range of "
        "conductance. What is cut off counts as error. null: the largest weight is mapped to "
        "g_max.",
        unit="root mean squares",
        gt=0,
        source=OURS,
    )
    target_time: float | None = key(
        None,
        "Time after programming for which targets are chosen: conductances are expected in "
        "proportion to the weights then, by the mean drift of published statistics, and out of it "
        "before and after. null: right after programming.",
        unit="s",
        ge=1,
        le=1e10,
        source=f"{OURS}, after Mackin et al., Nat. Commun. 13, 3765, 2022",
    )
    target_statistics: StatisticsName | None = key(
        None, "Published statistics of that drift; null: those of evaluation.statistics."
    )

    @property
    def devices_per_polarity(self) -> int:
        return devices_per_polarity(self.unit_cell)


class Wires(Section):
    """Resistance of the crossbar's wires."""

    row: float = key(
        0.0,
        "Wire resistance along rows, per cell. Each polarity is an array with wires of its own. "
        "Reads of cells, MVMs and judging see it.",
        unit="Ohm",
        ge=0,
        le=10,
        source=OURS,
    )
    column: float = key(
        0.0,
        "Wire resistance along columns, per cell, to the ADC.",
        unit="Ohm",
        ge=0,
        le=10,
        source=OURS,
    )

    @property
    def on(self) -> bool:
        return max(self.row, self.column) > 0
