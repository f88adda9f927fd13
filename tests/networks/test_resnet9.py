"""The trained ResNet-9 is read as any other network."""

import numpy as np
import onnx
import pytest
import xarray as xr

from aimcsim.mapping.dataset import matrices
from aimcsim.networks.graph import PRODUCT
from aimcsim.networks.onnx_reader import read_model
from aimcsim.networks.operators import AFFINE
from aimcsim.networks.resnet9 import to_onnx
from tests.networks.models import assert_same, ideal_scores, read, runtime_scores
from tests.networks.resnet9 import random_dataset


@pytest.fixture(scope="module")
def dataset() -> xr.Dataset:
    return random_dataset()


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (20, 3, 32, 32)).astype(np.uint8)


@pytest.mark.parametrize("widths", [(28, 56, 56), (4, 6, 8)])
def test_as_onnx_runtime_computes_it(widths, pixels):
    source = to_onnx(random_dataset(widths))
    expected = runtime_scores(source, pixels.astype(np.float32))
    assert expected.shape == (20, 10)
    assert_same(ideal_scores(read(source), pixels), expected)


def test_products_are_the_matrices_of_the_dataset_in_its_order(dataset):
    network = read(to_onnx(dataset))
    expected = matrices(dataset)
    assert [product.name for product in network.products] == [name for name, _ in expected]
    for product, (name, matrix) in zip(network.products, expected, strict=True):
        np.testing.assert_array_equal(product.matrix, matrix)
        assert product.kernel == (int(dataset.kernel.sel(layer=name)),) * 2
        assert product.strides == (int(dataset.stride.sel(layer=name)),) * 2
        assert (product.bias is None) == (name != "classifier")


def test_norms_sums_and_relus_are_single_passes(dataset):
    operators = [step.operator for step in read(to_onnx(dataset)).steps]
    # Pixels' normalisation, and one after each of the nine convolutions.
    assert operators.count(AFFINE) == 10
    assert set(operators) == {AFFINE, PRODUCT, "AveragePool", "ReduceMean", "Transpose"}


def test_the_model_is_valid_and_the_same_every_time(dataset, tmp_path):
    onnx.save(to_onnx(dataset), tmp_path / "a.onnx")
    onnx.save(to_onnx(dataset), tmp_path / "b.onnx")
    onnx.checker.check_model(tmp_path / "a.onnx", full_check=True)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    assert len(read_model(tmp_path / "a.onnx", "a.onnx").products) == 10


def test_a_dataset_of_something_else(dataset):
    with pytest.raises(ValueError, match="not a dataset of ResNet-9"):
        to_onnx(dataset.assign_attrs(network="perceptron"))


def test_as_pytorch_computes_it(pixels):
    torch = pytest.importorskip("torch")
    from aimcsim.training.export import dataset as exported
    from aimcsim.training.images import Normaliser
    from aimcsim.training.loop import Trained
    from aimcsim.training.network import ResNet9
    from aimcsim.training.settings import Training

    generator = torch.Generator().manual_seed(3)
    network = ResNet9((6, 8, 8), generator).eval()
    for norm in network.norm.values():
        for values, low in (
            (norm.weight, 0.5), (norm.bias, -0.5), (norm.running_mean, -0.5),
            (norm.running_var, 0.5),
        ):  # fmt: skip
            values.data = low + torch.rand(values.shape, generator=generator)
    network.bias.data = torch.rand(10, generator=generator)
    colours = np.asarray([[120, 125, 110], [60, 70, 65]], np.float32)
    trained = Trained(network, Normaliser(*colours), [], 0.0, 0.0, [])
    images = torch.from_numpy(pixels.astype(np.float32))
    with torch.no_grad():
        expected = network(trained.normalise(images)).numpy()
    phase = {"name": "float", "epochs": 1, "learning_rate": 0.1}
    settings = Training.model_validate({"phases": [phase]})
    source = to_onnx(exported(settings, "digest", trained))
    assert_same(runtime_scores(source, pixels.astype(np.float32)), expected)
    assert_same(ideal_scores(read(source), pixels), expected)
