"""A dead run's lock is released, a living one's never."""

import base64
import json
import platform
import subprocess
import sys

import psutil
import pytest

from aimcsim.sweep.recovery import note_owner, recover_from_kill


@pytest.fixture
def locked(tmp_path):
    """A folder as a killed run leaves it: locks, an output finished but not yet noted."""
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("results/a.nc")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "a.nc").write_text("whole")
    (tmp_path / "results" / "b.nc").write_text("whole and noted")
    markers = tmp_path / ".snakemake" / "incomplete"
    markers.mkdir()
    (markers / base64.urlsafe_b64encode(b"results/a.nc").decode()).touch()
    return tmp_path


def own(root, **changes):
    process = psutil.Process()
    owner = {"host": platform.node(), "pid": process.pid, "started": process.create_time()}
    (root / ".snakemake" / "aimcsim-owner.json").write_text(json.dumps(owner | changes))


def is_locked(root):
    return (root / ".snakemake" / "locks" / "0.output.lock").exists()


def test_a_dead_owners_lock_is_released_and_its_jobs_run_again(locked):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    started = psutil.Process(dead.pid).create_time()
    dead.wait()
    own(locked, pid=dead.pid, started=started)
    assert recover_from_kill(locked)
    assert not is_locked(locked)
    assert not (locked / "results" / "a.nc").exists()
    assert (locked / "results" / "b.nc").exists()
    assert not list((locked / ".snakemake" / "incomplete").iterdir())
    assert not recover_from_kill(locked)


def test_a_reused_process_number_is_not_the_owner(locked):
    own(locked, started=1.0)
    assert recover_from_kill(locked)


def test_a_living_owner_keeps_its_lock(locked):
    note_owner(locked)
    assert not recover_from_kill(locked)
    assert is_locked(locked)


@pytest.mark.parametrize(
    "note", [None, "not json", '{"host": "elsewhere", "pid": 1, "started": 1}']
)
def test_an_unknown_owner_keeps_its_lock(locked, note):
    if note is not None:
        (locked / ".snakemake" / "aimcsim-owner.json").write_text(note)
    assert not recover_from_kill(locked)
    assert is_locked(locked)
    assert (locked / "results" / "a.nc").exists()
