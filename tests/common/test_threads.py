"""One thread per shard: what the environment or Snakemake allow changes neither bits nor load."""

import re
from pathlib import Path

import pytest
from numba.core.dispatcher import Dispatcher
from threadpoolctl import threadpool_info, threadpool_limits

from aimcsim import cli
from aimcsim.common.paths import Results
from aimcsim.common.storage import write_dataset
from aimcsim.config.load import from_yaml
from aimcsim.kernels import cpu, descent_cpu
from aimcsim.weights.dataset import build
from tests.shards_of import plan_and_write

RULES = Path(__file__).parents[2] / "workflow" / "rules"
TINY = Path(__file__).parents[2] / "config" / "tiny.yaml"


def most_threads() -> int:
    """Of any BLAS or OpenMP pool of this process."""
    return max(pool["num_threads"] for pool in threadpool_info())


@pytest.fixture
def seen(monkeypatch):
    """Most threads of any BLAS or OpenMP pool, at each MVM of the CPU back end."""
    counts, mvm = [], cpu.mvm

    def watched(*arguments, **keywords):
        counts.append(most_threads())
        return mvm(*arguments, **keywords)

    monkeypatch.setattr(cpu, "mvm", watched)
    return counts


def test_stages_compute_on_one_thread_whatever_the_machine_offers(tmp_path, seen):
    study = from_yaml(TINY)
    results = Results(str(tmp_path))
    shard = plan_and_write(study, results)[0].shards[0]
    name = shard.weight_set
    weights, states = tmp_path / "weights.nc", tmp_path / "states.nc"
    write_dataset(build(name, study.weights[name], study.seed), weights)
    with threadpool_limits(2):
        assert (
            max(pool["num_threads"] for pool in threadpool_info()) == 2
        )  # else this shows nothing
        description = Path(results.description(shard.name))
        cli.program(description, weights, tmp_path / "record.nc", states)
        programmed = len(seen)
        cli.evaluate(
            states, weights, tmp_path / "evaluated.nc", tmp_path / "budget.nc", '{"inputs": 16}'
        )
        assert 0 < programmed < len(seen)
        assert set(seen) == {1}
        assert most_threads() == 2  # given back


def test_rules_reserve_the_cores_that_a_stage_uses():
    """One; the report has two, which it is told of and draws with, to the same bytes."""
    asked = {
        path.name: re.findall(r"^ +threads: *(.+)$", path.read_text(), re.MULTILINE)
        for path in RULES.glob("*.smk")
        if path.name != "train.smk"  # of no study; PyTorch has as many as its settings say
    }
    assert asked["program.smk"] == ["1", "1"]  # compile the kernels, program
    assert asked["evaluate.smk"] == ["1"]
    assert asked.pop("report.smk") == ["2"]
    assert {count for counts in asked.values() for count in counts} == {"1"}
    assert "--threads {threads}" in (RULES / "report.smk").read_text()


def test_kernels_start_no_threads_of_their_own():
    compiled = [
        kernel
        for module in (cpu, descent_cpu)
        for kernel in vars(module).values()
        if isinstance(kernel, Dispatcher)
    ]
    assert len(compiled) > 10
    assert not any(kernel.targetoptions.get("parallel") for kernel in compiled)
