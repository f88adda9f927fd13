"""Pools, and where the windows of pools and convolutions lie."""

import math
from collections.abc import Sequence

from aimcsim.networks.builder import LAST, Builder, Node, Unsupported
from aimcsim.networks.windows import Windows

MOST_LOOKS = 1 << 36
"""Values that the windows of one layer see in one image: minutes of work."""
MOST_NEIGHBOURS = 1 << 12
"""Channels that a response may be divided by."""


def pool(b: Builder, node: Node) -> None:
    """Mean or largest value of each window."""
    if not node.one_output:
        raise Unsupported("only the values, not where they were")
    if b.rank(node.inputs[0]) not in (3, 4):
        raise Unsupported("only images of one or two axes")
    kernel = node.get("kernel_shape")
    windows = windows_of(b, node, (1,) * (2 - len(kernel)) + tuple(kernel))
    node.flag("ceil_mode")  # in the shape that ONNX infers, whatever its value
    positions = (1, *b.shapes[node.outputs[0]][2:])[-2:]
    attributes = {"windows": windows, "positions": positions}
    if node.operator == "AveragePool":
        attributes["count_padding"] = node.flag("count_include_pad")
    stored = b.free(f"{node.outputs[0]}, pooled")
    b.step(node.operator, node.name, (as_image(b, node),), stored, attributes)
    from_image(b, node, stored)


def global_pool(b: Builder, node: Node) -> None:
    """Mean or largest value of the image."""
    rank = b.rank(node.inputs[0])
    operator = "ReduceMean" if node.operator == "GlobalAveragePool" else "ReduceMax"
    attributes = {"axes": tuple(range(1, rank - 1)), "keepdims": True}
    b.emit(node, operator, (b.value(node.inputs[0], LAST),), LAST, attributes)


def local_response(b: Builder, node: Node) -> None:
    """Division by what a pixel's neighbouring channels hold."""
    if not 1 <= node.get("size") <= MOST_NEIGHBOURS:
        raise Unsupported(f"only over 1 to {MOST_NEIGHBOURS} channels")
    attributes = {
        "size": node.get("size"),
        "alpha": node.get("alpha", 1e-4),
        "beta": node.get("beta", 0.75),
        "bias": node.get("bias", 1.0),
    }
    b.emit(node, "LRN", (b.value(node.inputs[0], LAST),), LAST, attributes)


def as_image(b: Builder, node: Node) -> str:
    """The first input as (images, height, width, channels); height 1 where it has one axis."""
    name = node.inputs[0]
    values = b.value(name, LAST)
    if b.rank(name) == 4:
        return values
    _, channels, length = b.shapes[name]
    return b.reshaped(node.name, values, (1, length, channels))


def from_image(b: Builder, node: Node, stored: str) -> None:
    """The stored (images, height, width, channels) are the first output."""
    name = node.outputs[0]
    if b.rank(name) == 3:
        _, channels, length = b.shapes[name]
        stored = b.reshaped(node.name, stored, (length, channels))
    b.store(name, LAST, stored)


def windows_of(b: Builder, node: Node, kernel: Sequence[int]) -> Windows:
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
    height, width = (int(side) for side in kernel)
    if min(height, width, *strides, *dilations) < 1:
        raise Unsupported("only with a kernel, strides and dilations of 1 or more")
    windows = Windows((height, width), strides, pads, dilations)
    sides = (1, *extents)[-2:]
    padded = [sides[axis] + pads[axis] + pads[axis + 2] for axis in (0, 1)]
    if any(windows.span(axis) > padded[axis] for axis in (0, 1)):
        raise Unsupported(f"its windows are larger than the padded image of {padded}")
    channels = max(b.shapes[node.inputs[0]][1], b.shapes[node.outputs[0]][1])
    looks = math.prod(windows.positions(sides)) * height * width * channels
    if max(looks, channels * math.prod(padded)) > MOST_LOOKS:
        raise Unsupported(f"takes {looks:,} looks at values for one image")
    return windows
