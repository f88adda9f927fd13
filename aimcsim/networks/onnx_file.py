"""ONNX files: opened with the tensors that lie beside them, and checked before anything is built.

A file is taken for whatever it may be: every failure is one message.
"""

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import onnx
from onnx import defs, helper
from onnx.external_data_helper import uses_external_data
from onnx.inliner import inline_local_functions

from aimcsim.common.errors import UserError

MAIN = ("", "ai.onnx")
"""Names of ONNX's own domain of operators."""
_LARGEST = 2**31 - 1  # bytes, of the format itself
_EXPORT = "Export the network again, or check that the file is complete."


def open_model(source: Path | bytes, origin: str) -> onnx.ModelProto:
    """The checked model of a file or of its bytes, all tensors within it.

    Tensors in files beside it are read where ``source`` is a path. Such a file may be a link only
    to a place inside the model's folder, or to where the cache of a hub keeps its files: of
    ``snapshots/<revision>/<file>`` that is ``blobs/<digest>`` beside ``snapshots``.

    Raises
    ------
    UserError
        It cannot be read, is no valid ONNX model by ONNX's own checker, with shapes inferred, or is
        of operators newer than those known here; the message starts with ``origin``.
    """
    model = _parsed(source, origin)
    _require_known_opset(model, origin)
    if model.graph.sparse_initializer:
        raise UserError(f"{origin}: has sparse weights. Export the network with dense ones.")
    if isinstance(source, bytes):
        if any(uses_external_data(tensor) for tensor in tensors_of(model)):
            raise UserError(
                f"{origin}: keeps weights in files beside it. Save the network in one file."
            )
    else:
        for tensor in tensors_of(model):
            if uses_external_data(tensor):
                _embed(tensor, source, origin)
    if model.ByteSize() > _LARGEST:
        raise UserError(
            f"{origin}: {model.ByteSize() / 1e9:.1f} GB with all its tensors; models of up to "
            f"{_LARGEST / 1e9:.1f} GB are read. Export a smaller network, or its weights alone, as "
            "a file of matrices."
        )
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # ONNX raises several of its own, and those of C++
        raise UserError(f"{origin}: not a valid ONNX model ({first_line(error)}). {_EXPORT}") from (
            error
        )
    return model


def without_functions(model: onnx.ModelProto, origin: str) -> onnx.ModelProto:
    """The model with the functions that it defines in place of their calls."""
    if not model.functions:
        return model
    try:
        return inline_local_functions(model)
    except Exception as error:  # of a function that calls itself, for instance
        raise UserError(
            f"{origin}: its own functions cannot be put in place of their calls "
            f"({first_line(error)}). Export the network without functions of its own."
        ) from error


def tensors_of(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """All tensors of a model, those of attributes, subgraphs and functions too."""
    yield from _of_graph(model.graph)
    for function in model.functions:
        yield from _of_nodes(function.node)


def graphs_of(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Graphs in the attributes of a node."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def first_line(error: Exception) -> str:
    """What an exception of ONNX says, in one line."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return text.removesuffix(".")


def _of_graph(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    yield from _of_nodes(graph.node)


def _of_nodes(nodes) -> Iterator[onnx.TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
        for graph in graphs_of(node):
            yield from _of_graph(graph)


def _parsed(source: Path | bytes, origin: str) -> onnx.ModelProto:
    try:
        content = source if isinstance(source, bytes) else source.read_bytes()
    except OSError as error:
        raise UserError(
            f"{origin}: cannot be read: {error.strerror}. Name a readable ONNX file."
        ) from error
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # whatever the parser of the day raises on damaged bytes
        raise UserError(f"{origin}: not a valid ONNX model ({first_line(error)}). {_EXPORT}") from (
            error
        )
    if not model.HasField("graph"):
        raise UserError(f"{origin}: not a valid ONNX model (it has no graph). {_EXPORT}")
    if not model.graph.output:
        raise UserError(
            f"{origin}: the model has no output, so there are no scores. Export the network with "
            "its scores as output."
        )
    return model


def _require_known_opset(model: onnx.ModelProto, origin: str) -> None:
    newest = defs.onnx_opset_version()
    versions = [opset.version for opset in model.opset_import if opset.domain in MAIN]
    if not versions:
        raise UserError(
            f"{origin}: not a valid ONNX model (it does not say which version of ONNX's operators "
            f"it uses). {_EXPORT}"
        )
    if max(versions) > newest:
        raise UserError(
            f"{origin}: uses version {max(versions)} of ONNX's operators; those up to {newest} are "
            f"known. Export the network with opset {newest} or lower, or install a newer onnx."
        )


def _embed(tensor: onnx.TensorProto, path: Path, origin: str) -> None:
    """Read the values of ``tensor`` from the file that they lie in."""
    about = {entry.key: entry.value for entry in tensor.external_data}
    where = f"{origin}: the values of '{tensor.name}'"
    try:
        needed = -(-math.prod(tensor.dims) * _bits(tensor) // 8)
        start = int(about.get("offset") or 0)
        length = int(about["length"]) if about.get("length") else needed
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(
            f"{where} lie at a place that cannot be told ({first_line(error)}). {_EXPORT}"
        ) from None
    try:
        file = _beside(path, about.get("location", ""), where)
        size = file.stat().st_size
        if start < 0 or length != needed or start + length > size:
            raise UserError(
                f"{where}, {needed:,} bytes, should be {length:,} bytes from {start:,} on in "
                f"{file}, which has {size:,} bytes. It belongs to another model, or is not "
                "complete; put the file there that was exported with this one."
            )
        with open(file, "rb") as stream:
            stream.seek(start)
            tensor.raw_data = stream.read(length)
    except OSError as error:
        raise UserError(
            f"{where} lie in '{about.get('location', '')[:80]}' and cannot be read: "
            f"{error.strerror}. Put the file there that was exported with the model."
        ) from error
    tensor.ClearField("external_data")
    tensor.data_location = onnx.TensorProto.DEFAULT


def _bits(tensor: onnx.TensorProto) -> int:
    """Bits of one entry as they are stored."""
    dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    name = dtype.name
    for bits in (2, 4):
        if name in (f"int{bits}", f"uint{bits}") or (bits == 4 and name.startswith("float4")):
            return bits
    return 8 * dtype.itemsize


def _beside(path: Path, location: str, where: str) -> Path:
    """The file at ``location``, from the folder of the model at ``path``."""
    folder = path.parent
    parts = PurePosixPath(location.replace("\\", "/")).parts
    absolute = location.startswith(("/", "\\"))
    if not parts or absolute or ".." in parts or ":" in parts[0] or "\0" in location:
        raise UserError(
            f"{where} lie at '{location}', outside the folder of the model. Save the network again "
            "with its tensors beside it."
        )
    file = folder.joinpath(*parts)
    if not file.is_file():
        at = f", a link to {file.readlink()}" if file.is_symlink() else ""
        raise UserError(
            f"{where} lie in {file}{at}, and there is no such file. Put it there; it was exported "
            "with the model."
        )
    target, inside = file.resolve(), folder.resolve()
    if not (target.is_relative_to(inside) or _in_cache(folder.absolute(), target)):
        raise UserError(
            f"{where} lie in {file}, a link to {target}, outside the folder of the model. Copy "
            "that file beside the model in place of the link."
        )
    return file


def _in_cache(folder: Path, target: Path) -> bool:
    """Whether ``target`` is where a hub's cache keeps the files of the snapshot at ``folder``."""
    for revision in (folder, *folder.parents):
        if revision.parent.name == "snapshots":
            blobs = revision.parent.parent / "blobs"
            return blobs.is_dir() and target.parent == blobs.resolve()
    return False
