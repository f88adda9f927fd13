"""What a GDP iteration must cost per core on a GPU, counted; and what it does cost, where one is.

    python -m benchmarks.gpu_roofline [--size 256] [--batch 256] [--inputs orthogonal] [--points 16]
                                      [--runs 1 16 256 1024 4096] [--json FILE]

For each kernel: bytes that it moves from and to memory, each array once per call, and
floating-point operations. What the points of a core share (inputs, ideal outputs, targets, devices)
is counted once per core. Scattered accesses at the pulsed cells move whole sectors of 8 cells.
Kernels run one after the other, so the floor is the sum over them of the larger of bytes over
bandwidth and operations over peak. Left out: launches, the host's part, and caches, which can make
a kernel faster.

Where a device is, its bandwidth and peak are measured, by a copy and by a product of matrices in
float32; elsewhere they are a datasheet's. With ``--runs`` that lie far apart, and the time of every
kernel, it shows what is short of the floor, and why.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from aimcsim import kernels
from aimcsim.chip.core import Cores, manufacture
from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.periphery import Periphery
from aimcsim.kernels.cuda.device import available
from aimcsim.kernels.gpu import GpuKernels
from aimcsim.programming import iterative
from aimcsim.programming.gdp import Gdp
from aimcsim.programming.iterative import Iterative
from aimcsim.programming.ruled import Rule

# NVIDIA H200 Tensor Core GPU datasheet, SXM: 141 GB HBM3e at 4.8 TB/s, FP32 67 TFLOPS (a fused
# multiply-add counts as two). https://www.nvidia.com/en-us/data-center/h200/
BANDWIDTH, PEAK = 4.8e12, 67e12
DATASHEET = "NVIDIA H200 (datasheet)"
FLOAT, BYTE = 4, 1
SECTOR = 8  # cells in the 32 bytes that memory moves at least
# Per normal draw: ten rounds of Philox shared by four words, half of a logarithm and root, half of
# a sine and cosine. Not fused, so each takes the time of two at the datasheet's peak.
OPERATIONS_PER_NORMAL = 2 * 60
GOAL = 1_000_000, 100, 30 * 60  # core programmings, iterations, s
# Measured over a whole run: most pulses are fired in the first iterations.
ITERATIONS = 98


@dataclass(frozen=True)
class Shape:
    """One GDP iteration; ``pulsed`` is the share of cells that get a pulse."""

    rows: int = 256
    columns: int = 256
    batch: int = 256
    points: int = 16
    devices: int = 2
    pulsed: float = 0.05

    @property
    def order(self) -> int:
        """Patterns of a pass."""
        return 1 << (self.rows - 1).bit_length()

    @property
    def passes(self) -> int:
        return self.batch // self.order

    @property
    def touched(self) -> float:
        """Share of the sectors with a pulsed cell."""
        return 1 - (1 - self.pulsed) ** SECTOR


class Ceilings(NamedTuple):
    """What a device can do at most."""

    device: str = DATASHEET
    bandwidth: float = BANDWIDTH
    """Bytes read and written, per second."""
    peak: float = PEAK
    """Operations in float32 per second; a fused multiply-add is two."""


ON_PAPER = Ceilings()


@dataclass(frozen=True)
class Work:
    """Of one kernel, per core and iteration."""

    kernel: str
    bytes: float
    operations: float

    def seconds(self, most: Ceilings = ON_PAPER) -> float:
        return max(self.bytes / most.bandwidth, self.operations / most.peak)


def work(shape: Shape, inputs: str = "orthogonal") -> list[Work]:
    """Every kernel of an iteration of running GDP that may change polarity."""
    return [*_products(shape, inputs), *_estimates(shape, inputs), *_pulses(shape)]


def _products(s: Shape, inputs: str) -> list[Work]:
    cells, outputs = s.rows * s.columns, s.batch * s.columns
    a, y, segments = FLOAT * cells, FLOAT * outputs, -(-s.batch // 16)
    read_out = OPERATIONS_PER_NORMAL * outputs + 30 * outputs
    found = [
        Work("residual", 2 * y + y / s.points + 2 * y / 16, 3 * outputs),
        Work("add_segments", FLOAT * segments * s.columns, segments * s.columns),
        # Of the ideal outputs, in double precision.
        Work("output_sums", (y + 4 * y / 16) / s.points, 4 * 2 * outputs / s.points),
        Work("add_double_segments", 2 * 8 * segments * s.columns / s.points, 0),
    ]
    if inputs == "orthogonal":
        stages = s.order.bit_length() - 1
        further = -(-max(stages - 4, 0) // 4)
        adds = outputs * stages
        first = s.passes * a * s.devices + y  # conductances are read again for each pass
        ideal = (s.passes * a + y) / s.points
        return [
            *found,
            Work("uniforms", FLOAT * s.passes * (s.rows + s.order) / s.points, 0),
            # Of the conductances, the targets and the errors; the further stages of all three.
            Work("transform_first", first + ideal + 2 * y, adds * (2 + 1 / s.points) / 2),
            Work("transform_next", 2 * y * further * (2 + 1 / s.points), adds),
            Work("sign_patterns", 2 * y / s.points, outputs / s.points),
            Work("column_variance", s.devices * a, 3 * s.devices * cells),
            Work("read_out", 2 * y, read_out),
            Work("add_passes", y + a, outputs),
        ]
    products = 2 * s.batch * cells
    x = FLOAT * s.batch * s.rows / s.points
    gram = FLOAT * s.rows**2 / s.points
    return [
        *found,
        Work("uniforms", x, 30 * s.batch * s.rows / s.points),
        Work("to_grid", 2 * x, 5 * s.batch * s.rows / s.points),
        Work("assemble", (s.devices + 2) * a, 6 * s.devices * cells),
        # Currents, their variance, gradients, estimates through the Gram matrix; shared: ideal
        # outputs and the Gram matrix itself.
        Work("products", 3 * (a + y) + 2 * a + (a + y) / s.points + 4 * x + 2 * gram,
             3 * products + 2 * s.rows * cells
             + (products + 2 * s.batch * s.rows**2) / s.points),
        Work("read_out", 3 * y, read_out),
    ]  # fmt: skip


def _estimates(s: Shape, inputs: str) -> list[Work]:
    cells, segments = s.rows * s.columns, -(-s.rows // 16)
    a = FLOAT * cells
    given = 0 if inputs == "orthogonal" else a  # what of the gradient is explained
    return [
        Work("explained", 2 * a + given + a / 16, 4 * cells),
        Work("left_over", FLOAT * segments * s.columns, segments * s.columns),
        Work("fold", 5 * a + given, 8 * cells),
    ]


def _pulses(s: Shape) -> list[Work]:
    cells = s.rows * s.columns
    a, b, q = FLOAT * cells, BYTE * cells, s.touched
    decide = 3 * a + 2 * b + a / s.points + q * 4 * a
    return [
        Work("decide", decide, 12 * cells),
        # Array operations: cells that change polarity are looked for; devices are gathered.
        Work("arrays", a + 3 * b + 2 * b, cells),
        Work("pulse", a + q * (b + 4 * a + 2 * a), 2 * OPERATIONS_PER_NORMAL * cells),
    ]


def floor_seconds(shape: Shape, inputs: str, most: Ceilings = ON_PAPER) -> float:
    """Least time per core and iteration."""
    return sum(one.seconds(most) for one in work(shape, inputs))


def ceilings(device: Any) -> Ceilings:
    """Those of a device, measured: a copy of 4 GB, a product of matrices of 8,192 rows."""
    xp = device.xp
    source = xp.ones(2**30, np.float32)
    target = xp.empty_like(source)
    left = xp.random.standard_normal((8192, 8192), np.float32)
    right = xp.random.standard_normal((8192, 8192), np.float32)

    def best(work: Callable[[], Any]) -> float:
        times = []
        for _ in range(6):
            device.synchronize()
            start = time.perf_counter()
            work()
            device.synchronize()
            times.append(time.perf_counter() - start)
        return min(times)

    copy, product = best(lambda: xp.copyto(target, source)), best(lambda: left @ right)
    return Ceilings(device.name, 2 * 4 * 2**30 / copy, 2 * 8192**3 / product)


class Timed:
    """A device that times every kernel on itself, by events around it.

    Events on an idle device also count the wait for the next launch, so take many runs.
    """

    def __init__(self, device: Any):
        self._device = device
        self.spans: list[tuple[str, Any, Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._device, name)

    def launch(self, kernel: str, *arguments: Any) -> None:
        self._around(kernel, lambda: self._device.launch(kernel, *arguments))

    def multiply(self, *arguments: Any) -> None:
        self._around("products", lambda: self._device.multiply(*arguments))

    def _around(self, kernel: str, work: Callable[[], None]) -> None:
        cuda = self._device.xp.cuda
        begin, end = cuda.Event(), cuda.Event()
        begin.record()
        work()
        end.record()
        self.spans.append((kernel, begin, end))

    def seconds(self) -> dict[str, tuple[int, float]]:
        """(launches, seconds) of each kernel since the last call."""
        self._device.synchronize()
        found: dict[str, tuple[int, float]] = {}
        for kernel, begin, end in self.spans:
            launches, spent = found.get(kernel, (0, 0.0))
            milliseconds = self._device.xp.cuda.get_elapsed_time(begin, end)
            found[kernel] = (launches + 1, spent + milliseconds / 1e3)
        self.spans.clear()
        return found


class Descents:
    """GDP on many cores from where iterative programming leaves them, any number of iterations."""

    def __init__(self, back_end: Any, shape: Shape, inputs: str, runs: int):
        self.back_end, self.shape, self.inputs = back_end, shape, inputs
        self.units = max(1, runs // shape.points)
        self.runs = self.units * shape.points
        device = MeltQuench()
        weights = np.random.default_rng(0).uniform(-1, 1, (self.units, shape.rows, shape.columns))
        targets = (weights * device.g_max).astype(np.float32)
        chips = np.arange(self.units)
        self.cores = Cores(
            manufacture(1, chips, np.zeros_like(chips), targets, device, Periphery(), back_end),
            chips,
        )
        self.targets = back_end.xp.asarray(targets)
        self.first = iterative.program(self.cores, self.targets, Iterative(iterations=4))

    def seconds(self, iterations: int) -> float:
        """Wall time of ``iterations``, the start included."""
        point = Gdp(batch_size=self.shape.batch, inputs=self.inputs, iterations=iterations)
        points = [point] * self.shape.points
        state = self.cores.branch(self.shape.points)
        current = np.repeat(self.first.current, self.shape.points, axis=0)
        self.back_end.device.synchronize()
        start = time.perf_counter()
        rule = Rule.of(points, self.units)
        Gdp.runner(points, self.units)(state, self.targets, current, rule).execute()
        self.back_end.device.synchronize()
        spent = time.perf_counter() - start
        self.pulses = float(
            (state.ledger.pulses - self.cores.ledger.pulses.repeat(self.shape.points)).sum()
        )
        return spent

    def between(self, few: int, many: int) -> tuple[float, float]:
        """Seconds of ``many`` iterations less those of ``few``, and the share of cells pulsed in
        an iteration between."""
        short, before = self.seconds(few), self.pulses
        long = self.seconds(many)
        cells = self.runs * self.shape.rows * self.shape.columns
        return long - short, (self.pulses - before) / cells / (many - few)


class Measured(NamedTuple):
    """Of a core and iteration."""

    seconds: float
    pulsed: float
    """Share of the cells that get a pulse."""


def measure(shape: Shape, inputs: str, runs: int, iterations: int = ITERATIONS) -> Measured:
    """Time on the device here, all of GDP included: the median of three."""
    descents = Descents(kernels.backend("gpu"), shape, inputs, runs)
    descents.seconds(2)  # compiles
    found = sorted(descents.between(2, 2 + iterations) for _ in range(3))
    seconds, pulsed = found[1]
    return Measured(seconds / iterations / descents.runs, pulsed)


def by_kernel(
    shape: Shape, inputs: str, runs: int, iterations: int = ITERATIONS
) -> dict[str, tuple[float, float]]:
    """(launches, seconds per core) of every kernel in an iteration, on the device here."""
    timed = Timed(kernels.backend("gpu").device)
    descents = Descents(GpuKernels(timed), shape, inputs, runs)
    totals = []
    for count in (2, 2, 2 + iterations):  # the first compiles
        descents.seconds(count)
        totals.append(timed.seconds())
    _, few, many = totals
    found = {}
    for kernel, (launches, spent) in many.items():
        before = few.get(kernel, (0, 0.0))
        found[kernel] = (
            (launches - before[0]) / iterations,
            (spent - before[1]) / iterations / descents.runs,
        )
    return found


def table(
    shape: Shape,
    inputs: str,
    most: Ceilings = ON_PAPER,
    measured: Mapping[str, tuple[float, float]] | None = None,
) -> list[str]:
    """Lines of text; ``measured`` as :func:`by_kernel` gives it."""
    lines = [f"{'kernel':18} {'MB':>8} {'MFLOP':>8} {'us':>7}"]
    if measured is not None:
        lines[0] += f" {'measured':>8} {'ratio':>6} {'launches':>8}"
    found = {one.kernel: one for one in work(shape, inputs)}
    for kernel in [*found, *(name for name in measured or () if name not in found)]:
        one = found.get(kernel, Work(kernel, 0, 0))
        floor = one.seconds(most) * 1e6
        line = f"{kernel:18} {one.bytes / 1e6:8.3f} {one.operations / 1e6:8.2f} {floor:7.3f}"
        if measured and kernel in measured:
            launches, seconds = measured[kernel]
            ratio = seconds * 1e6 / floor if floor else float("nan")
            line += f" {seconds * 1e6:8.3f} {ratio:6.2f} {launches:8.1f}"
        lines.append(line)
    floor = floor_seconds(shape, inputs, most)
    total = sum(one.bytes for one in found.values()), sum(one.operations for one in found.values())
    lines.append(f"{'all':18} {total[0] / 1e6:8.3f} {total[1] / 1e6:8.2f} {floor * 1e6:7.3f}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("size", 256), ("batch", 256), ("points", 16)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--runs", type=int, nargs="+", default=[1, 16, 256, 1024, 4096])
    parser.add_argument("--inputs", choices=("orthogonal", "uniform"), default="orthogonal")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    shape = Shape(options.size, options.size, options.batch, options.points)
    here = available()
    most = ceilings(kernels.backend("gpu").device) if here else ON_PAPER
    cores, iterations, limit = GOAL
    print(f"{options.inputs} inputs, {asdict(shape)}")
    print(
        f"{most.device}: {most.bandwidth / 1e12:.2f} TB/s, {most.peak / 1e12:.1f} TFLOP/s in "
        "float32"
    )
    kernel_times = None
    if here:
        pulsed = measure(shape, options.inputs, max(options.runs)).pulsed
        shape = replace(shape, pulsed=pulsed)
        print(f"{100 * pulsed:.1f} % of the cells are pulsed in an iteration")
        kernel_times = by_kernel(shape, options.inputs, max(options.runs))
    floor = floor_seconds(shape, options.inputs, most)
    print("\n".join(table(shape, options.inputs, most, kernel_times)))
    minutes = floor * cores * iterations / 60
    print(
        f"floor {floor * 1e6:.2f} us per core and iteration; {cores:,} programmings of "
        f"{iterations} iterations: {minutes:.1f} min at the floor, {2.5 * minutes:.1f} min at 2.5 "
        f"times (goal {limit / 60:.0f} min)"
    )
    found = {
        "shape": asdict(shape),
        "inputs": options.inputs,
        "ceilings": most._asdict(),
        "floor_s": floor,
        "kernels": [
            asdict(one) | {"floor_s": one.seconds(most)} for one in work(shape, options.inputs)
        ],
        "measured_kernels": kernel_times,
        "measured": [],
    }
    for runs in options.runs if here else ():
        own = replace(shape, points=min(shape.points, runs))
        seconds, pulsed = measure(own, options.inputs, runs)
        least = floor_seconds(replace(own, pulsed=pulsed), options.inputs, most)
        found["measured"].append(
            {"runs": runs, "pulsed": pulsed, "floor_s": least, "seconds": seconds}
        )
        print(
            f"{runs:5} cores: {seconds * 1e6:8.2f} us per core and iteration, "
            f"{seconds / least:6.2f} times the floor; {seconds * cores * iterations / 60:.1f} min "
            "for all"
        )
    if not here:
        print("no CUDA device here: not measured")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
