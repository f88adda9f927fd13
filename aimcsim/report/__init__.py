"""The static HTML report of a study: tables, figures, page.

Figures look alike whatever the user has set for figures of their own. As matplotlib is imported, it
takes a backend from the environment (a notebook's may not even be there), settings from the working
folder and the user's, and, if these say so, the user's locale for the whole process.
"""

import contextlib
import os
from importlib.util import find_spec
from pathlib import Path


def _import_matplotlib() -> None:
    """In the folder of its own settings, where it looks first, and with no backend named."""
    spec = find_spec("matplotlib")
    assert spec is not None
    assert spec.origin is not None
    named = os.environ.pop("MPLBACKEND", None)
    try:
        with contextlib.chdir(Path(spec.origin).parent / "mpl-data"):
            import matplotlib  # noqa: F401
    finally:
        if named is not None:
            os.environ["MPLBACKEND"] = named


_import_matplotlib()
