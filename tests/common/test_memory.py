"""Freed memory is kept for the next arrays."""

import ctypes
import subprocess
import sys

import pytest

ROUNDS, ARRAYS, BYTES, PAGE = 20, 8, 2 << 20, 4096
FAULTS = f"""
import resource
import numpy as np
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({ROUNDS}):
    arrays = [np.ones({BYTES}, np.int8) for _ in range({ARRAYS})]
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*before: str) -> int:
    code = "\n".join([*before, FAULTS])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="another C library")
def test_arrays_that_come_again_cost_no_page_faults():
    once = ARRAYS * BYTES // PAGE
    assert faults() > 5 * once  # what the setting is for
    assert faults("from aimcsim.common.memory import keep_freed", "keep_freed()") < 2 * once
