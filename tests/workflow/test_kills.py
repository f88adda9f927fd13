"""Kills: finished work stays, and the plain command goes on."""

import os
import signal
import subprocess
import time

import numpy as np
import pytest

from aimcsim.common.storage import read_dataset

pytestmark = pytest.mark.workflow


@pytest.mark.parametrize("whole_group", [True, False], ids=["every process", "snakemake alone"])
def test_killed_run_goes_on_and_equals_an_undisturbed_one(project, finished, whole_group):
    study = f"killed{whole_group}"
    uniform = {"uniform": {"kind": "uniform", "rows": 32, "columns": 24}}
    config = project.config(study, weights=uniform, execution={"runs_per_shard": 2})
    process = subprocess.Popen(
        project.command("--configfile", config),
        cwd=project.path,
        env=project.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    shards = project.results(study) / "shards"
    deadline = time.monotonic() + 120
    while len(list(shards.glob("*.nc"))) < 2:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    if whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = {path: path.stat().st_mtime_ns for path in shards.glob("*.nc")}
    again = project.snakemake("--configfile", config)
    assert "was killed" in again.stdout + again.stderr
    kept = sum(path.stat().st_mtime_ns == stamp for path, stamp in done.items())
    assert kept >= len(done) - 2  # at most the two jobs under way are run again
    base = read_dataset(project.results("base") / "summary.nc")
    survived = read_dataset(project.results(study) / "summary.nc")
    base = base.sel(weight_set=["uniform"]).isel(tile=[0])
    for name in base.variables:
        np.testing.assert_array_equal(survived[name], base[name])
    nothing = project.snakemake("--configfile", config)
    assert "Nothing to be done" in nothing.stdout + nothing.stderr
