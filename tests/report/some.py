"""Sites of a few of their pages: the others take most of the time, and are not what is looked at.

Whole sites are built in test_site.py and test_browser.py, in test_accuracy_page.py with a network,
in test_comparison_page.py with cases, and by the real workflow.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from aimcsim.report.pages import PAGES


@contextmanager
def only(*names: str) -> Iterator[None]:
    """Sites that are built inside have the pages called ``names``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PAGES, "_items", {name: PAGES[name] for name in names})
        yield
