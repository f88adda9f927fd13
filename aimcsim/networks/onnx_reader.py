"""The ONNX reader: a model becomes steps whose products can run on cores.

Shapes are settled for a batch of one image, whatever batch the model was written for; steps then
take any number. What no image changes is computed while reading.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, defs, helper, numpy_helper, shape_inference

from aimcsim.common.errors import UserError
from aimcsim.mapping.dataset import LeftOut
from aimcsim.networks.builder import AT_FIRST, FIRST, Builder, Node, Place, Unsupported
from aimcsim.networks.folding import MOST_ELEMENTS, Folder, tensor_values
from aimcsim.networks.fuse import fuse
from aimcsim.networks.graph import Network, Product
from aimcsim.networks.onnx_file import MAIN, first_line, graphs_of, open_model, without_functions
from aimcsim.networks.places import constants_for, place_of, with_images
from aimcsim.networks.translate.table import IMAGES_FIRST, SUPPORTED, WHILE_READING

_FLOATING = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)


def read_model(
    source: Path | bytes | onnx.ModelProto,
    origin: str,
    input_shape: Sequence[int] | None = None,
    output: str | None = None,
) -> Network:
    """The network of an ONNX model.

    Parameters
    ----------
    source : file, or the bytes of one, or a model of
        :func:`~aimcsim.networks.onnx_file.open_model`; tensors in files beside it are read too
        where it is a path
    origin : what messages call it, such as its path
    input_shape : shape of one image, (channels, height, width), or of one vector, (features,);
        None: as the model says
    output : name of the value taken as scores, which need not be one of the model's outputs; None:
        the model's first output

    Raises
    ------
    UserError
        It is no valid ONNX model, has more than one input, none, or no products for cores; a shape
        cannot be settled; operators are not supported, all of which are named; the scores are not
        one row per image.
    """
    model = source if isinstance(source, onnx.ModelProto) else open_model(source, origin)
    model = without_functions(model, origin)
    reader = _Reader(model, origin)
    reader.read_input(input_shape)
    scores = reader.scores(output)
    reader.read_nodes(scores)
    return reader.network(scores)


class _Reader:
    """Goes through the nodes of one model in order."""

    def __init__(self, model: onnx.ModelProto, origin: str):
        self.model, self.origin = model, origin
        self.graph = model.graph
        self.builder = Builder()
        self.types: dict[str, onnx.TypeProto] = {}
        self.tensors: dict[str, TensorProto] = {}
        """Constants small enough to be shapes, for the inference of shapes."""
        self.version = max(o.version for o in model.opset_import if o.domain in MAIN)
        self.folder = Folder()
        self.refused: list[tuple[str, str, str]] = []
        """Operator, node and reason of what cannot be run."""
        self.used: set[str] = set()
        """Values that some node reads, and the scores."""
        self.unknown: set[str] = set()
        """Values that depend on it."""
        self.input = self.stored_input = ""
        self.arrays: dict[str, TensorProto] = {}
        """Arrays of the model, by name."""
        self.made_of: dict[str, frozenset[str]] = {}
        """Of each constant, the arrays that it is computed from."""
        self.uses: dict[str, str] = {}
        """What each array is to the first node that takes it."""
        for tensor in self.graph.initializer:
            self.note_array(tensor.name, tensor)
            try:
                self.set_constant(tensor.name, tensor_values(tensor))
            except Unsupported:  # text, which no network that is supported needs
                self.unknown.add(tensor.name)
            except Exception as error:  # its values and its shape contradict each other
                raise self.fail(
                    f"the initialiser '{tensor.name}' cannot be read ({first_line(error)}). Export "
                    "the network again."
                ) from error

    def fail(self, text: str) -> UserError:
        return UserError(f"{self.origin}: {text}")

    # Input and output

    def read_input(self, input_shape: Sequence[int] | None) -> None:
        inputs = [value for value in self.graph.input if value.name not in self.builder.constants]
        if len(inputs) != 1:
            names = ", ".join(f"'{value.name}'" for value in inputs) or "none"
            raise self.fail(
                f"a network needs exactly one input, images or vectors; this one has {len(inputs)} "
                f"({names}). Make the others constant, as initialisers."
            )
        (value,) = inputs
        dimensions = value.type.tensor_type.shape.dim
        written = [d.dim_value if d.HasField("dim_value") else d.dim_param for d in dimensions]
        if len(written) < 2:
            raise self.fail(
                f"input '{value.name}' has {len(written)} axes; the first is for the images of a "
                "batch, at least one more is needed."
            )
        known = [d if isinstance(d, int) and d > 0 else None for d in written]
        shape = known[1:] if input_shape is None else list(input_shape)
        if None in shape:
            raise self.fail(
                f"input '{value.name}' has the shape {_shape(written)}, which leaves extents open. "
                "Give the shape of one image."
            )
        misfit = len(shape) != len(known) - 1 or any(
            has not in (None, given) for has, given in zip(known[1:], shape, strict=False)
        )
        if misfit:
            raise self.fail(
                f"images of shape {_shape(shape)} do not fit input '{value.name}', whose shape is "
                f"{_shape(written)} with the batch first. Give images of that shape."
            )
        builder = self.builder
        kind = value.type.tensor_type.elem_type
        builder.declared_images = known[0] or 1
        if kind not in _IMAGES:
            raise self.fail(
                f"input '{value.name}' is of the type {_type_name(kind)}; images are numbers. "
                "Export the network with floating-point numbers or integers as input."
            )
        self.set_type(value.name, helper.make_tensor_type_proto(kind, [1, *shape]), AT_FIRST)
        self.input = value.name
        if kind in _FLOATING:
            builder.store(value.name, FIRST, value.name)
        else:  # images come as float32
            dtype = helper.tensor_dtype_to_np_dtype(kind).name
            stored = f"{value.name}, {dtype}"
            builder.step("Cast", value.name, (value.name,), stored, {"dtype": dtype})
            builder.store(value.name, FIRST, stored)

    def scores(self, output: str | None) -> str:
        if output is None:
            return self.graph.output[0].name
        named = {name for node in self.graph.node for name in node.output}
        if output not in named:
            outputs = ", ".join(f"'{value.name}'" for value in self.graph.output)
            raise self.fail(f"no value is called '{output}'. The model's outputs are {outputs}.")
        return output

    # Nodes

    def read_nodes(self, scores: str) -> None:
        for index, proto in self.needed(scores):
            self.read_node(proto, index)
        if self.refused:
            raise self.refusal()

    def read_node(self, proto: onnx.NodeProto, index: int) -> None:
        """Read one node, or note why it cannot be run."""
        self.settle_batch(proto)
        node = self.node(proto, index)
        try:
            self.read(proto, node)
        except Unsupported as reason:
            self.refuse(node, str(reason))
        except Exception as error:  # a node can be wrong in ways that ONNX does not check
            self.refuse(node, f"cannot be read: {type(error).__name__}, {first_line(error)}")

    def refuse(self, node: Node, reason: str) -> None:
        self.refused.append((node.operator, node.name, reason))
        self.unknown.update(node.outputs)

    def needed(self, scores: str) -> list[tuple[int, onnx.NodeProto]]:
        """Nodes that the scores depend on, in order, with their position in the model."""
        wanted, found = {scores}, []
        for index, proto in reversed(list(enumerate(self.graph.node))):
            if wanted.intersection(proto.output):
                found.append((index, proto))
                wanted.update(name for name in _inputs(proto) if name)
        self.used = wanted
        return found[::-1]

    def read(self, proto: onnx.NodeProto, node: Node) -> None:
        builder = self.builder
        names = [name for name in _inputs(proto) if name]
        if node.operator == "If" and proto.input[0] in builder.constants:
            self.read_branch(proto, node)
            return
        if any(True for _ in graphs_of(proto)):
            raise Unsupported("loops are not run, nor branches that images decide on")
        if all(name in builder.constants for name in names):
            self.fold(proto, node)
            return
        if self.unknown.intersection(names):
            if node.operator not in SUPPORTED and node.operator not in WHILE_READING:
                raise Unsupported("")
            self.unknown.update(proto.output)
            return
        if node.operator == "Shape":
            self.read_shape(names[0], node)
            return
        if node.operator not in SUPPORTED:
            raise Unsupported("")
        if node.operator in IMAGES_FIRST:
            self.require_first(names)
        self.note_uses(node)
        self.infer(proto, node)
        SUPPORTED[node.operator].translate(builder, node)

    def read_branch(self, proto: onnx.NodeProto, node: Node) -> None:
        """The nodes of the branch that a constant condition takes."""
        builder = self.builder
        taken = builder.constants[proto.input[0]].ravel()[0]
        graph = node.get("then_branch" if taken else "else_branch")
        for tensor in graph.initializer:
            self.note_array(tensor.name, tensor)
            self.set_constant(tensor.name, tensor_values(tensor))
        self.used.update(value.name for value in graph.output)
        self.used.update(name for inner in graph.node for name in _inputs(inner))
        for index, inner in enumerate(graph.node):
            self.read_node(inner, index)
        for name, value in zip(proto.output, graph.output, strict=True):
            if value.name in builder.constants:
                self.set_constant(name, builder.constants[value.name])
                self.made_of[name] = self.made_of.get(value.name, frozenset())
                if value.name in builder.twice:
                    builder.twice[name] = builder.twice[value.name]
            elif value.name in builder.shapes:
                self.set_type(name, self.types[value.name], builder.place(value.name))
                builder.alias(name, value.name)
            else:
                self.unknown.add(name)

    def read_shape(self, name: str, node: Node) -> None:
        """The shape of a value: a constant."""
        place, shape = self.builder.place(name), self.onnx_shape(name)
        cut = slice(node.get("start", 0), node.get("end"))
        self.set_constant(node.outputs[0], np.asarray(shape, np.int64)[cut])
        self.set_twice(node.outputs[0], np.asarray(with_images(shape, place, 2), np.int64)[cut])

    def require_first(self, names: Sequence[str]) -> None:
        for name in names:
            if name in self.builder.shapes and self.builder.moved(name):
                by = self.builder.place(name).by
                raise Unsupported(f"only with the images along the first axis; '{by}' moved them")

    def node(self, proto: onnx.NodeProto, index: int) -> Node:
        domain = "" if proto.domain in MAIN else f"{proto.domain}."
        return Node(
            f"{domain}{proto.op_type}",
            proto.name or f"{proto.op_type} number {index}",
            tuple(proto.input),
            tuple(proto.output),
            {a.name: _attribute(a) for a in proto.attribute},
            self.version,
            lambda: self.function(proto),
            tuple(name in self.used for name in proto.output),
        )

    def function(self, proto: onnx.NodeProto) -> bytes:
        """The node as a function of its inputs, whose names are unique."""
        alone = onnx.NodeProto()
        alone.CopyFrom(proto)
        inputs = []
        for index, name in enumerate(proto.input):
            if name:
                alone.input[index] = f"input {index}"
                inputs.append(alone.input[index])
        outputs = [name for name in proto.output if name]
        opsets = list(self.model.opset_import)
        return helper.make_function(
            "aimcsim", "node", inputs, outputs, [alone], opsets
        ).SerializeToString()

    def note_array(self, name: str, tensor: TensorProto) -> None:
        self.arrays[name] = tensor
        self.made_of[name] = frozenset((name,))

    def note_uses(self, node: Node) -> None:
        """Note what the arrays are to ``node``, by the names that ONNX gives its inputs."""
        formal = defs.get_schema(node.operator, self.version, "").inputs
        for index, name in enumerate(node.inputs):
            what = formal[min(index, len(formal) - 1)].name
            for array in self.made_of.get(name, ()):
                self.uses.setdefault(array, f"'{what}' of {node.operator} '{node.name}', digital")

    def described(self) -> tuple[list[Product], list[LeftOut]]:
        """The products with the type of their weights, and what is none of their arrays."""
        products, of_product = [], dict[str, str]()
        for product in self.builder.products:
            arrays = sorted(
                self.made_of.get(product.source, ()),
                key=lambda name: (-math.prod(self.arrays[name].dims), name),
            )
            text = ""
            if arrays:
                text = f"{_type_name(self.arrays[arrays[0]].data_type)} '{arrays[0]}'"
            if others := arrays[1:]:
                text += f", with {', '.join(repr(name) for name in others)}"
            products.append(dataclasses.replace(product, stored_as=text))
            of_product |= dict.fromkeys(arrays, f"belongs to the weights of '{product.name}'")
            of_product |= dict.fromkeys(arrays[:1], "")
        left_out = []
        for name, tensor in self.arrays.items():
            reason = of_product.get(name, self.uses.get(name, "not needed for the scores"))
            if reason:
                kind = _type_name(tensor.data_type)
                left_out.append(LeftOut(name, tuple(tensor.dims), kind, reason))
        return products, left_out

    def fold(self, proto: onnx.NodeProto, node: Node) -> None:
        """Compute a node that no image changes; and where it counts images, for two of them."""
        builder = self.builder
        names = [name for name in node.outputs if name]
        inputs = [builder.constants.get(name) for name in node.inputs]
        made_of = frozenset().union(*(self.made_of.get(name, ()) for name in node.inputs))
        if node.operator == "Constant" and isinstance(node.get("value"), TensorProto):
            self.note_array(names[0], node.get("value"))
            made_of = frozenset(names)
        self.made_of |= dict.fromkeys(names, made_of)
        outputs = self.folder(node, inputs, lambda: self.size_of(proto))
        for name, values in zip(names, outputs, strict=False):
            self.set_constant(name, values)
        if not any(name in builder.twice for name in node.inputs):
            return
        inputs = [builder.for_two_images(name) if name else None for name in node.inputs]
        try:
            outputs = self.folder(node, inputs, lambda: self.size_of(proto))
        except Unsupported:  # it holds for one image alone
            return
        for name, values in zip(names, outputs, strict=False):
            self.set_twice(name, values)

    def size_of(self, proto: onnx.NodeProto) -> int | None:
        """Elements of all outputs of a node; None where that cannot be told."""
        try:
            shapes = [_static(kind) for kind in self.inferred(proto).values()]
        except Exception:  # ONNX raises RuntimeError, InferenceError and others
            return None
        known = [math.prod(shape) for shape in shapes if shape is not None]
        return sum(known) if known and len(known) == len(shapes) else None

    def inferred(self, proto: onnx.NodeProto) -> dict[str, onnx.TypeProto]:
        """Types of a node's outputs by ONNX."""
        names = [name for name in proto.input if name]
        return shape_inference.infer_node_outputs(
            defs.get_schema(proto.op_type, self.version, ""),
            proto,
            {name: self.types[name] for name in names},
            {name: self.tensors[name] for name in names if name in self.tensors},
            opset_imports=list(self.model.opset_import),
            ir_version=self.model.ir_version,
        )

    def settle_batch(self, proto: onnx.NodeProto) -> None:
        """Let a shape hold 1 in place of the size of the batch that the model was written for."""
        builder = self.builder
        images, constants = builder.declared_images, builder.constants
        if proto.op_type not in ("Reshape", "Expand") or images == 1 or len(proto.input) < 2:
            return
        values, name = proto.input[:2]
        if values not in builder.shapes or name not in constants:
            return
        place, shape, target = builder.place(values), self.onnx_shape(values), constants[name]
        if proto.op_type == "Reshape":
            allow = any(a.name == "allowzero" and a.i for a in proto.attribute)
            changed = constants_for(target, shape, place, images, allow)
        else:
            axis, changed = place.axis + len(target) - len(shape), None
            if axis >= 0 and not place.merged and target[axis] == images:
                one, two = target.copy(), target.copy()
                one[axis], two[axis] = 1, 2
                changed = one, two
        if changed is not None:
            proto.input[1] = f"{name}, for one image"
            self.made_of[proto.input[1]] = self.made_of.get(name, frozenset())
            self.set_constant(proto.input[1], changed[0])
            self.set_twice(proto.input[1], changed[1])

    def infer(self, proto: onnx.NodeProto, node: Node) -> None:
        """Settle shape and type of the node's outputs, and where the images lie in them."""
        self.require_no_batch(node)
        try:
            types = self.inferred(proto)
        except Exception as error:  # ONNX raises RuntimeError, InferenceError and others
            raise Unsupported(f"its shape cannot be settled: {first_line(error)}") from error
        if node.operator == "GroupNormalization":  # which ONNX infers nothing for
            types = {proto.output[0]: self.types[proto.input[0]]}
        known = self.builder.shapes
        shapes = {name: self.onnx_shape(name) for name in node.inputs if name in known}
        for name, used in zip(proto.output, node.used, strict=True):
            try:
                self.settle(name, types, node, shapes)
            except Unsupported:
                if used:
                    raise

    def settle(
        self,
        name: str,
        types: Mapping[str, onnx.TypeProto],
        node: Node,
        shapes: Mapping[str, Sequence[int]],
    ) -> None:
        """Note type, shape and place of an output; ``shapes`` are those of the inputs."""
        shape = _static(types[name]) if name in types else None
        if shape is None:
            raise Unsupported("its shape cannot be settled from the shape of the images")
        if math.prod(shape) > MOST_ELEMENTS:
            raise Unsupported(f"gives {math.prod(shape):,} values for one image")
        place = place_of(self.builder, node, shapes, shape)
        if place.axis >= len(shape) or (shape[place.axis] != 1) != place.merged:
            raise Unsupported(
                f"gives the shape {_shape(shape)} for one image, which does not keep the images "
                "of a batch apart"
            )
        self.set_type(name, types[name], place)

    def require_no_batch(self, node: Node) -> None:
        """Refuse constants that were made for the images of the batch as it was exported."""
        builder, images = self.builder, self.builder.declared_images
        if images == 1 or node.operator not in _BESIDE:
            return
        values = [name for name in node.inputs if name in builder.shapes]
        for name in node.inputs:
            constant = builder.constants.get(name)
            if constant is None or not values:
                continue
            place, rank = builder.place(values[0]), builder.onnx_rank(values[0])
            axis = place.axis + constant.ndim - rank
            side_by_side = constant.ndim - 2 * (node.operator == "MatMul")  # axes of it
            if 0 <= axis < side_by_side and constant.shape[axis] == images and not place.merged:
                raise Unsupported(
                    f"its constant '{name}' of shape {constant.shape} has a part for each of the "
                    f"{images} images of the batch that the model was exported with; export it "
                    "with a batch of one, or of any size"
                )

    def onnx_shape(self, name: str) -> list[int]:
        """Extents that ONNX gives a value for one image."""
        return _static(self.types[name]) or []

    def set_twice(self, name: str, values: np.ndarray) -> None:
        """A constant as it is for two images, where it is another than for one."""
        if not np.array_equal(values, self.builder.constants[name]):
            self.builder.twice[name] = values

    def set_constant(self, name: str, values: np.ndarray) -> None:
        values = np.asarray(values)
        self.builder.constants[name] = values
        tensor = numpy_helper.from_array(values, name) if values.size <= 64 else None
        if tensor is not None:
            self.tensors[name] = tensor
        kind = helper.np_dtype_to_tensor_dtype(values.dtype)
        self.types[name] = helper.make_tensor_type_proto(kind, values.shape)

    def set_type(self, name: str, kind: onnx.TypeProto, place: Place) -> None:
        self.types[name] = kind
        shape = _static(kind) or []
        builder = self.builder
        builder.places[name] = place
        builder.floating[name] = kind.tensor_type.elem_type in _FLOATING
        if not place.merged:
            del shape[place.axis]
        builder.shapes[name] = (1, *shape)

    # Results

    def network(self, scores: str) -> Network:
        builder = self.builder
        if scores in builder.constants or not builder.products:
            raise self.fail(
                "nothing to run on cores: no convolution with all channels in one group, and no "
                f"product with a constant matrix, leads from input '{self.input}' to '{scores}'. "
                "Give a network with weights."
            )
        shape = builder.shapes[scores]
        if builder.moved(scores):
            raise self.fail(
                f"'{scores}' has the images along another axis than its first, where "
                f"'{builder.place(scores).by}' moved them; scores are one row per image. Name the "
                "value with the scores as output."
            )
        if len(shape) < 2 or any(extent != 1 for extent in shape[2:]):
            raise self.fail(
                f"'{scores}' has the shape {_shape(shape)} for one image; scores are one row per "
                "image. Name the value with the scores as output."
            )
        last = builder.value(scores, FIRST)
        if len(shape) > 2:
            last = builder.reshaped("scores", last, shape[1:2])
        products, left_out = self.described()
        network = Network(
            self.input,
            builder.shapes[self.input][1:],
            last,
            tuple(builder.steps),
            builder.stored_constants,
            tuple(products),
            tuple(left_out),
        )
        return fuse(network)

    def refusal(self) -> UserError:
        """One message for all nodes that cannot be run."""
        missing: dict[tuple[str, str], list[str]] = {}
        for operator, name, reason in self.refused:
            missing.setdefault((operator, reason), []).append(name)
        lines = [
            f"  {operator}{f' ({reason})' if reason else ''}: {_names(names)}"
            for (operator, reason), names in sorted(missing.items())
        ]
        return self.fail(
            "operators that are not supported, with their nodes:\n"
            + "\n".join(lines)
            + "\nSupported are "
            + ", ".join(sorted((*SUPPORTED, *WHILE_READING)))
            + ". Export the network with these, or name an output before the first unsupported one."
        )


_IMAGES = (
    *_FLOATING, TensorProto.BOOL, TensorProto.INT8, TensorProto.INT16, TensorProto.INT32,
    TensorProto.INT64, TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32,
    TensorProto.UINT64,
)  # fmt: skip
"""Types that images may have."""
_BESIDE = frozenset(
    {
        "Add", "And", "Concat", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual",
        "MatMul", "Max", "Mean", "Min", "Mul", "Or", "Pow", "PRelu", "Sub", "Sum", "Where", "Xor",
    }
)  # fmt: skip
"""Operators of values that stand side by side."""


def _type_name(kind: int) -> str:
    return TensorProto.DataType.Name(kind).lower()


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _shape(extents: Iterable[Any]) -> str:
    return f"({', '.join(str(extent or '?') for extent in extents)})"


def _static(kind: onnx.TypeProto) -> list[int] | None:
    """Extents of a tensor; None where one is open."""
    if not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
        return None
    dimensions = kind.tensor_type.shape.dim
    if not all(d.HasField("dim_value") for d in dimensions):
        return None
    return [d.dim_value for d in dimensions]


def _attribute(attribute: onnx.AttributeProto) -> Any:
    value = helper.get_attribute_value(attribute)
    return value.decode() if isinstance(value, bytes) else value


def _inputs(proto: onnx.NodeProto) -> list[str]:
    """Values that a node reads, those of its subgraphs too."""
    names = list(proto.input)
    for graph in graphs_of(proto):
        inner = {name for node in graph.node for name in node.output}
        inner |= {value.name for value in (*graph.input, *graph.initializer)}
        names += [n for node in graph.node for n in _inputs(node) if n not in inner]
    return names
