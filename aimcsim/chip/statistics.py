"""Which published statistics are those of a chip's devices, and how they apply to its range.

Statistics (:mod:`aimcsim.physics.state_statistics`) were measured on one device or on two per
polarity, each population with its own largest conductance. Only those of as many devices apply, and
only those of a kind that the device names (:attr:`.Device.statistics`). Range: a cell at a tenth of
our g_max has the statistics of a tenth of theirs, and a programming error that is larger by the
ratio of the two, :meth:`.StateStatistics.on`; everywhere, whatever the statistics are used for.
"""

from aimcsim.chip.devices.interface import Device
from aimcsim.chip.settings import devices_per_polarity
from aimcsim.common.errors import UserError
from aimcsim.physics.state_statistics import BY_NAME, StateStatistics

_COUNTS = {1: "one device", 2: "two devices"}


def fitting(device: Device | type[Device], unit_cell: str) -> list[str]:
    """Names of the statistics that are those of ``device`` in a unit cell."""
    count = devices_per_polarity(unit_cell)
    known = device.statistics or tuple(BY_NAME)
    return [name for name in known if BY_NAME[name].devices == count]


def misfit(name: str, device: Device, unit_cell: str) -> str:
    """Why statistics are not those of ``device`` in a unit cell, with the remedy; empty: they are.

    The text goes on from the key that names them.
    """
    usable = fitting(device, unit_cell)
    if name in usable:
        return ""
    ours, theirs = devices_per_polarity(unit_cell), BY_NAME[name].devices
    reason = f"was measured on other devices than those of device.model {device.model}"
    if theirs != ours:
        reason = (
            f"is of {_COUNTS[theirs]} per polarity, and core.unit_cell {unit_cell} has "
            f"{_COUNTS[ours]}"
        )
    known = " or ".join(f"{one} (times from {BY_NAME[one].t0:g} s on)" for one in usable)
    return f"{name} {reason}; use {known or 'core.unit_cell: odp'}"


def laws_on(name: str, device: Device, unit_cell: str) -> StateStatistics:
    """Statistics ``name`` for polarities of ``device`` in a unit cell, at the g_max of these.

    Raises
    ------
    UserError
        They are not those of such cells.
    """
    if problem := misfit(name, device, unit_cell):
        raise UserError(f"statistics {problem}.")
    return BY_NAME[name].on(device.g_max * devices_per_polarity(unit_cell))


def age_otherwise(drawn_by: str, aged_by: str) -> str:
    """Why states drawn by some statistics cannot age by others, with the remedy; empty: they can.

    The text goes on from the key that names the first.
    """
    if drawn_by == aged_by:
        return ""
    drawn, aged = BY_NAME[drawn_by], BY_NAME[aged_by]
    return (
        f"{drawn_by} draws states of {drawn.t0:g} s after programming, and the drift of "
        f"evaluation.statistics {aged_by} begins at {aged.t0:g} s; name the same in both, or judge "
        "at no times (evaluation.times: [])"
    )
