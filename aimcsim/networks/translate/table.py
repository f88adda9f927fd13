"""Which operators of ONNX are supported, and how."""

from dataclasses import dataclass

from aimcsim.networks.translate import (
    attention,
    axes,
    elements,
    products,
    quantised,
    windowed,
)
from aimcsim.networks.translate.common import Translator

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


def _all(how: str, translate: Translator, *operators: str) -> dict[str, Support]:
    return {operator: Support(how, translate) for operator in operators}


SUPPORTED: dict[str, Support] = {
    "Conv": Support(CORES_OR_DIGITAL, products.conv),
    "Gemm": Support(CORES, products.gemm),
    "MatMul": Support(CORES_OR_DIGITAL, products.matmul),
    "Einsum": Support(CORES_OR_DIGITAL, products.einsum),
    "Attention": Support(FAST, attention.attention),
    "QuantizeLinear": Support(FAST, quantised.quantise),
    "DequantizeLinear": Support(FAST, quantised.dequantise),
    "BatchNormalization": Support(FAST, elements.batch_norm),
    **_all(FAST, elements.arithmetic, "Add", "Sub", "Mul", "Div"),
    **_all(FAST, elements.float_elements, "Max", "Mean", "Min", "Pow", "Sum"),
    "Where": Support(FAST, elements.elements),
    "PRelu": Support(FAST, elements.prelu),
    "Relu": Support(FAST, elements.relu),
    "Clip": Support(FAST, elements.clip),
    **_all(
        FAST, elements.unary(),
        "Abs", "Erf", "Exp", "HardSwish", "Log", "Neg", "Reciprocal", "Sigmoid", "Sqrt", "Tanh",
    ),
    "Gelu": Support(FAST, elements.gelu),
    "HardSigmoid": Support(FAST, elements.unary(alpha=0.2, beta=0.5)),
    "LeakyRelu": Support(FAST, elements.unary(alpha=0.01)),
    "Cast": Support(FAST, elements.cast),
    **_all(NOTHING, elements.same, "Identity", "Dropout"),
    **_all(FAST, windowed.pool, "AveragePool", "MaxPool"),
    **_all(FAST, windowed.global_pool, "GlobalAveragePool", "GlobalMaxPool"),
    "LRN": Support(FAST, windowed.local_response),
    **_all(FAST, axes.reduce, "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"),
    **_all(FAST, axes.softmax, "LogSoftmax", "Softmax"),
    "LayerNormalization": Support(FAST, axes.layer_norm),
    "GroupNormalization": Support(FAST, axes.group_norm),
    "Expand": Support(FAST, axes.expand),
    "Tile": Support(FAST, axes.tile),
    "Concat": Support(FAST, axes.concat),
    **_all(FAST, axes.reshape, "Flatten", "Reshape", "Squeeze", "Unsqueeze"),
    "Transpose": Support(FAST, axes.transpose),
    "Pad": Support(FAST, axes.pad),
    "Slice": Support(FAST, axes.cut),
    "Split": Support(FAST, axes.split),
    "Gather": Support(FAST, axes.gather),
    **_all(
        SLOW, elements.general_elements,
        "And", "Ceil", "Celu", "Cos", "Elu", "Equal", "Floor", "Greater", "GreaterOrEqual", "Less",
        "LessOrEqual", "Mish", "Not", "Or", "Round", "Selu", "Shrink", "Sign", "Sin", "Softplus",
        "Softsign", "ThresholdedRelu", "Xor",
    ),
    **_all(
        PER_IMAGE, elements.per_image,
        "ConvTranspose", "DepthToSpace", "InstanceNormalization", "LpPool", "Resize",
        "SpaceToDepth", "Upsample",
    ),
    **_all(
        PER_IMAGE, axes.reduce_per_image,
        "ReduceL1", "ReduceL2", "ReduceLogSumExp", "ReduceProd", "ReduceSumSquare",
    ),
    "CumSum": Support(PER_IMAGE, axes.cumulative),
}  # fmt: skip
"""Every operator that a network may have, by ONNX's name."""

IMAGES_FIRST = frozenset(
    {
        "Attention", "AveragePool", "BatchNormalization", "Conv", "ConvTranspose", "CumSum",
        "DepthToSpace", "GlobalAveragePool", "GlobalMaxPool", "GroupNormalization",
        "InstanceNormalization", "LRN", "LpPool", "MaxPool", "PRelu", "ReduceL1", "ReduceL2",
        "ReduceLogSumExp", "ReduceProd", "ReduceSumSquare", "Resize", "SpaceToDepth", "Tile",
        "Upsample",
    }
)  # fmt: skip
"""Operators that need the images along the first axis; all others take them along any."""

WHILE_READING = frozenset({"Shape"})
"""Operators that only ever give constants, as shapes are settled while a model is read."""
