"""CrossSim on the problem of the comparison, and what bounds its speed where it is not installed.

CrossSim multiplies one vector after the other once read noise is on, and for each draws the noise
of every device of both arrays anew with NumPy (``read_noise`` in its ``simulator/devices``): the
time of those draws alone bounds its speed from above.
"""

import numpy as np

from benchmarks.peers.problem import Problem
from benchmarks.timing import Stopwatch

ARRAYS = 2  # of a balanced core: one for each polarity
VECTORS = 32  # per sample: what is timed is a multiple of one


class CrossSim:
    """Needs the package ``simulator`` of CrossSim, run with 3.2.0; ImportError without."""

    def __init__(self, problem: Problem):
        import simulator

        self.problem, self.simulator = problem, simulator

    def multiplication(self, noisy: bool):
        """Sampler of the time of ``batch`` MVMs."""
        problem, converters = self.problem, self.problem.converters
        settings = self.simulator.CrossSimParameters()
        settings.core.style = "BALANCED"
        settings.xbar.dac.mvm.model = "QuantizerDAC"
        settings.xbar.dac.mvm.bits = converters.dac_bits
        settings.xbar.adc.mvm.model = "QuantizerADC"
        settings.xbar.adc.mvm.bits = round(converters.adc_bits)  # it takes whole bits
        end = problem.full_scale()
        settings.xbar.adc.mvm.calibrated_range = [-end, end]  # weights x inputs
        if noisy:
            settings.xbar.device.read_noise.enable = True
            settings.xbar.device.read_noise.model = "NormalProportionalDevice"
            settings.xbar.device.read_noise.magnitude = problem.device.read_noise
        core = self.simulator.AnalogCore(problem.weights().T.copy(), settings)
        x = problem.inputs(problem.batch).T.copy()

        def sample() -> float:
            with Stopwatch() as watch:
                core.dot(x)
            return watch.cpu

        return sample


def draws(problem: Problem):
    """Sampler of the time to draw the noise of ``VECTORS`` MVMs, both arrays."""
    shape = (problem.size, problem.size)

    def sample() -> float:
        with Stopwatch() as watch:
            for _ in range(VECTORS * ARRAYS):
                np.random.normal(scale=1.0, size=shape)  # noqa: NPY002  # as CrossSim draws
        return watch.cpu

    return sample
