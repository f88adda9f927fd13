"""Where the images of a batch lie among the axes of a value, from node to node.

Exported attention moves them: to the second axis, and into one axis with the heads or with the
positions of a sequence. A network is one of single images as long as no axis that counts images is
summed over, cut, or written in another order; then every step can be run for all images at once.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from aimcsim.networks.builder import AT_FIRST, Builder, Node, Place, Unsupported

Shape = Sequence[int]
"""Extents that ONNX gives a value for one image."""

MIXES = "mixes the values of different images"


def place_of(b: Builder, node: Node, shapes: Mapping[str, Shape], shape: Shape) -> Place:
    """Where the images lie in an output of ``node``, which has ``shape``.

    Parameters
    ----------
    shapes : of the inputs that images change
    shape : of the output, for one image

    Raises
    ------
    Unsupported
        The images do not stay apart.
    """
    names = [name for name in node.inputs if name in shapes]
    rule = _RULES.get(node.operator, _aligned)
    if rule is _aligned and not any(b.moved(name) for name in names):
        return AT_FIRST
    found = rule(b, node, shapes, shape)
    return AT_FIRST if found == AT_FIRST else found


def reshaped(source: Shape, place: Place, target: Shape, hint: int | None, by: str) -> Place:
    """Where the images are after a reshape from ``source`` to ``target``, shapes for one image.

    A reshape keeps the order of all values, and so the number of an image's that come before the
    images. Where several axes fit, ``hint`` is the one whose extent is known to count images.
    Without one, in a model for a single image, it is an axis of their own; or that on which they
    were, if axes were not merged; or the first.
    """
    before = math.prod(source[: place.axis]) * place.before
    fitting = []
    for axis, extent in enumerate(target):
        ahead = math.prod(target[:axis])
        if ahead and before % ahead == 0 and extent % (share := before // ahead) == 0:
            fitting.append(Place(axis, share, extent > 1, by))
    if hint is not None:
        fitting = [one for one in fitting if one.axis == hint]
    if not fitting:
        raise Unsupported(MIXES)
    alone = [one for one in fitting if not one.merged]
    staying = [one for one in fitting if one.axis == place.axis and len(target) >= len(source)]
    return (alone + staying + fitting)[0]


def resolved(target: Sequence[int], source: Shape, allow_zero: bool) -> list[int] | None:
    """The shape that a reshape with ``target`` gives a value of shape ``source``; None: none."""
    shape = list(target)
    if not allow_zero:
        if any(extent == 0 and index >= len(source) for index, extent in enumerate(shape)):
            return None
        shape = [source[index] if extent == 0 else extent for index, extent in enumerate(shape)]
    known = math.prod(extent for extent in shape if extent != -1)
    if shape.count(-1) == 1 and known and math.prod(source) % known == 0:
        shape = [math.prod(source) // known if extent == -1 else extent for extent in shape]
    return shape if min(shape, default=1) >= 0 and math.prod(shape) == math.prod(source) else None


def with_images(shape: Shape, place: Place, images: int) -> list[int]:
    """A shape for one image as it is for ``images``."""
    return [extent * images if axis == place.axis else extent for axis, extent in enumerate(shape)]


def _reshape(b: Builder, node: Node, shapes: Mapping[str, Shape], shape: Shape) -> Place:
    name = node.inputs[0]
    source, place, hint = shapes[name], b.place(name), None
    if node.operator == "Flatten":
        axis = node.get("axis", 1)
        axis = axis + len(source) if axis < 0 else axis
        hint = 0 if place.axis < axis else 1
    else:
        two, twice = with_images(source, place, 2), b.for_two_images(node.inputs[1])
        found = resolved(twice.tolist(), two, node.flag("allowzero"))
        if found is not None and len(found) == len(shape):
            differing = [axis for axis, own in enumerate(shape) if found[axis] != own]
            hint = differing[0] if len(differing) == 1 else None
    return reshaped(source, place, shape, hint, place.by or node.name)


def _squeeze(b: Builder, node: Node, shapes: Mapping[str, Shape], shape: Shape) -> Place:
    name = node.inputs[0]
    source, place = shapes[name], b.place(name)
    kept = [
        axis
        for axis in range(len(source))
        if axis not in (axes_of_node(b, node, len(source)) or _single(source, place))
    ]
    if place.axis not in kept:
        raise Unsupported("removes the axis of the images")
    return _at(place, kept.index(place.axis), node)


def _single(source: Shape, place: Place) -> list[int]:
    return [axis for axis, own in enumerate(source) if own == 1 and axis != place.axis]


def _unsqueeze(b: Builder, node: Node, shapes: Mapping[str, Shape], shape: Shape) -> Place:
    place = b.place(node.inputs[0])
    added = axes_of_node(b, node, len(shape)) or []
    kept = [axis for axis in range(len(shape)) if axis not in added]
    return _at(place, kept[place.axis], node)


def axes_of_node(b: Builder, node: Node, rank: int) -> list[int] | None:
    """Axes of a Squeeze or Unsqueeze, an attribute up to version 12; None: none are given."""
    if node.version < 13:
        axes = node.get("axes")
    elif not node.input(1):
        axes = None
    elif node.input(1) in b.constants:
        axes = b.constants[node.input(1)].ravel().tolist()
    else:
        raise Unsupported("only where the axes are constant")
    if axes is None:
        return None
    if any(not -rank <= axis < rank for axis in axes):
        raise Unsupported(f"its axes {list(axes)} are none of {rank}")
    return [axis % rank for axis in axes]


def _transpose(b: Builder, node: Node, shapes: Mapping[str, Shape], shape: Shape) -> Place:
    name = node.inputs[0]
    order = node.get("perm") or list(reversed(range(len(shapes[name]))))
    return _at(b.place(name), order.index(b.place(name).axis), node)


def _reduce(b: Builder, node: Node, shapes: Mapping[str, Shape], shape: Shape) -> Place:
    name = node.inputs[0]
    place, source = b.place(name), shapes[name]
    if len(shape) == len(source):
        return place
    axes = node.get("axes")
    if node.input(1) in b.constants:
        axes = b.constants[node.input(1)].ravel().tolist()
    gone = [axis % len(source) for axis in axes or ()]
    return _at(place, place.axis - sum(axis < place.axis for axis in gone), node)


def _gather(b: Builder, node: Node, shapes: Mapping[str, Shape], shape: Shape) -> Place:
    values, indices = node.inputs
    axis = node.get("axis", 0)
    if values not in shapes:  # a table
        return _at(b.place(indices), axis + b.place(indices).axis, node)
    place, rank = b.place(values), len(shapes[values])
    if axis % rank < place.axis:
        return _at(place, place.axis + len(shape) - rank, node)
    return place


def _matmul(b: Builder, node: Node, shapes: Mapping[str, Shape], shape: Shape) -> Place:
    """Along an axis before the last two of either, or along the rows of the left one."""
    places = set()
    for index, name in enumerate(node.inputs):
        if name not in shapes:
            continue
        place, rank = b.place(name), len(shapes[name])
        if place.axis == rank - 1 or (index == 1 and place.axis >= rank - 2):
            raise Unsupported("the images lie along an axis that is summed over, or along columns")
        places.add(_at(place, place.axis + len(shape) - rank, node))
    if len(places) != 1:
        raise Unsupported("the images lie along different axes of its inputs")
    return places.pop()


def _gemm(b: Builder, node: Node, shapes: Mapping[str, Shape], shape: Shape) -> Place:
    name = node.inputs[0]
    if name not in shapes:
        raise Unsupported("only with images along the first matrix")
    place = b.place(name)
    if place.axis != (1 if node.flag("transA") else 0):
        raise Unsupported("the images lie along an axis that is summed over")
    return _at(place, 0, node)


def _einsum(b: Builder, node: Node, shapes: Mapping[str, Shape], shape: Shape) -> Place:
    terms, result = terms_of(node)
    letters = {
        terms[index][b.place(name).axis] for index, name in enumerate(node.inputs) if name in shapes
    }
    if len(letters) != 1 or not letters <= set(result):
        raise Unsupported(MIXES)
    (letter,) = letters
    found = [
        _at(b.place(name), result.index(letter), node) for name in node.inputs if name in shapes
    ]
    if len(set(found)) != 1:
        raise Unsupported("the images lie along different axes of its inputs")
    return found[0]


def terms_of(node: Node) -> tuple[list[str], str]:
    """Letters of the axes of each input of an Einsum, and of its output."""
    text = node.get("equation", "").replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if not arrow or "." in text or len(terms) != len(node.inputs):
        raise Unsupported("only with an explicit output, and without dots")
    if any(len(set(term)) != len(term) for term in (*terms, right)):
        raise Unsupported("only with every letter once in a term")
    return terms, right


def _aligned(b: Builder, node: Node, shapes: Mapping[str, Shape], shape: Shape) -> Place:
    """Of a node that keeps axes, or broadcasts its inputs, whose last axes stand together."""
    places = {
        _at(b.place(name), b.place(name).axis + len(shape) - len(shapes[name]), node)
        for name in node.inputs
        if name in shapes
    }
    if len(places) != 1:
        raise Unsupported("the images lie along different axes of its inputs")
    return places.pop()


def _at(place: Place, axis: int, node: Node) -> Place:
    """The images along ``axis``, as they lay along another before."""
    return Place(axis, place.before, place.merged, place.by or node.name)


_RULES: dict[str, Callable[[Builder, Node, Mapping[str, Shape], Shape], Place]] = {
    "Einsum": _einsum,
    "Flatten": _reshape,
    "Gather": _gather,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "ReduceMax": _reduce,
    "ReduceMean": _reduce,
    "ReduceMin": _reduce,
    "ReduceSum": _reduce,
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}


def constants_for(
    target: np.ndarray, source: Shape, place: Place, images: int, allow_zero: bool
) -> tuple[np.ndarray, np.ndarray] | None:
    """Shapes of a reshape for one image and for two, where ``target`` is for ``images``, 2 or more.

    None where ``target`` does not fit so many images.
    """
    found = resolved(target.tolist(), with_images(source, place, images), allow_zero)
    if found is None:
        return None
    before = math.prod(source[: place.axis]) * place.before
    fitting = []
    for axis, extent in enumerate(found):
        ahead = math.prod(found[:axis])
        if ahead and before % ahead == 0 and extent % (before // ahead * images) == 0:
            fitting.append((extent > images, axis))
    if not fitting:
        return None
    _, axis = min(fitting)
    one, two = (np.asarray(found, np.int64) for _ in range(2))
    one[axis] = found[axis] // images
    two[axis] = 2 * one[axis]
    return one, two
