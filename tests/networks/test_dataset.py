"""Networks as weight sets: the one that comes with aimcsim, and the user's."""

import json

import numpy as np
import onnx
import pytest

from aimcsim.common.errors import UserError
from aimcsim.common.storage import read_dataset, write_dataset
from aimcsim.mapping.dataset import matrices
from aimcsim.networks.dataset import network_of, shipped
from aimcsim.weights.dataset import build
from aimcsim.weights.network import NetworkWeights
from tests.networks import small
from tests.networks.models import assert_same, ideal_scores, runtime_scores

CELLS = 2 * 256 * 256
"""Of the two cores that the chip's ResNet-9 has."""


def built(**settings):
    return build("net", NetworkWeights(kind="network", **settings), seed=0)


@pytest.fixture(scope="module")
def resnet9():
    return built()


@pytest.fixture
def path(tmp_path):
    onnx.save(small.network(), tmp_path / "net.onnx")
    return str(tmp_path / "net.onnx")


def test_the_shipped_network_fits_two_cores(resnet9):
    found = [matrix for _, matrix in matrices(resnet9)]
    assert len(found) >= 10
    assert sum(matrix.size for matrix in found) <= CELLS
    areas = [resnet9[f"matrix_{index:03d}"].attrs["kernel_area"] for index in range(len(found))]
    assert set(areas) == {1, 9}
    for area, matrix in zip(areas, found, strict=True):
        assert matrix.dtype == np.float32
        assert len(matrix) % area == 0


def test_the_shipped_network_has_the_weights_of_its_training(resnet9):
    for (_, matrix), (_, trained) in zip(matrices(resnet9), matrices(shipped()), strict=True):
        np.testing.assert_array_equal(matrix, trained)
    assert resnet9.attrs["model_source"] == "resnet9"


def test_the_shipped_network_tells_its_training(resnet9):
    """The record says what software reaches, on how many epochs; nothing here runs PyTorch."""
    record = json.loads(resnet9.attrs["record"])
    assert 80 < record["software_accuracy"] < 100
    assert resnet9.sizes["epoch"] > 10
    last = resnet9["training_test_accuracy"].values
    last = last[np.isfinite(last)][-1]
    assert abs(float(last) - record["software_accuracy"]) < 2


def test_the_shipped_network_runs_on_images(resnet9):
    network = network_of(resnet9)
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 32, 32)).astype(np.uint8)
    assert network.input_shape == (3, 32, 32)
    model = onnx.load_model_from_string(resnet9["model"].values.tobytes())
    assert_same(ideal_scores(network, images), runtime_scores(model, images.astype(np.float32)))


def test_a_network_of_ones_own_survives_its_file(tmp_path, path):
    """What programming and inference read is the weight set's file, not the model's."""
    write_dataset(built(path=path, packing="own", scale="tile"), tmp_path / "net.nc")
    (tmp_path / "net.onnx").unlink()
    weights = read_dataset(tmp_path / "net.nc")
    pictures, _ = small.images(5, seed=4)
    expected = runtime_scores(small.network(), pictures)
    assert_same(ideal_scores(network_of(weights), pictures), expected)
    assert (weights.attrs["packing"], weights.attrs["scale"]) == ("own", "tile")


def test_tensors_beside_the_file_come_along(tmp_path):
    where = tmp_path / "split.onnx"
    onnx.save(
        small.network(), where, save_as_external_data=True, location="tensors", size_threshold=0
    )
    weights = built(path=str(where))
    for name in ("split.onnx", "tensors"):
        (tmp_path / name).unlink()
    pictures, _ = small.images(5, seed=4)
    expected = runtime_scores(small.network(), pictures)
    assert_same(ideal_scores(network_of(weights), pictures), expected)


def test_clipped_weights_are_the_networks(path):
    plain, clipped = built(path=path), built(path=path, clip_sigmas=1.5)
    for (_, before), (_, after) in zip(matrices(plain), matrices(clipped), strict=True):
        bound = np.abs(after).max()
        assert bound == pytest.approx(1.5 * before.std(dtype=float), rel=0.02)
        np.testing.assert_array_equal(after, np.clip(before, -bound, bound))
    products = network_of(clipped).products
    for product, (_, matrix) in zip(products, matrices(clipped), strict=True):
        np.testing.assert_array_equal(product.matrix, matrix)


def test_scores_and_shape_may_be_given(tmp_path):
    model = small.network()
    for axis in (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = f"side{axis}"
    onnx.save(model, tmp_path / "open.onnx")
    path = str(tmp_path / "open.onnx")
    with pytest.raises(UserError, match=r"weights\.net: .*shape"):
        built(path=path)
    weights = built(path=path, input_shape=(1, 8, 8), output="features")
    network = network_of(weights)
    assert network.input_shape == (1, 8, 8)
    assert [product.name for product in network.products] == ["conv1", "conv2"]
