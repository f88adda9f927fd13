"""Melt-quench phase-change device.

A RESET pulse whose current melts part of the device leaves an amorphous plug when it ends; a
larger current leaves a larger plug and a lower conductance, nearly whatever the state before.
Below the melting current nothing changes. One device's curve repeats from pulse to pulse up to
noise, and curves spread widely from device to device. No published source gives the curve in
numbers: shape and parameters are our model,

    g = g_reset + (g_set - g_reset) / (1 + exp((I - i_half) / i_width)),

with I in units of the full RESET current. The law of a pulse is stated in
:func:`aimcsim.kernels.reference.pulse`. Not modelled here: drift, slow (1/f) read noise,
retention of a partial SET.
"""

from dataclasses import dataclass

import numpy as np

from aimcsim.chip.devices.interface import RESET_CURRENT, SET_PULSE, DeviceModel
from aimcsim.chip.settings import MeltQuench
from aimcsim.common.random import Address, Quantity
from aimcsim.kernels.interface import MeltQuenchLaw, Pulses

__all__ = ["RESET_CURRENT", "SET_PULSE", "DeviceLaw", "MeltQuenchModel", "draw", "nominal_current"]


@dataclass(frozen=True)
class DeviceLaw:
    """Curves of a population of devices; each array is float32 (U, D, R, C)."""

    g_set: np.ndarray  # uS
    g_reset: np.ndarray  # uS
    i_half: np.ndarray  # RESET currents
    i_width: np.ndarray  # RESET currents

    def arrays(self) -> tuple[np.ndarray, ...]:
        return self.g_set, self.g_reset, self.i_half, self.i_width


def draw(
    settings: MeltQuench,
    kernels,
    seed: int,
    chip: np.ndarray,
    tile: np.ndarray,
    shape: tuple[int, int, int],
) -> DeviceLaw:
    """Draw the devices of U unit cores; ``shape`` is (devices per cell, rows, columns)."""

    def normal(quantity: Quantity) -> np.ndarray:
        zero = np.zeros_like(chip)
        drawn = kernels.normals(Address(seed, chip, tile, int(quantity), zero), int(np.prod(shape)))
        return drawn.reshape(len(chip), *shape)

    g_set = settings.g_set_mean + settings.g_set_spread * normal(Quantity.G_SET)
    g_reset = settings.g_reset * (1 + settings.g_reset_spread * normal(Quantity.G_RESET))
    i_half = settings.i_half_mean + settings.i_half_spread * normal(Quantity.I_HALF)
    i_width = settings.i_width_mean + settings.i_width_spread * normal(Quantity.I_WIDTH)
    return DeviceLaw(
        np.clip(g_set, settings.g_set_min, settings.g_set_max).astype(np.float32),
        np.maximum(g_reset, 0).astype(np.float32),
        i_half.astype(np.float32),
        np.maximum(i_width, settings.i_width_mean / 4).astype(np.float32),
    )


def nominal_current(settings: MeltQuench, conductance: np.ndarray) -> np.ndarray:
    """Current that brings the average device to ``conductance`` (uS); float32, RESET currents.

    What a device data sheet tells a programming algorithm beforehand. Targets above the average
    SET conductance get the melting current, targets at or below RESET the full RESET current.
    """
    low, high = settings.g_reset, settings.g_set_mean
    inside = np.clip(conductance, low + 1e-3 * (high - low), high - 1e-3 * (high - low))
    odds = (high - inside) / (inside - low)
    current = settings.i_half_mean + settings.i_width_mean * np.log(odds)
    current = np.clip(current, settings.i_melt, RESET_CURRENT)
    current = np.where(conductance >= high, settings.i_melt, current)
    return np.where(conductance <= low, RESET_CURRENT, current).astype(np.float32)


@dataclass(frozen=True)
class MeltQuenchModel(DeviceModel):
    """See :class:`aimcsim.chip.devices.interface.DeviceModel`; controlled by current."""

    settings: MeltQuench
    accumulates = False
    read_floor = 0.0
    highest = RESET_CURRENT

    @property
    def g_reset(self) -> float:
        return self.settings.g_reset

    @property
    def lowest(self) -> float:
        return self.settings.i_melt

    def read_silently(self) -> MeltQuench:
        return self.settings.model_copy(update={"read_noise": 0.0})

    def draw(self, kernels, seed, chip, tile, shape) -> DeviceLaw:
        return draw(self.settings, kernels, seed, chip, tile, shape)

    def pulse(self, kernels, law: DeviceLaw, pulses: Pulses) -> tuple[np.ndarray, np.ndarray]:
        settings = self.settings
        own = settings.i_melt, settings.current_jitter, settings.quench_noise
        return kernels.pulse(pulses, MeltQuenchLaw(*law.arrays(), *own))

    def nominal_current(self, conductance: np.ndarray) -> np.ndarray:
        return nominal_current(self.settings, conductance)
