"""A study's kernels are compiled before its jobs start, and none is left for them to compile."""

import subprocess
import sys
from pathlib import Path

from aimcsim.config.load import from_mapping
from aimcsim.evaluation.settings import Evaluation
from aimcsim.shards.spec import ShardSpec
from aimcsim.sweep import compiling
from tests.shards_of import shard_of

ROOT = Path(__file__).parents[2]
STUDY = {
    "cores": 2,
    "core": {"rows": 64, "columns": 40},
    "weights": {"a": {"kind": "gaussian", "rows": 64, "columns": 40}},
    "methods": {
        "iterative": {"iterations": 4},
        "gdp": {"floor": [1.0, 2.0], "iterations": 3, "estimator": ["batch", "running"]},
    },
}
# In a process of its own: here other tests have compiled.
LEFT = """
import sys
import numpy as np
from aimcsim.config.load import from_mapping
from aimcsim.evaluation.settings import Evaluation
from aimcsim.evaluation.shard import evaluate
from aimcsim.kernels import cpu, descent_cpu, judging_cpu
from aimcsim.sweep.compiling import compile_kernels
from aimcsim.sweep.shard import run
from aimcsim.weights.dataset import build
from tests.shards_of import shard_of

def known():
    return {
        (module.__name__, name): len(value.signatures)
        for module in (cpu, descent_cpu, judging_cpu)
        for name, value in vars(module).items()
        if hasattr(value, "signatures")
    }

study = from_mapping(%r)
spec, judged = shard_of(study), Evaluation(inputs=64)
compile_kernels(spec, judged)
before = known()
weights = build("a", study.weights["a"], 1)
evaluate(run(spec, weights)[1], weights, judged)
assert sum(before.values()) > 10
assert known() == before
"""


def test_nothing_is_left_to_compile():
    command = [sys.executable, "-c", LEFT % STUDY]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_one_run_of_each_kind_programs_one_small_core(monkeypatch):
    asked: list[ShardSpec] = []

    def run(spec, weights):
        asked.append(spec)
        assert weights["matrix_000"].shape == (32, 24)
        return None, None

    monkeypatch.setattr(compiling, "run", run)
    monkeypatch.setattr(compiling, "evaluate", lambda *_: None)
    compiling.compile_kernels(shard_of(from_mapping(STUDY)), Evaluation())
    (spec,) = asked
    assert (spec.core.rows, spec.core.columns, len(spec.cores)) == (32, 24, 1)
    kinds = [(run.method, getattr(run.settings, "estimator", None)) for run in spec.runs]
    assert kinds == [("iterative", None), ("gdp", "batch"), ("gdp", "running")]
