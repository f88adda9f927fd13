"""A network's values and digital steps on a device: see :class:`aimcsim.networks.execute.Place`.

What is more than one pass over the values has a kernel; other operators are those of the host, as
NumPy's functions work on the arrays of a device too. An operator that has no form there, one that
ONNX's reference evaluator computes, is computed on the host, its inputs copied there and its result
back: every network that runs on the host runs on a device.

Batches are large, for the device to be busy and Python not waited for. For ResNet-9, the largest of
whose values has 28 channels of 32 x 32, an image needs 0.8 MB; see ``benchmarks/gpu_networks.py``
for the bytes and operations.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from aimcsim.common.arrays import to_host
from aimcsim.kernels import layers_gpu
from aimcsim.kernels.interface import Device, Geometry
from aimcsim.networks import operators
from aimcsim.networks.execute import OnHost, Place
from aimcsim.networks.graph import Network, Product
from aimcsim.networks.operators import AFFINE, FUNCTIONS, GROUPED
from aimcsim.networks.patches import exact_on
from aimcsim.networks.windows import Windows

MOST_IMAGES = 4096
"""At once, at most: more would not run faster."""
SHARE = 0.5
"""Of the free memory that a batch's values may take; the allocator needs some room."""
KEPT = 0.1
"""Of the free memory that images which are judged again and again may take."""

# ruff: noqa: SIM905  (lists of words)
AS_ON_HOST = frozenset(
    """
    Abs Add Attention Cast Clip Concat DequantizeLinear Div Einsum Exp Expand Gather
    GroupNormalization HardSigmoid HardSwish LRN LayerNormalization LeakyRelu Log LogSoftmax MatMul
    Max Mean Min Mul Neg PRelu Pad Pow QuantizeLinear Reciprocal ReduceMax ReduceMin ReduceSum
    Reshape Sigmoid Slice Softmax Sqrt Sub Sum Tanh Tile Transpose Where
    """.split()
)  # fmt: skip
"""Operators whose functions in :mod:`aimcsim.networks.operators` take a device's arrays."""


def place_of(network: Network, device: Device | None) -> Place:
    """Where the values of ``network`` are: on ``device``; None: on the host."""
    return OnHost(network) if device is None else OnDevice(network, device)


class OnDevice:
    """Values are arrays of ``device``."""

    def __init__(self, network: Network, device: Device):
        self.device = device
        self.out_of_memory = device.out_of_memory
        self._xp = device.xp
        self.constants = {name: self._there(one) for name, one in network.constants.items()}
        self.biases = [None if p.bias is None else self.array(p.bias) for p in network.products]
        self._on_host = {id(self.constants[name]): one for name, one in network.constants.items()}
        self._bytes: int | None = None
        self._kept: tuple[np.ndarray, Any] | None = None  # on the host, and here
        self._own: Mapping[str, Callable[[Sequence[Any], Mapping[str, Any]], Any]] = {
            AFFINE: self._affine,
            "AveragePool": self._average_pool,
            "Erf": self._erf,
            "Gelu": self._gelu,
            GROUPED: self._grouped,
            "MaxPool": self._max_pool,
            "ReduceMean": self._mean,
        }

    def batch(self, images: int, bytes_of_one: Callable[[], int]) -> int:
        """As many as the memory holds, in batches of about one size."""
        if self._bytes is None:
            self._bytes = max(1, bytes_of_one())
        most = int(SHARE * self.device.free_bytes()) // self._bytes
        batches = -(-images // min(max(most, 1), MOST_IMAGES))
        return -(-images // batches)

    def array(self, array: np.ndarray) -> Any:
        return self.device.to_device(np.ascontiguousarray(array))

    def kept(self, images: np.ndarray) -> Any:
        if self._kept is None or self._kept[0] is not images:
            few = images.nbytes <= KEPT * self.device.free_bytes()
            self._kept = (images, self.array(_narrowed(images)) if few else images)
        return self._kept[1]

    def values(self, images: Any) -> Any:
        if isinstance(images, np.ndarray):
            images = self.array(_narrowed(images))
        return self.contiguous(images.astype(np.float32))

    def contiguous(self, values: Any) -> Any:
        return self._xp.ascontiguousarray(values)

    def exact(self, product: Product, values: Any) -> Any:
        return exact_on(self.device, product, values)

    def affine(
        self, values: Any, scale: Any, offset: Any, other: Any = None, **limits: float
    ) -> None:
        operators.check_affine(values, scale, offset, other)
        other = None if other is None else self.contiguous(other)
        layers_gpu.affine(self.device, values, scale, offset, other, **limits)

    def compute(self, operator: str, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
        kinds = [one.dtype for one in inputs] + [attributes.get("dtype", np.float32)]
        if all(map(_known, kinds)):
            if operator in self._own:
                return self._own[operator](inputs, attributes)
            if operator in AS_ON_HOST:
                return FUNCTIONS[operator](inputs, attributes)
        return self._by_host(operator, inputs, attributes)

    def _by_host(self, operator: str, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
        copied = [self._on_host.get(id(one), one) for one in inputs]
        return self._there(operators.compute(operator, [*map(to_host, copied)], attributes))

    def _there(self, array: np.ndarray) -> Any:
        """``array`` on the device, or as it is where that does not know numbers of its type."""
        return self.array(array) if _known(array.dtype) else array

    def _floats(self, values: Any) -> Any:
        return self._xp.ascontiguousarray(values, np.float32)

    def _affine(self, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
        values = self._xp.array(inputs[0], np.float32, order="C")
        self.affine(values, *inputs[1:], **attributes)
        return values

    def _max_pool(self, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
        windows, values = attributes["windows"], self._floats(inputs[0])
        return layers_gpu.max_pool(self.device, values, _window(windows), attributes["positions"])

    def _average_pool(self, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
        windows, values = attributes["windows"], self._floats(inputs[0])
        return layers_gpu.average_pool(
            self.device, values, _window(windows), attributes["positions"], windows.pads[2:],
            attributes["count_padding"],
        )  # fmt: skip

    def _erf(self, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
        return layers_gpu.error_function(self.device, self._floats(inputs[0]))

    def _gelu(self, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
        return operators.gelu(inputs, attributes, lambda values: self._erf([values], {}))

    def _mean(self, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
        (values,) = inputs
        if values.ndim != 4 or tuple(attributes["axes"]) != (1, 2):
            return FUNCTIONS["ReduceMean"](inputs, attributes)
        found = layers_gpu.average_pool(
            self.device, self._floats(values), _window(Windows(values.shape[1:3])), (1, 1)
        )
        return found if attributes["keepdims"] else found.reshape(len(found), -1)

    def _grouped(self, inputs: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
        values, (weights, bias) = self._floats(inputs[0]), inputs[1:]
        windows, groups = attributes["windows"], attributes["groups"]
        positions = windows.positions(values.shape[1:3])
        if groups == values.shape[-1]:
            return layers_gpu.depthwise(
                self.device, values, weights, bias, _window(windows), positions
            )
        # weights: (groups, channels x kernel rows x kernel columns, outputs)
        channels, points = values.shape[-1] // groups, int(np.prod(windows.kernel))
        found = []
        for group in range(groups):
            by_point = weights[group].reshape(channels, points, -1).swapaxes(0, 1)
            some = slice(group * channels, (group + 1) * channels)
            geometry = Geometry(
                some, windows.kernel, windows.strides, windows.pads, windows.dilations
            )
            own = self.contiguous(by_point.reshape(channels * points, -1))
            found.append(layers_gpu.products(self.device, values, geometry, own))
        joined = self._xp.concatenate(found, axis=-1)
        return joined.reshape(len(values), *positions, -1) + bias


def _known(kind: Any) -> bool:
    """Whether a device knows numbers of a type: NumPy's own, and not those of few bits."""
    kind = np.dtype(kind)
    return kind.isbuiltin == 1 and kind.kind in "biuf"


def _narrowed(images: np.ndarray) -> np.ndarray:
    """``images`` in a type that is not wider than what the network sees, as few bytes to copy."""
    return images if images.dtype == np.uint8 else np.asarray(images, np.float32)


def _window(windows: Windows) -> layers_gpu.Window:
    return layers_gpu.Window(
        *windows.kernel, *windows.strides, *windows.dilations, *windows.pads[:2]
    )
