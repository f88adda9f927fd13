"""The registry of pages: a page is one file, and a user's own is one too."""

import pytest

from aimcsim.common.errors import UserError
from aimcsim.common.storage import write_dataset, write_text
from aimcsim.report import site
from aimcsim.report.elements import Page
from aimcsim.report.pages import PAGES
from tests.report.browser import check_links
from tests.report.test_methods import ROOT
from tests.study.example import make

OWN = '''
from aimcsim.report.elements import Page


class Runs(Page):
    """How many runs the study has."""

    file = "runs.html"
    label = "Runs"
    order = 15

    @classmethod
    def context(cls, material):
        return {"count": material.study.summary.sizes["run"], "figures": {}, "tables": {}}
'''
TEMPLATE = """{% extends "base.html.j2" %}
{% block main %}<h1>{{ count }} runs, {{ subject }} against {{ baseline }}</h1>{% endblock %}
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A page of the user's own, for one test, beside the first."""
    monkeypatch.setattr(PAGES, "_items", {"programming": PAGES["programming"]})
    # The registry knows a file by what it holds: each test has one of its own.
    write_text(tmp_path / "mine.py", f"# {tmp_path.name}{OWN}")
    return PAGES[f"{tmp_path / 'mine.py'}:Runs"]


def build(folder):
    write_dataset(make(weight_sets=1, network=False), folder / "summary.nc")
    write_text(folder / "claims.json", "[]")
    templates = ROOT / "aimcsim" / "report" / "templates"
    site.build(folder / "summary.nc", folder / "claims.json", templates, folder / "site")
    return folder / "site"


def test_every_page_has_its_own_file_and_place():
    pages = list(PAGES.values())
    assert all(issubclass(page, Page) for page in pages)
    assert len({page.file for page in pages}) == len({page.order for page in pages}) == len(pages)
    first = min(pages, key=lambda page: page.order)
    assert (first.file, first.needs) == ("index.html", None)


def test_a_page_of_the_users_own_stands_in_the_site(own, tmp_path):
    write_text(tmp_path / "runs.html.j2", TEMPLATE)
    output = build(tmp_path)
    page = check_links(output / "runs.html")
    assert "13 runs, GDP against iterative programming" in page.text
    text = (output / "index.html").read_text()
    assert 'href="runs.html">Runs</a>' in text
    # Built again, the folder is still known as a report; so it is without the page.
    build(tmp_path)
    PAGES._items.popitem()
    assert not (build(tmp_path) / "runs.html").exists()


def test_a_page_without_its_template_is_named(own, tmp_path):
    with pytest.raises(UserError, match=r"runs\.html\.j2.*'Runs'"):
        build(tmp_path)
    assert not (tmp_path / "site").exists()


def test_a_page_is_there_where_its_dataset_is(own, tmp_path, monkeypatch):
    write_text(tmp_path / "runs.html.j2", TEMPLATE)
    monkeypatch.setattr(own, "needs", "counts")
    assert not (build(tmp_path) / "runs.html").exists()


def test_two_pages_of_one_file_are_refused(own, tmp_path, monkeypatch):
    write_text(tmp_path / "cost.html.j2", TEMPLATE)
    monkeypatch.setattr(own, "file", "index.html")
    with pytest.raises(ValueError, match=r"index\.html"):
        build(tmp_path)


def test_a_page_of_another_stranger_is_never_replaced(tmp_path):
    (tmp_path / "site").mkdir()
    write_text(tmp_path / "site" / "notes.html", "<p>years of work</p>")
    with pytest.raises(UserError, match=r"notes\.html"):
        build(tmp_path)
