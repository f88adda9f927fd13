"""Time of one GDP iteration per core, against the matrix products that it cannot avoid.

    python benchmarks/core_iteration.py [--cores 8] [--points 4] [--batch 1024] [--size 256]

The products, per core and iteration, with B inputs on R x C unit cells: current and its variance
(2 x 2 B R C operations), gradient (2 B R C), shared by the points of a core the ideal outputs
(2 B R C) and the Gram matrix (2 B R R), and its product with the running estimate (2 R R C). Both
are timed in turns in the same process, one thread; the median of the ratios is what counts.
"""

import argparse
import statistics
import time

import numpy as np

from aimcsim import kernels
from aimcsim.config.hardware import MeltQuench, Periphery
from aimcsim.config.programming import Iterative
from aimcsim.core import Cores, manufacture
from aimcsim.programming import gdp, iterative
from aimcsim.threads import single_threaded

COUNT = 0.129  # uS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("cores", 8), ("points", 4), ("batch", 1024), ("size", 256)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--iterations", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with single_threaded():
        measure(options)


def measure(options: argparse.Namespace) -> None:
    size, runs = options.size, options.cores * options.points
    rng = np.random.default_rng(0)
    device = MeltQuench()
    targets = rng.uniform(-1, 1, (options.cores, size, size)).astype(np.float32)
    targets *= np.float32(device.g_max)
    chips = np.arange(options.cores)
    units = manufacture(
        1, chips, np.zeros_like(chips), targets, device, Periphery(), kernels.backend("cpu")
    )
    fresh = Cores(units, chips)
    baseline = iterative.program(fresh, targets, Iterative(iterations=3))
    ones = np.ones(runs)
    settings = gdp.Hyperparameters(
        batch_size=options.batch, inputs="uniform",
        iterations=np.full(runs, options.iterations), learning_rate=ones * 0.0006,
        noise_threshold=ones * 2, floor=ones * 2, floor_slope=ones * 0.2, stopping=ones > 0,
        running=ones > 0, prior=ones * 6, target_error=ones * 0,
    )  # fmt: skip
    current = np.repeat(baseline.current, options.points, axis=0)

    def iterate() -> float:
        cores = fresh.branch(options.points)
        start = time.perf_counter()
        gdp.program(cores, targets, current, settings, COUNT)
        return (time.perf_counter() - start) / options.iterations / runs

    x = rng.uniform(-1, 1, (options.batch, size)).astype(np.float32)
    matrix, error = targets[0], np.ones((options.batch, size), np.float32)

    def products() -> float:
        start = time.perf_counter()
        for _ in range(options.cores):
            x @ matrix  # ideal outputs
            x.T @ x  # Gram matrix
            for _ in range(options.points):
                x @ matrix  # current
                x @ matrix  # variance
                x.T @ error  # gradient
                matrix @ matrix  # Gram matrix x estimate
        return (time.perf_counter() - start) / runs

    iterate(), products()  # compile, warm up
    pairs = [(iterate(), products()) for _ in range(options.repeats)]
    ours, bare = (statistics.median(times) * 1e3 for times in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    operations = 2 * size**2 * (3 * options.batch + size + 2 * options.batch / options.points)
    print(f"{options.cores} cores x {options.points} points, {size} x {size}, B = {options.batch}")
    print(f"  GDP iteration   {ours:8.2f} ms per core")
    print(f"  bare products   {bare:8.2f} ms per core ({operations / bare / 1e6:.0f} GFLOP/s)")
    print(f"  ratio           {ratio:8.2f}")


if __name__ == "__main__":
    main()
