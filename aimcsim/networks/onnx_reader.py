"""The ONNX reader: a model becomes steps whose products can run on cores.

Shapes are settled for a batch of one image, whatever batch the model was written for; steps then
take any number. What no image changes is computed while reading.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, defs, helper, numpy_helper, shape_inference
from onnx.external_data_helper import uses_external_data
from onnx.inliner import inline_local_functions

from aimcsim.common.errors import UserError
from aimcsim.networks.builder import FIRST, Builder, Node, Unsupported
from aimcsim.networks.fuse import fuse
from aimcsim.networks.graph import Network
from aimcsim.networks.operators import evaluate
from aimcsim.networks.translate.table import SUPPORTED, WHILE_READING

_FLOATING = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)
_MAIN = ("", "ai.onnx")
_RANDOM = (
    "RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial",
    "Bernoulli",
)  # fmt: skip


def read_model(
    source: Path | bytes,
    origin: str,
    input_shape: Sequence[int] | None = None,
    output: str | None = None,
) -> Network:
    """The network of an ONNX model.

    Parameters
    ----------
    source : file, or the bytes of one; tensors in files beside it are read too where it is a path
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
    model = _load(source, origin)
    reader = _Reader(model, origin)
    reader.read_input(input_shape)
    scores = reader.scores(output)
    reader.read_nodes(scores)
    return reader.network(scores)


def _load(source: Path | bytes, origin: str) -> onnx.ModelProto:
    try:
        if isinstance(source, bytes):
            model = onnx.load_model_from_string(source)
            if any(uses_external_data(tensor) for tensor in model.graph.initializer):
                raise UserError(
                    f"{origin}: keeps weights in files beside it. Save the network in one file."
                )
        else:
            model = onnx.load(source)
        onnx.checker.check_model(model)
        model = inline_local_functions(model)
    except OSError as error:
        raise UserError(f"{origin}: cannot be read: {error}. Name a readable ONNX file.") from error
    except (DecodeError, onnx.checker.ValidationError, ValueError, TypeError) as error:
        raise UserError(
            f"{origin}: not a valid ONNX model ({_first_line(error)}). Export the network again, "
            "or check that the file is complete."
        ) from error
    if model.graph.sparse_initializer:
        raise UserError(f"{origin}: has sparse weights. Export the network with dense ones.")
    return model


class _Reader:
    """Goes through the nodes of one model in order."""

    def __init__(self, model: onnx.ModelProto, origin: str):
        self.model, self.origin = model, origin
        self.graph = model.graph
        self.builder = Builder()
        self.types: dict[str, onnx.TypeProto] = {}
        self.tensors: dict[str, TensorProto] = {}
        """Constants small enough to be shapes, for the inference of shapes."""
        self.version = next(o.version for o in model.opset_import if o.domain in _MAIN)
        self.refused: list[tuple[str, str, str]] = []
        """Operator, node and reason of what cannot be run."""
        self.used: set[str] = set()
        """Values that some node reads, and the scores."""
        self.unknown: set[str] = set()
        """Values that depend on it."""
        self.input = self.stored_input = ""
        for tensor in self.graph.initializer:
            self.set_constant(tensor.name, numpy_helper.to_array(tensor))

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
        self.set_type(value.name, helper.make_tensor_type_proto(kind, [1, *shape]))
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
            self.settle_batch(proto)
            node = self.node(proto, index)
            try:
                self.read(proto, node)
            except Unsupported as reason:
                self.refused.append((node.operator, node.name, str(reason)))
                self.unknown.update(proto.output)
        if self.refused:
            raise self.refusal()

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
        if all(name in builder.constants for name in names) and node.operator not in _RANDOM:
            self.fold(proto, node)
            return
        if self.unknown.intersection(names):
            if node.operator not in SUPPORTED and node.operator not in WHILE_READING:
                raise Unsupported("")
            self.unknown.update(proto.output)
            return
        if node.operator == "Shape":
            shape = np.asarray(builder.shapes[names[0]], np.int64)
            self.set_constant(node.outputs[0], shape[node.get("start", 0) : node.get("end")])
            return
        if node.operator not in SUPPORTED:
            raise Unsupported("")
        self.infer(proto, node)
        SUPPORTED[node.operator].translate(builder, node)

    def node(self, proto: onnx.NodeProto, index: int) -> Node:
        domain = "" if proto.domain in _MAIN else f"{proto.domain}."
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

    def fold(self, proto: onnx.NodeProto, node: Node) -> None:
        """Compute a node that no image changes."""
        inputs = [self.builder.constants[name] for name in proto.input if name]
        try:
            outputs = evaluate(node.function(), inputs)
        except Exception as error:  # whatever ONNX's reference raises, the node cannot be run
            raise Unsupported(f"cannot be computed ahead: {error}") from error
        names = [name for name in proto.output if name]
        for name, values in zip(names, outputs, strict=True):
            self.set_constant(name, values)

    def settle_batch(self, proto: onnx.NodeProto) -> None:
        """Let a shape hold 1 in place of the size of the batch that the model was written for."""
        images, constants = self.builder.declared_images, self.builder.constants
        if proto.op_type not in ("Reshape", "Expand") or images == 1:
            return
        values, name = proto.input
        if values not in constants and name in constants and constants[name][:1] == images:
            changed = constants[name].copy()
            changed[0] = 1
            proto.input[1] = f"{name}, for one image"
            self.set_constant(proto.input[1], changed)

    def infer(self, proto: onnx.NodeProto, node: Node) -> None:
        """Settle shape and type of the node's outputs."""
        schema = defs.get_schema(proto.op_type, self.version, "")
        names = [name for name in proto.input if name]
        try:
            types = shape_inference.infer_node_outputs(
                schema,
                proto,
                {name: self.types[name] for name in names},
                {name: self.tensors[name] for name in names if name in self.tensors},
                opset_imports=list(self.model.opset_import),
                ir_version=self.model.ir_version,
            )
        except Exception as error:  # ONNX raises RuntimeError, InferenceError and others
            raise Unsupported(f"its shape cannot be settled: {_first_line(error)}") from error
        if node.operator == "GroupNormalization":  # which ONNX infers nothing for
            types = {proto.output[0]: self.types[proto.input[0]]}
        for name, used in zip(proto.output, node.used, strict=True):
            shape = _static(types[name]) if name in types else None
            if not used:
                if name and shape is not None:
                    self.set_type(name, types[name])
                continue
            if shape is None:
                raise Unsupported("its shape cannot be settled from the shape of the images")
            if shape[:1] != [1]:
                raise Unsupported(
                    f"gives the shape {_shape(shape)} for one image, which does not keep the "
                    "images of a batch apart"
                )
            self.set_type(name, types[name])

    def set_constant(self, name: str, values: np.ndarray) -> None:
        values = np.asarray(values)
        self.builder.constants[name] = values
        tensor = numpy_helper.from_array(values, name) if values.size <= 64 else None
        if tensor is not None:
            self.tensors[name] = tensor
        kind = helper.np_dtype_to_tensor_dtype(values.dtype)
        self.types[name] = helper.make_tensor_type_proto(kind, values.shape)

    def set_type(self, name: str, kind: onnx.TypeProto) -> None:
        self.types[name] = kind
        self.builder.shapes[name] = tuple(_static(kind) or ())
        self.builder.floating[name] = kind.tensor_type.elem_type in _FLOATING

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
        if len(shape) < 2 or any(extent != 1 for extent in shape[2:]):
            raise self.fail(
                f"'{scores}' has the shape {_shape(shape)} for one image; scores are one row per "
                "image. Name the value with the scores as output."
            )
        last = builder.value(scores, FIRST)
        if len(shape) > 2:
            last = builder.reshaped("scores", last, shape[1:2])
        network = Network(
            self.input,
            builder.shapes[self.input][1:],
            last,
            tuple(builder.steps),
            builder.stored_constants,
            tuple(builder.products),
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


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _shape(extents: Iterable[Any]) -> str:
    return f"({', '.join(str(extent or '?') for extent in extents)})"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


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
    for attribute in proto.attribute:
        graphs = [attribute.g, *attribute.graphs]
        for graph in graphs:
            inner = {name for node in graph.node for name in node.output}
            inner |= {value.name for value in (*graph.input, *graph.initializer)}
            names += [n for node in graph.node for n in _inputs(node) if n not in inner]
    return names
