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

import numpy as np

_SOURCE = "Nandakumar et al., J. Appl. Phys. 124, 152135, 2018"


@dataclass(frozen=True)
class SetAccumulation:
    """Coefficients of the 90 nm device."""

    source: str = _SOURCE
    """Of every default but the law over ``g_max_low`` to ``g_max_high``, which is ours."""
    mean_g: float = -0.084
    """Mean step per conductance, 1."""
    mean_0: float = 0.880
    """Mean step at G = 0 and P = 0, uS."""
    mean_p: float = 1.40
    """Mean step per memory, uS."""
    std_g: float = 0.091
    """Spread of the step per conductance, 1."""
    std_0: float = 0.260
    """Spread of the step at G = 0 and P = 0, uS."""
    std_p: float = 2.15
    """Spread of the step per memory, uS."""
    memory_pulses: float = 2.6
    """SET pulses over which the memory falls by e, pulses."""
    g_min: float = 0.1
    """No SET pulse leaves a device below this; also the mean RESET conductance, uS."""
    reset_spread: float = 0.1
    """Relative standard deviation of the RESET conductance, 1."""
    g_max_low: float = 12.0
    """Smallest maximum conductance of a device, uS."""
    g_max_high: float = 20.0
    """Largest maximum conductance of a device, uS."""
    read_std_g: float = 0.03
    """Standard deviation of a read per conductance, 1."""
    read_std_0: float = 0.13
    """Standard deviation of a read at G = 0, uS."""
    drift_exponent: float = 0.04
    """Drift exponent of every device, 1."""
    t_c: float = 38.6
    """Time after the last pulse that the conductance is meant at, s."""


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


def step_mean(parameters: SetAccumulation, g: np.ndarray, memory: np.ndarray) -> np.ndarray:
    """Mean of the next SET pulse's step before clipping, uS."""
    return parameters.mean_g * g + parameters.mean_0 + parameters.mean_p * memory


def step_std(parameters: SetAccumulation, g: np.ndarray, memory: np.ndarray) -> np.ndarray:
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
    return parameters.read_std_g * np.abs(g) + parameters.read_std_0


def drifted(parameters: SetAccumulation, g: np.ndarray, t: float | np.ndarray) -> np.ndarray:
    """Conductance ``t`` seconds after the last pulse of devices that had ``g`` at t_c, uS.

    Measured for t >= t_c; extrapolated below.

    Raises
    ------
    ValueError
        A time is not above 0.
    """
    if not np.all(np.greater(t, 0)):
        raise ValueError(f"drift at t = {np.min(t)} s; give times above 0 s since the last pulse")
    return g * (t / parameters.t_c) ** -parameters.drift_exponent
