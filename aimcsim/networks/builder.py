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

    def flag(self, name: str, default: int = 0) -> bool:
        """Attribute ``name``, which is 0 or 1; what else would mean depends on whom one asks."""
        value = self.get(name, default)
        if value not in (0, 1):
            raise Unsupported(f"its {name} is {value}, neither 0 nor 1")
        return bool(value)


@dataclass(frozen=True)
class Place:
    """Where the images of a batch lie among the axes that ONNX gives a value."""

    axis: int = 0
    """The axis that they lie along."""
    before: int = 1
    """Of the entries that this axis has for one image, those that lie before the images: it counts
    (before, images, behind)."""
    merged: bool = False
    """It counts something else too, so that it has more than one entry for one image."""
    by: str = field(default="", compare=False)
    """What moved them there, for messages."""


AT_FIRST = Place()
"""Where they are in the input of a network, and in its scores."""


def to_last(rank: int) -> tuple[int, ...]:
    """Axes of ONNX in the order of :data:`LAST`."""
    return (0, *range(2, rank), 1)


def to_first(rank: int) -> tuple[int, ...]:
    """Axes of :data:`LAST` in the order of ONNX."""
    return (0, rank - 1, *range(1, rank - 1))


@dataclass
class Builder:
    """Collects steps, products and constants.

    The images come first in every stored value, wherever ONNX has them (:class:`Place`): an axis of
    their own moves to the front, and one that counts more than them leaves its rest behind. Shapes,
    ranks and axes are those of the stored values, for one image, channels first; :meth:`along`
    gives them for ONNX's axes.
    """

    constants: dict[str, np.ndarray] = field(default_factory=dict)
    """Values that no image changes, as ONNX has them."""
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Of all other values, images first: an axis of 1."""
    places: dict[str, Place] = field(default_factory=dict)
    """Of these values; where they are not named, :data:`AT_FIRST`."""
    floating: dict[str, bool] = field(default_factory=dict)
    """Which of these are floating-point numbers."""
    twice: dict[str, np.ndarray] = field(default_factory=dict)
    """Constants that count the images of a batch, as they are for two of them."""
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

    def place(self, name: str) -> Place:
        """Where ONNX has the images of a value."""
        return self.places.get(name, AT_FIRST)

    def moved(self, name: str) -> bool:
        """Whether ONNX has them elsewhere than along its first axis alone."""
        return self.place(name) != AT_FIRST

    def onnx_rank(self, name: str) -> int:
        """Axes that ONNX gives a value."""
        return self.rank(name) - self.place(name).merged

    def onnx_axis(self, name: str, axis: int) -> int:
        """``axis`` of a value, counted from the first; ``axis`` may count from the last."""
        rank = self.onnx_rank(name)
        if not -rank <= axis < rank:
            raise Unsupported(f"its axis {axis} is none of {rank}")
        return axis % rank

    def for_two_images(self, name: str) -> np.ndarray:
        """A constant, as it is for a batch of two images."""
        if name not in self.constants:
            raise Unsupported("only where the shape is constant")
        return self.twice.get(name, self.constants[name])

    def along(self, name: str, axis: int, why: str) -> int:
        """Where ONNX's ``axis`` of a value is in the stored value, channels first.

        Raises
        ------
        Unsupported
            The images lie along it; the text is ``why``.
        """
        place, axis = self.place(name), self.onnx_axis(name, axis)
        if axis == place.axis:
            raise Unsupported(why)
        return axis + 1 if place.merged or axis < place.axis else axis

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
            stored[layout] = self.free(f"{name}, {layout}")
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
        name = self.free(name or "constant")
        self.stored_constants[name] = np.asarray(values, order="C")
        return name

    def broadcast(self, name: str, like: str, layout: str) -> str:
        """A constant with the axes of the value ``like`` as it is in ``layout``, for steps."""
        values, place = self.constants[name], self.place(like)
        rank = self.onnx_rank(like)
        values = values.reshape((1,) * (rank - values.ndim) + values.shape)
        if place.merged:
            values = values[None]
        elif values.ndim:
            values = np.moveaxis(values, place.axis, 0)
            if values.shape[0] != 1:
                raise Unsupported(f"the constant '{name}' differs between the images of a batch")
        rank = self.rank(like)
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
        stored = self.free(node.outputs[0])
        self.step(operator, node.name, inputs, stored, attributes or {})
        self.store(node.outputs[0], layout, stored)

    def product(self, name: str, values: str, output: str, product: Product) -> None:
        """Add a product of the stored value ``values``."""
        self.step(PRODUCT, name, (values,), output, {"product": len(self.products)})
        self.products.append(product)

    def transposed(self, name: str, values: str, axes: Sequence[int]) -> str:
        """Name of ``values`` with its axes in the order ``axes``."""
        stored = self.free(f"{values}, {'-'.join(map(str, axes))}")
        self.step("Transpose", name, (values,), stored, {"axes": tuple(axes)})
        return stored

    def reshaped(self, name: str, values: str, shape: Sequence[int]) -> str:
        """Name of ``values`` with the axes after the first as ``shape``."""
        stored = self.free(f"{values}, {'x'.join(map(str, shape))}")
        self.step("Reshape", name, (values,), stored, {"shape": tuple(shape)})
        return stored

    def free(self, name: str) -> str:
        """A name for a stored value that no other has, made of ``name``."""
        while name in self._names:
            name += "'"
        self._names.add(name)
        return name

    _names: set[str] = field(default_factory=set)
