"""The GPU back end in two places: on the host's compiler, and on a CUDA device where there is."""

import pytest

from aimcsim.kernels.cuda.device import available
from aimcsim.kernels.gpu import GpuKernels, on_cuda
from tests.gpu.host import HostDevice

PLACES = ["host", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.fixture(params=PLACES)
def gpu(request) -> GpuKernels:
    """The kernels of the GPU back end."""
    if request.param == "cuda":
        if not available():
            pytest.skip("no CUDA device")
        return on_cuda()
    return GpuKernels(HostDevice())
