"""Kills: finished work stays, and the plain command goes on."""

import os
import signal
import subprocess
import time

import numpy as np
import pytest

from aimcsim.common.storage import read_dataset

pytestmark = pytest.mark.workflow


# One goes on to the report, that of which Snakemake itself marks what was not complete. What the
# others leave is of the same kinds, and what is made from the summary takes longer than all before.
STOPS = {
    "every process": (os.killpg, signal.SIGKILL, ["summary.nc"]),
    "snakemake alone": (os.kill, signal.SIGKILL, ["summary.nc"]),
    "as a terminal interrupts": (os.killpg, signal.SIGINT, []),
}


@pytest.mark.parametrize("way", STOPS)
def test_stopped_run_goes_on_and_equals_an_undisturbed_one(project, finished, way):
    stop, number, wanted = STOPS[way]
    study = f"stopped-{list(STOPS).index(way)}"
    uniform = {"uniform": {"kind": "uniform", "rows": 32, "columns": 24}}
    execution = {"runs_per_shard": 2}
    config = project.config(study, weights=uniform, cores=2, execution=execution)
    files = [f"results/{study}/{name}" for name in wanted]
    command = ("--configfile", config, "--", *files)
    process = subprocess.Popen(
        project.command(*command),
        cwd=project.path,
        env=project.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # Tests that run in the background of a shell would hand on that they ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    shards = project.results(study) / "shards"
    deadline = time.monotonic() + 120
    while len(list(shards.glob("*.nc"))) < 3:  # of five
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    stop(process.pid, number)
    process.wait(120)
    done = {path: path.stat().st_mtime_ns for path in shards.glob("*.nc")}
    again = project.snakemake(*command)
    assert "An earlier run was stopped" in again.stdout + again.stderr
    kept = sum(path.stat().st_mtime_ns == stamp for path, stamp in done.items())
    assert kept >= len(done) - 2  # at most the two jobs under way are run again
    base = read_dataset(project.results("base") / "summary.nc")
    survived = read_dataset(project.results(study) / "summary.nc")
    base = base.sel(weight_set=["uniform"]).isel(tile=[0], core=[0, 1])
    for name in base.variables:
        np.testing.assert_array_equal(survived[name], base[name])
    nothing = project.snakemake(*command)
    assert "Nothing to be done" in nothing.stdout + nothing.stderr
