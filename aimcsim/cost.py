"""From what a core has used to time and energy.

The ledger (:class:`aimcsim.core.Ledger`) counts cell reads, MVMs and pulses and adds up the
currents of the melt-quench pulses. Here these become seconds and joules by the section ``cost`` of
the configuration, which says of each of its numbers where it comes from.

A pulse's energy is what its supply gives, voltage x current x time: current sources take the same
from the supply whatever the device's resistance. (The heat in the device itself grows with the
square of the current; the rest heats the source.) Operations follow one another without a gap.
Not counted: the controller, its memory and arithmetic, data transfer, and idle power.
"""

from collections.abc import Mapping

import numpy as np

from aimcsim.config.cost import Cost

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
        extra = field.json_schema_extra or {}
        value = f"{getattr(cost, name):g} {extra.get('unit', '')}".strip()
        changed = getattr(cost, name) != field.default
        source = "the study's configuration" if changed else extra.get("source", "")
        rows.append((name, field.description or "", value, source))
    return rows
