"""The pages of a site. A new page: a module here, a template of its name, and its line below.

Each makes its page from the same :class:`~aimcsim.report.elements.Material`, or returns None where
the study does not have it. Its template is ``<file>.j2`` and extends ``base.html.j2``.
"""

from collections.abc import Callable

from aimcsim.report.elements import Material, Page
from aimcsim.report.pages.accuracy import page as accuracy
from aimcsim.report.pages.comparison import page as comparison
from aimcsim.report.pages.cost import page as cost
from aimcsim.report.pages.cost import refresh_page as refresh
from aimcsim.report.pages.error_budget import page as split
from aimcsim.report.pages.laws import page as laws
from aimcsim.report.pages.programming import page as index

PAGES: dict[str, Callable[[Material], Page | None]] = {
    "index.html": index.page,
    "accuracy.html": accuracy.page,
    "split.html": split.page,
    "comparison.html": comparison.page,
    "cost.html": cost.page,
    "refresh.html": refresh.page,
    "laws.html": laws.page,
}
"""Files of the site in the order of the navigation."""
