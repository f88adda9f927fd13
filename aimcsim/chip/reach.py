"""Which conductances a device can be brought to: a small calculation with its own law.

A hundred devices and more are drawn and pulsed, always the same ones, in milliseconds. It tells
settings of a device that cannot be meant, before anything is programmed: a RESET that leaves
devices conducting, and a largest conductance that they never come to.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from aimcsim.chip.core import Cores, manufacture
from aimcsim.chip.devices.interface import SET_PULSE, Device, by_current, pulse_sheet
from aimcsim.chip.periphery import Periphery
from aimcsim.kernels import reference

CELLS = 12, 12
CURRENTS = 9  # from the lowest that changes anything to a full RESET
REPEATS = 2  # of a pulse of each current
MOST_SETS = 60  # SET pulses of an accumulating device, or as many as lead the average one there
LONGEST_CLIMB = 1000  # of these
_SMALLEST = 1e-6  # RESET currents: 0 would be no pulse


@dataclass(frozen=True)
class Reach:
    """Conductances of a population of devices, float32 (devices,), uS."""

    reset: np.ndarray
    """After a full RESET."""
    most: np.ndarray
    """The most that programming pulses leave: of currents the mean after repeated pulses, of SET
    pulses that add up the largest on the way."""


@lru_cache(maxsize=64)
def reach(device: Device) -> Reach:
    """What devices of these settings, which must be free of files, can be brought to."""
    targets = np.full((1, *CELLS), device.g_max, np.float32)
    core = np.zeros(1, np.uint32)
    units = manufacture(0, core, core, targets, device, Periphery(), reference)
    cores, runs = Cores(units, np.zeros(1, np.intp)), np.arange(1)
    first = np.zeros((1, *CELLS), np.int8)

    def after(current: float) -> np.ndarray:
        cores.pulse(np.full((1, *CELLS), current, np.float32), first, runs)
        return cores.true_conductances()[0, 0].copy()

    reset = cores.true_conductances()[0, 0].copy()
    model = units.model
    if by_current(model):
        currents = np.linspace(max(model.lowest, _SMALLEST), model.highest, CURRENTS)
        left = [np.mean([after(one) for _ in range(REPEATS)], axis=0) for one in currents]
    else:
        nominal = pulse_sheet(model).nominal_count(targets[0, 0, :1]).item()
        pulses = MOST_SETS if np.isinf(nominal) else np.clip(nominal, MOST_SETS, LONGEST_CLIMB)
        left = [after(SET_PULSE) for _ in range(int(pulses))]
    return Reach(reset.ravel(), np.max(left, axis=0).ravel())
