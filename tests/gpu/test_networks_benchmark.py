"""The counted kernels are those that a network launches, the counts hold, and all of it runs."""

import tracemalloc

import pytest

from aimcsim.kernels import cpu
from aimcsim.kernels.gpu import GpuKernels
from benchmarks import gpu_networks as benchmark
from tests.gpu.host import HostDevice
from tests.gpu.test_roofline import Recording

IMAGES = 4


@pytest.mark.parametrize("kind", benchmark.KINDS)
def test_every_kernel_of_a_network_is_counted(kind):
    device = Recording()
    trial = benchmark.Trial(GpuKernels(device), quick=True)
    trial.seconds(kind, trial.images(IMAGES))  # plans its batches
    device.bytes.clear()
    trial.seconds(kind, trial.images(IMAGES))
    counted = {one.kernel: one for one in benchmark.work(trial.network, kind)}
    assert set(counted) - {"Transpose"} == set(device.bytes)
    # What a kernel changes is in its arguments once and moves twice; what it does not read, such as
    # a second input where there is none, is in them as well.
    for kernel, moved in device.bytes.items():
        assert 0.6 * moved / IMAGES < counted[kernel].bytes < 1.5 * moved / IMAGES, kernel


@pytest.mark.parametrize("kind", benchmark.KINDS)
def test_a_batch_takes_what_is_planned(kind):
    """Behind converters, with variances of reads beside the products: at the peak."""
    trial = benchmark.Trial(GpuKernels(HostDevice()), quick=True)
    images = trial.images(16)
    trial.seconds(kind, images)
    tracemalloc.start()
    trial.seconds(kind, images)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    planned = trial.place._bytes * len(images)
    assert 0.4 * planned < peak < planned


def test_the_measurement_runs():
    kernels = GpuKernels(HostDevice())
    kernels.device.name = "H200 of the host"
    trials = {
        "cpu": (benchmark.Trial(cpu, quick=True), 2),
        "gpu": (benchmark.Trial(kernels, quick=True), IMAGES),
    }
    found = benchmark.table(trials, rounds=1)
    assert found.column("images per second") == list(benchmark.KINDS)
    assert all(rate > 0 for name in ("cpu", "gpu", "gpu, limit") for rate in found.column(name))
    beside = benchmark.beside_table(trials, rounds=1)
    assert all(value > 0 for name in ("cpu", "gpu") for value in beside.column(name))


def test_where_the_time_goes_is_shown():
    tables = list(benchmark.kernel_tables(GpuKernels(HostDevice()), IMAGES, quick=True))
    assert len(tables) == len(benchmark.KINDS)
    for one in tables:
        assert {"frame", "add_codes", "affine", "average_pool"} < set(one.column("kernel"))


def test_the_limit_is_that_of_the_scarcer_resource():
    one = benchmark.Work("x", 3.35e12, 2 * 67e12)
    assert benchmark.limit([one, one], "NVIDIA H100 80GB HBM3") == pytest.approx(4)
    assert benchmark.limit([one], "another") is None
