"""ONNX's operators as steps: which are supported, and how.

A translator adds the steps of one node to a :class:`~aimcsim.networks.builder.Builder`, or raises
:class:`~aimcsim.networks.builder.Unsupported`. Nodes whose inputs are all constant never come
here. The meaning of each operator is that of https://onnx.ai/onnx/operators/.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from aimcsim.networks.builder import FIRST, LAST, Builder, Node, Unsupported, to_first, to_last
from aimcsim.networks.graph import Product
from aimcsim.networks.operators import AFFINE, GENERAL, GROUPED
from aimcsim.networks.windows import Windows

Translator = Callable[[Builder, Node], None]

CORES = "on cores"
CORES_OR_DIGITAL = "on cores or digital"
FAST = "digital"
SLOW = "digital, by ONNX's reference evaluator"
PER_IMAGE = "digital, by ONNX's reference evaluator, image by image"
NOTHING = "nothing to do"


@dataclass(frozen=True)
class Support:
    """How an operator is run."""

    how: str
    """A row of the table in ``config/networks.md``."""
    translate: Translator


# Products


def _conv(b: Builder, node: Node) -> None:
    weights = _constant(b, node, 1, "the kernels")
    rank = b.rank(node.inputs[0])
    if rank not in (3, 4):
        raise Unsupported("only images of one or two axes")
    kernels = weights[:, :, None] if rank == 3 else weights
    groups = node.get("group", 1)
    windows = _windows(b, node, kernels.shape[2:])
    bias = _bias(b, node, 2, len(kernels))
    output = node.outputs[0]
    values = _as_image(b, node)
    if groups == 1:
        matrix = kernels.reshape(len(kernels), -1).T
        product = Product(
            node.name, _float(matrix), windows.kernel, windows.strides, windows.pads,
            windows.dilations, bias,
        )  # fmt: skip
        stored = f"{output}, products"
        b.product(node.name, values, stored, product)
    else:
        if groups == b.shapes[node.inputs[0]][1]:
            matrix = kernels[:, 0].transpose(1, 2, 0)
        else:
            matrix = kernels.reshape(groups, len(kernels) // groups, -1).transpose(0, 2, 1)
        bias = np.zeros(len(kernels), np.float32) if bias is None else bias
        stored = f"{output}, grouped"
        inputs = (values, b.constant(node.inputs[1], matrix), b.constant(node.name, bias))
        attributes = {"windows": windows, "groups": groups}
        b.step(GROUPED, node.name, inputs, stored, attributes)
    _from_image(b, node, stored)


def _gemm(b: Builder, node: Node) -> None:
    matrix = _constant(b, node, 1, "the second matrix")
    if node.inputs[0] in b.constants or node.get("transA", 0):
        raise Unsupported("only with images along the first axis of the first matrix")
    matrix = _float(matrix.T if node.get("transB", 0) else matrix)
    matrix = matrix * np.float32(node.get("alpha", 1.0))
    beta = np.float32(node.get("beta", 1.0))
    added = node.input(2)
    bias = None
    if added in b.constants:
        values = b.constants[added]
        if values.ndim == 2 and len(values) != 1:
            raise Unsupported("a constant differs between the images of a batch")
        values = np.broadcast_to(_float(values).reshape(-1), (matrix.shape[1],))
        bias = beta * values
    elif added:
        raise Unsupported("only with a constant third input")
    stored = f"{node.outputs[0]}, products"
    b.product(
        node.name, b.value(node.inputs[0], FIRST), stored, Product(node.name, matrix, bias=bias)
    )
    b.store(node.outputs[0], FIRST, stored)


def _matmul(b: Builder, node: Node) -> None:
    left, right = node.inputs
    if right in b.constants and b.constants[right].ndim == 2:
        stored = f"{node.outputs[0]}, products"
        product = Product(node.name, _float(b.constants[right]))
        b.product(node.name, b.value(left, FIRST), stored, product)
        b.store(node.outputs[0], FIRST, stored)
        return
    ranks = [_rank(b, name) for name in (left, right)]
    if any(name in b.shapes and rank < 3 for name, rank in zip((left, right), ranks, strict=True)):
        raise Unsupported("images lie along an axis that is summed over")
    if left in b.shapes and right in b.shapes and ranks[0] != ranks[1]:
        raise Unsupported("only for values with equally many axes")
    inputs = [
        b.value(name, FIRST) if name in b.shapes else b.constant(name, b.constants[name])
        for name in (left, right)
    ]
    b.emit(node, "MatMul", inputs, FIRST)


# Element by element


def _batch_norm(b: Builder, node: Node) -> None:
    if node.get("training_mode", 0) or not node.one_output:
        raise Unsupported("only as it is after training")
    scale, offset, mean, variance = (
        _constant(b, node, index, "its parameters").astype(np.float64) for index in range(1, 5)
    )
    scale = scale / np.sqrt(variance + node.get("epsilon", 1e-5))
    _emit_affine(b, node, LAST, scale, offset - mean * scale)


def _arithmetic(b: Builder, node: Node) -> None:
    """Add, Sub, Mul or Div: an affine step where one side is a constant per channel."""
    constant = [name for name in node.inputs if name in b.constants]
    if constant and _all_float(b, node):
        index = node.inputs.index(constant[0])
        rank = _output_rank(b, node)
        (other,) = (name for name in node.inputs if name not in b.constants)
        layout = b.preferred([other])
        values = b.constants[constant[0]].astype(np.float64)
        if (
            b.rank(other) == rank >= max(values.ndim, 2)
            and b.shapes[other] == b.shapes[node.outputs[0]]
        ):
            if layout == FIRST and rank > 2 and _along(values, rank, 1):
                layout = LAST
            channel = 1 if layout == LAST and rank > 2 else rank - 1
            if _along(values, rank, channel):
                pair = _as_affine(node.operator, index, values.reshape(-1))
                if pair is not None:
                    _emit_affine(b, node, layout, *pair)
                    return
    _float_elements(b, node)


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
    pair = [np.broadcast_to(_float(values), (channels,)) for values in (scale, offset)]
    inputs = (b.value(source, layout), *(b.constant(node.name, values) for values in pair))
    b.emit(node, AFFINE, inputs, layout)


def _elements(b: Builder, node: Node) -> None:
    """Any number of values, broadcast against each other."""
    inputs, layout = _broadcast(b, node)
    shapes = [b.shapes.get(name) for name in node.inputs]
    attributes = {}
    if node.operator in ("Add", "Sum") and len(inputs) == 2 and len(set(shapes)) == 1:
        attributes["same_shape"] = True
    b.emit(node, node.operator, inputs, layout, attributes)


def _float_elements(b: Builder, node: Node) -> None:
    """As :func:`_elements`; integers, whose rules differ from NumPy's, by the reference."""
    if _all_float(b, node):
        _elements(b, node)
    else:
        _general_elements(b, node)


def _prelu(b: Builder, node: Node) -> None:
    slope = b.constants.get(node.inputs[1])
    if slope is None:
        raise Unsupported("only with a constant slope")
    _elements(b, node)


def _general_elements(b: Builder, node: Node) -> None:
    inputs, layout = _broadcast(b, node)
    attributes = {
        "function": node.function(),
        "per_image": False,
        "constant": tuple(name in b.stored_constants for name in inputs),
    }
    b.emit(node, GENERAL, inputs, layout, attributes)


def _broadcast(b: Builder, node: Node) -> tuple[list[str], str]:
    names = [name for name in node.inputs if name]
    rank, layout = _output_rank(b, node), b.preferred(names)
    inputs = []
    for name in names:
        if name in b.constants:
            inputs.append(b.broadcast(name, rank, layout))
        elif b.rank(name) == rank:
            inputs.append(b.value(name, layout))
        else:  # an image's values against those of an image with more axes
            shape = (*(1,) * (rank - b.rank(name)), *b.shapes[name][1:])
            if layout == LAST:  # the first is 1, so that moving it leaves the values in order
                shape = (*shape[1:], 1)
            inputs.append(b.reshaped(node.name, b.value(name, FIRST), shape))
    return inputs, layout


def _unary(**defaults: float) -> Translator:
    """One value, element by element; attributes with their defaults."""

    def translate(b: Builder, node: Node) -> None:
        layout = b.preferred(node.inputs)
        attributes = {name: node.get(name, default) for name, default in defaults.items()}
        b.emit(node, node.operator, (b.value(node.inputs[0], layout),), layout, attributes)

    return translate


def _relu(b: Builder, node: Node) -> None:
    _emit_clip(b, node, 0.0, np.inf)


def _clip(b: Builder, node: Node) -> None:
    if node.version < 11:
        low, high = node.get("min"), node.get("max")
    else:
        low, high = (
            float(_constant(b, node, index, "limits")) if node.input(index) else None
            for index in (1, 2)
        )
    _emit_clip(b, node, -np.inf if low is None else low, np.inf if high is None else high)


def _emit_clip(b: Builder, node: Node, low: float, high: float) -> None:
    layout = b.preferred(node.inputs[:1])
    values = b.value(node.inputs[0], layout)
    if not b.floating[node.inputs[0]]:
        raise Unsupported("only for floating-point numbers")
    b.emit(node, "Clip", (values,), layout, {"low": float(low), "high": float(high)})


def _same(b: Builder, node: Node) -> None:
    if node.get("training_mode", 0) or not node.one_output:
        raise Unsupported("only as it is after training, with one output")
    b.alias(node.outputs[0], node.inputs[0])


_DTYPES = {6: "int32", 7: "int64", 9: "bool", 2: "uint8", 3: "int8"}


def _cast(b: Builder, node: Node) -> None:
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


# Windows on images


def _pool(b: Builder, node: Node) -> None:
    if not node.one_output:
        raise Unsupported("only the values, not where they were")
    if b.rank(node.inputs[0]) not in (3, 4):
        raise Unsupported("only images of one or two axes")
    kernel = node.get("kernel_shape")
    windows = _windows(b, node, (1,) * (2 - len(kernel)) + tuple(kernel))
    positions = (1, *b.shapes[node.outputs[0]][2:])[-2:]
    attributes = {"windows": windows, "positions": positions}
    if node.operator == "AveragePool":
        attributes["count_padding"] = bool(node.get("count_include_pad", 0))
    stored = f"{node.outputs[0]}, pooled"
    b.step(node.operator, node.name, (_as_image(b, node),), stored, attributes)
    _from_image(b, node, stored)


def _global_pool(b: Builder, node: Node) -> None:
    rank = b.rank(node.inputs[0])
    operator = "ReduceMean" if node.operator == "GlobalAveragePool" else "ReduceMax"
    attributes = {"axes": tuple(range(1, rank - 1)), "keepdims": True}
    b.emit(node, operator, (b.value(node.inputs[0], LAST),), LAST, attributes)


def _local_response(b: Builder, node: Node) -> None:
    attributes = {
        "size": node.get("size"),
        "alpha": node.get("alpha", 1e-4),
        "beta": node.get("beta", 0.75),
        "bias": node.get("bias", 1.0),
    }
    b.emit(node, "LRN", (b.value(node.inputs[0], LAST),), LAST, attributes)


def _as_image(b: Builder, node: Node) -> str:
    """The first input as (images, height, width, channels); height 1 where it has one axis."""
    name = node.inputs[0]
    values = b.value(name, LAST)
    if b.rank(name) == 4:
        return values
    _, channels, length = b.shapes[name]
    return b.reshaped(node.name, values, (1, length, channels))


def _from_image(b: Builder, node: Node, stored: str) -> None:
    name = node.outputs[0]
    if b.rank(name) == 3:
        _, channels, length = b.shapes[name]
        stored = b.reshaped(node.name, stored, (length, channels))
    b.store(name, LAST, stored)


def _windows(b: Builder, node: Node, kernel: Sequence[int]) -> Windows:
    """The node's windows; a missing first axis is one pixel."""
    extents = b.shapes[node.inputs[0]][2:]
    found = b.shapes[node.outputs[0]][2:]
    axes = len(extents)
    strides = tuple(node.get("strides") or (1,) * axes)
    dilations = tuple(node.get("dilations") or (1,) * axes)
    pads = tuple(node.get("pads") or (0,) * 2 * axes)
    automatic = node.get("auto_pad", "NOTSET")
    if automatic == "VALID":
        pads = (0,) * 2 * axes
    elif automatic != "NOTSET":
        sides = kernel[-axes:]
        totals = [
            max((found[i] - 1) * strides[i] + (sides[i] - 1) * dilations[i] + 1 - extents[i], 0)
            for i in range(axes)
        ]
        smaller, larger = [t // 2 for t in totals], [t - t // 2 for t in totals]
        upper = automatic == "SAME_UPPER"
        pads = tuple(smaller + larger if upper else larger + smaller)
    if min(pads, default=0) < 0:
        raise Unsupported("only with pads of 0 or more")
    if axes == 1:
        strides, dilations, pads = (1, *strides), (1, *dilations), (0, pads[0], 0, pads[1])
    return Windows(tuple(int(side) for side in kernel), strides, pads, dilations)


# Axes


def _reduce(b: Builder, node: Node) -> None:
    name = node.inputs[0]
    rank = b.rank(name)
    axes = _axes(b, node, 1, 13 if node.operator == "ReduceSum" else 18)
    if axes is None:
        if node.get("noop_with_empty_axes", 0):
            b.alias(node.outputs[0], name)
            return
        axes = range(rank)
    axes = [axis % rank for axis in axes]
    if 0 in axes:
        raise Unsupported("combines the images of a batch")
    keep = bool(node.get("keepdims", 1))
    # Without the channels no layout with channels last remains, nor without all other axes.
    over_image = sorted(axes) == list(range(2, rank))
    layout = b.preferred([name]) if keep or over_image else FIRST
    attributes = {
        "axes": tuple(b.axis(axis, rank, layout) for axis in axes),
        "keepdims": keep,
    }
    result = layout if keep else FIRST
    b.emit(node, node.operator, (b.value(name, layout),), result, attributes)


def _softmax(b: Builder, node: Node) -> None:
    name = node.inputs[0]
    rank = b.rank(name)
    axis = node.get("axis", 1 if node.version < 13 else -1) % rank
    if axis == 0:
        raise Unsupported("combines the images of a batch")
    axes = range(axis, rank) if node.version < 13 else (axis,)
    layout = b.preferred([name])
    attributes = {"axes": tuple(b.axis(axis, rank, layout) for axis in axes)}
    b.emit(node, node.operator, (b.value(name, layout),), layout, attributes)


def _layer_norm(b: Builder, node: Node) -> None:
    if not node.one_output:
        raise Unsupported("only its first output")
    rank = b.rank(node.inputs[0])
    axis = node.get("axis", -1) % rank
    if axis == 0:
        raise Unsupported("combines the images of a batch")
    factors = []
    for index in (1, 2):
        if node.input(index):
            _constant(b, node, index, "scale and offset")
            factors.append(b.broadcast(node.inputs[index], rank, FIRST))
    attributes = {"axes": tuple(range(axis, rank)), "epsilon": node.get("epsilon", 1e-5)}
    b.emit(
        node, "LayerNormalization", (b.value(node.inputs[0], FIRST), *factors), FIRST, attributes
    )


def _group_norm(b: Builder, node: Node) -> None:
    factors = []
    for index in (1, 2):
        values = _constant(b, node, index, "scale and offset")
        factors.append(b.constant(node.inputs[index], values))
    attributes = {"groups": node.get("num_groups"), "epsilon": node.get("epsilon", 1e-5)}
    inputs = (b.value(node.inputs[0], LAST), *factors)
    b.emit(node, "GroupNormalization", inputs, LAST, attributes)


def _gelu(b: Builder, node: Node) -> None:
    layout = b.preferred(node.inputs)
    attributes = {"approximate": node.get("approximate", "none") == "tanh"}
    b.emit(node, "Gelu", (b.value(node.inputs[0], layout),), layout, attributes)


def _expand(b: Builder, node: Node) -> None:
    name, shape = node.inputs[0], b.shapes[node.outputs[0]]
    _constant(b, node, 1, "the extents")
    values = b.value(name, FIRST)
    if b.rank(name) < len(shape):
        own = (*(1,) * (len(shape) - b.rank(name)), *b.shapes[name][1:])
        values = b.reshaped(node.name, values, own)
    b.emit(node, "Expand", (values,), FIRST, {"shape": shape[1:]})


def _tile(b: Builder, node: Node) -> None:
    repeats = tuple(_constant(b, node, 1, "the repeats").tolist())
    b.emit(node, "Tile", (b.value(node.inputs[0], FIRST),), FIRST, {"repeats": repeats})


def _concat(b: Builder, node: Node) -> None:
    rank = _output_rank(b, node)
    axis = node.get("axis") % rank
    if axis == 0:
        raise Unsupported("joins the images of a batch with others")
    layout = b.preferred(node.inputs)
    inputs = [
        b.broadcast(name, rank, layout) if name in b.constants else b.value(name, layout)
        for name in node.inputs
    ]
    b.emit(node, "Concat", inputs, layout, {"axis": b.axis(axis, rank, layout)})


def _reshape(b: Builder, node: Node) -> None:
    """Reshape, Flatten, Squeeze, Unsqueeze: shapes are settled, the first axis is the image's."""
    if node.operator in ("Squeeze", "Unsqueeze"):
        axes = _axes(b, node, 1, 13)
        rank = max(b.rank(node.inputs[0]), _output_rank(b, node))
        if axes is None or 0 in [axis % rank for axis in axes]:
            raise Unsupported("adds or removes the axis of the images")
    source, shape = b.shapes[node.inputs[0]], b.shapes[node.outputs[0]]
    from_layout = to_layout = FIRST
    # One pixel: both layouts have the values in the same order, so that nothing is moved.
    if len(source) > 2 and set(source[2:]) == {1}:
        from_layout = b.preferred(node.inputs[:1])
    if len(shape) > 2 and set(shape[2:]) == {1}:
        to_layout, shape = LAST, (shape[0], *shape[2:], shape[1])
    values = b.value(node.inputs[0], from_layout)
    b.emit(node, "Reshape", (values,), to_layout, {"shape": shape[1:]})


def _transpose(b: Builder, node: Node) -> None:
    name, output = node.inputs[0], node.outputs[0]
    rank = b.rank(name)
    axes = tuple(axis % rank for axis in node.get("perm") or reversed(range(rank)))
    if axes[0] != 0:
        raise Unsupported("moves the axis of the images")
    if rank > 2 and axes == to_last(rank):  # as stored already
        b.store(output, FIRST, b.value(name, LAST))
    elif rank > 2 and axes == to_first(rank):
        b.store(output, LAST, b.value(name, FIRST))
    else:
        b.emit(node, "Transpose", (b.value(name, FIRST),), FIRST, {"axes": axes})


def _pad(b: Builder, node: Node) -> None:
    name = node.inputs[0]
    rank = b.rank(name)
    if node.version < 11:
        pads, value = node.get("pads") or node.get("paddings"), node.get("value", 0.0)
        axes = range(rank)
    else:
        pads = _constant(b, node, 1, "the widths").tolist()
        value = _constant(b, node, 2, "the value") if node.input(2) else 0.0
        axes = _constant(b, node, 3, "the axes").tolist() if node.input(3) else range(rank)
    widths = [(0, 0)] * rank
    layout = b.preferred([name])
    for index, axis in enumerate(axes):
        widths[b.axis(axis, rank, layout)] = (pads[index], pads[index + len(axes)])
    if any(widths[0]):
        raise Unsupported("adds images to the batch")
    if min(min(pair) for pair in widths) < 0:
        raise Unsupported("only with widths of 0 or more")
    mode = node.get("mode", "constant")
    attributes = {"widths": tuple(widths), "value": float(value), "mode": mode}
    b.emit(node, "Pad", (b.value(name, layout),), layout, attributes)


def _slice(b: Builder, node: Node) -> None:
    name = node.inputs[0]
    rank = b.rank(name)
    if node.version < 10:
        starts, ends = node.get("starts"), node.get("ends")
        axes, steps = node.get("axes") or range(len(starts)), [1] * len(starts)
    else:
        starts = _constant(b, node, 1, "the bounds").tolist()
        ends = _constant(b, node, 2, "the bounds").tolist()
        axes = _constant(b, node, 3, "the axes").tolist() if node.input(3) else range(len(starts))
        steps = _constant(b, node, 4, "the steps").tolist() if node.input(4) else [1] * len(starts)
    slices = {
        axis % rank: _bounds(*bounds, b.shapes[name][axis])
        for axis, *bounds in zip(axes, starts, ends, steps, strict=True)
    }
    _emit_slice(b, node, node.outputs[0], slices)


def _bounds(start: int, end: int, step: int, extent: int) -> slice:
    # ONNX's far ends are clamped; one before the first value, counted backwards, is Python's None.
    if step < 0 and end < -extent:
        return slice(start, None, step)
    return slice(start, end, step)


def _split(b: Builder, node: Node) -> None:
    name = node.inputs[0]
    rank = b.rank(name)
    axis = node.get("axis", 0) % rank
    start = 0
    for output, used in zip(node.outputs, node.used, strict=True):
        end = start + b.shapes[output][axis]
        if used:
            _emit_slice(b, node, output, {axis: slice(start, end)})
        start = end


def _emit_slice(b: Builder, node: Node, output: str, slices: dict[int, slice]) -> None:
    name = node.inputs[0]
    rank = b.rank(name)
    batch = slices.pop(0, slice(0, 1))
    # What keeps the one image of the shapes that were settled, keeps all.
    if range(1)[batch] != range(1) or batch.step not in (None, 1):
        raise Unsupported("cuts the batch of images")
    layout = b.preferred([name])
    placed = {b.axis(axis, rank, layout): cut for axis, cut in slices.items()}
    everything = tuple(placed.get(axis, slice(None)) for axis in range(rank))
    stored = f"{output}, {layout}, cut"
    b.step("Slice", node.name, (b.value(name, layout),), stored, {"slices": everything})
    b.store(output, layout, stored)


def _gather(b: Builder, node: Node) -> None:
    values, indices = node.inputs
    rank = _rank(b, values)
    axis = node.get("axis", 0) % rank
    if values in b.constants and axis == 0:  # a table of vectors, looked up per image
        inputs = (b.constant(values, b.constants[values]), b.value(indices, FIRST))
    elif indices in b.constants and axis != 0:
        extent = b.shapes[values][axis]
        fixed = b.constants[indices] % extent  # negative ones count from the end
        inputs = (b.value(values, FIRST), b.constant(indices, fixed))
    else:
        raise Unsupported("only constant indices, not among images, or a constant table")
    b.emit(node, "Gather", inputs, FIRST, {"axis": axis})


def _general(b: Builder, node: Node) -> None:
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


# Helpers


def _constant(b: Builder, node: Node, index: int, what: str) -> np.ndarray:
    name = node.input(index)
    if name not in b.constants:
        raise Unsupported(f"only where {what} are constant")
    return b.constants[name]


def _bias(b: Builder, node: Node, index: int, columns: int) -> np.ndarray | None:
    if not node.input(index):
        return None
    bias = _float(_constant(b, node, index, "the biases"))
    return np.broadcast_to(bias.reshape(-1), (columns,)).copy()


def _axes(b: Builder, node: Node, index: int, version: int) -> list[int] | None:
    """Axes, which became an input in ``version``; None where none are given."""
    if node.version < version:
        return node.get("axes")
    if not node.input(index):
        return None
    return _constant(b, node, index, "the axes").tolist() or None


def _rank(b: Builder, name: str) -> int:
    return b.constants[name].ndim if name in b.constants else b.rank(name)


def _output_rank(b: Builder, node: Node) -> int:
    return b.rank(node.outputs[0])


def _all_float(b: Builder, node: Node) -> bool:
    return all(
        b.constants[name].dtype.kind == "f" if name in b.constants else b.floating[name]
        for name in node.inputs
        if name
    )


def _along(values: np.ndarray, rank: int, axis: int) -> bool:
    """Whether ``values``, broadcast to ``rank`` axes, vary along ``axis`` at most."""
    shape = (1,) * (rank - values.ndim) + values.shape
    return all(extent == 1 for index, extent in enumerate(shape) if index != axis)


def _float(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, np.float32)


def _all(how: str, translate: Translator, *operators: str) -> dict[str, Support]:
    return {operator: Support(how, translate) for operator in operators}


SUPPORTED: dict[str, Support] = {
    "Conv": Support(CORES_OR_DIGITAL, _conv),
    "Gemm": Support(CORES, _gemm),
    "MatMul": Support(CORES_OR_DIGITAL, _matmul),
    "BatchNormalization": Support(FAST, _batch_norm),
    **_all(FAST, _arithmetic, "Add", "Sub", "Mul", "Div"),
    **_all(FAST, _float_elements, "Max", "Mean", "Min", "Pow", "Sum"),
    "Where": Support(FAST, _elements),
    "PRelu": Support(FAST, _prelu),
    "Relu": Support(FAST, _relu),
    "Clip": Support(FAST, _clip),
    **_all(FAST, _unary(), "Abs", "Exp", "HardSwish", "Log", "Neg", "Reciprocal", "Sigmoid"),
    **_all(FAST, _unary(), "Sqrt", "Tanh"),
    "Erf": Support(FAST, _unary()),
    "Gelu": Support(FAST, _gelu),
    "HardSigmoid": Support(FAST, _unary(alpha=0.2, beta=0.5)),
    "LeakyRelu": Support(FAST, _unary(alpha=0.01)),
    "Cast": Support(FAST, _cast),
    **_all(NOTHING, _same, "Identity", "Dropout"),
    **_all(FAST, _pool, "AveragePool", "MaxPool"),
    **_all(FAST, _global_pool, "GlobalAveragePool", "GlobalMaxPool"),
    "LRN": Support(FAST, _local_response),
    **_all(FAST, _reduce, "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"),
    **_all(FAST, _softmax, "LogSoftmax", "Softmax"),
    "LayerNormalization": Support(FAST, _layer_norm),
    "GroupNormalization": Support(FAST, _group_norm),
    "Expand": Support(FAST, _expand),
    "Tile": Support(FAST, _tile),
    "Concat": Support(FAST, _concat),
    **_all(FAST, _reshape, "Flatten", "Reshape", "Squeeze", "Unsqueeze"),
    "Transpose": Support(FAST, _transpose),
    "Pad": Support(FAST, _pad),
    "Slice": Support(FAST, _slice),
    "Split": Support(FAST, _split),
    "Gather": Support(FAST, _gather),
    **_all(
        SLOW, _general_elements,
        "And", "Ceil", "Celu", "Cos", "Elu", "Equal", "Floor", "Greater",
        "GreaterOrEqual", "Less", "LessOrEqual", "Mish", "Not", "Or", "Round", "Selu", "Shrink",
        "Sign", "Sin", "Softplus", "Softsign", "ThresholdedRelu", "Xor",
    ),
    **_all(
        PER_IMAGE, _general,
        "ConvTranspose", "CumSum", "DepthToSpace",
        "InstanceNormalization", "LpPool", "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceProd",
        "ReduceSumSquare", "Resize", "SpaceToDepth", "Upsample",
    ),
}  # fmt: skip
"""Every operator that a network may have, by ONNX's name."""

WHILE_READING = frozenset({"Shape"})
"""Operators that only ever give constants, as shapes are settled while a model is read."""
