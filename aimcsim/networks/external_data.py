"""Files beside an ONNX model that hold its tensors."""

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import onnx
from onnx.external_data_helper import uses_external_data

from aimcsim.common.contents import state_of


def files_of(path: Path) -> list[Path]:
    """The files that tensors of the model at ``path`` lie in, in its order; they need not exist.

    None where the model is not readable: building the network says so.
    """
    return list(_files_of(path, state_of(path))) if path.is_file() else []


@lru_cache(maxsize=64)
def _files_of(path: Path, _state: tuple[int, ...]) -> tuple[Path, ...]:
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception:  # damaged bytes make a parser raise nearly anything
        return ()
    found = dict.fromkeys(
        os.path.join(path.parent, entry.value)
        for tensor in _tensors(model)
        if uses_external_data(tensor)
        for entry in tensor.external_data
        if entry.key == "location"
    )
    return tuple(map(Path, found))


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    yield from _of_graph(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from _of_node(node)


def _of_graph(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _of_node(node)


def _of_node(node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
    for attribute in node.attribute:
        yield from (attribute.t, *attribute.tensors)
        for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
            yield from (sparse.values, sparse.indices)
        for graph in (attribute.g, *attribute.graphs):
            yield from _of_graph(graph)
