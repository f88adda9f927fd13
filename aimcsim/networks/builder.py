"""Steps as they are collected while a model is read: values, their shapes and their layouts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aimcsim.networks.graph import PRODUCT, Product, Step

FIRST = "channels first"
"""Layout of values as ONNX has them."""
LAST = "channels last"
"""Layout in which axis 1 of ONNX is the last one; of values with three axes or more."""


class Unsupported(Exception):
    """This node, as it is, cannot be run; the text says why."""


@dataclass(frozen=True)
class Node:
    """One node of a model; "" stands for an input or output that is left out."""

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    version: int
    """Of the operator set."""
    function: Callable[[], bytes]
    """The node alone as an ONNX function, in bytes; its inputs are those not left out."""

    used: tuple[bool, ...]
    """Per output, whether anything needs it."""

    @property
    def one_output(self) -> bool:
        """Nothing needs another output than the first."""
        return not any(self.used[1:])

    def input(self, index: int) -> str:
        """Name of input ``index``, "" where the node has none."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def get(self, name: str, default: Any = None) -> Any:
        """Attribute ``name``."""
        return self.attributes.get(name, default)


def to_last(rank: int) -> tuple[int, ...]:
    """Axes of ONNX in the order of :data:`LAST`."""
    return (0, *range(2, rank), 1)


def to_first(rank: int) -> tuple[int, ...]:
    """Axes of :data:`LAST` in the order of ONNX."""
    return (0, rank - 1, *range(1, rank - 1))


@dataclass
class Builder:
    """Collects steps, products and constants. Shapes are those of ONNX for one image."""

    constants: dict[str, np.ndarray] = field(default_factory=dict)
    """Values that no image changes, as ONNX has them."""
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Of all other values, with an image axis of 1."""
    floating: dict[str, bool] = field(default_factory=dict)
    """Which of these are floating-point numbers."""
    declared_images: int = 1
    """Images in the batch that the model was written for."""
    steps: list[Step] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    stored_constants: dict[str, np.ndarray] = field(default_factory=dict)
    """What the steps use."""
    _stored: dict[str, dict[str, str]] = field(default_factory=dict)

    def rank(self, name: str) -> int:
        """Axes of a value, the image axis among them."""
        return len(self.shapes[name])

    def layouts(self, name: str) -> Mapping[str, str]:
        """Name of the stored value per layout in which there already is one."""
        return self._stored[name]

    def store(self, name: str, layout: str, stored: str) -> None:
        """ONNX's value ``name`` is there in ``layout``, as the stored value ``stored``."""
        layout = layout if self.rank(name) > 2 else FIRST
        self._stored.setdefault(name, {})[layout] = stored

    def alias(self, name: str, source: str) -> None:
        """Value ``name`` is value ``source``."""
        self._stored[name] = self._stored[source]

    def value(self, name: str, layout: str) -> str:
        """Name of the stored value for ONNX's ``name`` in ``layout``; transposed where need be."""
        stored, rank = self._stored[name], self.rank(name)
        layout = layout if rank > 2 else FIRST
        if layout not in stored:
            ((_, source),) = stored.items()
            axes = to_last(rank) if layout == LAST else to_first(rank)
            stored[layout] = self._free(f"{name}, {layout}")
            self.step("Transpose", name, (source,), stored[layout], {"axes": axes})
        return stored[layout]

    def preferred(self, names: Sequence[str]) -> str:
        """The layout in which most of the values ``names`` are; LAST where they differ."""
        found = [self._stored[name] for name in names if name in self._stored]
        return FIRST if all(LAST not in stored for stored in found) else LAST

    def axis(self, axis: int, rank: int, layout: str) -> int:
        """Where ONNX's ``axis`` is in a stored value of ``layout``."""
        axis = axis % rank
        return axis if layout == FIRST or rank < 3 else to_last(rank).index(axis)

    def constant(self, name: str, values: np.ndarray) -> str:
        """Name under which ``values`` are stored for steps; floating-point numbers as float32."""
        values = np.asarray(values)
        if values.dtype.kind == "f" or values.dtype.name == "bfloat16":
            values = values.astype(np.float32)
        name = self._free(name or "constant")
        self.stored_constants[name] = np.asarray(values, order="C")
        return name

    def broadcast(self, name: str, rank: int, layout: str) -> str:
        """A constant with ``rank`` axes as they are in ``layout``, stored for steps."""
        values = self.constants[name]
        values = values.reshape((1,) * (rank - values.ndim) + values.shape)
        if values.ndim and values.shape[0] != 1:
            raise Unsupported("a constant differs between the images of a batch")
        if layout == LAST and rank > 2:
            values = values.transpose(to_last(rank))
        return self.constant(name, values)

    def step(
        self,
        operator: str,
        name: str,
        inputs: Sequence[str],
        output: str,
        attributes: Mapping[str, Any],
    ) -> None:
        """Add a step in terms of stored values."""
        self.steps.append(Step(operator, name, tuple(inputs), output, attributes))

    def emit(
        self,
        node: Node,
        operator: str,
        inputs: Sequence[str],
        layout: str,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        """Add a step whose output is the node's first, in ``layout``."""
        stored = self._free(node.outputs[0])
        self.step(operator, node.name, inputs, stored, attributes or {})
        self.store(node.outputs[0], layout, stored)

    def product(self, name: str, values: str, output: str, product: Product) -> None:
        """Add a product of the stored value ``values``."""
        self.step(PRODUCT, name, (values,), output, {"product": len(self.products)})
        self.products.append(product)

    def reshaped(self, name: str, values: str, shape: Sequence[int]) -> str:
        """Name of ``values`` with the axes after the first as ``shape``."""
        stored = self._free(f"{values}, {'x'.join(map(str, shape))}")
        self.step("Reshape", name, (values,), stored, {"shape": tuple(shape)})
        return stored

    def _free(self, name: str) -> str:
        while name in self._names:
            name += "'"
        self._names.add(name)
        return name

    _names: set[str] = field(default_factory=set)
