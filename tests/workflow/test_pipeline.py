"""The real pipeline on a tiny config."""

import json
import os
import shutil

import numpy as np
import pytest
import xarray as xr

from aimcsim.common.storage import read_dataset
from tests.report.browser import check_links, check_site

pytestmark = pytest.mark.workflow


def test_second_run_does_nothing(project, finished):
    again = project.snakemake("--configfile", finished)
    assert "Nothing to be done" in again.stdout + again.stderr


def test_touching_every_source_reruns_nothing(project, finished):
    sources = [project.path / "Snakefile"]
    for folder in ("aimcsim", "workflow", "config", "results", "reports"):
        for path in (project.path / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                sources.append(path)
    before = {path: path.stat() for path in sources}
    try:
        for path in sources:
            path.touch()
        again = project.snakemake("--configfile", finished)
        assert "Nothing to be done" in again.stdout + again.stderr
    finally:  # of older dates, the compiled kernels are still good
        for path, stat in before.items():
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_a_study_that_is_finished_is_trusted_without_what_snakemake_noted(own_project, finished):
    """As after a copy of the results alone, with times in any order."""
    shutil.rmtree(own_project.path / ".snakemake")
    for number, path in enumerate(sorted((own_project.path / "results").rglob("*.*"))):
        os.utime(path, (1.2e9 + number, 1.2e9 - number))
    again = own_project.snakemake("--configfile", finished)
    assert "Nothing to be done" in again.stdout + again.stderr


def test_summary_opens_with_plain_xarray(project, finished):
    with xr.open_dataset(project.results("base") / "summary.nc") as summary:
        assert summary["mvm_error"].dims == ("weight_set", "tile", "core", "run")
        assert summary["held_error"].dims == summary["mvm_error"].dims
        assert summary["method"].values.tolist() == ["iterative", *4 * ["gdp"]]
        assert summary["floor"].values.tolist()[1:] == [1, 2, 1, 2]
        assert np.isnan(summary["floor"].values[0])
        assert len(set(summary["run"].values.tolist())) == 5
        assert summary.sizes["core"] == 3
        for name in summary.data_vars:
            assert summary[name].attrs.get("units"), name
        core = json.loads(summary.attrs["config"])["core"]
        assert (core["rows"], core["columns"], core["unit_cell"]) == (32, 24, "odp")
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
        assert set(np.unique(status)) <= {0, 1, 2, 3, 4}


def test_claims_name_what_they_come_from(project, finished):
    claims = json.loads((project.results("base") / "claims.json").read_text())
    names = ["C1", "C1e", "C1t", "C2", "C3", "C4", "C4e", "C4t", "C5"]
    assert [claim["id"] for claim in claims] == names
    summary = read_dataset(project.results("base") / "summary.nc")
    for claim in claims:
        assert claim["verdict"] in ("holds", "fails", "not measured")
        if claim["verdict"] != "not measured":
            assert claim["low"] <= claim["value"] <= claim["high"]
            assert claim["variable"] in summary


def test_snakemake_report_works(project, finished):
    project.snakemake("--configfile", finished, "--report", "snakemake-report.html")
    assert (project.path / "snakemake-report.html").stat().st_size > 10_000


def test_lint_is_clean(project):
    project.snakemake("--lint", "--configfile", "config/tiny.yaml")


@pytest.mark.browser
def test_report_in_a_browser(project, finished):
    check_site(project.path / "reports" / "base" / "index.html")
    assert "base/index.html" in check_links(project.path / "reports" / "index.html").targets
