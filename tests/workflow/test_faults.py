"""Kills and bad input: finished work stays, and the plain command goes on."""

import os
import signal
import subprocess
import time

import numpy as np
import pytest
import yaml

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


BAD = {
    "unknown key": ({"seeed": 3}, ["config/bad.yaml", "seeed", "unknown key", "'seed'"]),
    "unknown nested key": (
        {"methods": {"iterative": {}, "gdp": {"learnrate": 1}}},
        ["methods.gdp.learnrate", "learning_rate"],
    ),
    "wrong type": ({"cores": "many"}, ["cores", "'many'", "integer"]),
    "out of range": ({"periphery": {"adc_bits": 99}}, ["periphery.adc_bits", "99", "16"]),
    "empty sweep": (
        {"methods": {"iterative": {}, "gdp": {"floor": []}}},
        ["methods.gdp.floor", "empty"],
    ),
    "no weight sets": ({"weights": {}}, ["weights", "empty"]),
    "of an earlier version": (
        {"gdp": {"floor": [1, 2]}},
        ["config/bad.yaml", "'gdp' at the top level", "floor: [1, 2]"],
    ),
    "unknown method": (
        {"methods": {"iterative": {}, "gdp": {}, "x": {"algorithm": "hadamrd"}}},
        ["methods.x", "hadamrd", "'hadamard'"],
    ),
    "method of no file": (
        {"methods": {"iterative": {}, "gdp": {}, "x": {"algorithm": "no.py:Mine"}}},
        ["config/bad.yaml", "no.py", "not readable"],
    ),
    "unknown kind": ({"weights": {"a": {"kind": "gausian"}}}, ["weights.a", "gausian", "gaussian"]),
    "missing file": ({"weights": {"a": {"kind": "file", "path": "no.npy"}}}, ["no.npy"]),
    "NaN": ({"weights": {"a": {"kind": "file", "path": "nan.npy"}}}, ["nan.npy", "nan", "Repair"]),
    "infinite": ({"weights": {"a": {"kind": "file", "path": "inf.npy"}}}, ["inf.npy", "inf"]),
    "all zero": ({"weights": {"a": {"kind": "file", "path": "zero.npy"}}}, ["zero.npy", "zero"]),
    "1-D": (
        {"weights": {"a": {"kind": "file", "path": "vector.npy"}}},
        ["vector.npy", "(5,)", "two or more axes"],
    ),
    "corrupt netCDF": ({"weights": {"a": {"kind": "file", "path": "bad.nc"}}}, ["bad.nc"]),
    "corrupt safetensors": (
        {"weights": {"a": {"kind": "file", "path": "bad.safetensors"}}},
        ["bad.safetensors"],
    ),
}


@pytest.fixture(scope="module")
def bad_files(project):
    files = {"nan": np.nan, "inf": np.inf, "zero": 0.0}
    for name, value in files.items():
        matrix = np.ones((4, 4)) if name != "zero" else np.zeros((4, 4))
        if name != "zero":
            matrix[1, 2] = value
        np.save(project.path / f"{name}.npy", matrix)
    np.save(project.path / "vector.npy", np.ones(5))
    rng = np.random.default_rng(0)
    for name in ("bad.nc", "bad.safetensors"):
        (project.path / name).write_bytes(rng.bytes(512))


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_message_and_costs_nothing(project, finished, bad_files, name):
    changes, words = BAD[name]
    results = project.results("base")
    before = {path: path.read_bytes() for path in sorted(results.rglob("*")) if path.is_file()}
    path = project.path / "config" / "bad.yaml"
    study = yaml.safe_load((project.path / finished).read_text())
    path.write_text(yaml.safe_dump({**study, **changes}))
    done = project.snakemake("--configfile", "config/bad.yaml", check=False)
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in output
    assert output.count("aimcsim: error:") == 1
    for word in words:
        assert word in output
    after = {path: path.read_bytes() for path in sorted(results.rglob("*")) if path.is_file()}
    assert after == before


def test_own_weights_become_a_study(project):
    rng = np.random.default_rng(1)
    np.savez(
        project.path / "mine.npz", a=rng.normal(size=(20, 30)), conv=rng.normal(size=(3, 3, 2, 5))
    )
    weights = {"mine": {"kind": "file", "path": "mine.npz"}}
    config = project.config("own", weights=weights, cores=2)
    project.snakemake("--configfile", config)
    summary = read_dataset(project.results("own") / "summary.nc")
    # 20 x 30 on cores of 32 x 24: two tiles; 18 x 5: one.
    assert summary["cells"].values.tolist() == [[20 * 24, 20 * 6, 18 * 5]]
    assert np.isfinite(summary["mvm_error"]).all()
    np.savez(project.path / "mine.npz", a=rng.normal(size=(20, 30)))
    assert project.planned("--configfile", config)["weights"] == 1


def test_a_corrupt_result_is_named(project):
    config = project.config("broken", weights={"g": {"kind": "gaussian", "rows": 8, "columns": 8}})
    project.snakemake("--configfile", config)
    shard = next((project.results("broken") / "evaluated").glob("*/*.nc"))
    shard.write_bytes(b"not netCDF")
    (project.results("broken") / "summary.nc").unlink()
    done = project.snakemake("--configfile", config, check=False)
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert shard.name in output
    assert "delete it" in output
    assert "Traceback" not in output
