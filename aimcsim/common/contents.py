"""What files hold, as digests: on them it depends what runs again, never on times or places."""

import hashlib
import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path


def digest_of(path: Path | str) -> str:
    """SHA-256 of a file, links followed, 64 hex digits; of a folder that of all files in it.

    Raises
    ------
    OSError
        It is missing or not readable.
    """
    path = Path(path)
    if path.is_dir():
        inside = sorted(entry for entry in path.rglob("*") if entry.is_file())
        listed = [f"{digest_of(one)}  {one.relative_to(path).as_posix()}" for one in inside]
        return hashlib.sha256("\n".join(listed).encode()).hexdigest()
    return _digest(os.path.realpath(path), state_of(path))


def contents_of(paths: Iterable[Path | str]) -> str:
    """One digest for what several files hold, in their order; a missing one counts as that."""
    found = []
    for path in paths:
        try:
            found.append(digest_of(path))
        except OSError:
            found.append("missing")
    return hashlib.sha256("\n".join(found).encode()).hexdigest()[:32]


def state_of(path: Path) -> tuple[int, ...]:
    """What changes with a file: its time of change too, which no copy brings with it."""
    stat = path.stat()
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


@lru_cache(maxsize=4096)
def _digest(path: str, _state: tuple[int, ...]) -> str:
    """Within one process a file that several weight sets name is read once."""
    return sha256(path)


def sha256(path: Path | str) -> str:
    """SHA-256 of the bytes of a file, read now, 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
