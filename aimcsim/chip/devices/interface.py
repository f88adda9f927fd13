"""What a device model is to the core, and to a programming rule.

The core draws a population of devices and fires pulses at them. A programming rule gets what a
data sheet of the average device would tell, and nothing of the devices drawn.

Two kinds. A *current-controlled* device is set by the current of its last pulse, nearly whatever
was before. An *accumulating* one goes up by SET pulses of one kind and comes back by RESET alone.
Both have a nominal curve of the average device over one abscissa: the current, or the number of
SET pulses since RESET.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from aimcsim.kernels.interface import Kernels, Pulses

RESET_CURRENT = 1.0
SET_PULSE = -1.0  # what the pulse port takes for a SET in place of a current


class Law(Protocol):
    """Devices drawn, a dataclass of arrays (U, D, R, C): at least these two."""

    g_reset: np.ndarray  # uS, after a full RESET
    g_set: np.ndarray  # uS, the most that SET can reach


class DeviceModel(Protocol):
    """A device law with its settings."""

    settings: Any
    accumulates: bool

    @property
    def g_reset(self) -> float:
        """Mean conductance after RESET, uS."""

    @property
    def read_floor(self) -> float:
        """Standard deviation of a read at zero conductance, uS, beside ``settings.read_noise``."""

    @property
    def noisy_reads(self) -> bool:
        """Whether reads have any noise of the devices."""
        return self.settings.read_noise > 0 or self.read_floor > 0

    def read_silently(self) -> Any:
        """Settings of the same device without read noise."""

    def draw(
        self,
        kernels: Kernels,
        seed: int,
        chip: np.ndarray,
        tile: np.ndarray,
        shape: tuple[int, int, int],
    ) -> Law:
        """Devices of U unit cores; ``shape`` is (devices per cell, rows, columns)."""

    def pulse(self, kernels: Kernels, law: Law, pulses: Pulses) -> tuple[np.ndarray, np.ndarray]:
        """Fire; returns int64 (n, 2), RESET (or melt-quench) pulses and SET pulses, and float64
        (n,), their currents above 0 added up, RESET currents."""


class CurrentSheet(Protocol):
    """Data sheet of a current-controlled device: a larger current, a lower conductance."""

    lowest: float  # current below which nothing more changes, RESET currents
    highest: float  # current of a full RESET, RESET currents

    def nominal_current(self, conductance: np.ndarray) -> np.ndarray:
        """Current that brings the average device to ``conductance`` (uS), RESET currents."""


class PulseSheet(Protocol):
    """Data sheet of an accumulating device; ``count`` is SET pulses since RESET."""

    def nominal(self, count: np.ndarray) -> np.ndarray:
        """Conductance of the average device, uS."""

    def spread(self, count: np.ndarray) -> np.ndarray:
        """Standard deviation of that over devices and repetitions, uS."""

    def nominal_count(self, conductance: np.ndarray) -> np.ndarray:
        """SET pulses from RESET to ``conductance`` (uS) for the average device; inf: never."""

    def after_set(
        self, g: np.ndarray, count: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the next SET pulse takes devices now at ``g`` (uS), before any clip.

        Returns mean and standard deviation (uS) of the conductance after it, and how much of a
        deviation from ``g`` is left in it (1).
        """


def fire(
    kernels: Kernels, pulses: Pulses, after: Callable[..., np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Change the devices that are fired at, in plain NumPy.

    ``after(own, state, is_set, noise, current)`` returns their conductances after the pulse, uS:
    ``own`` and ``state`` index arrays (U, D, R, C) and (N, D, R, C), ``is_set`` is bool, ``noise``
    standard normal. Returns what :meth:`DeviceModel.pulse` does.
    """
    cells = pulses.current[0].size if len(pulses.current) else 0
    noise = kernels.normals(pulses.quench, cells).reshape(pulses.current.shape)
    fired = np.nonzero(pulses.current)
    n, row, column = fired
    run, device = pulses.runs[n], pulses.device[fired]
    state, own = (run, device, row, column), (pulses.unit[run], device, row, column)
    is_set = pulses.current[fired] < 0
    pulses.g[state] = after(own, state, is_set, noise[fired], pulses.current[fired])
    count = np.stack(
        [np.bincount(n[kind], minlength=len(pulses.runs)) for kind in (~is_set, is_set)]
    )
    total = np.maximum(pulses.current, 0).sum(axis=(1, 2), dtype=float)
    return count.T.astype(np.int64), total


def count_pulses(count: np.ndarray, state: tuple, is_set: np.ndarray) -> np.ndarray:
    """SET pulses since RESET before this pulse, float32; ``count`` goes on."""
    before = count[state]
    more = np.minimum(before, np.iinfo(count.dtype).max - 1) + count.dtype.type(1)
    count[state] = np.where(is_set, more, 0)
    return before.astype(np.float32)
