"""Numbers as text, and datasets behind the figures."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from aimcsim.report.estimates import (
    estimate_text,
    frame,
    mean_over_cores,
    number,
    time_text,
)
from aimcsim.report.marks import marks_of
from aimcsim.report.pages.programming import (
    convergence,
    effort,
    errors,
    over_time,
    programming_error,
)
from aimcsim.report.study import Study
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
    curve[0, 0, 0, 1, :3] = [9, 8, 7]
    curve[0, 0, 1, 1, :5] = [9, 8, 7, 6, 5]
    curve[0, 0, :, 0, :2] = 50
    study = Study.of(summary)
    line = convergence.convergence(study, marks_of(study))["error"]
    gdp = line.sel(weight_set="gaussian", programmed_by="gdp").values
    assert gdp[:5].tolist() == [9, 8, 7, 6.5, 6]
    assert np.isnan(gdp[5:]).all()
    iterative = line.sel(weight_set="gaussian", programmed_by="iterative").values
    assert iterative[:2].tolist() == [50, 50]
    assert np.isnan(iterative[2:]).all()


def test_cost_is_per_tile_and_per_used_cell():
    cost = effort.effort(Study.of(make(cores=2, budget=40)))
    gdp = cost.sel(weight_set="digits", programmed_by="gdp")
    assert float(gdp["mvms"]) == 1024 * 40
    assert float(gdp["cell_reads"]) == pytest.approx(12)


def test_gdp_is_taken_at_the_setting_chosen_on_the_other_sets():
    study = Study.of(make())
    row = study.summary["mvm_error"].sel(weight_set="uniform").isel(tile=0)
    expected = row.isel(run=int(study.result.runs["gdp"][1])).mean("core")
    got = errors.errors(study)["mvm_error"].sel(programmed_by="gdp", weight_set="uniform")
    assert float(got) == pytest.approx(float(expected))


def _by_hand(summary: xr.Dataset, study: Study, name: str, weight_set: int, method: str):
    """(core, time, compensation) at the chosen setting, mean over tiles by used cells."""
    values = summary[name].values[weight_set]
    if "run" in summary[name].dims:
        values = values[:, :, int(study.result.runs[method][weight_set])]
    cells = summary["cells"].values[weight_set]
    used = np.flatnonzero(cells)
    return np.average(values[used], axis=0, weights=cells[used])


@pytest.mark.parametrize("cores", [1, 5])
def test_errors_over_time_equal_the_summary(cores):
    summary = make(cores=cores)
    study = Study.of(summary)
    shown = over_time.over_time(study)
    means = over_time.mean(study, shown, marks_of(study))
    ratios = over_time.ratios(study, marks_of(study))
    every = {}
    for method in ("iterative", "gdp", None):
        name = "open_loop_error" if method is None else "error_over_time"
        drawn = "published" if method is None else "error"
        at = {} if method is None else {"programmed_by": method}
        for index, weight_set in enumerate(summary["weight_set"].values):
            values = _by_hand(summary, study, name, index, method)
            row = shown.sel(weight_set=weight_set, **at)
            assert np.allclose(row[drawn].values, values.mean(axis=0))
            if cores > 1:
                half = stats.t.ppf(0.975, cores - 1) * stats.sem(values, axis=0)
                assert np.allclose(row[f"{drawn}_high"].values - row[drawn].values, half)
            else:
                assert np.isnan(row[f"{drawn}_high"].values).all()
            every[method, index] = values.mean(axis=0)
        mean = np.mean([every[method, k] for k in range(4)], axis=0)
        assert np.allclose(means[drawn].sel(at).values, mean)
    for index in range(4):
        expected = every["gdp", index] / every["iterative", index]
        assert np.allclose(ratios["ratio"].values[index], expected)
    together = [sum(every[method, k] for k in range(4)) for method in ("gdp", "iterative")]
    assert np.allclose(means["ratio"].values, together[0] / together[1])


def test_ratios_over_time_are_made_as_the_ratio_right_after_programming():
    summary = make()
    late = summary["mvm_error"].expand_dims({"time": [200.0], "compensation": ["global"]}, (4, 5))
    summary = summary.drop_dims(["time", "compensation"]).assign(error_over_time=late)
    study = Study.of(summary)
    ratios = over_time.ratios(study, marks_of(study)).isel(time=0, compensation=0)
    for name, expected in (("ratio", "value"), ("ratio_low", "low"), ("ratio_high", "high")):
        wanted = getattr(study.result.ratio, expected)
        assert np.allclose(ratios[name].values, wanted, rtol=1e-12)


def test_programming_error_equals_the_summary_where_a_weight_set_has_no_cells():
    summary = make()
    study = Study.of(summary)
    shown = programming_error.programming_error(study)
    assert shown["weight_sets"].values.tolist() == [4] * 18 + [3] * 2
    for name in ("spread", "mean"):
        values = []
        for index in range(4):
            by_hand = _by_hand(summary, study, f"programming_error_{name}", index, "gdp")
            values.append(by_hand[:, -1])
        expected = np.mean(values[1:], axis=0)
        got = shown[f"{name}_cores"].sel(programmed_by="gdp").values[-1]
        assert np.isnan(values[0]).all()
        assert np.allclose(got, expected)
    assert np.array_equal(shown["published"].values, summary["published_spread"].values)


def test_times_have_their_unit_in_the_table():
    table = frame(over_time.over_time(Study.of(make(cores=2))))
    columns = {"error", "held_error_low", "published", "published_high"}
    assert {f"{name} [percent]" for name in columns} | {"time [s]"} < set(table.columns)
    assert len(table) == 4 * 2 * 3 * 3


def test_a_core_without_a_value_is_left_out_only_where_asked():
    values = xr.DataArray([[1.0, 3.0, NAN], [NAN, NAN, NAN]], dims=("row", "core"))
    plain = mean_over_cores(values, "a", "A", "percent", 0.95)
    assert np.isnan(plain["a"]).all()
    known = mean_over_cores(values, "a", "A", "percent", 0.95, skip_missing=True)
    assert known["a"].values[0] == 2
    half = stats.t.ppf(0.975, 1)
    assert known["a_high"].values[0] == pytest.approx(2 + half)
    assert np.isnan(known["a"].values[1])
    assert known["a_low"].attrs == {"long_name": "A, lower end of the interval", "units": "percent"}
    assert np.isnan(known["a_cores"].values[0, 2])
