"""What a GDP iteration must cost per core on a GPU, counted; and what it does cost, where one is.

    python benchmarks/gpu_roofline.py [--size 256] [--batch 256] [--inputs orthogonal] [--points 16]
                                      [--runs 1024] [--json FILE]

For each kernel: bytes that it moves from and to memory, each array once per call, and
floating-point operations. What the points of a core share (inputs, ideal outputs, targets, devices)
is counted once per core. Scattered accesses at the pulsed cells move whole sectors of 8 cells.
Kernels run one after the other, so the floor is the sum over them of the larger of bytes over
bandwidth and operations over peak. Left out: launches, the host's part, and caches, which can make
a kernel faster.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

# NVIDIA H200 Tensor Core GPU datasheet, SXM: 141 GB HBM3e at 4.8 TB/s, FP32 67 TFLOPS (a fused
# multiply-add counts as two). https://www.nvidia.com/en-us/data-center/h200/
BANDWIDTH, PEAK = 4.8e12, 67e12
DEVICE = "NVIDIA H200 (datasheet)"
FLOAT, BYTE = 4, 1
SECTOR = 8  # cells in the 32 bytes that memory moves at least
# Per normal draw: ten rounds of Philox shared by four words, half of a logarithm and root, half of
# a sine and cosine. Not fused, so each takes the time of two at the datasheet's peak.
OPERATIONS_PER_NORMAL = 2 * 60
GOAL = 1_000_000, 100, 30 * 60  # core programmings, iterations, s


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


@dataclass(frozen=True)
class Work:
    """Of one kernel, per core and iteration."""

    kernel: str
    bytes: float
    operations: float

    def seconds(self, bandwidth: float = BANDWIDTH, peak: float = PEAK) -> float:
        return max(self.bytes / bandwidth, self.operations / peak)


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


def table(shape: Shape, inputs: str) -> list[str]:
    """Lines of text."""
    found = work(shape, inputs)
    lines = [f"{'kernel':16} {'MB':>8} {'MFLOP':>8} {'us':>7}"]
    for one in [*found, _total(found)]:
        floor = sum(part.seconds() for part in found) if one.kernel == "all" else one.seconds()
        lines.append(
            f"{one.kernel:16} {one.bytes / 1e6:8.3f} {one.operations / 1e6:8.2f} {floor * 1e6:7.3f}"
        )
    return lines


def floor_seconds(shape: Shape, inputs: str) -> float:
    """Least time per core and iteration."""
    return sum(one.seconds() for one in work(shape, inputs))


def _total(found: list[Work]) -> Work:
    return Work("all", sum(one.bytes for one in found), sum(one.operations for one in found))


def measure(shape: Shape, inputs: str, runs: int, iterations: int = 12) -> float:
    """Seconds per core and iteration on the device here, all of GDP included; median of five."""
    import numpy as np

    from aimcsim import kernels
    from aimcsim.chip.core import Cores, manufacture
    from aimcsim.chip.devices.melt_quench import MeltQuench
    from aimcsim.chip.periphery import Periphery
    from aimcsim.programming import iterative
    from aimcsim.programming.gdp import Gdp
    from aimcsim.programming.iterative import Iterative
    from aimcsim.programming.ruled import Rule

    back_end = kernels.backend("gpu")
    units, device = max(1, runs // shape.points), MeltQuench()
    weights = np.random.default_rng(0).uniform(-1, 1, (units, shape.rows, shape.columns))
    targets = (weights * device.g_max).astype(np.float32)
    chips = np.arange(units)
    cores = Cores(
        manufacture(1, chips, np.zeros_like(chips), targets, device, Periphery(), back_end), chips
    )
    targets = back_end.xp.asarray(targets)
    first = iterative.program(cores, targets, Iterative(iterations=4))
    every = units * shape.points

    def seconds(count: int) -> float:
        point = Gdp(batch_size=shape.batch, inputs=inputs, iterations=count)
        points = [point] * shape.points
        state, current = cores.branch(shape.points), np.repeat(first.current, shape.points, axis=0)
        back_end.device.synchronize()
        start = time.perf_counter()
        run = Gdp.runner(points, units)(state, targets, current, Rule.of(points, units))
        run.execute()
        back_end.device.synchronize()
        return time.perf_counter() - start

    seconds(2)  # compiles
    found = [seconds(2 + iterations) - seconds(2) for _ in range(5)]
    return sorted(found)[2] / iterations / every


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("size", 256), ("batch", 256), ("points", 16), ("runs", 1024)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--inputs", choices=("orthogonal", "uniform"), default="orthogonal")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    shape = Shape(options.size, options.size, options.batch, options.points)
    floor = floor_seconds(shape, options.inputs)
    cores, iterations, most = GOAL
    print(f"{options.inputs} inputs, {asdict(shape)}; {DEVICE}")
    print("\n".join(table(shape, options.inputs)))
    minutes = floor * cores * iterations / 60
    print(
        f"floor {floor * 1e6:.2f} us per core and iteration; {cores:,} programmings of "
        f"{iterations} iterations: {minutes:.1f} min at the floor, {2.5 * minutes:.1f} min at 2.5 "
        f"times (goal {most / 60:.0f} min)"
    )
    found = {"shape": asdict(shape), "inputs": options.inputs, "floor_s": floor, "device": DEVICE}
    found["kernels"] = [
        asdict(one) | {"floor_s": one.seconds()} for one in work(shape, options.inputs)
    ]
    from aimcsim.kernels.cuda.device import available

    if available():
        seconds = measure(shape, options.inputs, options.runs)
        found["measured_s"] = seconds
        print(
            f"measured {seconds * 1e6:.2f} us per core and iteration, {seconds / floor:.2f} times "
            f"the floor; {seconds * cores * iterations / 60:.1f} min for all"
        )
    else:
        print("no CUDA device here: not measured")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    main()
