"""Operators that go element by element, or scale channels."""

import numpy as np

from aimcsim.networks.builder import FIRST, LAST, Builder, Node, Unsupported
from aimcsim.networks.operators import AFFINE, GENERAL
from aimcsim.networks.translate.common import (
    Translator,
    all_float,
    as_float,
    constant,
    output_rank,
    varies_along,
)


def batch_norm(b: Builder, node: Node) -> None:
    """Batch norm after training: an affine step."""
    if node.flag("training_mode") or not node.one_output:
        raise Unsupported("only as it is after training")
    scale, offset, mean, variance = (
        constant(b, node, index, "its parameters").astype(np.float64) for index in range(1, 5)
    )
    scale = scale / np.sqrt(variance + node.get("epsilon", 1e-5))
    _emit_affine(b, node, LAST, scale, offset - mean * scale)


def arithmetic(b: Builder, node: Node) -> None:
    """Add, Sub, Mul or Div: an affine step where one side is a constant per channel."""
    fixed = [name for name in node.inputs if name in b.constants]
    if fixed and all_float(b, node):
        index = node.inputs.index(fixed[0])
        rank = output_rank(b, node)
        (other,) = (name for name in node.inputs if name not in b.constants)
        layout = b.preferred([other])
        values = b.constants[fixed[0]].astype(np.float64)
        if (
            not b.moved(other)
            and b.rank(other) == rank >= max(values.ndim, 2)
            and b.shapes[other] == b.shapes[node.outputs[0]]
        ):
            if layout == FIRST and rank > 2 and varies_along(values, rank, 1):
                layout = LAST
            channel = 1 if layout == LAST and rank > 2 else rank - 1
            if varies_along(values, rank, channel):
                pair = _as_affine(node.operator, index, values.reshape(-1))
                if pair is not None:
                    _emit_affine(b, node, layout, *pair)
                    return
    float_elements(b, node)


def _as_affine(
    operator: str, index: int, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Scale and offset of one operation with constant ``values`` as its input ``index``."""
    one, zero = np.ones(1), np.zeros(1)
    if operator == "Add":
        return one, values
    if operator == "Sub":
        return (-one, values) if index == 0 else (one, -values)
    if operator == "Mul":
        return values, zero
    if index == 1 and np.all(values != 0):
        return 1 / values, zero
    return None


def _emit_affine(
    b: Builder, node: Node, layout: str, scale: np.ndarray, offset: np.ndarray
) -> None:
    source = next(name for name in node.inputs if name in b.shapes)
    shape = b.shapes[source]
    channels = shape[1] if layout == LAST and len(shape) > 2 else shape[-1]
    pair = [np.broadcast_to(as_float(values), (channels,)) for values in (scale, offset)]
    inputs = (b.value(source, layout), *(b.constant(node.name, values) for values in pair))
    b.emit(node, AFFINE, inputs, layout)


def elements(b: Builder, node: Node) -> None:
    """Any number of values, broadcast against each other."""
    inputs, layout = _broadcast(b, node)
    shapes = [b.shapes.get(name) for name in node.inputs]
    attributes = {}
    if node.operator in ("Add", "Sum") and len(inputs) == 2 and len(set(shapes)) == 1:
        attributes["same_shape"] = True
    b.emit(node, node.operator, inputs, layout, attributes)


def float_elements(b: Builder, node: Node) -> None:
    """As :func:`elements`; integers, whose rules differ from NumPy's, by the reference."""
    if all_float(b, node):
        elements(b, node)
    else:
        general_elements(b, node)


def prelu(b: Builder, node: Node) -> None:
    """ReLU with slopes of its own below 0."""
    slope = b.constants.get(node.inputs[1])
    if slope is None:
        raise Unsupported("only with a constant slope")
    elements(b, node)


def general_elements(b: Builder, node: Node) -> None:
    """Any number of values, by ONNX's reference evaluator."""
    inputs, layout = _broadcast(b, node)
    attributes = {
        "function": node.function(),
        "per_image": False,
        "constant": tuple(name in b.stored_constants for name in inputs),
    }
    b.emit(node, GENERAL, inputs, layout, attributes)


def _broadcast(b: Builder, node: Node) -> tuple[list[str], str]:
    names = [name for name in node.inputs if name]
    rank, layout = output_rank(b, node), b.preferred(names)
    inputs = []
    for name in names:
        if name in b.constants:
            inputs.append(b.broadcast(name, node.outputs[0], layout))
        elif b.rank(name) == rank:
            inputs.append(b.value(name, layout))
        else:  # an image's values against those of an image with more axes
            shape = (*(1,) * (rank - b.rank(name)), *b.shapes[name][1:])
            if layout == LAST:  # the first is 1, so that moving it leaves the values in order
                shape = (*shape[1:], 1)
            inputs.append(b.reshaped(node.name, b.value(name, FIRST), shape))
    return inputs, layout


def unary(**defaults: float) -> Translator:
    """One value, element by element; attributes with their defaults."""

    def translate(b: Builder, node: Node) -> None:
        layout = b.preferred(node.inputs)
        attributes = {name: node.get(name, default) for name, default in defaults.items()}
        b.emit(node, node.operator, (b.value(node.inputs[0], layout),), layout, attributes)

    return translate


def relu(b: Builder, node: Node) -> None:
    """Limits 0 and infinity."""
    _emit_clip(b, node, 0.0, np.inf)


def clip(b: Builder, node: Node) -> None:
    """Limits, which were attributes once."""
    if node.version < 11:
        low, high = node.get("min"), node.get("max")
    else:
        low, high = (
            float(constant(b, node, index, "limits")) if node.input(index) else None
            for index in (1, 2)
        )
    _emit_clip(b, node, -np.inf if low is None else low, np.inf if high is None else high)


def _emit_clip(b: Builder, node: Node, low: float, high: float) -> None:
    layout = b.preferred(node.inputs[:1])
    values = b.value(node.inputs[0], layout)
    if not b.floating[node.inputs[0]]:
        raise Unsupported("only for floating-point numbers")
    b.emit(node, "Clip", (values,), layout, {"low": float(low), "high": float(high)})


def gelu(b: Builder, node: Node) -> None:
    """GELU, exact or by the hyperbolic tangent."""
    layout = b.preferred(node.inputs)
    attributes = {"approximate": node.get("approximate", "none") == "tanh"}
    b.emit(node, "Gelu", (b.value(node.inputs[0], layout),), layout, attributes)


def same(b: Builder, node: Node) -> None:
    """A node that changes nothing."""
    if node.flag("training_mode") or not node.one_output:
        raise Unsupported("only as it is after training, with one output")
    b.alias(node.outputs[0], node.inputs[0])


_DTYPES = {6: "int32", 7: "int64", 9: "bool", 2: "uint8", 3: "int8"}
"""Types of ONNX by number."""


def cast(b: Builder, node: Node) -> None:
    """Another type of number; floating-point numbers are always float32."""
    if b.floating[node.outputs[0]]:
        if b.floating[node.inputs[0]]:
            b.alias(node.outputs[0], node.inputs[0])
            return
        dtype = "float32"
    elif node.get("to") in _DTYPES:
        dtype = _DTYPES[node.get("to")]
    else:
        raise Unsupported("only to floating-point numbers, 8-, 32- and 64-bit integers and bool")
    layout = b.preferred(node.inputs[:1])
    b.emit(node, "Cast", (b.value(node.inputs[0], layout),), layout, {"dtype": dtype})


def per_image(b: Builder, node: Node) -> None:
    """Any node whose first output keeps the images apart when it sees one image at a time."""
    if not node.one_output:
        raise Unsupported("only its first output")
    names = [name for name in node.inputs if name]
    inputs = [
        b.constant(name, b.constants[name]) if name in b.constants else b.value(name, FIRST)
        for name in names
    ]
    attributes = {
        "function": node.function(),
        "per_image": True,
        "constant": tuple(name in b.constants for name in names),
    }
    b.emit(node, GENERAL, inputs, FIRST, attributes)
