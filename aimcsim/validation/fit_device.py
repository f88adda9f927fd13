"""Fit the melt-quench model to what is published of iterative programming, and to nothing else.

The published curve is the programming error of program-and-verify over the target conductance, with
one device per polarity (HERMES_ODP) and with two (HERMES_TDP). Our loops are run on uniform weights
with the parameters under trial, and three of these are moved until the spreads agree: the jitter
of the pulse current, the noise of the quenched conductance, and the noise of a unit-cell read. No
gradient-descent programming takes part.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from aimcsim import kernels
from aimcsim.chip.core import Cores, manufacture
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.periphery import Periphery
from aimcsim.chip.settings import devices_per_polarity
from aimcsim.evaluation.programming_error import SHARES, programming_error
from aimcsim.physics.state_statistics import HERMES_ODP, HERMES_TDP
from aimcsim.programming import iterative
from aimcsim.programming.iterative import Iterative

CURVES = {"odp": HERMES_ODP, "tdp": HERMES_TDP}
FITTED = SHARES > 0.1  # shares of g_max that count
SIDE = 256
START = (0.01, 0.02, 0.5)  # RESET currents, 1, uS
LIMIT = np.array([1.0, 1.0, 100.0])


@dataclass(frozen=True)
class Fit:
    """Parameters found, and root-mean-square relative distance from each published curve."""

    current_jitter: float  # RESET currents
    quench_noise: float  # 1
    cell_noise: float  # uS
    distance: dict[str, float]


def spread(
    unit_cell: str, device: MeltQuench, converters: Periphery, method: Iterative, seed: int = 1
) -> np.ndarray:
    """Spread of our programming error on one core of uniform weights, uS, over ``SHARES``."""
    weights = np.random.default_rng(seed).uniform(-1, 1, (1, SIDE, SIDE))
    g_max = device.g_max * devices_per_polarity(unit_cell)
    targets = (g_max * weights).astype(np.float32)
    zero = np.zeros(1, np.uint32)
    units = manufacture(
        seed, zero, zero, targets, device, converters, kernels.backend("cpu"), unit_cell
    )
    cores = Cores(units, zero)
    iterative.program(cores, targets, method)
    net = np.einsum("d,ndrc->nrc", units.polarity, cores.true_conductances())
    return programming_error(net, targets, units.g_max)["programming_error_spread"][0]


def published(unit_cell: str, device: MeltQuench) -> np.ndarray:
    """The published spread at the same shares of g_max, uS."""
    g_max = device.g_max * devices_per_polarity(unit_cell)
    return CURVES[unit_cell].on(g_max).sigma_prog(SHARES)


def distance(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Root mean square of ours / theirs - 1 over 0.1 to 1 of g_max."""
    return float(np.sqrt(np.mean((ours[FITTED] / theirs[FITTED] - 1) ** 2)))


def fit(
    unit_cells: tuple[str, ...],
    device: MeltQuench,
    converters: Periphery,
    method: Iterative,
    evaluations: int = 80,
    progress: Callable[[], None] = lambda: None,
) -> Fit:
    """Fit to the curves of ``unit_cells`` (``odp``, ``tdp``) together, by Nelder-Mead."""

    def distances(values: np.ndarray, schemes=unit_cells) -> dict[str, float]:
        jitter, quench, cell = np.minimum(np.abs(values), LIMIT).tolist()
        tried = device.model_copy(update={"current_jitter": jitter, "quench_noise": quench})
        reading = converters.model_copy(update={"cell_noise": cell})
        return {
            name: distance(spread(name, tried, reading, method), published(name, device))
            for name in schemes
        }

    def loss(values: np.ndarray) -> float:
        progress()
        return sum(value**2 for value in distances(values).values())

    simplex = np.array(START) * np.array([[1, 1, 1], [2, 1, 1], [1, 3, 1], [1, 1, 1.6]])
    options = {"maxfev": evaluations, "xatol": 1e-4, "fatol": 1e-5, "initial_simplex": simplex}
    found = minimize(loss, START, method="Nelder-Mead", options=options).x
    jitter, quench, cell = np.minimum(np.abs(found), LIMIT).tolist()
    return Fit(jitter, quench, cell, distances(found, tuple(CURVES)))
