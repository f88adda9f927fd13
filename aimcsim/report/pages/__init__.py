"""The pages of a site, by topic: one package each.

A page of the project is a class in ``pages/<topic>/page.py`` that registers itself; its template
``<file>.j2`` lies in ``aimcsim/report/templates`` or beside that module. The site has whatever is
registered, in the order that the pages state: nothing else is to be edited.
"""

from aimcsim.common.registry import Registry
from aimcsim.report.elements import Page

PAGES: Registry[type[Page]] = Registry("page", "aimcsim.report.pages", Page)
