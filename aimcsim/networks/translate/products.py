"""Layers whose products can run on cores."""

import math
from string import ascii_letters
from typing import NamedTuple

import numpy as np

from aimcsim.networks.builder import FIRST, Builder, Node, Unsupported
from aimcsim.networks.graph import Product
from aimcsim.networks.operators import GROUPED
from aimcsim.networks.places import terms_of
from aimcsim.networks.translate.common import as_float, bias_of, constant
from aimcsim.networks.translate.windowed import as_image, from_image, windows_of


def conv(b: Builder, node: Node) -> None:
    """A convolution: a product, or digital where its channels are in groups."""
    weights = constant(b, node, 1, "the kernels")
    rank = b.rank(node.inputs[0])
    if rank not in (3, 4):
        raise Unsupported("only images of one or two axes")
    if weights.ndim != rank:
        raise Unsupported(f"kernels of {weights.ndim} axes for values of {rank}")
    kernels = weights[:, :, None] if rank == 3 else weights
    groups = node.get("group", 1)
    channels = b.shapes[node.inputs[0]][1]
    if groups < 1 or kernels.shape[1] * groups != channels or len(kernels) % groups:
        raise Unsupported(
            f"{len(kernels)} kernels of {kernels.shape[1]} channels in {groups} "
            f"group{'s' * (groups != 1)} do not fit values of {channels} channels"
        )
    windows = windows_of(b, node, kernels.shape[2:])
    bias = bias_of(b, node, 2, len(kernels))
    output = node.outputs[0]
    values = as_image(b, node)
    if groups == 1:
        matrix = kernels.reshape(len(kernels), -1).T
        product = Product(
            node.name, as_float(matrix), windows.kernel, windows.strides, windows.pads,
            windows.dilations, bias, node.inputs[1],
        )  # fmt: skip
        stored = b.free(f"{output}, products")
        b.product(node.name, values, stored, product)
    else:
        if groups == b.shapes[node.inputs[0]][1]:
            weights = kernels[:, 0].transpose(1, 2, 0)
        else:
            weights = kernels.reshape(groups, len(kernels) // groups, -1).transpose(0, 2, 1)
        bias = np.zeros(len(kernels), np.float32) if bias is None else bias
        stored = b.free(f"{output}, grouped")
        inputs = (values, b.constant(node.inputs[1], weights), b.constant(node.name, bias))
        attributes = {"windows": windows, "groups": groups}
        b.step(GROUPED, node.name, inputs, stored, attributes)
    from_image(b, node, stored)


def gemm(b: Builder, node: Node) -> None:
    """A product of vectors with a constant matrix."""
    matrix = constant(b, node, 1, "the second matrix")
    matrix = as_float(matrix.T if node.flag("transB") else matrix)
    matrix = matrix * np.float32(node.get("alpha", 1.0))
    beta = np.float32(node.get("beta", 1.0))
    added = node.input(2)
    bias = None
    if added in b.constants:
        values = b.constants[added]
        if values.ndim == 2 and len(values) != 1:
            raise Unsupported(f"the constant '{added}' differs between the images of a batch")
        values = np.broadcast_to(as_float(values).reshape(-1), (matrix.shape[1],))
        bias = beta * values
    elif added:
        raise Unsupported("only with a constant third input")
    if node.flag("transA") and b.place(node.inputs[0]).merged:
        raise Unsupported("only with the images along an axis of their own")
    product = Product(node.name, matrix, bias=bias, source=node.inputs[1])
    _emit_product(b, node, b.value(node.inputs[0], FIRST), product)


def matmul(b: Builder, node: Node) -> None:
    """A product with a constant matrix; of two values, digital."""
    left, right = node.inputs
    if right in b.constants and b.constants[right].ndim == 2:
        product = Product(node.name, as_float(b.constants[right]), source=right)
        _emit_product(b, node, b.value(left, FIRST), product)
        return
    output = node.outputs[0]
    place, rank = b.place(output), b.onnx_rank(output)
    if place.axis >= rank - 2:
        raise Unsupported("only where the images lie along an axis before the last two")
    inputs = []
    for name in node.inputs:
        if name in b.constants:
            if b.constants[name].ndim < 2:
                raise Unsupported("only with matrices")
            inputs.append(b.broadcast(name, output, FIRST))
        elif b.onnx_rank(name) == rank:
            inputs.append(b.value(name, FIRST))
        else:
            ones = (1,) * (rank - b.onnx_rank(name))
            values = b.value(name, FIRST)
            inputs.append(b.reshaped(node.name, values, (*ones, *b.shapes[name][1:])))
    b.emit(node, "MatMul", inputs, FIRST)


def einsum(b: Builder, node: Node) -> None:
    """A product with a constant matrix whose axes are in any order; anything else, digital."""
    terms, result = terms_of(node)
    output = node.outputs[0]
    place, inputs, stored = b.place(output), [], []
    counted = result[place.axis]  # the letter of the axis that counts the images
    images = next(letter for letter in ascii_letters if letter not in "".join((*terms, result)))
    for term, name in zip(terms, node.inputs, strict=True):
        if name not in b.constants:
            inputs.append(images + (term if place.merged else term.replace(counted, "")))
            stored.append(b.value(name, FIRST))
        elif counted in term:
            raise Unsupported(f"the constant '{name}' differs between the images of a batch")
        else:
            inputs.append(term)
            stored.append(b.constant(name, b.constants[name]))
    if not place.merged:
        result = result.replace(counted, "")
    if len(stored) == 2 and _one_constant(b, node):
        matrix = _as_matrix(b, node, inputs, result)
        if matrix is not None:
            _emit_as_product(b, node, matrix)
            return
    b.emit(node, "Einsum", stored, FIRST, {"equation": f"{','.join(inputs)}->{images}{result}"})


def _one_constant(b: Builder, node: Node) -> bool:
    return sum(name in b.constants for name in node.inputs) == 1


class _Matrix(NamedTuple):
    """An Einsum of one value with one constant as a product with a matrix."""

    values: str
    """Name of the value."""
    order: tuple[int, ...]
    """Axes of its stored array so that those summed over come last."""
    kept: tuple[int, ...]
    """Extents of the others, without the images."""
    summed: int
    """Axes that are summed over."""
    matrix: np.ndarray
    constant: str
    outputs: tuple[int, ...]
    """Extents of the axes that the constant adds."""
    back: tuple[int, ...]
    """Axes of (images, kept, outputs) in the order of the result."""


def _as_matrix(b: Builder, node: Node, terms: list[str], result: str) -> _Matrix | None:
    """None where an axis of the constant is kept beside one of the value: many small matrices."""
    which = next(i for i, name in enumerate(node.inputs) if name in b.constants)
    own, other = terms[which], terms[1 - which][1:]
    summed = [letter for letter in other if letter in own and letter not in result]
    kept = [letter for letter in other if letter in result]
    added = [letter for letter in own if letter not in other]
    plain = (
        set(own) == {*summed, *added}
        and len(summed) + len(kept) == len(other)
        and set(added) <= set(result)
        and summed
        and added
    )
    if not plain:
        return None
    values, name = node.inputs[1 - which], node.inputs[which]
    constant = b.constants[name].transpose([own.index(letter) for letter in (*summed, *added)])
    rows = math.prod(constant.shape[: len(summed)])
    extents = dict(zip(other, b.shapes[values][1:], strict=True))
    present = [*kept, *added]
    return _Matrix(
        values,
        (0, *(other.index(letter) + 1 for letter in (*kept, *summed))),
        tuple(extents[letter] for letter in kept),
        len(summed),
        as_float(constant.reshape(rows, -1)),
        name,
        constant.shape[len(summed) :],
        (0, *(present.index(letter) + 1 for letter in result)),
    )


def _emit_as_product(b: Builder, node: Node, found: _Matrix) -> None:
    values = b.value(found.values, FIRST)
    if found.order != tuple(range(len(found.order))):
        values = b.transposed(node.name, values, found.order)
    if found.summed > 1:
        values = b.reshaped(node.name, values, (*found.kept, len(found.matrix)))
    product = Product(node.name, found.matrix, source=found.constant)
    stored = b.free(f"{node.outputs[0]}, products")
    b.product(node.name, values, stored, product)
    if len(found.outputs) > 1:
        stored = b.reshaped(node.name, stored, (*found.kept, *found.outputs))
    if found.back != tuple(range(len(found.back))):
        stored = b.transposed(node.name, stored, found.back)
    b.store(node.outputs[0], FIRST, stored)


def _emit_product(b: Builder, node: Node, values: str, product: Product) -> None:
    stored = b.free(f"{node.outputs[0]}, products")
    b.product(node.name, values, stored, product)
    b.store(node.outputs[0], FIRST, stored)
