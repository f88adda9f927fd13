"""The same numbers however a study is cut into jobs, and whatever of it is kept."""

import shutil

import pytest
import xarray as xr

from aimcsim.common.storage import read_dataset

pytestmark = pytest.mark.workflow

SUMMARY = "results/cut/summary.nc"


@pytest.fixture(scope="module")
def cut(project):
    """Config and summary of a study of six runs in three shards, on two cores."""
    uniform = {"uniform": {"kind": "uniform", "rows": 32, "columns": 24}}
    gdp = {"batch_size": 128, "iterations": 8, "noise_threshold": [1.0, 3.0]}
    methods = {"iterative": {"iterations": 10}, "gdp": gdp}
    execution = {"runs_per_shard": 2}
    config = project.config("cut", cores=2, weights=uniform, methods=methods, execution=execution)
    project.snakemake("--configfile", config, "--", SUMMARY)
    return config, (project.results("cut") / "summary.nc").read_bytes()


@pytest.mark.parametrize(
    ("cores", "runs_per_shard"), [(1, 2), (2, 1), (1, 1000)], ids=["1 core", "1 run", "1 shard"]
)
def test_summary_is_the_same_to_the_byte_for_any_cut(project, cut, cores, runs_per_shard):
    config, undisturbed = cut
    shutil.rmtree(project.results("cut"))
    execution = f"execution={{runs_per_shard: {runs_per_shard}}}"
    project.snakemake("--configfile", config, "--config", execution, "--", SUMMARY, cores=cores)
    assert (project.results("cut") / "summary.nc").read_bytes() == undisturbed


def test_states_can_be_dropped_after_evaluation(project, finished):
    config = project.config("lean", execution={"keep_conductances": False, "runs_per_shard": 100})
    # All that reads states; what pages are made from does not.
    project.snakemake("--configfile", config, "--", "results/lean/claims.json")
    assert not list((project.results("lean") / "states").glob("*.nc"))
    base = read_dataset(project.results("base") / "summary.nc")
    lean = read_dataset(project.results("lean") / "summary.nc")
    xr.testing.assert_equal(base, lean)
