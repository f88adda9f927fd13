"""Which devices of a unit cell carry a target, and which of them is left for tuning.

ODP: one device per polarity is in use. The other schemes are for melt-quench devices.

TDP by Max SET Fill (Vasilopoulos et al., IEEE TED 2023; US 12,254,222): SET both devices of the
target's polarity and read both. With g_small <= g_large their SET conductances and G the target:
g_small + g_large < G: out of reach, both stay SET; g_large < G: the larger stays SET and the
smaller is tuned to the rest; else the smaller is RESET and the larger tuned to G.

Max fill, the older scheme: the first device is tuned up to the usable maximum of one device, the
second to the rest, by reads of each alone. A first device that cannot reach the maximum leaves a
gap that the second does not know of.
"""

from dataclasses import dataclass

import numpy as np

from aimcsim.chip.core import Cores, UnitCores
from aimcsim.chip.devices.interface import RESET_CURRENT, SET_PULSE, by_current, current_sheet
from aimcsim.common.arrays import either

SMALLEST = 1 / 160  # of g_max: half a count of the chip, where 80 are g_max. Ours


def smallest_target(units: UnitCores) -> float:
    """A target of a smaller magnitude, uS, is what RESET cells already are."""
    return SMALLEST * units.device.g_max


@dataclass(frozen=True)
class Tuning:
    """One device of each cell, to be tuned until what is read matches a goal.

    Attributes
    ----------
    device : int8 (N, R, C), index of the device in its cell
    cells : bool (N, R, C), cells whose target asks for a pulse
    tunable : bool (N, R, C), cells whose device may be tuned further: all but those that were
        left fully SET because the target is out of reach
    current : float32 (N, R, C), current of the average device for its part of the target; of an
        accumulating device the SET pulses since RESET, 0: it starts with none
    goal : float32 (N, R, C), uS: net conductance of the cell (signed), or of the device alone
    alone : whether the device is read alone
    """

    device: np.ndarray
    cells: np.ndarray
    tunable: np.ndarray
    current: np.ndarray
    goal: np.ndarray
    alone: bool = False


def prepare(cores: Cores, targets: np.ndarray) -> list[Tuning]:
    """Bring all devices but those to tune to their state, and say what is to be tuned, in order.

    ``targets`` are float32 (N, R, C), uS.
    """
    smallest = smallest_target(cores.units)
    wanted = np.abs(targets) > smallest
    scheme = {"odp": _one_device, "tdp": _max_set_fill, "max_fill": _max_fill}
    return scheme[cores.units.unit_cell](cores, targets, wanted, smallest)


def first_device(cores: Cores, targets: np.ndarray) -> np.ndarray:
    """Index of the first device of each target's polarity, int8 (N, R, C)."""
    return either(targets < 0, cores.units.devices_per_polarity, 0, np.int8)


def first_current(cores: Cores, targets: np.ndarray) -> np.ndarray:
    """Current that brings one average device to each target's magnitude, float32 (N, R, C).

    Accumulating devices have none: 0, no pulse.
    """
    model = cores.units.model
    if not by_current(model):
        return np.zeros_like(targets)
    return model.nominal_current(np.abs(targets))


def _one_device(cores: Cores, targets: np.ndarray, wanted: np.ndarray, _: float) -> list[Tuning]:
    device = first_device(cores, targets)
    return [Tuning(device, wanted, np.ones_like(wanted), first_current(cores, targets), targets)]


def _max_set_fill(cores: Cores, targets: np.ndarray, wanted: np.ndarray, _: float) -> list[Tuning]:
    runs = np.arange(len(cores))
    first = first_device(cores, targets)
    pair = (first, first + np.int8(1))
    for device in pair:
        cores.pulse(either(wanted, SET_PULSE, 0, np.float32), device, runs)
    one, other = (cores.read_cells(runs, wanted, device) for device in pair)
    larger = np.where(one >= other, *pair)
    smaller = np.where(one >= other, pair[1], pair[0])
    large, small = np.maximum(one, other), np.minimum(one, other)
    magnitude = np.abs(targets)
    out_of_reach = wanted & (small + large < magnitude)
    both = large < magnitude
    surplus = wanted & ~both
    cores.pulse(either(surplus, RESET_CURRENT, 0, np.float32), smaller, runs)
    rest = np.where(both, magnitude - large, magnitude)
    current = current_sheet(cores.units.model).nominal_current(rest)
    tuned = np.where(both, smaller, larger).astype(np.int8)
    return [Tuning(tuned, wanted & ~out_of_reach, ~out_of_reach, current, targets)]


def _max_fill(
    cores: Cores, targets: np.ndarray, wanted: np.ndarray, smallest: float
) -> list[Tuning]:
    first, magnitude = first_device(cores, targets), np.abs(targets)
    fill = np.minimum(magnitude, np.float32(cores.units.device.g_max))
    every, sheet = np.ones_like(wanted), current_sheet(cores.units.model)
    parts = (
        (first, wanted, fill),
        (first + np.int8(1), magnitude - fill > smallest, magnitude - fill),
    )
    return [
        Tuning(device, cells, every, sheet.nominal_current(part), part, alone=True)
        for device, cells, part in parts
    ]
