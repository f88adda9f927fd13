"""After a kill: make the plain command work again, and rob no run that lives.

Snakemake leaves its directory locked when it is killed (SIGKILL, power loss), and marks of
unfinished outputs when it is interrupted; then it asks for ``--unlock`` and ``--rerun-incomplete``.
Here a run notes its process and study before Snakemake takes the lock, and a later run does both
for those that are gone. Outputs stay: their seals say whether they are whole and wanted.
"""

import atexit
import base64
import binascii
import contextlib
import fcntl
import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from aimcsim.common.processes import Identity, this_process
from aimcsim.common.storage import writing

SNAKEMAKE = Path(".snakemake")
NOTES = SNAKEMAKE / "aimcsim"
_HELD: list[IO[str]] = []
"""Notes of this process, locked until it ends."""


@dataclass(frozen=True)
class Run:
    """A run of the workflow, by its note."""

    note: Path
    owner: Identity
    study: str
    host: str

    @property
    def lives(self) -> bool:
        """Whether its process runs; True also where that cannot be told: on another machine."""
        runs = self.owner.runs
        if runs is None:
            return not self.owner.of_this_boot or _is_locked(self.note)
        # Two machines of one name: the lock of the other may be seen.
        return runs or (not self.owner.of_this_boot and _is_locked(self.note))


def other(study: str, root: Path = Path()) -> str:
    """What to say where a living run computes ``study``; empty: none does."""
    for run in _runs(root):
        if run.study == study and run.owner != this_process() and run.lives:
            return (
                f"study '{study}' is being computed by process {run.owner.pid} on {run.host}. Wait "
                f"for its end, or stop it. If there is none, delete {run.note}."
            )
    return ""


def recover(root: Path = Path()) -> bool:
    """Clear what runs that are gone have left behind; True if there was a lock or a mark.

    Where others live, only what is of the studies of those that are gone. Locks of a run that has
    left no note stay.
    """
    runs = list(_runs(root))
    living = [run for run in runs if run.lives]
    gone = [run for run in runs if run not in living]
    locks = _files(root / SNAKEMAKE / "locks")
    marks = _files(root / SNAKEMAKE / "incomplete")
    if living or (locks and not gone):
        studies = {run.study for run in gone} - {run.study for run in living}
        locks = [lock for lock in locks if _is_of(studies, lock.read_text(errors="replace"))]
        marks = [mark for mark in marks if _is_of(studies, _output_of(mark, root))]
    else:
        _drop_unreadable(root / SNAKEMAKE / "metadata")
    for path in (*locks, *marks, *(run.note for run in gone)):
        path.unlink(missing_ok=True)
    return bool(locks or marks)


def note_owner(study: str, root: Path = Path()) -> None:
    """Note this process as one that computes ``study``, until it ends."""
    note = root / NOTES / this_process().text
    with writing(note):
        note.parent.mkdir(parents=True, exist_ok=True)
        file = note.open("w", encoding="utf-8")
        with contextlib.suppress(OSError):  # not on every disk
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        json.dump({"study": study, "host": platform.node()}, file)
        file.flush()
    _HELD.append(file)
    atexit.register(note.unlink, missing_ok=True)


def _runs(root: Path) -> Iterator[Run]:
    for note in _files(root / NOTES):
        try:
            owner = Identity.parse(note.name)
        except ValueError:
            continue
        try:
            said = json.loads(note.read_bytes())
            yield Run(note, owner, str(said["study"]), str(said["host"]))
        except (OSError, ValueError, KeyError, TypeError):  # killed while it noted itself
            yield Run(note, owner, "", "a machine")


def _is_locked(path: Path) -> bool:
    """Whether another process holds the lock of a note: one of this machine, of any container."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return path.exists()
    return False


def _is_of(studies: set[str], text: str) -> bool:
    """Whether ``text`` names files of one of ``studies``."""
    folders = (f"{folder}/{study}/" for study in studies for folder in ("results", "reports"))
    return any(folder in text for folder in folders)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _output_of(mark: Path, root: Path) -> str:
    """The output that a mark of Snakemake stands for: its path in base64, split at '@'."""
    parts = mark.relative_to(root / SNAKEMAKE / "incomplete").parts
    encoded = "".join(part.removeprefix("@") for part in parts)
    try:
        return base64.urlsafe_b64decode(encoded).decode(errors="replace")
    except binascii.Error:
        return ""


def _drop_unreadable(folder: Path) -> None:
    """Remove what Snakemake could not read of its records; what they are of is judged by seals."""
    for path in _files(folder):
        try:
            readable = isinstance(json.loads(path.read_bytes()), dict)
        except (OSError, ValueError):
            readable = False
        if not readable:
            path.unlink(missing_ok=True)
