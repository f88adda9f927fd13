"""Which back end programs a study, and that none is mixed with another."""

from functools import partial
from pathlib import Path

import pytest

from aimcsim.common.errors import UserError
from aimcsim.common.paths import Results
from aimcsim.common.storage import read_dataset, write_dataset
from aimcsim.config.load import cases, from_mapping
from aimcsim.evaluation.shard import evaluate
from aimcsim.shards.spec import ShardSpec
from aimcsim.sweep import resolve
from aimcsim.sweep.aggregate import summarise
from aimcsim.sweep.cut import cut
from aimcsim.sweep.plan import Plan, judging
from aimcsim.sweep.resolve import settled_backend
from aimcsim.sweep.shard import run
from aimcsim.sweep.study import plan_study
from aimcsim.weights.dataset import build
from tests.shards_of import plan_and_write

STUDY = {
    "cores": 2,
    "core": {"rows": 16, "columns": 12},
    "weights": {"a": {"kind": "gaussian", "rows": 16, "columns": 12}},
    "methods": {"iterative": {"iterations": 4}, "gdp": {"iterations": 4, "batch_size": 16}},
    "evaluation": {"times": [], "inputs": 64, "error_budget": False},
}


def study(asked="auto", **changes):
    return from_mapping(STUDY | {"execution": {"backend": asked, "runs_per_shard": 1}} | changes)


@pytest.fixture
def results(tmp_path):
    return Results(str(tmp_path))


@pytest.fixture(params=[True, False], ids=["device", "no device"])
def device(request, monkeypatch):
    monkeypatch.setattr(resolve, "available", lambda: request.param)
    return request.param


def test_auto_is_a_gpu_where_there_is_one_that_can_do_the_study(device):
    assert settled_backend([study()]) == ("gpu" if device else "cpu")
    for unable in ({"wires": {"row": 1.0}}, {"device": {"model": "set_accumulation"},
                    "evaluation": {"statistics": "pcm_90nm", "times": []}}):  # fmt: skip
        assert settled_backend([study(**unable)]) == "cpu"
        assert settled_backend([study(), study(**unable)]) == "cpu"


def test_what_is_asked_for_is_taken(device):
    for name in ("cpu", "gpu", "reference"):
        assert settled_backend([study(name)]) == name


@pytest.mark.parametrize(
    ("unable", "named"),
    [
        ({"wires": {"row": 1.0}}, r"wires of 1 and 0 Ohm"),
        (
            {
                "device": {"model": "set_accumulation"},
                "evaluation": {"statistics": "pcm_90nm", "times": []},
            },
            "device.model set_accumulation",
        ),
    ],
)
def test_what_a_gpu_cannot_do_is_a_message(results, unable, named):
    with pytest.raises(UserError, match=f"gpu has no kernels for {named}.*backend: cpu"):
        plan_and_write(study("gpu", **unable), results)


def test_the_plan_settles_it_for_the_study_and_its_cases(results, device):
    comparison = {"bits": {"keys": ["periphery.adc_bits"], "values": [6, 8]}}
    whole = study(compare=comparison)
    assert len(cases(whole)) == 2
    found = {
        ShardSpec.read(Path(results.description(shard.name))).backend
        for part in plan_and_write(whole, results)
        for shard in part.shards
    }
    assert found == {"gpu" if device else "cpu"}


@pytest.mark.parametrize("planned", [True, False], ids=["device", "no device"])
def test_a_job_on_another_machine_keeps_to_the_plan(results, monkeypatch, planned):
    monkeypatch.setattr(resolve, "available", lambda: planned)
    (first,) = plan_and_write(study(), results)
    text = Path(results.plan()).read_text()
    monkeypatch.setattr(resolve, "available", lambda: not planned)
    (job,) = plan_and_write(study(), results, again=True)
    names = [shard.name for shard in first.shards]
    assert [shard.name for shard in job.shards] == names
    assert Path(results.plan()).read_text() == text
    (settled_anew,) = plan_and_write(study(), results)
    assert not {shard.name for shard in settled_anew.shards} & set(names)


def test_shards_of_the_cpu_have_one_name_whether_asked_for_or_not(tmp_path, results, monkeypatch):
    monkeypatch.setattr(resolve, "available", lambda: False)
    names = [
        sorted(shard.name for part in plan_study(study(asked), results) for shard in part.shards)
        for asked in ("auto", "cpu")
    ]
    assert names[0] == names[1]
    (shards,) = cut([study()], tmp_path / "others")
    assert all(shard.content["backend"] == "cpu" for shard in shards)


@pytest.fixture
def computed(results):
    """Names of the shards, programmed and judged, and what summarises them."""
    config = study("cpu")
    plan_and_write(config, results)
    names = Plan.read(results.plan()).shards
    weights = build("a", config.weights["a"], config.seed)
    records = {}
    for name in names:
        records[name], states = run(ShardSpec.read(Path(results.description(name))), weights)
        judged = evaluate(states, weights, config.evaluation).errors
        write_dataset(judged, Path(results.evaluated(judging(config.evaluation), name)))

    def summary(**ran):
        for name, record in records.items():
            copy = record.copy()
            copy.attrs = record.attrs | {"backend": ran.get(name.replace("-", "_"), "cpu")}
            write_dataset(copy, Path(results.record(name)))
        return summarise(results)

    return [name.replace("-", "_") for name in records], summary


class TestTheSummary:
    def test_it_names_what_programmed(self, computed):
        (_, second, *_), summary = computed
        assert summary().attrs["backend"] == summary().attrs["judged_by"] == "cpu"
        every = dict.fromkeys(computed[0], "gpu: NVIDIA A, CuPy 14")
        found = summary(**{**every, second: "gpu: NVIDIA B, CuPy 14"})
        assert found.attrs["backend"] == "gpu: NVIDIA A, CuPy 14; gpu: NVIDIA B, CuPy 14"

    def test_what_is_of_another_shard_is_never_averaged_in(self, computed, results):
        names, summary = computed
        summary()
        first, second = (name.replace("_", "-") for name in names[:2])
        for kind in (results.record, partial(results.evaluated, judging(study("cpu").evaluation))):
            whole = read_dataset(Path(kind(second)))
            write_dataset(read_dataset(Path(kind(first))), Path(kind(second)))
            with pytest.raises(UserError, match=rf"{second}\.nc: is of another shard"):
                summarise(results)
            write_dataset(whole, Path(kind(second)))

    def test_a_mix_is_refused_by_name(self, computed):
        (_, second, *_), summary = computed
        name = second.replace("_", "-")
        with pytest.raises(UserError, match=rf"different back ends: cpu .*; gpu: A .*{name}.nc"):
            summary(**{second: "gpu: A"})
