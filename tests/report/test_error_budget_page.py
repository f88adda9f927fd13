"""The page of the error budget, on synthetic studies: its numbers, its absence, its markup."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aimcsim.common.storage import write_dataset
from aimcsim.report import site
from aimcsim.study.claims import claims
from tests.report.browser import check_links, check_site, require
from tests.report.some import only
from tests.study.error_budget_example import CONVERTERS, READ_NOISE, SEEN, with_error_budget
from tests.study.example import make

TEMPLATES = Path(__file__).parents[2] / "aimcsim" / "report" / "templates"
CASES = {
    "usual": {},
    "one of everything": {
        "weight_sets": 1, "cores": 1, "network": False, "thresholds": (2.0,), "floors": (2.0,),
    },
    "no times": {"times": ()},
    "wires and stuck devices": {"wires": 2.0, "stuck": 0.3},
    "many": {"weight_sets": 30, "bootstrap": 100},
}  # fmt: skip


def build(folder: Path, summary) -> Path:
    write_dataset(summary, folder / "summary.nc")
    (folder / "claims.json").write_text(json.dumps(claims(summary), allow_nan=False))
    site.build(folder / "summary.nc", folder / "claims.json", TEMPLATES, folder / "report")
    return folder / "report"


@pytest.fixture
def alone():
    """A site of this page alone, which takes a tenth of the time."""
    with only("error_budget"):
        yield


def words(page) -> str:
    return " ".join(page.text.split())


@pytest.mark.parametrize("case", CASES)
def test_every_case_is_whole(case, alone, tmp_path):
    output = build(tmp_path, with_error_budget(**CASES[case]))
    page = check_links(output / "error_budget.html")
    assert page.scripts == 1  # of the tables
    assert [image["src"] for image in page.images] == ["figures/error_budget.svg"]
    assert len(page.images[0]["alt"]) < 4000
    assert not re.search(r"\b(nan|inf|none|undefined)\b", words(page), re.IGNORECASE)
    assert ("later" in page.ids) == (case != "no times")
    assert (output / "data" / "error_budget_over_time.csv").exists() == (case != "no times")
    assert ("Wires" in words(page)) == (case == "wires and stuck devices")
    assert ("stuck device" in words(page)) == (case == "wires and stuck devices")


@pytest.mark.parametrize("time", [None, 86400.0])
def test_where_targets_for_a_time_to_come_count_is_told(alone, tmp_path, time):
    summary = with_error_budget()
    config = json.loads(summary.attrs.get("config", "{}"))
    config["core"] = config.get("core", {}) | {"target_time": time}
    summary.attrs["config"] = json.dumps(config)
    text = words(check_links(build(tmp_path, summary) / "error_budget.html"))
    assert ("Targets are for 1 day after programming" in text) == (time is not None)


def test_the_opening_sentence_has_the_shares_of_the_summary(alone, tmp_path):
    """One weight set of one tile, one setting: shares by hand."""
    summary = with_error_budget(weight_sets=1, network=False, thresholds=(2.0,), floors=(2.0,))
    text = words(check_links(build(tmp_path, summary) / "error_budget.html"))
    squares = np.square(SEEN * summary["held_error"].values[0, 0])  # (core, run)
    shares = 100 * squares / (squares + READ_NOISE**2 + CONVERTERS**2)
    found = re.search(
        r"largest share of the squared MVM error is what programming leaves: ([\d.]+) % "
        r"\(([\d.]+) to ([\d.]+)\) after iterative programming, ([\d.]+) % ",
        text,
    )
    assert found
    assert float(found[1]) == pytest.approx(shares[:, 0].mean(), abs=0.051)
    assert float(found[4]) == pytest.approx(shares[:, 1].mean(), abs=0.051)
    assert float(found[2]) < float(found[1]) < float(found[3])


def test_methods_may_differ_in_their_largest_share(alone, tmp_path):
    summary = with_error_budget()
    part = summary["error_budget_of_state"]
    part[:, :, :, 1:, 2] = part[:, :, :, 1:, 2] * 0.1
    text = words(check_links(build(tmp_path, summary) / "error_budget.html"))
    assert re.search(
        r"is what programming leaves: [\d.]+ % \([^)]*\) after iterative programming; "
        r"the devices’ read noise: [\d.]+ % \([^)]*\) after GDP\.",
        text,
    )


def test_data_behind_the_page_equal_the_summary(alone, tmp_path):
    summary = with_error_budget(weight_sets=2, network=False, thresholds=(2.0,), floors=(2.0,))
    table = pd.read_csv(build(tmp_path, summary) / "data" / "error_budget.csv")
    own = table[(table["programmed_by"] == "gdp") & (table["weight_set"] == "uniform")]
    own = own.set_index("row")["error [percent]"]
    expected = summary["held_error"].sel(weight_set="uniform").values[0, :, 1].mean()
    assert own["programming"] == pytest.approx(expected, rel=1e-5)
    assert own["read_noise"] == pytest.approx(READ_NOISE)


def test_a_study_without_an_error_budget_has_no_such_page(tmp_path):
    with only("programming", "error_budget"):
        output = build(tmp_path, make())
    assert not (output / "error_budget.html").exists()
    assert "error_budget.html" not in check_links(output / "index.html").targets


def test_a_diverged_run_is_unlimited_and_has_no_share(alone, tmp_path):
    summary = with_error_budget()
    summary["error_budget_of_state"][1, 0, 2, 1:, 2:] = np.nan
    page = check_links(build(tmp_path, summary) / "error_budget.html")
    assert "has no shares: some run has diverged" in words(page)
    assert "unlimited" in words(page)
    assert not re.search(r"\bnan\b", words(page), re.IGNORECASE)


def test_further_methods_have_their_own_marks_and_columns(alone, tmp_path):
    summary = with_error_budget(weight_sets=2, network=False, passes=(4.0,))
    page = check_links(build(tmp_path, summary) / "error_budget.html")
    assert re.search(r"[\d.]+ % \([^)]*\) after Hadamard, ", words(page))
    table = pd.read_csv(tmp_path / "report" / "data" / "error_budget_mean.csv")
    assert set(table["programmed_by"]) == {"iterative", "hadamard", "gdp"}


@pytest.mark.browser
def test_the_page_is_whole_in_a_browser(tmp_path):
    require()
    with only("programming", "error_budget"):
        output = build(tmp_path, with_error_budget(wires=2.0, stuck=0.3))
    check_site(output / "index.html", accessible=["error_budget.html"])
