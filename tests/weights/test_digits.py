"""The trained network: accurate, deterministic, on data it has not seen."""

import numpy as np
import onnx
import pytest
import xarray as xr

from aimcsim.networks.dataset import network_of
from aimcsim.weights.dataset import build
from aimcsim.weights.digits import DigitsWeights, to_onnx, train
from tests.networks.models import assert_same, ideal_scores, runtime_scores

DEFINITION = DigitsWeights(kind="digits", hidden=(32, 16))


@pytest.fixture(scope="module")
def layers():
    return train(DEFINITION.hidden, 1)


@pytest.fixture(scope="module")
def images():
    return DEFINITION.read_images(1, 10_000, 10_000)


def software_accuracy(layers, images) -> float:
    """Image by image, in 64 bits: rounding could flip a tie, of which there is none; percent."""
    right = 0
    for image, label in zip(
        images["test_images"].values, images["test_labels"].values, strict=True
    ):
        values = image.astype(float)
        for index, layer in enumerate(layers):
            values = layer.matrix.T.astype(float) @ values + layer.bias
            if index < len(layers) - 1:
                values = np.where(values > 0, values, 0)
        right += int(np.argmax(values)) == label
    return 100 * right / images.sizes["test_image"]


def test_shapes_and_types(layers, images):
    assert [layer.matrix.shape for layer in layers] == [(64, 32), (32, 16), (16, 10)]
    assert [layer.bias.shape for layer in layers] == [(32,), (16,), (10,)]
    assert images["test_images"].shape == (540, 64)
    assert images["train_images"].shape == (1257, 64)
    assert images["test_labels"].dtype == np.int32
    of_floats = [*(part for layer in layers for part in layer), images["test_images"].values]
    assert all(array.dtype == np.float32 for array in of_floats)


def test_images_are_scaled_and_the_classes_shared_equally(images):
    for name in ("train_images", "test_images"):
        assert images[name].min() == 0
        assert images[name].max() == 1
    counts = np.bincount(images["test_labels"].values)
    assert len(counts) == 10
    assert counts.max() - counts.min() <= 3  # as in the whole set, where classes have 174 to 183
    assert images.attrs["classes"].split(",") == [str(digit) for digit in range(10)]


def test_fewer_images_are_the_first(images):
    some = DEFINITION.read_images(1, 20, 30)
    xr.testing.assert_identical(
        some, images.isel(test_image=slice(0, 20), train_image=slice(0, 30))
    )


def test_test_images_are_not_among_the_training_images(images):
    train_images = {image.tobytes() for image in images["train_images"].values}
    assert not any(image.tobytes() in train_images for image in images["test_images"].values)


def test_it_is_accurate(layers, images):
    assert software_accuracy(layers, images) > 95


def test_the_model_is_the_network(layers, images):
    """The last layer is not rectified, or half of the scores were zero."""
    pictures = images["test_images"].values[:50]
    model = to_onnx(layers)
    onnx.checker.check_model(model, full_check=True)
    said = runtime_scores(model, pictures)
    assert (said < 0).any()
    weights = build("net", DEFINITION, 1)
    assert_same(ideal_scores(network_of(weights), pictures), said)
    values = pictures.astype(float)
    for index, layer in enumerate(layers):
        values = values @ layer.matrix + layer.bias
        values = np.maximum(values, 0) if index < len(layers) - 1 else values
    np.testing.assert_allclose(said, values, atol=1e-4)


def test_the_work_of_its_images_is_known():
    assert DEFINITION.inference_macs(10_000) == 540 * (64 * 32 + 32 * 16 + 16 * 10)
    assert DEFINITION.inference_macs(100) == 100 * (64 * 32 + 32 * 16 + 16 * 10)


def test_the_same_seed_gives_the_same_bits(layers, images):
    for one, two in zip(train(DEFINITION.hidden, 1), layers, strict=True):
        np.testing.assert_array_equal(one.matrix, two.matrix)
        np.testing.assert_array_equal(one.bias, two.bias)
    assert to_onnx(layers).SerializeToString() == to_onnx(layers).SerializeToString()
    xr.testing.assert_identical(DEFINITION.read_images(1, 10_000, 10_000), images)


def test_another_seed_gives_another_network_and_split(layers, images):
    other, pictures = train(DEFINITION.hidden, 2**32 - 1), DEFINITION.read_images(2**32 - 1, 540, 9)
    assert software_accuracy(other, pictures) > 95
    assert not np.array_equal(other[0].matrix, layers[0].matrix)
    assert not np.array_equal(pictures["test_labels"], images["test_labels"])
    # Weights of pixels that are dark in every image get no gradient but the decay: what is left
    # of them depends on the initial weights alone, so this compares those.
    dark = [0, 32, 39]
    assert images["train_images"].values[:, dark].max() == 0
    first, second = (each[0].matrix[dark].ravel() for each in (layers, other))
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(first.size)
