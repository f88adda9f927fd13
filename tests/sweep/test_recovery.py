"""What a dead run has left is cleared, what a living one holds never."""

import base64
import json
import subprocess
import sys

import pytest

from aimcsim.common.processes import Identity, this_process
from aimcsim.sweep.recovery import NOTES, other, recover

MINE, THEIRS = "results/mine/a.nc", "results/theirs/b.nc"


@pytest.fixture
def stopped(tmp_path):
    """A folder as two runs leave it that were killed: locks, outputs finished but not yet noted."""
    locks = tmp_path / ".snakemake" / "locks"
    marks = tmp_path / ".snakemake" / "incomplete"
    for folder in (locks, marks):
        folder.mkdir(parents=True)
    for number, path in enumerate((MINE, THEIRS)):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("whole")
        (locks / f"{number}.output.lock").write_text(f"{path}\n")
        (marks / base64.urlsafe_b64encode(path.encode()).decode()).write_text("{}")
    return tmp_path


def left(root):
    """Numbers of the locks, and how many marks, that are left."""
    folder = root / ".snakemake"
    locks = sorted(path.name[0] for path in (folder / "locks").iterdir())
    return "".join(locks), len(list((folder / "incomplete").iterdir()))


def note(root, study, owner, host="here"):
    (root / NOTES).mkdir(parents=True, exist_ok=True)
    (root / NOTES / owner.text).write_text(json.dumps({"study": study, "host": host}))


def changed(**changes):
    return Identity(**{**vars(this_process()), **changes})


GONE = {
    "another process of that number": lambda: changed(started=1),
    "no process of that number": lambda: changed(pid=2**22 + 1),
    "before a reboot": lambda: changed(boot="0" * 8),
    "in a container that is gone": lambda: changed(machine="0" * 8, namespace="0" * 8),
}


@pytest.mark.parametrize("owner", GONE)
def test_what_a_dead_run_left_is_cleared_and_its_outputs_stay(stopped, owner):
    note(stopped, "mine", GONE[owner]())
    assert other("mine", stopped) == ""
    assert recover(stopped)
    assert left(stopped) == ("", 0)
    assert (stopped / MINE).exists()
    assert not list((stopped / NOTES).iterdir())
    assert not recover(stopped)


def test_a_living_run_keeps_what_it_holds(stopped):
    """It is another process, as the command line starts it; killed, it holds nothing."""
    code = (
        "import sys; from pathlib import Path; from aimcsim.sweep.recovery import note_owner;"
        f"note_owner('mine', Path({str(stopped)!r})); print('noted', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code]
    living = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert living.stdout.readline() == "noted\n"
        assert f"process {living.pid}" in other("mine", stopped)
        assert other("theirs", stopped) == ""
        assert not recover(stopped)
        note(stopped, "theirs", changed(started=1))
        assert recover(stopped)
        assert left(stopped) == ("0", 1)
        assert not recover(stopped)
    finally:
        living.kill()
        living.communicate()
    assert other("mine", stopped) == ""
    assert recover(stopped)
    assert left(stopped) == ("", 0)


def test_a_run_in_another_container_is_known_by_its_lock(stopped):
    code = (
        "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, fcntl.LOCK_EX);"
        "print('locked', flush=True); sys.stdin.read()"
    )
    owner = changed(machine="0" * 8, namespace="0" * 8)
    note(stopped, "mine", owner)
    command = [sys.executable, "-c", code, str(stopped / NOTES / owner.text)]
    living = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert living.stdout.readline() == "locked\n"
        assert other("mine", stopped)
        assert not recover(stopped)
    finally:
        living.kill()
        living.communicate()
    assert recover(stopped)


def test_a_run_on_another_machine_keeps_what_it_holds(stopped):
    note(stopped, "mine", changed(machine="0" * 8, boot="0" * 8), "node7")
    assert "on node7" in other("mine", stopped)
    assert not recover(stopped)
    assert left(stopped) == ("01", 2)


def test_locks_of_a_run_without_a_note_stay(stopped):
    assert not recover(stopped)
    assert left(stopped) == ("01", 2)


def test_marks_without_a_lock_are_of_an_interrupted_run(stopped):
    for lock in (stopped / ".snakemake" / "locks").iterdir():
        lock.unlink()
    assert recover(stopped)
    assert left(stopped) == ("", 0)


@pytest.mark.parametrize("text", ["", "not json", "[]", '{"study": 1}'])
def test_a_damaged_note_of_a_dead_run_blocks_nothing(stopped, text):
    note(stopped, "mine", changed(started=1))
    (stopped / NOTES / changed(started=1).text).write_text(text)
    assert recover(stopped)
    assert left(stopped) == ("", 0)


def test_records_that_snakemake_cannot_read_are_removed(stopped):
    note(stopped, "mine", changed(started=1))
    folder = stopped / ".snakemake" / "metadata"
    folder.mkdir()
    for name, content in {"a": b"{}", "b": b'{"x": "\xff"}', "c": b"[]", "d": b'{"x"'}.items():
        (folder / name).write_bytes(content)
    recover(stopped)
    assert [path.name for path in folder.iterdir()] == ["a"]
