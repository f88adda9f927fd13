"""One damaged file through the readers: what came out, held against ONNX and ONNX Runtime."""

import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, numpy_helper

from aimcsim.common.errors import UserError
from aimcsim.networks.dataset import build, network_of
from aimcsim.networks.execute import ExactProducts, run
from aimcsim.weights.dataset import build as build_weights
from aimcsim.weights.files import FileWeights
from tests.fuzz import corpus, mutations

READ, REFUSED = "read", "refused"
RUNTIME_REFUSES = "read, and ONNX Runtime does not run it"
"""No fault of itself: there are types that it has no kernels for."""
RUNTIME_RUNS = "refused, and ONNX Runtime runs it"
"""No fault of itself either: images may be mixed, and not every operator is supported."""
FINE = {READ, REFUSED, RUNTIME_REFUSES, RUNTIME_RUNS}
TRACEBACK, CHECKER_REFUSES, DIFFERS = "traceback", "read, and ONNX refuses it", "other numbers"
_MODELS, _WEIGHTS = {}, {}
_STEPS = {
    "Cast", "Ceil", "Equal", "Floor", "Greater", "GreaterOrEqual", "Less", "LessOrEqual",
    "QuantizeLinear", "Round", "Sign", "Where",
}  # fmt: skip
_SHARE = 0.97  # of values that agree where rounding decides on which side of a step one is
_EXTREME = 1e9  # beyond, the order of factors decides what becomes infinite on the way


def outcome(
    seed: int, folder: Path, others: Callable[[str], None] = lambda found: None
) -> tuple[str, str]:
    """What becomes of input ``seed``, and what it was: for a report of failures.

    ``others`` is told before ONNX and its runtime are asked, which some inputs end the process in.
    """
    if not _MODELS:
        _MODELS.update(corpus.models())
        _WEIGHTS.update(corpus.weights())
    random = Random(seed)
    if random.random() < 0.65:
        name = random.choice(sorted(_MODELS))
        source = _MODELS[name]
        if random.random() < 0.25:
            how, content = "bytes", mutations.bytes_of(random, source.SerializeToString())
        else:
            how, content = "structure", mutations.structure_of(random, source)
        found, why = _model(content, folder / "net.onnx", others)
    else:
        name = random.choice(sorted(_WEIGHTS))
        source = _WEIGHTS[name]
        if random.random() < 0.6:
            how, content = "bytes", mutations.bytes_of(random, source)
        else:
            how, content = "header", mutations.header_of(random, name, source)
        found, why = _weights(content, folder / f"w{Path(name).suffix}")
    return found, f"{seed}: {name}, {how}: {why}"


def _model(content: bytes, path: Path, others: Callable[[str], None]) -> tuple[str, str]:
    path.write_bytes(content)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            network = network_of(build(path, "net.onnx"))
        except UserError as error:
            text = str(error)
            if not text.startswith("net.onnx: "):
                return TRACEBACK, text
            others(REFUSED)
            return (RUNTIME_RUNS if _runs(content) else REFUSED), text
        except Exception as error:
            return TRACEBACK, repr(error)
        images = np.random.default_rng(1).normal(size=(2, *network.input_shape))
        images = images.astype(np.float32)
        scores = run(network, images, ExactProducts(network))
    others(READ)
    try:
        onnx.checker.check_model(content, full_check=True)
    except Exception as error:
        return CHECKER_REFUSES, repr(error)
    return _as_runtime(content, images, scores)


def _session(content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(content, options)


def _runs(content: bytes) -> bool:
    """Whether ONNX's checker and its runtime take a model that is refused here."""
    if any(one.op_type == "Loop" for one in _parsed(content)):
        return False  # it may never end
    try:
        onnx.checker.check_model(content, full_check=True)
        session = _session(content)
        (value,) = session.get_inputs()
        shape = [1, *(3 if not isinstance(extent, int) else extent for extent in value.shape[1:])]
        if np.prod(shape, dtype=float) > 1e6:
            return False
        session.run(None, {value.name: np.ones(shape, _TYPES[value.type])})
    except Exception:
        return False
    return True


def _parsed(content: bytes):
    try:
        return onnx.load_model_from_string(content).graph.node
    except Exception:
        return ()


_TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64}


def _as_runtime(content: bytes, images: np.ndarray, scores: np.ndarray) -> tuple[str, str]:
    try:
        session = _session(content)
        (value,) = session.get_inputs()
        feeds = [{value.name: one[None].astype(_TYPES[value.type])} for one in images]
        # One image at a time: what a batch means is settled for single images.
        single = [np.asarray(session.run(None, feed)[0]) for feed in feeds]
        expected = np.concatenate([one.reshape(1, -1) for one in single])
    except Exception as error:
        return RUNTIME_REFUSES, repr(error)
    if expected.shape != scores.shape:
        return DIFFERS, f"{scores.shape} for {expected.shape}"
    expected = expected.astype(np.float64)
    same = np.isfinite(expected) == np.isfinite(scores)
    near = np.isclose(scores, expected, rtol=1e-3, atol=1e-4 * _largest(expected))
    alike = same & (near | ~np.isfinite(expected))
    stepping = any(one.op_type in _STEPS for one in _parsed(content))
    if _extreme(content) or alike.all() or (stepping and alike.mean() > _SHARE):
        return READ, ""
    return DIFFERS, f"{scores.ravel()[:4]} for {expected.ravel()[:4]}"


def _extreme(content: bytes) -> bool:
    """Whether numbers of the model are so large or small that what becomes of them is arbitrary."""
    model = onnx.load_model_from_string(content)
    tensors = [
        numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
        if tensor.data_type in (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)
    ]
    factors = [abs(a.f) for one in model.graph.node for a in one.attribute]
    sizes = [np.abs(values[values != 0].astype(float)) for values in tensors]
    ordinary = all(((size > 1e-30) & (size < _EXTREME)).all() for size in sizes)
    return not ordinary or not all(factor <= _EXTREME for factor in factors)


def _largest(values: np.ndarray) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size else 0.0


def _weights(content: bytes, path: Path) -> tuple[str, str]:
    path.write_bytes(content)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            dataset = build_weights("w", FileWeights(kind="file", path=str(path)), 1)
        except UserError as error:
            text = str(error)
            return (REFUSED if text.startswith("weights.w: ") else TRACEBACK), text
        except Exception as error:
            return TRACEBACK, repr(error)
    finite = all(np.isfinite(values.values).all() for values in dataset.data_vars.values())
    return (READ if finite else DIFFERS), ""
