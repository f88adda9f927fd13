"""Activations of few bits: rounded to integers and back, as exactly as ONNX says.

What a network does between the two is read as it stands, so that products see the rounded values.
"""

import numpy as np

from aimcsim.networks.builder import FIRST, Builder, Node, Unsupported
from aimcsim.networks.quantisation import integers_of, limits, spread
from aimcsim.networks.translate.common import constant


def quantise(b: Builder, node: Node) -> None:
    """Floating-point numbers to integers."""
    zero = constant(b, node, 2, "zero points") if node.input(2) else None
    kind = integers_of(node, zero)
    low, high = limits(kind)
    # Integers of fewer than 8 bits are stored in 8.
    name = kind.name if kind.itemsize > 1 or kind.kind in "iu" else f"{'u' * (low == 0)}int8"
    attributes = {"low": low, "high": high, "dtype": name}
    b.emit(node, "QuantizeLinear", _inputs(b, node, zero), FIRST, attributes)


def dequantise(b: Builder, node: Node) -> None:
    """Integers to floating-point numbers."""
    if b.floating[node.inputs[0]]:
        raise Unsupported("only from integers")
    zero = constant(b, node, 2, "zero points") if node.input(2) else None
    b.emit(node, "DequantizeLinear", _inputs(b, node, zero), FIRST)


def _inputs(b: Builder, node: Node, zero: np.ndarray | None) -> list[str]:
    """Values, scale and zero point; the latter two as float32 that broadcast to the values."""
    name, scale = node.inputs[0], constant(b, node, 1, "scales")
    place, rank = b.place(name), b.onnx_rank(name)
    shape = [1] * rank
    for axis in range(rank):
        if axis != place.axis:
            shape[axis] = b.shapes[name][b.along(name, axis, "")]
        elif place.merged:
            shape[axis] = b.shapes[name][axis + 1]
    stored = [b.value(name, FIRST)]
    for part in (scale, np.zeros((), np.float32) if zero is None else zero):
        values = spread(part, shape, node.get("axis", 1), node.get("block_size", 0))
        values = values.astype(np.float32)
        values = values[None] if place.merged else np.moveaxis(values, place.axis, 0)
        if len(values) != 1:
            raise Unsupported("its scale differs between the images of a batch")
        stored.append(b.constant(node.name, values))
    return stored
