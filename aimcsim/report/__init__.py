"""The static HTML report of a study: tables, figures, page.

Figures are drawn without a window, and look alike whatever the user has set for figures of their
own: a backend that is named in the environment (a notebook's) may not even be there, and reading
its name is the first thing that matplotlib does.
"""

import os


def _import_matplotlib() -> None:
    """As if the environment named no backend; it does again afterwards."""
    named = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib  # noqa: F401
    finally:
        if named is not None:
            os.environ["MPLBACKEND"] = named


_import_matplotlib()
