"""The counted kernels are those that an iteration of GDP launches, and the counts hold."""

import numpy as np
import pytest

from aimcsim.chip.core import Cores
from aimcsim.kernels import gpu as back_end
from aimcsim.kernels.gpu import GpuKernels
from benchmarks import gpu_roofline as roofline
from tests.descending import hyperparameters, run_of
from tests.gpu.host import HostDevice
from tests.gpu.strict import DeviceArray
from tests.gpu.test_whole_runs import units_on
from tests.samples import uniform_targets

SIZE, POINTS, UNITS = 64, 4, 32


class Recording(HostDevice):
    """Notes kernels, and the bytes of the arrays they are given."""

    def __init__(self):
        super().__init__()
        self.bytes: dict[str, int] = {}

    def launch(self, kernel, threads, rows, *arguments):
        groups = (one if isinstance(one, tuple) else (one,) for one in arguments)
        moved = sum(one.nbytes for group in groups for one in group if isinstance(one, DeviceArray))
        self.bytes[kernel] = self.bytes.get(kernel, 0) + moved
        super().launch(kernel, threads, rows, *arguments)

    def multiply(self, *arguments):
        self.bytes["products"] = 1
        super().multiply(*arguments)


def recorded(inputs):
    """One iteration of running GDP, per run, without what the start costs."""
    device = Recording()
    targets = uniform_targets(UNITS, SIZE, SIZE)
    back_end = GpuKernels(device)
    units = units_on(back_end, targets)
    cores = Cores(units, np.repeat(np.arange(UNITS), POINTS))
    runs = UNITS * POINTS
    settings = hyperparameters(
        runs, inputs=inputs, batch_size=SIZE, iterations=2, opposite=True, floor=0, least=0,
        noise_threshold=0,
    )  # fmt: skip
    zeros = back_end.xp.zeros((runs, SIZE, SIZE), np.float32)
    run = run_of(cores, back_end.xp.asarray(targets), zeros + 0.5, settings)
    device.bytes.clear()
    every = np.arange(runs)
    run.observe(every, 0)
    run.correct(every, 0)
    return {kernel: moved / runs for kernel, moved in device.bytes.items()}


@pytest.mark.parametrize("inputs", ["orthogonal", "uniform"])
def test_every_kernel_of_an_iteration_is_counted(inputs):
    shape = roofline.Shape(SIZE, SIZE, SIZE, POINTS, pulsed=1.0)
    counted = {one.kernel: one for one in roofline.work(shape, inputs)}
    launched = recorded(inputs)
    assert set(counted) - {"arrays"} == set(launched)
    # What a kernel changes is in its arguments once and moves twice; scratch of a fixed number of
    # runs, or arrays of which it needs a part, count for more there.
    for kernel, moved in launched.items():
        if kernel != "products" and moved > 4 * SIZE**2:
            assert 0.45 * moved < counted[kernel].bytes < 2 * moved + 4096, kernel


@pytest.mark.parametrize("inputs", ["orthogonal", "uniform"])
def test_the_goal_is_in_reach_on_paper(inputs):
    """A million programmings of 100 iterations in 30 minutes, at 2.5 times the floor."""
    cores, iterations, most = roofline.GOAL
    floor = roofline.floor_seconds(roofline.Shape(), inputs)
    assert 2.5 * floor * cores * iterations < most


def test_the_measurement_runs(monkeypatch):
    monkeypatch.setattr(back_end, "on_cuda", lambda: GpuKernels(HostDevice()))
    for inputs in ("orthogonal", "uniform"):
        shape = roofline.Shape(rows=16, columns=16, batch=16, points=2)
        found = roofline.measure(shape, inputs, runs=4, iterations=3)
        assert found.seconds > 0
        assert 0 < found.pulsed < 1


def test_time_is_that_of_the_scarcer_resource():
    one = roofline.Work("x", 2e6, 3e6)
    assert one.seconds(roofline.Ceilings("", 1e6, 1e6)) == 3
    assert one.seconds(roofline.Ceilings("", 1e6, 1e7)) == 2
