"""Work in a child: that which ends, never ends, and ends its process."""

import os
import sys
import time

import pytest

from aimcsim.common.guarded import how_it_ends

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are safe on Linux alone")


def test_what_ends_leaves_nothing_behind(capfd):
    changed = []

    def work():
        changed.append(1)
        os.write(1, b"heard")
        raise ValueError

    assert how_it_ends(work, 5) is None
    assert not changed
    assert capfd.readouterr().out == ""


def test_what_never_ends():
    def work():
        while True:
            pass

    assert how_it_ends(work, 1) == "never ends"


def test_what_waits_for_ever(monkeypatch):
    monkeypatch.setattr("aimcsim.common.guarded.WAITING", 0.1)
    assert how_it_ends(lambda: time.sleep(60), 1) == "never ends"


def test_what_ends_the_process():
    assert how_it_ends(os.abort, 5) == "ends the process (SIGABRT)"
