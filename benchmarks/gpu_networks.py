"""ResNet-9 on programmed cores by a GPU: images per second, beside the CPU and beside the limit.

    python -m benchmarks.gpu_networks [--images 10000] [--cpu-images 64] [--rounds 5]
                                      [--kernels] [--json FILE]

Needs nothing but this checkout: weights and images are random, as time depends on neither. Without
a CUDA device it counts, and measures the CPU alone.

Counted, for every kernel and per image: bytes that it moves from and to memory, each array once per
call; and floating-point operations, a fused multiply-add as two. Kernels run one after the other,
so the limit is the sum over them of the larger of bytes over bandwidth and operations over peak.
Left out: weights, which stay in caches, launches, and the host's part. For ResNet-9:

    converters alone          5.9 MB   80 MFLOP, of them 75 of products
    aged cores                5.9 MB   99 MFLOP: noise of conversions as well
    right after programming   7.2 MB  174 MFLOP: variances of reads as well

That is 2.4, 2.4 and 3.8 us of an H100 per image, and some 1,300, 1,500 and 2,800 us of one thread
of a CPU.
"""

import argparse
import dataclasses
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.periphery import Periphery
from aimcsim.common.threads import single_threaded
from aimcsim.kernels import cpu
from aimcsim.kernels.cuda.device import available
from aimcsim.kernels.interface import Device, Kernels
from aimcsim.mapping.packing import pack
from aimcsim.networks import resnet9
from aimcsim.networks.adapted import adapted, moments
from aimcsim.networks.chip import AnalogProducts, ideal_cores, noise_free
from aimcsim.networks.execute import OnHost, run
from aimcsim.networks.graph import Network, Product
from aimcsim.networks.judge import ADAPTING_IMAGES, COMPENSATING_IMAGES, JUDGED_IMAGES
from aimcsim.networks.on_device import place_of
from aimcsim.networks.onnx_reader import read_model
from aimcsim.networks.patches import shape_of_outputs
from aimcsim.networks.ranges import activations, calibrate
from benchmarks.tables import Table
from tests.networks.resnet9 import random_dataset

WIDTHS, QUICK_WIDTHS = (28, 56, 56), (4, 6, 6)
KINDS = ("converters alone", "aged cores", "cores right after programming")
# Bandwidth (bytes/s) and single-precision peak (FLOP/s) by NVIDIA's datasheets, SXM modules.
# https://www.nvidia.com/en-us/data-center/h100/ and .../h200/
DATASHEETS = {"H100": (3.35e12, 67e12), "H200": (4.8e12, 67e12)}
FLOAT = 4
# Per normal draw, as in gpu_roofline.py; not fused, so each takes the time of two at the peak.
OPERATIONS_PER_NORMAL = 2 * 60


@dataclass(frozen=True)
class Work:
    """Of one call of a kernel, per image."""

    kernel: str
    bytes: float
    operations: float


class Counted(OnHost):
    """Runs a network on the host and notes what a device would do for it."""

    def __init__(self, network: Network, noisy: bool, reads: bool):
        super().__init__(network)
        self.noisy, self.reads = noisy, reads
        self.work: list[Work] = []

    def exact(self, product: Product, values: np.ndarray) -> np.ndarray:
        found = super().exact(product, values)
        shape = shape_of_outputs(product, values)
        outputs = int(np.prod(shape[1:]))
        frame = values[0].size
        if values.ndim == 4:
            top, left, bottom, right = product.pads
            _, height, width, channels = values.shape
            frame = (height + top + bottom) * (width + left + right) * channels
        multiplied = outputs * len(product.matrix)
        columns = 2 if self.reads else 1  # products, and variances
        self.note("frame", values[0].size + frame, 4 * frame)
        self.note(
            "patch_products_and_variances" if self.reads else "patch_products",
            frame + columns * outputs, 2 * columns * multiplied,
        )  # fmt: skip
        drawn = OPERATIONS_PER_NORMAL if self.noisy else 0
        self.note("add_codes", (columns + 1) * outputs, (drawn + 20) * outputs)
        return found

    def affine(
        self, values: Any, scale: Any, offset: Any, other: Any = None, **limits: float
    ) -> None:
        super().affine(values, scale, offset, other, **limits)
        passes = 2 if other is None else 3
        self.note("affine", passes * values[0].size, 6 * values[0].size)

    def compute(self, operator: str, inputs: Any, attributes: Any) -> Any:
        found = super().compute(operator, inputs, attributes)
        moved = sum(one[0].size for one in inputs if len(one) == len(found)) + found[0].size
        kernel = {"AveragePool": "average_pool", "ReduceMean": "average_pool", "Affine": "affine"}
        self.note(kernel.get(operator, operator), moved, inputs[0][0].size)
        return found

    def note(self, kernel: str, moved: float, operations: float) -> None:
        self.work.append(Work(kernel, FLOAT * moved, operations))


def work(network: Network, kind: str) -> list[Work]:
    """What one image takes, by kernel."""
    place = Counted(network, kind != KINDS[0], kind == KINDS[2])
    image = np.zeros((1, *network.input_shape), np.float32)
    run(network, image, lambda i, values, _: place.exact(network.products[i], values), place=place)
    moved: Counter[str] = Counter()
    operations: Counter[str] = Counter()
    for one in place.work:
        moved[one.kernel] += one.bytes
        operations[one.kernel] += one.operations
    return [Work(kernel, moved[kernel], operations[kernel]) for kernel in moved]


def limit(works: list[Work], device: str) -> float | None:
    """Least seconds per image on a device of that name; None: its datasheet is not here."""
    for name, (bandwidth, peak) in DATASHEETS.items():
        if name in device:
            return sum(max(one.bytes / bandwidth, one.operations / peak) for one in works)
    return None


class Trial:
    """ResNet-9 with random weights on cores of each kind, by one back end."""

    def __init__(self, kernels: Kernels, quick: bool = False):
        model = resnet9.to_onnx(random_dataset(QUICK_WIDTHS if quick else WIDTHS))
        self.network = network = read_model(model.SerializeToString(), "resnet9")
        self.kernels, self.place = kernels, place_of(network, kernels.device)
        blocks = [product.matrix for product in network.products]
        tiles = pack(blocks, 256, 256, [int(np.prod(p.kernel)) for p in network.products])
        ranges, ideal = calibrate(network, tiles, self.images(2)), ideal_cores(tiles, blocks)
        read_noise = np.float32(MeltQuench().read_noise)
        noisy = [
            dataclasses.replace(core, variance=np.square(read_noise * core.net)) for core in ideal
        ]
        settings, cores = Periphery(), dict(zip(KINDS, (ideal, ideal, noisy), strict=True))
        converters = dict(zip(KINDS, (noise_free(settings), settings, settings), strict=True))
        self.kinds = {
            kind: AnalogProducts(network, cores[kind], ranges, converters[kind], kernels)
            for kind in KINDS
        }

    def images(self, count: int) -> np.ndarray:
        """Random pixels, uint8."""
        draw = np.random.default_rng(0)
        return draw.integers(0, 256, (count, *self.network.input_shape), np.uint8)

    def seconds(self, kind: str, images: np.ndarray) -> float:
        """Of all ``images``, which the place keeps, to their scores on the host."""
        kept = self.place.kept(images)
        return _seconds(lambda: run(self.network, kept, self.kinds[kind], place=self.place))

    def beside(self) -> dict[str, Callable[[], object]]:
        """What a judgement computes beside the scores, of aged cores."""
        products, place = self.kinds[KINDS[1]], self.place
        images = self.images(ADAPTING_IMAGES)
        seen = activations(self.network, images[:COMPENSATING_IMAGES], place)
        judged = activations(self.network, images[:JUDGED_IMAGES], place)
        wanted = moments(self.network, images, place)
        return {
            "errors of layers": lambda: products.layer_errors(judged),
            "compensation by tile": lambda: products.compensated(seen),
            "adapted statistics": lambda: adapted(self.network, products, images, wanted, place),
        }


def _seconds(task: Callable[[], object]) -> float:
    start = time.perf_counter()
    task()  # ends with what it found on the host: all that was launched is done
    return time.perf_counter() - start


def _median(rounds: int, task: Callable[[], float]) -> float:
    task()  # compiles
    return float(np.median([task() for _ in range(rounds)]))


def table(trials: dict[str, tuple[Trial, int]], rounds: int) -> Table:
    """Images per second of each kind, by back end; ``trials``: with the images of each."""
    rows = []
    for kind in KINDS:
        row: list[Any] = [kind]
        for trial, count in trials.values():
            task = partial(trial.seconds, kind, trial.images(count))
            row.append(count / _median(rounds, task))
        if len(trials) > 1:
            trial, _ = trials["gpu"]
            least = limit(work(trial.network, kind), trial.kernels.description)
            row += [row[2] / row[1], least and 1 / least, least and 1 / least / row[2]]
        rows.append(row)
    columns = ["images per second", *(f"{name}" for name in trials)]
    if len(trials) > 1:
        columns += ["gpu / cpu", "gpu, limit", "times the limit"]
    note = "; ".join(f"{t.kernels.description}: {count:,} images" for t, count in trials.values())
    note = f"ResNet-9, 32 x 32 pixels, on 256 x 256 cores. {note}. CPU: one thread."
    return Table("Images through a network", note, columns, rows)


def beside_table(trials: dict[str, tuple[Trial, int]], rounds: int) -> Table:
    """Milliseconds of the rest of a judgement."""
    found: dict[str, list[Any]] = {}
    for trial, _ in trials.values():
        for name, task in trial.beside().items():
            found.setdefault(name, []).append(1e3 * _median(rounds, partial(_seconds, task)))
    rows = [[name, *values] for name, values in found.items()]
    note = f"Of {JUDGED_IMAGES}, {COMPENSATING_IMAGES} and {ADAPTING_IMAGES} images, aged cores."
    return Table("Beside the scores, ms", note, ["what", *trials], rows)


class Timed:
    """A device that waits for each kernel, and adds up what each took."""

    def __init__(self, device: Device):
        self._device = device
        self.seconds: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._device, name)

    def launch(self, kernel: str, *arguments: Any) -> None:
        self._device.synchronize()
        start = time.perf_counter()
        self._device.launch(kernel, *arguments)
        self._device.synchronize()
        self.seconds[kernel] += time.perf_counter() - start


def kernel_tables(kernels: Kernels, count: int, quick: bool = False) -> Iterator[Table]:
    """Where the time of each kind goes, kernel by kernel."""
    for kind in KINDS:
        device = Timed(kernels.device)
        trial = Trial(type(kernels)(device), quick)
        images = trial.images(count)
        trial.seconds(kind, images)
        device.seconds.clear()
        trial.seconds(kind, images)
        rows: list[list[Any]] = []
        for one in work(trial.network, kind):
            seconds = device.seconds[one.kernel] / count
            if seconds:
                least = limit([one], kernels.description)
                rates = [one.bytes / seconds / 1e9, one.operations / seconds / 1e12]
                rows.append([one.kernel, 1e6 * seconds, *rates, least and seconds / least])
        columns = ["kernel", "us per image", "GB/s", "TFLOP/s", "times its limit"]
        note = f"{count:,} images, one kernel waited for after the other."
        yield Table(f"Kernels, {kind}", note, columns, rows)


def counts(network: Network) -> Table:
    """Bytes and operations of an image."""
    rows = []
    for kind in KINDS:
        found = work(network, kind)
        moved, operations = (sum(getattr(o, n) for o in found) for n in ("bytes", "operations"))
        rows.append([kind, moved / 1e6, operations / 1e6])
    return Table("Counted, per image", "See the module.", ["what", "MB", "MFLOP"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("images", 10_000), ("cpu-images", 64), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--kernels", action="store_true", help="time of each kernel as well")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with single_threaded():
        trials = {"cpu": (Trial(cpu), options.cpu_images)}
        tables = [counts(trials["cpu"][0].network)]
        if available():
            from aimcsim.kernels.gpu import on_cuda

            trials["gpu"] = (Trial(on_cuda()), options.images)
            if options.kernels:
                tables += kernel_tables(on_cuda(), options.images)
        tables += [table(trials, options.rounds), beside_table(trials, options.rounds)]
    print("\n\n".join(one.text() for one in tables))
    if not available():
        print("\nno CUDA device here: the CPU alone was measured")
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in tables], indent=1) + "\n")


if __name__ == "__main__":
    main()
