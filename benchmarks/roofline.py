"""What the machine can do, measured in the same run, and figures drawn against it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.tables import Table
from benchmarks.timing import Stopwatch, in_turns

MATRIX, COPY = 1536, 128 * 2**20  # edge of the product; bytes of the array copied
QUICK_MATRIX, QUICK_COPY = 128, 2**20
COLOURS = {"uniform": "C0", "orthogonal": "C1"}
CACHED = 4 * 2**20  # bytes of a copy within the caches: as much as the block of runs at work


@dataclass(frozen=True)
class Limits:
    """One thread's peaks."""

    operations: float  # per s, single precision, by a large matrix product
    bandwidth: float  # bytes per s read and written, by a copy far larger than the caches
    cache: float  # the same by a copy within them

    def shortest(self, operations: float, traffic: float) -> float:
        """Least time, s, for that many operations, and bytes from the cache."""
        return max(operations / self.operations, traffic / self.cache)


def measure(rounds: int, quick: bool) -> Limits:
    """Both peaks; the best of the rounds, as a limit is what can be reached."""
    edge, size = (QUICK_MATRIX, QUICK_COPY) if quick else (MATRIX, COPY)
    rng = np.random.default_rng(0)
    a, b = rng.random((2, edge, edge), np.float32)
    product = np.empty_like(a)
    source = np.ones(size // a.itemsize, a.dtype)
    target = np.empty_like(source)
    few = min(CACHED // 2, size) // a.itemsize
    passes = max(1, size // CACHED)

    def multiply() -> float:
        with Stopwatch() as watch:
            np.matmul(a, b, out=product)
        return watch.cpu

    def copy() -> float:
        with Stopwatch() as watch:
            np.copyto(target, source)
        return watch.cpu

    def copy_in_cache() -> float:
        near, far = source[:few], target[:few]
        with Stopwatch() as watch:
            for _ in range(passes):
                np.copyto(far, near)
        return watch.cpu / passes

    tasks = {"multiply": multiply, "copy": copy, "cache": copy_in_cache}
    best = {name: times.min() for name, times in in_turns(tasks, rounds).items()}
    return Limits(
        2 * edge**3 / best["multiply"],
        2 * source.nbytes / best["copy"],
        2 * few * a.itemsize / best["cache"],
    )


def table(limits: Limits) -> Table:
    return Table(
        "Limits of one thread",
        "Measured in the same run: a large product in single precision; copies, counted read and "
        f"written, far beyond the caches and within {CACHED // 2**20} MiB of them.",
        ["peak (GFLOP/s)", "memory (GB/s)", "cache (GB/s)"],
        [[limits.operations / 1e9, limits.bandwidth / 1e9, limits.cache / 1e9]],
    )


def draw(limits: Limits, tables: dict[str, Table], path: Path) -> None:
    """Core-iterations of ``tables`` under the roofline."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.2, 4.8), layout="constrained")
    for marker, (axis, one) in zip("os^D", tables.items(), strict=False):
        operations, traffic, times = (
            np.array(one.column(name)) for name in ("operations (M)", "bytes (MB)", "GDP (ms)")
        )
        for kind, colour in COLOURS.items():
            mine = np.array(one.column("inputs")) == kind
            label = f"{kind}, over {axis}"
            rate = operations[mine] / times[mine]
            axes.plot(operations[mine] / traffic[mine], rate, marker, color=colour, label=label,
                      alpha=0.7)  # fmt: skip
    drawn = np.concatenate([line.get_xdata() for line in axes.get_lines()])
    low, high = drawn.min() / 3, drawn.max() * 2
    intensity = np.geomspace(low, high, 200)
    for rate, style, name in ((limits.cache, "-", "cache"), (limits.bandwidth, "--", "memory")):
        roof = np.minimum(intensity * rate, limits.operations) / 1e9
        axes.plot(intensity, roof, "k" + style, label=f"limit, state in the {name}")
    axes.set(
        xscale="log", yscale="log", xlim=(low, high),
        xlabel="operations per byte of state", ylabel="GFLOP/s",
        title=f"GDP iterations on one thread: at most {limits.operations / 1e9:.0f} GFLOP/s, "
        f"{limits.cache / 1e9:.0f} GB/s",
    )  # fmt: skip
    axes.grid(True, which="both", alpha=0.25)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)
