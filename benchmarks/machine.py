"""What the figures were measured on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import scipy.linalg  # noqa: F401  # loads the BLAS that numba calls
from threadpoolctl import threadpool_info

PACKAGES = ("numpy", "scipy", "numba")


def machine() -> dict[str, str]:
    """Processor, cores, system, versions, and how busy the machine was before."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity")
        else str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "BLAS kernels": _blas(),
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }  # fmt: skip


def _blas() -> str:
    """Which of its kernels the BLAS that numba calls has chosen, and who told it to."""
    found = {pool["architecture"] for pool in threadpool_info() if pool.get("architecture")}
    told = os.environ.get("OPENBLAS_CORETYPE")
    return ", ".join(sorted(found)) + (" (set by OPENBLAS_CORETYPE)" if told else "")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def peak_memory() -> int:
    """Most memory this process has held, bytes."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    except OSError:  # macOS counts in bytes, and anew for each program
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
