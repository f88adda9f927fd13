"""Pools, and where the windows of pools and convolutions lie."""

from collections.abc import Sequence

from aimcsim.networks.builder import LAST, Builder, Node, Unsupported
from aimcsim.networks.windows import Windows


def pool(b: Builder, node: Node) -> None:
    """Mean or largest value of each window."""
    if not node.one_output:
        raise Unsupported("only the values, not where they were")
    if b.rank(node.inputs[0]) not in (3, 4):
        raise Unsupported("only images of one or two axes")
    kernel = node.get("kernel_shape")
    windows = windows_of(b, node, (1,) * (2 - len(kernel)) + tuple(kernel))
    positions = (1, *b.shapes[node.outputs[0]][2:])[-2:]
    attributes = {"windows": windows, "positions": positions}
    if node.operator == "AveragePool":
        attributes["count_padding"] = bool(node.get("count_include_pad", 0))
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
    return Windows((height, width), strides, pads, dilations)
