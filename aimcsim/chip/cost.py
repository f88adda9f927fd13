"""From what a core has used to time and energy.

The ledger (:class:`aimcsim.chip.core.Ledger`) counts cell reads, MVMs and pulses and adds up the
currents of the melt-quench pulses. Here these become seconds and joules by the section ``cost`` of
the configuration, which says of each of its numbers where it comes from.

A pulse's energy is what its supply gives, voltage x current x time: current sources take the same
from the supply whatever the device's resistance. (The heat in the device itself grows with the
square of the current; the rest heats the source.) Operations follow one another without a gap.
Not counted: the controller, its memory and arithmetic, data transfer, and idle power.
"""

from collections.abc import Mapping

import numpy as np

from aimcsim.chip.core import COUNTERS
from aimcsim.common.section import JSSC, Section, key, source_of, unit_of

ASSUMED = "assumed"


class Cost(Section):
    """Time and energy of one core's operations. A change here programs nothing again."""

    mvm_time: float = key(
        130.0, "One MVM: 128 ns of integration and the converters' end.", unit="ns", gt=0, le=1e6,
        source=JSSC,
    )  # fmt: skip
    mvm_efficiency: float = key(
        10.5,
        "Operations per joule of an MVM, two per unit cell (multiply and add): 12.5 nJ for "
        "256 x 256 cells. A smaller tile costs in proportion.",
        unit="TOPS/W",
        gt=0,
        le=1e6,
        source=f"{JSSC}; the 64-core chip: 9.76 in its one-phase mode",
    )
    read_time: float = key(
        130.0,
        "One slot of cell reads: an MVM whose only input is one row's.",
        unit="ns",
        gt=0,
        le=1e6,
        source=f"{ASSUMED}: as long as an MVM",
    )
    read_energy: float = key(
        1.0,
        "Energy of a slot of cell reads.",
        unit="MVMs",
        gt=0,
        le=1000,
        source=f"{ASSUMED}: the converters work as in an MVM",
    )
    reads_at_once: int = key(
        256,
        "Cells of one row read in one slot, at most: every column has its ADC.",
        unit="cells",
        ge=1,
        le=4096,
        source=f"{ASSUMED}; rows are filled, also where few of their cells are wanted",
    )
    pulses_at_once: int = key(
        1,
        "Devices pulsed at the same time.",
        unit="devices",
        ge=1,
        le=4096,
        source=f"{ASSUMED}: hundreds of microamperes each; time is inversely proportional",
    )
    reset_time: float = key(
        100.0, "Length of a melt-quench pulse.", unit="ns", gt=0, le=1e6, source=ASSUMED
    )
    reset_current: float = key(
        300.0, "Current of a full RESET pulse.", unit="uA", gt=0, le=1e5, source=ASSUMED
    )
    set_time: float = key(
        1000.0, "Length of a full SET pulse, a falling ramp.", unit="ns", gt=0, le=1e7,
        source=ASSUMED,
    )  # fmt: skip
    set_current: float = key(
        150.0,
        "Mean current of a full SET pulse.",
        unit="uA",
        gt=0,
        le=1e5,
        source=f"{ASSUMED}: a ramp from the full RESET current to zero",
    )
    supply: float = key(
        2.0,
        "Voltage that pulse currents are drawn from; a pulse's energy is voltage x current x time.",
        unit="V",
        gt=0,
        le=100,
        source=ASSUMED,
    )


PHASES = ("reads", "mvms", "pulses")
_NANO, _MICRO, _TERA = 1e-9, 1e-6, 1e12
_OPERATIONS = 2  # per unit cell and MVM: a product and a sum


def seconds(cost: Cost, used: Mapping[str, np.ndarray], columns: np.ndarray) -> np.ndarray:
    """Time of the reads, MVMs and pulses of one core each, s, (..., 3) in order of ``PHASES``.

    Parameters
    ----------
    used : an array (...) for each of ``core.COUNTERS``; ``pulse_current`` in RESET currents
    columns : columns of the tile, broadcast against them: no more cells of a row than these are
        read or pulsed at once
    """
    columns = np.maximum(columns, 1)
    slots = used["cell_reads"] / np.minimum(cost.reads_at_once, columns)
    lengths = (used["pulses"] - used["set_pulses"]) * cost.reset_time
    lengths = lengths + used["set_pulses"] * cost.set_time
    parts = (
        slots * cost.read_time,
        used["mvms"] * cost.mvm_time,
        lengths / np.minimum(cost.pulses_at_once, columns),
    )
    return _NANO * np.stack(np.broadcast_arrays(*parts), axis=-1)


def joules(
    cost: Cost, used: Mapping[str, np.ndarray], rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Energy of the same, J, (..., 3); ``rows`` and ``columns`` of the tile, broadcast."""
    mvm = _OPERATIONS * rows * columns / (cost.mvm_efficiency * _TERA)
    slots = used["cell_reads"] / np.minimum(cost.reads_at_once, np.maximum(columns, 1))
    charge = used["pulse_current"] * cost.reset_current * cost.reset_time
    charge = charge + used["set_pulses"] * cost.set_current * cost.set_time
    parts = (
        slots * cost.read_energy * mvm,
        used["mvms"] * mvm,
        charge * cost.supply * _MICRO * _NANO,
    )
    return np.stack(np.broadcast_arrays(*parts), axis=-1)


def assumptions(cost: Cost) -> list[tuple[str, str, str, str]]:
    """(key, what it is, value with unit, source) of every number in the section."""
    rows = []
    for name, field in type(cost).model_fields.items():
        value = f"{getattr(cost, name):g} {unit_of(field)}".strip()
        changed = getattr(cost, name) != field.default
        source = "the study's configuration" if changed else source_of(field)
        rows.append((name, field.description or "", value, source))
    return rows


SPENDING = {  # variable: (last dimension, attributes)
    "programming_time": ("phase", {"units": "s", "long_name": "time to program one core"}),
    "programming_energy": ("phase", {"units": "J", "long_name": "energy to program one core"}),
    "time_per_iteration": (
        "iteration",
        {"units": "s", "long_name": "time spent when the error of the iteration was known"},
    ),
    "energy_per_iteration": (
        "iteration",
        {"units": "J", "long_name": "energy spent when the error of the iteration was known"},
    ),
}
REFRESHING = {
    "refresh_duration": ("refresh_time", {"units": "s", "long_name": "time to program again"}),
    "refresh_energy": ("refresh_time", {"units": "J", "long_name": "energy to program again"}),
}


def spending(counts: Mapping[str, np.ndarray], cost: Cost) -> dict[str, np.ndarray]:
    """The variables of ``SPENDING`` over (tile, core, run, last dimension).

    Those of ``REFRESHING`` as well, where the cores were programmed again.

    Parameters
    ----------
    counts : the record's counters, (tile, core, run), and ``spent_per_iteration`` with
        (iteration, counter) behind; ``rows`` and ``columns`` (tile,)

    A run that goes on from another includes the preparation and that run.
    """
    rows, columns = (counts[name][:, None, None].astype(float) for name in ("rows", "columns"))
    total = {name: counts[name] for name in COUNTERS}
    steps = {name: counts["spent_per_iteration"][..., i] for i, name in enumerate(COUNTERS)}
    deep = rows[..., None], columns[..., None]
    again = {}
    if "refresh_pulses" in counts:
        used = {name: counts[f"refresh_{name}"] for name in COUNTERS}
        again = {
            "refresh_duration": seconds(cost, used, deep[1]).sum(axis=-1),
            "refresh_energy": joules(cost, used, *deep).sum(axis=-1),
        }
    return again | {
        "programming_time": seconds(cost, total, columns),
        "programming_energy": joules(cost, total, rows, columns),
        "time_per_iteration": seconds(cost, steps, deep[1]).sum(axis=-1).astype("f4"),
        "energy_per_iteration": joules(cost, steps, *deep).sum(axis=-1).astype("f4"),
    }
