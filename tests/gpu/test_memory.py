"""The kernels read and write inside of their arrays: all their tests, under a sanitizer.

The compiler's address sanitizer stands in for the memory checker of a GPU. It watches the arrays
too, as it replaces the allocator of the whole process.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = """
import numpy as np
from tests.gpu.host import HostDevice
device = HostDevice()
x = device.to_device(np.zeros((1, 1000), np.float32))
device.launch("to_grid", 1003, 1, 1003, x, 1, 0, 127, device.xp.empty((1, 1000), np.float32))
"""


@pytest.fixture(scope="module")
def sanitized():
    """Runs Python under the address sanitizer."""
    compiler = shutil.which("g++")
    if compiler is None or sys.platform != "linux":
        pytest.skip("no g++ on Linux")
    found = subprocess.run(
        [compiler, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    )
    runtime = Path(found.stdout.strip())
    if not runtime.is_absolute():
        pytest.skip("no address sanitizer")

    def run(*arguments):
        environment = os.environ | {
            "LD_PRELOAD": str(runtime),
            "ASAN_OPTIONS": "detect_leaks=0",
            "PYTHONMALLOC": "malloc",
            "AIMCSIM_SANITIZE": "address",
            "CXX": compiler,
        }
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip

    return run


def test_it_finds_an_access_outside(sanitized):
    done = sanitized("-c", OUTSIDE)
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr


@pytest.mark.parametrize(
    ("tests", "which"),
    [("test_kernels", "host"), ("test_networks", "host and (products or matrix or Pool or conv)")],
)
def test_the_kernels_stay_inside(sanitized, tests, which):
    tests = f"tests/gpu/{tests}.py"
    done = sanitized("-m", "pytest", "-q", "-p", "no:cacheprovider", tests, "-k", which)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "passed" in done.stdout or "100%" in done.stdout
