"""A branch that starts at zero, and columns that were pruned: their outputs are exact."""

import numpy as np
import onnx
import pytest
from onnx import helper

from aimcsim.networks.chip import AnalogProducts
from aimcsim.networks.dataset import network_of
from aimcsim.networks.evaluation_time import EvaluationTime
from aimcsim.networks.images import read as read_images
from aimcsim.networks.judge import judge
from aimcsim.networks.programmed import programmed_cores
from aimcsim.networks.ranges import calibrate
from aimcsim.shards.groups import tiles_of
from aimcsim.sweep.shard import run
from aimcsim.weights.dataset import build
from aimcsim.weights.network import NetworkWeights
from tests.networks import small
from tests.networks.models import assert_same, ideal_scores, model, runtime_scores

SPEC = small.shard(cores=np.array([4]), runs=(small.ITERATIVE,))
PRUNED = [1, 3]


def branched() -> onnx.ModelProto:
    """A convolution with pruned channels, a residual branch of zeros, and a classifier."""
    draw = np.random.default_rng(2)
    first = draw.normal(0, 0.3, (4, 1, 3, 3)).astype(np.float32)
    first[PRUNED] = 0
    tensors = {
        "first": first,
        "second": np.zeros((4, 4, 3, 3), np.float32),
        "last": draw.normal(0, 0.1, (4 * small.SIDE**2, 3)).astype(np.float32),
    }
    same = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Conv", ["image", "first"], ["a"], "conv", **same),
        helper.make_node("Conv", ["a", "second"], ["b"], "branch", **same),
        helper.make_node("Add", ["a", "b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["features"]),
        helper.make_node("MatMul", ["features", "last"], ["scores"], "last"),
    ]
    return model(nodes, ("n", *small.SHAPE), tensors)


@pytest.fixture(scope="module", params=["column", "tile"])
def weights(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "net.onnx"
    onnx.save(branched(), path)
    definition = NetworkWeights(kind="network", path=str(path), scale=request.param)
    return build("net", definition, seed=0)


@pytest.fixture(scope="module")
def states(weights):
    return run(SPEC, weights)[1]


def test_the_network_is_read_as_it_is(weights):
    pictures = small.images(20, seed=2)[0]
    assert_same(ideal_scores(network_of(weights), pictures), runtime_scores(branched(), pictures))


def test_what_holds_nothing_gives_exactly_nothing(weights, states):
    network = network_of(weights)
    pictures = small.images(20, seed=3)[0]
    (cores,) = programmed_cores(SPEC, weights, states, 0, EvaluationTime.programmed(), "hermes_odp")
    ranges = calibrate(network, tiles_of(SPEC, weights).tiles, pictures)
    assert np.isfinite(ranges.outputs).all()
    products = AnalogProducts(network, cores, ranges, SPEC.periphery)
    values = np.ascontiguousarray(pictures.transpose(0, 2, 3, 1))
    outputs = products(0, values, 0)
    assert (outputs.std(axis=(0, 1, 2)) > 0)[[0, 2]].all()
    if weights.attrs["scale"] == "column":
        assert not outputs[..., PRUNED].any()
    assert not products(1, np.repeat(values, 4, axis=3), 0).any()


def test_a_layer_of_zeros_has_no_error(weights, states, tmp_path):
    images = read_images(small.save_images(tmp_path / "pictures.npz", 16, 16), 16, 16)
    found = judge(SPEC, weights, states, images, [4], [EvaluationTime.programmed()])
    errors = found["layer_error"]
    assert errors.sel(layer="branch").isnull().all()
    assert (errors.sel(layer=["conv", "last"]) > 0.5).all()
    assert (errors.sel(layer=["conv", "last"]) < 60).all()
