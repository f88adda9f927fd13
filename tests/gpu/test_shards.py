"""Whole shards on the GPU back end: every method, in batches that a device's memory holds."""

import functools
import tracemalloc

import numpy as np
import pytest
import xarray as xr

from aimcsim.chip.settings import Core
from aimcsim.common.errors import UserError
from aimcsim.config.models import Config
from aimcsim.evaluation.settings import Evaluation
from aimcsim.evaluation.shard import evaluate
from aimcsim.kernels import gpu as back_end
from aimcsim.kernels.cuda.device import available
from aimcsim.kernels.gpu import GpuKernels
from aimcsim.mapping.dataset import matrix_variables
from aimcsim.shards import batches, groups, judging
from aimcsim.shards.spec import RefreshSettings, ShardSpec
from aimcsim.sweep.shard import run
from tests.gpu.host import HostDevice
from tests.shards_of import shard_of

GDP = {"algorithm": "gdp", "batch_size": 64, "iterations": 12}
STUDY = Config(
    seed=5,
    cores=3,
    core={"rows": 32, "columns": 24},
    defects={"stuck_set": 0.01, "stuck_anywhere": 0.01},
    weights={"w": {"kind": "gaussian", "rows": 40, "columns": 24}},
    methods={
        "iterative": {"iterations": 12, "margin": 8},
        "open_loop": {},
        "hadamard": {"passes": 2, "iterations": 8},
        "gdp": GDP,
        "from_reset": GDP | {"start": "reset", "inputs": "uniform", "opposite": True},
        "corrected": GDP | {"affine": "column"},
        "by_batch": GDP | {"estimator": "batch"},
    },
)
RUNS, TOGETHER = 7, 3  # on each core: all, and those that are one batch
REFRESH = RefreshSettings(times=(86400.0,), statistics="hermes_odp", inputs=64)


@functools.cache
def weights() -> xr.Dataset:
    """Two tiles: a whole core, and the eight rows left."""
    matrix = np.random.default_rng(13).uniform(-1, 1, (40, 24))
    return xr.Dataset(matrix_variables([("layer", matrix)]))


def shard(backend="gpu") -> ShardSpec:
    return shard_of(STUDY, backend=backend, refresh=REFRESH)


def errors_of(states, inputs=512) -> xr.Dataset:
    return evaluate(states, weights(), Evaluation(inputs=inputs, times=())).errors


class Full(HostDevice):
    """A device that refuses pulses at more than ``most`` runs, as one without memory would."""

    def __init__(self, most: int):
        super().__init__()
        self.most, self.released = most, 0

    def launch(self, kernel, threads, rows, *arguments):
        if kernel == "pulse" and rows > self.most:
            raise self.out_of_memory(f"{rows} runs")
        super().launch(kernel, threads, rows, *arguments)

    def release(self):
        self.released += 1


@pytest.fixture
def on(monkeypatch):
    """Run a shard on a device, which stands for the CUDA device."""

    def compute(device, **kwargs):
        monkeypatch.setattr(back_end, "on_cuda", lambda: GpuKernels(device))
        return run(shard(), weights(), **kwargs)

    return compute


def assert_same(one, other):
    for left, right in zip(one, other, strict=True):
        for name in left.data_vars:
            np.testing.assert_array_equal(left[name].values, right[name].values, err_msg=name)


def test_all_methods_agree_with_the_cpu(on):
    record, states = on(HostDevice())
    assert record.attrs["backend"] == states.attrs["backend"] == "gpu: host"
    other = run(shard("cpu"), weights())
    assert other[0].attrs["backend"] == "cpu"
    ours, theirs = (errors_of(part) for part in (states, other[1]))
    assert ours.attrs["judged_by"] == "cpu"
    for name in ("mvm_error", "held_error", "weight_error"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=0.05, err_msg=name)
    for name in ("error_per_iteration", "refreshed_error", "drifted_error", "pulse_current"):
        np.testing.assert_allclose(record[name], other[0][name], rtol=0.1, err_msg=name)
    for name in ("pulses", "mvms", "cell_reads"):
        assert abs(record[name].sum() / other[0][name].sum() - 1) < 0.01
    assert (record["status"] == other[0]["status"]).mean() > 0.9


def test_judging_and_the_error_budget_agree_with_the_cpu(on, monkeypatch):
    """The same states, judged by both: sums agree to rounding."""
    _, states = on(HostDevice())
    found = []
    for there in (True, False):
        monkeypatch.setattr(judging, "available", lambda there=there: there)
        how = Evaluation(inputs=256, times=(86400.0,), calibration=128)
        judged = evaluate(states, weights(), how)
        for part in (judged.errors, judged.budget):
            assert part.attrs["judged_by"] == ("gpu: host" if there else "cpu")
        found.append((judged.errors, judged.budget))
    for ours, theirs in zip(*found, strict=True):
        assert set(ours.data_vars) == set(theirs.data_vars)
        for name in ours.data_vars:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=2e-3, atol=1e-3, err_msg=name)


def test_any_memory_gives_the_same_bits(on):
    """A batch of all, of one tile, of some cores, of a core, and of some runs of a core."""
    spec = shard()
    tiles = groups.tiles_of(spec, weights())[1]
    of_unit, of_run, scratch = batches.memory(spec, 32, 24)
    every, cuts = on(HostDevice()), set()
    for runs in (9, 6, 3, 2.5):
        wanted = max(runs / TOGETHER, 1) * of_unit + runs * of_run + scratch
        memory = int(wanted / batches.SHARE) + 1000
        cut = batches.planned(spec, tiles, memory)
        cuts.add((len(cut), cut[0].runs))
        assert_same(on(HostDevice(memory)), every)
    assert cuts == {(2, TOGETHER), (4, TOGETHER), (6, TOGETHER), (6, 2)}


def test_a_full_device_gets_half_as_much_and_the_log_says_so(on):
    every, said, done = on(HostDevice()), [], []
    for most in (8, 4, 1):
        device = Full(most)
        assert_same(on(device, say=said.append, progress=done.append), every)
        assert device.released > 0
        assert sum(done) == 2 * 3 * RUNS  # tiles x cores x runs, whatever was run again
        done.clear()
    assert all("out of memory" in message for message in said)
    assert f"1 tiles x 3 cores, {TOGETHER} runs at a time" in said[0]


def test_not_even_a_run_is_a_message_and_no_traceback(on):
    with pytest.raises(UserError, match=r"single run on \d+ x 24 cells.*execution.backend: cpu"):
        on(Full(0))


@pytest.mark.parametrize("unit_cell", ["odp", "tdp"])
@pytest.mark.parametrize("inputs", ["uniform", "orthogonal"])
@pytest.mark.parametrize("batch", [128, 1024])
def test_the_memory_planned_is_what_a_shard_takes(monkeypatch, unit_cell, inputs, batch):
    """Arrays of many runs, at their peak: within what is planned, and not far below."""
    core = Core(rows=128, columns=64, unit_cell=unit_cell)
    descent = {"batch_size": batch, "inputs": inputs, "iterations": 3, "floor": [*range(1, 7)]}
    methods = {"iterative": {"iterations": 2, "margin": 8}, "gdp": descent}
    study = Config(seed=5, cores=3, weights={"w": {"kind": "gaussian"}}, methods=methods)
    spec = shard_of(study, backend="gpu", core=core)
    matrix = np.random.default_rng(1).uniform(-1, 1, (128, 64))
    one_tile = xr.Dataset(matrix_variables([("layer", matrix)]))
    monkeypatch.setattr(back_end, "on_cuda", lambda: GpuKernels(HostDevice()))
    run(spec, one_tile)
    tracemalloc.start()
    run(spec, one_tile)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    of_unit, of_run, scratch = batches.memory(spec, 128, 64)
    planned = 3 * of_unit + 18 * of_run + scratch
    kept = 3 * 7 * 128 * 64 * 4 * 2 * core.devices_per_polarity  # conductances, on the host
    print((peak - kept) / planned)
    assert 0.75 * planned < peak - kept < planned


@pytest.mark.gpu
@pytest.mark.skipif(not available(), reason="no CUDA device")
def test_a_shard_on_the_device_agrees_with_the_cpu():
    record, states = run(shard(), weights())
    assert record.attrs["backend"].startswith("gpu: ")
    other = run(shard("cpu"), weights())
    ours, theirs = (errors_of(part) for part in (states, other[1]))
    for name in ("mvm_error", "held_error", "weight_error"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=0.05, err_msg=name)


@pytest.mark.skipif(available(), reason="a CUDA device is there")
def test_without_a_device_the_remedy_is_named():
    with pytest.raises(UserError, match=r"execution.backend gpu.*aimcsim\[gpu\].*backend: cpu"):
        run(shard(), weights())
