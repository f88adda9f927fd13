"""The page of the comparisons says what its data say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aimcsim.common.storage import write_dataset, write_text
from aimcsim.report.marks import marks_of
from aimcsim.report.pages.comparison import tables as data
from aimcsim.report.pages.comparison.page import lost_runs, told
from aimcsim.report.site import build
from aimcsim.report.study import Study
from aimcsim.study.comparison import compare
from aimcsim.study.intervals import mean_interval
from aimcsim.study.measures import options
from tests.report.browser import check_site
from tests.study import example
from tests.study.test_comparison import study, summaries

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def joined():
    config = study(values=(5, 8, 10))
    return compare(config, summaries(config))


@pytest.fixture
def adc(joined):
    return data.compared(joined, options(joined))[0]


def test_errors_are_means_over_the_cores_of_the_case(joined):
    _, cells = data.compared(joined, options(joined))
    assert cells.weight_sets == ["uniform"]
    few = cells.errors.sel(name="few", weight_set="uniform", programmed_by="gdp")
    cores = few["error_cores"].dropna("core").values
    assert len(cores) == 3
    expected = mean_interval(cores, options(joined).level)
    np.testing.assert_allclose([few["error"], few["error_low"], few["error_high"]], expected)


def test_numeric_comparisons_are_told_from_named_ones(joined):
    adc, cells = data.compared(joined, options(joined))
    assert adc.numeric
    assert adc.unit == "bits"
    assert not cells.numeric


@pytest.mark.parametrize(
    ("iterative", "gdp", "words"),
    [(3.0, 1.0, "more slowly, by 2.00 points"), (1.0, 3.0, "grows faster, by 2.00 points")],
)
def test_growth_is_stated_either_way(joined, adc, iterative, gdp, words):
    errors = adc.errors.copy(deep=True)
    for name in ("error", "error_cores"):
        errors[name] = errors[name].transpose("name", "programmed_by", ...)
        errors[name][:] = 10.0
        errors[name][-1, 0], errors[name][-1, 1] = 10 + iterative, 10 + gdp
    changed = replace(adc, errors=errors, over_time=None, programming_error=None)
    whole = Study.of(example.make())
    assert words in " ".join(told(changed, whole, marks_of(whole)))


def test_diverged_runs_are_named(adc):
    marks = marks_of(Study.of(example.make()))
    assert lost_runs(adc, marks) == []
    adc.errors["diverged"].loc[{"name": "8", "weight_set": "uniform", "programmed_by": "gdp"}] = 2
    assert "2 of GDP at 8" in lost_runs(adc, marks)[0]


@pytest.fixture(scope="module")
def site(joined, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    write_dataset(example.make(), folder / "summary.nc")
    write_dataset(joined, folder / "comparison.nc")
    write_text(folder / "claims.json", "[]")
    build(
        folder / "summary.nc",
        folder / "claims.json",
        ROOT / "aimcsim" / "report" / "templates",
        folder / "site",
        [folder / "comparison.nc"],
    )
    return folder / "site"


def test_every_comparison_has_its_section_figure_and_data(site):
    text = (site / "comparison.html").read_text()
    for name in ("adc", "cells"):
        assert f'<section id="{name}">' in text
        assert (site / "figures" / f"compare_{name}.svg").is_file()
        assert (site / "data" / f"compare_{name}.csv").is_file()
    assert (site / "figures" / "compare_cells.programming_error.svg").is_file()
    assert 'href="comparison.html"' in (site / "index.html").read_text()


@pytest.mark.browser
def test_page_in_a_browser(site):
    check_site(site / "index.html", accessible=["comparison.html"])
