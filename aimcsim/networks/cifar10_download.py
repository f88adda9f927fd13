"""CIFAR-10 from its home, checked."""

import hashlib
import tarfile
import urllib.request
from functools import partial
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from aimcsim.common import seals
from aimcsim.common.errors import UserError
from aimcsim.common.storage import write_atomically, write_text
from aimcsim.networks.cifar10 import DOWNLOADED, HOME, MD5, batches

_PIECE = 1 << 20
_PATIENCE = 60.0
"""Seconds without a byte after which the server counts as gone."""


def download(folder: Path, url: str = HOME, md5: str = MD5) -> None:
    """Download the binary layout of CIFAR-10 (162 MB) and unpack it into ``folder``.

    Raises
    ------
    UserError
        The address cannot be reached, or what came is not the archive. ``folder`` then has none
        of its files.
    """
    archive = Path(folder) / PurePosixPath(url).name
    try:
        write_atomically(archive, lambda temporary: _fetch(url, md5, temporary))
        _unpack(archive, Path(folder))
        test = Path(folder) / DOWNLOADED
        others = [path for path in batches(test.parent) if path != test]
        write_text(seals.seal_path(test), seals.seal(test, f"md5:{md5}", others).text)
    finally:
        archive.unlink(missing_ok=True)


def _fetch(url: str, md5: str, path: Path) -> None:
    found = hashlib.md5(usedforsecurity=False)
    try:
        with urllib.request.urlopen(url, timeout=_PATIENCE) as response, path.open("wb") as file:
            size = response.headers.get("Content-Length")
            with tqdm(total=int(size) if size else None, unit="B", unit_scale=True) as bar:
                while piece := response.read(_PIECE):
                    found.update(piece)
                    file.write(piece)
                    bar.update(len(piece))
    except OSError as error:
        raise UserError(
            f"{url}: download failed ({error}). Try again, or unpack the archive of CIFAR-10 by "
            "hand."
        ) from error
    if found.hexdigest() != md5:
        raise UserError(
            f"{url}: what came has the MD5 {found.hexdigest()}, CIFAR-10 has {md5}. Try again, "
            "or unpack the archive by hand."
        )


def _unpack(archive: Path, folder: Path) -> None:
    """Write the archive's files. The test images, by which a folder is known, come last."""
    with tarfile.open(archive) as content:
        files = {PurePosixPath(member.name).name: member for member in content if member.isfile()}
        for name in sorted(files, key=lambda name: (name == "test_batch.bin", name)):
            # Only the last two parts of the name: nothing lands outside of the folder.
            place = folder / PurePosixPath(files[name].name).parent.name / name
            member = content.extractfile(files[name])
            assert member is not None  # of a regular file there is one
            write_atomically(place, partial(_write_bytes, data=member.read()))


def _write_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)
