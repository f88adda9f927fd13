"""Methods beside iterative and GDP, from the plan of a study to its summary and report."""

import json
from pathlib import Path

import numpy as np
import pytest

from aimcsim.common.storage import write_dataset
from aimcsim.config.load import from_mapping
from aimcsim.evaluation.judge import evaluate
from aimcsim.report import site
from aimcsim.report.pages.programming import tables
from aimcsim.report.study import Study
from aimcsim.shards.spec import parse_spec
from aimcsim.study.claims import claims
from aimcsim.sweep.aggregate import read_plan, summarise
from aimcsim.sweep.plan import study_shards
from aimcsim.sweep.shard import run
from aimcsim.sweep.study import memory_mb, plan_study
from aimcsim.weights.dataset import build

TEMPLATES = Path(__file__).parents[2] / "reports" / "source"
ALL = ["iterative", "open_loop", "hadamard", "gdp"]
TINY = {
    "study": "methods",
    "cores": 3,
    "core": {"rows": 32, "columns": 16},
    "weights": {"w": {"kind": "gaussian", "rows": 40, "columns": 16},
                "digits": {"kind": "digits", "hidden": [12]}},
    "iterative": {"iterations": 6},
    "gdp": {"batch_size": 64, "iterations": 5, "noise_threshold": [1.0, 3.0]},
    "hadamard": {"passes": 2, "iterations": 9},
    "evaluation": {"inputs": 64, "times": [200, 86400]},
    "execution": {"runs_per_shard": 3},
    "report": {"bootstrap": 100},
}  # fmt: skip


def summary_of(folder: Path, **changes):
    """The whole pipeline up to the summary, by the functions that its jobs call."""
    config = from_mapping(TINY | changes)
    (study,) = plan_study(config, folder)
    for name, definition in config.weights.items():
        write_dataset(build(name, definition, config.seed), folder / f"weights/{name}.nc")
    for shard in study.shards:
        weights = build(shard.weight_set, config.weights[shard.weight_set], config.seed)
        record, states = run(parse_spec(json.dumps(shard.content)), weights)
        judged = evaluate(states, weights, config.evaluation.inputs, None, config.evaluation.times)
        write_dataset(record, folder / f"shards/{shard.name}.nc")
        write_dataset(judged, folder / f"evaluated/{shard.name}.nc")
    plan = read_plan(folder / "plan.json")
    return summarise(plan, folder / "shards", folder / "evaluated", folder / "weights")


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    return summary_of(tmp_path_factory.mktemp("four"), methods=ALL)


@pytest.fixture(scope="module")
def page(summary, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    write_dataset(summary, folder / "summary.nc")
    (folder / "claims.json").write_text(json.dumps(claims(summary), allow_nan=False))
    site.build(folder / "summary.nc", folder / "claims.json", TEMPLATES, folder / "report")
    return folder / "report"


def at(values, method):
    return values.sel({"method": method})


def test_the_default_names_no_method_in_its_shards(tmp_path):
    """So shards computed before there were other methods stay those of the study."""
    config = from_mapping(TINY)
    plain = study_shards(config, tmp_path / "plain")
    for shard in plain:
        assert not {"methods", "hadamard", "open_loop"} & set(shard.content)
    other = from_mapping(
        TINY | {"hadamard": {"passes": 7}, "open_loop": {"statistics": "pcm_90nm"}}
    )
    assert [s.name for s in study_shards(other, tmp_path / "other")] == [s.name for s in plain]


def test_a_method_asked_for_stands_in_the_shards_with_its_own_settings_alone(tmp_path):
    methods = ["iterative", "hadamard", "gdp"]
    config = from_mapping(TINY | {"methods": methods})
    for shard in study_shards(config, tmp_path):
        assert shard.content["methods"] == ["hadamard"]
        assert shard.content["hadamard"]["passes"] == 2
        assert "open_loop" not in shard.content


def test_memory_counts_the_states_of_other_methods(tmp_path):
    big = {"core": {"rows": 256, "columns": 256}}
    few, more = (
        memory_mb(
            study_shards(from_mapping(TINY | big | {"methods": m}), tmp_path / f"{len(m)}")[0]
        )
        for m in (["iterative", "gdp"], ALL)
    )
    assert more > few


def test_the_summary_holds_every_method_in_order_and_complete(summary):
    assert summary["method"].values.tolist() == ALL
    there = summary["status"] >= 0
    for name in ("mvm_error", "held_error", "error_over_time"):
        assert np.isfinite(summary[name].where(there, 0)).all()
    assert np.isfinite(summary["accuracy"].sel({"weight_set": "digits"})).all()
    assert np.isfinite(at(summary["error_per_iteration"], "open_loop")).sum() == 0


def test_methods_but_gdp_are_repeated_along_the_points(summary):
    for name in ("mvm_error", "pulses", "error_over_time", "accuracy"):
        values = summary[name]
        for method in ALL[:-1]:
            part = at(values, method)
            np.testing.assert_array_equal(part.isel(point=0), part.isel(point=1))
        assert not at(values, "gdp").isel(point=0).equals(at(values, "gdp").isel(point=1))


def test_iterative_and_gdp_are_those_of_a_study_without_other_methods(summary, tmp_path):
    plain = summary_of(tmp_path)
    assert plain["method"].values.tolist() == ["iterative", "gdp"]
    both = summary.sel({"method": ["iterative", "gdp"]})
    for name, values in plain.data_vars.items():
        other = both[name]
        if "iteration" in values.dims:
            other = other.isel(iteration=slice(values.sizes["iteration"]))
        np.testing.assert_array_equal(values.values, other.values, err_msg=name)


def test_each_method_used_what_it_says(summary):
    """Tiles of 32 rows and of 8; the open loop starts from nothing, Hadamard from iterative."""
    used = summary.sel({"weight_set": "w"}).isel(core=0, point=0)
    assert (at(used["mvms"], "hadamard").sel(tile=[0, 1]) == [2 * 32 * 9, 2 * 8 * 9]).all()
    for name in ("cell_reads", "mvms", "pulses"):
        assert (at(used[name], "open_loop").sel(tile=[0, 1]) == 0).all()
    assert (at(used["pulses"], "hadamard") > at(used["pulses"], "iterative"))[:2].all()
    assert (at(used["cell_reads"], "hadamard") == at(used["cell_reads"], "iterative"))[:2].all()


def test_the_open_loop_over_time_is_the_check_that_every_study_has(summary):
    """The same statistics: the same draws, judged by two ways through the code."""
    method = at(summary["error_over_time"], "open_loop").isel(point=0)
    np.testing.assert_array_equal(method.values, summary["open_loop_error"].values)


def test_hadamard_verifies_leave_less_than_iterative_programming(summary):
    """Mean over cores below 0.8 on every tile; 3 cores scatter by 0.05."""
    held = summary["held_error"].isel(point=0).mean("core")
    ratio = (at(held, "hadamard") / at(held, "iterative")).values
    assert (ratio[np.isfinite(ratio)] < 0.8).all()


def test_tables_tell_the_ratios_of_other_methods(summary):
    ratios = tables.ratios(Study.of(summary))
    mean = summary["mvm_error"].weighted(summary["cells"].fillna(0)).mean("tile").mean("core")
    iterative = at(mean, "iterative").isel(point=0)
    for method in ("open_loop", "hadamard"):
        expected = (at(mean, method).isel(point=0) / iterative).values
        np.testing.assert_allclose(ratios[f"{method}_over_iterative"], expected, rtol=1e-5)
    product = ratios["gdp_over_hadamard"] * ratios["hadamard_over_iterative"]
    np.testing.assert_allclose(product, ratios["ratio"], rtol=1e-6)
    for name in ("hadamard_over_iterative", "gdp_over_hadamard"):
        assert (ratios[f"{name}_low"] <= ratios[name]).all()
        assert (ratios[name] <= ratios[f"{name}_high"]).all()


def test_the_report_names_every_method(page):
    text = "".join(file.read_text(encoding="utf-8") for file in page.rglob("*.html"))
    for words in ("MVM error, Hadamard", "Hadamard / iterative", "GDP / Hadamard",
                  "published residue / iterative", "held error, published residue"):  # fmt: skip
        assert words in text
    cost = (page / "data" / "cost.csv").read_text()
    outcomes = (page / "data" / "outcomes.csv").read_text()
    assert all(f"w,{method}," in cost for method in ALL)
    assert ",hadamard," in outcomes
    assert ",open_loop," not in outcomes  # it has no loop that could end
