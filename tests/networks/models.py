"""Small ONNX models, and what ONNX Runtime says of them."""

from collections.abc import Iterable, Mapping

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from aimcsim.networks.execute import ExactProducts, run
from aimcsim.networks.graph import Network
from aimcsim.networks.onnx_reader import read_model

FLOAT = TensorProto.FLOAT


def model(
    nodes: Iterable[onnx.NodeProto],
    shape: Iterable[int | str],
    tensors: Mapping[str, np.ndarray],
    output: str = "scores",
    version: int = 18,
    kind: int = FLOAT,
    axes: int = 2,
) -> onnx.ModelProto:
    """A model from ``image``, of ``shape`` with the batch first, to ``output`` of ``axes`` axes."""
    graph = helper.make_graph(
        list(nodes),
        "model",
        [helper.make_tensor_value_info("image", kind, list(shape))],
        [helper.make_tensor_value_info(output, FLOAT, ["rows", "classes", "y", "x"][:axes])],
        [numpy_helper.from_array(values, name) for name, values in tensors.items()],
    )
    opsets = [helper.make_opsetid("", version)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def runtime_scores(source: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    """First output by ONNX Runtime, one row per image."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(source.SerializeToString(), options)
    (scores, *_) = session.run(None, {session.get_inputs()[0].name: images})
    return scores.reshape(len(images), -1)


def read(source: onnx.ModelProto, **settings) -> Network:
    """The model as the ONNX reader gives it."""
    return read_model(source.SerializeToString(), "model.onnx", **settings)


def ideal_scores(network: Network, images: np.ndarray, **settings) -> np.ndarray:
    """Scores with ideal products."""
    return run(network, images, ExactProducts(network), **settings)


def assert_same(scores: np.ndarray, expected: np.ndarray, share: float = 1e-4) -> None:
    """The two differ by at most ``share`` of the largest expected score, which is not 0."""
    largest = np.abs(expected).max()
    assert largest > 0
    assert scores.shape == expected.shape
    np.testing.assert_allclose(scores, expected, rtol=0, atol=share * largest)
