"""The map says where the subject wins, as its data do."""

from pathlib import Path

import numpy as np
import pytest

from aimcsim.common.storage import write_dataset, write_text
from aimcsim.config.load import cases, from_mapping
from aimcsim.report.marks import marks_of
from aimcsim.report.pages.map.page import answer, counts, told
from aimcsim.report.pages.map.tables import grids
from aimcsim.report.site import build
from aimcsim.report.study import Study
from aimcsim.study.comparison import compare
from tests.report.browser import check_site
from tests.report.some import only
from tests.study import example

ROOT = Path(__file__).resolve().parents[2]
NOISES, READS = [0.0, 0.1, 0.5], [0.0, 0.04]
SETS = ("gaussian", "uniform", "ternary")


def config():
    grid = {"periphery.adc_noise": NOISES, "device.read_noise": READS}
    return from_mapping(
        {
            "cores": 5,
            "weights": {name: {"kind": "gaussian"} for name in SETS},
            "compare": {
                "noise": {"title": "noises", "grid": grid},
                "bits": {"keys": ["periphery.adc_bits"], "values": [5, 10]},
            },
        }
    )


@pytest.fixture(scope="module")
def joined():
    """GDP loses at the smallest noise of a conversion; at the largest nothing else is as cheap."""
    found, study = {}, config()
    for case in cases(study):
        first, _ = case.value if isinstance(case.value, tuple) else (0.1, 0.0)
        summary = example.make(weight_sets=3, network=False, passes=(1, 4), seed=3)
        own = summary["method"] == "gdp"
        factor = {0.0: 3.0, 0.1: 0.5, 0.5: 1.0}[first]
        summary["mvm_error"] = summary["mvm_error"] * np.where(own, factor, 1.0)
        dear = 2.0 if first == 0.5 else 0.5
        costs = {"iterative": dear, "hadamard": dear}
        found[case.label] = example.with_cost(summary, costs)
    return compare(study, found)


@pytest.fixture(scope="module")
def grid(joined):
    (found,) = grids(joined)
    return found


@pytest.fixture(scope="module")
def marks():
    return marks_of(Study.of(example.make(passes=(1, 4))))


def test_places_are_those_of_the_cases(joined, grid):
    assert grid.data["first"].values.tolist() == NOISES
    assert grid.data["second"].values.tolist() == READS
    for name in ("ratio", "equal_time_ratio", "expected_ratio"):
        for first in NOISES:
            case = joined[name].sel(case=f"noise/{first:g}_0.04")
            np.testing.assert_array_equal(
                grid.data[name].sel(first=first, second=0.04), case.sel(weight_set=list(SETS))
            )


def test_wins_losses_and_what_is_not_comparable_are_counted(grid, marks):
    places = len(READS) * len(SETS)
    for quantity in ("time", "energy"):
        assert counts(grid, quantity) == (places, 0, places, places)
    text = answer(grid, marks)
    others = f"larger on {places}, no different on 0, and nothing else is as cheap on {places}"
    assert f"Of {3 * places} places" in text
    assert f"on {places} at equal time ({others})" in text
    sentences = told(grid, marks)
    assert [name in text for name, text in zip(SETS, sentences, strict=True)] == [True] * 3


def test_noise_of_the_devices_takes_the_advantage_away(grid):
    expected = grid.data["expected_ratio"]
    assert (expected.sel(first=0.1, second=0.04) > expected.sel(first=0.1, second=0.0)).all()
    assert (expected.sel(first=0.5, second=0.04) < expected.sel(first=0.1, second=0.04)).all()


@pytest.fixture(scope="module")
def site(joined, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    write_dataset(example.make(passes=(1, 4)), folder / "summary.nc")
    write_dataset(joined, folder / "comparison.nc")
    write_text(folder / "claims.json", "[]")
    with only("programming", "comparison", "map"):
        build(
            folder / "summary.nc",
            folder / "claims.json",
            ROOT / "aimcsim" / "report" / "templates",
            folder / "site",
            [folder / "comparison.nc"],
        )
    return folder / "site"


def test_the_page_has_its_map_and_the_comparisons_page_has_not(site):
    text = (site / "map.html").read_text()
    assert '<section id="noise">' in text
    assert (site / "figures" / "map_noise.svg").is_file()
    assert (site / "data" / "map_noise.csv").is_file()
    assert "none as cheap" in text
    others = (site / "comparison.html").read_text()
    assert '<section id="bits">' in others
    assert '<section id="noise">' not in others


@pytest.mark.browser
def test_page_in_a_browser(site):
    check_site(site / "map.html", accessible=["map.html"])
