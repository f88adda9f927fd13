"""A CUDA device through CuPy: its arrays, the kernels of this package, cuBLAS."""

import fcntl
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TextIO

import numpy as np

from aimcsim.common.errors import UserError
from aimcsim.kernels.cuda import source
from aimcsim.kernels.interface import Multiplied

# No fused multiply-adds: draws and codes have the bits of the CPU's. The kernels wait for memory,
# so this costs little.
OPTIONS = ("--std=c++17", "--fmad=false")
REMEDY = "install aimcsim[gpu] on a machine with a CUDA device, or set execution.backend: cpu"


def available() -> bool:
    """Whether CuPy and a CUDA device are there."""
    try:
        import cupy
    except ImportError:  # also where a library that it loads is missing
        return False
    try:
        return cupy.cuda.runtime.getDeviceCount() > 0
    except cupy.cuda.runtime.CUDARuntimeError:  # no driver, or no device
        return False


@cache
def held(name: str) -> TextIO:
    """Wait until no other process of this user holds ``name``; hold it until this one ends.

    Each job plans with nearly all memory of its device, and ``--cores N`` starts N jobs.
    """
    path = Path(tempfile.gettempdir()) / f"aimcsim-{os.getuid()}-{name.replace(':', '-')}.lock"
    lock = path.open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


class CudaDevice:
    """The current CUDA device, which other jobs wait for. A :class:`UserError` says what is
    missing.

    Attributes
    ----------
    xp : the array module, CuPy
    out_of_memory : the error that an allocation raises when the device is full
    """

    def __init__(self) -> None:
        if not available():
            raise UserError(f"execution.backend gpu: CuPy finds no CUDA device; {REMEDY}.")
        import cupy

        runtime = cupy.cuda.runtime
        held(runtime.deviceGetPCIBusId(runtime.getDevice()))
        self.xp = cupy
        self.out_of_memory = cupy.cuda.memory.OutOfMemoryError
        self._module = cupy.RawModule(code=source.text(), options=OPTIONS)
        self._kernels: dict[str, Callable] = {}
        # cuBLAS reads the factors alpha and beta from the host.
        self._one, self._zero = np.ones(1, np.float32), np.zeros(1, np.float32)

    @property
    def name(self) -> str:
        """The device, as the driver calls it, and the version of CuPy."""
        properties = self.xp.cuda.runtime.getDeviceProperties(self.xp.cuda.Device().id)
        return f"{properties['name'].decode()}, CuPy {self.xp.__version__}"

    def free_bytes(self) -> int:
        """Memory that arrays could take: free on the device, or held by CuPy and unused."""
        free, _ = self.xp.cuda.Device().mem_info
        return free + self.xp.get_default_memory_pool().free_bytes()

    def release(self) -> None:
        """Give memory that no array uses back to the device."""
        self.xp.get_default_memory_pool().free_all_blocks()

    def synchronize(self) -> None:
        """Wait until all that was launched is done."""
        self.xp.cuda.Device().synchronize()

    def to_device(self, array: np.ndarray):
        return self.xp.asarray(array)

    def to_host(self, array) -> np.ndarray:
        return self.xp.asnumpy(array)

    def launch(self, kernel: str, threads: int, rows: int, *arguments) -> None:
        """Run ``kernel`` with at least ``threads`` threads on each of ``rows`` rows of the grid."""
        if rows == 0 or threads == 0:
            return
        if kernel not in self._kernels:
            self._kernels[kernel] = self._module.get_function(kernel)
        grid = (-(-threads // source.BLOCK), rows)
        self._kernels[kernel](grid, (source.BLOCK,), tuple(source.checked(kernel, arguments)))

    def addresses(self, array, index: np.ndarray) -> np.ndarray:
        """Addresses of ``array[index]``, along the first axis, uint64."""
        return np.uint64(array.data.ptr) + index.astype(np.uint64) * np.uint64(array.strides[0])

    def multiply(self, shape: Multiplied, a, b, c) -> None:
        """C = A op(B) of many matrices: see :class:`aimcsim.kernels.interface.Device`.

        TF32 is not used: cuBLAS takes it only where asked to.
        """
        cublas = self.xp.cuda.cublas
        handle = self.xp.cuda.device.get_cublas_handle()
        operation = cublas.CUBLAS_OP_T if shape.transpose_b else cublas.CUBLAS_OP_N
        cublas.setMathMode(handle, cublas.CUBLAS_DEFAULT_MATH)
        cublas.sgemmBatched(
            handle, cublas.CUBLAS_OP_N, operation, shape.m, shape.n, shape.k,
            self._one.ctypes.data, a.data.ptr, shape.lda, b.data.ptr, shape.ldb,
            self._zero.ctypes.data, c.data.ptr, shape.ldc, len(a),
        )  # fmt: skip
