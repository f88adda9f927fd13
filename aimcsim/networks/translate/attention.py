"""Scaled dot-product attention as one operator: products of values with values, all digital."""

import numpy as np

from aimcsim.networks.builder import FIRST, Builder, Node, Unsupported

_MASK, _CACHE = 3, (4, 5, 6)  # inputs


def attention(b: Builder, node: Node) -> None:
    """Softmax of queries times keys, times values; heads have an axis of their own, or none."""
    if any(node.input(index) for index in _CACHE):
        raise Unsupported("only without keys and values of earlier calls")
    if not node.one_output:
        raise Unsupported("only its first output")
    if max(node.get("left_window_size", -1), node.get("right_window_size", -1)) >= 0:
        raise Unsupported("only without a window")
    heads: list[str] = []
    counts: list[int] = []
    for index, key in enumerate(("q_num_heads", "kv_num_heads", "kv_num_heads")):
        name = node.inputs[index]
        if name in b.constants:
            raise Unsupported("only where images change queries, keys and values")
        shape = b.shapes[name]
        count = node.get(key) if len(shape) == 3 else shape[1]
        if not count or (len(shape) == 3 and shape[2] % count):
            raise Unsupported(f"its values of shape {shape[1:]} do not divide into heads")
        counts.append(count)
        heads.append(_with_heads(b, node, name, count))
    if counts[1] != counts[2] or counts[0] % counts[1]:
        raise Unsupported(f"{counts[0]} heads of queries do not share {counts[1]} of keys")
    queries, keys = b.shapes[node.inputs[0]], b.shapes[node.inputs[1]]
    width = queries[-1] if len(queries) == 4 else queries[-1] // node.get("q_num_heads")
    positions = (queries[-2], keys[-2])
    inputs = [*heads, *([_mask(b, node, positions)] if node.input(_MASK) else [])]
    scale = node.get("scale")
    attributes = {
        "scale": float(1 / np.sqrt(width) if scale is None else scale),
        "causal": node.flag("is_causal"),
        "softcap": float(node.get("softcap", 0.0)),
    }
    output = node.outputs[0]
    stored = b.free(f"{output}, heads")
    b.step("Attention", node.name, inputs, stored, attributes)
    if b.rank(output) == 3:
        stored = b.reshaped(
            node.name, b.transposed(node.name, stored, (0, 2, 1, 3)), b.shapes[output][1:]
        )
    b.store(output, FIRST, stored)


def _with_heads(b: Builder, node: Node, name: str, heads: int) -> str:
    """The stored value as (images, heads, positions, width)."""
    values, shape = b.value(name, FIRST), b.shapes[name]
    if len(shape) == 4:
        return values
    split = b.reshaped(node.name, values, (shape[1], heads, shape[2] // heads))
    return b.transposed(node.name, split, (0, 2, 1, 3))


def _mask(b: Builder, node: Node, positions: tuple[int, int]) -> str:
    """The mask as float32 that is added to (images, heads, queries, keys)."""
    name = node.inputs[_MASK]
    if name not in b.constants:
        shape = b.shapes[name]
        if len(shape) != 4 or shape[-1] != positions[1] or not b.floating[name]:
            raise Unsupported("only with a constant mask, or one of four axes that is added")
        return b.value(name, FIRST)
    values = b.constants[name]
    added = values.astype(np.float32)
    if values.dtype.kind == "b":
        added = np.where(values, np.float32(0), np.float32(-np.inf))
    missing = positions[1] - added.shape[-1]
    if missing:
        widths = [(0, 0)] * (added.ndim - 1) + [(0, missing)]
        added = np.pad(added, widths, constant_values=-np.inf)
    if added.ndim == 4 and len(added) != 1:
        raise Unsupported(f"the constant '{name}' differs between the images of a batch")
    return b.constant(name, added.reshape((1,) * (4 - added.ndim) + added.shape))
