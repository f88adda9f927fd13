"""SET accumulation: simulated pulses against the law's own moments, found without draws.

The law is published (Nandakumar et al., J. Appl. Phys. 124, 152135, 2018), tabulated points of it
are not in our sources. The reference is therefore the model itself: its probability density,
propagated from pulse to pulse on a fine grid. The grid's code shares nothing with
:mod:`aimcsim.chip.devices.set_accumulation`, neither coefficients nor code.
"""

import numpy as np
import xarray as xr
from scipy.special import ndtr

from aimcsim.chip.devices.set_accumulation import SetAccumulation, draw_g_max, reset, set_pulse
from aimcsim.common.random import Quantity
from aimcsim.validation.sample import Moments, normals, uniforms

PULSES = 20
DEVICES = 50_000

G_MIN, RESET_STD = 0.1, 0.01  # uS
G_MAX = (12.0, 20.0)  # uS, ends of the published range; that devices fill it evenly is ours
MEMORY = 2.6  # pulses
PITCH = 0.05  # uS, of the grid: a fifth of the smallest spread of a step


def simulated(seed: int, parameters: SetAccumulation) -> Moments:
    """Moments of the conductance after RESET and after 1 to 20 SET pulses, (21,), uS."""
    g_max = draw_g_max(
        parameters, uniforms(seed, Quantity.G_SET, 0, 0, 0, DEVICES).astype(np.float64)
    )
    start = normals(seed, Quantity.G_RESET, 0, 0, 0, DEVICES).astype(np.float64)
    g, memory = reset(parameters, start)
    passed = [g]
    for pulse in range(PULSES):
        draws = normals(seed, Quantity.PULSE_QUENCH, 0, 0, pulse, DEVICES)
        g, memory = set_pulse(parameters, g, memory, g_max, draws)
        passed.append(g)
    return Moments.of(np.stack(passed))


def propagated(pitch: float = PITCH) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation after 0 to 20 pulses by propagation of the density, (21,), uS.

    States: G_MIN itself, cells of ``pitch`` above it, each standing for its middle, and the g_max
    at which a device stops. One density per g_max, 16 of them evenly over the range; the same
    matrix of transitions serves all, whatever a step carries beyond a g_max being put there. The
    start, far narrower than a step, enters by nine Gauss-Hermite nodes.
    """
    low, high = G_MAX
    middles = low + (np.arange(16) + 0.5) * (high - low) / 16
    last = np.rint((middles - G_MIN) / pitch).astype(int)  # cells below each g_max
    edges = G_MIN + pitch * np.arange(last[-1] + 1)
    centres = (edges[:-1] + edges[1:]) / 2
    inside = np.arange(len(centres)) < last[:, None]
    levels = np.concatenate([[G_MIN], centres])

    def transitions(g: np.ndarray, memory: float) -> np.ndarray:
        """Probability of each state (columns: G_MIN, cells, beyond the last) after a pulse."""
        mean = g - 0.084 * g + 0.880 + 1.40 * memory
        std = 0.091 * g + 0.260 + 2.15 * memory
        below = ndtr((edges - mean[:, None]) / std[:, None])
        return np.diff(below, axis=1, prepend=0, append=1)

    nodes, weights = np.polynomial.hermite_e.hermegauss(9)
    start = np.maximum(G_MIN + RESET_STD * nodes, 0)
    spread = np.full((16, 1), 1.0) * (weights / weights.sum())
    mean, std = [G_MIN], [RESET_STD]
    at_max = np.zeros(16)
    memory = 1.0
    for pulse in range(PULSES):
        after = spread @ transitions(start if pulse == 0 else levels, memory)
        top = at_max[:, None] * transitions(middles, memory)
        after += top
        memory *= np.exp(-1 / MEMORY)
        spread = np.where(np.insert(inside, 0, True, axis=1), after[:, :-1], 0)
        at_max = after.sum(axis=1) - spread.sum(axis=1)
        first = spread @ levels + at_max * middles
        second = spread @ levels**2 + at_max * middles**2
        mean.append(first.mean())
        std.append(np.sqrt(second.mean() - first.mean() ** 2))
    return np.array(mean), np.array(std)


def accumulation(seed: int, parameters: SetAccumulation | None = None) -> xr.Dataset:
    """Mean and spread of the conductance over SET pulses, simulated and propagated."""
    seen = simulated(seed, parameters or SetAccumulation())
    expected = dict(zip(("mean", "spread"), propagated(), strict=True))
    variables = {}
    for moment, word in (("mean", "mean"), ("spread", "standard deviation")):
        text = f"{word} of the conductance after SET pulses"
        for end, values, more in (
            ("", getattr(seen, moment), "simulated"),
            ("_error", getattr(seen, f"{moment}_error"), "standard error"),
            ("_expected", expected[moment], "by propagation of the density"),
        ):
            attributes = {"long_name": f"{text}, {more}", "units": "uS"}
            variables[f"accumulation_{moment}{end}"] = ("pulse", values, attributes)
    pulse = ("pulse", np.arange(PULSES + 1), {"long_name": "SET pulses since RESET", "units": "1"})
    return xr.Dataset(variables, {"pulse": pulse})
