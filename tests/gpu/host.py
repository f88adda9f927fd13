"""The GPU's kernels on the host: the same source by the host's C++ compiler, on strict arrays.

:class:`HostDevice` stands in for :class:`aimcsim.kernels.cuda.device.CudaDevice`, so that all of
the GPU back end, the Python lines and those of the kernels, runs on a machine without a GPU.
Products are the host's BLAS, called with the same addresses and strides as cuBLAS.
"""

import ctypes
import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import cython_blas

from aimcsim.kernels.cuda import source
from aimcsim.kernels.interface import Multiplied
from tests.gpu.strict import DeviceArray, xp

COMPILER = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
# As on the device: no contraction into fused multiply-adds.
OPTIONS = [
    *("-std=c++17", "-O2", "-ffp-contract=off"),
    *("-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"),
    # What test_memory.py asks for: "address" finds accesses outside of arrays.
    *(f"-fsanitize={kind}" for kind in os.environ.get("AIMCSIM_SANITIZE", "").split()),
]
_C = {
    np.dtype(np.int32): "int",
    np.dtype(np.uint32): "unsigned",
    np.dtype(np.uint64): "unsigned long long",
    np.dtype(np.float32): "float",
    np.dtype(np.float64): "double",
    np.dtype(np.bool_): "bool",
    np.dtype(np.int8): "signed char",
}


class HostDevice:
    """See the module.

    ``memory`` bytes are what it claims to have for arrays. ``backwards`` runs the threads of a grid
    from the last to the first: a kernel whose threads wait for none gives the same.
    """

    xp = xp
    name = "host"

    class out_of_memory(Exception):
        """Raised by tests that act as a device that is full."""

    def __init__(self, memory: int = 2**34, backwards: bool = False):
        if COMPILER is None:
            pytest.skip("no C++ compiler")
        self.memory, self.backwards = memory, backwards
        self._library = library()

    def free_bytes(self) -> int:
        return self.memory

    def release(self) -> None:
        pass

    def synchronize(self) -> None:
        pass

    def to_device(self, array: np.ndarray) -> DeviceArray:
        return xp.asarray(array)

    def to_host(self, array: DeviceArray) -> np.ndarray:
        assert isinstance(array, DeviceArray), "only device arrays are copied to the host"
        return array.host.copy()

    def launch(self, kernel: str, threads: int, rows: int, *arguments) -> None:
        if rows == 0 or threads == 0:
            return
        assert rows <= source.MOST_ROWS
        values = []
        for argument in source.checked(kernel, arguments):
            if isinstance(argument, DeviceArray):
                values.append(ctypes.c_void_p(argument.host.ctypes.data))
            else:
                values.append(np.ctypeslib.as_ctypes_type(argument.dtype)(argument.item()))
        run = getattr(self._library, f"run_{kernel}")
        grid = (ctypes.c_uint(-(-threads // source.BLOCK)), ctypes.c_uint(rows))
        run(ctypes.c_bool(self.backwards), *grid, *values)

    def addresses(self, array: DeviceArray, index: np.ndarray) -> np.ndarray:
        start, stride = array.host.ctypes.data, array.host.strides[0]
        return np.uint64(start) + index.astype(np.uint64) * np.uint64(stride)

    def multiply(self, shape: Multiplied, a, b, c) -> None:
        sizes = [ctypes.byref(ctypes.c_int(int(value))) for value in shape[:6]]
        one, zero = ctypes.byref(ctypes.c_float(1)), ctypes.byref(ctypes.c_float(0))
        operation = b"T" if shape.transpose_b else b"N"
        for left, right, out in zip(a.host, b.host, c.host, strict=True):
            left, right, out = (ctypes.c_void_p(int(address)) for address in (left, right, out))
            m_, n_, k_, lda_, ldb_, ldc_ = sizes
            _sgemm()(b"N", operation, m_, n_, k_, one, left, lda_, right, ldb_, zero, out, ldc_)


@cache
def library() -> ctypes.CDLL:
    """The kernels compiled for the host, with a function for each that runs a whole grid."""
    code = host_source()
    name = hashlib.sha256("\n".join((code, COMPILER, *OPTIONS)).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"aimcsim-tests-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    built = folder / f"kernels-{name}.so"
    if not built.exists():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            (Path(scratch) / "kernels.cpp").write_text(code)
            target = Path(scratch) / "kernels.so"
            command = [COMPILER, *OPTIONS, "-shared", "-fPIC", "kernels.cpp", "-o", str(target)]
            subprocess.run(command, cwd=scratch, check=True)
            os.replace(target, built)
    return ctypes.CDLL(str(built))


def host_source() -> str:
    """Shim, kernels, and the loops over blocks and threads."""
    shim = (Path(__file__).parent / "shim.h").read_text()
    return "\n".join([shim, source.text(), *map(_grid, source.parameters())])


def _grid(kernel: str) -> str:
    parameters = source.parameters()[kernel]
    declared = ", ".join(f"{_C[p.type]}{'*' if p.array else ''} {p.name}" for p in parameters)
    names = ", ".join(p.name for p in parameters)
    return f"""
extern "C" void run_{kernel}(bool backwards_, unsigned columns_, unsigned rows_, {declared}) {{
    blockDim = {{{source.BLOCK}, 1}};
    const unsigned long long threads_ = {source.BLOCK}ull * columns_, all_ = threads_ * rows_;
    for (unsigned long long k_ = 0; k_ < all_; k_++) {{
        const unsigned long long thread_ = backwards_ ? all_ - 1 - k_ : k_;
        blockIdx.y = thread_ / threads_;
        blockIdx.x = thread_ % threads_ / blockDim.x;
        threadIdx.x = thread_ % blockDim.x;
        {kernel}({names});
    }}
}}"""


@cache
def _sgemm():
    """The host's BLAS sgemm, from the pointer that SciPy hands to Cython."""
    capsule = cython_blas.__pyx_capi__["sgemm"]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    address = api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))
    pointer = ctypes.c_void_p
    kinds = [ctypes.c_char_p] * 2 + [pointer] * 11
    return ctypes.CFUNCTYPE(None, *kinds)(address)
