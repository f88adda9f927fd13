"""What no image changes, computed while a model is read: by NumPy, and within bounds.

An exported model computes shapes, masks and the weights themselves (transposed, dequantised) by
nodes of its own. Each is computed once, if its result is of a size that can be told beforehand and
that memory holds. Loops are not run: whether they end cannot be told.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from scipy.special import erf

from aimcsim.networks.builder import Node, Unsupported
from aimcsim.networks.operators import evaluate
from aimcsim.networks.quantisation import dequantised, quantised

Values = np.ndarray
Inputs = Sequence[Values | None]
"""Of a node; None: left out."""

MOST_ELEMENTS = 1 << 28
"""Of one result: the largest embeddings of language models have as many."""
MOST_PRODUCTS = 1 << 34
"""Multiplications of one node."""
MOST_SECONDS = 120.0
"""For all of a model."""
_SMALL = 1 << 22
"""Elements of what ONNX's reference evaluator is asked for, which is slow."""


class Folder:
    """Computes nodes with constant inputs, for one model."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, node: Node, inputs: Inputs, size: Callable[[], int | None]) -> list[Values]:
        """All outputs of a node; ``size``: elements of them by shape inference, if it can tell.

        Raises
        ------
        Unsupported
            It cannot be computed, or not within the bounds.
        """
        operator = node.operator
        if time.monotonic() - self._began > MOST_SECONDS:
            raise Unsupported(
                f"what no image changes takes more than {MOST_SECONDS:g} s to compute ahead"
            )
        if operator in _SIZES:
            _require_size(_guarded(lambda: _SIZES[operator](node, inputs)))
        if operator in _FUNCTIONS:
            return _guarded(lambda: _FUNCTIONS[operator](node, inputs))
        if operator not in _BY_REFERENCE:
            raise Unsupported("cannot be computed ahead")
        given = [values for values in inputs if values is not None]
        elements = size()
        if elements is None or max(elements, *(values.size for values in given)) > _SMALL:
            raise Unsupported("is too large to be computed ahead")
        return _guarded(lambda: evaluate(node.function(), given))


def _guarded(compute: Callable[[], Any]) -> Any:
    """Run ``compute``; what it meets in a malformed node becomes :class:`Unsupported`."""
    try:
        with np.errstate(all="ignore"):
            return compute()
    except Unsupported:
        raise
    except Exception as error:  # a node can be wrong in any way that the checker does not see
        raise Unsupported(f"cannot be computed ahead: {error}") from error


# Sizes that shape inference does not tell


def _range_size(node: Node, inputs: Inputs) -> int:
    start, limit, step = (_given(inputs, index).item() for index in range(3))
    if step == 0 or not math.isfinite((limit - start) / step):
        raise Unsupported("its range has no end")
    return max(math.ceil((limit - start) / step), 0)


def _shaped_size(index: int) -> Callable[[Node, Inputs], int]:
    def size(node: Node, inputs: Inputs) -> int:
        extents = [int(extent) for extent in _given(inputs, index).ravel()]
        if any(extent < 0 for extent in extents):
            raise Unsupported(f"its shape {tuple(extents)} has an extent below 0")
        own = list(inputs[0].shape) if index and inputs[0] is not None else []
        rank = max(len(own), len(extents))
        own, extents = ([1] * (rank - len(part)) + part for part in (own, extents))
        return math.prod(max(pair) for pair in zip(own, extents, strict=True))

    return size


def _tiled_size(node: Node, inputs: Inputs) -> int:
    return _given(inputs, 0).size * math.prod(int(times) for times in _given(inputs, 1).ravel())


def _padded_size(node: Node, inputs: Inputs) -> int:
    values, (pads, axes) = _given(inputs, 0), _pads(node, inputs)
    widths = [0] * values.ndim
    for position, axis in enumerate(axes):
        widths[axis] = pads[position] + pads[position + len(axes)]
    return math.prod(max(own + more, 0) for own, more in zip(values.shape, widths, strict=True))


def _one_hot_size(node: Node, inputs: Inputs) -> int:
    return _given(inputs, 0).size * int(_given(inputs, 1).ravel()[0])


def _gathered_size(node: Node, inputs: Inputs) -> int:
    values, indices = _given(inputs, 0), _given(inputs, 1)
    extent = max(values.shape[_axis(node.get("axis", 0), values.ndim)], 1)
    return values.size // extent * indices.size


def _product_size(node: Node, inputs: Inputs) -> int:
    left, right = _given(inputs, 0), _given(inputs, 1)
    if node.operator == "Gemm":
        left = left.T if node.flag("transA") else left
        right = right.T if node.flag("transB") else right
    rows = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    size = math.prod(rows) * math.prod(left.shape[-2:-1]) * math.prod(right.shape[-1:])
    _require_few(size * left.shape[-1])
    return size


def _einsum_size(node: Node, inputs: Inputs) -> int:
    sizes: dict[str, int] = {}
    terms = node.get("equation").replace(" ", "").partition("->")[0].split(",")
    for term, values in zip(terms, inputs, strict=True):
        if "." in term or values is None or len(term) != values.ndim:
            raise Unsupported("cannot be computed ahead")
        for letter, extent in zip(term, values.shape, strict=True):
            sizes[letter] = max(sizes.get(letter, 1), extent)
    _require_few(math.prod(sizes.values()))
    return 1


def _require_few(products: int) -> None:
    if products > MOST_PRODUCTS:
        raise Unsupported(f"it takes {products:,} multiplications, more than are made ahead")


def _broadcast_size(node: Node, inputs: Inputs) -> int:
    return math.prod(np.broadcast_shapes(*(v.shape for v in inputs if v is not None)))


_SIZES: dict[str, Callable[[Node, Inputs], int]] = {
    "ConstantOfShape": _shaped_size(0),
    "Einsum": _einsum_size,
    "Expand": _shaped_size(1),
    "Gather": _gathered_size,
    "Gemm": _product_size,
    "MatMul": _product_size,
    "OneHot": _one_hot_size,
    "Pad": _padded_size,
    "Range": _range_size,
    "Tile": _tiled_size,
}


# Operators


def _given(inputs: Inputs, index: int) -> Values:
    values = inputs[index] if index < len(inputs) else None
    if values is None:
        raise Unsupported(f"lacks its input {index}")
    return values


def _integers(values: Values | None) -> list[int] | None:
    return None if values is None else [int(value) for value in values.ravel()]


def _optional(node: Node, inputs: Inputs, name: str, index: int, version: int) -> list[int] | None:
    """Integers that became input ``index`` in ``version``, and were an attribute before."""
    if node.version < version:
        return node.get(name)
    return _integers(inputs[index]) if index < len(inputs) else None


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < max(rank, 1):
        raise Unsupported(f"its axis {axis} is none of {rank}")
    return axis % max(rank, 1)


def _elementwise(function: Callable[..., Values]) -> Callable[[Node, Inputs], list[Values]]:
    """By a function of NumPy that keeps the type; numbers of 16 bits or fewer by way of 32."""

    def compute(node: Node, inputs: Inputs) -> list[Values]:
        given = [values for values in inputs if values is not None]
        kind = given[0].dtype
        _require_size(_broadcast_size(node, inputs))
        return [np.asarray(function(*map(_wide, given))).astype(kind)]

    return compute


def _comparing(function: Callable[..., Values]) -> Callable[[Node, Inputs], list[Values]]:
    def compute(node: Node, inputs: Inputs) -> list[Values]:
        _require_size(_broadcast_size(node, inputs))
        return [np.asarray(function(*(_wide(v) for v in inputs if v is not None)), bool)]

    return compute


def _require_size(elements: int) -> None:
    if elements > MOST_ELEMENTS:
        raise Unsupported(f"its result has {elements:,} elements, more than are computed ahead")


def _wide(values: Values) -> Values:
    """Floating-point numbers of types that NumPy does not compute with as float32."""
    return values.astype(np.float32) if values.dtype.kind == "V" or _tiny(values) else values


def _tiny(values: Values) -> bool:
    return values.dtype.name.startswith(("bfloat", "float8", "float4", "float6"))


def _folded(function: Callable[[Values, Values], Values]) -> Callable[..., Values]:
    def every(*values: Values) -> Values:
        total = values[0]
        for one in values[1:]:
            total = function(total, one)
        return total

    return every


def _divided(left: Values, right: Values) -> Values:
    if left.dtype.kind in "iu":  # towards zero
        quotient = np.abs(left.astype(np.int64)) // np.abs(right.astype(np.int64))
        return quotient * np.sign(left).astype(np.int64) * np.sign(right).astype(np.int64)
    return np.divide(left, right)


def _modulo(node: Node, inputs: Inputs) -> list[Values]:
    left, right = _given(inputs, 0), _given(inputs, 1)
    return [(np.fmod if node.flag("fmod") else np.mod)(left, right).astype(left.dtype)]


def _constant(node: Node, inputs: Inputs) -> list[Values]:
    for name, kind in (("value_float", np.float32), ("value_floats", np.float32),
                       ("value_int", np.int64), ("value_ints", np.int64)):  # fmt: skip
        if (value := node.get(name)) is not None:
            return [np.asarray(value, kind)]
    tensor = node.get("value")
    if not isinstance(tensor, TensorProto):
        raise Unsupported("only with a dense value of numbers")
    return [tensor_values(tensor)]


def tensor_values(tensor: TensorProto) -> Values:
    """The values of a tensor that lies in the model.

    Raises
    ------
    Unsupported
        They are not numbers.
    """
    values = numpy_helper.to_array(tensor)
    if values.dtype.kind in "OSU":
        raise Unsupported("only with numbers, and not with text")
    return values


def _constant_of_shape(node: Node, inputs: Inputs) -> list[Values]:
    tensor = node.get("value")
    fill = np.zeros(1, np.float32) if tensor is None else tensor_values(tensor)
    return [np.full(_given(inputs, 0).ravel().tolist(), fill.ravel()[0], fill.dtype)]


def _cast(node: Node, inputs: Inputs) -> list[Values]:
    values = _given(inputs, 0)
    if node.operator == "CastLike":
        return [values.astype(_given(inputs, 1).dtype)]
    kind = helper.tensor_dtype_to_np_dtype(node.get("to"))
    if kind.kind in "OSU":
        raise Unsupported("only to numbers")
    if values.dtype.kind in "fV" and kind.kind in "iu" and not np.isfinite(_wide(values)).all():
        raise Unsupported("turns a number that is not finite into an integer")
    return [_wide(values).astype(kind)]


def _reshape(node: Node, inputs: Inputs) -> list[Values]:
    values, shape = _given(inputs, 0), _given(inputs, 1).ravel().tolist()
    if not node.flag("allowzero"):
        shape = [values.shape[i] if extent == 0 else extent for i, extent in enumerate(shape)]
    return [values.reshape(shape)]


def _flatten(node: Node, inputs: Inputs) -> list[Values]:
    values = _given(inputs, 0)
    axis = node.get("axis", 1)
    axis = axis + values.ndim if axis < 0 else axis
    return [values.reshape(math.prod(values.shape[:axis]), -1)]


def _squeeze(node: Node, inputs: Inputs) -> list[Values]:
    values, axes = _given(inputs, 0), _optional(node, inputs, "axes", 1, 13)
    return [values.squeeze(None if axes is None else tuple(axes))]


def _unsqueeze(node: Node, inputs: Inputs) -> list[Values]:
    axes = _optional(node, inputs, "axes", 1, 13)
    if axes is None:
        raise Unsupported("lacks its axes")
    return [np.expand_dims(_given(inputs, 0), tuple(axes))]


def _slice(node: Node, inputs: Inputs) -> list[Values]:
    values = _given(inputs, 0)
    parts = [_optional(node, inputs, name, index, 10)
             for index, name in enumerate(("starts", "ends", "axes", "steps"), 1)]  # fmt: skip
    starts, ends, axes, steps = parts
    if starts is None or ends is None:
        raise Unsupported("lacks its bounds")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    cuts = [slice(None)] * values.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        axis = _axis(axis, values.ndim)
        stop = None if step < 0 and end < -values.shape[axis] else end
        cuts[axis] = slice(start, stop, step)
    return [values[tuple(cuts)]]


def _split(node: Node, inputs: Inputs) -> list[Values]:
    values = _given(inputs, 0)
    axis, sizes = _axis(node.get("axis", 0), values.ndim), _optional(node, inputs, "split", 1, 13)
    if sizes is None:
        count, extent = len(node.outputs), values.shape[axis]
        size = -(-extent // count)
        sizes = [min(size, extent - index * size) for index in range(count)]
    if sum(sizes) != values.shape[axis] or min(sizes) < 0:
        raise Unsupported(f"its parts {sizes} are not those of {values.shape[axis]}")
    return np.split(values, np.cumsum(sizes)[:-1], axis)


def _gather(node: Node, inputs: Inputs) -> list[Values]:
    values, indices = _given(inputs, 0), _given(inputs, 1)
    return [np.take(values, indices.astype(np.int64), _axis(node.get("axis", 0), values.ndim))]


def _pads(node: Node, inputs: Inputs) -> tuple[list[int], list[int]]:
    """Widths before all axes and behind them, and the axes."""
    rank = _given(inputs, 0).ndim
    pads = _optional(node, inputs, "pads", 1, 11)
    axes = _integers(inputs[3]) if node.version >= 18 and len(inputs) > 3 else None
    axes = list(range(rank)) if axes is None else [_axis(axis, rank) for axis in axes]
    if pads is None or len(pads) != 2 * len(axes):
        raise Unsupported("its widths are not two for each axis")
    return pads, axes


def _pad(node: Node, inputs: Inputs) -> list[Values]:
    values, (pads, axes) = _given(inputs, 0), _pads(node, inputs)
    mode = node.get("mode", "constant")
    if min(pads, default=0) < 0 or mode not in ("constant", "edge", "reflect", "wrap"):
        raise Unsupported("cannot be computed ahead with its widths and mode")
    widths = [(0, 0)] * values.ndim
    for position, axis in enumerate(axes):
        widths[axis] = (pads[position], pads[position + len(axes)])
    if mode != "constant":
        return [np.pad(values, widths, mode)]
    fill = node.get("value", 0.0) if node.version < 11 else (
        inputs[2].item() if len(inputs) > 2 and inputs[2] is not None else 0
    )  # fmt: skip
    return [np.pad(values, widths, constant_values=fill)]


def _reducing(function: Callable[..., Values], version: int):
    """A reduction whose axes became an input in ``version``."""

    def compute(node: Node, inputs: Inputs) -> list[Values]:
        values, axes = _given(inputs, 0), _optional(node, inputs, "axes", 1, version)
        if not axes and node.flag("noop_with_empty_axes"):
            return [values]
        along = None if not axes else tuple(axes)
        found = function(_wide(values), axis=along, keepdims=node.flag("keepdims", 1))
        return [np.asarray(found).astype(values.dtype)]

    return compute


def _index_of(function: Callable[..., Values]) -> Callable[[Node, Inputs], list[Values]]:
    def compute(node: Node, inputs: Inputs) -> list[Values]:
        values, axis = _wide(_given(inputs, 0)), node.get("axis", 0)
        last = node.flag("select_last_index")
        found = function(np.flip(values, axis) if last else values, axis=axis)
        found = values.shape[axis] - 1 - found if last else found
        return [np.expand_dims(found, axis) if node.flag("keepdims", 1) else found]

    return compute


def _gemm(node: Node, inputs: Inputs) -> list[Values]:
    left, right = _given(inputs, 0), _given(inputs, 1)
    left = left.T if node.flag("transA") else left
    right = right.T if node.flag("transB") else right
    product = node.get("alpha", 1.0) * (_wide(left) @ _wide(right))
    if len(inputs) > 2 and inputs[2] is not None:
        product = product + node.get("beta", 1.0) * _wide(inputs[2])
    return [product.astype(left.dtype)]


def _trilu(node: Node, inputs: Inputs) -> list[Values]:
    values = _given(inputs, 0)
    by = inputs[1] if len(inputs) > 1 else None
    return [(np.triu if node.flag("upper", 1) else np.tril)(values, 0 if by is None else by.item())]


def _cumulative(node: Node, inputs: Inputs) -> list[Values]:
    values, axis = _given(inputs, 0), int(_given(inputs, 1).item())
    turned = np.flip(values, axis) if node.flag("reverse") else values
    total = np.cumsum(turned, axis, dtype=values.dtype)
    total = total - turned if node.flag("exclusive") else total
    return [np.flip(total, axis) if node.flag("reverse") else total]


def _one_hot(node: Node, inputs: Inputs) -> list[Values]:
    indices, (off, on) = _given(inputs, 0), _given(inputs, 2)
    depth = int(_given(inputs, 1).ravel()[0])
    axis = node.get("axis", -1)
    axis = axis + indices.ndim + 1 if axis < 0 else axis
    wanted = np.expand_dims(indices.astype(np.int64) % max(depth, 1), axis)
    inside = np.expand_dims((indices >= -depth) & (indices < depth), axis)
    places = np.arange(depth).reshape([-1 if i == axis else 1 for i in range(indices.ndim + 1)])
    return [np.where((wanted == places) & inside, on, off)]


def _range(node: Node, inputs: Inputs) -> list[Values]:
    start, step = _given(inputs, 0).item(), _given(inputs, 2).item()
    count = _range_size(node, inputs)
    return [(start + step * np.arange(count)).astype(_given(inputs, 0).dtype)]


def _clip(node: Node, inputs: Inputs) -> list[Values]:
    values = _given(inputs, 0)
    if node.version < 11:
        low, high = node.get("min"), node.get("max")
    else:
        low, high = (inputs[i] if i < len(inputs) else None for i in (1, 2))
    wide = _wide(values)
    wide = wide if low is None else np.maximum(wide, low)
    return [(wide if high is None else np.minimum(wide, high)).astype(values.dtype)]


def _expand(node: Node, inputs: Inputs) -> list[Values]:
    values, extents = _given(inputs, 0), _given(inputs, 1).ravel().tolist()
    shape = np.broadcast_shapes(values.shape, tuple(extents))
    return [np.broadcast_to(values, shape).copy()]


def _einsum(node: Node, inputs: Inputs) -> list[Values]:
    given = [_given(inputs, index) for index in range(len(inputs))]
    return [np.einsum(node.get("equation").replace(" ", ""), *given, optimize=True)]


def _powers(left: Values, right: Values) -> Values:
    return np.power(left.astype(np.float64), right.astype(np.float64))


_FUNCTIONS: Mapping[str, Callable[[Node, Inputs], list[Values]]] = {
    "Abs": _elementwise(np.abs),
    "Add": _elementwise(np.add),
    "And": _comparing(np.logical_and),
    "ArgMax": _index_of(np.argmax),
    "ArgMin": _index_of(np.argmin),
    "Cast": _cast,
    "CastLike": _cast,
    "Ceil": _elementwise(np.ceil),
    "Clip": _clip,
    "Concat": lambda node, inputs: [
        np.concatenate([values for values in inputs if values is not None], node.get("axis"))
    ],
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Cos": _elementwise(np.cos),
    "CumSum": _cumulative,
    "DequantizeLinear": lambda node, inputs: [dequantised(node, inputs)],
    "Div": _elementwise(_divided),
    "Dropout": lambda node, inputs: [_given(inputs, 0), np.ones(_given(inputs, 0).shape, bool)],
    "Einsum": _einsum,
    "Equal": _comparing(np.equal),
    "Erf": _elementwise(erf),
    "Exp": _elementwise(np.exp),
    "Expand": _expand,
    "Flatten": _flatten,
    "Floor": _elementwise(np.floor),
    "Gather": _gather,
    "Gemm": _gemm,
    "Greater": _comparing(np.greater),
    "GreaterOrEqual": _comparing(np.greater_equal),
    "Identity": lambda node, inputs: [_given(inputs, 0)],
    "IsNaN": _comparing(np.isnan),
    "Less": _comparing(np.less),
    "LessOrEqual": _comparing(np.less_equal),
    "Log": _elementwise(np.log),
    "MatMul": lambda node, inputs: [
        (_wide(_given(inputs, 0)) @ _wide(_given(inputs, 1))).astype(_given(inputs, 0).dtype)
    ],
    "Max": _elementwise(_folded(np.maximum)),
    "Mean": _elementwise(lambda *values: _folded(np.add)(*values) / len(values)),
    "Min": _elementwise(_folded(np.minimum)),
    "Mod": _modulo,
    "Mul": _elementwise(np.multiply),
    "Neg": _elementwise(np.negative),
    "NonZero": lambda node, inputs: [np.stack(np.nonzero(np.atleast_1d(_given(inputs, 0))))],
    "Not": _comparing(np.logical_not),
    "OneHot": _one_hot,
    "Or": _comparing(np.logical_or),
    "Pad": _pad,
    "Pow": _elementwise(_powers),
    "QuantizeLinear": lambda node, inputs: [quantised(node, inputs)],
    "Range": _range,
    "Reciprocal": _elementwise(np.reciprocal),
    "ReduceMax": _reducing(np.max, 18),
    "ReduceMean": _reducing(np.mean, 18),
    "ReduceMin": _reducing(np.min, 18),
    "ReduceProd": _reducing(np.prod, 18),
    "ReduceSum": _reducing(np.sum, 13),
    "Relu": _elementwise(lambda values: np.maximum(values, 0)),
    "Reshape": _reshape,
    "Round": _elementwise(np.rint),
    "Shape": lambda node, inputs: [
        np.asarray(_given(inputs, 0).shape, np.int64)[node.get("start", 0) : node.get("end")]
    ],
    "Sigmoid": _elementwise(lambda values: 0.5 * np.tanh(0.5 * values) + 0.5),
    "Sign": _elementwise(np.sign),
    "Sin": _elementwise(np.sin),
    "Size": lambda node, inputs: [np.asarray(_given(inputs, 0).size, np.int64)],
    "Slice": _slice,
    "Split": _split,
    "Sqrt": _elementwise(np.sqrt),
    "Squeeze": _squeeze,
    "Sub": _elementwise(np.subtract),
    "Sum": _elementwise(_folded(np.add)),
    "Tanh": _elementwise(np.tanh),
    "Tile": lambda node, inputs: [np.tile(_given(inputs, 0), _given(inputs, 1).ravel().tolist())],
    "Transpose": lambda node, inputs: [_given(inputs, 0).transpose(node.get("perm"))],
    "Trilu": _trilu,
    "Unsqueeze": _unsqueeze,
    "Where": lambda node, inputs: [
        np.where(_given(inputs, 0), _given(inputs, 1), _given(inputs, 2))
    ],
    "Xor": _comparing(np.logical_xor),
}


_BY_REFERENCE = frozenset(
    {
        "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "Celu", "Elu", "EyeLike",
        "GatherElements", "GatherND", "Gelu", "HardSigmoid", "HardSwish", "Hardmax", "IsInf",
        "LeakyRelu", "LogSoftmax", "Mish", "PRelu", "ReduceL1", "ReduceL2", "ReduceLogSum",
        "ReduceLogSumExp", "ReduceSumSquare", "ScatterElements", "ScatterND", "Selu", "Shrink",
        "Softmax", "Softplus", "Softsign", "SpaceToDepth", "DepthToSpace", "Tan", "TopK",
        "ThresholdedRelu", "BatchNormalization", "LayerNormalization",
    }
)  # fmt: skip
"""Operators that few models compute ahead; what they take grows with their elements alone."""
