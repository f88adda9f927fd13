"""After a kill: make the plain command work again.

Snakemake leaves its directory locked when it is killed (SIGKILL, power loss), and asks for
``--unlock`` and ``--rerun-incomplete``. A run notes its process beside the locks; a later run that
finds the noted process gone, on the same machine, does both by itself. A lock whose owner lives,
or is on another machine, or is unknown, stays.
"""

import base64
import binascii
import json
import os
import platform
from pathlib import Path

import psutil

SNAKEMAKE = Path(".snakemake")
OWNER = SNAKEMAKE / "aimcsim-owner.json"


def recover_from_kill(root: Path = Path()) -> bool:
    """Clear what a run that no longer exists has left behind; True if there was anything.

    Its locks go, and with them the outputs of the jobs that it had under way: they are whole
    (outputs are renamed into place), but Snakemake had not yet noted what they were made from.
    """
    locks = sorted((root / SNAKEMAKE / "locks").glob("*.lock"))
    if not locks or not _owner_is_gone(root / OWNER):
        return False
    for marker in sorted((root / SNAKEMAKE / "incomplete").rglob("*")):
        if marker.is_file():
            output = _output_of(marker.relative_to(root / SNAKEMAKE / "incomplete"))
            if output is not None and not output.is_absolute():
                (root / output).unlink(missing_ok=True)
            marker.unlink()
    for lock in locks:
        lock.unlink(missing_ok=True)
    return True


def note_owner(root: Path = Path()) -> None:
    """Note this process as the one that holds the locks."""
    process = psutil.Process()
    owner = {"host": platform.node(), "pid": process.pid, "started": process.create_time()}
    path = root / OWNER
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps(owner))
    os.replace(temporary, path)


def _owner_is_gone(path: Path) -> bool:
    try:
        owner = json.loads(path.read_text())
        if owner["host"] != platform.node():
            return False
        return psutil.Process(owner["pid"]).create_time() != owner["started"]
    except psutil.NoSuchProcess:
        return True
    except (OSError, ValueError, KeyError, psutil.AccessDenied):
        return False


def _output_of(marker: Path) -> Path | None:
    """The output that a marker of Snakemake stands for: its path in base64, split at '@'."""
    encoded = "".join(part.removeprefix("@") for part in marker.parts)
    try:
        return Path(base64.urlsafe_b64decode(encoded).decode())
    except (binascii.Error, UnicodeDecodeError):
        return None
