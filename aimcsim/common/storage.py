"""Files written whole or not at all, sealed, and read with errors a user can act on."""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import xarray as xr

from aimcsim.common import seals
from aimcsim.common.bounded import require_readable
from aimcsim.common.contents import sha256
from aimcsim.common.errors import UserError
from aimcsim.common.processes import Identity, this_process

_TEMPORARY = ".tmp"


def write_atomically(
    path: Path, write: Callable[[Path], object], made_from: str | None = None
) -> None:
    """Call ``write(temporary)`` and rename the result to ``path``.

    A process killed at any moment leaves either the old file, or none, never half of one.
    ``made_from``: digest of what the file is made from, for the seal beside it; None: no seal.

    Raises
    ------
    UserError
        There is no room, or no permission.
    """
    path = Path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{path.name}.{this_process().text}."
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=_TEMPORARY)
        os.close(handle)
        temporary = Path(name)
        try:
            write(temporary)
            temporary.chmod(0o644)
            if made_from is not None:
                digest = sha256(temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    if made_from is not None:
        write_text(seals.seal_path(path), seals.Seal(made_from, {path.name: digest}).text)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what a full or read-only disk gives into a :class:`UserError` that names ``path``."""
    try:
        yield
    except OSError as error:
        refused = refusal(error, path)
        if refused is None:
            raise
        raise refused from error


def refusal(error: OSError, path: Path | str) -> UserError | None:
    """What to say of a disk that takes nothing, or not from this user; None: it is something else.

    ``path``: what was to be written, if the error does not know.
    """
    remedy = _REMEDIES.get(error.errno or 0)
    if remedy is None:
        return None
    return UserError(f"{path}: {os.strerror(error.errno or 0)}. {remedy} What is finished stays.")


_PERMIT = "Give yourself permission there, or run in another folder."
_REMEDIES = {
    errno.ENOSPC: "Make room on that disk and run again.",
    errno.EDQUOT: "Make room within your quota and run again.",
    errno.EFBIG: "Files may not be that large here: raise the limit (ulimit -f) and run again.",
    errno.EROFS: "The disk is mounted read-only: run in another folder.",
    errno.EACCES: _PERMIT,
    errno.EPERM: _PERMIT,
}


def write_text(path: Path, text: str, made_from: str | None = None) -> None:
    """Write ``text`` to ``path`` atomically, UTF-8."""
    write_atomically(
        path, lambda temporary: temporary.write_text(text, encoding="utf-8"), made_from
    )


def write_if_changed(path: Path, text: str) -> None:
    """:func:`write_text`, unless ``path`` holds ``text``: an unchanged file keeps its time."""
    path = Path(path)
    if not path.is_file() or path.read_bytes() != text.encode():
        write_text(path, text)


def write_dataset(
    dataset: xr.Dataset, path: Path, compress: bool = True, made_from: str = ""
) -> None:
    """Write ``dataset`` as netCDF-4, atomically and sealed. The same dataset gives the same bytes.

    ``compress`` applies deflate level 1 with shuffle to the numeric variables; conductance
    mantissas are noise, so files of raw states are written without.
    """
    encoding = {}
    for name, variable in dataset.variables.items():
        if compress and variable.dtype.kind in "fiub" and variable.ndim:
            encoding[name] = {"zlib": True, "complevel": 1, "shuffle": True}

    def write(temporary: Path) -> None:
        try:
            dataset.to_netcdf(temporary, engine="netcdf4", format="NETCDF4", encoding=encoding)
        except (OSError, RuntimeError):  # the library does not say why
            _require_room(temporary, max(dataset.nbytes, temporary.stat().st_size) + _OVERHEAD)
            raise

    write_atomically(path, write, made_from)


_OVERHEAD = 2**20
"""Bytes of a netCDF file that are no values, at most."""


def _require_room(path: Path, size: int) -> None:
    """Raise the OSError that the system has for a file of ``size`` bytes at ``path``, if any."""
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, max(size, 1))
        elif shutil.disk_usage(path.parent).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read_dataset(path: Path) -> xr.Dataset:
    """Load a netCDF file into memory, without how it was stored.

    Kept, the length of its texts would cut longer ones that are joined to them, in the next file.

    Raises
    ------
    UserError
        The file is missing, is not the one that was sealed, or is not readable as netCDF.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file. Give the path of an existing netCDF file.")
    if seals.is_sealed(path):
        seals.verify(path)
    else:
        require_readable(path)
    try:
        with xr.open_dataset(path, engine="netcdf4") as dataset:
            return dataset.load().drop_encoding()
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"{path}: not readable as netCDF ({error}). The file is damaged or of another "
            "format; restore it, or delete it if the workflow made it, and run again."
        ) from error


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes have left of files that they had not finished in ``folder``."""
    for path in folder.rglob(f".*{_TEMPORARY}"):
        try:
            owner = Identity.parse(path.name.split(".")[-3])
        except (ValueError, IndexError):
            continue
        if owner.runs is False:
            path.unlink(missing_ok=True)
