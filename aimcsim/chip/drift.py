"""What time does to programmed cores: drift, and the slow part of read noise.

Both by published statistics of conductance states (:mod:`aimcsim.physics.state_statistics`). What
they describe is the conductance of one polarity of a unit cell: with two devices per polarity, of
the pair. So there is one drift exponent and one slow deviation per polarity, at the pair's total
conductance over the pair's g_max, and its devices share both in proportion to their conductance:
however a sum is split over a pair, it ages as on one device.

Every polarity draws its exponent once and keeps it through time. The 1/f noise of a read is slow
against a batch of MVMs: at a given time it is one deviation per polarity, the same for all inputs;
at another time another. All states of a core (methods, hyperparameter points) have the same draws,
so that methods are compared on the same fate.
"""

from dataclasses import dataclass

import numpy as np

from aimcsim.chip.core import POLARITIES, UnitCores
from aimcsim.common.arrays import to_host
from aimcsim.common.random import Address, Phase, Quantity
from aimcsim.physics.state_statistics import StateStatistics, drift_exponents, drifted, noise_growth
from aimcsim.physics.state_statistics import open_loop as residual


@dataclass(frozen=True)
class Aged:
    """Device conductances at some time, each float32 (U, S, D, R, C), uS."""

    drifted: np.ndarray
    read: np.ndarray  # with the slow read noise of that moment


class Ageing:
    """The fate of S states of each unit core: what their conductances at t0 decide, once."""

    def __init__(self, units: UnitCores, conductances: np.ndarray, statistics: StateStatistics):
        """``conductances`` float32 (U, S, D, R, C), uS, as programmed: those at the laws' t0.

        On the host, or on the kernels' device: all that follows is computed there.
        """
        self.units, self.start, self.statistics = units, conductances, statistics
        count, states, _, rows, columns = conductances.shape
        # (U, S, polarity, device of it, R, C); of laws and draws the devices of a polarity are one.
        self._split = (count, states, len(POLARITIES), units.devices_per_polarity, rows, columns)
        self._shape = (count, 1, len(POLARITIES), 1, rows, columns)
        total = conductances.reshape(self._split).sum(axis=3, keepdims=True)
        normals = self._normals(Quantity.DRIFT_EXPONENT, 0)
        self._exponents = drift_exponents(statistics, total, normals)
        self._scale = statistics.read_noise_scale(total / statistics.g_max)

    def at(self, t: float, index: int, drifts: bool = True) -> Aged:
        """The states at ``t`` seconds after programming.

        Parameters
        ----------
        t : s, at least the statistics' t0
        index : number of the time; read noise at another index is another draw
        drifts : False: conductances stay as programmed, and read noise alone acts
        """
        laws, later = self.statistics, self.start.reshape(self._split)
        if drifts:
            later = drifted(laws, later, self._exponents, t)
        noisy = np.abs(later)
        noisy *= self._scale
        noisy *= np.float32(noise_growth(laws, t))
        noisy *= self._normals(Quantity.SLOW_READ, index)
        noisy += later
        np.maximum(noisy, 0, out=noisy)
        return Aged(later.reshape(self.start.shape), noisy.reshape(self.start.shape))

    def _normals(self, quantity: Quantity, access: int) -> np.ndarray:
        """Where the conductances are."""
        drawn = _normals(self.units, quantity, access, self._shape)
        return to_host(drawn) if isinstance(self.start, np.ndarray) else drawn


def age(
    units: UnitCores,
    conductances: np.ndarray,
    statistics: StateStatistics,
    t: float,
    index: int,
    drifts: bool = True,
) -> Aged:
    """:meth:`Ageing.at` of one time alone."""
    return Ageing(units, conductances, statistics).at(t, index, drifts)


def open_loop(units: UnitCores, targets: np.ndarray, statistics: StateStatistics) -> np.ndarray:
    """Conductances as the published residual of iterative programming would leave them at t0.

    No loop is simulated: each target (U, R, C), uS, gets a deviation of the published size.
    Returns float32 (U, 1, D, R, C): the first device of the target's polarity carries all, the
    others are at the mean RESET state; stuck devices are where they are stuck.
    """
    normals = to_host(_normals(units, Quantity.OPEN_LOOP, 0, targets.shape))
    programmed = np.abs(residual(statistics, targets, normals))
    devices = len(units.polarity)
    states = np.full((len(targets), 1, devices, *targets.shape[1:]), units.model.g_reset, "f4")
    states[:, 0, 0] = np.where(targets > 0, programmed, states[:, 0, 0])
    second = devices // 2  # first device of the negative polarity
    states[:, 0, second] = np.where(targets < 0, programmed, states[:, 0, second])
    if units.stuck is not None:
        stuck = to_host(units.stuck)[:, None]
        states = np.where(np.isnan(stuck), states, stuck)
    return states


def _normals(units: UnitCores, quantity: Quantity, access: int, shape: tuple) -> np.ndarray:
    """Standard normal draws per unit core, float32 ``shape`` (U, ...), on the kernels' device."""
    address = Address(
        units.seed,
        units.chip,
        units.tile,
        int(quantity) + int(Phase.EVALUATION),
        np.full(len(units.chip), access, np.uint32),
    )
    return units.kernels.normals(address, int(np.prod(shape[1:]))).reshape(shape)
