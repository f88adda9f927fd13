"""netCDF files written whole or not at all, and read with errors a user can act on."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import xarray as xr

from aimcsim.common.errors import UserError


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Call ``write(temporary)`` and rename the result to ``path``.

    A process killed at any moment leaves either the old file, or none, never half of one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` atomically, UTF-8."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_if_changed(path: Path, text: str) -> None:
    """:func:`write_text`, unless ``path`` holds ``text``: an unchanged file keeps its time."""
    path = Path(path)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)


def write_dataset(dataset: xr.Dataset, path: Path, compress: bool = True) -> None:
    """Write ``dataset`` as netCDF-4, atomically. The same dataset gives the same bytes.

    ``compress`` applies deflate level 1 with shuffle to the numeric variables; conductance
    mantissas are noise, so files of raw states are written without.
    """
    encoding = {}
    for name, variable in dataset.variables.items():
        if compress and variable.dtype.kind in "fiub" and variable.ndim:
            encoding[name] = {"zlib": True, "complevel": 1, "shuffle": True}
    write_atomically(
        path,
        lambda temporary: dataset.to_netcdf(
            temporary, engine="netcdf4", format="NETCDF4", encoding=encoding
        ),
    )


def read_dataset(path: Path) -> xr.Dataset:
    """Load a netCDF file into memory, without how it was stored.

    Kept, the length of its texts would cut longer ones that are joined to them, in the next file.

    Raises
    ------
    UserError
        The file is missing or is not readable as netCDF.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file. Give the path of an existing netCDF file.")
    try:
        with xr.open_dataset(path, engine="netcdf4") as dataset:
            return dataset.load().drop_encoding()
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{path}: not readable as netCDF ({error}). The file is damaged or of another "
            "format; restore it, or delete it if the workflow made it, and run again."
        ) from error
