"""Numbers as text, and datasets behind the figures."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from aimcsim.report.estimates import (
    estimate_text,
    frame,
    number,
    time_text,
)
from aimcsim.report.pages.programming import tables
from aimcsim.report.study import (
    Study,
)
from aimcsim.study.intervals import Estimate
from tests.study.example import TIMES, make

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5474, "0.547"), (8.2149, "8.21"), (40960, "40,960"), (0, "0"), (-1.2, "−1.20"),
     (-0.0001, "0.000"), (NAN, "–"), (None, "–"), (np.inf, "unlimited")],
)  # fmt: skip
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(200, "200 s"), (600, "10 min"), (3600, "1 h"), (86400, "1 day"), (129600, "1.5 days"),
     (2592000, "30 days"), (31536000, "1 year"), (31557600, "1 year"), (315360000, "10 years"),
     (1e6, "11.6 days"), (0.5, "0.5 s")],
)  # fmt: skip
def test_times(seconds, text):
    assert time_text(seconds) == text


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


def _by_hand(summary: xr.Dataset, study: Study, name: str, weight_set: int, method: int):
    """(core, time, compensation) at the chosen setting, mean over tiles by used cells."""
    values = summary[name].values[weight_set]
    if "point" in summary[name].dims:
        values = values[:, :, method, int(study.result.chosen[weight_set])]
    cells = summary["cells"].values[weight_set]
    used = np.flatnonzero(cells)
    return np.average(values[used], axis=0, weights=cells[used])


@pytest.mark.parametrize("cores", [1, 5])
def test_errors_over_time_equal_the_summary(cores):
    summary = make(cores=cores)
    study = Study.of(summary)
    shown = tables.over_time(study)
    means = tables.over_time_mean(study, shown)
    ratios = tables.over_time_ratios(study)
    every = {}
    for method, column in (("iterative", 0), ("gdp", 1), ("open_loop", None)):
        name = "open_loop_error" if column is None else "error_over_time"
        for index, weight_set in enumerate(summary["weight_set"].values):
            values = _by_hand(summary, study, name, index, column)
            row = shown.sel({"weight_set": weight_set, "method": method})
            assert np.allclose(row["error"].values, values.mean(axis=0))
            if cores > 1:
                half = stats.t.ppf(0.975, cores - 1) * stats.sem(values, axis=0)
                assert np.allclose(row["error_high"].values - row["error"].values, half)
            else:
                assert np.isnan(row["error_high"].values).all()
            every[method, index] = values.mean(axis=0)
        mean = np.mean([every[method, k] for k in range(4)], axis=0)
        assert np.allclose(means["error"].sel({"method": method}).values, mean)
    for index in range(4):
        expected = every["gdp", index] / every["iterative", index]
        assert np.allclose(ratios["ratio"].values[index], expected)
    together = [sum(every[method, k] for k in range(4)) for method in ("gdp", "iterative")]
    assert np.allclose(means["ratio"].values, together[0] / together[1])


def test_ratios_over_time_are_made_as_the_ratio_right_after_programming():
    summary = make()
    late = summary["mvm_error"].expand_dims({"time": [200.0], "compensation": ["global"]}, (5, 6))
    summary = summary.drop_dims(["time", "compensation"]).assign(error_over_time=late)
    study = Study.of(summary)
    ratios = tables.over_time_ratios(study).isel(time=0, compensation=0)
    for name, expected in (("ratio", "value"), ("ratio_low", "low"), ("ratio_high", "high")):
        wanted = getattr(study.result.ratio, expected)
        assert np.allclose(ratios[name].values, wanted, rtol=1e-12)


def test_accuracy_over_time_and_its_paired_difference_equal_the_summary():
    summary = make()
    study = Study.of(summary)
    shown = tables.accuracy_over_time(study).sel({"weight_set": "digits"})
    point = int(study.result.chosen[-1])
    iterative, gdp = np.moveaxis(summary["accuracy_over_time"].values[-1, :, :, point], 1, 0)
    assert np.allclose(shown["accuracy"].sel({"method": "gdp"}).values, gdp.mean(axis=0))
    gain = gdp - iterative
    assert np.allclose(shown["difference"].values, gain.mean(axis=0))
    half = stats.t.ppf(0.975, 4) * stats.sem(gain, axis=0)
    assert np.allclose(shown["difference_low"].values, gain.mean(axis=0) - half)
    assert shown["time"].values.tolist() == list(TIMES)


def test_residue_equals_the_summary_where_a_weight_set_has_no_cells():
    summary = make()
    study = Study.of(summary)
    shown = tables.residue(study)
    assert shown["weight_sets"].values.tolist() == [4] * 18 + [3] * 2
    for name in ("spread", "mean"):
        values = []
        for index in range(4):
            by_hand = _by_hand(summary, study, f"residue_{name}", index, 1)
            values.append(by_hand[:, -1])
        expected = np.mean(values[1:], axis=0)
        got = shown[f"{name}_cores"].sel({"method": "gdp"}).values[-1]
        assert np.isnan(values[0]).all()
        assert np.allclose(got, expected)
    assert np.array_equal(shown["published"].values, summary["published_spread"].values)


def test_times_have_their_unit_in_the_table():
    table = frame(tables.over_time(Study.of(make(cores=2))))
    assert {"time [s]", "error [percent]", "held_error_low [percent]"} < set(table.columns)
    assert len(table) == 4 * 3 * 3 * 3
