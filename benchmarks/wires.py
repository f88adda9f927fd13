"""Wire resistance: error and time of the approximations against the exact nodal solve.

    python -m benchmarks.wires [--sizes 64 256] [--ohms 0.1 0.35 1 2.5 5] [--inputs 16]

Error: of the deviation that wires cause in the output currents, L2 over outputs and random inputs
(uniform on [-1, 1]), relative to that deviation. Beside ``wires.approximate`` (once per matrix)
stand its product of ladders alone and a fixed-point iteration on the voltage drops, which starts
anew for every input. Conductances, uS, of one polarity with a maximum of 10.35:
``uniform`` on [0, 10.35]; ``weights``: the positive part of Gaussian weights, 3 sigma at the
maximum, 0.1 elsewhere; ``block``: 10.35 in the quarter with the longest wires, 0.1 elsewhere;
``diagonal``: 10.35 in that quarter and in the opposite one.
"""

import argparse
import time

import numpy as np

from aimcsim.common.threads import single_threaded
from aimcsim.physics import crossbar as wires

G_MAX, G_RESET = 10.35, 0.1  # uS
SWEEPS = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--ohms", type=float, nargs="+", default=[0.1, 0.35, 1, 2.5, 5])
    parser.add_argument("--kinds", nargs="+", default=list(CONDUCTANCES))
    parser.add_argument("--inputs", type=int, default=16)
    options = parser.parse_args()
    print(
        f"{'conductances':13}{'size':>5}{'Ohm':>6}{'deviation':>11} |"
        f"{'approximate':>12}{'product':>9}{'fixed point':>12} |"
        " exact s, ms per matrix, ms per input"
    )
    with single_threaded():
        for kind in options.kinds:
            for size in options.sizes:
                for ohm in options.ohms:
                    print(row(kind, size, ohm, options.inputs), flush=True)


def row(kind: str, size: int, ohm: float, inputs: int) -> str:
    rng = np.random.default_rng(size)
    g = CONDUCTANCES[kind](rng, size)
    x = rng.uniform(-1, 1, (inputs, size))
    exact, exact_time = timed(lambda: wires.exact(g, x, ohm, ohm))
    transfer, matrix_time = timed(lambda: wires.effective_conductance(g, ohm, ohm))
    iterated, input_time = timed(lambda: fixed_point(g, x, ohm, ohm))
    product = x @ (transfer - wires.detours(g[None], ohm, ohm)[0])
    ideal = x @ g
    deviation = np.linalg.norm(exact - ideal)
    errors = [np.linalg.norm(y - exact) / deviation for y in (x @ transfer, product, iterated)]
    return (
        f"{kind:13}{size:5}{ohm:6g}{deviation / np.linalg.norm(ideal):11.2%} |"
        f"{errors[0]:12.2%}{errors[1]:9.2%}{errors[2]:12.2%} |"
        f"{exact_time:6.2f}{matrix_time * 1e3:10.2f}{input_time * 1e3 / inputs:10.2f}"
    )


def fixed_point(g: np.ndarray, x: np.ndarray, r_row: float, r_column: float) -> np.ndarray:
    """Currents -> drops along the wires -> currents, damped so that it always converges."""
    rows, columns = r_row / wires.PER_OHM, r_column / wires.PER_OHM
    worst = rows * drop(g)[:, -1].max() + columns * drop(g[::-1].T)[:, -1].max()
    current = np.zeros((len(x), *g.shape))
    for _ in range(SWEEPS):
        row_drop = rows * drop(current)
        column_drop = columns * drop(current[:, ::-1].swapaxes(1, 2)).swapaxes(1, 2)[:, ::-1]
        next_current = g * (x[:, :, None] - row_drop - column_drop)
        current += (next_current - current) * (2 / (2 + worst))
    return current.sum(axis=1)


def drop(current: np.ndarray) -> np.ndarray:
    """Voltage lost from index 0 on, per Ohm: each segment carries all currents beyond it."""
    beyond = np.cumsum(current[..., ::-1], axis=-1)[..., ::-1]
    return np.cumsum(beyond, axis=-1)


def timed(compute) -> tuple[np.ndarray, float]:
    start = time.perf_counter()
    result = compute()
    return result, time.perf_counter() - start


def weights(rng: np.random.Generator, size: int) -> np.ndarray:
    signed = np.clip(rng.normal(0, G_MAX / 3, (size, size)), -G_MAX, G_MAX)
    return np.maximum(signed, G_RESET)


def block(rng: np.random.Generator, size: int) -> np.ndarray:
    g = np.full((size, size), G_RESET)
    g[: size // 2, size // 2 :] = G_MAX
    return g


CONDUCTANCES = {
    "uniform": lambda rng, size: rng.uniform(0, G_MAX, (size, size)),
    "weights": weights,
    "block": block,
    "diagonal": lambda rng, size: np.maximum(block(rng, size), block(rng, size)[::-1, ::-1]),
}


if __name__ == "__main__":
    main()
