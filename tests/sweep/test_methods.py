"""Methods beside iterative and GDP, from the plan of a study to its summary and report."""

import json
from pathlib import Path

import numpy as np
import pytest

from aimcsim.common.paths import Results
from aimcsim.common.storage import write_dataset
from aimcsim.config.load import from_mapping
from aimcsim.evaluation.shard import evaluate
from aimcsim.report import site
from aimcsim.report.marks import marks_of
from aimcsim.report.pages.programming import errors
from aimcsim.report.study import Study
from aimcsim.shards.spec import ShardSpec
from aimcsim.study.claims import claims
from aimcsim.sweep.aggregate import summarise
from aimcsim.sweep.cut import cut, describe
from aimcsim.sweep.plan import judging
from aimcsim.sweep.shard import run
from aimcsim.sweep.study import memory_mb
from aimcsim.weights.dataset import build
from tests.shards_of import plan_and_write

TEMPLATES = Path(__file__).parents[2] / "aimcsim" / "report" / "templates"
TWO = {
    "iterative": {"iterations": 6},
    "gdp": {
        "start": "baseline", "batch_size": 64, "iterations": 5, "noise_threshold": [1.0, 3.0],
    },
}  # fmt: skip
HADAMARD = {"hadamard": {"passes": 2, "iterations": 9}}
FOUR = {"iterative": TWO["iterative"], "open_loop": {}, **HADAMARD, "gdp": TWO["gdp"]}
TINY = {
    "study": "methods",
    "cores": 3,
    "core": {"rows": 32, "columns": 16},
    "weights": {"w": {"kind": "gaussian", "rows": 40, "columns": 16},
                "digits": {"kind": "digits", "hidden": [12]}},
    "methods": TWO,
    "evaluation": {"inputs": 64, "times": [200, 86400]},
    "execution": {"runs_per_shard": 4},
    "report": {"bootstrap": 100},
}  # fmt: skip


def summary_of(folder: Path, **changes):
    """The whole pipeline up to the summary, by the functions that its jobs call."""
    config, results = from_mapping(TINY | changes), Results(str(folder))
    (study,) = plan_and_write(config, results)
    how = judging(config.evaluation)
    for shard in study.shards:
        weights = build(shard.weight_set, config.weights[shard.weight_set], config.seed)
        record, states = run(ShardSpec.parse(shard.text), weights)
        found = evaluate(states, weights, config.evaluation)
        write_dataset(record, Path(results.record(shard.name)))
        write_dataset(found.errors, Path(results.evaluated(how, shard.name)))
        write_dataset(found.budget, Path(results.budget(how, shard.name)))
    return summarise(results)


def shards_of(folder: Path, **changes):
    (shards,) = cut([from_mapping(TINY | changes)], folder)
    return shards


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    return summary_of(tmp_path_factory.mktemp("four"), methods=FOUR)


@pytest.fixture(scope="module")
def page(summary, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    write_dataset(summary, folder / "summary.nc")
    (folder / "claims.json").write_text(json.dumps(claims(summary), allow_nan=False))
    site.build(folder / "summary.nc", folder / "claims.json", TEMPLATES, folder / "report")
    return folder / "report"


def at(values, method):
    """The runs of a method, (..., run)."""
    return values.isel(run=np.flatnonzero(values["method"].values == method))


def only(values, method):
    """Of a method with one run."""
    return at(values, method).squeeze("run", drop=True)


def test_further_methods_leave_the_shards_of_the_others_as_they_are(tmp_path):
    """So shards computed before there were other methods stay those of the study."""
    plain = shards_of(tmp_path)
    describe(plain, tmp_path)
    for shard in plain:
        assert "hadamard" not in shard.text
        assert "open_loop" not in shard.text
        (tmp_path / f"{shard.name}.nc").touch()
    more = shards_of(tmp_path, methods=FOUR)
    assert {shard.name for shard in plain} < {shard.name for shard in more}
    added = {run.method for s in more if s.name not in {p.name for p in plain} for run in s.runs}
    assert added == {"open_loop", "hadamard"}
    other = FOUR | {"hadamard": {"passes": 7}, "open_loop": {"statistics": "pcm_90nm"}}
    again = shards_of(tmp_path, methods=other, evaluation={"times": []})
    assert {shard.name for shard in plain} < {shard.name for shard in again}


def test_a_method_stands_in_the_shards_with_its_own_settings_alone(tmp_path):
    for shard in shards_of(tmp_path, methods=TWO | HADAMARD):
        assert "open_loop" not in shard.text
        for one in shard.content["runs"]:
            if one["method"] == "hadamard":
                assert one["settings"]["passes"] == 2
                assert "batch_size" not in one["settings"]
            else:
                assert "passes" not in one["settings"]


def test_memory_counts_the_states_of_other_methods(tmp_path):
    big = {"core": {"rows": 256, "columns": 256}, "execution": {"runs_per_shard": 100}}
    few, more = (
        memory_mb(shards_of(tmp_path / f"{len(methods)}", methods=methods, **big)[0])
        for methods in (TWO, FOUR)
    )
    assert more > few


def test_the_summary_holds_every_method_in_order_and_complete(summary):
    assert summary["method"].values.tolist() == [*list(FOUR)[:3], "gdp", "gdp"]
    assert summary["run"].to_index().is_unique
    assert [about["name"] for about in json.loads(summary.attrs["methods"])] == list(FOUR)
    there = summary["status"] >= 0
    for name in ("mvm_error", "held_error", "error_over_time"):
        assert np.isfinite(summary[name].where(there, 0)).all()
    assert np.isfinite(at(summary["error_per_iteration"], "open_loop")).sum() == 0


def test_hyperparameters_are_coordinates_of_the_runs(summary):
    """Numbers are numbers, with unit and meaning; what a method does not have is missing."""
    threshold = summary["noise_threshold"]
    np.testing.assert_array_equal(threshold, [np.nan, np.nan, 3.0, 1.0, 3.0])
    assert threshold.attrs["units"] == "standard deviations"
    assert threshold.attrs["long_name"]
    np.testing.assert_array_equal(summary["passes"], [np.nan, np.nan, 2, np.nan, np.nan])
    assert summary["start"].values.tolist() == ["", "", "baseline", "baseline", "baseline"]
    assert summary["reverify"].values.tolist() == ["true", "", "", "", ""]


def test_every_setting_of_a_method_is_a_run_of_its_own(summary):
    for name in ("mvm_error", "pulses", "error_over_time"):
        first, second = (at(summary[name], "gdp").isel(run=index).values for index in (0, 1))
        assert not np.array_equal(first, second, equal_nan=True)


def test_iterative_and_gdp_are_those_of_a_study_without_other_methods(summary, tmp_path):
    plain = summary_of(tmp_path)
    assert plain["method"].values.tolist() == ["iterative", "gdp", "gdp"]
    both = summary.sel(run=plain["run"])
    for name, values in plain.data_vars.items():
        other = both[name]
        if "iteration" in values.dims:
            other = other.isel(iteration=slice(values.sizes["iteration"]))
        np.testing.assert_array_equal(values.values, other.values, err_msg=name)


def test_each_method_used_what_it_says(summary):
    """Tiles of 32 rows and of 8; the open loop starts from nothing, Hadamard from iterative."""
    used = summary.sel({"weight_set": "w"}).isel(core=0)
    verifies = (only(used["mvms"], "hadamard") - only(used["mvms"], "iterative")).sel(tile=[0, 1])
    assert (verifies == [2 * 32 * 9, 2 * 8 * 9]).all()
    for name in ("cell_reads", "mvms", "pulses"):
        assert (only(used[name], "open_loop").sel(tile=[0, 1]) == 0).all()
    assert (only(used["pulses"], "hadamard") > only(used["pulses"], "iterative"))[:2].all()
    assert (only(used["cell_reads"], "hadamard") == only(used["cell_reads"], "iterative"))[:2].all()


def test_the_open_loop_over_time_is_the_check_that_every_study_has(summary):
    """The same statistics: the same draws, judged by two ways through the code."""
    method = only(summary["error_over_time"], "open_loop")
    np.testing.assert_array_equal(method.values, summary["open_loop_error"].values)


def test_hadamard_verifies_leave_less_than_iterative_programming(summary):
    """Mean over cores below 0.8 on every tile; 3 cores scatter by 0.05."""
    held = summary["held_error"].mean("core")
    ratio = (only(held, "hadamard") / only(held, "iterative")).values
    assert (ratio[np.isfinite(ratio)] < 0.8).all()


def test_tables_tell_the_ratios_of_other_methods(summary):
    study = Study.of(summary)
    ratios = errors.ratios(study, marks_of(study))
    mean = summary["mvm_error"].weighted(summary["cells"].fillna(0)).mean("tile").mean("core")
    iterative = only(mean, "iterative")
    for method in ("open_loop", "hadamard"):
        expected = (only(mean, method) / iterative).values
        np.testing.assert_allclose(ratios[f"{method}_over_iterative"], expected, rtol=1e-5)
    product = ratios["gdp_over_hadamard"] * ratios["hadamard_over_iterative"]
    np.testing.assert_allclose(product, ratios["ratio"], rtol=1e-6)
    for name in ("hadamard_over_iterative", "gdp_over_hadamard"):
        assert (ratios[f"{name}_low"] <= ratios[name]).all()
        assert (ratios[name] <= ratios[f"{name}_high"]).all()


def test_the_report_names_every_method(page):
    text = "".join(file.read_text(encoding="utf-8") for file in page.rglob("*.html"))
    for words in ("MVM error, Hadamard", "Hadamard / iterative", "GDP / Hadamard",
                  "published error / iterative", "held error, published error"):  # fmt: skip
        assert words in text
    cost = (page / "data" / "cost.csv").read_text()
    outcomes = (page / "data" / "outcomes.csv").read_text()
    assert all(f"w,{method}," in cost for method in FOUR)
    assert ",hadamard," in outcomes
    assert ",open_loop," not in outcomes  # it has no loop that could end
