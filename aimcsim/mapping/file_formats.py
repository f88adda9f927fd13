"""The arrays that a file of each known format holds, listed before any value is read."""

import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import xarray as xr
from safetensors import safe_open

from aimcsim.common.errors import UserError


@dataclass(frozen=True)
class Stored:
    """One array of a file: what its header says, and how to get its values."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    """The file's own name of the type, for messages."""
    real: bool
    """True for real numbers (floats, integers, booleans); only those may be loaded."""
    load: Callable[[], np.ndarray]
    """Reads the values; call it inside :func:`reading`, before the file is closed."""


def catalogue(path: Path, stack: ExitStack) -> list[Stored]:
    """Arrays of the file at ``path`` in the file's order; ``stack`` keeps the file open.

    safetensors has two orders, that of the header and that of the data; the latter is taken.

    Raises
    ------
    UserError
        The file is missing, a folder, of an unknown suffix, or damaged.
    """
    if path.is_dir():
        raise UserError(f"{path}: is a folder. Give the path of one file of weights.")
    if not path.is_file():
        raise UserError(f"{path}: no such file. Correct the path, or put the file there.")
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise UserError(
            f"{path}: unknown suffix '{path.suffix}'. Save the weights as one of: "
            f"{', '.join(_READERS)}."
        )
    with reading(path):
        return _READERS[suffix](path, stack)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever a parser raises on the bytes of ``path`` into a :class:`UserError`."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # damaged bytes make parsers raise nearly anything
        raise UserError(
            f"{path}: not readable as {path.suffix} ({type(error).__name__}: {error}). The file "
            "is damaged, too large for the memory, or of another format than its suffix says; "
            "restore it or save it again."
        ) from error


def _npy(path: Path, stack: ExitStack) -> list[Stored]:
    """A .npy file holds one array without a name: it is called as the file."""

    def opening() -> IO[bytes]:
        return open(path, "rb")

    return [_npy_array(path.stem, opening)]


def _npz(path: Path, stack: ExitStack) -> list[Stored]:
    archive = stack.enter_context(zipfile.ZipFile(path))
    return [
        _npy_array(member.removesuffix(".npy"), partial(archive.open, member))
        for member in archive.namelist()
        if member.endswith(".npy")
    ]


def _npy_array(name: str, opening: Callable[[], IO[bytes]]) -> Stored:
    with opening() as stream:
        version = np.lib.format.read_magic(stream)
        # Version 3 differs from 2 only in the encoding of field names, which no matrix has.
        one = version == (1, 0)
        header = np.lib.format
        parse = header.read_array_header_1_0 if one else header.read_array_header_2_0
        shape, _, dtype = parse(stream)

    def load() -> np.ndarray:
        with opening() as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)

    return Stored(name, shape, str(dtype), dtype.kind in "fiub", load)


def _netcdf(path: Path, stack: ExitStack) -> list[Stored]:
    """Variables of the root group; scale, offset and fill value (NaN) are applied."""
    with open(path, "rb") as stream:
        magic = stream.read(4)
    if magic == b"CDF\x05":
        raise UserError(
            f"{path}: netCDF of the kind CDF-5 is not read. Convert it to netCDF-4, for example "
            "with `nccopy -k nc4`."
        )
    # The netCDF library silently reads zeros where a classic file is cut off; SciPy raises.
    engine: dict[str, Any] = {"engine": "netcdf4"}
    if magic[:3] == b"CDF":
        engine = {"engine": "scipy", "mmap": False}
    dataset = stack.enter_context(
        xr.open_dataset(
            path,
            **engine,
            cache=False,
            decode_times=False,
            decode_timedelta=False,
            decode_coords=False,
        )
    )
    return [
        Stored(
            str(name),
            variable.shape,
            str(variable.dtype),
            variable.dtype.kind in "fiub",
            partial(np.asarray, variable),
        )
        for name, variable in dataset.variables.items()
    ]


_SAFETENSORS = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4",
    "I16": "<i2", "I8": "i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?",
}  # fmt: skip
"""Types of the format that are read, and the NumPy type that their bytes have."""


def _safetensors(path: Path, stack: ExitStack) -> list[Stored]:
    # The library checks the header against the file. The bytes are read here, because its NumPy
    # side has no bfloat16, in which many networks are stored.
    with safe_open(path, framework="numpy"):
        pass
    with open(path, "rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(length))
    header.pop("__metadata__", None)
    entries = sorted(header.items(), key=lambda item: (item[1]["data_offsets"], item[0]))
    return [
        Stored(
            name,
            tuple(entry["shape"]),
            entry["dtype"],
            entry["dtype"] in _SAFETENSORS,
            partial(_safetensor, path, entry, 8 + length),
        )
        for name, entry in entries
    ]


def _safetensor(path: Path, entry: dict, start: int) -> np.ndarray:
    begin, end = entry["data_offsets"]
    with open(path, "rb") as stream:
        stream.seek(start + begin)
        values = np.frombuffer(stream.read(end - begin), dtype=_SAFETENSORS[entry["dtype"]])
    if entry["dtype"] == "BF16":  # the upper half of a 32-bit float
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return values.reshape(entry["shape"])


_READERS: dict[str, Callable[[Path, ExitStack], list[Stored]]] = {
    ".npy": _npy,
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".nc": _netcdf,
}
