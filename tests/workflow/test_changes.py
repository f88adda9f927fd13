"""What a change of the study or of a source runs again, and what it does not."""

import numpy as np
import pytest

from aimcsim.common.storage import read_dataset

pytestmark = pytest.mark.workflow


def test_additions_compute_only_what_is_new(own_project):
    project = own_project
    shards = project.results("base") / "shards"
    before = {path: path.stat().st_mtime_ns for path in shards.glob("*.nc")}
    old = read_dataset(project.results("base") / "summary.nc")

    gdp = {
        "batch_size": 128,
        "iterations": 8,
        "noise_threshold": [1.0, 3.0],
        "floor": [1.0, 2.0, 4.0],
    }
    methods = {"iterative": {"iterations": 10}, "gdp": gdp}
    value = project.config("base", methods=methods)
    # 3 cores x 2 new settings fit one shard of 8 runs, for each of 3 weight sets.
    planned = project.planned("--configfile", value)
    assert planned["program"] == planned["evaluate"] == 3
    assert "weights" not in planned
    core = project.config("base", methods=methods, cores=4)
    assert project.planned("--configfile", core)["program"] == 6
    project.snakemake("--configfile", core, "--", "results/base/claims.json")

    after = {path: path.stat().st_mtime_ns for path in before}
    assert after == before
    new = read_dataset(project.results("base") / "summary.nc")
    assert new.sizes["run"] == 7
    shared = new.sel(core=old["core"], run=old["run"])
    for name in ("mvm_error", "status", "pulses"):
        np.testing.assert_array_equal(shared[name], old[name])

    weights = {"ternary": {"kind": "ternary", "rows": 8, "columns": 8}}
    tiny = {"gaussian": {"kind": "gaussian", "rows": 40, "columns": 24}}
    grown = project.config("base", methods=methods, cores=4, weights={**tiny, **weights})
    planned = project.planned("--configfile", grown)
    assert planned["weights"] == 1
    assert planned["program"] == 4  # 4 cores x 7 settings, at most 8 runs a shard


def test_an_edited_law_reruns_programming_and_a_template_the_report_alone(project, finished):
    law = project.path / "aimcsim" / "chip" / "devices" / "melt_quench.py"
    formula = project.path / "aimcsim" / "validation" / "published.py"
    template = project.path / "aimcsim" / "report" / "templates" / "style.css"
    method = project.path / "aimcsim" / "programming" / "gdp.py"
    kernel = project.path / "aimcsim" / "kernels" / "descent_cpu.py"
    unused = project.path / "aimcsim" / "programming" / "hadamard.py"
    judged = ("infer", "accuracy")  # of the digits network
    for path, expected in (
        (law, {"program", "evaluate", "aggregate", *judged, "claims", "pages", "all"}),
        (method, {"program", "evaluate", "aggregate", *judged, "claims", "pages", "all"}),
        (
            kernel,
            {"kernels", "program", "evaluate", "aggregate", "software", *judged, "claims", "laws"}
            | {"pages", "all"},
        ),
        (formula, {"laws", "pages", "all"}),
        (template, {"pages", "all"}),
        (unused, set()),  # and no edit before it has left anything to do
    ):
        text = path.read_text()
        path.write_text(text + ("\n/* edited */\n" if path is template else "\n# edited\n"))
        try:
            assert set(project.planned("--configfile", finished)) == expected
        finally:
            path.write_text(text)


@pytest.mark.parametrize("changes", [{"report": {"bootstrap": 500}}, {"cost": {"supply": 3.3}}])
def test_changed_statistics_do_not_program_again(own_project, changes):
    planned = own_project.planned("--configfile", own_project.config("base", **changes))
    assert "program" not in planned
    assert "evaluate" not in planned
    assert planned["claims"] == 1


def test_a_study_without_an_error_budget_has_none(own_project):
    """The same study: nothing but the aggregate and what follows runs again."""
    without = {"inputs": 256, "error_budget": False}
    config = own_project.config("base", evaluation=without)
    planned = own_project.planned("--configfile", config)
    assert set(planned) == {"aggregate", "accuracy", "claims", "pages", "all"}
