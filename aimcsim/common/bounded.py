"""Reading that ends: damaged bytes can keep the HDF5 library busy for ever, or end the process."""

import subprocess
import sys
from pathlib import Path

from aimcsim.common.errors import UserError

SECONDS = 10.0
"""Of processor time for a small file."""
BYTES_PER_SECOND = 5e6
"""Slower reads no machine, compressed or not."""
_PATIENCE = 600.0
"""Seconds of waiting, for a disk that does not answer."""
_READ = """
import resource, sys
path, seconds, memory = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
import netCDF4
try:
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
except (ValueError, OSError):  # not on every system
    pass

def read(group):
    group.__dict__
    for variable in group.variables.values():
        variable.__dict__
        variable.set_auto_maskandscale(False)
        variable[...]
    for inner in group.groups.values():
        read(inner)

try:
    with netCDF4.Dataset(path) as file:
        read(file)
except MemoryError:
    sys.exit(3)
"""
_TOO_LARGE = 3


def require_readable(path: Path, seconds: float = SECONDS) -> None:
    """Read a netCDF file of unknown origin in a process of its own first.

    What that process can read, or refuses with an error, this one can too. Twice the time of a
    read; files that the workflow wrote need it not, they have a seal (:mod:`.seals`).

    Raises
    ------
    UserError
        Reading does not end, ends the process, or takes more memory than there is.
    """
    import psutil

    seconds += path.stat().st_size / BYTES_PER_SECOND
    limits = [str(int(seconds) + 1), str(psutil.virtual_memory().total)]
    try:
        done = subprocess.run(
            [sys.executable, "-c", _READ, str(path), *limits],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE + seconds,
        )
    except subprocess.TimeoutExpired:
        raise UserError(_damaged(path, "reading does not end")) from None
    if done.returncode == _TOO_LARGE:
        raise UserError(_damaged(path, "it asks for more memory than there is"))
    if done.returncode < 0:
        raise UserError(_damaged(path, "reading does not end, or ends the process"))


def _damaged(path: Path, reason: str) -> str:
    return (
        f"{path}: not readable as netCDF ({reason}). The file is damaged; restore it, or delete it "
        "if the workflow made it, and run again."
    )
