"""The page of every core: its order, its numbers, and the runs that failed."""

import json

import numpy as np
import pandas as pd
import pytest

from aimcsim.report.marks import marks_of
from aimcsim.report.pages.cores.page import answer
from aimcsim.report.pages.cores.tables import cores_table, every_core, failed, failed_table
from aimcsim.report.study import Study
from aimcsim.study.failures import KINDS, failures
from tests.report.browser import check_links, check_site, require
from tests.report.some import only
from tests.report.test_methods import build
from tests.study.example import make


def spoiled():
    """The example with one run of each kind of failure, and a diverged region."""
    summary = make(bootstrap=20)
    summary["mvm_error"][1, 0, 2, 5] = np.nan
    summary["tuning_pulses"] = summary["pulses"].copy()
    summary["tuning_pulses"][0, 0, 1, 7] = 0
    summary["mvm_saturation"] = summary["saturation"].copy()
    summary["mvm_saturation"][2, 0, 0, 8] = 0.02
    return summary


@pytest.fixture(scope="module")
def study():
    return Study.of(spoiled())


def test_every_core_is_there_and_the_worst_is_first(study):
    data, summary = every_core(study, marks_of(study)), study.summary
    assert data.sizes["row"] == int((summary["status"] >= 0).any("run").sum())
    error = data["error_gdp"].values
    assert (np.diff(error) <= 0).all()
    row = 4
    at = {"tile": int(data["tile"][row]), "core": int(data["chip"][row])}
    index = study.result.weight_sets.index(str(data["weight_set"].values[row]))
    cell = summary["mvm_error"].isel(weight_set=index, **at).values
    chosen = {name: int(study.result.runs[name][index]) for name in ("gdp", "iterative")}
    assert error[row] == cell[chosen["gdp"]]
    assert data["ratio"].values[row] == cell[chosen["gdp"]] / cell[chosen["iterative"]]


def test_a_core_without_a_finite_error_is_the_worst():
    summary = make(bootstrap=20)
    best = Study.of(summary).result.runs["gdp"][1]
    summary["mvm_error"][1, 0, 3, int(best)] = np.nan
    study = Study.of(summary)
    assert study.result.runs["gdp"][1] == best  # chosen on the other sets: it stays
    data = every_core(study, marks_of(study))
    assert (str(data["weight_set"].values[0]), int(data["chip"][0])) == ("uniform", 3)
    assert cores_table(study, data, marks_of(study)).rows[0][4] == "unlimited"


def test_each_kind_of_failure_is_found_where_it_is(study):
    found = failures(study.summary)
    assert list(found["kind"].values) == list(KINDS)
    assert found.sel(kind="unlimited").sum() == 1
    assert bool(found.sel(kind="unlimited")[1, 0, 2, 5])
    idle = found.sel(kind="idle")
    assert idle.sum() == 1
    assert bool(idle[0, 0, 1, 7])
    assert bool(found.sel(kind="saturated")[2, 0, 0, 8])
    assert found.sel(kind="saturated").sum() == 1
    diverged = (study.summary["status"] == 3).sum()
    assert found.sel(kind="diverged").sum() == diverged > 0


def test_settings_are_listed_by_the_share_that_failed(study):
    data = failed(study)
    table = failed_table(data, marks_of(study))
    shares = [int(row[3]) / int(row[2]) for row in table.rows]
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] > 0
    sentences = answer(study, every_core(study, marks_of(study)), data, marks_of(study))
    assert f"{int(data['failed_at_all'].sum())} of {int(data['runs'].sum())} runs" in sentences[-1]


@pytest.mark.browser
def test_the_page_is_whole_and_its_tables_sort(tmp_path):
    require()
    from tests.report.browser import chromium

    with only("programming", "cores", "explore"):
        output = build(tmp_path, spoiled())
    text = " ".join(check_links(output / "cores.html").text.split())
    assert "more than 1 % of its conversions saturated" in text
    assert len(pd.read_csv(output / "data" / "every_core.csv")) == 30
    check_site(output / "index.html", accessible=[f"{name}.html" for name in ("cores", "explore")])

    with chromium() as driver:
        driver.get((output / "cores.html").as_uri())
        column = "return [...document.querySelectorAll('table.every_core tbody tr')].map(row => row"
        heads = driver.find_elements("css selector", "table.every_core th[scope=col]")
        place = [head.text for head in heads].index("GDP / iterative programming")
        for order, step in (("ascending", 1), ("descending", -1)):
            heads[place].find_element("tag name", "button").send_keys("\n")
            assert heads[place].get_attribute("aria-sort") == order
            values = driver.execute_script(f"{column}.cells[{place}].textContent)")
            numbers = [float(value) for value in values]
            assert numbers == sorted(numbers, reverse=step < 0)

        # Rows under one name are told apart before they are sorted.
        driver.get((output / "index.html").as_uri())
        rows = (
            "return [...document.querySelectorAll('table.outcomes tbody tr')].map(r => r.innerText)"
        )
        before = driver.execute_script(rows)
        driver.find_element("css selector", "table.outcomes th:nth-child(3) button").click()
        after = driver.execute_script(rows)
        assert len(after) == len(before)
        assert all(row.split()[0] in (*make().weight_set.values, "all") for row in after)
    assert json.loads((output / "data" / "study.json").read_text())["pages"]["cores.html"]
