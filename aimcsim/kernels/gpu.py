"""The kernels on a GPU: see :class:`aimcsim.kernels.interface.Kernels`.

The lines that compute are CUDA (:mod:`aimcsim.kernels.cuda`); the matrix products are cuBLAS's.
Arrays of cells, inputs and outputs live on the device, arrays with one entry per run on the host.

Bits. A product's bits can depend on how many of them cuBLAS is asked for at once, so it is always
asked for ``GROUP``: the last call of a series repeats its last product. Sums are taken in a fixed
order. So a run does not depend on the others in its batch, as on the CPU.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from aimcsim.common.random import Address
from aimcsim.kernels import layers_gpu
from aimcsim.kernels.cuda import source
from aimcsim.kernels.interface import (
    CHANGE,
    Cells,
    Converter,
    Device,
    Estimates,
    Geometry,
    Gradients,
    ImageDraws,
    MeltQuenchLaw,
    Multiplied,
    Outputs,
    PulseRule,
    Pulses,
    Steps,
    TunedCells,
)
from aimcsim.kernels.patterns import SignPatterns

# Products in one call, and runs that an MVM takes at a time where it needs products. More waste
# the repeats where runs are few; fewer wait for Python, which takes tens of us for each launch.
GROUP = 128
# Cells whose runs a method takes through all its iterations before the next ones: 1,024 runs on
# 256 x 256, a few milliseconds of work an iteration, so that Python is not waited for.
CELLS_AT_ONCE = 1 << 26
_SEGMENT = 16  # rows that a thread of descent.cu adds up
_RUN, _UNIT, _CHIP, _TILE, _ACCESS, _INPUT, _LANES = range(7)  # columns of ``lanes``: draws.cu
_NO_VARIANCE, _OF_OUTPUT, _OF_COLUMN = range(3)  # as in ports.cu
_MOMENTS = 3  # as in judging.cu
_PARTS = 64  # of a run's cells that are added up apart
_STAGES = 4  # of a transform that a thread of hadamard.cu takes at a time


class _Multiplied(NamedTuple):
    """Matrices of a series of products, and which of them each product takes."""

    of: Any  # (., rows, columns)
    which: np.ndarray


class GpuKernels:
    """The kernels on one device. Arrays are its own, those with one entry per run NumPy's."""

    CELLS_AT_ONCE = CELLS_AT_ONCE

    name = "gpu"

    def __init__(self, device: Device):
        self.device = device
        self.xp = device.xp
        self.to_device, self.to_host = device.to_device, device.to_host
        self._one = self.xp.ones(1, np.float32)  # polarity of what has one device alone

    @property
    def description(self) -> str:
        return f"gpu: {self.device.name}"

    def normals(self, address: Address, count: int):
        return self._drawn("normals", address, count)

    def uniforms(self, address: Address, count: int):
        return self._drawn("uniforms", address, count)

    def to_grid(self, x, scale: float, shift: float, steps: float):
        x = self.xp.ascontiguousarray(x, np.float32)
        out = self.xp.empty_like(x)
        count = x[0].size if len(x) else 0
        self.device.launch("to_grid", count, len(x), count, x, scale, shift, steps, out)
        return out

    def read_cells(
        self, cells: Cells, runs: np.ndarray, converter: Converter, address: Address, device=None
    ):
        _, devices, rows, columns = cells.g.shape
        count, single = rows * columns, device is not None
        out = self._empty(len(runs), rows, columns)
        self.device.launch(
            "read_cells", _quarter(count), len(runs), count,
            self._lanes(runs, cells.unit[runs], address), address.seed, address.quantity, devices,
            columns, cells.g, cells.polarity, single,
            device if single else self.xp.empty(0, np.int8), cells.read_noise, cells.read_floor,
            *converter, out,
        )  # fmt: skip
        return out

    def mvm(
        self,
        x,
        x_of: np.ndarray,
        cells: Cells,
        runs: np.ndarray,
        converter: Converter,
        address: Address,
    ):
        _, devices, rows, columns = cells.g.shape
        patterns, runs, x_of = isinstance(x, SignPatterns), np.asarray(runs), np.asarray(x_of)
        batch, count = x.batch if patterns else x.shape[1], rows * columns
        y = self._empty(len(runs), batch, columns)
        saturated = self.xp.zeros(len(runs), np.uint64)
        lanes = self._lanes(runs, cells.unit[runs], address, x_of)
        noisy = cells.read_noise > 0 or cells.read_floor > 0

        def read_out(part: slice, kind: int, variance, signs=None) -> None:
            self.device.launch(
                "read_out", _quarter(batch * columns), len(y[part]), batch * columns, lanes[part],
                address.seed, address.quantity, columns, *converter, kind, variance,
                signs is not None, converter.gain if signs is None else signs, y[part],
                saturated[part],
            )  # fmt: skip

        if patterns:
            for part in _parts(len(runs), _runs_at_once(x)):
                own = lanes[part]
                self._transform(x, own, (cells.g, cells.polarity), y[part])
                variance = self._empty(len(own), columns)
                self.device.launch(
                    "column_variance", columns, len(own), rows, columns, own, x.level, devices,
                    cells.g, cells.read_noise, cells.read_floor, variance,
                )  # fmt: skip
                read_out(part, _OF_COLUMN if noisy else _NO_VARIANCE, variance, x.of_pattern)
            return y, self.to_host(saturated).astype(np.int64)
        net, variance_of = self._empty(GROUP, rows, columns), self._empty(GROUP, rows, columns)
        variance = self._empty(GROUP if noisy else 1, batch, columns)
        x_square = self.xp.square(x) if noisy else x
        for part in _parts(len(runs), GROUP):
            some, own = np.arange(len(runs))[part], x_of[part]
            within = np.arange(len(some))
            self.device.launch(
                "assemble", count, len(some), count, lanes[part], devices, cells.g, cells.polarity,
                cells.read_noise, cells.read_floor, net, variance_of,
            )  # fmt: skip
            self._multiply(_Multiplied(x, own), _Multiplied(net, within), _Multiplied(y, some))
            if noisy:
                self._multiply(
                    _Multiplied(x_square, own), _Multiplied(variance_of, within),
                    _Multiplied(variance, within),
                )  # fmt: skip
            read_out(part, _OF_OUTPUT if noisy else _NO_VARIANCE, variance)
        return y, self.to_host(saturated).astype(np.int64)

    def pulse(self, pulses: Pulses, law: MeltQuenchLaw):
        _, devices, rows, columns = pulses.g.shape
        cells, runs, jitter = rows * columns, pulses.runs, pulses.jitter
        fired = self.xp.zeros((len(runs), 2), np.uint64)
        total = self.xp.zeros(len(runs), np.float64)
        self.device.launch(
            "pulse", _quarter(cells), len(runs), cells,
            self._lanes(runs, pulses.unit[runs], jitter), jitter.seed, jitter.quantity,
            pulses.quench.quantity, devices, pulses.current, pulses.device, law, pulses.g, fired,
            total,
        )  # fmt: skip
        return self.to_host(fired).astype(np.int64), self.to_host(total)

    def ideal_products(self, x, x_of: np.ndarray, weights, of: np.ndarray | None = None):
        if isinstance(x, SignPatterns):
            return self._pattern_products(x, x_of, weights if of is None else weights[of])
        of = np.arange(len(weights)) if of is None else of
        out = self._empty(len(of), x.shape[1], weights.shape[2])
        self._multiply(
            _Multiplied(x, np.asarray(x_of)), _Multiplied(weights, of),
            _Multiplied(out, np.arange(len(of))),
        )  # fmt: skip
        return out

    def correlate(self, x, x_of: np.ndarray, error):
        every, columns = np.arange(len(error)), error.shape[2]
        if isinstance(x, SignPatterns):
            return self._pattern_correlation(x, x_of, error)
        out = self._empty(len(error), x.shape[2], columns)
        self._multiply(
            _Multiplied(x, np.asarray(x_of)), _Multiplied(error, every), _Multiplied(out, every),
            transposed=True,
        )  # fmt: skip
        return out

    def residual(self, y, ideal, unit: np.ndarray):
        _, batch, columns = y.shape
        segments = -(-batch // _SEGMENT)
        partial = self._empty(len(y), segments, columns)
        lanes = self._lanes(own=unit)
        self.device.launch(
            "residual", segments * columns, len(y), batch, columns, lanes, ideal, y, partial
        )
        energy = self._empty(len(y), columns)
        self.device.launch("add_segments", columns, len(y), segments, columns, partial, energy)
        squares, _ = self.output_sums(ideal, ideal, np.arange(len(ideal)))
        return energy, squares.sum(axis=1)

    def output_sums(self, y, ideal, unit: np.ndarray):
        n, batch, columns = y.shape
        if 2 * n > source.MOST_ROWS:
            parts = [
                self.output_sums(y[part], ideal, unit[part])
                for part in _parts(n, source.MOST_ROWS // 2)
            ]
            squares, products = map(np.concatenate, zip(*parts, strict=True))
            return squares, products
        segments = -(-batch // _SEGMENT)
        partial = self.xp.empty((2, n, segments, columns), np.float64)
        total = self.xp.empty((2, n, columns), np.float64)
        self.device.launch(
            "output_sums", segments * columns, n, n, batch, columns, self._lanes(own=unit), y,
            ideal, partial,
        )  # fmt: skip
        self.device.launch("add_double_segments", columns, 2 * n, segments, columns, partial, total)
        return tuple(self.to_host(total))

    def target_bins(self, net, targets, unit: np.ndarray, g_max: float, bins: int):
        n, rows, columns = net.shape
        if n > source.MOST_ROWS:
            return np.concatenate([
                self.target_bins(net[part], targets, unit[part], g_max, bins)
                for part in _parts(n, source.MOST_ROWS)
            ])  # fmt: skip
        partial = self.xp.empty((n, _PARTS, bins * _MOMENTS), np.float64)
        found = self.xp.empty((n, bins * _MOMENTS), np.float64)
        self.device.launch(
            "target_bins", _PARTS * bins, n, rows * columns, _PARTS, self._lanes(own=unit), net,
            targets, g_max, bins, partial,
        )  # fmt: skip
        self.device.launch(
            "add_double_segments", bins * _MOMENTS, n, _PARTS, bins * _MOMENTS, partial, found
        )
        return self.to_host(found).reshape(n, bins, _MOMENTS)

    def fold(
        self, estimates: Estimates, runs: np.ndarray, gradients: Gradients, running: np.ndarray
    ) -> None:
        gradient, predicted, energy, power, batch = gradients
        _, rows, columns = estimates.error.shape
        segments, cells, n = -(-rows // _SEGMENT), rows * columns, len(runs)
        lanes = self._lanes(runs)
        flags = self.to_device(np.asarray(running).astype(np.int32))
        power, orthogonal = self.xp.asarray(power, np.float32), predicted is None
        predicted = gradient if orthogonal else predicted  # not read
        partial, noise = self._empty(n, segments, columns), self._empty(n, columns)
        if np.any(running):
            self.device.launch(
                "explained", segments * columns, n, rows, columns, orthogonal, lanes,
                estimates.error, gradient, predicted, power, partial,
            )  # fmt: skip
        self.device.launch(
            "left_over", columns, n, segments, columns, energy, partial, power, flags, batch, noise
        )
        self.device.launch(
            "fold", cells, n, cells, columns, orthogonal, lanes, gradient, predicted, noise, power,
            flags, estimates,
        )  # fmt: skip

    def decide(self, estimates: Estimates, cells: TunedCells, runs: np.ndarray, rule: PulseRule):
        _, rows, columns = estimates.error.shape
        count, n, again = rows * columns, len(runs), len(cells.rested) > 0
        fire, marked = self._empty(n, rows, columns), self.xp.zeros(1, np.uint64)
        to_change = np.where(rule.changes, np.float32(rule.highest), np.float32(np.inf))
        settings = (*rule[:6], to_change)
        packed = np.stack([np.asarray(one, np.float32) for one in settings], axis=1)
        self.device.launch(
            "decide", count, n, count, self._lanes(runs, cells.unit[runs]), self.to_device(packed),
            cells.sign, cells.tunable, cells.scatter, cells.response, cells.bend, rule.lowest,
            rule.highest, CHANGE, again, cells.rested, cells.current, cells.fired,
            cells.surprise, estimates, fire, marked,
        )  # fmt: skip
        found = self.xp.empty(int(marked[0]) if np.any(rule.changes) else 0, np.uint64)
        if len(found):
            next_ = self.xp.zeros(1, np.uint64)
            self.device.launch("places_of", count, n, count, CHANGE, fire, next_, found)
        return fire, found.view(np.int64)

    def add_products(
        self, values, geometry: Geometry, steps: Steps, noise: ImageDraws | None, out: Outputs
    ) -> None:
        layers_gpu.add_products(self.device, values, geometry, steps, noise, out)

    def _multiply(
        self, a: _Multiplied, b: _Multiplied, out: _Multiplied, transposed: bool = False
    ) -> None:
        """``out = a @ b``, or ``a.T @ b``, for all products of a series.

        Rows of C = A B are columns of C' = B' A', which is what BLAS computes.
        """
        count = len(out.which)
        if not count or not out.of.size:
            return
        for one in (a, b, out):
            if not one.of.flags.c_contiguous:
                raise TypeError(
                    f"an array of {one.of.shape} is not contiguous; products go by rows"
                )
        inner, columns = b.of.shape[1:]
        shape = Multiplied(
            m=columns, n=out.of.shape[1], k=inner, lda=columns, ldb=a.of.shape[2], ldc=columns,
            transpose_b=transposed,
        )  # fmt: skip
        series = np.minimum(np.arange(-(-count // GROUP) * GROUP), count - 1)
        where = np.stack([self.device.addresses(*one)[series] for one in (b, a, out)])
        where = self.to_device(where)
        for part in _parts(len(series), GROUP):
            self.device.multiply(shape, where[0, part], where[1, part], where[2, part])

    def _pattern_products(self, x: SignPatterns, x_of, weights):
        passes, order = x.of_pattern.shape[1:]
        columns = weights.shape[2]
        out = self._empty(len(weights), x.batch, columns)
        lanes = self._lanes(np.arange(len(weights)), x_of=x_of)
        for part in _parts(len(weights), _runs_at_once(x)):
            self._transform(x, lanes[part], (weights[:, None], self._one), out[part])
            self.device.launch(
                "sign_patterns", order * columns, len(lanes[part]) * passes, order, columns, passes,
                lanes[part], x.of_pattern, out[part],
            )  # fmt: skip
        return out

    def _pattern_correlation(self, x: SignPatterns, x_of, error):
        passes, order = x.of_pattern.shape[1:]
        rows, columns = x.of_row.shape[2], error.shape[2]
        out, work = self._empty(len(error), rows, columns), self.xp.empty_like(error)
        lanes = self._lanes(np.arange(len(error)), x_of=x_of)
        apart = error.reshape(-1, 1, order, columns)  # (n x passes, 1, order, C)
        for part in _parts(len(error), _runs_at_once(x)):
            own = lanes[part]
            self._transform(x, own, (apart, self._one), work[part], apart=True)
            self.device.launch(
                "add_passes", rows * columns, len(own), order, columns, passes, rows, own,
                x.of_row, work[part], out[part],
            )  # fmt: skip
        return out

    def _transform(self, x: SignPatterns, lanes, net: tuple, out, apart: bool = False) -> None:
        """Walsh-Hadamard transform of the signed ``net`` of the runs of ``lanes``.

        ``net`` is (values, polarity): values (n, devices, rows, C), with the signs of the rows; if
        ``apart`` (n x passes, 1, ...), with those of the patterns. ``out`` is (., passes x n, C).
        """
        values, polarity = net
        signs = x.of_pattern if apart else x.of_row
        passes, order = x.of_pattern.shape[1:]
        columns, every, stages = out.shape[2], len(out) * passes, order.bit_length() - 1
        some = min(stages, _STAGES)
        self.device.launch(
            "transform_first", (order >> some) * columns, every, order, columns, passes,
            values.shape[2], apart, some, x.level, lanes, signs, values.shape[1], polarity, values,
            out,
        )  # fmt: skip
        for done in range(_STAGES, stages, _STAGES):
            some = min(stages - done, _STAGES)
            self.device.launch(
                "transform_next", (order >> some) * columns, every, order, columns, 1 << done,
                some, out,
            )  # fmt: skip

    def _drawn(self, kernel: str, address: Address, count: int):
        n = len(address.chip)
        out, lanes = self._empty(n, count), self._lanes(address=address)
        for part in _parts(n, source.MOST_ROWS):
            self.device.launch(
                kernel, _quarter(count), len(out[part]), count, lanes[part], address.seed,
                address.quantity, out[part],
            )  # fmt: skip
        return out

    def _lanes(self, runs=None, own=None, address: Address | None = None, x_of=None):
        """What the kernels know of n runs, uint32 (n, _LANES) on the device: one small transfer."""
        columns = {_RUN: runs, _UNIT: own, _INPUT: x_of}
        if address is not None:
            columns |= {_CHIP: address.chip, _TILE: address.tile, _ACCESS: address.access}
        known = {column: values for column, values in columns.items() if values is not None}
        lanes = np.zeros((len(next(iter(known.values()))), _LANES), np.uint32)
        for column, values in known.items():
            lanes[:, column] = values
        return self.to_device(lanes)

    def _empty(self, *shape: int):
        return self.xp.empty(shape, np.float32)


@cache
def on_cuda() -> GpuKernels:
    """The kernels on this process's CUDA device; a :class:`UserError` says what is missing."""
    from aimcsim.kernels.cuda.device import CudaDevice

    return GpuKernels(CudaDevice())


def _quarter(elements: int) -> int:
    """Threads that draw ``elements`` numbers of a row, four each, in whole chunks of 64."""
    return -(-elements // 64) * 16


def _runs_at_once(x: SignPatterns) -> int:
    """Runs whose passes are not more than the rows of a grid."""
    return max(1, source.MOST_ROWS // x.of_pattern.shape[1])


def _parts(count: int, size: int) -> Iterator[slice]:
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
