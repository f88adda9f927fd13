"""Cores to measure: GDP from an iterative start, and the matrix products that it cannot avoid."""

from dataclasses import dataclass

import numpy as np

from aimcsim import kernels
from aimcsim.chip.core import Cores, manufacture
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.inputs import patterns_per_pass
from aimcsim.chip.periphery import Periphery
from aimcsim.programming import iterative
from aimcsim.programming.gdp import Gdp
from aimcsim.programming.iterative import Iterative
from aimcsim.programming.outcome import Outcome
from aimcsim.programming.ruled import Rule
from benchmarks.timing import Stopwatch

FLOAT = 4  # bytes
# Operations beside the products, counted in the kernels' source; a comparison or a conversion is
# one. Drawing a word by Philox 4x32-10 takes 25: 10 rounds of 10, four words. Radius and angle of
# two normals take 55, so that a normal takes 53.
INPUT = 30  # a word, and its rounding to the DAC's grid
OUTPUT = 70  # a normal; gain, offset, noise, rounding and clipping; the error and its square
CELL = 50  # net conductance and its variance; estimate folded in; threshold, decision, new current
START_ITERATIONS = 3  # of the iterative start: what follows does not depend on it


@dataclass(frozen=True)
class Case:
    """One batch of cores; the hyperparameters are the defaults of the configuration."""

    cores: int = 4
    points: int = 4  # runs of each core
    batch: int = 256  # inputs per iteration
    size: int = 256  # rows and columns
    inputs: str = "uniform"
    iterations: int = 12

    @property
    def runs(self) -> int:
        return self.cores * self.points

    def products(self) -> float:
        """Operations of the matrix products of one core-iteration with random inputs.

        With B inputs on R x C cells: current, its variance and gradient (2 B R C each), the Gram
        matrix of the inputs times the running estimate (2 R R C); shared by the points of a core
        the ideal outputs (2 B R C) and the Gram matrix (B R R: the other half is its mirror).
        """
        b, n = self.batch, self.size
        return 2.0 * n * n * (3 * b + n + 1.5 * b / self.points)

    def operations(self) -> float:
        """Operations that one core-iteration cannot avoid: products or transforms, and the rest.

        Whole passes of orthogonal inputs take Walsh-Hadamard transforms, n log2 n additions for a
        column of n, in place of the products: for the current and the gradient, and shared by the
        points for the ideal outputs. Their Gram matrix and their squares are constant. The few
        cells that are pulsed are not counted.
        """
        b, n, order = self.batch, self.size, patterns_per_pass(self.size)
        rest = OUTPUT * b * n + CELL * n * n
        if self.inputs != "orthogonal" or b % order:
            return self.products() + rest + INPUT * b * n / self.points
        return b * np.log2(order) * n * (2 + 1 / self.points) + rest

    def traffic(self) -> float:
        """Bytes of state that one core-iteration must move, from wherever they lie.

        Read two devices, current, sign (float32), device and mask (one byte); read and write the
        estimate and its variance; shared by the points the target, and scatter and response
        there. Inputs and outputs are not counted: they can be made where they are used.
        """
        return self.size**2 * (FLOAT * (8 + 3 / self.points) + 2)


def descend(cores: Cores, targets: np.ndarray, current: np.ndarray, point: Gdp) -> Outcome:
    """Every run of ``cores`` by GDP with the settings ``point``, from its present state.

    ``targets`` (U, R, C), uS, per unit core; ``current`` (N, R, C), last used on each device.
    """
    points = [point] * (len(cores) // len(targets))
    run = Gdp.runner(points, len(targets))
    return run(cores, targets, current, Rule.of(points, len(targets))).execute()


class Trial:
    """A case with its cores manufactured and programmed iteratively."""

    def __init__(self, case: Case):
        self.case = case
        rng = np.random.default_rng(0)
        device = MeltQuench()
        shape = (case.cores, case.size, case.size)
        self.targets = rng.uniform(-device.g_max, device.g_max, shape).astype(np.float32)
        chips = np.arange(case.cores)
        units = manufacture(
            1, chips, np.zeros_like(chips), self.targets, device, Periphery(),
            kernels.backend("cpu"),
        )  # fmt: skip
        self.fresh = Cores(units, chips)
        start = Iterative(iterations=START_ITERATIONS)
        outcome = iterative.program(self.fresh, self.targets, start)
        self.current = np.repeat(outcome.current, case.points, axis=0)
        self.point = Gdp(batch_size=case.batch, inputs=case.inputs, iterations=case.iterations)
        self.x = rng.uniform(-1, 1, (case.batch, case.size)).astype(np.float32)

    def iterate(self) -> float:
        """Time per core-iteration, one run of ``case.iterations`` with all that it needs."""
        cores = self.fresh.branch(self.case.points)
        with Stopwatch() as watch:
            outcome = descend(cores, self.targets, self.current, self.point)
        return watch.cpu / np.isfinite(outcome.error).sum()

    def products(self) -> float:
        """Time of ``case.products()`` per core-iteration, in warm buffers."""
        x, matrix, case = self.x, self.targets[0], self.case
        outputs = np.empty((case.batch, case.size), np.float32)
        square = np.empty((case.size, case.size), np.float32)
        with Stopwatch() as watch:
            for _ in range(case.cores):
                np.matmul(x, matrix, out=outputs)  # ideal outputs
                np.matmul(x.T, x, out=square)  # Gram matrix
                for _ in range(case.points):
                    np.matmul(x, matrix, out=outputs)  # current
                    np.matmul(x, matrix, out=outputs)  # variance
                    np.matmul(x.T, outputs, out=square)  # gradient
                    np.matmul(matrix, matrix, out=square)  # Gram matrix x estimate
        return watch.cpu / case.runs
