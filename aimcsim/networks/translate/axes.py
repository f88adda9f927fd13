"""Operators along axes, none of which may be the one of the images."""

from aimcsim.networks.builder import FIRST, LAST, Builder, Node, Unsupported, to_first, to_last
from aimcsim.networks.translate.common import axes_of, constant
from aimcsim.networks.translate.elements import per_image

COMBINES = "combines the images of a batch"


def reduce(b: Builder, node: Node) -> None:
    """Sum, mean, largest or smallest value along axes."""
    name = node.inputs[0]
    rank = b.rank(name)
    axes = _reduced(b, node)
    if not axes:
        b.alias(node.outputs[0], name)
        return
    keep = node.flag("keepdims", 1)
    # Without the channels no layout with channels last remains, nor without all other axes.
    over_image = sorted(axes) == list(range(2, rank))
    layout = b.preferred([name]) if keep or over_image else FIRST
    attributes = {
        "axes": tuple(b.axis(axis, rank, layout) for axis in axes),
        "keepdims": keep,
    }
    result = layout if keep else FIRST
    b.emit(node, node.operator, (b.value(name, layout),), result, attributes)


def reduce_per_image(b: Builder, node: Node) -> None:
    """Other reductions along axes."""
    _reduced(b, node)
    per_image(b, node)


def cumulative(b: Builder, node: Node) -> None:
    """Sum of all values so far along an axis."""
    b.along(node.inputs[0], int(constant(b, node, 1, "the axis")), COMBINES)
    per_image(b, node)


def _reduced(b: Builder, node: Node) -> list[int]:
    """Axes that a reduction is along; none where it changes nothing."""
    name = node.inputs[0]
    given = axes_of(b, node, 1, 13 if node.operator == "ReduceSum" else 18)
    if given is None:
        given = [] if node.flag("noop_with_empty_axes") else list(range(b.onnx_rank(name)))
    return [b.along(name, axis, COMBINES) for axis in given]


def softmax(b: Builder, node: Node) -> None:
    """Softmax or its logarithm; up to version 12 over all axes from the given one."""
    name = node.inputs[0]
    rank, layout = b.rank(name), b.preferred([name])
    axis = b.onnx_axis(name, node.get("axis", 1 if node.version < 13 else -1))
    given = range(axis, b.onnx_rank(name)) if node.version < 13 else (axis,)
    axes = [b.along(name, axis, COMBINES) for axis in given]
    attributes = {"axes": tuple(b.axis(axis, rank, layout) for axis in axes)}
    b.emit(node, node.operator, (b.value(name, layout),), layout, attributes)


def layer_norm(b: Builder, node: Node) -> None:
    """Mean 0 and variance 1 along the last axes, then scale and offset."""
    if not node.one_output:
        raise Unsupported("only its first output")
    name = node.inputs[0]
    first = b.onnx_axis(name, node.get("axis", -1))
    axes = tuple(b.along(name, axis, COMBINES) for axis in range(first, b.onnx_rank(name)))
    factors = []
    for index in (1, 2):
        if node.input(index):
            constant(b, node, index, "scale and offset")
            factors.append(b.broadcast(node.inputs[index], name, FIRST))
    attributes = {"axes": axes, "epsilon": node.get("epsilon", 1e-5)}
    b.emit(node, "LayerNormalization", (b.value(name, FIRST), *factors), FIRST, attributes)


def group_norm(b: Builder, node: Node) -> None:
    """Mean 0 and variance 1 in groups of channels, then scale and offset."""
    factors = []
    for index in (1, 2):
        values = constant(b, node, index, "scale and offset")
        factors.append(b.constant(node.inputs[index], values))
    attributes = {"groups": node.get("num_groups"), "epsilon": node.get("epsilon", 1e-5)}
    inputs = (b.value(node.inputs[0], LAST), *factors)
    b.emit(node, "GroupNormalization", inputs, LAST, attributes)


def concat(b: Builder, node: Node) -> None:
    """Values after each other."""
    output = node.outputs[0]
    axis = b.along(output, node.get("axis"), "joins the images of a batch with others")
    layout = b.preferred(node.inputs)
    inputs = [
        b.broadcast(name, output, layout) if name in b.constants else b.value(name, layout)
        for name in node.inputs
    ]
    b.emit(node, "Concat", inputs, layout, {"axis": b.axis(axis, b.rank(output), layout)})


def split(b: Builder, node: Node) -> None:
    """A cut per output."""
    axis = b.along(node.inputs[0], node.get("axis", 0), "cuts the batch of images")
    start = 0
    for output, used in zip(node.outputs, node.used, strict=True):
        end = start + b.shapes[output][axis]
        if used:
            _emit_slice(b, node, output, {axis: slice(start, end)})
        start = end


def cut(b: Builder, node: Node) -> None:
    """Slice."""
    name = node.inputs[0]
    if node.version < 10:
        starts, ends = node.get("starts"), node.get("ends")
        axes, steps = node.get("axes") or range(len(starts)), [1] * len(starts)
    else:
        starts = constant(b, node, 1, "the bounds").tolist()
        ends = constant(b, node, 2, "the bounds").tolist()
        axes = constant(b, node, 3, "the axes").tolist() if node.input(3) else range(len(starts))
        steps = constant(b, node, 4, "the steps").tolist() if node.input(4) else [1] * len(starts)
    slices, place = {}, b.place(name)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        if not place.merged and b.onnx_axis(name, axis) == place.axis:
            # What keeps the one image of the shapes that were settled, keeps all.
            if step != 1 or range(1)[start:end] != range(1):
                raise Unsupported("cuts the batch of images")
            continue
        at = b.along(name, axis, "cuts the batch of images")
        slices[at] = _bounds(start, end, step, b.shapes[name][at])
    _emit_slice(b, node, node.outputs[0], slices)


def _bounds(start: int, end: int, step: int, extent: int) -> slice:
    # ONNX's far ends are clamped; one before the first value, counted backwards, is Python's None.
    if step < 0 and end < -extent:
        return slice(start, None, step)
    return slice(start, end, step)


def _emit_slice(b: Builder, node: Node, output: str, slices: dict[int, slice]) -> None:
    """``slices`` by axis of the stored value, channels first."""
    name = node.inputs[0]
    rank = b.rank(name)
    layout = b.preferred([name])
    placed = {b.axis(axis, rank, layout): cut for axis, cut in slices.items()}
    everything = tuple(placed.get(axis, slice(None)) for axis in range(rank))
    stored = b.free(f"{output}, {layout}, cut")
    b.step("Slice", node.name, (b.value(name, layout),), stored, {"slices": everything})
    b.store(output, layout, stored)


def gather(b: Builder, node: Node) -> None:
    """Constant positions of a value, or rows of a constant table."""
    values, indices = node.inputs
    axis = node.get("axis", 0)
    if values in b.constants and axis % b.constants[values].ndim == 0:
        # A table of vectors, looked up per image.
        axis = 0
        inputs = (b.constant(values, b.constants[values]), b.value(indices, FIRST))
    elif values in b.shapes and indices in b.constants:
        axis = b.along(values, axis, "takes some images of a batch out")
        extent, fixed = b.shapes[values][axis], b.constants[indices]
        if fixed.size and not (-extent <= fixed.min() and fixed.max() < extent):
            raise Unsupported(f"takes entries beyond the {extent} that there are")
        fixed = fixed % extent  # negative ones count from the end
        inputs = (b.value(values, FIRST), b.constant(indices, fixed))
    else:
        raise Unsupported("only constant indices, or a constant table")
    b.emit(node, "Gather", inputs, FIRST, {"axis": axis})


def pad(b: Builder, node: Node) -> None:
    """More values around a value."""
    name = node.inputs[0]
    rank = b.rank(name)
    axes = range(b.onnx_rank(name))
    if node.version < 11:
        pads, value = node.get("pads") or node.get("paddings"), node.get("value", 0.0)
    else:
        pads = constant(b, node, 1, "the widths").tolist()
        value = constant(b, node, 2, "the value") if node.input(2) else 0.0
        if node.input(3):
            axes = constant(b, node, 3, "the axes").tolist()
    widths = [(0, 0)] * rank
    layout = b.preferred([name])
    for index, axis in enumerate(axes):
        pair = (pads[index], pads[index + len(axes)])
        if any(pair):
            at = b.along(name, axis, "adds images to the batch")
            widths[b.axis(at, rank, layout)] = pair
    if min(min(pair) for pair in widths) < 0:
        raise Unsupported("only with widths of 0 or more")
    mode = node.get("mode", "constant")
    attributes = {"widths": tuple(widths), "value": float(value), "mode": mode}
    b.emit(node, "Pad", (b.value(name, layout),), layout, attributes)


def expand(b: Builder, node: Node) -> None:
    """Repetition of axes that have an extent of 1."""
    name, shape = node.inputs[0], b.shapes[node.outputs[0]]
    constant(b, node, 1, "the extents")
    values = b.value(name, FIRST)
    if b.rank(name) < len(shape):
        own = (*(1,) * (len(shape) - b.rank(name)), *b.shapes[name][1:])
        values = b.reshaped(node.name, values, own)
    b.emit(node, "Expand", (values,), FIRST, {"shape": shape[1:]})


def tile(b: Builder, node: Node) -> None:
    """Repetition along axes."""
    repeats = tuple(constant(b, node, 1, "the repeats").tolist())
    b.emit(node, "Tile", (b.value(node.inputs[0], FIRST),), FIRST, {"repeats": repeats})


def reshape(b: Builder, node: Node) -> None:
    """Reshape, Flatten, Squeeze, Unsqueeze: shapes are settled, and the images keep their place."""
    source, shape = b.shapes[node.inputs[0]], b.shapes[node.outputs[0]]
    from_layout = to_layout = FIRST
    # One pixel: both layouts have the values in the same order, so that nothing is moved.
    if len(source) > 2 and set(source[2:]) == {1}:
        from_layout = b.preferred(node.inputs[:1])
    if len(shape) > 2 and set(shape[2:]) == {1}:
        to_layout, shape = LAST, (shape[0], *shape[2:], shape[1])
    values = b.value(node.inputs[0], from_layout)
    b.emit(node, "Reshape", (values,), to_layout, {"shape": shape[1:]})


def transpose(b: Builder, node: Node) -> None:
    """Other order of axes; for free where it is only the layout that changes."""
    name, output = node.inputs[0], node.outputs[0]
    rank, place = b.rank(name), b.place(name)
    order = node.get("perm") or list(reversed(range(b.onnx_rank(name))))
    # An axis of the images alone stays in front, wherever ONNX moves it.
    axes = (
        0,
        *(
            axis + 1 if place.merged or axis < place.axis else axis
            for axis in order
            if place.merged or axis != place.axis
        ),
    )
    if axes == tuple(range(rank)):
        b.alias(output, name)
    elif rank > 2 and axes == to_last(rank):  # as stored already
        b.store(output, FIRST, b.value(name, LAST))
    elif rank > 2 and axes == to_first(rank):
        b.store(output, LAST, b.value(name, FIRST))
    else:
        b.emit(node, "Transpose", (b.value(name, FIRST),), FIRST, {"axes": axes})
