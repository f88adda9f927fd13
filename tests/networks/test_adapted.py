"""Layers adapted to their statistics in software."""

import numpy as np
import onnx
import pytest

from aimcsim.networks.adapted import adapted, layer_errors, moments
from aimcsim.networks.evaluation_time import EvaluationTime
from aimcsim.networks.execute import ExactProducts, run
from aimcsim.networks.images import read
from aimcsim.networks.judge import COMPENSATIONS, How, judge
from aimcsim.networks.onnx_reader import read_model
from aimcsim.networks.ranges import activations
from aimcsim.sweep.shard import run as programmed
from aimcsim.weights.dataset import build
from aimcsim.weights.network import NetworkWeights
from tests.networks import small


@pytest.fixture(scope="module")
def network():
    return read_model(small.network().SerializeToString(), "net.onnx")


@pytest.fixture(scope="module")
def pictures():
    return small.images(60, seed=5)[0]


class Distorted:
    """Exact products, each channel with a scale and an offset of its own."""

    def __init__(self, network, seed=0):
        draw = np.random.default_rng(seed)
        widths = [product.matrix.shape[1] for product in network.products]
        self.exact = ExactProducts(network)
        self.scale = [draw.uniform(0.4, 1.5, width).astype(np.float32) for width in widths]
        self.offset = [draw.normal(0, 0.5, width).astype(np.float32) for width in widths]

    def __call__(self, index, values, first_image):
        return self.exact(index, values, first_image) * self.scale[index] + self.offset[index]


def test_a_scale_and_an_offset_of_each_channel_are_undone(network, pictures):
    broken = Distorted(network)
    found = adapted(network, broken, pictures, moments(network, pictures))
    seen = activations(network, pictures[:8])
    before = layer_errors(broken, network.products, seen)
    after = found.layer_errors(seen)
    assert (before[:2] > 20).all()
    assert (after[:2] < 0.1).all()
    # A dense layer has a single output an image, too few for moments: it is left as it is.
    assert after[2] == pytest.approx(before[2])
    for index in (0, 1):
        np.testing.assert_allclose(found.scale[index] * broken.scale[index], 1, rtol=1e-3)


def test_exact_layers_stay_exact(network, pictures):
    found = adapted(network, ExactProducts(network), pictures, moments(network, pictures))
    np.testing.assert_allclose(
        run(network, pictures, found), run(network, pictures, ExactProducts(network)), atol=1e-4
    )


def test_a_dead_channel_is_moved_and_not_amplified(network, pictures):
    broken = Distorted(network)
    broken.scale[0][1] = 0.01
    found = adapted(network, broken, pictures, moments(network, pictures))
    assert found.scale[0][1] == 1
    assert all(np.isfinite(part).all() for part in (*found.scale, *found.offset))


def test_aged_chips_gain_by_every_compensation(tmp_path):
    onnx.save(small.network(), tmp_path / "net.onnx")
    weights = build("net", NetworkWeights(kind="network", path=str(tmp_path / "net.onnx")), 0)
    images = read(small.save_images(tmp_path / "pictures.npz", 50, 60), 1000, 1000)
    spec = small.shard()
    _, states = programmed(spec, weights)
    later = EvaluationTime.after(31536000.0, 1)
    how = How(compensation=COMPENSATIONS)
    found = judge(spec, weights, states, images, spec.cores.tolist(), [later], how)
    error = found["layer_error"].isel(layer=slice(2)).mean(("core", "evaluation_time", "layer"))
    none, tile, column, statistics = (error.sel(compensation=kind) for kind in COMPENSATIONS)
    assert (tile < none).all()
    assert (column < tile).all()
    assert (statistics < tile).all()
