"""Devices that no pulse changes: stuck in RESET, in SET, or anywhere between.

Which devices of a core are stuck, and where, belongs to the chip instance: the same for every
weight set, method and hyperparameter point. A programming algorithm is not told.
"""

import numpy as np
from pydantic import model_validator

from aimcsim.chip.devices.interface import Law
from aimcsim.common.random import Address, Quantity
from aimcsim.common.section import OURS, Section, key


class Defects(Section):
    """Devices that no pulse changes, as shares of all devices."""

    stuck_reset: float = key(
        0.0, "Share of devices stuck at their RESET conductance.", unit="1", ge=0, le=1
    )
    stuck_set: float = key(
        0.0, "Share of devices stuck at their SET conductance.", unit="1", ge=0, le=1
    )
    stuck_anywhere: float = key(
        0.0, "Share of devices stuck anywhere between RESET and SET, uniformly.", unit="1",
        ge=0, le=1, source=OURS,
    )  # fmt: skip

    @property
    def total(self) -> float:
        return self.stuck_reset + self.stuck_set + self.stuck_anywhere

    @model_validator(mode="after")
    def _at_most_all(self) -> "Defects":
        if self.total > 1:
            raise ValueError(f"the shares add up to {self.total:g}, more than all devices")
        return self


def draw(
    settings: Defects, law: Law, kernels, seed: int, chip: np.ndarray, tile: np.ndarray
) -> np.ndarray | None:
    """Conductance of each stuck device, NaN for healthy ones, float32 (U, D, R, C), uS.

    None where the settings ask for no stuck device.
    """
    if settings.total == 0:
        return None

    def uniform(quantity: Quantity) -> np.ndarray:
        address = Address(seed, chip, tile, int(quantity), np.zeros_like(chip))
        return kernels.uniforms(address, int(np.prod(law.g_set.shape[1:]))).reshape(law.g_set.shape)

    kind = uniform(Quantity.STUCK_KIND)
    between = law.g_reset + uniform(Quantity.STUCK_LEVEL) * (law.g_set - law.g_reset)
    bounds = np.cumsum([settings.stuck_reset, settings.stuck_set, settings.stuck_anywhere])
    levels = [law.g_reset, law.g_set, between]
    return np.select([kind < bound for bound in bounds], levels, np.float32(np.nan))
