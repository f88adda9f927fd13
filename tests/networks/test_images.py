"""Images of a network, from CIFAR-10 and from a user's file."""

import numpy as np
import pytest
import xarray as xr

from aimcsim.common.errors import UserError
from aimcsim.networks.images import read
from tests.images import small, write_binary


def save(path, **changes):
    """A file of images with some arrays changed, or left out where None."""
    arrays = {
        "test_images": np.arange(24, dtype=np.float32).reshape(6, 4),
        "test_labels": np.array([0, 1, 2, 0, 1, 2]),
        "train_images": np.ones((3, 4), np.float32),
    } | changes
    np.savez(path, **{name: values for name, values in arrays.items() if values is not None})
    return path


def test_cifar10_gives_the_first_images_of_each_part(tmp_path):
    data = small(train=100, test=20)
    write_binary(data, tmp_path)
    images = read(tmp_path, 7, 5)
    np.testing.assert_array_equal(images["test_images"].values, data.test.pixels[:7])
    np.testing.assert_array_equal(images["test_labels"].values, data.test.labels[:7])
    np.testing.assert_array_equal(images["train_images"].values, data.train.pixels[:5])
    assert images.attrs["classes"].split(",")[3] == "cat"


def test_a_file_of_ones_own(tmp_path):
    images = read(save(tmp_path / "mine.npz"), 4, 2)
    assert images["test_images"].shape == (4, 4)
    assert images["train_images"].shape == (2, 4)
    assert images["test_labels"].dtype == np.int32


def test_netcdf_too(tmp_path):
    path = tmp_path / "mine.nc"
    read(save(tmp_path / "mine.npz"), 6, 3).to_netcdf(path)
    xr.testing.assert_equal(read(path, 6, 3), read(tmp_path / "mine.npz", 6, 3))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"test_labels": None}, "no array 'test_labels'"),
        ({"test_labels": np.zeros(5, int)}, "for 6 test_images"),
        ({"test_labels": np.zeros(6)}, "float64"),
        ({"test_labels": -np.ones(6, int)}, "from 0 on"),
        ({"train_images": np.ones((3, 5))}, "one shape"),
        ({"train_images": np.ones((0, 4))}, "at least one"),
        ({"train_images": np.full((3, 4), np.nan)}, "train_images has values"),
        ({"train_images": np.full((3, 4), "a")}, "train_images are <U1"),
        ({"test_images": np.full((6, 4), 1j)}, "test_images are complex128"),
    ],
)
def test_errors_name_file_and_array(tmp_path, changes, words):
    with pytest.raises(UserError, match=words) as caught:
        read(save(tmp_path / "mine.npz", **changes), 6, 3)
    assert "mine.npz" in str(caught.value)


def test_a_missing_folder_says_how_to_get_cifar10(tmp_path):
    with pytest.raises(UserError, match="download"):
        read(tmp_path / "cifar10", 1, 1)
