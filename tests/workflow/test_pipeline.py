"""The real pipeline on a tiny config."""

import json
import shutil

import numpy as np
import pytest
import xarray as xr

from aimcsim.common.storage import read_dataset
from tests.report.browser import check_site

pytestmark = pytest.mark.workflow


def test_second_run_does_nothing(project, finished):
    again = project.snakemake("--configfile", finished)
    assert "Nothing to be done" in again.stdout + again.stderr


def test_touching_every_source_reruns_nothing(project, finished):
    for folder in ("aimcsim", "workflow", "reports/source", "config"):
        for path in (project.path / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                path.touch()
    (project.path / "Snakefile").touch()
    again = project.snakemake("--configfile", finished)
    assert "Nothing to be done" in again.stdout + again.stderr


def test_lists_of_sources_are_written_only_where_they_change(project, finished):
    def listed():
        paths = (project.path / "results" / "_sources").glob("*.sha256")
        return {path.name: (path.stat().st_mtime_ns, path.read_text()) for path in paths}

    before = listed()
    assert len(before) > 5
    project.planned("--configfile", finished)
    project.planned("--configfile", project.config("unborn"))
    assert listed() == before
    page = project.path / "aimcsim" / "report" / "site.py"
    text = page.read_text()
    try:
        page.write_text(text + "# edited\n")
        project.planned("--configfile", finished)
        changed = {name for name, found in listed().items() if found != before[name]}
        assert changed == {"aimcsim.report.site.sha256"}
    finally:
        page.write_text(text)
    assert project.planned("--configfile", finished) == {}
    assert {name: text for name, (_, text) in listed().items()} == {
        name: text for name, (_, text) in before.items()
    }


def test_summary_opens_with_plain_xarray(project, finished):
    with xr.open_dataset(project.results("base") / "summary.nc") as summary:
        assert summary["mvm_error"].dims == ("weight_set", "tile", "core", "run")
        assert summary["held_error"].dims == summary["mvm_error"].dims
        assert summary["method"].values.tolist() == ["iterative", *4 * ["gdp"]]
        assert summary["floor"].values.tolist()[1:] == [2, 4, 2, 4]
        assert np.isnan(summary["floor"].values[0])
        assert len(set(summary["run"].values.tolist())) == 5
        assert summary.sizes["core"] == 3
        for name in summary.data_vars:
            assert summary[name].attrs.get("units"), name
        core = json.loads(summary.attrs["config"])["core"]
        assert core == {"rows": 32, "columns": 24, "unit_cell": "odp"}
        assert summary.attrs["seed"] == 1
        assert "numpy" in json.loads(summary.attrs["versions"])
        assert summary.attrs["source_revision"]
        # 40 x 24 weights on cores of 32 rows are two tiles; the others' second tile is absent.
        rows = summary["rows"].sel(weight_set="gaussian").values.tolist()
        assert rows[:2] == [32, 8]
        assert np.isnan(rows[2])  # the digits network has a third tile
        mvm = summary["mvm_error"]
        assert np.isfinite(mvm.sel(weight_set="gaussian").isel(tile=[0, 1])).all()
        assert np.isnan(mvm.sel(weight_set="uniform", tile=1)).all()
        gdp = mvm.sel(run=summary["method"] == "gdp")
        assert gdp.sizes["run"] == 4
        assert (gdp.max("run") > gdp.min("run")).where(gdp.notnull().all("run"), True).all()
        status = summary["status"].sel(weight_set="digits")
        assert set(np.unique(status)) <= {0, 1, 2, 3}


def test_claims_name_what_they_come_from(project, finished):
    claims = json.loads((project.results("base") / "claims.json").read_text())
    assert [claim["id"] for claim in claims] == ["C1", "C2", "C3", "C4", "C5"]
    summary = read_dataset(project.results("base") / "summary.nc")
    for claim in claims:
        assert claim["verdict"] in ("holds", "fails", "not measured")
        if claim["verdict"] != "not measured":
            assert claim["low"] <= claim["value"] <= claim["high"]
            assert claim["variable"] in summary


@pytest.fixture(scope="module")
def cut(project):
    """Config and summary of a study of 15 runs in three shards, on two cores."""
    uniform = {"uniform": {"kind": "uniform", "rows": 32, "columns": 24}}
    config = project.config("cut", weights=uniform)
    project.snakemake("--configfile", config)
    return config, (project.results("cut") / "summary.nc").read_bytes()


@pytest.mark.parametrize(
    ("cores", "runs_per_shard"), [(1, 6), (2, 1), (1, 1000)], ids=["1 core", "1 run", "1 shard"]
)
def test_summary_is_the_same_to_the_byte_for_any_cut(project, cut, cores, runs_per_shard):
    config, undisturbed = cut
    shutil.rmtree(project.results("cut"))
    execution = f"execution={{runs_per_shard: {runs_per_shard}}}"
    project.snakemake("--configfile", config, "--config", execution, cores=cores)
    assert (project.results("cut") / "summary.nc").read_bytes() == undisturbed


def test_additions_compute_only_what_is_new(project):
    first = project.config("growing")
    project.snakemake("--configfile", first)
    shards = project.results("growing") / "shards"
    before = {path: path.stat().st_mtime_ns for path in shards.glob("*.nc")}
    old = read_dataset(project.results("growing") / "summary.nc")

    gdp = {
        "batch_size": 128,
        "iterations": 8,
        "noise_threshold": [1.0, 3.0],
        "floor": [2.0, 4.0, 8.0],
    }
    methods = {"iterative": {"iterations": 10}, "gdp": gdp}
    value = project.config("growing", methods=methods)
    # 3 cores x 2 new settings fit one shard of 8 runs, for each of 3 weight sets.
    planned = project.planned("--configfile", value)
    assert planned["program"] == planned["evaluate"] == 3
    assert "weights" not in planned
    core = project.config("growing", methods=methods, cores=4)
    assert project.planned("--configfile", core)["program"] == 6
    project.snakemake("--configfile", core)

    after = {path: path.stat().st_mtime_ns for path in before}
    assert after == before
    new = read_dataset(project.results("growing") / "summary.nc")
    assert new.sizes["run"] == 7
    shared = new.sel(core=old["core"], run=old["run"])
    for name in ("mvm_error", "status", "pulses"):
        np.testing.assert_array_equal(shared[name], old[name])

    weights = {"ternary": {"kind": "ternary", "rows": 8, "columns": 8}}
    tiny = {"gaussian": {"kind": "gaussian", "rows": 40, "columns": 24}}
    grown = project.config("growing", methods=methods, cores=4, weights={**tiny, **weights})
    planned = project.planned("--configfile", grown)
    assert planned["weights"] == 1
    assert planned["program"] == 4  # 4 cores x 7 settings, at most 8 runs a shard


def test_an_edited_law_reruns_programming_and_a_template_the_report_alone(project, finished):
    law = project.path / "aimcsim" / "chip" / "devices" / "melt_quench.py"
    formula = project.path / "aimcsim" / "validation" / "published.py"
    template = project.path / "reports" / "source" / "style.css"
    method = project.path / "aimcsim" / "programming" / "gdp.py"
    kernel = project.path / "aimcsim" / "kernels" / "descent_cpu.py"
    unused = project.path / "aimcsim" / "programming" / "hadamard.py"
    judged = ("infer", "accuracy")  # of the digits network
    assert project.planned("--configfile", finished) == {}
    for path, expected in (
        (law, {"program", "evaluate", "aggregate", *judged, "claims", "pages", "all"}),
        (method, {"program", "evaluate", "aggregate", *judged, "claims", "pages", "all"}),
        (
            kernel,
            {"kernels", "program", "evaluate", "aggregate", "software", *judged, "claims", "laws"}
            | {"pages", "all"},
        ),
        (unused, set()),
        (formula, {"laws", "pages", "all"}),
        (template, {"pages", "all"}),
    ):
        text = path.read_text()
        path.write_text(text + ("\n/* edited */\n" if path is template else "\n# edited\n"))
        try:
            assert set(project.planned("--configfile", finished)) == expected
        finally:
            path.write_text(text)
    assert project.planned("--configfile", finished) == {}


@pytest.mark.parametrize("changes", [{"report": {"bootstrap": 500}}, {"cost": {"supply": 3.3}}])
def test_changed_statistics_do_not_program_again(project, finished, changes):
    changed = project.config("base", **changes)
    try:
        planned = project.planned("--configfile", changed)
        assert "program" not in planned
        assert "evaluate" not in planned
        assert planned["claims"] == 1
    finally:
        project.config("base")
        project.planned("--configfile", finished)  # writes the plan of the base study again


def test_a_study_without_an_error_budget_has_none(project, finished):
    """The same study: nothing but the aggregate and what follows runs again."""
    without = project.config("base", evaluation={"inputs": 256, "error_budget": False})
    try:
        planned = project.planned("--configfile", without)
        assert set(planned) == {"aggregate", "accuracy", "claims", "pages", "all"}
    finally:
        project.config("base")
        project.planned("--configfile", finished)


def test_states_can_be_dropped_after_evaluation(project, finished):
    config = project.config("lean", execution={"keep_conductances": False, "runs_per_shard": 100})
    project.snakemake("--configfile", config)
    assert not list((project.results("lean") / "states").glob("*.nc"))
    base = read_dataset(project.results("base") / "summary.nc")
    lean = read_dataset(project.results("lean") / "summary.nc")
    xr.testing.assert_equal(base, lean)


def test_snakemake_report_works(project, finished):
    project.snakemake("--configfile", finished, "--report", "snakemake-report.html")
    assert (project.path / "snakemake-report.html").stat().st_size > 10_000


def test_lint_is_clean(project):
    project.snakemake("--lint", "--configfile", "config/tiny.yaml")


@pytest.mark.browser
def test_report_in_a_browser(project, finished):
    check_site(project.path / "reports" / "base" / "index.html")
