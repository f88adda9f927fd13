"""The report in a real headless Chromium."""

import json
from pathlib import Path

import pytest

from aimcsim.common.storage import write_dataset
from aimcsim.report import site
from aimcsim.study.claims import claims
from aimcsim.validation import dataset as laws
from tests.report.browser import check_site, require
from tests.report.some import only
from tests.study.example import make

pytestmark = pytest.mark.browser
TEMPLATES = Path(__file__).parents[2] / "aimcsim" / "report" / "templates"


def _site(folder: Path, *further: Path, **options) -> Path:
    summary = make(**options)
    write_dataset(summary, folder / "summary.nc")
    (folder / "claims.json").write_text(json.dumps(claims(summary), allow_nan=False))
    paths = folder / "summary.nc", folder / "claims.json", TEMPLATES, folder / "report"
    site.build(*paths, further)
    return folder / "report" / "index.html"


@pytest.fixture(autouse=True)
def _browser():
    require()


@pytest.mark.parametrize(
    "options",
    [{}, {"weight_sets": 1, "cores": 1, "network": False, "thresholds": (2.0,), "floors": (2.0,)}],
    ids=["usual", "one of everything"],
)
def test_the_page_is_whole_in_a_browser(options, tmp_path):
    check_site(_site(tmp_path, **options), accessible=[] if options else ["index.html"])


def test_every_page_of_a_site_is_checked(tmp_path):
    write_dataset(laws.build(1, (16, 24)), tmp_path / "laws.nc")
    index = _site(
        tmp_path,
        tmp_path / "laws.nc",
        weight_sets=1,
        network=False,
        times=(),
        programming_error=False,
    )
    check_site(index, accessible=["laws.html"])
    (index.parent / "figures" / "laws_drift.svg").write_text("not a drawing")
    with pytest.raises(AssertionError, match=r"laws_drift\.svg: not drawn"):
        check_site(index)
    (index.parent / "lost.html").write_text("<title>Lost</title>")
    with pytest.raises(AssertionError, match=r"does not lead to .*lost\.html"):
        check_site(index)


@pytest.fixture
def alone():
    """A site of its first page alone."""
    with only("programming"):
        yield


def _break(index: Path, old: str, new: str) -> None:
    text = index.read_text(encoding="utf-8")
    assert old in text
    index.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('href="#claims"', 'href="#nowhere"', "leads nowhere"),
        ('href="data/claims.json"', 'href="data/lost.json"', "leads nowhere"),
        ("</main>", "<p style='width:900px'>wide</p></main>", "pixels wide"),
        ("</main>", "<script>console.error('bad')</script></main>", "console"),
        ("</main>", "<script>fetch('https://127.0.0.1:9/x').catch(e=>0)</script></main>", "127"),
        ("</main>", "<script>document.write('only with script')</script></main>", "JavaScript"),
    ],
    ids=["fragment", "file", "width", "console", "network", "script"],
)
def test_the_checks_find_what_they_look_for(old, new, complaint, alone, tmp_path):
    index = _site(tmp_path, weight_sets=1, cores=2, network=False, thresholds=(2.0,), floors=(2.0,))
    _break(index, old, new)
    with pytest.raises(AssertionError, match=complaint):
        check_site(index)


def test_an_undrawable_figure_is_found(alone, tmp_path):
    index = _site(tmp_path, weight_sets=1, cores=2, network=False, thresholds=(2.0,), floors=(2.0,))
    (index.parent / "figures" / "cost.svg").write_text("not a drawing")
    with pytest.raises(AssertionError, match="not drawn"):
        check_site(index)
