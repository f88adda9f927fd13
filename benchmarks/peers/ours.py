"""aimcsim on the problem of the comparison."""

import numpy as np

from aimcsim import kernels
from aimcsim.chip.core import Cores, UnitCores, manufacture
from aimcsim.common.random import Phase
from aimcsim.programming import iterative, open_loop
from aimcsim.programming.gdp import Gdp
from aimcsim.programming.iterative import Iterative
from aimcsim.programming.open_loop import OpenLoop
from benchmarks.cores import descend
from benchmarks.peers.problem import Problem
from benchmarks.timing import Stopwatch

CORES = 16  # of the batch that shows the time per core
RUN = np.array([0])


class Ours:
    def __init__(self, problem: Problem):
        self.problem = problem
        self._core = None  # for multiply, made when wanted

    def units(self, cores: int = 1, **device) -> tuple[UnitCores, np.ndarray]:
        """Fresh unit cores and their targets, uS; ``device`` replaces values of the device."""
        settings = self.problem.device.model_copy(update=device)
        targets = np.repeat(self.problem.weights()[None] * settings.g_max, cores, axis=0)
        chips = np.arange(cores)
        made = manufacture(
            1, chips, np.zeros_like(chips), targets, settings, self.problem.converters,
            kernels.backend("cpu"),
        )  # fmt: skip
        return made, targets

    def descent(self, cores: int, inputs: str, iterations: int = 12):
        """Sampler of the time of one GDP iteration on each of ``cores`` cores."""
        units, targets = self.units(cores)
        fresh = Cores(units, np.arange(cores))
        start = iterative.program(fresh, targets, Iterative(iterations=3))
        settings = Gdp(inputs=inputs, batch_size=self.problem.batch, iterations=iterations)

        def sample() -> float:
            branch = fresh.branch(1)
            with Stopwatch() as watch:
                outcome = descend(branch, targets, start.current, settings)
            return watch.cpu / np.isfinite(outcome.error).sum()

        return sample

    def multiplication(self, **device):
        """Sampler of the time of ``batch`` noisy MVMs on one core."""
        x = self.problem.inputs(self.problem.batch)[None]
        cores = self._drawn(**device)

        def sample() -> float:
            with Stopwatch() as watch:
                cores.mvm(x, RUN)
            return watch.cpu

        return sample

    def multiply(self, x: np.ndarray) -> np.ndarray:
        """Noisy MVMs of ``x`` (B, R), (B, C), weights x inputs; the noise is new in each call."""
        if self._core is None:
            self._core = self._drawn()
        return self._core.mvm(x[None], RUN)[0] / np.float32(self.problem.device.g_max)

    def _drawn(self, **device) -> Cores:
        units, targets = self.units(**device)
        return open_loop.program(units, targets, OpenLoop())[0]

    def one_shot(self):
        """Sampler of the time to draw a core with the published programming error."""
        units, targets = self.units()

        def sample() -> float:
            with Stopwatch() as watch:
                open_loop.program(units, targets, OpenLoop())
            return watch.cpu

        return sample

    def programmed(self) -> list[dict]:
        """What each method reaches, at what cost, on one core."""
        units, targets = self.units()
        rows = []
        cores = Cores(units, RUN)
        with Stopwatch() as watch:
            verified = iterative.program(cores, targets, Iterative())
        before = watch.cpu
        rows.append(self._row("program-and-verify", cores, before, Iterative().iterations))
        for inputs, batch in (("uniform", self.problem.batch), ("orthogonal", self.problem.batch),
                              ("uniform", 1024)):  # fmt: skip
            branch = cores.branch(1)
            settings = Gdp(inputs=inputs, batch_size=batch)
            with Stopwatch() as watch:
                outcome = descend(branch, targets, verified.current, settings)
            name = f"program-and-verify, then GDP of {batch} {inputs} inputs"
            iterations = Iterative().iterations + int(np.isfinite(outcome.error).sum())
            rows.append(self._row(name, branch, before + watch.cpu, iterations))
        with Stopwatch() as watch:
            drawn = open_loop.program(units, targets, OpenLoop())[0]
        rows.append(self._row("published programming error (HERMES), drawn", drawn, watch.cpu, 0))
        return rows

    def _row(self, method: str, cores: Cores, seconds: float, iterations: int) -> dict:
        held = cores.true_conductances()[0]
        judged = cores.later(cores.true_conductances(), Phase.EVALUATION)
        ledger = cores.ledger
        return {
            "simulator": "aimcsim",
            "method": method,
            "iterations": iterations,
            "mvm_error": self.problem.error(lambda x: judged.mvm(x[None], RUN)[0]),
            "held_error": self.problem.held_error(held[0] - held[1]),
            "mvms": int(ledger.mvms[0]),
            "cell_reads": int(ledger.cell_reads[0]),
            "pulses": f"{ledger.pulses[0] / self.problem.size**2:.1f}",
            "seconds": seconds,
        }
