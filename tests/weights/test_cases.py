"""Inputs that once gave a wrong number, a traceback or no answer; not in every checkout."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from aimcsim import program
from aimcsim.common.errors import UserError
from aimcsim.networks.execute import ExactProducts, run
from aimcsim.networks.onnx_reader import read_model
from aimcsim.weights.dataset import build
from aimcsim.weights.files import FileWeights, read
from aimcsim.weights.network import NetworkWeights
from tests.networks.models import assert_same

CASES = Path(__file__).parents[3] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="without the collected cases")


def test_padding_with_zeros_changes_no_error():
    core = {"rows": 32, "columns": 24}
    dense, padded = (
        program(np.load(CASES / "02-zero-tiles" / f"{name}.npy"), chips=2, seed=1, core=core)
        for name in ("dense", "padded")
    )
    np.testing.assert_array_equal(dense.error(64).values, padded.error(64).values)


def checkpoint(name: str) -> FileWeights:
    path = str(CASES / "03-quantised-checkpoint" / f"{name}.safetensors")
    return FileWeights(kind="file", path=path, transpose=True)


def test_quantised_checkpoints():
    assert read(checkpoint("int8")).stored_as == ["I8, dequantised by 'fc.weight_scale'"]
    with pytest.raises(UserError, match=r"fc\.qweight.* packed words"):
        read(checkpoint("gptq"))
    language = read(checkpoint("lm"))
    assert list(language.matrices) == ["fc.weight"]
    assert {one.name for one in language.left_out} == {"embed.weight", "ln.weight", "mask", "pos"}


NETWORKS = {
    "08-weight-only-int8/qdq_x.onnx": 3,
    "08-weight-only-int8/weightonly_x.onnx": 3,
    "10-attention/encoder_d18dyn.onnx": 6,
    "10-attention/sdpa_ts17.onnx": 3,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_as_onnx_runtime_computes_them(name):
    network = read_model(CASES / name, name)
    assert len(network.products) == NETWORKS[name]
    images = np.random.default_rng(1).normal(size=(4, *network.input_shape)).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(CASES / name, options)
    (expected,) = session.run(None, {session.get_inputs()[0].name: images})
    assert_same(run(network, images, ExactProducts(network)), expected, 1e-5)


BROKEN = {
    "o_badtype": "Invalid tensor data type 99",
    "o_conv_channels": "not a valid ONNX model",
    "o_infinite_loop": "Loop (loops are not run",
    "o_noout": "the model has no output",
}


@pytest.mark.parametrize("name", BROKEN)
def test_models_that_are_refused(name):
    path = str(CASES / "20-onnx" / f"{name}.onnx")
    with pytest.raises(UserError) as caught:
        build("w", NetworkWeights(kind="network", path=path), 1)
    assert BROKEN[name] in str(caught.value)
    assert str(caught.value).startswith(f"weights.w: {path}: ")
