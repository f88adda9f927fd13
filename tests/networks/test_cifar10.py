"""CIFAR-10 is read from either layout, and what is wrong is named."""

import hashlib
import io
import os
import pickle
import tarfile

import numpy as np
import pytest

from aimcsim.common.errors import UserError
from aimcsim.networks import cifar10
from aimcsim.networks.cifar10_download import download
from tests.images import small, write_binary, write_python

BINARY, PYTHON = "cifar-10-batches-bin", "cifar-10-batches-py"


@pytest.fixture(scope="module")
def images():
    return small(23, 7)


def same(one: cifar10.Cifar10, other: cifar10.Cifar10) -> bool:
    pairs = ((one.train, other.train), (one.test, other.test))
    return all(
        np.array_equal(a.pixels, b.pixels) and np.array_equal(a.labels, b.labels) for a, b in pairs
    )


@pytest.mark.parametrize("inside", ["", BINARY])
def test_binary_layout(images, tmp_path, inside):
    write_binary(images, tmp_path / inside)
    found = cifar10.read(tmp_path)
    assert same(found, images)
    assert found.train.pixels.shape == (23, 3, 32, 32)
    assert found.train.pixels.dtype == found.train.labels.dtype == np.uint8


@pytest.mark.parametrize("inside", ["", PYTHON])
@pytest.mark.parametrize("protocol", [2, 5])
def test_python_layout(images, tmp_path, inside, protocol):
    write_python(images, tmp_path / inside, protocol)
    assert same(cifar10.read(tmp_path), images)


def test_digest_names_the_images_not_the_layout(images, tmp_path):
    write_binary(images, tmp_path / "one")
    write_python(images, tmp_path / "two")
    write_binary(small(23, 8), tmp_path / "three")
    one, two, three = (cifar10.read(tmp_path / name).digest for name in ("one", "two", "three"))
    assert one == two != three


def test_neither_layout_says_how_to_get_one(tmp_path):
    with pytest.raises(UserError, match=r"no CIFAR-10 here.*cifar-10-binary.tar.gz.*snakemake"):
        cifar10.read(tmp_path / "nowhere")


def test_missing_file_is_named(images, tmp_path):
    write_binary(images, tmp_path)
    (tmp_path / "data_batch_3.bin").unlink()
    with pytest.raises(UserError, match=r"data_batch_3\.bin: no such file"):
        cifar10.read(tmp_path)


def test_file_that_is_cut_off(images, tmp_path):
    write_binary(images, tmp_path)
    os.truncate(tmp_path / "data_batch_2.bin", 5000)
    with pytest.raises(UserError, match=r"data_batch_2\.bin: 5000 bytes"):
        cifar10.read(tmp_path)


def test_labels_of_another_data_set(images, tmp_path):
    write_binary(images, tmp_path)
    place = tmp_path / "test_batch.bin"
    place.write_bytes(b"\x63" + place.read_bytes()[1:])
    with pytest.raises(UserError, match=r"labels go from \d to 99"):
        cifar10.read(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"no pickle", pickle.dumps({b"labels": [1]}), pickle.dumps({b"labels": [1], b"data": [[1]]})],
)
def test_damaged_python_batch(images, tmp_path, content):
    write_python(images, tmp_path)
    (tmp_path / "data_batch_1").write_bytes(content)
    with pytest.raises(UserError, match="data_batch_1"):
        cifar10.read(tmp_path)


class Harmful:
    """Unpickled by the plain loader, it makes a folder."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


def test_a_pickle_runs_nothing(images, tmp_path):
    write_python(images, tmp_path)
    made = tmp_path / "made"
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(Harmful(made)))
    with pytest.raises(UserError, match="has no place in a batch of images"):
        cifar10.read(tmp_path)
    assert not made.exists()


@pytest.fixture
def archive(images, tmp_path):
    """A packed binary layout, with a member that points out of the folder; address and MD5."""
    write_binary(images, tmp_path / "source" / BINARY)
    path = tmp_path / "packed.tar.gz"
    with tarfile.open(path, "w:gz") as packed:
        packed.add(tmp_path / "source" / BINARY, BINARY)
        member = tarfile.TarInfo(f"../../{BINARY}/outside")
        packed.addfile(member, io.BytesIO())
    return path.as_uri(), hashlib.md5(path.read_bytes()).hexdigest()


def test_download_unpacks_what_can_be_read(images, archive, tmp_path):
    folder = tmp_path / "deep" / "folder"
    download(folder, *archive)
    assert same(cifar10.read(folder), images)
    assert [path.name for path in folder.iterdir()] == [BINARY]
    assert not list(tmp_path.rglob("outside")) or (folder / BINARY / "outside").is_file()


def test_download_of_something_else_leaves_nothing(archive, tmp_path):
    with pytest.raises(UserError, match="what came has the MD5"):
        download(tmp_path / "folder", archive[0], "0" * 32)
    assert not list((tmp_path / "folder").iterdir())


def test_download_from_nowhere(tmp_path):
    with pytest.raises(UserError, match="download failed"):
        download(tmp_path / "folder", (tmp_path / "absent.tar.gz").as_uri())
