"""Which polarity's device of each cell is tuned.

A device at full RESET cannot take more away. A cell that still conducts too much in its direction
goes on with the first device of the other polarity, which subtracts; and comes back where that one
in turn is at full RESET and the error has changed sign. Our design.
"""

import numpy as np

from aimcsim.chip.core import UnitCores
from aimcsim.chip.devices.interface import current_sheet
from aimcsim.common.arrays import either


def other_device(units: UnitCores, device: np.ndarray) -> np.ndarray:
    """First device of the polarity that ``device`` (int8, any shape) is not of, int8."""
    half = units.devices_per_polarity
    return either(device < half, half, 0, np.int8)


class Tuned:
    """The device to tune of each cell of N runs, arrays (N, R, C).

    Attributes
    ----------
    device : int8, index of the device in its cell
    sign : int8, +1 or -1, its polarity
    home : int8, device that the unit-cell scheme left for tuning
    """

    def __init__(self, units: UnitCores, device: np.ndarray):
        self.units = units
        self.device = device.copy()  # in C order: cells are found in the flattened arrays
        self.home = device.copy()
        negative = self.device >= units.devices_per_polarity
        self.sign = either(negative, -1, 1, np.int8)

    def change_polarity(self, cells: np.ndarray, error: np.ndarray) -> np.ndarray:
        """Let cells that are too high at full RESET go on with the other polarity.

        ``cells`` are where they are in the flattened arrays, ``error`` their estimated errors, uS.
        Returns the currents of the average device for these errors.
        """
        every, sign = self.device.reshape(-1), self.sign.reshape(-1)
        device, home = every[cells], self.home.reshape(-1)[cells]
        every[cells] = np.where(device == home, other_device(self.units, home), home)
        sign[cells] = -sign[cells]
        return current_sheet(self.units.model).nominal_current(np.abs(error))
