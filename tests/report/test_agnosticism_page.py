"""The page of weight-agnosticism says what its data say."""

import dataclasses
import json

import numpy as np
import pytest
import xarray as xr

from aimcsim.common.storage import write_dataset, write_text
from aimcsim.report.marks import marks_of
from aimcsim.report.pages.agnosticism import tables
from aimcsim.report.pages.agnosticism.page import answer
from aimcsim.report.site import TEMPLATES, build
from aimcsim.report.study import Study
from aimcsim.study.claims import claims
from aimcsim.study.intervals import Estimate
from aimcsim.study.landscape import landscape, verdict
from aimcsim.study.regret import excess
from tests.report.browser import check_site
from tests.report.some import only
from tests.study.example import make
from tests.study.test_landscape import with_interaction_alone

GRID = {"cores": 6, "thresholds": (0.5, 1.0, 2.0, 3.0), "floors": (0.5, 1.0, 2.0)}


def built(folder, **changes):
    """The site of an example."""
    summary = make(**(GRID | changes))
    write_dataset(summary, folder / "summary.nc")
    write_text(folder / "claims.json", json.dumps(claims(summary)))
    with only("programming", "agnosticism"):
        build(folder / "summary.nc", folder / "claims.json", TEMPLATES, folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return built(tmp_path_factory.mktemp("agnosticism"), margins=(2.0, 5.0))


def test_the_answer_is_the_verdict_with_its_numbers(site):
    text = " ".join((site / "agnosticism.html").read_text().split())
    found = landscape(make(**GRID, margins=(2.0, 5.0)), "gdp")
    assert f"GDP is {verdict(found)} to the weights" in text
    assert f"costs at most {found.shared.regret.worst()[1].value:.2f} %" in text
    assert f"{100 * found.interaction.value:.2f} %" in text
    assert "Iterative programming: agnostic; regret at most" in text


def test_a_setting_that_serves_all_is_named_beside_an_interaction():
    summary = with_interaction_alone()
    found, marks = landscape(summary, "gdp"), marks_of(Study.of(summary))
    assert answer(found, marks).startswith(
        "One setting of GDP serves all weight sets within 5 %; over all settings tried GDP is not "
        "agnostic to the weights: one setting of 12, chosen on the other weight sets, costs at most"
    )
    small = found.variance | {"interaction": Estimate(0.03, 0.02, 0.04)}
    agnostic = dataclasses.replace(found, variance=small)
    assert answer(agnostic, marks).startswith("GDP is agnostic to the weights: one setting of 12")


def test_pages_open_and_link(site):
    check_site(site / "agnosticism.html")
    assert 'href="agnosticism.html"' in (site / "index.html").read_text()


def test_data_of_the_figures(site):
    data = xr.open_dataset(site / "data" / "agnosticism.nc")
    parts = [float(data[f"variance_{part}"].sel(programmed_by="gdp")) for part in tables.PARTS]
    assert sum(parts) == pytest.approx(100)
    assert (site / "data" / "transfer_gdp.csv").exists()


def test_a_response_is_the_best_at_each_value():
    found = landscape(make(**GRID), "gdp")
    curve = tables.response(found, "floor")
    over = 100 * np.expm1(excess(found.means))
    for value in found.values["floor"]:
        own = [place for place, point in enumerate(found.points) if point["floor"] == value]
        expected = over[:, own].min(axis=1)
        assert np.allclose(curve["excess"].sel(value=value), expected)


def test_many_values_are_drawn_in_pieces():
    found = landscape(make(thresholds=tuple(np.linspace(0.5, 5, 20)), floors=(1.0,)), "gdp")
    curve = tables.response(found, "noise_threshold")
    assert curve.sizes["value"] == tables.BINS
    assert float(curve["excess"].min()) == 0.0  # each set's own best lies in one of them


@pytest.mark.parametrize(
    "less", [{"weight_sets": 1, "network": False}, {"thresholds": (2.0,), "floors": (2.0,)}]
)
def test_a_study_without_a_choice_has_no_such_page(tmp_path, less):
    assert not (built(tmp_path, **less) / "agnosticism.html").exists()
