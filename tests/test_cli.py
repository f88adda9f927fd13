"""The command line: each stage runs, and a user's mistake is one message."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aimcsim.common import storage
from aimcsim.common.errors import UserError

ROOT = Path(__file__).resolve().parents[1]


def aimcsim(*arguments, cwd=ROOT):
    return subprocess.run(
        [sys.executable, "-m", "aimcsim.cli", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_check_counts_the_runs():
    done = aimcsim("check", "config/tiny.yaml")
    assert done.returncode == 0
    assert "3 weight sets x 3 chips x 5 settings of methods = 45" in done.stdout
    assert "iterative (1 setting), gdp (4 settings)" in done.stdout


def test_config_prints_every_key():
    done = aimcsim("config")
    assert done.stdout == (ROOT / "config" / "default.yaml").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "no.yaml"),
        ("program", "no.json", "no.nc", "--record", "a.nc", "--states", "b.nc"),
        ("evaluate", "no.nc", "no.nc", "-o", "a.nc", "--budget", "b.nc"),
        ("claims", "no.nc", "-o", "a.json"),
        ("kernels", "no.study", "-o", "a.txt"),
        ("aggregate", "no.study", "-o", "a.nc"),
        ("aggregate", "no.study", "--case", "c/1", "-o", "a.nc"),
        ("cases", "no.study", "-o", "a.nc"),
        ("compare", "no.nc", "no.nc"),
        ("recommend", "no.nc"),
        ("accuracy", "no.study", "-o", "a.nc"),
        ("report", "no.nc", "no.json", "-o", "r"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_missing_files_are_one_message(tmp_path, arguments):
    done = aimcsim(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("aimcsim: error: no.")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ('{"times": ["abc"]}', "times.0"),
        ('{"times": [10]}', "200 s"),
        ('{"statistics": "x"}', "pcm_90nm"),
        ('{"inputs": 3}', "inputs"),
        ('{"input": 30}', "input"),
        ("{", "--settings"),
    ],
)
def test_bad_options_of_evaluate_are_one_message(tmp_path, settings, word):
    files = ("no.nc", "no.nc", "-o", "a.nc", "--budget", "b.nc")
    done = aimcsim("evaluate", *files, "--settings", settings, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert word in done.stderr


def test_check_reads_weight_files(tmp_path):
    (tmp_path / "mine.yaml").write_text("weights: {m: {kind: file, path: no.npy}}")
    done = aimcsim("check", "mine.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "no.npy" in done.stderr


@pytest.mark.parametrize("text", [None, "pulse,mean\n0,1\n"], ids=["missing", "unusable"])
def test_check_reads_the_device_table(tmp_path, text):
    device = "{model: table, g_max: 5, path: cell.csv}"
    (tmp_path / "mine.yaml").write_text(f"weights: {{g: {{kind: gaussian}}}}\ndevice: {device}")
    if text:
        (tmp_path / "cell.csv").write_text(text)
    done = aimcsim("check", "mine.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("aimcsim: error: ")
    assert "cell.csv" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_sweep_of_what_a_device_does_not_use_is_refused(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "weights: {g: {kind: gaussian}}\ndevice: {model: set_accumulation}\n"
        "evaluation: {statistics: pcm_90nm}\nmethods: {iterative: {}, gdp: {floor: [1, 2]}}"
    )
    done = aimcsim("check", "mine.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "methods.gdp.floor: 2 values, which change nothing" in done.stderr
    (tmp_path / "mine.yaml").write_text(
        "weights: {g: {kind: gaussian}}\nmethods: {iterative: {}, gdp: {floor: [1, 2]}}"
    )
    assert aimcsim("check", "mine.yaml", cwd=tmp_path).returncode == 0


def test_only_a_melt_quench_device_is_fitted():
    done = aimcsim("fit-device", ROOT / "config" / "set_accumulation.yaml")
    assert done.returncode == 2
    assert "device.model is 'set_accumulation'" in done.stderr


def test_log_holds_the_message_that_the_screen_shows(tmp_path):
    done = aimcsim("--log", tmp_path / "logs" / "a.log", "claims", "no.nc", "-o", "a.json")
    assert (tmp_path / "logs" / "a.log").read_text() == done.stderr
    assert "no.nc: no such file" in done.stderr


def test_an_unexpected_error_is_shown_whole(tmp_path, monkeypatch):
    bad = tmp_path / "wrong.nc"
    xr.Dataset({"a": ("x", np.arange(3))}).to_netcdf(bad)
    out = tmp_path / "out.nc"
    done = aimcsim("evaluate", bad, bad, "-o", out, "--budget", tmp_path / "budget.nc")
    assert done.returncode != 0
    assert done.stderr.strip()
    assert not out.exists()


def test_same_dataset_same_bytes_and_no_temporary_left(tmp_path):
    dataset = xr.Dataset({"a": ("x", np.arange(100.0), {"units": "uS"})}, attrs={"seed": 1})
    for name in ("one.nc", "two.nc"):
        storage.write_dataset(dataset, tmp_path / name)
    assert (tmp_path / "one.nc").read_bytes() == (tmp_path / "two.nc").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "one.nc", "one.nc.sha256", "two.nc", "two.nc.sha256",
    ]  # fmt: skip
    xr.testing.assert_identical(storage.read_dataset(tmp_path / "one.nc"), dataset)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    storage.write_text(path, "old")

    def fail(temporary):
        temporary.write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        storage.write_atomically(path, fail)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_damaged_netcdf_names_file_and_remedy(tmp_path):
    path = tmp_path / "a.nc"
    xr.Dataset({"a": ("x", np.arange(1000.0))}).to_netcdf(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UserError, match=r"a\.nc: not readable as netCDF.*delete it"):
        storage.read_dataset(path)
