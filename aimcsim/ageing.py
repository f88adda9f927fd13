"""What time does to programmed cores: drift, and the slow part of read noise.

Both by published statistics of conductance states (:mod:`aimcsim.devices.statistics`). Every
device draws its drift exponent once and keeps it through time. The 1/f noise of a read is slow
against a batch of MVMs: at a given time it is one deviation per device, the same for all inputs;
at another time another. Devices of all states of a core (methods, hyperparameter points) have the
same draws, so that methods are compared on the same fate.
"""

from dataclasses import dataclass

import numpy as np

from aimcsim.core import UnitCores
from aimcsim.devices.statistics import StateStatistics, drift_exponents, drifted, read_noise
from aimcsim.devices.statistics import open_loop as residual
from aimcsim.kernels.address import Address
from aimcsim.random import Phase, Quantity


@dataclass(frozen=True)
class Aged:
    """Device conductances at some time, each float32 (U, S, D, R, C), uS."""

    drifted: np.ndarray
    read: np.ndarray  # with the slow read noise of that moment


def age(
    units: UnitCores,
    conductances: np.ndarray,
    statistics: StateStatistics,
    t: float,
    index: int,
    drifts: bool = True,
) -> Aged:
    """S states of each unit core at ``t`` seconds after programming.

    Parameters
    ----------
    conductances : float32 (U, S, D, R, C), uS, as programmed; taken as those at the statistics' t0
    t : s, at least the statistics' t0
    index : number of the time; read noise at another index is another draw
    drifts : False: conductances stay as programmed, and read noise alone acts
    """
    shape = (len(conductances), 1, *conductances.shape[2:])
    exponents = _normals(units, Quantity.DRIFT_EXPONENT, 0, shape)
    nu = drift_exponents(statistics, conductances, exponents)
    later = drifted(statistics, conductances, nu, t) if drifts else conductances
    deviation = read_noise(statistics, later, t, programmed=conductances)
    slow = _normals(units, Quantity.SLOW_READ, index, shape)
    noisy = np.maximum(later + deviation * slow, 0)
    return Aged(later.astype(np.float32), noisy.astype(np.float32))


def open_loop(units: UnitCores, targets: np.ndarray, statistics: StateStatistics) -> np.ndarray:
    """Conductances as the published residual of iterative programming would leave them at t0.

    No loop is simulated: each target (U, R, C), uS, gets a deviation of the published size.
    Returns float32 (U, 1, D, R, C): the first device of the target's polarity carries all, the
    others are at the mean RESET state.
    """
    normals = _normals(units, Quantity.OPEN_LOOP, 0, targets.shape)
    programmed = np.abs(residual(statistics, targets, normals))
    devices = len(units.polarity)
    states = np.full((len(targets), 1, devices, *targets.shape[1:]), units.model.g_reset, "f4")
    states[:, 0, 0] = np.where(targets > 0, programmed, states[:, 0, 0])
    second = devices // 2  # first device of the negative polarity
    states[:, 0, second] = np.where(targets < 0, programmed, states[:, 0, second])
    return states


def _normals(units: UnitCores, quantity: Quantity, access: int, shape: tuple) -> np.ndarray:
    """Standard normal draws per unit core, float32 ``shape`` (U, ...)."""
    address = Address(
        units.seed,
        units.chip,
        units.tile,
        int(quantity) + int(Phase.EVALUATION),
        np.full(len(units.chip), access, np.uint32),
    )
    return units.kernels.normals(address, int(np.prod(shape[1:]))).reshape(shape)
