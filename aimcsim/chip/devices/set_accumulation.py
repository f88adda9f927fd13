"""SET accumulation: each SET pulse crystallises some more of a RESET device.

Nandakumar et al., J. Appl. Phys. 124, 152135, 2018, doi 10.1063/1.5042408 (90 nm). A pulse adds a
normal step whose moments depend on the conductance and on a memory P of the pulses since RESET:

    dG ~ Normal(mean_g G + mean_0 + mean_p P,  std_g G + std_0 + std_p P),  P <- P exp(-1 / 2.6),

clipped to [g_min, g_max]. A step's spread is as large as its mean, or larger: from RESET
2.27 +- 2.42 uS, about one step in six is downwards, and the clip at g_min lifts the mean. A
programming rule on this device needs a dead band.

Two things of the model to know. The mean step vanishes at (mean_0 + mean_p P) / -mean_g, 10.5 uS
once P has gone, which is below every g_max: devices reach their g_max by spread alone. The RESET
conductance spreads by 10 % around g_min itself, so half of the RESET devices lie below g_min
until their first SET pulse lifts them to it.

Conductances in uS, P without unit, arrays of any one shape; draws are the caller's.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, TypeVar

import numpy as np
from pydantic import ConfigDict, model_validator

from aimcsim.chip.devices.interface import Device, DeviceModel, Effect, count_pulses, fire
from aimcsim.chip.devices.registry import DEVICES
from aimcsim.common.random import Address, Quantity
from aimcsim.common.section import OURS, key
from aimcsim.kernels.interface import Pulses

NANDAKUMAR = "Nandakumar et al., J. Appl. Phys. 124, 152135, 2018"

DRIFT_EXPONENT = 0.04  # of every device, 1; same source
T_C = 38.6  # s after the last pulse that the conductance is meant at; same source
NOMINAL_PULSES = 200  # end of the nominal curve; the mean step has vanished long before

Values = TypeVar("Values", float, np.ndarray)


@DEVICES.register("set_accumulation")
class SetAccumulation(Device):
    """Phase-change device (90 nm) whose SET pulses add up until the next RESET."""

    statistics: ClassVar[tuple[str, ...]] = ("pcm_90nm",)

    # The schema asks for the model: an object without one is a melt-quench device alone.
    model_config = ConfigDict(json_schema_extra={"required": ["model"]})

    model: Literal["set_accumulation"] = key(
        "set_accumulation", "Device law. set_accumulation: each SET pulse adds a random step."
    )
    g_max: float = key(
        8.0,
        "Conductance that a normalised weight of 1 is mapped to; 99 % of the devices reach the "
        "default within 30 SET pulses.",
        unit="uS",
        gt=0,
        le=1000,
        source=OURS,
    )
    mean_g: float = key(-0.084, "Mean step of a SET pulse per conductance.", unit="1", ge=-1, le=1,
                        source=NANDAKUMAR)  # fmt: skip
    mean_0: float = key(
        0.880,
        "Mean step of a SET pulse at conductance 0 and memory P = 0; see memory_pulses.",
        unit="uS",
        ge=-100,
        le=100,
        source=NANDAKUMAR,
    )
    mean_p: float = key(
        1.40,
        "Mean step of a SET pulse per memory P (see memory_pulses).",
        unit="uS",
        ge=-100,
        le=100,
        source=NANDAKUMAR,
    )
    std_g: float = key(
        0.091,
        "Spread of the step of a SET pulse per conductance.",
        unit="1",
        ge=0,
        le=10,
        source=NANDAKUMAR,
    )
    std_0: float = key(
        0.260,
        "Spread of the step of a SET pulse at conductance 0 and memory P = 0.",
        unit="uS",
        ge=0,
        le=100,
        source=NANDAKUMAR,
    )
    std_p: float = key(
        2.15,
        "Spread of the step of a SET pulse per memory P (see memory_pulses).",
        unit="uS",
        ge=0,
        le=100,
        source=NANDAKUMAR,
    )
    memory_pulses: float = key(
        2.6,
        "SET pulses over which the memory P of a device, 1 after RESET, falls by a factor of e.",
        unit="pulses",
        gt=0,
        le=1000,
        source=NANDAKUMAR,
    )
    g_min: float = key(
        0.1,
        "No SET pulse leaves a device below this; also the mean RESET conductance.",
        unit="uS",
        ge=0,
        le=100,
        source=NANDAKUMAR,
    )
    reset_spread: float = key(
        0.1,
        "Relative spread of the RESET conductance over devices; each has the same at every RESET.",
        unit="1",
        ge=0,
        le=1,
        source=f"{NANDAKUMAR}; over devices is our reading",
    )
    g_max_low: float = key(12.0, "Smallest maximum conductance of a device.", unit="uS", gt=0,
                           le=1000, source=NANDAKUMAR)  # fmt: skip
    g_max_high: float = key(
        20.0,
        "Largest maximum conductance of a device; devices fill the range evenly.",
        unit="uS",
        gt=0,
        le=1000,
        source=f"{NANDAKUMAR}; evenly is {OURS}",
    )
    read_noise: float = key(0.03, "Read noise of a device per conductance.", unit="1", ge=0, le=1,
                            source=NANDAKUMAR)  # fmt: skip
    read_floor: float = key(
        0.13,
        "Read noise of a device at conductance 0, beside that of read_noise.",
        unit="uS",
        ge=0,
        le=100,
        source=NANDAKUMAR,
    )

    @model_validator(mode="after")
    def _range(self) -> "SetAccumulation":
        if not self.g_min < self.g_max_low <= self.g_max_high:
            raise ValueError(
                f"g_min ({self.g_min:g}) must lie below g_max_low ({self.g_max_low:g}), and that "
                f"not above g_max_high ({self.g_max_high:g})"
            )
        if self.mean_0 + self.mean_p <= 0:
            raise ValueError("mean_0 + mean_p must be above 0: no SET pulse would leave RESET")
        return self

    def make_law(self) -> "SetAccumulationModel":
        return SetAccumulationModel(self)

    def nonidealities(self) -> list[Effect]:
        return [
            Effect(
                "Spread over devices",
                self.reset_spread > 0 or self.g_max_high > self.g_max_low,
                f"maximum conductance {self.g_max_low:g} to {self.g_max_high:g} uS, RESET "
                f"conductance ± {100 * self.reset_spread:g} %; steps have one law for all devices",
            ),
            Effect(
                "Pulse-to-pulse noise",
                max(self.std_g, self.std_0, self.std_p) > 0,
                f"a SET pulse's step scatters by {self.std_g:g} G + {self.std_0:g} uS + "
                f"{self.std_p:g} uS x memory, about as much as it moves; RESET does not scatter",
            ),
            *super().nonidealities(),
        ]


def draw_g_max(parameters: SetAccumulation, uniforms: np.ndarray) -> np.ndarray:
    """Maximum conductance of each device, uS, from uniform draws on (0, 1).

    Published is the range, 12 to 20 uS over devices; that it is filled evenly is ours.
    """
    low, high = parameters.g_max_low, parameters.g_max_high
    return low + (high - low) * uniforms


def reset(parameters: SetAccumulation, normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Conductance (uS, not below 0) and memory (1) after RESET, whatever the state before.

    The published 10 % is a spread; with the same normals at every RESET it is one over devices,
    with fresh ones one over pulses.
    """
    g = parameters.g_min * (1 + parameters.reset_spread * normals)
    return np.maximum(g, 0.0), np.ones_like(g)


def step_mean(parameters: SetAccumulation, g: Values, memory: Values) -> Values:
    """Mean of the next SET pulse's step before clipping, uS."""
    return parameters.mean_g * g + parameters.mean_0 + parameters.mean_p * memory


def step_std(parameters: SetAccumulation, g: Values, memory: Values) -> Values:
    """Standard deviation of the next SET pulse's step before clipping, uS."""
    return parameters.std_g * g + parameters.std_0 + parameters.std_p * memory


def set_pulse(
    parameters: SetAccumulation,
    g: np.ndarray,
    memory: np.ndarray,
    g_max: np.ndarray,
    normals: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Conductance (uS) and memory (1) after one SET pulse at every device.

    Parameters
    ----------
    g : uS, at t_c after the pulse before
    memory : 1 after RESET, then as returned here
    g_max : uS, of each device, see :func:`draw_g_max`
    normals : one fresh standard normal draw per device
    """
    step = step_mean(parameters, g, memory) + step_std(parameters, g, memory) * normals
    fade = float(np.exp(-1 / parameters.memory_pulses))
    return np.clip(g + step, parameters.g_min, g_max), memory * fade


def read_noise(parameters: SetAccumulation, g: np.ndarray) -> np.ndarray:
    """Standard deviation of one read, 0.03 |g| + 0.13 uS."""
    return parameters.read_noise * np.abs(g) + parameters.read_floor


def drifted(g: np.ndarray, t: float | np.ndarray) -> np.ndarray:
    """Conductance ``t`` seconds after the last pulse of devices that had ``g`` at t_c, uS.

    Measured for t >= t_c; extrapolated below.

    Raises
    ------
    ValueError
        A time is not above 0.
    """
    if not np.all(np.greater(t, 0)):
        raise ValueError(f"drift at t = {np.min(t)} s; give times above 0 s since the last pulse")
    return g * (t / T_C) ** -DRIFT_EXPONENT


@dataclass(frozen=True)
class DeviceLaw:
    """A population of devices; each array is float32 (U, D, R, C), uS."""

    g_reset: np.ndarray
    g_set: np.ndarray  # maximum conductance


@dataclass(frozen=True)
class SetAccumulationModel(DeviceModel):
    """See :class:`aimcsim.chip.devices.interface.DeviceModel`; accumulating.

    The memory P of a device is exp(-k / 2.6) after k SET pulses: the core keeps k. Pulses are
    plain NumPy on every back end.
    """

    settings: SetAccumulation
    accumulates = True

    @property
    def g_reset(self) -> float:
        return self.settings.g_min

    @property
    def read_floor(self) -> float:
        return self.settings.read_floor

    def read_silently(self) -> SetAccumulation:
        return self.settings.model_copy(update={"read_noise": 0.0, "read_floor": 0.0})

    def draw(self, kernels, seed, chip, tile, shape) -> DeviceLaw:
        def drawn(generate, quantity: Quantity) -> np.ndarray:
            address = Address(seed, chip, tile, int(quantity), np.zeros_like(chip))
            return generate(address, int(np.prod(shape))).reshape(len(chip), *shape)

        g_reset, _ = reset(self.settings, drawn(kernels.normals, Quantity.G_RESET))
        g_set = draw_g_max(self.settings, drawn(kernels.uniforms, Quantity.G_SET))
        return DeviceLaw(g_reset.astype(np.float32), g_set.astype(np.float32))

    def pulse(self, kernels, law: DeviceLaw, pulses: Pulses) -> tuple[np.ndarray, np.ndarray]:
        """Any current is taken for a full RESET: the law knows no partial one."""

        def after(own, state, is_set, noise, _current):
            memory = self._memory(count_pulses(pulses.set_pulses, state, is_set))
            up, _ = set_pulse(self.settings, pulses.g[state], memory, law.g_set[own], noise)
            return np.where(is_set, up, law.g_reset[own])

        return fire(kernels, pulses, after)

    def nominal(self, count: np.ndarray) -> np.ndarray:
        return self._curve[0][np.minimum(count, NOMINAL_PULSES).astype(np.intp)]

    def spread(self, count: np.ndarray) -> np.ndarray:
        return self._curve[1][np.minimum(count, NOMINAL_PULSES).astype(np.intp)]

    def nominal_count(self, conductance: np.ndarray) -> np.ndarray:
        count = np.searchsorted(self._curve[0], conductance)
        return np.where(count <= NOMINAL_PULSES, count, np.inf).astype(np.float32)

    def after_set(self, g: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, ...]:
        memory, law = self._memory(count), self.settings
        left = np.broadcast_to(np.float32(1 + law.mean_g), g.shape)
        return g + step_mean(law, g, memory), step_std(law, g, memory), left

    def _memory(self, count: np.ndarray) -> np.ndarray:
        return np.exp(count * np.float32(-1 / self.settings.memory_pulses))

    @cached_property
    def _curve(self) -> np.ndarray:
        """Mean (never falling) and spread after 0, 1, ... pulses, float32 (2, pulses + 1), uS.

        By the recursion of the moments of the law, which is linear in G: clips are left out.
        """
        law = self.settings
        moments: list[tuple[float, float]] = [(self.g_reset, law.reset_spread * self.g_reset)]
        for count in range(NOMINAL_PULSES):
            g, spread = moments[-1]
            memory = np.exp(-count / law.memory_pulses)
            scatter = np.hypot(law.std_g * spread, step_std(law, g, memory))
            mean = min(max(g + step_mean(law, g, memory), g), law.g_max_high)
            moments.append((mean, np.hypot((1 + law.mean_g) * spread, scatter)))
        return np.array(moments, np.float32).T
