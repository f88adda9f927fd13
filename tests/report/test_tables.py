"""Numbers as text, and datasets behind the figures."""

import numpy as np
import pytest

from aimcsim.report import tables
from aimcsim.report.tables import Study, estimate_text, number
from aimcsim.study.intervals import Estimate
from tests.study.example import make

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5474, "0.547"), (8.2149, "8.21"), (40960, "40,960"), (0, "0"), (-1.2, "−1.20"),
     (-0.0001, "0.000"), (NAN, "–"), (None, "–"), (np.inf, "unlimited")],
)  # fmt: skip
def test_numbers(value, text):
    assert number(value) == text


def test_an_interval_shares_the_decimals_of_its_value():
    assert estimate_text(Estimate(8.2149, 8.05, 10.37), "%") == "8.2 % (8.1 to 10.4)"
    assert estimate_text(Estimate(0.5474, NAN, NAN)) == "0.547"
    assert estimate_text(Estimate(12, 12, 12)) == "12.0"


def test_convergence_keeps_the_last_value_of_a_run_that_stopped():
    summary = make(cores=2, network=False, weight_sets=1, thresholds=(2.0,), floors=(2.0,))
    curve = summary["error_per_iteration"]
    curve[:] = np.nan
    curve[0, 0, 0, 1, 0, :3] = [9, 8, 7]
    curve[0, 0, 1, 1, 0, :5] = [9, 8, 7, 6, 5]
    curve[0, 0, :, 0, 0, :2] = 50
    line = tables.convergence(Study.of(summary))["error"]
    gdp = line.sel({"weight_set": "gaussian", "method": "gdp"}).values
    assert gdp[:5].tolist() == [9, 8, 7, 6.5, 6]
    assert np.isnan(gdp[5:]).all()
    iterative = line.sel({"weight_set": "gaussian", "method": "iterative"}).values
    assert iterative[:2].tolist() == [50, 50]
    assert np.isnan(iterative[2:]).all()


def test_cost_is_per_tile_and_per_used_cell():
    cost = tables.cost(Study.of(make(cores=2, budget=40)))
    gdp = cost.sel({"weight_set": "digits", "method": "gdp"})
    assert float(gdp["mvms"]) == 1024 * 40
    assert float(gdp["cell_reads"]) == pytest.approx(12)


def test_gdp_is_taken_at_the_setting_chosen_on_the_other_sets():
    study = Study.of(make())
    errors = tables.errors(study)
    row = study.summary["mvm_error"].sel({"method": "gdp", "weight_set": "uniform"}).isel(tile=0)
    chosen = int(study.result.chosen[1])
    expected = row.isel(point=chosen).mean("core")
    got = errors["mvm_error"].sel({"method": "gdp", "weight_set": "uniform"})
    assert float(got) == pytest.approx(float(expected))
