"""aihwkit on the problem of the comparison.

Its tiles hold (outputs, inputs). Closed loop: ``program_weights`` of a training tile, which drives
unit vectors and applies its pulsed update; a second call on one tile fails, so each has a fresh
tile. MVMs: an inference tile's C++ or torch back end, called as ``program_weights`` calls it,
without the layers of autograd around it.
"""

import itertools

import numpy as np
import torch
from aihwkit.inference.noise.hermes import HermesNoiseModel
from aihwkit.simulator.configs import InferenceRPUConfig, TorchInferenceRPUConfig
from aihwkit.simulator.parameters import (
    BoundManagementType,
    IOParameters,
    NoiseManagementType,
    WeightNoiseType,
)
from aihwkit.simulator.presets import IdealizedPreset, PCMPreset, ReRamESPreset
from aihwkit.simulator.tiles.analog import AnalogTile
from aihwkit.simulator.tiles.inference import InferenceTile

from benchmarks.peers.problem import Problem
from benchmarks.timing import Stopwatch

PRESETS = {"PCM": PCMPreset, "ReRAM": ReRamESPreset, "idealised": IdealizedPreset}
# Of the closed loop; the default of program_weights is 0.1. Weights are scaled into the devices'
# range, and their outputs back.
RATES, SCALES = (0.003, 0.01, 0.03, 0.1, 0.3), (1.0, 0.5, 0.25, 0.125)
CONVERTERS = ("shipped", "cell")
SETTINGS = list(itertools.product(CONVERTERS, RATES, SCALES))
TIMED_ITERATIONS = 12
UNIT_VECTORS = 1.0  # largest output of a read by unit vectors, in units of the largest weight


class Aihwkit:
    def __init__(self, problem: Problem):
        self.problem = problem
        torch.manual_seed(1)
        torch.set_num_threads(1)
        self.weights = torch.from_numpy(problem.weights().T.copy())  # (outputs, inputs)

    def descent(self, preset: str, converters: str, rate: float, scale: float):
        """Sampler of the time of one iteration of the closed loop: 256 MVMs and an update."""

        def sample() -> float:
            tile = self._fresh(preset, converters, rate, scale)
            with Stopwatch() as watch:
                self._program(tile, rate, TIMED_ITERATIONS)
            return watch.cpu / TIMED_ITERATIONS

        return sample

    def ranked(self, preset: str, settings: list[tuple], iterations: int) -> list[dict]:
        """Every one of ``settings`` after that many iterations, the least error first."""
        tried = [self.programmed(preset, *setting, iterations) for setting in settings]
        return sorted(tried, key=lambda row: row["mvm_error"])

    def programmed(
        self, preset: str, converters: str, rate: float, scale: float, iterations: int
    ) -> dict:
        """A fresh tile after ``iterations`` of the closed loop."""
        tile = self._fresh(preset, converters, rate, scale)
        with Stopwatch() as watch:
            self._program(tile, rate, iterations)
        name = f"{preset} preset, {converters} converters, rate {rate:g}, weights x {scale:g}"
        held = tile.get_weights()[0]
        mvms = iterations * self.problem.size
        row = self._row(name, iterations, held, scale, mvms, watch.cpu)
        return row | {"setting": (converters, rate, scale)}

    def multiplication(self, noisy: bool, back_end: str = "C++"):
        """Sampler of the time of ``batch`` MVMs by an inference tile."""
        tile = self._inference_tile(self.weights, noisy, back_end).tile
        x = torch.from_numpy(self.problem.inputs(self.problem.batch))

        def sample() -> float:
            with torch.no_grad(), Stopwatch() as watch:
                tile.forward(x, False, False, False, True)
            return watch.cpu

        return sample

    def multiply(self, x: np.ndarray) -> np.ndarray:
        """Noisy MVMs of ``x`` (B, R) by the C++ tile, (B, C)."""
        tile = self._inference_tile(self.weights, noisy=True).tile
        return tile.forward(torch.from_numpy(x), False, False, False, True).numpy()

    def one_shot(self):
        """Sampler of the time to draw a tile's programming noise, HERMES with one device."""
        tile = self._hermes_tile()

        def sample() -> float:
            with Stopwatch() as watch:
                tile.program_weights()
            return watch.cpu

        return sample

    def one_shot_row(self) -> dict:
        tile = self._hermes_tile()
        with Stopwatch() as watch:
            tile.program_weights()
        return self._row("HERMES noise, drawn", 0, tile.programmed_weights, 1.0, 0, watch.cpu)

    def _hermes_tile(self) -> InferenceTile:
        config = self._inference_config(noisy=True)
        config.noise_model, config.drift_compensation = HermesNoiseModel(num_devices=1), None
        tile = InferenceTile(self.problem.size, self.problem.size, config)
        tile.set_weights(self.weights)
        return tile

    def _fresh(self, preset: str, converters: str, rate: float, scale: float) -> AnalogTile:
        config = PRESETS[preset]()
        if converters == "cell":
            config.forward = self._converters(
                UNIT_VECTORS * scale, self.problem.converters.adc_bits,
                scale * self.problem.converters.adc_noise / self.problem.device.g_max,
            )  # fmt: skip
        tile = AnalogTile(self.problem.size, self.problem.size, config)
        tile.set_learning_rate(rate)  # else it has none to put back
        tile.set_weights(scale * self.weights)
        # Devices cannot hold what is beyond their bounds; the loop is to reach all of it.
        tile.reference_combined_weights = None
        return tile

    @staticmethod
    def _program(tile: AnalogTile, rate: float, iterations: int) -> None:
        tile.program_weights(learning_rate=rate, max_iter=iterations, tolerance=None)

    def _inference_tile(self, weights, noisy: bool, back_end: str = "C++") -> InferenceTile:
        config = self._inference_config(noisy, back_end)
        tile = config.tile_class(self.problem.size, self.problem.size, config)
        tile.set_weights(weights)
        return tile

    def _inference_config(self, noisy: bool, back_end: str = "C++") -> InferenceRPUConfig:
        config = TorchInferenceRPUConfig() if back_end == "torch" else InferenceRPUConfig()
        config.forward = self._converters(
            self.problem.full_scale(), self.problem.converters.adc_bits,
            self.problem.output_noise(),
        )  # fmt: skip
        if noisy:
            # Its variance of a weight goes with |w|, ours with w**2: equal on the average weight.
            config.forward.w_noise_type = WeightNoiseType.PCM_READ
            mean = float(np.abs(self.problem.weights()).mean())
            config.forward.w_noise = self.problem.noise_of_a_weight() / np.sqrt(mean)
        return config

    def _converters(self, full_scale: float, adc_bits: float, noise: float) -> IOParameters:
        """DAC and ADC of that range and resolution, with no management of their ranges."""
        return IOParameters(
            bound_management=BoundManagementType.NONE,
            noise_management=NoiseManagementType.NONE,
            inp_res=1 / (2**self.problem.converters.dac_bits - 2),
            out_res=1 / (2**adc_bits - 2),
            out_bound=full_scale,
            out_noise=noise,
        )

    def _row(self, method, iterations, held, scale, mvms, seconds: float) -> dict:
        weights = held / scale
        judge = self._inference_tile(weights, noisy=True).tile
        multiply = lambda x: judge.forward(  # noqa: E731
            torch.from_numpy(x), False, False, False, True
        ).numpy()
        # The CPU back end does not count pulses; an update fires at most 31 on each device.
        return {
            "simulator": "aihwkit",
            "method": method,
            "iterations": iterations,
            "mvm_error": self.problem.error(multiply),
            "held_error": self.problem.held_error(weights.numpy().T),
            "mvms": mvms,
            "cell_reads": 0,
            "pulses": f"up to {31 * iterations}" if iterations else "0.0",
            "seconds": seconds,
        }
