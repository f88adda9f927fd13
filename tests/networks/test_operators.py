"""Every supported operator gives what ONNX Runtime gives, whatever the batch."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from aimcsim.networks.translate.table import SUPPORTED, WHILE_READING
from tests.networks.models import assert_same, ideal_scores, model, read, runtime_scores

IMAGES = 3
IMAGE = (6, 5, 7)
LINE = (6, 9)
VECTOR = (8,)


@dataclass(frozen=True)
class Case:
    """Nodes from ``x``, which comes out of a product, to ``y``."""

    nodes: list[onnx.NodeProto]
    shape: tuple[int, ...] = IMAGE
    tensors: dict[str, np.ndarray] = field(default_factory=dict)
    version: int = 18
    alone: bool = False
    """Valid for one image at a time only, as constants stand beside an image's values."""
    first: str = "Conv"
    """The product that ``x`` comes out of: of channels, or of the last axis."""

    def model(self, images: int | str) -> onnx.ModelProto:
        channels = self.shape[0]
        weights = draw(channels, channels)
        tensors = {"weights": weights.reshape(channels, channels, *[1] * (len(self.shape) - 1))}
        first = helper.make_node("Conv", ["image", "weights"], ["x"])
        if len(self.shape) == 1:
            first = helper.make_node("Gemm", ["image", "weights"], ["x"])
        elif self.first == "MatMul":
            tensors = {"weights": draw(self.shape[-1], self.shape[-1])}
            first = helper.make_node("MatMul", ["image", "weights"], ["x"])
        last = helper.make_node("Flatten", ["y"], ["scores"])
        nodes = [first, *self.nodes, last]
        return model(nodes, (images, *self.shape), tensors | self.tensors, version=self.version)


def draw(*shape: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def node(operator: str, *inputs: str, out: str = "y", **attributes) -> onnx.NodeProto:
    return helper.make_node(operator, inputs or ("x",), [out], **attributes)


def integers(*values: int) -> np.ndarray:
    return np.asarray(values, np.int64)


def one(operator: str, shape: tuple[int, ...] = IMAGE, version: int = 18, **attributes) -> Case:
    """One node with one input."""
    return Case([node(operator, **attributes)], shape, version=version)


def positive(operator: str) -> Case:
    steps = [node("Abs", out="a"), node("Add", "a", "half", out="b"), node(operator, "b")]
    return Case(steps, tensors={"half": np.float32(0.5)})


def with_constant(operator: str, values, shape=IMAGE, first=False, alone=False) -> Case:
    names = ("c", "x") if first else ("x", "c")
    return Case([node(operator, *names)], shape, {"c": values}, alone=alone)


def two(operator: str, **attributes) -> Case:
    """Two values that images change."""
    return Case([node("Tanh", out="t"), node(operator, "x", "t", **attributes)])


def compared(operator: str) -> Case:
    steps = [node("Tanh", out="t"), node(operator, "x", "t", out="b"), node("Cast", "b", to=1)]
    return Case(steps)


def logical(operator: str) -> Case:
    steps = [
        node("Cast", out="p", to=9),
        node("Greater", "x", "c", out="q"),
        node(operator, "p", "q", out="b"),
        node("Cast", "b", to=1),
    ]
    return Case(steps, tensors={"c": np.float32(0.2)})


def conv(shape=IMAGE, kernel=(3, 3), group=1, outputs=4, bias=True, **attributes) -> Case:
    tensors = {"k": draw(outputs, shape[0] // group, *kernel, seed=6)}
    names = ["x", "k"]
    if bias:
        tensors["b"] = draw(outputs, seed=7)
        names.append("b")
    return Case([node("Conv", *names, group=group, **attributes)], shape, tensors)


def norm(shape=IMAGE) -> Case:
    tensors = {name: draw(shape[0], seed=i) for i, name in enumerate("som")}
    tensors["v"] = np.abs(draw(shape[0], seed=4)) + 0.1
    return Case([node("BatchNormalization", "x", *"somv", epsilon=1e-3)], shape, tensors)


def reshaped(operator: str, shape=IMAGE, **inputs) -> Case:
    return Case([node(operator, "x", *inputs)], shape, inputs)


def attention() -> Case:
    """Products of two values, as in an attention head; its matrices are products for cores."""
    steps = [
        node("Transpose", out="s", perm=[0, 2, 1]),
        node("MatMul", "s", "wq", out="q"),
        node("MatMul", "s", "wk", out="k"),
        node("Transpose", "k", out="kt", perm=[0, 2, 1]),
        node("MatMul", "q", "kt", out="l"),
        node("Softmax", "l", out="a", axis=-1),
        node("MatMul", "a", "s"),
    ]
    return Case(steps, LINE, {"wq": draw(6, 4), "wk": draw(6, 4, seed=8)})


def attention_op(heads=2, shared=0, flat=False, mask=None, **attributes) -> Case:
    """The operator, on values of 5 positions; ``shared``: heads of keys."""
    width, keys = 4, shared or heads
    steps, tensors = [], {}
    for name, count in (("q", heads), ("k", keys), ("v", keys)):
        tensors[f"w{name}"] = draw(6, count * width, seed=count + ord(name))
        tensors[f"s{name}"] = integers(0, 5, count, width)
        steps.append(node("MatMul", "x", f"w{name}", out=f"{name}0"))
        if not flat:
            steps += [
                node("Reshape", f"{name}0", f"s{name}", out=f"{name}1"),
                node("Transpose", f"{name}1", out=f"{name}2", perm=[0, 2, 1, 3]),
            ]
    names = ["q0", "k0", "v0"] if flat else ["q2", "k2", "v2"]
    if flat:
        attributes |= {"q_num_heads": heads, "kv_num_heads": keys}
    if mask is not None:
        tensors["mask"] = mask
        names.append("mask")
    steps.append(node("Attention", *names, **attributes))
    return Case(steps, (5, 6), tensors, version=23, first="MatMul")


def moved_axes() -> dict[str, Case]:
    """Images along another axis, in one axis with others, and back."""
    back = node("Transpose", "z", perm=[1, 0, 2])
    tensors = {"m": draw(9, 4), "b": draw(4), "rows": integers(-1, 9), "c": draw(6, 1, 9)}
    start = node("Transpose", out="s", perm=[1, 0, 2])
    through = {
        "matmul": [node("MatMul", "s", "m", out="p"), node("Add", "p", "b", out="z")],
        "softmax": [node("Softmax", "s", out="z", axis=0)],
        "layer_norm": [node("LayerNormalization", "s", "c9", out="z")],
        "add": [node("Add", "s", "c", out="z")],
        "mean": [
            node("ReduceMean", "s", "two", out="r", keepdims=1), node("Sub", "s", "r", out="z"),
        ],
        "slice": [node("Slice", "s", "one", "four", "zero", out="z")],
        "concat": [node("Concat", "s", "s", out="z", axis=2)],
        "gather": [node("Gather", "s", "order", out="z", axis=0)],
        "elements": [node("Greater", "s", "c", out="g"), node("Where", "g", "s", "c", out="z")],
        "round": [node("Floor", "s", out="f"), node("Mul", "f", "s", out="z")],
        "rows": [
            node("Reshape", "s", "rows", out="r"),
            node("Gemm", "r", "m", "b", out="q"),
            node("Reshape", "q", "back", out="z"),
        ],
        "split": [
            helper.make_node("Split", ["s"], ["u", "v", "w"], axis=0, num_outputs=3),
            node("Mul", "u", "w", out="z"),
        ],
    }  # fmt: skip
    tensors |= {
        "c9": draw(9), "two": integers(2), "zero": integers(0), "one": integers(1),
        "four": integers(4), "order": integers(3, 0, -1), "back": integers(6, -1, 4),
    }  # fmt: skip
    found = {
        f"moved_{name}": Case([start, *steps, back], LINE, tensors)
        for name, steps in through.items()
    }
    found["moved_heads"] = Case(
        [
            node("Transpose", out="s", perm=[2, 0, 1]),  # (positions, images, 6)
            node("Reshape", "s", "merged", out="r"),  # (positions, images x heads, 3)
            node("Transpose", "r", out="h", perm=[1, 0, 2]),
            node("Transpose", "r", out="t", perm=[1, 2, 0]),
            node("MatMul", "h", "t", out="p"),
            node("Softmax", "p", out="a", axis=-1),
            node("MatMul", "a", "h", out="o"),
            node("Transpose", "o", out="u", perm=[1, 0, 2]),
            node("Reshape", "u", "whole", out="w"),
            node("Transpose", "w", perm=[1, 0, 2]),
        ],
        LINE,
        {"merged": integers(9, -1, 3), "whole": integers(9, -1, 6)},
    )
    found["moved_away_and_back"] = Case(
        [
            node("Unsqueeze", "x", "zero", out="u"),
            node("Tanh", "u", out="t"),
            node("Squeeze", "t", "zero"),
        ],
        tensors={"zero": integers(0)},
    )
    found["moved_shapes"] = Case(
        [
            start,
            node("Shape", "s", out="shape"),
            node("Gather", "shape", "one", out="images"),
            node("Mul", "images", "heads", out="count"),
            node("Concat", "six", "count", "three", out="target", axis=0),
            node("Reshape", "s", "target", out="r"),
            node("Concat", "six", "images", "nine", out="before", axis=0),
            node("Reshape", "r", "before", out="z"),
            back,
        ],
        LINE,
        {
            "one": integers(1), "heads": integers(3), "six": integers(6), "three": integers(3),
            "nine": integers(9),
        },
    )  # fmt: skip
    return found


def quantised_values() -> dict[str, Case]:
    """Values rounded to integers and back: one scale, and one for each channel."""

    def pair(version=18, zero=None, scale=0.05, **axis) -> Case:
        names, tensors = ["s"], {"s": np.asarray(scale, np.float32)}
        if zero is not None:
            names.append("z")
            tensors["z"] = zero
        steps = [
            node("QuantizeLinear", "x", *names, out="q", **axis),
            node("DequantizeLinear", "q", *names, **axis),
        ]
        return Case(steps, tensors=tensors, version=version)

    channels = np.linspace(0.02, 0.2, 6)
    return {
        "quantised": pair(),
        "quantised_signed": pair(zero=np.asarray(3, np.int8)),
        "quantised_first_version": pair(10, zero=np.asarray(7, np.uint8)),
        "quantised_channels": pair(13, np.zeros(6, np.int8), channels, axis=1),
        "quantised_rows": pair(21, np.zeros(5, np.uint16), np.linspace(0.01, 0.1, 5), axis=-2),
    }


CASES = {
    "conv": conv(pads=[1, 1, 1, 1]),
    "conv_plain": conv(bias=False),
    "conv_strided": conv(strides=[2, 3], pads=[0, 1, 2, 1]),
    "conv_dilated": conv(dilations=[2, 1], kernel=(2, 3)),
    "conv_same_upper": conv(kernel=(2, 4), strides=[2, 2], auto_pad="SAME_UPPER"),
    "conv_same_lower": conv(kernel=(2, 4), strides=[2, 2], auto_pad="SAME_LOWER"),
    "conv_valid": conv(auto_pad="VALID"),
    "conv_pointwise_strided": conv(kernel=(1, 1), strides=[2, 2]),
    "conv_line": conv(LINE, (4,), pads=[2, 1], strides=[2], dilations=[2]),
    "conv_line_same": conv(LINE, (4,), auto_pad="SAME_UPPER"),
    "conv_depthwise": conv(group=6, outputs=6, pads=[1, 1, 1, 1], strides=[2, 1]),
    "conv_depthwise_line": conv(LINE, (3,), group=6, outputs=6, bias=False, pads=[1, 1]),
    "conv_multiplied": conv(group=6, outputs=12, dilations=[1, 2]),
    "conv_grouped": conv(group=3, outputs=9, pads=[1, 0, 0, 2]),
    "gemm": Case(
        [node("Gemm", "x", "m", "b", alpha=0.5, beta=2.0)], VECTOR, {"m": draw(8, 5), "b": draw(5)}
    ),
    "gemm_transposed": Case(
        [node("Gemm", "x", "m", "b", transB=1)], VECTOR, {"m": draw(5, 8), "b": draw(1, 5)}
    ),
    "gemm_scalar": Case([node("Gemm", "x", "m", "b")], VECTOR, {"m": draw(8, 5), "b": draw()}),
    "matmul": with_constant("MatMul", draw(8, 5), VECTOR),
    "matmul_line": with_constant("MatMul", draw(9, 4), LINE),
    "matmul_image": with_constant("MatMul", draw(7, 4)),
    "matmul_left": with_constant("MatMul", draw(4, 5), first=True),
    "attention": attention(),
    **moved_axes(),
    "einsum_matrix": Case([node("Einsum", "x", "m", equation="bcl,lk->bck")], LINE,
                          {"m": draw(9, 4)}),
    "einsum_turned": Case([node("Einsum", "m", "x", equation="khc,bcl->bhlk")], LINE,
                          {"m": draw(3, 2, 6)}),
    "einsum_two_axes": Case([node("Einsum", "x", "m", equation="bchw,chk->bwk")],
                            tensors={"m": draw(6, 5, 4)}),
    "einsum_heads": Case([node("Einsum", "x", "m", equation="bcl,clk->bck")], LINE,
                         {"m": draw(6, 9, 4)}),
    "einsum_values": Case(
        [node("Tanh", out="t"), node("Einsum", "x", "t", equation="bil,bjl->bij")], LINE
    ),
    "attention_op": attention_op(),
    "attention_op_shared_heads": attention_op(heads=4, shared=2, scale=0.3, softcap=2.0),
    "attention_op_causal": attention_op(is_causal=1),
    "attention_op_flat": attention_op(flat=True),
    "attention_op_mask": attention_op(mask=draw(5, 5) > 0),
    "attention_op_bias": attention_op(mask=draw(1, 2, 5, 5), is_causal=1),
    **quantised_values(),
    "batch_norm": norm(),
    "batch_norm_line": norm(LINE),
    "batch_norm_vector": norm(VECTOR),
    "add_residual": two("Add"),
    "add_channels": with_constant("Add", draw(6, 1, 1)),
    "add_channels_four_axes": with_constant("Add", draw(1, 6, 1, 1)),
    "add_scalar": with_constant("Add", draw()),
    "add_columns": with_constant("Add", draw(7)),
    "add_image": with_constant("Add", draw(6, 5, 7)),
    "add_vector": with_constant("Add", draw(8), VECTOR),
    "add_wider": with_constant("Add", draw(1, 4, 8), (8,), alone=True),
    "sub_channels": with_constant("Sub", draw(6, 1, 1)),
    "sub_from": with_constant("Sub", draw(6, 1, 1), first=True),
    "sub_values": two("Sub"),
    "mul_channels": with_constant("Mul", draw(6, 1, 1)),
    "mul_line": with_constant("Mul", draw(6, 1), LINE),
    "mul_by_image": Case([node("GlobalAveragePool", out="g"), node("Mul", "x", "g")]),
    "one_number_per_image": Case(
        [
            node("ReduceMax", "x", "axes", out="m", keepdims=0),
            node("Mul", "m", "c", out="n"),
            node("Unsqueeze", "n", "one", out="u"),
            node("Add", "v", "u", out="w"),
            node("Sub", "w", "x"),
        ],
        VECTOR,
        {"axes": integers(1), "c": draw(1), "one": integers(1), "v": draw(8)},
    ),
    "mul_values": two("Mul"),
    "div_channels": with_constant("Div", draw(6, 1, 1)),
    "div_by_values": Case(
        [node("Exp", out="e"), node("Div", "c", "e")], tensors={"c": draw(6, 1, 1)}
    ),
    "div_integers": Case(
        [node("Cast", out="i", to=6), node("Div", "i", "c", out="d"), node("Cast", "d", to=1)],
        tensors={"c": np.asarray(2, np.int32)},
    ),
    "max": two("Max"),
    "mean": Case([node("Tanh", out="t"), node("Mean", "x", "t", "x")]),
    "min": two("Min"),
    "pow": Case([node("Abs", out="a"), node("Pow", "a", "c")], tensors={"c": np.float32(1.5)}),
    "sum": Case([node("Tanh", out="t"), node("Sum", "x", "t", "x")]),
    "where": Case(
        [node("Greater", "x", "c", out="b"), node("Where", "b", "x", "c")],
        tensors={"c": draw(6, 1, 1)},
    ),
    "prelu": with_constant("PRelu", draw(6, 1, 1)),
    "relu": one("Relu"),
    "clip": Case([node("Clip", "x", "l", "h")], tensors={"l": draw(), "h": np.float32(1)}),
    "clip_below": Case([node("Clip", "x", "l")], tensors={"l": np.float32(-0.1)}),
    "clip_attributes": one("Clip", version=10, min=-0.5, max=0.25),
    "abs": one("Abs"),
    "exp": one("Exp"),
    "hard_swish": one("HardSwish"),
    "neg": one("Neg"),
    "sigmoid": one("Sigmoid"),
    "tanh": one("Tanh"),
    "log": positive("Log"),
    "reciprocal": positive("Reciprocal"),
    "sqrt": positive("Sqrt"),
    "hard_sigmoid": one("HardSigmoid", alpha=0.3, beta=0.4),
    "leaky_relu": one("LeakyRelu", alpha=0.2),
    "cast": Case([node("Cast", out="i", to=7), node("Cast", "i", to=1)]),
    "cast_double": Case([node("Cast", out="d", to=11), node("Cast", "d", to=1)]),
    "identity": Case([node("Identity", out="i"), node("Relu", "i")]),
    "dropout": Case([node("Dropout", out="i"), node("Relu", "i")]),
    "average_pool": one("AveragePool", kernel_shape=[2, 2], strides=[2, 2]),
    "average_pool_padded": one("AveragePool", kernel_shape=[3, 2], pads=[1, 0, 1, 1]),
    "average_pool_counting": one(
        "AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1
    ),
    "average_pool_ceiling": one(
        "AveragePool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1, version=19
    ),
    "average_pool_line": one("AveragePool", LINE, kernel_shape=[3], strides=[2]),
    "average_pool_same": one(
        "AveragePool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"
    ),
    "max_pool": one("MaxPool", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1]),
    "max_pool_dilated": one("MaxPool", kernel_shape=[2, 2], dilations=[2, 3]),
    "max_pool_ceiling": one("MaxPool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
    "max_pool_line": one("MaxPool", LINE, kernel_shape=[2], strides=[2]),
    "global_average_pool": one("GlobalAveragePool"),
    "global_max_pool": one("GlobalMaxPool"),
    "global_average_pool_line": one("GlobalAveragePool", LINE),
    "local_response": one("LRN", size=3, alpha=0.5, beta=0.6, bias=1.5),
    "reduce_max": Case([node("ReduceMax", "x", "a")], tensors={"a": integers(1, 3)}),
    "reduce_mean": Case([node("ReduceMean", "x", "a", keepdims=0)], tensors={"a": integers(2, 3)}),
    "reduce_mean_channels": Case(
        [node("ReduceMean", "x", "a", keepdims=0)], tensors={"a": integers(1)}
    ),
    "reduce_mean_attribute": one("ReduceMean", version=13, axes=[-1, -2], keepdims=0),
    "reduce_min": Case([node("ReduceMin", "x", "a")], tensors={"a": integers(-1)}),
    "reduce_sum": Case([node("ReduceSum", "x", "a")], tensors={"a": integers(1, 2)}),
    "reduce_sum_nothing": one("ReduceSum", noop_with_empty_axes=1),
    "softmax": one("Softmax", VECTOR),
    "softmax_image": one("Softmax", axis=1),
    "softmax_flattened": one("Softmax", version=11, axis=2),
    "log_softmax": one("LogSoftmax", VECTOR),
    "layer_norm": Case(
        [node("LayerNormalization", "x", "s", "o", epsilon=1e-3)],
        LINE, {"s": draw(9), "o": draw(9, seed=2)},
    ),
    "layer_norm_two_axes": Case(
        [node("LayerNormalization", "x", "s", axis=2)], tensors={"s": draw(5, 7)}
    ),
    "concat": two("Concat", axis=1),
    "concat_rows": two("Concat", axis=2),
    "concat_constant": Case(
        [node("Concat", "c", "x", axis=2)], LINE, {"c": draw(1, 6, 2)}, alone=True
    ),
    "flatten": one("Flatten"),
    "reshape": reshaped("Reshape", c=integers(0, 3, -1)),
    "reshape_image": reshaped("Reshape", (12,), c=integers(-1, 3, 2, 2)),
    "reshape_batch_of_one": reshaped("Reshape", c=integers(-1, 210)),
    "shape_of_batch": Case(
        [
            node("Shape", out="s"),
            node("Gather", "s", "zero", out="n"),
            node("Concat", "n", "rest", out="t", axis=0),
            node("Reshape", "x", "t"),
        ],
        tensors={"zero": integers(0), "rest": integers(-1, 14)},
    ),
    "squeeze": Case([node("GlobalAveragePool", out="g"), node("Squeeze", "g", "a")],
                    tensors={"a": integers(2, 3)}),
    "squeeze_attribute": Case(
        [node("GlobalAveragePool", out="g"), node("Squeeze", "g", axes=[3])], version=11
    ),
    "unsqueeze": reshaped("Unsqueeze", LINE, c=integers(2)),
    "unsqueeze_pixels": Case(
        [node("Unsqueeze", "x", "a", out="u"), node("Relu", "u")], VECTOR, {"a": integers(2, 3)}
    ),
    "transpose": one("Transpose", perm=[0, 3, 1, 2]),
    "transpose_last": Case([node("Transpose", out="t", perm=[0, 2, 3, 1]), node("Relu", "t")]),
    "transpose_rows": one("Transpose", perm=[0, 2, 1, 3]),
    "pad": Case(
        [node("Pad", "x", "p", "v")],
        tensors={"p": integers(0, 1, 0, 2, 0, 0, 3, 1), "v": np.float32(0.7)},
    ),
    "pad_reflected": Case(
        [node("Pad", "x", "p", mode="reflect")], tensors={"p": integers(0, 0, 1, 2, 0, 0, 2, 1)}
    ),
    "pad_attribute": one("Pad", version=10, pads=[0, 0, 1, 1, 0, 0, 0, 2], value=0.5),
    "slice": Case(
        [node("Slice", "x", "s", "e", "a", "t")],
        tensors={
            "s": integers(-1, 1, 0), "e": integers(-99, 2**40, 4),
            "a": integers(1, -1, 2), "t": integers(-2, 2, 1),
        },
    ),
    "slice_batch_kept": Case(
        [node("Slice", "x", "s", "e")], tensors={"s": integers(0, 1), "e": integers(2**31 - 1, 4)}
    ),
    "slice_attribute": one("Slice", version=9, starts=[1], ends=[5], axes=[3]),
    "split": Case(
        [
            helper.make_node("Split", ["x", "c"], ["p", "q"], axis=1),
            node("ReduceMean", "p", "one", out="r"),
            node("Mul", "r", "q"),
        ],
        tensors={"c": integers(2, 4), "one": integers(1)},
    ),
    "split_partly_used": Case(
        [helper.make_node("Split", ["x"], ["p", "y", "q"], axis=1, num_outputs=3)]
    ),
    "gather": Case([node("Gather", "x", "i", axis=1)], tensors={"i": integers(3, -1, 0)}),
    "gather_table": Case(
        [
            node("Abs", out="a"),
            node("Clip", "a", "zero", "top", out="b"),
            node("Cast", "b", out="i", to=7),
            node("Gather", "t", "i"),
        ],
        VECTOR, {"zero": np.float32(0), "top": np.float32(4), "t": draw(5, 3)},
    ),
    **{name.lower(): one(name) for name in (
        "Ceil", "Celu", "Cos", "Elu", "Erf", "Floor", "Round", "Selu", "Sign", "Sin",
        "Softplus", "Softsign",
    )},
    "gelu": one("Gelu", version=20),
    "gelu_tanh": one("Gelu", version=20, approximate="tanh"),
    "mish": one("Mish"),
    "shrink": one("Shrink", lambd=0.3, bias=0.1),
    "thresholded_relu": one("ThresholdedRelu", alpha=0.4),
    **{name.lower(): compared(name) for name in (
        "Greater", "GreaterOrEqual", "Less", "LessOrEqual",
    )},
    "equal": Case(
        [node("Round", out="r"), node("Equal", "r", "c", out="b"), node("Cast", "b", to=1)],
        tensors={"c": np.float32(1)},
    ),
    **{name.lower(): logical(name) for name in ("And", "Or", "Xor")},
    "not": Case(
        [node("Less", "x", "c", out="b"), node("Not", "b", out="n"), node("Cast", "n", to=1)],
        tensors={"c": np.float32(0)},
    ),
    "conv_transpose": Case(
        [node("ConvTranspose", "x", "k", "b", strides=[2, 2], pads=[1, 0, 0, 1])],
        tensors={"k": draw(6, 3, 3, 3), "b": draw(3)},
    ),
    "cumulative": Case([node("CumSum", "x", "a")], tensors={"a": np.asarray(1, np.int32)}),
    "depth_to_space": one("DepthToSpace", (8, 3, 4), blocksize=2),
    "space_to_depth": one("SpaceToDepth", (3, 4, 6), blocksize=2),
    "expand": Case([node("Expand", "x", "s")], (*LINE[:1], 1), {"s": integers(1, 6, 4)}),
    "group_norm": Case(
        [node("GroupNormalization", "x", "s", "o", num_groups=3)],
        tensors={"s": draw(6), "o": draw(6, seed=2)}, version=21,
    ),
    "group_norm_line": Case(
        [node("GroupNormalization", "x", "s", "o", num_groups=2, epsilon=1e-2)],
        LINE,
        {"s": draw(6), "o": draw(6, seed=2)},
        version=21,
    ),
    "instance_norm": Case(
        [node("InstanceNormalization", "x", "s", "o")],
        tensors={"s": draw(6), "o": draw(6, seed=2)},
    ),
    "lp_pool": one("LpPool", kernel_shape=[2, 2], strides=[2, 2], p=2),
    **{f"reduce_{name}": Case([node(f"Reduce{name}", "x", "a")], tensors={"a": integers(1)})
       for name in ("L1", "L2", "LogSumExp", "Prod", "SumSquare")},
    "resize": Case(
        [node("Resize", "x", "", "s", mode="nearest", nearest_mode="floor",
              coordinate_transformation_mode="asymmetric")],
        tensors={"s": np.asarray([1, 1, 2, 3], np.float32)},
    ),
    "resize_linear": Case(
        [node("Resize", "x", "", "s", mode="linear")],
        tensors={"s": np.asarray([1, 1, 2, 1.5], np.float32)},
    ),
    "tile": Case([node("Tile", "x", "r")], tensors={"r": integers(1, 2, 1, 3)}),
    "upsample": Case(
        [node("Upsample", "x", "s")], tensors={"s": np.asarray([1, 1, 2, 2], np.float32)}, version=9
    ),
}  # fmt: skip


@pytest.fixture(params=CASES)
def case(request) -> Case:
    return CASES[request.param]


def test_as_onnx_runtime_computes_it(case):
    images = draw(IMAGES, *case.shape, seed=9)
    if case.alone:
        expected = [runtime_scores(case.model(1), image[None]) for image in images]
        network, expected = read(case.model(1)), np.concatenate(expected)
    else:
        network, expected = read(case.model("images")), runtime_scores(case.model("images"), images)
    assert_same(ideal_scores(network, images), expected)


def test_each_image_for_itself(case):
    """Also where the model was written for one image at a time."""
    network = read(case.model(1))
    images = draw(IMAGES, *case.shape, seed=9)
    together = ideal_scores(network, images)
    alone = np.concatenate([ideal_scores(network, image[None]) for image in images])
    assert_same(together, alone, 1e-6)


def test_the_documentation_has_every_operator_as_it_is_run():
    page = (Path(__file__).parents[2] / "config" / "networks.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \| (`[^|]+`) \|$", page, re.MULTILINE)
    told = {how: set(re.findall(r"`(\w+)`", operators)) for how, operators in rows}
    expected = {"settled while reading": set(WHILE_READING)}
    for operator, support in SUPPORTED.items():
        expected.setdefault(support.how, set()).add(operator)
    assert told == expected


def test_every_operator_has_a_case():
    used = {step.op_type for case in CASES.values() for step in case.nodes}
    assert {*SUPPORTED, *WHILE_READING} <= used
