"""CIFAR-10 from a local folder, in its binary or its python layout.

Krizhevsky, "Learning multiple layers of features from tiny images", 2009; the layouts are
described at https://www.cs.toronto.edu/~kriz/cifar.html.
"""

import hashlib
import io
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aimcsim.common.contents import contents_of
from aimcsim.common.errors import UserError
from aimcsim.common.seals import is_sealed

FOLDER = "data/cifar10"
"""Where the workflow looks for it, and downloads it to."""
SHAPE = (3, 32, 32)
CLASSES = 10
HOME = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
"""Of the archive, as its home gives it: https://www.cs.toronto.edu/~kriz/cifar.html."""
_PIXELS = int(np.prod(SHAPE))
_TRAIN, _TEST = tuple(f"data_batch_{number}" for number in range(1, 6)), ("test_batch",)
_BINARY, _PYTHON = "cifar-10-batches-bin", "cifar-10-batches-py"
DOWNLOADED = f"{_BINARY}/{_TEST[0]}.bin"
"""The last file that a download writes."""


@dataclass(frozen=True)
class Images:
    """Labelled images."""

    pixels: np.ndarray
    """uint8 (images, 3, 32, 32): red, green, blue; 0 to 255."""
    labels: np.ndarray
    """uint8 (images,), 0 to 9."""


@dataclass(frozen=True)
class Cifar10:
    """Both parts of CIFAR-10, in the order of their files."""

    train: Images
    test: Images
    digest: str
    """SHA-256 over all pixels and labels, 16 hex digits: which images these are."""


def read(folder: Path) -> Cifar10:
    """Read CIFAR-10 from ``folder``, or from the folder in it that the archive unpacks to.

    The binary layout (``data_batch_1.bin``) is taken where both are there. Any number of images
    per file is read.

    Raises
    ------
    UserError
        Neither layout is there in full, or a file is damaged.
    """
    folder, test = Path(folder), test_file(folder)
    if test is not None:
        parse = _binary if test.suffix else _python
        read = [parse(_existing(path)) for path in batches(folder)]
        train, tested = _joined(read[: len(_TRAIN)]), _joined(read[len(_TRAIN) :])
        return Cifar10(train, tested, _digest([train, tested]))
    raise UserError(
        f"{folder}: no CIFAR-10 here: neither test_batch.bin nor test_batch, nor a folder "
        f"{_BINARY} or {_PYTHON}. Unpack {HOME} there, or let the workflow download it: "
        "snakemake --cores 1 cifar10."
    )


def test_file(folder: Path) -> Path | None:
    """The file of test images in ``folder``, or in the folder in it that the archive unpacks to."""
    places = (Path(folder), Path(folder) / _BINARY, Path(folder) / _PYTHON)
    found = (place / f"{_TEST[0]}{suffix}" for place in places for suffix in (".bin", ""))
    return next((path for path in found if path.is_file()), None)


def batches(folder: Path) -> list[Path]:
    """The files that :func:`read` reads, those of training first; none: there is no CIFAR-10."""
    test = test_file(folder)
    return [] if test is None else [test.with_stem(name) for name in (*_TRAIN, *_TEST)]


def identity(folder: Path) -> str:
    """Which images are in ``folder``: a digest of what its files hold.

    Of files that the workflow downloads it is that of the archive, which it is also where there are
    none yet; if they are damaged since, they are downloaded again.
    """
    test = test_file(folder)
    if test is None or (test == folder / DOWNLOADED and is_sealed(test)):
        return f"md5:{MD5}"
    return contents_of(batches(folder))


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"{path}: no such file, but others of CIFAR-10. Unpack the archive again.")
    return path


def _binary(path: Path) -> Images:
    """Records of one label byte and 3,072 pixel bytes."""
    records = np.fromfile(path, np.uint8)
    if not records.size or records.size % (1 + _PIXELS):
        raise UserError(
            f"{path}: {records.size} bytes are not records of {1 + _PIXELS}. The file is cut off "
            "or of another format; unpack the archive again."
        )
    records = records.reshape(-1, 1 + _PIXELS)
    return _checked(path, records[:, 1:], records[:, 0])


def _python(path: Path) -> Images:
    """A pickled dictionary of ``data`` and ``labels``."""
    try:
        content = _Plain(io.BytesIO(path.read_bytes()), encoding="bytes").load()
        return _checked(path, np.asarray(content[b"data"]), np.asarray(content[b"labels"]))
    except UserError:
        raise
    except Exception as error:  # damaged bytes make a parser raise nearly anything
        raise UserError(
            f"{path}: not readable as a batch of CIFAR-10 ({type(error).__name__}: {error}). "
            "Unpack the archive again."
        ) from error


class _Plain(pickle.Unpickler):
    """Unpickles NumPy arrays and plain values, and refuses to run anything else."""

    _ARRAYS = frozenset({"_reconstruct", "ndarray", "dtype", "scalar", "_frombuffer"})

    def find_class(self, module: str, name: str):
        if module.split(".")[0] == "numpy" and name in self._ARRAYS:
            return super().find_class(module, name)
        if (module, name) == ("_codecs", "encode"):  # how protocol 2 writes bytes
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"'{module}.{name}' has no place in a batch of images")


def _checked(path: Path, pixels: np.ndarray, labels: np.ndarray) -> Images:
    if pixels.dtype != np.uint8 or pixels.shape != (len(labels), _PIXELS):
        raise UserError(
            f"{path}: pixels are {pixels.dtype} {pixels.shape} for {len(labels)} labels; needed "
            f"are uint8 ({len(labels)}, {_PIXELS}). Unpack the archive again."
        )
    if labels.size and not 0 <= labels.min() <= labels.max() < CLASSES:
        raise UserError(
            f"{path}: labels go from {labels.min()} to {labels.max()}, but CIFAR-10 has 0 to "
            f"{CLASSES - 1}. The file is of another data set or damaged; unpack the archive again."
        )
    return Images(pixels.reshape(-1, *SHAPE), labels.astype(np.uint8))


def _joined(parts: list[Images]) -> Images:
    return Images(
        np.concatenate([part.pixels for part in parts]),
        np.concatenate([part.labels for part in parts]),
    )


def _digest(parts: list[Images]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(np.ascontiguousarray(part.pixels).data)
        found.update(part.labels.data)
    return found.hexdigest()[:16]
