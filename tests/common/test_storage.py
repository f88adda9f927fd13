"""No room and no permission are one message with path, cause and remedy; nothing is left behind."""

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from aimcsim.common import caches, storage
from aimcsim.common.errors import UserError

NUMBERS = xr.Dataset({"a": ("x", np.random.default_rng(1).random(100_000))})
CAUSES = {
    errno.ENOSPC: "Make room on that disk",
    errno.EDQUOT: "quota",
    errno.EROFS: "another folder",
    errno.EACCES: "permission",
}


@pytest.mark.parametrize("cause", CAUSES, ids=errno.errorcode.get)
def test_a_disk_that_takes_nothing_is_one_message(tmp_path, cause):
    path = tmp_path / "a.txt"
    storage.write_text(path, "old")

    def fail(temporary):
        temporary.write_text("half")
        raise OSError(cause, os.strerror(cause), str(temporary))

    with pytest.raises(UserError, match=rf"a\.txt: {os.strerror(cause)}\. .*{CAUSES[cause]}"):
        storage.write_atomically(path, fail)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_other_errors_are_not_taken_for_that(tmp_path):
    def fail(_):
        raise OSError(errno.EIO, "x")

    with pytest.raises(OSError, match="x"):
        storage.write_atomically(tmp_path / "a.txt", fail)


@pytest.mark.parametrize("compress", [True, False])
def test_the_netcdf_library_does_not_say_why_and_we_do(tmp_path, compress):
    """In a process of its own, which may write no large file."""
    code = (
        "import sys, xarray as xr; from aimcsim.common import storage;"
        "dataset = xr.open_dataset(sys.argv[1]).load(); import resource;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        f"storage.write_dataset(dataset, sys.argv[2], {compress})"
    )
    NUMBERS.to_netcdf(tmp_path / "given.nc")
    command = [sys.executable, "-c", code, tmp_path / "given.nc", tmp_path / "out" / "a.nc"]
    done = subprocess.run(command, capture_output=True, text=True)
    said = done.stderr.splitlines()[-1]
    assert said.startswith("aimcsim.common.errors.UserError: ")
    assert "a.nc: File too large. Files may not be that large here" in said
    assert not list((tmp_path / "out").iterdir())
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100_000


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="Permission denied"):
        storage.write_text(tmp_path / "deep" / "a.txt", "x")


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """Neither the package nor HOME take files."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")  # so that it is restored
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setattr(caches, "_takes_files", lambda _: False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path / f"aimcsim-{os.getuid()}"


def test_compiled_kernels_have_a_place_where_the_usual_ones_take_nothing(nowhere, monkeypatch):
    caches.provide()
    assert Path(os.environ["NUMBA_CACHE_DIR"]) == nowhere
    assert nowhere.stat().st_mode & 0o077 == 0
    monkeypatch.setenv("NUMBA_CACHE_DIR", "mine")
    caches.provide()
    assert os.environ["NUMBA_CACHE_DIR"] == "mine"


def test_a_folder_that_others_can_write_in_is_not_used(nowhere):
    nowhere.mkdir()
    nowhere.chmod(0o777)
    caches.provide()
    assert Path(os.environ["NUMBA_CACHE_DIR"]) != nowhere


def test_the_usual_places_are_left_alone(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")  # so that it is restored
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    caches.provide()
    assert "NUMBA_CACHE_DIR" not in os.environ
