"""Before any job: which finished files are what they should be, told to Snakemake in its way.

Snakemake goes by times. Here contents decide: every input of a rule is ``ancient``, but a folder
whose time is :data:`MIDDLE`; and a file that is not to be trusted (:mod:`aimcsim.common.seals`), or
is not made from what it would be made from now, gets a time before that. So Snakemake sees that it
is older than an input and makes it again, that file alone, and what is trusted is never touched:
not after a ``touch``, a copy, an archive, or an older file put in its place.
"""

import os
import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from aimcsim.common import seals
from aimcsim.common.storage import write_atomically, writing

DISTRUSTED, MIDDLE = 500_000_000, 1_000_000_000
"""s since 1970: in 1985 and 2001. After 1980, where some disks begin."""


def set_middle(folder: Path) -> None:
    """Make the folder that every rule has as an input."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder, (MIDDLE, MIDDLE))


def examine(wanted: Mapping[str, str]) -> dict[str, str | None]:
    """Look at every file that is there, and change nothing.

    Parameters
    ----------
    wanted : paths of files, and what each is to be made from

    Returns
    -------
    Path -> why it is not to be trusted: empty where it was made from something else, as after a
    change of the study, or where the other file of its job is not trusted; None where it is.
    """
    there = [path for path in wanted if os.path.isfile(path)]
    with ThreadPoolExecutor() as pool:
        reasons = pool.map(lambda path: _distrust(Path(path), wanted[path]), there)
        found = dict(zip(there, reasons, strict=True))
    jobs = {path: wanted[path].partition("-")[0] for path in there}
    again = {jobs[path] for path, reason in found.items() if reason is not None}
    return {
        path: "" if reason is None and jobs[path] in again else reason
        for path, reason in found.items()
    }


def mark(found: Mapping[str, str | None], say: Callable[[str], None]) -> None:
    """Tell Snakemake by the times of files what :func:`examine` ``found``.

    ``say`` is called with a sentence for each file that is damaged.
    """
    for path, reason in found.items():
        if reason:
            say(f"{path}: damaged or of something else: {reason}. It is to be made anew.")
        _set_time(path, reason is None)


def renew(folder: Path) -> None:
    """Give all files below a folder times that say nothing, but those that are set back.

    Benchmarks count as outputs, and Snakemake stops at inputs from the future.
    """
    now = time.time()
    for path in folder.rglob("*"):
        then = path.stat().st_mtime if path.is_file() else now
        if not MIDDLE < then <= now and then != DISTRUSTED:
            _touch(str(path), None)


def _distrust(path: Path, wanted: str) -> str | None:
    try:
        return None if seals.made_from(path) == wanted else ""
    except seals.Broken as reason:
        return str(reason)


def _set_time(path: str, trusted: bool) -> None:
    """Give a file a time by which Snakemake does what is right, where it has another."""
    now, then = time.time(), os.stat(path).st_mtime
    if trusted and not MIDDLE < then <= now:
        _touch(path, None)
    elif not trusted and then != DISTRUSTED:
        _touch(path, (DISTRUSTED, DISTRUSTED))


def _touch(path: str, times: tuple[int, int] | None) -> None:
    with writing(Path(path)):
        try:
            os.utime(path, times)
        except PermissionError:  # of another user, in a folder that is shared
            write_atomically(Path(path), partial(shutil.copyfile, path))
            os.utime(path, times)
