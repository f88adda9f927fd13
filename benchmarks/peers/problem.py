"""What every simulator is given: a matrix, inputs, converters; and how its error is counted."""

from dataclasses import dataclass, field

import numpy as np

from aimcsim.chip import periphery
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.inputs import driven
from aimcsim.chip.periphery import Periphery
from aimcsim.evaluation.mvm_error import COMPENSATIONS, mvm_errors

FRESH_INPUTS = 2048
REPEATS = 16
GLOBAL = COMPENSATIONS.index("global")


@dataclass(frozen=True)
class Problem:
    """Matrix and inputs in units of the largest weight; converters as of ``aimcsim``'s defaults.

    The columns' gain and offset spread is off: the others have none.
    """

    size: int = 256
    batch: int = 256
    device: MeltQuench = field(default_factory=MeltQuench)
    converters: Periphery = field(default_factory=lambda: Periphery(column_gain=0, column_offset=0))

    def weights(self) -> np.ndarray:
        """Uniform on [-1, 1], float32 (R, C)."""
        rng = np.random.default_rng(1)
        return rng.uniform(-1, 1, (self.size, self.size)).astype(np.float32)

    def inputs(self, count: int, seed: int = 2) -> np.ndarray:
        """Uniform on [-1, 1], on the DAC's grid, float32 (count, R)."""
        x = np.random.default_rng(seed).uniform(-1, 1, (count, self.size)).astype(np.float32)
        bits = self.converters.dac_bits
        return driven(self.converters, periphery.to_dac_grid(x, bits))

    def full_scale(self) -> float:
        """End of the ADC's range, weights x inputs."""
        g_max = self.device.g_max
        ranges = periphery.adc_ranges(self.converters, self.weights()[None] * g_max, g_max)
        return float(ranges.mvm[0]) / g_max

    def output_noise(self) -> float:
        """Standard deviation of a conversion, weights x inputs."""
        return periphery.adc(self.converters).noise * self.full_scale()

    def noise_of_a_weight(self) -> float:
        """Root mean square of the read noise of a weight: that of a device, in proportion to it."""
        return self.device.read_noise * float(np.sqrt(np.mean(np.square(self.weights()))))

    def error(self, multiply, seed: int = 3) -> float:
        """MVM error, percent, of ``multiply`` (inputs (B, R) to outputs (B, C)) on fresh inputs."""
        x = self.inputs(FRESH_INPUTS, seed)
        y = np.ascontiguousarray(multiply(x), np.float32)
        ideal = x @ self.weights()
        return float(mvm_errors(y[None], ideal[None], np.array([0]))[0, GLOBAL])

    def noise(self, multiply) -> float:
        """Standard deviation of what ``multiply`` gives for equal inputs, weights x inputs."""
        x = self.inputs(self.batch)
        y = np.stack([multiply(x) for _ in range(REPEATS)])
        return float(np.sqrt(y.var(axis=0, ddof=1).mean()))

    def held_error(self, weights: np.ndarray) -> float:
        """The same of the exact ``weights`` that a core holds, without any read-out."""
        return self.error(lambda x: x @ weights)
