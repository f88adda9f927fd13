"""Melt-quench phase-change device.

A RESET pulse whose current melts part of the device leaves an amorphous plug when it ends; a
larger current leaves a larger plug and a lower conductance, nearly whatever the state before.
Below the melting current nothing changes. One device's curve repeats from pulse to pulse up to
noise, and curves spread widely from device to device. No published source gives the curve in
numbers: the shape is our model,

    g = g_reset + (g_set - g_reset) / (1 + exp((I - i_half) / i_width)),

with I in units of the full RESET current. Width of the curve and noise of pulses and reads are
fitted to the programming error that the chip's iterative programming leaves
(:mod:`aimcsim.validation.fit_device`). The law of a pulse is stated in
:func:`aimcsim.kernels.reference.pulse`. Not modelled here: drift, slow (1/f) read noise,
retention of a partial SET.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from pydantic import model_validator

from aimcsim.chip.devices.interface import RESET_CURRENT, Device, DeviceModel, Effect, response
from aimcsim.chip.devices.registry import DEVICES
from aimcsim.common.random import Address, Quantity
from aimcsim.common.section import FITTED, NATEL, OURS, key
from aimcsim.kernels.interface import MeltQuenchLaw, Pulses

CURVE_STEP = 0.05  # of g_max, over which slopes of the average curve are taken. Ours


@DEVICES.register("melt_quench")
class MeltQuench(Device):
    """Melt-quench phase-change device: a RESET pulse's current sets the conductance."""

    on_gpu: ClassVar[bool] = True
    unit_cells: ClassVar[tuple[str, ...]] = ("odp", "tdp", "max_fill")

    model: Literal["melt_quench"] = key(
        "melt_quench", "Device law. melt_quench: conductance follows the current of the last pulse."
    )
    g_max: float = key(
        10.35,
        "Conductance that a normalised weight of 1 is mapped to (one device).",
        unit="uS",
        gt=0,
        le=1000,
        source=NATEL,
    )
    g_reset: float = key(
        0.1, "Conductance of a fully RESET device (mean).", unit="uS", ge=0, le=100, source=NATEL
    )
    g_reset_spread: float = key(
        0.1,
        "Relative spread of the RESET conductance over devices.",
        unit="1",
        ge=0,
        le=1,
        source="Nandakumar et al., J. Appl. Phys. 124, 152135, 2018",
    )
    g_set_mean: float = key(
        19.35,
        "SET conductance, mean over devices (150 counts of 0.129 uS).",
        unit="uS",
        gt=0,
        le=1000,
        source=f"{OURS}, inside the spread reported by {NATEL}",
    )
    g_set_spread: float = key(
        5.16,
        "SET conductance, standard deviation over devices (40 counts).",
        unit="uS",
        ge=0,
        le=1000,
        source=OURS,
    )
    g_set_min: float = key(
        5.805,
        "SET conductance, lower clip (45 counts): such devices cannot reach g_max.",
        unit="uS",
        gt=0,
        le=1000,
        source=OURS,
    )
    g_set_max: float = key(
        41.28, "SET conductance, upper clip (320 counts).", unit="uS", gt=0, le=1000, source=OURS
    )
    i_half_mean: float = key(
        0.5,
        "Pulse current that halves the SET conductance, mean over devices.",
        unit="RESET currents",
        gt=0,
        le=1,
        source=OURS,
    )
    i_half_spread: float = key(
        0.05,
        "Pulse current that halves the SET conductance, standard deviation over devices.",
        unit="RESET currents",
        ge=0,
        le=1,
        source=OURS,
    )
    i_width_mean: float = key(
        0.0943,
        "Width of the programming curve in current, mean over devices.",
        unit="RESET currents",
        gt=0,
        le=1,
        source=FITTED,
    )
    i_width_spread: float = key(
        0.01,
        "Width of the programming curve in current, standard deviation over devices (clipped at a "
        "quarter of the mean).",
        unit="RESET currents",
        ge=0,
        le=1,
        source=OURS,
    )
    i_melt: float = key(
        0.25,
        "Current below which nothing melts: such a pulse changes nothing.",
        unit="RESET currents",
        ge=0,
        le=1,
        source=OURS,
    )
    current_jitter: float = key(
        0.0,
        "Pulse-to-pulse standard deviation of the effective current, at the melting current.",
        unit="RESET currents",
        ge=0,
        le=1,
        source=FITTED,
    )
    current_jitter_slope: float = key(
        0.0965,
        "Growth of current_jitter with the current above i_melt: a larger melt scatters more.",
        unit="1",
        ge=0,
        le=1,
        source=FITTED,
    )
    quench_noise: float = key(
        0.0296,
        "Pulse-to-pulse relative standard deviation of the resulting conductance.",
        unit="1",
        ge=0,
        le=1,
        source=FITTED,
    )
    read_noise: float = key(
        0.0117, "Read noise of a device at each read and each MVM, relative to its conductance.",
        unit="1", ge=0, le=1, source=FITTED,
    )  # fmt: skip

    @model_validator(mode="after")
    def _reset_below_set(self) -> "MeltQuench":
        if not self.g_reset < self.g_set_min <= self.g_set_max:
            raise ValueError(
                f"g_reset ({self.g_reset:g}) must lie below g_set_min ({self.g_set_min:g}), and "
                f"that not above g_set_max ({self.g_set_max:g})"
            )
        return self

    def make_law(self) -> "MeltQuenchModel":
        return MeltQuenchModel(self)

    def disagreements(self) -> list[str]:
        found = []
        if self.i_melt >= self.i_half_mean:
            found.append(
                f"i_melt {self.i_melt:g} is not below i_half_mean {self.i_half_mean:g}: a pulse "
                "that melts anything leaves less than half of the conductance, and what is above "
                "is out of reach. Give a lower i_melt"
            )
        if not self.g_set_min <= self.g_set_mean <= self.g_set_max:
            found.append(
                f"g_set_mean {self.g_set_mean:g} lies outside g_set_min {self.g_set_min:g} to "
                f"g_set_max {self.g_set_max:g}: most devices would be clipped to one value. Change "
                "one of them"
            )
        return found

    def nonidealities(self) -> list[Effect]:
        return [
            Effect(
                "Spread of the programming curves over devices",
                max(self.g_set_spread, self.i_half_spread, self.i_width_spread) > 0,
                f"SET conductance {self.g_set_mean:g} ± {self.g_set_spread:g} uS; such devices "
                f"cannot reach {self.g_max:g} uS where theirs is lower",
            ),
            Effect(
                "Pulse-to-pulse noise",
                max(self.current_jitter, self.current_jitter_slope, self.quench_noise) > 0,
                f"current {self.current_jitter:g} RESET currents + "
                f"{100 * self.current_jitter_slope:g} % of what is above melting, conductance "
                f"{100 * self.quench_noise:g} %",
            ),
            *super().nonidealities(),
        ]


@dataclass(frozen=True)
class DeviceLaw:
    """Curves of a population of devices; each array is float32 (U, D, R, C)."""

    g_set: np.ndarray  # uS
    g_reset: np.ndarray  # uS
    i_half: np.ndarray  # RESET currents
    i_width: np.ndarray  # RESET currents

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
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
        jitter = settings.current_jitter, settings.current_jitter_slope
        own = settings.i_melt, *jitter, settings.quench_noise
        return kernels.pulse(pulses, MeltQuenchLaw(*law.arrays(), *own))

    def nominal_current(self, conductance: np.ndarray) -> np.ndarray:
        return nominal_current(self.settings, conductance)

    def scatter(self, conductance: np.ndarray) -> np.ndarray:
        """Of the current's jitter through the average device's curve, and of the quench."""
        settings = self.settings
        steepness = response(self, conductance, CURVE_STEP * settings.g_max)
        overdrive = self.nominal_current(conductance) - np.float32(settings.i_melt)
        jitter = settings.current_jitter + np.float32(settings.current_jitter_slope) * overdrive
        return np.hypot(jitter / steepness, np.float32(settings.quench_noise) * conductance)
