"""The arrays that a file of each known format holds, listed before any value is read."""

import json
import math
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import psutil
import xarray as xr
from safetensors import safe_open

from aimcsim.common.errors import UserError
from aimcsim.common.guarded import how_it_ends

_DEFLATED = 1032
"""Bytes that one byte of a deflated stream can stand for, at most."""
_SMALL = 1 << 20
_PATIENCE, _SLOWEST = 10.0, 1e7  # s, and bytes a second, of processor time that reading may take


@dataclass(frozen=True)
class Stored:
    """One array of a file: what its header says, and how to get its values."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    """The file's own name of the type, for messages."""
    kind: str
    """f, i, u or b: real numbers, as NumPy calls them; only those may be loaded. "": others."""
    itemsize: int
    """Bytes of an entry in memory."""
    room: int
    """Bytes that the file can hold of it at most; more cannot be there, whatever a header says."""
    read: Callable[[], np.ndarray]
    """Reads the values; see :func:`load`."""

    @property
    def real(self) -> bool:
        """Whether its entries are real numbers: floats, integers or booleans."""
        return self.kind != ""

    @property
    def nbytes(self) -> int:
        """Bytes in memory, by its header."""
        return math.prod(self.shape) * self.itemsize


def load(path: Path, array: Stored) -> np.ndarray:
    """The values of an array of the file at ``path``, which is still open.

    Raises
    ------
    UserError
        They cannot be read, the file is too small for the array that its header speaks of, or the
        memory is.
    """
    free = psutil.virtual_memory().available
    with reading(path):
        if array.nbytes > array.room:
            raise ValueError(
                f"'{array.name}' {array.shape} takes {array.nbytes:,} bytes, and the file has no "
                "room for them"
            )
        if array.nbytes > free:
            raise UserError(
                f"{path}: array '{array.name}' {array.shape} takes {array.nbytes / 1e9:,.1f} GB, "
                f"and {free / 1e9:,.1f} GB of memory are free. Leave it out, or use a larger "
                "machine."
            )
        return array.read()


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
    if suffix == ".nc":
        _require_end(path)
    with reading(path):
        return _READERS[suffix](path, stack)


def _require_end(path: Path) -> None:
    """Refuse a netCDF file that its library reads without end, or does not survive."""

    def read() -> None:
        with ExitStack() as stack:
            for array in _netcdf(path, stack):
                with suppress(Exception):
                    load(path, array)

    seconds = _PATIENCE + path.stat().st_size / _SLOWEST
    if (fate := how_it_ends(read, seconds)) is not None:
        raise UserError(
            f"{path}: not readable as .nc: reading it {fate}. The file is damaged; restore it or "
            "save it again."
        )


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

    return [_npy_array(path.stem, opening, path.stat().st_size)]


def _npz(path: Path, stack: ExitStack) -> list[Stored]:
    archive = stack.enter_context(zipfile.ZipFile(path))
    return [
        _npy_array(
            member.filename.removesuffix(".npy"),
            partial(archive.open, member.filename),
            min(member.file_size, _DEFLATED * member.compress_size + _SMALL),
        )
        for member in archive.infolist()
        if member.filename.endswith(".npy")
    ]


def _npy_array(name: str, opening: Callable[[], IO[bytes]], room: int) -> Stored:
    """``room``: bytes that the stream can hold."""
    with opening() as stream:
        version = np.lib.format.read_magic(stream)
        # Version 3 differs from 2 only in the encoding of field names, which no matrix has.
        one = version == (1, 0)
        header = np.lib.format
        parse = header.read_array_header_1_0 if one else header.read_array_header_2_0
        shape, _, dtype = parse(stream)

    def read() -> np.ndarray:
        with opening() as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)

    return Stored(name, shape, str(dtype), _kind(dtype), dtype.itemsize, room, read)


def _kind(dtype: np.dtype) -> str:
    return dtype.kind if dtype.kind in "fiub" else ""


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
    room = _DEFLATED * path.stat().st_size + _SMALL
    return [
        Stored(
            str(name),
            variable.shape,
            str(variable.dtype),
            _kind(variable.dtype),
            variable.dtype.itemsize,
            room,
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
    return [_safetensors_array(path, name, entry, 8 + length) for name, entry in entries]


def _safetensors_array(path: Path, name: str, entry: dict, start: int) -> Stored:
    known = entry["dtype"] in _SAFETENSORS
    dtype = np.dtype(_SAFETENSORS[entry["dtype"]] if known else "V1")
    begin, end = entry["data_offsets"]
    return Stored(
        name,
        tuple(entry["shape"]),
        entry["dtype"],
        "f" if entry["dtype"] == "BF16" else _kind(dtype),
        dtype.itemsize,
        end - begin,
        partial(_safetensor, path, entry, start),
    )


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
