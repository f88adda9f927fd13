"""Files of weight sets are checked before any work, and once."""

import numpy as np
import onnx
import pytest
from onnx import helper

from aimcsim.common.errors import UserError
from aimcsim.networks.cifar10 import FOLDER
from aimcsim.weights.check import check_files
from aimcsim.weights.files import FileWeights
from aimcsim.weights.network import NetworkWeights
from tests.images import small as small_cifar10
from tests.images import write_binary
from tests.networks import small


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The working folder, with a network and its images."""
    monkeypatch.chdir(tmp_path)
    onnx.save(small.network(), "net.onnx")
    small.save_images(tmp_path / "pictures.npz")
    return tmp_path


def check(**changes):
    settings = {"kind": "network", "path": "net.onnx", "images": "pictures.npz"} | changes
    check_files({"net": NetworkWeights(**settings)})


def damage(path):
    path.write_bytes(b"damaged")


def test_good_files_pass_and_nothing_is_written(folder):
    before = sorted(folder.rglob("*"))
    check()
    check(images=None)
    assert sorted(folder.rglob("*")) == before


def test_the_shipped_network_may_lack_images_that_are_downloaded(folder):
    check(path=None, images=None)
    write_binary(small_cifar10(), folder / FOLDER)
    check(path=None, images=None)


BAD = {
    "no model": ({"path": "no.onnx"}, ["weights.net:", "no.onnx", "readable ONNX file"]),
    "damaged model": ({"path": "damaged.onnx"}, ["weights.net:", "damaged.onnx", "Export"]),
    "operator": (
        {"path": "strange.onnx"},
        ["weights.net:", "strange.onnx", "Hardmax", "'strange'"],
    ),
    "no images": ({"images": "no.npz"}, ["weights.net.images:", "no.npz"]),
    "no folder of images": ({"images": "pictures"}, ["weights.net.images:", "download"]),
    "no labels": ({"images": "unlabelled.npz"}, ["weights.net.images:", "'test_labels'", "Save"]),
    "images of another shape": (
        {"images": "large.npz"},
        ["weights.net.images:", "large.npz", "(1, 9, 9)", "(1, 8, 8)", "Give images"],
    ),
    "more classes than scores": (
        {"images": "counted.npz"},
        ["weights.net.images:", "counted.npz", "class 3", "3 scores", "Count classes from 0"],
    ),
    "classes of another network for ResNet-9": (
        {"path": None, "images": "eleven.npz"},
        ["weights.net.images:", "eleven.npz", "class 10", "10 scores"],
    ),
    "CIFAR-10 for another shape": ({"images": "cifar"}, ["weights.net.images:", "(3, 32, 32)"]),
    "other images for ResNet-9": ({"path": None}, ["weights.net.images:", "(3, 32, 32)"]),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_with_its_key_and_remedy(folder, name):
    model = small.network()
    model.graph.node[1].CopyFrom(helper.make_node("Hardmax", ["a"], ["b"], "strange"))
    onnx.save(model, "strange.onnx")
    damage(folder / "damaged.onnx")
    np.savez("unlabelled.npz", test_images=np.ones((2, 1, 8, 8)))
    large = {name: np.ones((60, 1, 9, 9), np.float32) for name in ("test_images", "train_images")}
    small.save_images(folder / "large.npz", **large)
    small.save_images(folder / "counted.npz", test_labels=np.arange(60) % 3 + 1)
    coloured = {name: np.ones((11, 3, 32, 32), np.uint8) for name in large}
    small.save_images(folder / "eleven.npz", test_labels=np.arange(11), **coloured)
    write_binary(small_cifar10(), folder / "cifar")
    changes, words = BAD[name]
    with pytest.raises(UserError) as caught:
        check(**changes)
    for word in words:
        assert word in str(caught.value)


def test_what_the_workflow_has_read_is_not_read_again(folder):
    """A study with large files starts fast."""
    weights = {"net": NetworkWeights(kind="network", path="net.onnx", images="pictures.npz")}
    for path in (folder / "net.onnx", folder / "pictures.npz"):
        damage(path)
    check_files(weights, built=["net"], images_read=["net"])
    for done in ({"images_read": ["net"]}, {"built": ["net"]}, {}):
        with pytest.raises(UserError, match=r"net\.onnx|pictures\.npz"):
            check_files(weights, **done)


def test_a_new_model_must_take_the_images_that_were_read_before(folder):
    weights = {"net": NetworkWeights(kind="network", path="net.onnx", images="pictures.npz")}
    small.save_images(
        folder / "pictures.npz", test_images=np.ones((60, 4)), train_images=np.ones((2, 4))
    )
    with pytest.raises(UserError, match=r"\(4,\).*\(1, 8, 8\)"):
        check_files(weights, images_read=["net"])


def test_files_of_matrices_are_checked_too(folder):
    weights = {"mine": FileWeights(kind="file", path="no.npy")}
    with pytest.raises(UserError, match=r"weights.mine.*no\.npy"):
        check_files(weights)
