"""GDP's rule on plain cell reads: what of GDP's gain is the rule, and what the MVM.

Every iteration reads all cells. An estimate of each cell's error, with its variance, averages all
reads since its device was last pulsed, by the Kalman gain; the rule from estimate to pulse is that
of GDP (:mod:`aimcsim.programming.ruled`). The variance of a read is what data sheets say: the
devices' read noise at the target, and the converter's noise and step. Our design, as a baseline.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np

from aimcsim.chip.periphery import Periphery, conversion_noise
from aimcsim.common.arrays import to_host
from aimcsim.common.section import OURS, key
from aimcsim.programming.gdp import TINY
from aimcsim.programming.iterative import measured_offsets
from aimcsim.programming.method import METHODS
from aimcsim.programming.outcome import relative_percent
from aimcsim.programming.ruled import RuledMethod, RuledRun


@METHODS.register("reads")
class Reads(RuledMethod):
    """GDP's running estimate and decision rule, on reads of unit cells in place of MVMs."""

    label: ClassVar = "cell reads with GDP's rule"
    sees: ClassVar = "relative error of the unit-cell reads"
    default_study: ClassVar = {"reads": {"iterations": [10, 20, 40]}}

    reads: int = key(
        1,
        "Conversions of a cell that an iteration averages; each costs time and energy.",
        unit="conversions",
        ge=1,
        le=1024,
        source=OURS,
    )
    offset_conversions: int = key(
        64,
        "Conversions without input, at the start, by which the offset of each column's converter "
        "is measured; it is subtracted from all reads. 0: not measured.",
        unit="conversions",
        ge=0,
        le=65536,
        source=OURS,
    )

    def least_noise(self, periphery: Periphery) -> float:
        return conversion_noise(periphery) / np.sqrt(self.reads * self.iterations)

    @classmethod
    def runner(cls, points: Sequence[Self], units: int) -> Callable[..., RuledRun]:
        return partial(_Run, settings=points[0])


class _Run(RuledRun):
    """N runs; see :class:`~aimcsim.programming.ruled.RuledRun`."""

    def __init__(self, *state: Any, settings: Reads, **more: Any):
        super().__init__(*state, **more)
        self.settings = settings
        self.offset = measured_offsets(self.cores, settings.offset_conversions)
        units = self.cores.units
        floor = units.periphery.adc_noise**2 * (units.cell_range / units.periphery.adc_range) ** 2
        converter = (floor + units.step**2 / 12)[:, None, None]
        device = units.device.read_noise * self.magnitude + units.model.read_floor
        self.noise = ((converter + device**2) / settings.reads).astype(np.float32)  # (U, R, C)

    def observe(self, runs: np.ndarray, iteration: int) -> None:
        own = self.cores.unit[runs]
        targets = self.targets[own]
        read = self.cores.read_cells(runs, conversions=self.settings.reads) - self.offset[runs]
        self.error[runs, iteration] = relative_percent(read - targets, targets)
        estimate, variance = self.estimate[runs], self.variance[runs]
        known = variance / (variance + self.noise[own])
        self.estimate[runs] = estimate + known * (read - targets - estimate)
        self.variance[runs] = (1 - known) * variance

    def irreducible(self, runs: np.ndarray) -> np.ndarray:
        noise, held = (
            to_host(part.sum(axis=(1, 2), dtype=np.float64))[self.cores.unit[runs]]
            for part in (self.noise, np.square(self.magnitude))
        )
        return 100 * np.sqrt(noise / np.maximum(held, TINY))
