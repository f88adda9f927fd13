"""ResNet-9 on programmed cores: images per second, beside the bare matrix products."""

import dataclasses
import multiprocessing

import numpy as np

from aimcsim.chip.devices.melt_quench import MeltQuench
from aimcsim.chip.periphery import Periphery
from aimcsim.common.threads import single_threaded
from aimcsim.mapping.packing import pack
from aimcsim.networks import resnet9
from aimcsim.networks.chip import AnalogProducts, ideal_cores, noise_free
from aimcsim.networks.execute import BATCH, product_inputs, run
from aimcsim.networks.graph import Products
from aimcsim.networks.onnx_reader import read_model
from aimcsim.networks.patches import shape_of_outputs
from aimcsim.networks.ranges import calibrate
from benchmarks.machine import peak_memory
from benchmarks.tables import Table
from benchmarks.timing import Stopwatch, in_turns
from tests.networks.resnet9 import random_dataset  # time does not depend on the weights

MIB = 2**20
BLOCKS = (48, 64, 128, 256, 512, 1024, 4096)  # rows of a matrix product
IMAGES, QUICK_IMAGES = 4 * BATCH, 2
REPEATS = 20  # of all images, for a common stretch of some time
WIDTHS, QUICK_WIDTHS = (28, 56, 56), (4, 6, 6)
PRODUCTS = "bare products"
KINDS = ("converters alone", "aged cores", "cores right after programming")
PATIENCE = 600  # s
NOTE = (
    "ResNet-9 on 256 x 256 cores, {images} images, with all that is digital; one thread, processor "
    "time, medians of {rounds} rounds in turns, ratios taken round by round. Bare products: those "
    "of the same layers alone, by NumPy on inputs that lie in the cache as matrices, in whichever "
    "blocks of rows are fastest for each layer. Aged cores have noise in every conversion; right "
    "after programming every device has read noise in every MVM as well, its variance a second "
    "product. Two processes run side by side; peak memory is that of one."
)
COLUMNS = [
    "what", "time per image (ms)", "times the bare products", "times all products",
    "images per s, one process", "images per s, two, wall", "images per s, two, processor",
    "peak memory (MiB)",
]  # fmt: skip


def table(rounds: int, quick: bool) -> Table:
    count = QUICK_IMAGES if quick else IMAGES
    trial = Trial(count, quick)
    tasks = {PRODUCTS: trial.bare} | {kind: lambda k=kind: trial.time(k) for kind in KINDS}
    with single_threaded():
        times = in_turns(tasks, rounds)
    bare = times[PRODUCTS]
    rows = [[PRODUCTS, _ms(bare), 1.0, 1.0, _rate(bare), None, None, None]]
    for kind in KINDS:
        wall, busy, memory = side_by_side(kind, count, quick)
        ratio = times[kind] / bare
        passes = 2 if kind == KINDS[-1] else 1
        rows.append([
            kind, _ms(times[kind]), float(np.median(ratio)), float(np.median(ratio / passes)),
            _rate(times[kind]), wall, busy, memory / MIB,
        ])  # fmt: skip
    note = NOTE.format(images=count, rounds=rounds)
    return Table("Images through a network", note, COLUMNS, rows)


def _ms(samples: np.ndarray) -> float:
    return 1e3 * float(np.median(samples))


def _rate(samples: np.ndarray) -> float:
    return 1 / float(np.median(samples))


class Trial:
    """ResNet-9 with random weights, on cores of each kind."""

    def __init__(self, count: int, quick: bool = False):
        model = resnet9.to_onnx(random_dataset(QUICK_WIDTHS if quick else WIDTHS))
        self.network = network = read_model(model.SerializeToString(), "resnet9")
        blocks = [product.matrix for product in network.products]
        tiles = pack(blocks, 256, 256, [int(np.prod(p.kernel)) for p in network.products])
        draw = np.random.default_rng(0)
        self.images = draw.integers(0, 256, (count, *network.input_shape)).astype(np.float32)
        some = self.images[:2]
        ranges, ideal = calibrate(network, tiles, some), ideal_cores(tiles, blocks)
        read_noise = np.float32(MeltQuench().read_noise)
        noisy = [
            dataclasses.replace(core, variance=np.square(read_noise * core.net)) for core in ideal
        ]
        settings = Periphery()
        cores = dict(zip(KINDS, (ideal, ideal, noisy), strict=True))
        converters = dict(zip(KINDS, (noise_free(settings), settings, settings), strict=True))
        self.kinds: dict[str, Products] = {
            kind: AnalogProducts(network, cores[kind], ranges, converters[kind]) for kind in KINDS
        }
        outputs = [
            shape_of_outputs(product, values)
            for product, values in zip(network.products, product_inputs(network, some), strict=True)
        ]
        positions = [int(np.prod(shape[1:-1])) for shape in outputs]
        self._products = [
            self._fastest(block, min(count, BATCH) * places, draw)
            for block, places in zip(blocks, positions, strict=True)
        ]

    def time(self, kind: str) -> float:
        """Seconds per image."""
        with Stopwatch() as watch:
            run(self.network, self.images, self.kinds[kind])
        return watch.cpu / len(self.images)

    def bare(self) -> float:
        """The same of the products alone."""
        return sum(product() for product in self._products)

    def _fastest(self, weights: np.ndarray, rows: int, draw: np.random.Generator):
        """Time per image of the products of one layer, by the best of the blocks."""
        images = min(len(self.images), BATCH)
        inputs = draw.normal(size=(min(rows, max(BLOCKS)), len(weights))).astype(np.float32)
        outputs = np.empty((len(inputs), weights.shape[1]), np.float32)
        weights = np.ascontiguousarray(weights)

        def multiply(block: int) -> float:
            block = min(block, rows)
            some, out = inputs[:block], outputs[:block]
            with Stopwatch() as watch:
                for _ in range(rows // block):
                    np.matmul(some, weights, out=out)
            return watch.cpu / images * (rows / (rows // block * block))

        with single_threaded():
            tasks = {block: lambda b=block: multiply(b) for block in BLOCKS}
            times = in_turns(tasks, 5)
        best = min(BLOCKS, key=lambda block: float(np.median(times[block])))
        return lambda: multiply(best)


def side_by_side(kind: str, count: int, quick: bool) -> tuple[float, float, int]:
    """Images per s of two processes together, by the clock and by processor time; peak memory of
    one, bytes."""
    spawn = multiprocessing.get_context("spawn")
    start, pipes, processes = spawn.Barrier(2), [], []
    for _ in range(2):
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=_serve, args=(theirs, start, kind, count, quick))
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    found = []
    for pipe in pipes:
        if not pipe.poll(PATIENCE):
            raise TimeoutError(f"a process has not answered within {PATIENCE} s")
        found.append(pipe.recv())
    for process in processes:
        process.join(PATIENCE)
    wall, busy, memory = np.array(found).T
    return 2 * count / wall.max(), float((count / busy).sum()), int(memory.max())


def _serve(pipe, start, kind: str, count: int, quick: bool) -> None:
    with single_threaded():
        trial = Trial(count, quick)
        trial.time(kind)  # compiles, or loads what is compiled
        start.wait(PATIENCE)
        with Stopwatch() as watch:
            for _ in range(REPEATS):
                trial.time(kind)
    pipe.send((watch.wall / REPEATS, watch.cpu / REPEATS, peak_memory()))
