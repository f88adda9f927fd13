"""A place for what the compiler keeps on disk, where the usual ones are not writable."""

import os
import tempfile
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def provide() -> None:
    """Have compiled kernels kept in the temporary folder if neither package nor HOME take them.

    To be called before the compiler is imported. The folder is the user's own, for what lies in it
    is executed.
    """
    usual = PACKAGE / "kernels" / "__pycache__", _home()
    if "NUMBA_CACHE_DIR" in os.environ or any(map(_takes_files, usual)):
        return
    try:
        folder = Path(tempfile.gettempdir()) / f"aimcsim-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        if folder.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o022:
            folder = Path(tempfile.mkdtemp(prefix="aimcsim-"))
    except OSError:
        return  # the compiler says what it lacks
    os.environ["NUMBA_CACHE_DIR"] = str(folder)


def _home() -> Path:
    """The user's folder for caches."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))


def _takes_files(folder: Path) -> bool:
    """Whether ``folder`` is writable, or can be made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
