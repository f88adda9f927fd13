"""A shard of many runs from end to end on the back end that is here: time, and memory planned.

    python -m benchmarks.gpu_shard [--runs 1000] [--size 256] [--backend gpu] [--json FILE]

Ten chips of one weight matrix, programmed from RESET by GDP at ``--runs`` / 10 settings of its
threshold and learning rate, 100 iterations each; then judged, a day later as well. What is counted
is what the rules of the workflow do, less the files.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import xarray as xr

from aimcsim import kernels
from aimcsim.chip.settings import Core
from aimcsim.config.models import Config
from aimcsim.evaluation.settings import Evaluation
from aimcsim.evaluation.shard import evaluate
from aimcsim.kernels.gpu import GpuKernels
from aimcsim.mapping.dataset import matrix_variables
from aimcsim.shards import batches
from aimcsim.shards.spec import ShardSpec
from aimcsim.sweep.shard import run

CHIPS, ITERATIONS = 10, 100
DAY = 86400.0  # s
MANY = 100_000  # programmings, for which the time is projected


def shard(backend: str, runs: int, size: int, iterations: int = ITERATIONS) -> ShardSpec:
    """``runs`` programmings of one matrix of ``size`` rows and columns."""
    settings = max(1, runs // CHIPS)
    thresholds = np.linspace(0.5, 2.0, -(-settings // 2)).tolist()
    gdp = {
        "algorithm": "gdp", "start": "reset", "iterations": iterations,
        "learning_rate": [0.4, 0.6][: min(settings, 2)], "noise_threshold": thresholds,
    }  # fmt: skip
    study = Config(
        seed=1,
        cores=CHIPS,
        core={"rows": size, "columns": size},
        weights={"w": {"kind": "gaussian", "rows": size, "columns": size}},
        methods={"iterative": {"iterations": 1, "margin": 8}, "gdp": gdp},
    )
    chosen = tuple(one for one in study.runs() if one.method == "gdp")
    return ShardSpec(
        "w", {}, study.seed, Core(rows=size, columns=size), study.device, study.defects,
        study.wires, study.periphery, backend, cores=np.arange(CHIPS), runs=chosen,
    )  # fmt: skip


def matrix(size: int) -> xr.Dataset:
    """The weights, standard normal."""
    values = np.random.default_rng(0).standard_normal((size, size))
    return xr.Dataset(matrix_variables([("layer", values)]))


def measure(backend: str, runs: int, size: int, iterations: int = ITERATIONS) -> dict:
    """Seconds of programming and judging, the MVM error found, and the device's memory, bytes."""
    weights, spec = matrix(size), shard(backend, runs, size, iterations)
    how = Evaluation(inputs=1024, times=(DAY,))
    evaluate(run(shard(backend, CHIPS, size, 2), weights)[1], weights, how)  # compiles
    back_end = kernels.backend(backend)
    planned = None
    if isinstance(back_end, GpuKernels):
        back_end.device.release()
        of_unit, of_run, scratch = batches.memory(spec, size, size)
        planned = CHIPS * of_unit + CHIPS * len(spec.runs) * of_run + scratch
    start = time.perf_counter()
    _, states = run(spec, weights)
    programmed = time.perf_counter()
    used = None
    if isinstance(back_end, GpuKernels):
        used = back_end.device.xp.get_default_memory_pool().total_bytes()
    found = evaluate(states, weights, how).errors
    judged = time.perf_counter()
    return {
        "backend": back_end.description,
        "programmings": CHIPS * len(spec.runs),
        "program_s": programmed - start,
        "judge_s": judged - programmed,
        "planned_bytes": planned,
        "used_bytes": used,
        "mvm_error": float(found["mvm_error"].mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--backend", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = measure(options.backend, options.runs, options.size)
    count = found["programmings"]
    print(f"{found['backend']}: {count} programmings of {ITERATIONS} iterations")
    print(
        f"programmed in {found['program_s']:.1f} s, judged in {found['judge_s']:.1f} s, mean MVM "
        f"error {found['mvm_error']:.2f} %"
    )
    seconds = (found["program_s"] + found["judge_s"]) * MANY / count
    print(f"{MANY:,} at that rate: {seconds / 60:.1f} min")
    if found["planned_bytes"]:
        print(
            f"memory planned {found['planned_bytes'] / 1e9:.2f} GB, used "
            f"{found['used_bytes'] / 1e9:.2f} GB"
        )
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
