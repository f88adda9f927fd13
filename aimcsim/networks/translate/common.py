"""What translators ask about a node."""

from collections.abc import Callable

import numpy as np

from aimcsim.networks.builder import Builder, Node, Unsupported

Translator = Callable[[Builder, Node], None]
"""Adds the steps of one node."""


def constant(b: Builder, node: Node, index: int, what: str) -> np.ndarray:
    """Input ``index``, which has to be constant; ``what`` it is goes into the message."""
    name = node.input(index)
    if name not in b.constants:
        raise Unsupported(f"only where {what} are constant")
    return b.constants[name]


def bias_of(b: Builder, node: Node, index: int, columns: int) -> np.ndarray | None:
    """Input ``index`` as float32 (columns,); None where there is none."""
    if not node.input(index):
        return None
    bias = as_float(constant(b, node, index, "the biases"))
    return np.broadcast_to(bias.reshape(-1), (columns,)).copy()


def axes_of(b: Builder, node: Node, index: int, version: int) -> list[int] | None:
    """Axes, which became an input in ``version``; None where none are given."""
    if node.version < version:
        return node.get("axes")
    if not node.input(index):
        return None
    return constant(b, node, index, "the axes").tolist() or None


def output_rank(b: Builder, node: Node) -> int:
    """Axes of the node's first output."""
    return b.rank(node.outputs[0])


def all_float(b: Builder, node: Node) -> bool:
    """Whether all inputs are floating-point numbers."""
    return all(
        b.constants[name].dtype.kind == "f" if name in b.constants else b.floating[name]
        for name in node.inputs
        if name
    )


def varies_along(values: np.ndarray, rank: int, axis: int) -> bool:
    """Whether ``values``, broadcast to ``rank`` axes, vary along ``axis`` at most."""
    shape = (1,) * (rank - values.ndim) + values.shape
    return all(extent == 1 for index, extent in enumerate(shape) if index != axis)


def as_float(values: np.ndarray) -> np.ndarray:
    """A C-contiguous float32 array."""
    return np.ascontiguousarray(values, np.float32)
