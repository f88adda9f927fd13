"""Numbers of few bits in ONNX: QuantizeLinear and DequantizeLinear, of every version.

Both take one scale for all values, one for each position along ``axis``, or one for each block of
``block_size`` values along it. A zero point left out is 0.
"""

import re
from collections.abc import Sequence

import numpy as np
from onnx import helper

from aimcsim.networks.builder import Node, Unsupported

_AXIS = 1  # of the standard, where a node names none


def dequantised(node: Node, inputs: Sequence[np.ndarray | None]) -> np.ndarray:
    """(values - zero point) x scale, in the type of the scale, or that which the node names."""
    values, scale, zero = _three(inputs)
    shape, axis, block = values.shape, node.get("axis", _AXIS), node.get("block_size", 0)
    shift = None if zero is None else spread(zero, shape, axis, block).astype(np.float32)
    wide = values.astype(np.float32)
    wide = wide if shift is None else wide - shift
    kind = output_type(node) or scale.dtype
    return (wide * spread(scale, shape, axis, block).astype(np.float32)).astype(kind)


def quantised(node: Node, inputs: Sequence[np.ndarray | None]) -> np.ndarray:
    """values / scale, rounded to even, plus the zero point, within the type of the zero point."""
    values, scale, zero = _three(inputs)
    shape, axis, block = values.shape, node.get("axis", _AXIS), node.get("block_size", 0)
    steps = values.astype(np.float32) / spread(scale, shape, axis, block).astype(np.float32)
    kind = integers_of(node, zero)
    low, high = limits(kind)
    rounded = np.rint(steps)
    if zero is not None:
        rounded += spread(zero, shape, axis, block).astype(np.float32)
    return np.clip(rounded, low, high).astype(kind)


def _three(
    inputs: Sequence[np.ndarray | None],
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    values, scale, *rest = inputs
    if values is None or scale is None:
        raise Unsupported("lacks its values or their scale")
    return values, scale, rest[0] if rest else None


def output_type(node: Node) -> np.dtype | None:
    """The type that a node names for its output; None: it names none."""
    kind = node.get("output_dtype", 0)
    return helper.tensor_dtype_to_np_dtype(kind) if kind else None


def integers_of(node: Node, zero: np.ndarray | None) -> np.dtype:
    """The integers that a QuantizeLinear gives."""
    kind = np.dtype(np.uint8) if zero is None else zero.dtype
    if zero is None and (named := output_type(node)) is not None:
        kind = named
    limits(kind)
    return kind


def limits(kind: np.dtype) -> tuple[int, int]:
    """Smallest and largest number of a type of integers."""
    found = re.fullmatch(r"(u?)int(\d+)", kind.name)
    if not found:
        raise Unsupported(f"only to integers, not to {kind.name}")
    unsigned, bits = bool(found[1]), int(found[2])
    return (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def spread(part: np.ndarray, shape: Sequence[int], axis: int, block: int) -> np.ndarray:
    """A scale or zero point so that it broadcasts to ``shape``."""
    if part.size == 1 and part.ndim <= 1:
        return part.reshape((1,) * len(shape))
    if not -len(shape) <= axis < len(shape):
        raise Unsupported(f"its axis {axis} is none of {len(shape)}")
    axis %= len(shape)
    if part.ndim == 1 and len(part) == shape[axis]:
        return part.reshape([-1 if index == axis else 1 for index in range(len(shape))])
    others = [own for index, own in enumerate(shape) if index != axis]
    blocks = [own for index, own in enumerate(part.shape) if index != axis]
    if block < 1 or part.ndim != len(shape) or others != blocks:
        raise Unsupported(f"its scale of shape {part.shape} does not fit values of {tuple(shape)}")
    if -(-shape[axis] // block) != part.shape[axis]:
        raise Unsupported(
            f"{part.shape[axis]} scales in blocks of {block} do not fit {shape[axis]} values"
        )
    cut = [slice(None)] * len(shape)
    cut[axis] = slice(shape[axis])
    return part.repeat(block, axis=axis)[tuple(cut)]
