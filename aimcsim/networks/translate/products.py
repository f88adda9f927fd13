"""Layers whose products can run on cores."""

import numpy as np

from aimcsim.networks.builder import FIRST, Builder, Node, Unsupported
from aimcsim.networks.graph import Product
from aimcsim.networks.operators import GROUPED
from aimcsim.networks.translate.common import as_float, bias_of, constant, rank_of
from aimcsim.networks.translate.windowed import as_image, from_image, windows_of


def conv(b: Builder, node: Node) -> None:
    """A convolution: a product, or digital where its channels are in groups."""
    weights = constant(b, node, 1, "the kernels")
    rank = b.rank(node.inputs[0])
    if rank not in (3, 4):
        raise Unsupported("only images of one or two axes")
    kernels = weights[:, :, None] if rank == 3 else weights
    groups = node.get("group", 1)
    windows = windows_of(b, node, kernels.shape[2:])
    bias = bias_of(b, node, 2, len(kernels))
    output = node.outputs[0]
    values = as_image(b, node)
    if groups == 1:
        matrix = kernels.reshape(len(kernels), -1).T
        product = Product(
            node.name, as_float(matrix), windows.kernel, windows.strides, windows.pads,
            windows.dilations, bias,
        )  # fmt: skip
        stored = f"{output}, products"
        b.product(node.name, values, stored, product)
    else:
        if groups == b.shapes[node.inputs[0]][1]:
            weights = kernels[:, 0].transpose(1, 2, 0)
        else:
            weights = kernels.reshape(groups, len(kernels) // groups, -1).transpose(0, 2, 1)
        bias = np.zeros(len(kernels), np.float32) if bias is None else bias
        stored = f"{output}, grouped"
        inputs = (values, b.constant(node.inputs[1], weights), b.constant(node.name, bias))
        attributes = {"windows": windows, "groups": groups}
        b.step(GROUPED, node.name, inputs, stored, attributes)
    from_image(b, node, stored)


def gemm(b: Builder, node: Node) -> None:
    """A product of vectors with a constant matrix."""
    matrix = constant(b, node, 1, "the second matrix")
    if node.inputs[0] in b.constants or node.get("transA", 0):
        raise Unsupported("only with images along the first axis of the first matrix")
    matrix = as_float(matrix.T if node.get("transB", 0) else matrix)
    matrix = matrix * np.float32(node.get("alpha", 1.0))
    beta = np.float32(node.get("beta", 1.0))
    added = node.input(2)
    bias = None
    if added in b.constants:
        values = b.constants[added]
        if values.ndim == 2 and len(values) != 1:
            raise Unsupported("a constant differs between the images of a batch")
        values = np.broadcast_to(as_float(values).reshape(-1), (matrix.shape[1],))
        bias = beta * values
    elif added:
        raise Unsupported("only with a constant third input")
    stored = f"{node.outputs[0]}, products"
    b.product(
        node.name, b.value(node.inputs[0], FIRST), stored, Product(node.name, matrix, bias=bias)
    )
    b.store(node.outputs[0], FIRST, stored)


def matmul(b: Builder, node: Node) -> None:
    """A product with a constant matrix; of two values, digital."""
    left, right = node.inputs
    if right in b.constants and b.constants[right].ndim == 2:
        stored = f"{node.outputs[0]}, products"
        product = Product(node.name, as_float(b.constants[right]))
        b.product(node.name, b.value(left, FIRST), stored, product)
        b.store(node.outputs[0], FIRST, stored)
        return
    ranks = [rank_of(b, name) for name in (left, right)]
    if any(name in b.shapes and rank < 3 for name, rank in zip((left, right), ranks, strict=True)):
        raise Unsupported("images lie along an axis that is summed over")
    if left in b.shapes and right in b.shapes and ranks[0] != ranks[1]:
        raise Unsupported("only for values with equally many axes")
    inputs = [
        b.value(name, FIRST) if name in b.shapes else b.constant(name, b.constants[name])
        for name in (left, right)
    ]
    b.emit(node, "MatMul", inputs, FIRST)
