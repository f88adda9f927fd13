"""Jobs on one device wait for each other."""

import select
import subprocess
import sys

from aimcsim.kernels.cuda.device import held

HOLD = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from aimcsim.kernels.cuda.device import held
held("0000:01:00.0")
print("holds", flush=True)
sys.stdin.read()
"""


def holder(folder):
    command = [sys.executable, "-c", HOLD, str(folder)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )


def test_a_device_is_held_by_one_process_until_that_ends(tmp_path):
    with holder(tmp_path) as first:
        assert first.stdout.readline() == "holds\n"
        with holder(tmp_path) as second:
            assert select.select([second.stdout], [], [], 2)[0] == []
            first.kill()  # a job that is killed leaves the device, too
            assert second.stdout.readline() == "holds\n"
            second.kill()


def test_a_process_may_ask_for_its_device_again(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert held("a device") is held("a device")
