"""The trained network: accurate, deterministic, on data it has not seen."""

import numpy as np
import pytest
import xarray as xr

from aimcsim.weights.digits import software_accuracy, train


@pytest.fixture(scope="module")
def network():
    return train((32, 16), 1)


def test_shapes_and_types(network):
    shapes = {name: variable.shape for name, variable in network.data_vars.items()}
    assert shapes == {
        "matrix_000": (64, 32), "matrix_001": (32, 16), "matrix_002": (16, 10),
        "bias_000": (32,), "bias_001": (16,), "bias_002": (10,),
        "train_images": (512, 64), "test_images": (540, 64), "test_labels": (540,),
    }  # fmt: skip
    assert network["test_labels"].dtype == np.int32
    for name in shapes.keys() - {"test_labels"}:
        assert network[name].dtype == np.float32
    assert network["matrix_001"].dims == ("input_001", "output_001")
    assert network["bias_001"].dims == ("output_001",)


def test_images_are_scaled_and_the_classes_shared_equally(network):
    for name in ("train_images", "test_images"):
        assert network[name].min() == 0
        assert network[name].max() == 1
    counts = np.bincount(network["test_labels"].values)
    assert len(counts) == 10
    assert counts.max() - counts.min() <= 3  # as in the whole set, where classes have 174 to 183


def test_test_images_are_not_among_the_training_images(network):
    train_images = {image.tobytes() for image in network["train_images"].values}
    assert not any(image.tobytes() in train_images for image in network["test_images"].values)


def test_accuracy(network):
    assert software_accuracy(network) > 95


def test_accuracy_is_that_of_an_explicit_network(network):
    """Image by image, in 64 bits: rounding could flip a tie, of which there is none."""
    right = 0
    for image, label in zip(
        network["test_images"].values, network["test_labels"].values, strict=True
    ):
        values = image.astype(float)
        for layer in range(3):
            weights = network[f"matrix_{layer:03d}"].values.astype(float)
            values = weights.T @ values + network[f"bias_{layer:03d}"].values
            if layer < 2:
                values = np.where(values > 0, values, 0)
        right += int(np.argmax(values)) == label
    assert software_accuracy(network) == pytest.approx(100 * right / 540)


def test_the_last_layer_is_not_rectified():
    network = xr.Dataset(
        {
            "matrix_000": (("input_000", "output_000"), np.eye(2, dtype=np.float32)),
            "bias_000": (("output_000",), np.array([-9, -9], np.float32)),
            "test_images": (("test_image", "pixel"), np.array([[1, 0], [0, 1]], np.float32)),
            "test_labels": (("test_image",), np.array([0, 1], np.int32)),
        }
    )
    assert software_accuracy(network) == 100


def test_the_same_seed_gives_the_same_bits(network):
    xr.testing.assert_identical(train((32, 16), 1), network)


def test_another_seed_gives_another_network_and_split(network):
    other = train((32, 16), 2**32 - 1)
    assert software_accuracy(other) > 95
    assert not np.array_equal(other["matrix_000"], network["matrix_000"])
    assert not np.array_equal(other["test_labels"], network["test_labels"])
    # Weights of pixels that are dark in every image get no gradient but the decay: what is left
    # of them depends on the initial weights alone, so this compares those.
    dark = [0, 32, 39]
    assert network["train_images"].values[:, dark].max() == 0
    first, second = (each["matrix_000"].values[dark].ravel() for each in (network, other))
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(first.size)
