"""The digital steps of a network, computed on a batch of images.

A step's function takes its inputs, arrays whose first axis is the image (constants lack it, or have
1 there), and the step's attributes, whose axes are those of the arrays. Images are channels last.
No result depends on the other images of the batch.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, reduce
from typing import Any

import numpy as np
from scipy.special import erf

from aimcsim.networks import passes
from aimcsim.networks.windows import Windows, patches

Values = np.ndarray
Attributes = Mapping[str, Any]

AFFINE = "Affine"
"""Scale and offset per channel, then the sum with a second input where there is one, then limits;
what batch norm, scales, biases, residual sums and ReLU become together. Attributes ``low``,
``high``; inputs: values, scale, offset, or values, scale, offset, other."""
GENERAL = "General"
"""A node computed by ONNX's reference evaluator. Attributes: ``function`` (its bytes),
``per_image`` (one image at a time), ``constant`` (per input: it has no images)."""
GROUPED = "GroupedConv"
"""A convolution in groups of channels."""


def compute(operator: str, inputs: Sequence[Values], attributes: Attributes) -> Values:
    """One digital step; ``operator`` is one of :data:`FUNCTIONS`."""
    return FUNCTIONS[operator](inputs, attributes)


def affine(
    values: Values,
    scale: Values,
    offset: Values,
    other: Values | None = None,
    *,
    low: float = -np.inf,
    high: float = np.inf,
) -> None:
    """Change ``values`` to ``values * scale + offset + other`` within [low, high], in one pass.

    Parameters
    ----------
    values : float32 (images, ..., channels), C-contiguous
    scale, offset : float32 (channels,)
    other : as ``values``, in other memory; None: nothing is added

    Raises
    ------
    ValueError
        A shape does not fit: the compiled loops would read beyond the array.
    """
    check_affine(values, scale, offset, other)
    # Rows of pixels in place of pixels: the innermost loop is long enough for vectors.
    repeats = values.shape[-2] if values.ndim > 2 else 1
    rows = values.reshape(-1, repeats * values.shape[-1])
    scale, offset = np.tile(scale, repeats), np.tile(offset, repeats)
    limits = (np.float32(low), np.float32(high))
    if other is None:
        passes.affine(rows, scale, offset, *limits)
    else:
        other = np.ascontiguousarray(other).reshape(rows.shape)
        passes.affine_sum(rows, scale, offset, other, *limits)


def check_affine(
    values: Values, scale: Values, offset: Values, other: Values | None = None
) -> None:
    """A ValueError where a shape does not fit those of :func:`affine`."""
    channels = values.shape[-1:]
    fits = scale.shape == offset.shape == channels and values.ndim > 1
    if not fits or (other is not None and other.shape != values.shape):
        raise ValueError(f"scale {scale.shape}, offset {offset.shape} for {values.shape}")


def _affine(inputs: Sequence[Values], attributes: Attributes) -> Values:
    values = np.array(inputs[0], np.float32, order="C")
    affine(values, *inputs[1:], **attributes)
    return values


def _clip(inputs: Sequence[Values], attributes: Attributes) -> Values:
    low, high = np.float32(attributes["low"]), np.float32(attributes["high"])
    return np.clip(inputs[0], low, high)


def _leaky(inputs: Sequence[Values], attributes: Attributes) -> Values:
    (values,) = inputs
    return np.where(values < 0, values * np.float32(attributes["alpha"]), values)


def _sigmoid(inputs: Sequence[Values], attributes: Attributes) -> Values:
    # By the hyperbolic tangent, which does not overflow.
    return np.float32(0.5) * np.tanh(np.float32(0.5) * inputs[0]) + np.float32(0.5)


def _hard_sigmoid(inputs: Sequence[Values], attributes: Attributes) -> Values:
    slope, offset = np.float32(attributes["alpha"]), np.float32(attributes["beta"])
    return np.clip(inputs[0] * slope + offset, np.float32(0), np.float32(1))


def _hard_swish(inputs: Sequence[Values], attributes: Attributes) -> Values:
    return inputs[0] * _hard_sigmoid(inputs, {"alpha": 1 / 6, "beta": 0.5})


def _prelu(inputs: Sequence[Values], attributes: Attributes) -> Values:
    values, slope = inputs
    return np.where(values < 0, values * slope, values)


def _mean_of(inputs: Sequence[Values], attributes: Attributes) -> Values:
    return reduce(np.add, inputs) / np.float32(len(inputs))


def _reduction(function: Callable) -> Callable[[Sequence[Values], Attributes], Values]:
    def reduced(inputs: Sequence[Values], attributes: Attributes) -> Values:
        return function(inputs[0], axis=attributes["axes"], keepdims=attributes["keepdims"])

    return reduced


def _softmax(inputs: Sequence[Values], attributes: Attributes) -> Values:
    powers = np.exp(inputs[0] - inputs[0].max(axis=attributes["axes"], keepdims=True))
    return powers / powers.sum(axis=attributes["axes"], keepdims=True)


def _log_softmax(inputs: Sequence[Values], attributes: Attributes) -> Values:
    shifted = inputs[0] - inputs[0].max(axis=attributes["axes"], keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=attributes["axes"], keepdims=True))


def _local_response(inputs: Sequence[Values], attributes: Attributes) -> Values:
    (values,) = inputs
    size, channels = attributes["size"], values.shape[-1]
    before = (size - 1) // 2
    widths = [(0, 0)] * (values.ndim - 1) + [(before, size - 1 - before)]
    squares = np.pad(values * values, widths)
    total = reduce(np.add, (squares[..., i : i + channels] for i in range(size)))
    factor = np.float32(attributes["alpha"] / size)
    base = np.float32(attributes["bias"]) + factor * total
    return values / base ** np.float32(attributes["beta"])


def _layer_norm(inputs: Sequence[Values], attributes: Attributes) -> Values:
    values, axes = inputs[0], attributes["axes"]
    centred = values - values.mean(axis=axes, keepdims=True)
    variance = (centred * centred).mean(axis=axes, keepdims=True)
    result = centred / np.sqrt(variance + np.float32(attributes["epsilon"]))
    for factor, combine in zip(inputs[1:], (np.multiply, np.add), strict=False):
        result = combine(result, factor)
    return result


def _group_norm(inputs: Sequence[Values], attributes: Attributes) -> Values:
    values, scale, offset = inputs
    grouped = values.reshape(
        len(values), -1, attributes["groups"], len(scale) // attributes["groups"]
    )
    settings = {"axes": (1, 3), "epsilon": attributes["epsilon"]}
    return _layer_norm((grouped,), settings).reshape(values.shape) * scale + offset


def gelu(
    inputs: Sequence[Values], attributes: Attributes, erf: Callable[[Values], Values] = erf
) -> Values:
    """Values times the normal distribution function, by ``erf`` or approximated."""
    (values,) = inputs
    if attributes["approximate"]:
        inner = np.float32(np.sqrt(2 / np.pi)) * (values + np.float32(0.044715) * values**3)
        return np.float32(0.5) * values * (1 + np.tanh(inner))
    return np.float32(0.5) * values * (1 + erf(values * np.float32(np.sqrt(0.5))))


def _pooled(inputs: Sequence[Values], attributes: Attributes) -> tuple[Values, Values]:
    values = np.ascontiguousarray(inputs[0], np.float32)
    shape = (len(values), *attributes["positions"], values.shape[-1])
    return values, np.empty(shape, np.float32)


def _max_pool(inputs: Sequence[Values], attributes: Attributes) -> Values:
    values, out = _pooled(inputs, attributes)
    windows = attributes["windows"]
    passes.max_pool(
        values, windows.kernel, windows.strides, windows.pads[:2], windows.dilations, out
    )
    return out


def _average_pool(inputs: Sequence[Values], attributes: Attributes) -> Values:
    values, out = _pooled(inputs, attributes)
    windows = attributes["windows"]
    passes.average_pool(
        values, windows.kernel, windows.strides, windows.pads, windows.dilations,
        attributes["count_padding"], out,
    )  # fmt: skip
    return out


def _grouped(inputs: Sequence[Values], attributes: Attributes) -> Values:
    values, weights, bias = np.ascontiguousarray(inputs[0]), inputs[1], inputs[2]
    windows: Windows = attributes["windows"]
    groups = attributes["groups"]
    shape = (len(values), *windows.positions(values.shape[1:3]))
    if groups == values.shape[-1]:  # weights: (kernel rows, kernel columns, outputs)
        out = np.empty((*shape, len(bias)), np.float32)
        passes.depthwise(values, weights, windows.strides, windows.pads[:2], windows.dilations, out)
    else:  # weights: (groups, channels x kernel rows x kernel columns, outputs)
        seen = patches(values, windows)
        # (images, height', width', groups, channels of a group, kernel rows, kernel columns)
        seen = seen.reshape(*shape, groups, -1, *windows.kernel)
        seen = np.moveaxis(seen, 3, 0).reshape(groups, np.prod(shape), -1)
        out = np.moveaxis(seen @ weights, 0, 1).reshape(*shape, len(bias))
    out += bias
    return out


def _concat(inputs: Sequence[Values], attributes: Attributes) -> Values:
    images = max(len(values) for values in inputs)
    every = [np.broadcast_to(values, (images, *values.shape[1:])) for values in inputs]
    return np.concatenate(every, axis=attributes["axis"])


def _reshape(inputs: Sequence[Values], attributes: Attributes) -> Values:
    return inputs[0].reshape(len(inputs[0]), *attributes["shape"])


def _pad(inputs: Sequence[Values], attributes: Attributes) -> Values:
    value = {"constant_values": attributes["value"]} if attributes["mode"] == "constant" else {}
    return np.pad(inputs[0], attributes["widths"], attributes["mode"], **value)


def _gather(inputs: Sequence[Values], attributes: Attributes) -> Values:
    values, indices = inputs
    return np.take(values, indices.astype(np.int64), axis=attributes["axis"])


def evaluate(function: bytes, inputs: Sequence[Values]) -> list[Values]:
    """All outputs of an ONNX function, by ONNX's reference evaluator."""
    return _outputs(_evaluator(function), inputs)


def _evaluator(function: bytes):
    from onnx import FunctionProto
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(FunctionProto.FromString(function))


_kept = lru_cache(maxsize=4096)(_evaluator)


def _outputs(evaluator, inputs: Sequence[Values]) -> list[Values]:
    feeds = dict(zip(evaluator.input_names, inputs, strict=True))
    return [np.asarray(output) for output in evaluator.run(None, feeds, attributes={})]


def _general(inputs: Sequence[Values], attributes: Attributes) -> Values:
    evaluator, constant = _kept(attributes["function"]), attributes["constant"]
    if not attributes["per_image"]:
        return _outputs(evaluator, inputs)[0]
    images = next(len(v) for v, fixed in zip(inputs, constant, strict=True) if not fixed)
    rows = [
        _outputs(
            evaluator,
            [v if fixed else v[i : i + 1] for v, fixed in zip(inputs, constant, strict=True)],
        )[0]
        for i in range(images)
    ]
    return np.concatenate(rows)


def _attention(inputs: Sequence[Values], attributes: Attributes) -> Values:
    """(images, heads, positions, width) each; the last input is added to the products."""
    queries, keys, values, *mask = inputs
    repeats = queries.shape[1] // keys.shape[1]
    if repeats > 1:  # several heads of queries share one of keys and values
        keys, values = (np.repeat(part, repeats, axis=1) for part in (keys, values))
    products = (queries * np.float32(attributes["scale"])) @ keys.swapaxes(-1, -2)
    if cap := np.float32(attributes["softcap"]):
        products = cap * np.tanh(products / cap)
    if mask:
        products = products + mask[0]
    if attributes["causal"]:
        hidden = np.triu(np.ones_like(products[0, 0]), 1) > 0
        products = np.where(hidden, np.float32(-np.inf), products)
    largest = products.max(axis=-1, keepdims=True)
    powers = np.exp(products - np.where(largest == -np.inf, np.float32(0), largest))
    total = powers.sum(axis=-1, keepdims=True)
    # A position that sees no other gives 0.
    return powers / np.where(total > 0, total, np.float32(1)) @ values


def _quantised(inputs: Sequence[Values], attributes: Attributes) -> Values:
    values, scale, zero = inputs
    rounded = np.rint(values / scale) + zero
    return np.clip(rounded, attributes["low"], attributes["high"]).astype(attributes["dtype"])


def _dequantised(inputs: Sequence[Values], attributes: Attributes) -> Values:
    values, scale, zero = inputs
    return (values.astype(np.float32) - zero) * scale


def _plain(function: Callable[..., Values]) -> Callable[[Sequence[Values], Attributes], Values]:
    return lambda inputs, attributes: function(*inputs)


def _folded(function: Callable[..., Values]) -> Callable[[Sequence[Values], Attributes], Values]:
    return lambda inputs, attributes: reduce(function, inputs)


FUNCTIONS: dict[str, Callable[[Sequence[Values], Attributes], Values]] = {
    AFFINE: _affine,
    GENERAL: _general,
    GROUPED: _grouped,
    "Abs": _plain(np.abs),
    "Add": _plain(np.add),
    "Attention": _attention,
    "AveragePool": _average_pool,
    "Cast": lambda inputs, attributes: inputs[0].astype(attributes["dtype"]),
    "Clip": _clip,
    "Concat": _concat,
    "DequantizeLinear": _dequantised,
    "Div": _plain(np.divide),
    "Einsum": lambda inputs, attributes: np.einsum(attributes["equation"], *inputs, optimize=True),
    "Erf": _plain(erf),
    "Exp": _plain(np.exp),
    "Expand": lambda inputs, attributes: np.broadcast_to(
        inputs[0], (len(inputs[0]), *attributes["shape"])
    ),
    "Gather": _gather,
    "Gelu": gelu,
    "GroupNormalization": _group_norm,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "LRN": _local_response,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": _leaky,
    "Log": _plain(np.log),
    "LogSoftmax": _log_softmax,
    "MatMul": _plain(np.matmul),
    "Max": _folded(np.maximum),
    "MaxPool": _max_pool,
    "Mean": _mean_of,
    "Min": _folded(np.minimum),
    "Mul": _plain(np.multiply),
    "Neg": _plain(np.negative),
    "PRelu": _prelu,
    "Pad": _pad,
    "Pow": _plain(np.power),
    "Reciprocal": _plain(np.reciprocal),
    "QuantizeLinear": _quantised,
    "ReduceMax": _reduction(np.max),
    "ReduceMean": _reduction(np.mean),
    "ReduceMin": _reduction(np.min),
    "ReduceSum": _reduction(np.sum),
    "Reshape": _reshape,
    "Sigmoid": _sigmoid,
    "Slice": lambda inputs, attributes: inputs[0][attributes["slices"]],
    "Softmax": _softmax,
    "Sqrt": _plain(np.sqrt),
    "Sub": _plain(np.subtract),
    "Sum": _folded(np.add),
    "Tanh": _plain(np.tanh),
    "Tile": lambda inputs, attributes: np.tile(inputs[0], attributes["repeats"]),
    "Transpose": lambda inputs, attributes: inputs[0].transpose(attributes["axes"]),
    "Where": _plain(np.where),
}
