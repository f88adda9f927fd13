"""The images of a network: those it is tested on, and some of training that set ranges."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import xarray as xr

from aimcsim.common.errors import UserError
from aimcsim.mapping.file_formats import catalogue, reading
from aimcsim.networks import cifar10

_WANTED = ("test_images", "test_labels", "train_images")
CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip


def read(source: Path, most_test: int, most_train: int) -> xr.Dataset:
    """Images from a folder of CIFAR-10, or from a .npz or .nc file.

    Parameters
    ----------
    source : the folder; or a file of ``test_images`` (images, ...), of any shape and numeric type
        that the network takes, ``test_labels`` (images,), classes from 0 on, and ``train_images``
        (images, ...) to calibrate on
    most_test, most_train : images taken of each at most: the first

    Returns
    -------
    Dataset of ``test_images`` (test_image, axis_0, ...), ``test_labels`` (test_image,), int32,
    and ``train_images`` (train_image, axis_0, ...), in the type of the source. Attributes:
    ``source``, ``classes`` (names, with commas between, where they are known).

    Raises
    ------
    UserError
        Something is missing, damaged or does not fit together.
    """
    source = Path(source)
    if source.is_dir() or not source.suffix:
        data = cifar10.read(source)
        return as_dataset(
            source.as_posix(),
            data.test.pixels[:most_test], data.test.labels[:most_test],
            data.train.pixels[:most_train], CIFAR10_CLASSES,
        )  # fmt: skip
    with ExitStack() as stack:
        stored = {entry.name: entry for entry in catalogue(source, stack)}
        missing = [name for name in _WANTED if name not in stored]
        if missing:
            raise UserError(
                f"{source}: no array '{missing[0]}'; it has {', '.join(stored) or 'none'}. Save "
                f"{', '.join(_WANTED)} in it."
            )
        with reading(source):
            images, labels, train = (np.asarray(stored[name].load()) for name in _WANTED)
    _check(source, images, labels, train)
    return as_dataset(source.as_posix(), images[:most_test], labels[:most_test], train[:most_train])


def last_class(source: Path) -> int:
    """The last class that occurs among the test images of a file, see :func:`read`.

    Raises
    ------
    UserError
        The file is damaged, or has no labels.
    """
    with ExitStack() as stack:
        for entry in catalogue(source, stack):
            if entry.name == "test_labels":
                with reading(source):
                    return int(np.asarray(entry.load()).max())
    raise UserError(f"{source}: no array 'test_labels'. Save {', '.join(_WANTED)} in it.")


def _check(source: Path, images: np.ndarray, labels: np.ndarray, train: np.ndarray) -> None:
    if images.ndim < 2 or not len(images) or not len(train) or images.shape[1:] != train.shape[1:]:
        raise UserError(
            f"{source}: test_images are {images.shape} and train_images {train.shape}; save at "
            "least one of each, all of one shape behind the first axis."
        )
    if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise UserError(
            f"{source}: test_labels are {labels.dtype} {labels.shape} for {len(images)} "
            "test_images; save a whole number from 0 on for each image."
        )
    for name, values in (("test_images", images), ("train_images", train)):
        if values.dtype.kind not in "buif":
            raise UserError(f"{source}: {name} are {values.dtype}; save real numbers.")
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise UserError(f"{source}: {name} has values that are not finite. Correct the file.")


def as_dataset(
    source: str,
    images: np.ndarray,
    labels: np.ndarray,
    train: np.ndarray,
    classes: Sequence[str] = (),
) -> xr.Dataset:
    """The dataset of test images, their classes from 0 on, and training images; see :func:`read`.

    ``images`` and ``train`` (images, *shape of one), ``labels`` (images,).
    """
    axes = tuple(f"axis_{axis}" for axis in range(images.ndim - 1))
    return xr.Dataset(
        {
            "test_images": (("test_image", *axes), images, {"long_name": "test images"}),
            "test_labels": (
                ("test_image",),
                labels.astype(np.int32),
                {"long_name": "classes of the test images", "units": "1"},
            ),
            "train_images": (
                ("train_image", *axes),
                train,
                {"long_name": "training images for calibration"},
            ),
        },
        attrs={"source": source, "classes": ",".join(classes)},
    )
