"""The page over all studies: what it shows of each, where they disagree, that it is not stale."""

import json
from pathlib import Path

import pytest

from aimcsim.common.errors import UserError
from aimcsim.report import front, site
from aimcsim.report.pages import PAGES
from aimcsim.study.claims import CLAIMS, NOT_MEASURED
from tests.report.browser import check_links, check_site, require
from tests.report.test_methods import build
from tests.study.example import make

ABOUT = {
    "title": "A study", "answer": ["GDP is better."], "subject": "GDP", "setting": "floor 2",
    "settings": 9, "weight_sets": 4, "chips": 5, "runs": 180, "revision": "abc",
    "pages": {"index.html": "Programming"},
}  # fmt: skip


def claim(name: str, verdict: str = "holds", value: float | None = 0.5, **changes) -> dict:
    low, high = (None, None) if value is None else (value - 0.1, value + 0.1)
    return {
        "id": name, "statement": f"Statement of {name}: a number", "verdict": verdict,
        "value": value, "low": low, "high": high, "unit": "1", "reason": f"Reason of {name}.",
    } | changes  # fmt: skip


def report(folder: Path, name: str, claims: list[dict], **changes) -> Path:
    """What the front door reads of a report."""
    data = folder / name / "data"
    data.mkdir(parents=True)
    ids = "".join(f'<p id="claim-{one["id"]}">' for one in claims)
    (folder / name / "index.html").write_text(f'{ids}<p id="agnosticism">')
    (data / "claims.json").write_text(json.dumps(claims))
    (data / front.ABOUT).write_text(json.dumps(ABOUT | changes))
    return folder / name


def written(folder: Path):
    """The page, parsed, with its text in one line."""
    front.write(folder / "index.html", site._environment(site.TEMPLATES, []))
    page = check_links(folder / "index.html")
    return page, " ".join(page.text.split())


def test_every_claim_of_every_study_is_there_with_its_number(tmp_path):
    one = [claim("C1", value=0.4), claim("C1t", value=0.8), claim("C2", value=1.0, unit="%")]
    report(tmp_path, "large", [*one, claim("C5", NOT_MEASURED, None)], weight_sets=9)
    report(tmp_path, "small", [claim("C1", value=0.7), claim("C2", NOT_MEASURED, None)])
    page, text = written(tmp_path)
    assert text.index("large as published 0.400 (0.300 to 0.500)") < text.index(
        "small as published 0.700 (0.600 to 0.800)"
    )
    assert "large at equal time 0.800 (0.700 to 0.900)" in text
    assert "C2 (one setting for all weights) holds in large;" in text
    assert "Not measured by small." in text
    assert "C5 (many cores without further tuning) not measured yet." in text
    assert "GDP: floor 2 4 weight sets, 5 chips, 9 settings not measured 0.700" in text
    assert {"large/index.html#claim-C1", "large/index.html#claim-C1t", "small/index.html"} <= set(
        page.targets
    )


def test_where_studies_disagree_both_are_shown(tmp_path):
    report(tmp_path, "a", [claim("C3")], weight_sets=9)
    report(tmp_path, "b", [claim("C3", "fails", 1.2)])
    _, text = written(tmp_path)
    assert f"C3: {CLAIMS['C3'].title} disagree" in text
    assert "holds in a, fails in b" in text
    assert "1.20 (1.10 to 1.30)" in text


def test_a_claim_of_another_version_has_a_heading_too(tmp_path):
    report(tmp_path, "a", [claim("C77")])
    assert "C77: Statement of C77 holds" in written(tmp_path)[1]


def test_every_claim_has_a_title_to_be_shown_by():
    assert all(CLAIMS[name].title for name in CLAIMS if name[-1].isdigit())


@pytest.mark.parametrize(
    ("file", "content"),
    [("claims.json", "[{"), ("study.json", "{}"), ("study.json", None), ("study.json", "[1]")],
)
def test_a_report_that_cannot_be_read_is_named_and_stops_no_other(tmp_path, file, content):
    path = report(tmp_path, "broken", [claim("C1")]) / "data" / file
    path.unlink() if content is None else path.write_text(content)
    report(tmp_path, "whole", [claim("C1")])
    _, text = written(tmp_path)
    assert file in text.split("Studies")[-1]
    assert "Delete" in text
    assert "holds in whole" in text


def test_names_are_shown_and_not_obeyed(tmp_path):
    report(tmp_path, "a <b> & c", [claim("C1", reason="<script>alert(1)</script>")])
    page, text = written(tmp_path)
    assert page.scripts == 1  # of the tables
    assert "a <b> & c" in text
    assert "a%20%3Cb%3E%20%26%20c/index.html#claim-C1" in page.targets


def test_what_is_no_report_is_left_out(tmp_path):
    report(tmp_path, ".default.building-1", [claim("C1")])
    report(tmp_path, "half", [claim("C1")]).joinpath("index.html").unlink()
    (tmp_path / "source").mkdir()
    assert "No study beside this page has judged a claim." in written(tmp_path)[1]


def test_a_report_that_comes_while_the_page_is_written_is_not_lost(tmp_path, monkeypatch):
    """Two runs at once: whichever writes last has seen both reports."""
    report(tmp_path, "first", [claim("C1")])
    write, texts = front.write_if_changed, []

    def interrupted(path, text):
        if not texts:
            report(tmp_path, "second", [claim("C1")])
        texts.append(text)
        write(path, text)

    monkeypatch.setattr(front, "write_if_changed", interrupted)
    _, text = written(tmp_path)
    assert "second" not in texts[0]
    assert "holds in first and second" in text


def test_a_page_that_says_the_same_keeps_its_time_and_a_strangers_its_content(tmp_path):
    report(tmp_path, "a", [claim("C1")])
    written(tmp_path)
    before = (tmp_path / "index.html").stat().st_mtime_ns
    written(tmp_path)
    assert (tmp_path / "index.html").stat().st_mtime_ns == before
    (tmp_path / "index.html").write_text("<p>years of work")
    with pytest.raises(UserError, match=r"index\.html"):
        written(tmp_path)
    assert (tmp_path / "index.html").read_text() == "<p>years of work"


@pytest.mark.browser
def test_a_study_and_the_front_door_lead_to_each_other(tmp_path, monkeypatch):
    require()
    monkeypatch.setattr(PAGES, "_items", {"programming": PAGES["programming"]})
    door = tmp_path / "index.html"
    build(tmp_path, make(weight_sets=2, cores=2, network=False, bootstrap=50), front=door)
    assert check_links(tmp_path / "report" / "index.html").targets.count("../index.html") == 1
    assert "report/index.html" in check_links(door).targets
    told = json.loads((tmp_path / "report" / "data" / front.ABOUT).read_text())
    assert (told["weight_sets"], told["chips"], told["settings"]) == (2, 2, 12)
    assert told["setting"] in door.read_text()
    check_site(door, accessible=["index.html"])
