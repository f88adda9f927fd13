"""Seeded damage: to bytes, to the structure of a model, and to the headers of weight files."""

import json
import struct
from collections.abc import Callable
from random import Random

import onnx
from onnx import TensorProto, helper

from aimcsim.networks.translate.table import SUPPORTED

EXTENTS = (0, 1, -1, 2, 3, 7, 255, 2**31 - 1, 2**31, 2**40, 10**12, -(2**63), 2**63 - 1)
"""Numbers that tend to be wrong."""


def bytes_of(random: Random, content: bytes) -> bytes:
    """Content with a few bytes flipped, cut, repeated, or replaced by remarkable numbers."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        if not data:
            break
        at = random.randrange(len(data))
        how = random.randrange(7)
        if how == 0:
            data[at] ^= 1 << random.randrange(8)
        elif how == 1:
            data[at] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
        elif how == 2:
            del data[at : at + random.choice((1, 4, 64, len(data)))]
        elif how == 3:
            end = at + random.choice((1, 8, 64))
            data[at:at] = data[at:end]
        elif how == 4:
            word = struct.pack("<q", random.choice(EXTENTS))
            data[at : at + 8] = word[: random.choice((1, 2, 4, 8))]
        elif how == 5:
            end = min(at + random.choice((1, 8, 32)), len(data))
            data[at:end] = random.randbytes(end - at)
        else:
            other = random.randrange(len(data))
            data[at : at + 16], data[other : other + 16] = (
                data[other : other + 16], data[at : at + 16],
            )  # fmt: skip
    return bytes(data)


def structure_of(random: Random, model: onnx.ModelProto) -> bytes:
    """A model with one to three things that ONNX can write, and that may make no sense."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for _ in range(random.choice((1, 1, 2, 3))):
        random.choice(_CHANGES)(random, changed)
    return changed.SerializeToString()


def _some(random: Random, items):
    return random.choice(list(items)) if len(items) else None


def _names(model: onnx.ModelProto) -> list[str]:
    graph = model.graph
    return [
        *(value.name for value in graph.input), *(tensor.name for tensor in graph.initializer),
        *(name for one in graph.node for name in one.output),
    ]  # fmt: skip


def _extent_of_tensor(random: Random, model: onnx.ModelProto) -> None:
    tensor = _some(random, model.graph.initializer)
    if tensor is not None and tensor.dims:
        tensor.dims[random.randrange(len(tensor.dims))] = random.choice(EXTENTS)


def _axes_of_tensor(random: Random, model: onnx.ModelProto) -> None:
    tensor = _some(random, model.graph.initializer)
    if tensor is None:
        return
    dims = list(tensor.dims)
    how = random.randrange(4)
    if how == 0:
        dims = dims[::-1]
    elif how == 1:
        dims = [1, *dims]
    elif how == 2:
        size = 1
        for extent in dims:
            size *= extent
        dims = [size]
    elif dims:
        dims = dims[1:]
    tensor.dims[:] = dims


def _values_of_tensor(random: Random, model: onnx.ModelProto) -> None:
    tensor = _some(random, model.graph.initializer)
    if tensor is None or not tensor.raw_data:
        return
    if tensor.data_type == TensorProto.INT64:
        count = len(tensor.raw_data) // 8
        values = list(struct.unpack(f"<{count}q", tensor.raw_data))
        if values:
            values[random.randrange(count)] = random.choice(EXTENTS)
        tensor.raw_data = struct.pack(f"<{count}q", *values)
    else:
        tensor.raw_data = bytes_of(random, tensor.raw_data)[: len(tensor.raw_data)].ljust(
            len(tensor.raw_data), b"\0"
        )


def _type_of_tensor(random: Random, model: onnx.ModelProto) -> None:
    tensor = _some(random, model.graph.initializer)
    if tensor is not None:
        tensor.data_type = random.choice((*range(28), 99, -1))


def _without_tensor(random: Random, model: onnx.ModelProto) -> None:
    if model.graph.initializer:
        del model.graph.initializer[random.randrange(len(model.graph.initializer))]


def _elsewhere(random: Random, model: onnx.ModelProto) -> None:
    tensor = _some(random, model.graph.initializer)
    if tensor is None:
        return
    tensor.data_location = TensorProto.EXTERNAL
    for key, values in (
        ("location", ("w", "../w", "/etc/passwd", "", "a\0b", "C:w", "w" * 5000)),
        ("offset", ("0", "-1", "9" * 30, "x")),
        ("length", ("0", "4", "4000000000000", "-1")),
    ):
        if random.random() < 0.8:
            tensor.external_data.add(key=key, value=random.choice(values))


def _input_of_node(random: Random, model: onnx.ModelProto) -> None:
    one = _some(random, model.graph.node)
    if one is None:
        return
    names = [*_names(model), "", "nowhere"]
    how = random.randrange(4)
    if how == 0 and one.input:
        one.input[random.randrange(len(one.input))] = random.choice(names)
    elif how == 1:
        one.input.append(random.choice(names))
    elif how == 2 and one.input:
        del one.input[random.randrange(len(one.input))]
    else:
        one.input[:] = list(one.input)[::-1]


def _output_of_node(random: Random, model: onnx.ModelProto) -> None:
    one = _some(random, model.graph.node)
    if one is not None and one.output:
        one.output[random.randrange(len(one.output))] = random.choice([*_names(model), "", "x2"])


def _operator(random: Random, model: onnx.ModelProto) -> None:
    one = _some(random, model.graph.node)
    if one is not None:
        one.op_type = random.choice([*SUPPORTED, "Loop", "If", "NonZero", "Hardmax", "Nothing"])


def _attribute(random: Random, model: onnx.ModelProto) -> None:
    one = _some(random, [one for one in model.graph.node if one.attribute])
    if one is None:
        return
    attribute = _some(random, one.attribute)
    how = random.randrange(5)
    if how == 0:
        one.attribute.remove(attribute)
    elif attribute.ints and how < 4:
        at = random.randrange(len(attribute.ints))
        if how == 1:
            del attribute.ints[at]
        else:
            attribute.ints[at] = random.choice(EXTENTS)
    elif attribute.type == onnx.AttributeProto.INT:
        attribute.i = random.choice(EXTENTS)
    elif attribute.type == onnx.AttributeProto.FLOAT:
        attribute.f = random.choice((0.0, -1.0, float("nan"), float("inf"), 1e38))
    else:
        attribute.type = random.randrange(14)


def _further_attribute(random: Random, model: onnx.ModelProto) -> None:
    one = _some(random, model.graph.node)
    if one is not None:
        name = random.choice(("axis", "axes", "perm", "group", "pads", "strides", "to", "mode"))
        value = random.choice((0, -1, 3, 2**40, [0, 0], [1, -1, 7], "constant", 0.5))
        one.attribute.append(helper.make_attribute(name, value))


def _without_node(random: Random, model: onnx.ModelProto) -> None:
    if model.graph.node:
        del model.graph.node[random.randrange(len(model.graph.node))]


def _order_of_nodes(random: Random, model: onnx.ModelProto) -> None:
    nodes = list(model.graph.node)
    random.shuffle(nodes)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _repeated_node(random: Random, model: onnx.ModelProto) -> None:
    one = _some(random, model.graph.node)
    if one is not None:
        model.graph.node.add().CopyFrom(one)


def _input(random: Random, model: onnx.ModelProto) -> None:
    how = random.randrange(4)
    if how == 0:
        del model.graph.input[:]
    elif how == 1 and model.graph.input:
        model.graph.input.add().CopyFrom(model.graph.input[0])
        model.graph.input[-1].name = random.choice(("other", model.graph.input[0].name))
    elif model.graph.input:
        kind = model.graph.input[0].type.tensor_type
        if how == 2:
            kind.elem_type = random.choice(range(28))
        elif kind.shape.dim:
            kind.shape.dim[random.randrange(len(kind.shape.dim))].dim_value = random.choice(EXTENTS)


def _output(random: Random, model: onnx.ModelProto) -> None:
    how = random.randrange(3)
    if how == 0:
        del model.graph.output[:]
    elif model.graph.output:
        if how == 1:
            model.graph.output[0].name = random.choice(_names(model))
        else:
            dim = model.graph.output[0].type.tensor_type.shape.dim
            if dim:
                del dim[0]


def _opset(random: Random, model: onnx.ModelProto) -> None:
    if not model.opset_import or random.random() < 0.2:
        del model.opset_import[:]
    else:
        model.opset_import[0].version = random.choice((1, 6, 9, 11, 13, 17, 18, 21, 23, 25, 99, -1))
        if random.random() < 0.2:
            model.opset_import[0].domain = random.choice(("ai.onnx", "com.example", "ai.onnx.ml"))


def _version(random: Random, model: onnx.ModelProto) -> None:
    model.ir_version = random.choice((0, 1, 3, 4, 7, 8, 10, 11, 13, 99, -5))


_CHANGES: tuple[Callable[[Random, onnx.ModelProto], None], ...] = (
    _extent_of_tensor, _axes_of_tensor, _values_of_tensor, _values_of_tensor, _type_of_tensor,
    _without_tensor, _elsewhere, _input_of_node, _input_of_node, _output_of_node, _operator,
    _operator, _attribute, _attribute, _attribute, _further_attribute, _without_node,
    _order_of_nodes, _repeated_node, _input, _output, _opset, _version,
)  # fmt: skip


def header_of(random: Random, name: str, content: bytes) -> bytes:
    """A file of weights whose header says something else."""
    if name.endswith(".safetensors"):
        return _safetensors_header(random, content)
    # The text of .npy headers, in archives as well.
    texts = (
        (b"'fortran_order': False", (b"'fortran_order': True ", b"'fortran_order': None ")),
        (b"'<f4'", (b"'<f8'", b"'<c8'", b"'|O' ", b"'<U9'", b"'>i4'", b"'<i8'")),
        (b"(12, 16)", (b"(99, 16)", b"(12,-16)", b"(1e9,16)", b"(2**40,)", b"()      ",
                       b"(12,    ")),
        (b"'shape'", (b"'sh\\x00pe'", b"'descr'")),
    )  # fmt: skip
    for _ in range(4):
        old, new = random.choice(texts)
        if old in content:
            return content.replace(old, random.choice(new), 1)
    return bytes_of(random, content)


def _safetensors_header(random: Random, content: bytes) -> bytes:
    length = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    name = random.choice([one for one in header if one != "__metadata__"])
    entry = header[name]
    how = random.randrange(7)
    if how == 0 and entry["shape"]:
        entry["shape"][random.randrange(len(entry["shape"]))] = random.choice(EXTENTS)
    elif how == 1:
        kinds = ("F64", "BF16", "F8_E4M3", "I32", "U8", "BOOL", "X", 3, None)
        entry["dtype"] = random.choice(kinds)
    elif how == 2:
        entry["data_offsets"][random.randrange(2)] = random.choice(EXTENTS)
    elif how == 3:
        header[random.choice(("", "a", "fc.bias", "\u0000", "__metadata__"))] = header.pop(name)
    elif how == 4:
        del entry[random.choice(list(entry))]
    elif how == 5:
        entry["shape"] = random.choice(([], None, "12", [[12]], [1.5, 2], [12, 16, 1, 1]))
    else:
        header["__metadata__"] = random.choice(({"a": 1}, [], "x", {"format": "pt"}))
    text = json.dumps(header).encode()
    size = len(text) if random.random() < 0.9 else random.choice((0, 2**40, len(text) - 3))
    return size.to_bytes(8, "little") + text + data
