"""A small CIFAR-10 of our own making."""

import pickle
from pathlib import Path

import numpy as np

from aimcsim.networks.cifar10 import Cifar10, Images


def striped(count: int, seed: int) -> Images:
    """Noisy images whose class shows as the place of a bright bar: a network can learn them."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, count).astype(np.uint8)
    pixels = rng.integers(0, 120, (count, 3, 32, 32)).astype(np.uint8)
    bar = np.arange(32)[None] // 3 == labels[:, None]
    pixels[np.broadcast_to(bar[:, None, :, None], pixels.shape)] += 120
    return Images(pixels, labels)


def small(train: int = 100, test: int = 20) -> Cifar10:
    """Striped images for training and, of the same kind, for testing."""
    return Cifar10(striped(train, 1), striped(test, 2), "striped")


def write_binary(images: Cifar10, folder: Path) -> None:
    """The binary layout: five training files and one of test images."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in _files(images):
        records = np.column_stack([part.labels, part.pixels.reshape(len(part.labels), -1)])
        (folder / f"{name}.bin").write_bytes(records.astype(np.uint8).tobytes())


def write_python(images: Cifar10, folder: Path, protocol: int = 2) -> None:
    """The python layout: pickled dictionaries with keys of bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in _files(images):
        content = {
            b"batch_label": b"some text",
            b"labels": part.labels.tolist(),
            b"data": part.pixels.reshape(len(part.labels), -1),
            b"filenames": [b"image.png"] * len(part.labels),
        }
        (folder / name).write_bytes(pickle.dumps(content, protocol))


def _files(images: Cifar10):
    pixels = np.array_split(images.train.pixels, 5)
    labels = np.array_split(images.train.labels, 5)
    for number, (some, of) in enumerate(zip(pixels, labels, strict=True), start=1):
        yield f"data_batch_{number}", Images(some, of)
    yield "test_batch", images.test
